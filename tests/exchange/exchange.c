#include "tests/exchange/exchange_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/id.h"
#include "tests/exchange/exchange_limit.h"
#include "tests/exchange/exchange_mailbox.h"
#include "tests/exchange/exchange_move.h"
#include "tests/exchange/exchange_push.h"
#include "tests/exchange/exchange_replay.h"
#include "tests/exchange/exchange_stray.h"
#include "tests/exchange/exchange_stream_private.h"

/* The seed of a directory stays what it was when it was made: identifiers come out of it. */
static bool remember_seed(struct exchange *ex, struct err *err)
{
    bool ok = ex_db_begin(ex->db) &&
              ex_db_run(ex->db, "INSERT OR IGNORE INTO meta (name, value) VALUES ('seed', ?)",
                        "i", (int64_t)ex->seed);
    if (!ex_db_commit(ex->db, err) || !ok)
        return false;
    ex->seed = (uint64_t)ex_db_value(ex->db, 0, "SELECT value FROM meta WHERE name='seed'", "");
    ex->seq = ex_db_value(ex->db, 0, "SELECT value FROM meta WHERE name='seq'", "");
    ex->saved_seq = ex->seq;
    return true;
}

bool exchange_commit(struct exchange *ex, struct err *err)
{
    if (ex->seq != ex->saved_seq)
        ex_db_run(ex->db, "INSERT OR REPLACE INTO meta (name, value) VALUES ('seq', ?)", "i",
                  ex->seq);
    if (!ex_db_commit(ex->db, err))
        return false;
    ex->saved_seq = ex->seq;
    return true;
}

static bool open_all(struct exchange *ex, const char *dir, struct err *err)
{
    char path[LIMIT_PATH];
    if (dir) {
        if (!file_make_dirs(dir, 0700, err))
            return false;
        ex->dir = strdup(dir);
        snprintf(path, sizeof path, "%s/exchange.db", dir);
    }
    ex->db = ex_db_open(dir ? path : NULL, exchange_tables, err);
    ex->blobs = ex->db ? ex_blobs_new(dir, err) : NULL;
    return ex->blobs && remember_seed(ex, err);
}

struct exchange *exchange_new(const char *dir, struct loop *loop, uint64_t seed,
                              struct err *err)
{
    struct exchange *ex = calloc(1, sizeof *ex);
    if (!ex) {
        err_set(err, ERR_SYSTEM, "no memory for the stand-in");
        return NULL;
    }
    ex->loop = loop;
    ex->seed = seed;
    ex->rng = rng_seed(seed);
    ex->auto_mailboxes = true;
    ex->push = ex_push_new(ex);
    ex->streams = ex_streams_new(ex);
    if (!ex->push || !ex->streams || !open_all(ex, dir, err))
        exchange_free(&ex);
    return ex;
}

void exchange_free(struct exchange **ex)
{
    if (!*ex)
        return;
    ex_strays_free(*ex); /* before the contents that they write */
    ex_movements_free(*ex);
    ex_replay_free(&(*ex)->replay);
    ex_streams_free(&(*ex)->streams);
    ex_push_free(&(*ex)->push);
    ex_limits_free(&(*ex)->limits);
    ex_faults_free(&(*ex)->faults);
    ex_db_close(&(*ex)->db);
    ex_blobs_free(&(*ex)->blobs);
    free((*ex)->dir);
    free((*ex)->user);
    free((*ex)->password);
    free(*ex);
    *ex = NULL;
}

int64_t exchange_mailbox_peek(struct exchange *ex, const char *address)
{
    return ex_db_value(ex->db, 0, "SELECT id FROM mailbox WHERE address=?", "s", address);
}

void exchange_address(struct exchange *ex, int64_t mailbox, char *address, size_t size)
{
    struct db_query *query =
        ex_db_query(ex->db, "SELECT address FROM mailbox WHERE id=?", "i", mailbox);
    snprintf(address, size, "%s", ex_db_row(query) ? ex_db_text(query, 0) : "");
    ex_db_end(&query);
}

