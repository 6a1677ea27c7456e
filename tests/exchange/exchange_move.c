#include "tests/exchange/exchange_move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_push.h"

/* A move that goes on: in memory, like the process that would do it. */
struct movement {
    struct movement *next;
    int64_t mailbox;
    struct mono until;
};

void ex_movements_free(struct exchange *ex)
{
    for (struct movement *m = ex->movements, *next; m; m = next) {
        next = m->next;
        free(m);
    }
    ex->movements = NULL;
}

static bool is_moving(const struct exchange *ex, int64_t mailbox)
{
    for (const struct movement *m = ex->movements; m; m = m->next)
        if (m->mailbox == mailbox && mono_since(m->until, loop_now(ex->loop)) > 0)
            return true;
    return false;
}

const char *ex_move_refusal(struct exchange *ex, int64_t mailbox, const char *host, char *code)
{
    if (is_moving(ex, mailbox))
        return "ErrorMailboxMoveInProgress";
    struct db_query *query =
        ex_db_query(ex->db, "SELECT host, code FROM place WHERE mailbox=?", "i", mailbox);
    bool elsewhere = ex_db_row(query) && strcasecmp(ex_db_text(query, 0), host) != 0;
    if (elsewhere)
        snprintf(code, 64, "%s", ex_db_text(query, 1));
    ex_db_end(&query);
    return elsewhere ? code : NULL;
}

bool ex_states_are_lost(struct exchange *ex, int64_t mailbox, int64_t at)
{
    return ex_db_value(ex->db, 0, "SELECT 1 FROM lost WHERE mailbox=? AND after<? AND until>=?",
                       "iii", mailbox, at, at);
}

/* One number is passed over, so that states of now differ from states of later. */
bool ex_states_lose(struct exchange *ex, int64_t mailbox, int64_t after)
{
    return ex_db_run(ex->db, "INSERT INTO lost (mailbox, after, until) VALUES (?,?,?)", "iii",
                     mailbox, after, exchange_next_seq(ex) - 1);
}

static bool find(struct exchange *ex, const char *address, int64_t *mailbox, struct err *err)
{
    *mailbox = exchange_mailbox_peek(ex, address);
    return *mailbox || err_set(err, ERR_NO_MAILBOX, "there is no mailbox \"%s\"", address);
}

bool exchange_lose_states(struct exchange *ex, const char *address, struct err *err)
{
    int64_t mailbox;
    if (!find(ex, address, &mailbox, err))
        return false;
    ex_db_begin(ex->db);
    ex_states_lose(ex, mailbox, -1);
    return exchange_commit(ex, err);
}

bool exchange_lose_subscriptions(struct exchange *ex, const char *address, struct err *err)
{
    int64_t mailbox;
    if (!find(ex, address, &mailbox, err))
        return false;
    ex_push_drop(ex->push, mailbox);
    return true;
}

static bool set_place(struct exchange *ex, int64_t mailbox, const struct exchange_move *move)
{
    const char *code = move->code ? move->code : "ErrorProxyRequestNotAllowed";
    ex_db_run(ex->db, "DELETE FROM place WHERE mailbox=?", "i", mailbox);
    return !move->to || !move->to[0] ||
           ex_db_run(ex->db, "INSERT INTO place (mailbox, host, code) VALUES (?,?,?)", "iss",
                     mailbox, move->to, code);
}

bool exchange_move_mailbox(struct exchange *ex, const char *address,
                           const struct exchange_move *move, struct err *err)
{
    int64_t mailbox;
    struct movement *m = calloc(1, sizeof *m);
    if (!m || !find(ex, address, &mailbox, err)) {
        free(m);
        return m || err_set(err, ERR_SYSTEM, "no memory for a move");
    }
    m->mailbox = mailbox;
    m->until = mono_add(loop_now(ex->loop), move->lasts_ms);
    m->next = ex->movements;
    ex->movements = m;
    if (!move->keep_subscriptions)
        ex_push_drop(ex->push, mailbox);
    ex_db_begin(ex->db);
    if (!move->keep_states)
        ex_states_lose(ex, mailbox, -1);
    set_place(ex, mailbox, move);
    return exchange_commit(ex, err);
}

void ex_move_befall(struct exchange *ex, const char *address, const struct fault_plan *plan)
{
    const struct exchange_move move = {.lasts_ms = plan->move_ms};
    struct err err; /* a mailbox that is not there suffers nothing */
    if (plan->acts & FAULT_SNAPSHOT)
        exchange_snapshot(ex, address, &err);
    if (plan->acts & FAULT_RESTORE)
        exchange_restore(ex, address, &err);
    if (plan->acts & FAULT_LOSE_STATES)
        exchange_lose_states(ex, address, &err);
    if (plan->acts & FAULT_LOSE_SUBSCRIPTIONS)
        exchange_lose_subscriptions(ex, address, &err);
    if (plan->acts & FAULT_MOVE)
        exchange_move_mailbox(ex, address, &move, &err);
}
