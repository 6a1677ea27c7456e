/* The transport over libcurl's multi interface; transport_curl_*.c say what went wrong and what
 * libcurl here cannot do. Nobody else knows libcurl.
 *
 * One multi handle, and so one pool of connections, for each distinct set of credentials: NTLM
 * and Negotiate authenticate the connection, so it must never carry another account's request.
 *
 * libcurl repeats a request by itself when a connection that it used again dies before the
 * first byte of an answer. For us that would be "perhaps done twice", so the repetition is
 * refused: a body may be read from its beginning again only after the server has answered (with
 * a challenge to authenticate). */
#include "ews/transport.h"

#include <curl/curl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/loop.h"
#include "base/text.h"
#include "ews/transport_curl_error.h"

enum { SPARE_HANDLES = 8 }; /* each keeps its buffers, 150 KB */

struct pool {
    struct curl_transport *transport;
    TAILQ_ENTRY(pool) link;
    TAILQ_HEAD(, transport_call) calls;
    CURLM *multi;
    CURL *spare[SPARE_HANDLES]; /* used handles: a new one costs more than a small request */
    int spares;
    struct loop_timer *timer;
    char *auth, *user, *password, *ca_file, *proxy;
    bool verify;
};

struct curl_transport {
    struct transport base;
    struct loop *loop;
    TAILQ_HEAD(, pool) pools;
    int depth; /* inside a callback of ours */
    bool dead; /* freed meanwhile */
};

struct transport_call {
    struct pool *pool;
    TAILQ_ENTRY(transport_call) link;
    CURL *easy;
    struct curl_slist *headers;
    struct transport_request request; /* the texts in it are not kept */
    struct body *body;
    long timeout_ms;
    bool body_failed; /* the file could not be read */
    bool repeated;    /* libcurl wanted to send the request again */
    bool answered;    /* a header came since the body was begun */
    int64_t body_at;  /* how much of the body curl has read */
    bool stopped;     /* bytes() said so */
    bool inside;      /* curl calls us for this call */
    bool cancelled;   /* while inside */
    char words[CURL_ERROR_SIZE];
    char no_ticket[200]; /* why there is no Kerberos ticket; "": there is one, or none is needed
                          */
    /* what the headers of the answer said */
    size_t header_bytes;
    char content_type[256], location[LIMIT_URL], challenge[1024], server[512];
    char cookies[LIMIT_COOKIES];
    struct wall date;
};

/* ---- What curl calls -------------------------------------------------------------------- */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct transport_call *call = arg;
    if (call->cancelled || call->no_ticket[0])
        return CURL_READFUNC_ABORT;
    if (call->body_at == 0)
        call->answered = false;
    long n = body_read(call->body, out, size * count);
    if (n >= 0) {
        call->body_at += n;
        return (size_t)n;
    }
    call->body_failed = true;
    return CURL_READFUNC_ABORT;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct transport_call *call = arg;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    if (!call->answered) {
        call->repeated = true;
        return CURL_SEEKFUNC_FAIL;
    }
    call->body_at = 0;
    body_rewind(call->body);
    return CURL_SEEKFUNC_OK;
}

/* libcurl goes on without any credentials when there is no Kerberos ticket, and says so only in
 * its log. For us it ends there, before the body. */
static int on_log(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
    static const char sign[] = "gss_init_sec_context() failed: ";
    struct transport_call *call = arg;
    size_t skip = sizeof(sign) - 1;
    (void)easy;
    if (type != CURLINFO_TEXT || len <= skip || memcmp(bytes, sign, skip) != 0)
        return 0;
    len -= skip;
    len = len < sizeof(call->no_ticket) ? len : sizeof(call->no_ticket) - 1;
    memcpy(call->no_ticket, bytes + skip, len);
    call->no_ticket[len] = '\0';
    for (char *at = call->no_ticket; *at; at++)
        *at = *at < ' ' ? ' ' : *at;
    size_t end = strlen(call->no_ticket);
    while (end > 0 && strchr(" .", call->no_ticket[end - 1]))
        call->no_ticket[--end] = '\0';
    return 0;
}

