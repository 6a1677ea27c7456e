/* The HTTP server of http.h: who is let in, and for whom another has to go (http_places.h).
 * What happens on a connection is in http_conn.c. */
#include "base/http.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/http_listen.h"
#include "base/http_private.h"
#include "base/log.h"

enum { PAUSE_MS = 100, SAY_EVERY_MS = 60 * 1000 };

/* ---- accepting ---- */

/* Strangers can cause these lines: one a minute is enough. */
static bool may_say(struct http_server *server)
{
    struct mono now = loop_now(server->loop);

    server->unsaid++;
    if (server->said && mono_since(now, server->said_at) < SAY_EVERY_MS)
        return false;
    server->said = true;
    server->said_at = now;
    return true;
}

static bool push_out(struct http_server *server)
{
    struct http_place *victim = http_places_victim(&server->places);

    if (victim)
        http_conn_free((struct http_conn *)victim);
    return victim != NULL;
}

/* For a connection that has come; false: nobody's place can be given to it. */
static bool find_place(struct http_server *server, const char *peer)
{
    if (server->places.count < server->max_places)
        return true;
    if (may_say(server)) {
        log_warning(NULL,
                    "all %d places for connections on port %d are taken (%ld times since this "
                    "was said last); the newest connection comes from %s",
                    server->max_places, server->port, server->unsaid, peer);
        server->unsaid = 0;
    }
    return push_out(server);
}

static void resume_accepting(void *arg)
{
    loop_watch_want(((struct http_server *)arg)->listener, LOOP_READ);
}

/* Out of descriptors or memory, in spite of the limit on places: a place is given up. Without
 * one to give up, what waits in the kernel's queue waits a little, for the listener would
 * spin. */
static void accept_failed(struct http_server *server)
{
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    if (may_say(server)) {
        log_warning(NULL, "accepting a connection on port %d failed: %s", server->port,
                    strerror(errno));
        server->unsaid = 0;
    }
    if (push_out(server))
        return;
    loop_watch_want(server->listener, 0);
    loop_timer_set(server->resume, PAUSE_MS);
}

static void accept_some(int listener, int ready, void *arg)
{
    struct http_server *server = arg;
    char peer[48];

    (void)ready;
    for (int i = 0; i < LIMIT_HTTP_ACCEPTS; i++) {
        union {
            struct sockaddr any;
            struct sockaddr_storage room;
        } from = {0};
        socklen_t len = sizeof from;
        int fd = accept4(listener, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            accept_failed(server);
            return;
        }
        http_conn_describe(&from.any, peer, sizeof peer);
        if (find_place(server, peer))
            http_conn_new(server, fd, &from.any);
        else
            close(fd);
    }
}

/* ---- the server ---- */

/* Never so many that the database could not open a file. */
static int places_for(int wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur >= (rlim_t)wanted + LIMIT_HTTP_DESCRIPTORS_KEPT)
        return wanted;
    int room = (int)limit.rlim_cur - LIMIT_HTTP_DESCRIPTORS_KEPT;
    if (room < 1)
        room = 1;
    log_warning(NULL,
                "only %d connections instead of %d can be kept, for the process may open %d "
                "files; raise its limit (LimitNOFILE of systemd, ulimit -n)",
                room, wanted, (int)limit.rlim_cur);
    return room;
}

static bool start(struct http_server *server, struct err *err)
{
    const struct http_config *config = &server->config;

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to a client that has left */
    if (config->certificate) {
        server->tls = http_listen_tls(config->certificate, config->key, err);
        if (!server->tls)
            return false;
    }
    server->fd = http_listen_open(config->listen, &server->port, err);
    if (server->fd < 0)
        return false;
    server->resume = loop_timer_new(server->loop, resume_accepting, server);
    server->turn = loop_timer_new(server->loop, http_conn_begin_handshakes, server);
    server->listener = loop_watch_new(server->loop, server->fd, LOOP_READ, accept_some, server);
    return (server->resume && server->turn && server->listener) ||
           err_set(err, ERR_SYSTEM, "no memory for an HTTP server.");
}

struct http_server *http_server_new(struct loop *loop, const struct http_config *config,
                                    http_handler_fn *handler, void *arg, struct err *err)
{
    struct http_server *server = calloc(1, sizeof *server);

    if (!server) {
        err_set(err, ERR_SYSTEM, "no memory for an HTTP server.");
        return NULL;
    }
    server->loop = loop;
    server->config = *config;
    server->handler = handler;
    server->arg = arg;
    server->fd = -1;
    server->max_places = places_for(config->max_connections);
    http_places_init(&server->places);
    TAILQ_INIT(&server->hellos);
    if (!start(server, err))
        http_server_free(&server);
    else /* borrowed for the start only */
        server->config.listen = server->config.certificate = server->config.key = NULL;
    return server;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_free(struct http_server **server)
{
    struct http_server *gone = *server;
    struct http_place *place;

    if (!gone)
        return;
    *server = NULL;
    for (int standing = 0; standing < HTTP_STANDINGS; standing++)
        while ((place = TAILQ_FIRST(&gone->places.standing[standing])) != NULL)
            http_conn_free((struct http_conn *)place);
    loop_watch_free(&gone->listener);
    loop_timer_free(&gone->resume);
    loop_timer_free(&gone->turn);
    if (gone->fd >= 0)
        close(gone->fd);
    SSL_CTX_free(gone->tls);
    free(gone);
}
