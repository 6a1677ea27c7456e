/* Whose turn it is to send, how many may at once, and what happens when nobody may: the pace
 * (ews/pace.h) put to work. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews/ews_error.h"
#include "ews/ews_names.h"
#include "ews/ews_private.h"
#include "ews/request.h"

/* ---- Mailboxes -------------------------------------------------------------------------- */

/* Tells mailboxes apart: FNV-1a over the address in lower case, never 0. */
static uint64_t number_of(const char *address)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *at = address; *at; at++)
        hash = (hash ^ (uint64_t)tolower((unsigned char)*at)) * 1099511628211u;
    return hash ? hash : 1;
}

/* Two remotes of one address share its one place: Exchange keeps its budget by mailbox, and
 * does not bear two SyncFolderItems at a time. */
static bool has_one_in_flight(const struct ews_account *account, uint64_t mailbox)
{
    struct ews_job *job;
    TAILQ_FOREACH(job, &account->flying, link)
    {
        if (job->mailbox_number == mailbox)
            return true;
    }
    return false;
}

void ews_mailbox_init(struct ews_mailbox *mailbox, struct ews_account *account,
                      const char *address)
{
    *mailbox = (struct ews_mailbox){.account = account, .address = address};
    TAILQ_INIT(&mailbox->waiting);
}

static void make_ready(struct ews_mailbox *mailbox)
{
    bool could = !TAILQ_EMPTY(&mailbox->waiting);
    struct ews_account *account = mailbox->account;
    if (could && !mailbox->ready)
        TAILQ_INSERT_TAIL(&account->ready, mailbox, link);
    else if (!could && mailbox->ready)
        TAILQ_REMOVE(&account->ready, mailbox, link);
    mailbox->ready = could;
}

/* ---- Turns ------------------------------------------------------------------------------ */

static void leave_queue(struct ews_job *job)
{
    TAILQ_REMOVE(&job->mailbox->waiting, job, link);
    job->waiting = false;
    job->account->waiting--;
}

/* The mailbox goes to the end of the line, for they take turns. */
static void begin(struct ews_mailbox *mailbox)
{
    struct ews_account *account = mailbox->account;
    struct ews_job *job = TAILQ_FIRST(&mailbox->waiting);
    leave_queue(job);
    TAILQ_REMOVE(&account->ready, mailbox, link);
    mailbox->ready = false;
    make_ready(mailbox);
    job->mailbox_number = number_of(mailbox->address);
    job->number = pace_begin(&account->pace);
    TAILQ_INSERT_TAIL(&account->flying, job, link);
    ews_job_begin(job);
}

static void pump(struct ews_account *account)
{
    struct ews_mailbox *next;
    for (struct ews_mailbox *mailbox = TAILQ_FIRST(&account->ready);
         mailbox && pace_may_begin(&account->pace); mailbox = next) {
        next = TAILQ_NEXT(mailbox, link);
        if (!has_one_in_flight(account, number_of(mailbox->address)))
            begin(mailbox);
    }
}

/* ---- Held ------------------------------------------------------------------------------- */

static void held_error(const struct ews_account *account, struct err *err)
{
    const struct pace *pace = &account->pace;
    const char *name = account->config.name, *cause = account->cause.text;
    int64_t wait_ms = pace_wait_ms(pace, loop_now(account->loop));
    if (pace->state == PACE_PARKED)
        err_set(err, ERR_DENIED,
                "Exchange %s refused the account twice; so that it is not locked out, it is "
                "tried once an hour, or at once with a new password file: %s",
                name, cause);
    else
        err_set(err, ERR_UNAVAILABLE,
                "Exchange %s is not asked before a probe finds it well, the next in %lld s: %s",
                name, (long long)(wait_ms + 999) / 1000, cause);
    err->scope = ERR_SCOPE_ACCOUNT;
    err->when = ERR_WHEN_BACK_OFF;
    err->back_off_ms = wait_ms;
    snprintf(err->code, sizeof(err->code), "%s", account->cause.code);
}

static void refuse_waiting(struct ews_account *account)
{
    struct ews_mailbox *mailbox;
    struct err err;
    held_error(account, &err);
    while ((mailbox = TAILQ_FIRST(&account->ready))) {
        struct ews_job *job = TAILQ_FIRST(&mailbox->waiting);
        leave_queue(job);
        make_ready(mailbox);
        ews_job_refuse(job, &err);
    }
}

static void say_state(struct ews_account *account)
{
    const char *cause = account->cause.text;
    switch (account->pace.state) {
    case PACE_BROKEN: log_warning(&account->log, "no requests, only probes: %s", cause); break;
    case PACE_PARKED: log_error(&account->log, "the account is parked: %s", cause); break;
    case PACE_OPEN: log_info(&account->log, "requests flow"); break;
    case PACE_UNPROVEN: log_info(&account->log, "one request at a time"); break;
    case PACE_STATES: break;
    }
}