/* "; " or ", " in front of all but the first; what does not fit is left out whole. */
static void join(char *text, size_t size, const char *separator, const char *more)
{
    size_t len = strlen(text);
    if (strlen(separator) + strlen(more) < size - len)
        snprintf(text + len, size - len, "%s%s", len ? separator : "", more);
}

static void take_header(struct transport_call *call, const char *name, char *value)
{
    if (strcasecmp(name, "Content-Type") == 0)
        text_copy(call->content_type, sizeof(call->content_type), value);
    else if (strcasecmp(name, "Location") == 0)
        text_copy(call->location, sizeof(call->location), value);
    else if (strcasecmp(name, "WWW-Authenticate") == 0)
        join(call->challenge, sizeof(call->challenge), ", ", value);
    else if (strcasecmp(name, "Date") == 0)
        call->date.ms = (int64_t)curl_getdate(value, NULL) * 1000;
    else if (strcasecmp(name, "request-id") == 0 || strcasecmp(name, "X-FEServer") == 0 ||
             strcasecmp(name, "X-BEServer") == 0 || strcasecmp(name, "X-DiagInfo") == 0 ||
             strcasecmp(name, "x-ms-diagnostics") == 0) {
        join(call->server, sizeof(call->server), " ", name);
        join(call->server, sizeof(call->server), "=", value);
    } else if (strcasecmp(name, "Set-Cookie") == 0) {
        value[strcspn(value, ";")] = '\0';
        join(call->cookies, sizeof(call->cookies), "; ", value);
    }
}

/* A status line begins the headers of an answer anew (a challenge to authenticate came before).
 */
static void forget_headers(struct transport_call *call)
{
    call->content_type[0] = call->location[0] = call->challenge[0] = '\0';
    call->server[0] = call->cookies[0] = '\0';
    call->date = (struct wall){0};
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transport_call *call = arg;
    char line[LIMIT_COOKIES];
    call->answered = true;
    call->header_bytes += size * count;
    if (call->header_bytes > LIMIT_RESPONSE_HEADER_BYTES)
        return 0;
    if (size * count > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        forget_headers(call);
    const char *colon = memchr(bytes, ':', size * count);
    if (!colon || size * count >= sizeof(line))
        return size * count;
    memcpy(line, bytes, size * count);
    line[size * count] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    line[colon - bytes] = '\0';
    char *value = line + (colon - bytes) + 1;
    take_header(call, line, value + strspn(value, " \t"));
    return size * count;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
    struct transport_call *call = arg;
    if (call->pool->transport->dead)
        return 0;
    call->inside = true;
    bool go_on = call->request.bytes(bytes, size * count, call->request.arg);
    call->inside = false;
    if (go_on && !call->cancelled)
        return size * count;
    call->stopped = true;
    return 0;
}

/* Data that nobody acknowledges must not linger in the kernel longer than the request may take:
 * after the time-out plus a margin, a request that is in doubt will never happen any more. */
static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct transport_call *call = arg;
    (void)purpose;
    unsigned timeout = (unsigned)call->timeout_ms;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    return CURL_SOCKOPT_OK;
}

static void look_for_ended(struct pool *pool);
static void maybe_destroy(struct curl_transport *transport);