/* Within a transaction. */
static int64_t make_mailbox(struct exchange *ex, const char *address)
{
    if (!ex_db_run(ex->db, "INSERT INTO mailbox (address) VALUES (?)", "s", address))
        return 0;
    int64_t mailbox = ex_db_last_id(ex->db);
    return ex_folder_make_defaults(ex, mailbox) ? 0 : mailbox;
}

int64_t exchange_mailbox(struct exchange *ex, const char *address)
{
    int64_t mailbox = exchange_mailbox_peek(ex, address);
    if (!mailbox && ex->auto_mailboxes && address[0] && strlen(address) < LIMIT_ADDRESS)
        mailbox = make_mailbox(ex, address);
    return mailbox;
}

bool exchange_add_mailbox(struct exchange *ex, const char *address, struct err *err)
{
    if (!address[0] || strlen(address) >= LIMIT_ADDRESS)
        return err_set(err, ERR_DATA, "\"%s\" is not a mailbox address", address);
    if (exchange_mailbox_peek(ex, address))
        return true;
    bool ok = ex_db_begin(ex->db) && make_mailbox(ex, address);
    return exchange_commit(ex, err) && ok;
}

void exchange_set_auto_mailboxes(struct exchange *ex, bool on)
{
    ex->auto_mailboxes = on;
}

bool exchange_set_faults(struct exchange *ex, const char *spec, struct err *err)
{
    struct faults *faults = ex_faults_new(spec, rng_next(&ex->rng), err);
    if (!faults)
        return false;
    ex_faults_free(&ex->faults);
    ex->faults = faults;
    return true;
}

bool exchange_set_limits(struct exchange *ex, const char *spec, struct err *err)
{
    struct limits *limits = ex_limits_new(spec, err);
    if (!limits)
        return false;
    ex_limits_free(&ex->limits);
    ex->limits = limits;
    return true;
}

int64_t exchange_budget(struct exchange *ex, const char *mailbox)
{
    return ex_limits_balance(ex, exchange_mailbox_peek(ex, mailbox));
}

const char ex_flavour_help[] =
    "Flavours: --flavour exchange is Exchange Server. --flavour gromox is another EWS server:\n"
    "  inline attachments of CreateItem and InternetMessageId are dropped without an error;\n"
    "  MimeContent works. A push subscription is accepted and never called. MoveItem and\n"
    "  CopyItem give new ids when ReturnNewItemIds is false, and none when it is true. SOAP\n"
    "  faults have HTTP status 200. A SyncState that is no good begins again silently. A\n"
    "  Binary extended property fails the whole request. GetEvents answers under another name\n"
    "  and without watermarks. Over HTTP: a chunked request gets 400; Expect: 100-continue\n"
    "  costs a second; after a body over 1 MiB the connection is good for nothing more, which\n"
    "  is not said.\n";

bool exchange_set_flavour(struct exchange *ex, const char *name, struct err *err)
{
    bool gromox = !strcmp(name, "gromox");
    if (!gromox && strcmp(name, "exchange") != 0)
        return err_set(err, ERR_USAGE, "the flavour is exchange or gromox, not \"%s\"", name);
    ex->flavour = gromox ? FLAVOUR_GROMOX : FLAVOUR_EXCHANGE;
    return true;
}

bool exchange_set_replay(struct exchange *ex, const char *dir, struct err *err)
{
    struct replay *replay = dir ? ex_replay_new(dir, err) : NULL;
    if (dir && !replay)
        return false;
    ex_replay_free(&ex->replay);
    ex->replay = replay;
    return true;
}

void exchange_set_account(struct exchange *ex, const char *user, const char *password)
{
    free(ex->user);
    free(ex->password);
    ex->user = user ? strdup(user) : NULL;
    ex->password = user && password ? strdup(password) : NULL;
}

bool exchange_may_log_in(const struct exchange *ex, const char *user, const char *password)
{
    if (!user[0])
        return false;
    return !ex->user || (id_token_equal(ex->user, user) &&
                         (!ex->password || id_token_equal(ex->password, password)));
}

void exchange_answer_clear(struct exchange_answer *answer)
{
    buf_clear(&answer->body);
    exchange_stream_free(&answer->stream);
    *answer = (struct exchange_answer){0};
}
