/* The account: its configuration, and whose turn it is to send. */
#include "ews/ews.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ews/ews_private.h"

enum { MAILBOX_IN_FLIGHT = 1 };

static bool dup_text(const char **text)
{
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

static bool copy_config(struct ews_config *own)
{
    const char **texts[] = {&own->name,         &own->url,       &own->version,
                            &own->auth.auth,    &own->auth.user, &own->auth.password,
                            &own->auth.ca_file, &own->auth.proxy};
    bool ok = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ok = dup_text(texts[i]) && ok;
    return ok;
}

struct ews_account *ews_account_new(struct loop *loop, struct transport *transport,
                                    const struct ews_config *config, struct err *err)
{
    struct ews_account *account = calloc(1, sizeof(*account));
    if (!account) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        return NULL;
    }
    account->loop = loop;
    account->transport = transport;
    account->config = *config;
    TAILQ_INIT(&account->ready);
    if (!copy_config(&account->config)) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        ews_account_free(&account);
        return NULL;
    }
    if (account->config.auth.max_connections < 1)
        account->config.auth.max_connections = 1;
    if (account->config.request_timeout_ms <= 0)
        account->config.request_timeout_ms = TIME_REQUEST_MS;
    account->log = (struct log_ctx){.key = "exchange", .value = account->config.name};
    return account;
}

int ews_account_in_flight(const struct ews_account *account)
{
    return account->in_flight;
}

int ews_account_waiting(const struct ews_account *account)
{
    return account->waiting;
}

void ews_account_trace(struct ews_account *account, ews_trace_fn *fn, void *arg)
{
    account->trace = fn;
    account->trace_arg = arg;
}

void ews_account_free(struct ews_account **account_pointer)
{
    struct ews_account *account = *account_pointer;
    if (!account)
        return;
    *account_pointer = NULL;
    assert(account->in_flight == 0 && account->waiting == 0);
    struct ews_config *own = &account->config;
    if (own->auth.password)
        explicit_bzero((void *)own->auth.password, strlen(own->auth.password));
    const char *texts[] = {own->name,         own->url,       own->version,
                           own->auth.auth,    own->auth.user, own->auth.password,
                           own->auth.ca_file, own->auth.proxy};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((void *)texts[i]);
    free(account);
}

struct loop *ews_account_loop(const struct ews_account *account)
{
    return account->loop;
}

struct soap_header ews_account_header(const struct ews_account *account, const char *address)
{
    return (struct soap_header){.version = account->config.version,
                                .impersonate = account->config.impersonate ? address : NULL};
}

const char *ews_account_delegated(const struct ews_account *account, const char *address)
{
    return account->config.impersonate ? NULL : address;
}

bool ews_account_keeps_attachments(const struct ews_account *account)
{
    return account->keeps_attachments;
}

void ews_account_saw_attachment(struct ews_account *account)
{
    account->keeps_attachments = true;
}

/* ---- Turns ------------------------------------------------------------------------------ */

static void make_ready(struct ews_mailbox *mailbox)
{
    bool could = !TAILQ_EMPTY(&mailbox->waiting) && mailbox->in_flight < MAILBOX_IN_FLIGHT;
    struct ews_account *account = mailbox->account;
    if (could && !mailbox->ready)
        TAILQ_INSERT_TAIL(&account->ready, mailbox, link);
    else if (!could && mailbox->ready)
        TAILQ_REMOVE(&account->ready, mailbox, link);
    mailbox->ready = could;
}

/* Start what may start; mailboxes take turns. */
static void pump(struct ews_account *account)
{
    while (account->in_flight < account->config.auth.max_connections) {
        struct ews_mailbox *mailbox = TAILQ_FIRST(&account->ready);
        if (!mailbox)
            return;
        struct ews_job *job = TAILQ_FIRST(&mailbox->waiting);
        TAILQ_REMOVE(&mailbox->waiting, job, link);
        TAILQ_REMOVE(&account->ready, mailbox, link);
        mailbox->ready = false;
        job->waiting = false;
        account->waiting--;
        account->in_flight++;
        mailbox->in_flight++;
        ews_job_begin(job);
        make_ready(mailbox);
    }
}

void ews_mailbox_init(struct ews_mailbox *mailbox, struct ews_account *account,
                      const char *address)
{
    *mailbox = (struct ews_mailbox){.account = account, .address = address};
    TAILQ_INIT(&mailbox->waiting);
}

bool ews_account_enqueue(struct ews_job *job)
{
    struct ews_account *account = job->account;
    if (account->waiting >= LIMIT_REQUESTS_WAITING)
        return false;
    job->waiting = true;
    account->waiting++;
    TAILQ_INSERT_TAIL(&job->mailbox->waiting, job, link);
    make_ready(job->mailbox);
    pump(account);
    return true;
}

void ews_account_withdraw(struct ews_job *job)
{
    TAILQ_REMOVE(&job->mailbox->waiting, job, link);
    job->waiting = false;
    job->account->waiting--;
    make_ready(job->mailbox);
}

void ews_account_ended(struct ews_job *job, const struct err *err)
{
    (void)err;
    job->account->in_flight--;
    job->mailbox->in_flight--;
    make_ready(job->mailbox);
    pump(job->account);
}