/* What happened moved the pace on; `before` is where it was. */
static void follow(struct ews_account *account, enum pace_state before)
{
    if (account->pace.state != before) {
        bool first = before == PACE_UNPROVEN && account->pace.state == PACE_OPEN;
        if (!first)
            say_state(account);
        if (account->told)
            loop_timer_set(account->told, 0);
    }
    if (!pace_is_held(&account->pace)) {
        pump(account);
        return;
    }
    refuse_waiting(account);
    if (!account->pace.probing)
        loop_timer_set(account->probe_due,
                       pace_wait_ms(&account->pace, loop_now(account->loop)));
}

static void tell(void *arg)
{
    struct ews_account *account = arg;
    if (account->watcher)
        account->watcher(account->watcher_arg);
}

/* ---- Probes ----------------------------------------------------------------------------- */

static void on_probe_answer(const struct err *err, const struct xml_node *root, void *arg)
{
    struct ews_account *account = arg;
    (void)err;
    (void)root;
    account->probe = NULL;
}

/* By turns the mailbox that failed last and one that went well: a single mailbox may be sick
 * longer than its server. NULL: both have a request on its way. */
static const char *choose_probed(struct ews_account *account)
{
    const char *texts[] = {account->failed_address, account->good_address};
    account->probes++;
    for (int i = 0; i < 2; i++) {
        const char *address = texts[(account->probes + i + 1) % 2];
        if (address[0] && !has_one_in_flight(account, number_of(address)))
            return address;
    }
    return NULL;
}

static bool send_probe(struct ews_account *account, const char *address)
{
    struct buf request;
    snprintf(account->probed_address, sizeof(account->probed_address), "%s", address);
    address = account->probed_address;
    ews_mailbox_init(&account->probed, account, address);
    const struct soap_header header = ews_account_header(account, address);
    const struct request_root inbox = {"inbox", ews_account_delegated(account, address)};
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_folders(&request, &header, &inbox, 1);
    struct body *body = body_from_buf(&request);
    account->probe =
        body ? ews_job_probe(&account->probed, body, on_probe_answer, account) : NULL;
    return account->probe != NULL;
}

static void probe(void *arg)
{
    struct ews_account *account = arg;
    struct mono now = loop_now(account->loop);
    if (!pace_is_held(&account->pace) || account->pace.probing)
        return;
    int64_t wait_ms = pace_wait_ms(&account->pace, now);
    const char *address = NULL;
    if (pace_probe_is_due(&account->pace, now)) {
        address = choose_probed(account);
        wait_ms = PACE_PROBE_FIRST_MS;
    }
    if (!address) {
        loop_timer_set(account->probe_due, wait_ms);
        return;
    }
    pace_probe_begin(&account->pace);
    if (!send_probe(account, address)) {
        pace_probe_end(&account->pace, PACE_LOST, now);
        follow(account, account->pace.state);
    }
}

/* ---- How a request ended ---------------------------------------------------------------- */

/* An answer may say "busy" inside an HTTP status of 200, in any of its messages. */
static bool said_throttled(const struct xml_node *root, struct err *err)
{
    const struct xml_node *first, *body = xml_child(root, EWS_NS_SOAP, "Body");
    if (xml_child(body, EWS_NS_SOAP, "Fault"))
        return !soap_open_answer(root, "", 1, &first, err) && ews_error_is_throttled(err);
    const struct xml_node *messages =
        xml_child(body ? body->first_child : NULL, EWS_NS_MESSAGES, "ResponseMessages");
    for (const struct xml_node *m = messages ? messages->first_child : NULL; m; m = m->next) {
        if (!soap_message_ok(m, err) && ews_error_is_throttled(err))
            return true;
    }
    return false;
}

static enum pace_end end_of_soap(const struct err *err)
{
    static const char *const slow[] = {"ErrorTimeoutExpired", "ErrorClientDisconnected",
                                       "ErrorInsufficientResources", "ErrorNotEnoughMemory"};
    if (!ews_error_is_throttled(err))
        return PACE_WELL;
    for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
        if (strcmp(err->code, slow[i]) == 0)
            return PACE_SLOW;
    }
    return PACE_BUSY;
}

static enum pace_end end_of_http(const struct err *err)
{
    static const struct {
        const char *code;
        enum pace_end end;
    } rows[] = {{"HTTP 401", PACE_DENIED},
                {"HTTP 456", PACE_DENIED},
                {"HTTP 457", PACE_DENIED},
                {"HTTP 408", PACE_SLOW},
                {"HTTP 429", PACE_BUSY}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(err->code, rows[i].code) == 0)
            return rows[i].end;
    }
    return err->scope == ERR_SCOPE_ACCOUNT ? PACE_DOWN : PACE_WELL;
}