static void act(struct pool *pool, curl_socket_t fd, int events)
{
    struct curl_transport *transport = pool->transport;
    int running;
    transport->depth++;
    curl_multi_socket_action(pool->multi, fd, events, &running);
    look_for_ended(pool);
    transport->depth--;
    maybe_destroy(transport);
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(int fd, int ready, void *arg)
{
    int events =
        (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    act(arg, fd, events);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    struct pool *pool = arg;
    struct loop_watch *watch = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        loop_watch_free(&watch);
        curl_multi_assign(pool->multi, fd, NULL);
        return 0;
    }
    int want = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    if (watch) {
        loop_watch_want(watch, want);
        return 0;
    }
    watch = loop_watch_new(pool->transport->loop, fd, want, on_ready, pool);
    curl_multi_assign(pool->multi, fd, watch);
    return watch ? 0 : -1;
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct pool *pool = arg;
    if (timeout_ms < 0)
        loop_timer_stop(pool->timer);
    else
        loop_timer_set(pool->timer, timeout_ms);
    return 0;
}

/* ---- Calls ------------------------------------------------------------------------------ */

static CURL *take_handle(struct pool *pool)
{
    return pool->spares ? pool->spare[--pool->spares] : curl_easy_init();
}

/* A reset forgets every option and the state of a log-in. */
static void put_handle(struct pool *pool, CURL *easy)
{
    curl_multi_remove_handle(pool->multi, easy);
    if (pool->spares == SPARE_HANDLES) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    pool->spare[pool->spares++] = easy;
}

/* Out of its pool: nothing reaches it any more, and its connection is free. */
static void call_leave(struct transport_call *call)
{
    TAILQ_REMOVE(&call->pool->calls, call, link);
    if (call->easy)
        put_handle(call->pool, call->easy);
    call->easy = NULL;
    call->pool = NULL;
}

static void call_free(struct transport_call *call)
{
    if (call->pool)
        call_leave(call);
    curl_slist_free_all(call->headers);
    body_free(&call->body);
    free(call);
}

static int64_t retry_after_of(CURL *easy)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0)
        return -1;
    return seconds > TIME_BACK_OFF_MAX_MS / 1000 ? TIME_BACK_OFF_MAX_MS : seconds * 1000;
}

static bool nothing_was_sent(const struct transport_call *call)
{
    long bytes = 0;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes == 0;
}

static void call_ended(struct transport_call *call, CURLcode code)
{
    struct err err;
    long status = 0;
    const struct curl_end end = {.code = code,
                                 .words = call->words,
                                 .no_ticket = call->no_ticket,
                                 .timeout_ms = call->timeout_ms,
                                 .unsent = nothing_was_sent(call),
                                 .stopped = call->stopped,
                                 .body_failed = call->body_failed,
                                 .repeated = call->repeated};
    transport_curl_error(&end, &err);
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    const struct transport_reply reply = {.status = (int)status,
                                          .retry_after_ms = retry_after_of(call->easy),
                                          .date = call->date,
                                          .content_type = call->content_type,
                                          .location = call->location,
                                          .cookies = call->cookies,
                                          .challenge = call->challenge,
                                          .server = call->server};
    /* The texts of the reply are the call's: it is freed after its last word. */
    call_leave(call);
    if (!call->cancelled)
        call->request.done(&err, &reply, call->request.arg);
    call_free(call);
}