static enum pace_end end_of(const struct err *err)
{
    if (err->kind == ERR_OK)
        return PACE_WELL;
    if (err->kind == ERR_CANCELLED)
        return PACE_GIVEN_UP;
    if (strncmp(err->code, "HTTP ", 5) == 0)
        return end_of_http(err);
    if (err->code[0])
        return end_of_soap(err);
    if (err->scope == ERR_SCOPE_ACCOUNT)
        return PACE_DOWN;
    return err->kind == ERR_UNAVAILABLE ? PACE_LOST : PACE_GIVEN_UP;
}

static void remember(struct ews_account *account, const struct ews_job *job, enum pace_end end,
                     const struct err *err)
{
    bool well = end == PACE_WELL || end == PACE_BUSY || end == PACE_SLOW;
    if (end == PACE_GIVEN_UP)
        return;
    snprintf(well ? account->good_address : account->failed_address, LIMIT_ADDRESS, "%s",
             job->mailbox->address);
    if (!well)
        account->cause = *err;
}

void ews_account_heard(struct ews_job *job, const struct xml_node *root)
{
    struct err err = {0};
    if (root && said_throttled(root, &err))
        job->said = end_of_soap(&err);
}

void ews_account_ended(struct ews_job *job, const struct err *err)
{
    struct ews_account *account = job->account;
    struct mono now = loop_now(account->loop);
    enum pace_state before = account->pace.state;
    enum pace_end end = job->no_token ? PACE_DOWN : end_of(err);
    if (end == PACE_WELL)
        end = job->said;
    remember(account, job, end, err);
    if (job->probing) {
        pace_probe_end(&account->pace, end, now);
    } else {
        TAILQ_REMOVE(&account->flying, job, link);
        pace_end(&account->pace, job->number, end, job->mailbox_number, now);
    }
    follow(account, before);
}

/* ---- The queue -------------------------------------------------------------------------- */

bool ews_account_enqueue(struct ews_job *job, struct err *err)
{
    struct ews_account *account = job->account;
    if (pace_is_held(&account->pace)) {
        held_error(account, err);
        return false;
    }
    if (account->waiting >= LIMIT_REQUESTS_WAITING) {
        err_set(err, ERR_TEMPORARY, "too many requests wait for Exchange %s",
                account->config.name);
        err->scope = ERR_SCOPE_ACCOUNT;
        return false;
    }
    job->waiting = true;
    account->waiting++;
    TAILQ_INSERT_TAIL(&job->mailbox->waiting, job, link);
    make_ready(job->mailbox);
    pump(account);
    return true;
}

void ews_account_withdraw(struct ews_job *job)
{
    leave_queue(job);
    make_ready(job->mailbox);
}

bool ews_turns_open(struct ews_account *account)
{
    const struct ews_config *config = &account->config;
    const char *auth = config->auth.auth ? config->auth.auth : "";
    bool lockable = strcmp(auth, "basic") == 0 || strcmp(auth, "ntlm") == 0;
    pace_init(&account->pace, config->auth.max_connections, lockable,
              number_of(config->name) ^ (uint64_t)loop_wall(account->loop).ms);
    account->probe_due = loop_timer_new(account->loop, probe, account);
    account->told = loop_timer_new(account->loop, tell, account);
    return account->probe_due && account->told;
}

void ews_turns_close(struct ews_account *account)
{
    loop_timer_free(&account->told);
    account->watcher = NULL;
    ews_job_cancel(&account->probe);
    loop_timer_free(&account->probe_due);
}

/* ---- What others see -------------------------------------------------------------------- */

int ews_account_in_flight(const struct ews_account *account)
{
    return account->pace.in_flight;
}

int ews_account_waiting(const struct ews_account *account)
{
    return account->waiting;
}

void ews_account_health(const struct ews_account *account, struct ews_health *health)
{
    const struct pace *pace = &account->pace;
    *health = (struct ews_health){.state = pace->state,
                                  .held = pace_is_held(pace),
                                  .probing = pace->probing,
                                  .limit = pace->limit,
                                  .in_flight = pace->in_flight,
                                  .waiting = account->waiting};
    if (!health->held)
        return;
    health->next_try_ms = pace_wait_ms(pace, loop_now(account->loop));
    snprintf(health->cause, sizeof(health->cause), "%s", account->cause.text);
}

void ews_account_watch(struct ews_account *account, ews_health_fn *fn, void *arg)
{
    account->watcher = fn;
    account->watcher_arg = arg;
}

void ews_account_suspect(struct ews_account *account)
{
    pace_suspect(&account->pace);
}

bool ews_account_renew(struct ews_account *account, const char *password)
{
    enum pace_state before = account->pace.state;
    char *copy = strdup(password);
    if (!copy)
        return false;
    char *old = (char *)account->config.auth.password;
    account->config.auth.password = copy;
    if (old)
        explicit_bzero(old, strlen(old));
    free(old);
    pace_renew(&account->pace);
    if (account->autodiscover)
        autodiscover_renew(account->autodiscover);
    follow(account, before);
    return true;
}