static void look_for_ended(struct pool *pool)
{
    CURLMsg *message;
    int left;
    while (!pool->transport->dead && (message = curl_multi_info_read(pool->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct transport_call *call = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        call_ended(call, code);
    }
}

static void add_header(struct transport_call *call, const char *name, const char *value)
{
    char line[LIMIT_COOKIES + 64];
    if (strpbrk(value, "\r\n") ||
        (size_t)snprintf(line, sizeof(line), "%s: %s", name, value) >= sizeof(line))
        return;
    struct curl_slist *list = curl_slist_append(call->headers, line);
    if (list)
        call->headers = list;
}

static void set_headers(struct transport_call *call, const struct transport_request *request)
{
    add_header(call, "Content-Type",
               request->content_type ? request->content_type : "text/xml; charset=utf-8");
    if (!request->content_type)
        add_header(call, "Accept", "text/xml");
    add_header(call, "Expect", ""); /* none: a server that does not know it costs a second */
    if (request->request_id) {
        add_header(call, "client-request-id", request->request_id);
        add_header(call, "return-client-request-id", "true");
    }
    if (request->anchor_mailbox)
        add_header(call, "X-AnchorMailbox", request->anchor_mailbox);
    if (request->prefer_affinity)
        add_header(call, "X-PreferServerAffinity", "true");
    if (request->cookies && request->cookies[0])
        add_header(call, "Cookie", request->cookies);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

/* One way to prove who we are, the one that is configured: nothing weaker when the server
 * offers that instead. */
static unsigned long method_of(const char *auth)
{
    static const struct {
        const char *auth;
        unsigned long method;
    } methods[] = {{"basic", CURLAUTH_BASIC},
                   {"ntlm", CURLAUTH_NTLM},
                   {"negotiate", CURLAUTH_NEGOTIATE},
                   {"oauth2", CURLAUTH_BEARER}};
    for (size_t i = 0; auth && i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i].auth, auth) == 0)
            return methods[i].method;
    }
    return CURLAUTH_NONE;
}

static void set_credentials(struct transport_call *call,
                            const struct transport_request *request)
{
    CURL *easy = call->easy;
    const struct pool *pool = call->pool;
    unsigned long method = request->anonymous ? CURLAUTH_NONE : method_of(pool->auth);
    curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, method);
    if (method == CURLAUTH_BEARER)
        curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request->bearer);
    if (method == CURLAUTH_NONE || method == CURLAUTH_BEARER)
        return;
    if (method == CURLAUTH_NEGOTIATE) {
        curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_log);
        curl_easy_setopt(easy, CURLOPT_DEBUGDATA, call);
        curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_USERNAME, pool->user ? pool->user : "");
    curl_easy_setopt(easy, CURLOPT_PASSWORD, pool->password ? pool->password : "");
}

static void set_connection(struct transport_call *call, const struct transport_request *request)
{
    CURL *easy = call->easy;
    const struct pool *pool = call->pool;
    long connect_ms = call->timeout_ms < TIME_CONNECT_MS ? call->timeout_ms : TIME_CONNECT_MS;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, pool->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, pool->verify ? 2L : 0L);
    if (pool->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, pool->ca_file);
    curl_easy_setopt(easy, CURLOPT_PROXY, pool->proxy ? pool->proxy : "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, call->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call);
}

static void set_body(struct transport_call *call)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 128L * 1024);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_length(call->body));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
}

static void set_transfer(struct transport_call *call)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->words);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sib/" SIB_VERSION);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

/* ---- Pools ------------------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool serves(const struct pool *pool, const struct transport_account *account)
{
    return same_text(pool->auth, account->auth) && same_text(pool->user, account->user) &&
           same_text(pool->password, account->password) &&
           same_text(pool->ca_file, account->ca_file) &&
           same_text(pool->proxy, account->proxy) && pool->verify == account->verify;
}

static void pool_free(struct pool *pool)
{
    struct transport_call *next;
    for (struct transport_call *call = TAILQ_FIRST(&pool->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        call_free(call);
    }
    while (pool->spares)
        curl_easy_cleanup(pool->spare[--pool->spares]);
    if (pool->multi)
        curl_multi_cleanup(pool->multi);
    loop_timer_free(&pool->timer);
    if (pool->password)
        explicit_bzero(pool->password, strlen(pool->password));
    free(pool->auth);
    free(pool->user);
    free(pool->password);
    free(pool->ca_file);
    free(pool->proxy);
    free(pool);
}

static char *dup_or_null(const char *text)
{
    return text ? strdup(text) : NULL;
}

static struct pool *pool_new(struct curl_transport *transport,
                             const struct transport_account *account)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    TAILQ_INIT(&pool->calls);
    pool->transport = transport;
    pool->auth = dup_or_null(account->auth);
    pool->user = dup_or_null(account->user);
    pool->password = dup_or_null(account->password);
    pool->ca_file = dup_or_null(account->ca_file);
    pool->proxy = dup_or_null(account->proxy);
    pool->verify = account->verify;
    pool->timer = loop_timer_new(transport->loop, on_timer, pool);
    pool->multi = curl_multi_init();
    if (!pool->timer || !pool->multi || !serves(pool, account)) {
        pool_free(pool);
        return NULL;
    }
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)LIMIT_CONNECTIONS);
    TAILQ_INSERT_TAIL(&transport->pools, pool, link);
    return pool;
}

/* Who sends without credentials gets connections of its own: with NTLM and Negotiate the others
 * may have been authenticated. */
static struct pool *pool_of(struct curl_transport *transport,
                            const struct transport_request *request)
{
    struct transport_account nobody = *request->account;
    const struct transport_account *account = request->anonymous ? &nobody : request->account;
    struct pool *pool;
    nobody.auth = nobody.user = nobody.password = NULL;
    TAILQ_FOREACH(pool, &transport->pools, link)
    {
        if (serves(pool, account))
            return pool;
    }
    return pool_new(transport, account);
}

/* ---- The seam --------------------------------------------------------------------------- */

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct curl_transport *transport = (struct curl_transport *)base;
    struct body *body = request->body;
    struct pool *pool = pool_of(transport, request);
    struct transport_call *call = pool ? calloc(1, sizeof(*call)) : NULL;
    if (!call) {
        body_free(&body);
        return NULL;
    }
    call->pool = pool;
    call->request = *request;
    call->body = body;
    call->timeout_ms = (long)request->timeout_ms;
    TAILQ_INSERT_TAIL(&pool->calls, call, link);
    call->easy = take_handle(pool);
    if (!call->easy) {
        call_free(call);
        return NULL;
    }
    set_transfer(call);
    if (request->method && strcmp(request->method, "GET") == 0)
        curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
    else
        set_body(call);
    set_connection(call, request);
    set_credentials(call, request);
    set_headers(call, request);
    if (curl_multi_add_handle(pool->multi, call->easy) != CURLM_OK) {
        call_free(call);
        return NULL;
    }
    return call;
}

static void cancel(struct transport_call *call)
{
    if (call->inside)
        call->cancelled = true; /* freed once curl has returned */
    else
        call_free(call);
}

static void maybe_destroy(struct curl_transport *transport)
{
    if (!transport->dead || transport->depth > 0)
        return;
    struct pool *pool;
    while ((pool = TAILQ_FIRST(&transport->pools))) {
        TAILQ_REMOVE(&transport->pools, pool, link);
        pool_free(pool);
    }
    free(transport);
    curl_global_cleanup();
}

static void transport_end(struct transport *base)
{
    struct curl_transport *transport = (struct curl_transport *)base;
    transport->dead = true;
    maybe_destroy(transport);
}

static const struct transport_ops ops = {start, cancel, transport_end};

/* libcurl frees its upload buffer after each request and takes it again for the next. Given
 * back to the kernel in between, its pages cost more than all the rest of a request. */
static void keep_freed_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, (int)MIB);
    mallopt(M_TRIM_THRESHOLD, (int)(4 * MIB));
}

struct transport *transport_curl_new(struct loop *loop, struct err *err)
{
    keep_freed_memory();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_SYSTEM, "libcurl cannot be used");
        return NULL;
    }
    struct curl_transport *transport = NULL;
    if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
        err_set(err, ERR_SYSTEM,
                "this libcurl resolves names by waiting; use Debian's libcurl4");
    else if (!(transport = calloc(1, sizeof(*transport))))
        err_set(err, ERR_SYSTEM, "no memory for the transport to Exchange");
    if (!transport) {
        curl_global_cleanup();
        return NULL;
    }
    transport->base.ops = &ops;
    transport->loop = loop;
    TAILQ_INIT(&transport->pools);
    return &transport->base;
}
