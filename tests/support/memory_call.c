/* What becomes of a request on its way: when it is carried out, if ever; when and what the
 * caller hears. */
#include "tests/support/memory_call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[MEMORY_OPS] = {
    [MEMORY_OP_FOLDERS] = "folders", [MEMORY_OP_CHANGES] = "changes",
    [MEMORY_OP_CREATE] = "create",   [MEMORY_OP_STAGE] = "stage",
    [MEMORY_OP_PUBLISH] = "publish", [MEMORY_OP_UNSTAGE] = "unstage",
    [MEMORY_OP_SET] = "set",         [MEMORY_OP_REWRITE] = "rewrite",
    [MEMORY_OP_MOVE] = "move",       [MEMORY_OP_REMOVE] = "remove",
    [MEMORY_OP_GET] = "get",         [MEMORY_OP_COMPOSED] = "composed",
    [MEMORY_OP_FETCH] = "fetch",     [MEMORY_OP_WATCH] = "watch",
    [MEMORY_OP_UNWATCH] = "unwatch",
};

static const char *const fault_names[MEMORY_FAULTS] = {
    [MEMORY_LOST] = "answer lost",
    [MEMORY_DROPPED] = "dropped",
    [MEMORY_LATE] = "late",
    [MEMORY_BUSY] = "busy",
    [MEMORY_BROKE] = "broke",
    [MEMORY_UNREACHED] = "unreached",
    [MEMORY_STATES] = "token refused",
    [MEMORY_SILENT] = "call lost",
    [MEMORY_TWICE] = "called twice",
    [MEMORY_SLOW_CALL] = "called late",
    [MEMORY_UNSUBSCRIBED] = "subscription lost",
};

const char *memory_op_name(enum memory_op op)
{
    return op_names[op];
}

const char *memory_fault_name(enum memory_fault fault)
{
    return fault_names[fault];
}

static int64_t now_ms(const struct remote_call *call)
{
    return loop_now(call->remotes->exchange->loop).ms;
}

static int64_t chance(struct remote_call *call, int64_t below)
{
    return (int64_t)rng_below(&call->remotes->exchange->rng, (uint64_t)(below > 0 ? below : 1));
}

static bool struck(struct remote_call *call, enum memory_fault fault)
{
    int percent = call->remotes->faults[fault];

    if (!percent || chance(call, 100) >= percent)
        return false;
    call->remotes->hits[fault]++;
    return true;
}

static void tell(struct remote_call *call, const char *what)
{
    const struct remote_fields *fields = &call->fields;
    char text[256];

    if (!call->remotes->told)
        return;
    snprintf(text, sizeof text, "%s %s: item %d, folder %d %s%s%s%s", op_names[call->op], what,
             call->item ? call->item : call->result.number, call->folder, call->wanted.message,
             !fields->set_read ? ""
             : fields->read    ? " read"
                               : " unread",
             !fields->set_urgent ? ""
             : fields->urgent    ? " urgent"
                                 : " normal",
             fields->set_subject ? " subject" : "");
    call->remotes->told(text, call->remotes->arg);
}

/* ---- its end ---- */

static void forget(struct remote_call *call)
{
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    call->remotes->under_way--;
    loop_timer_free(&call->timer);
    free(call->page);
    free(call);
}

static void wake(struct remote_call *call)
{
    int64_t at = call->heard ? call->answer_ms : 0;

    if (call->execute_ms && (!at || call->execute_ms <= at))
        at = call->execute_ms;
    if (at)
        loop_timer_set(call->timer, at > now_ms(call) ? at - now_ms(call) : 0);
    else
        forget(call);
}

static void due(void *arg)
{
    struct remote_call *call = arg;

    if (call->execute_ms && (!call->heard || call->execute_ms <= call->answer_ms)) {
        call->execute_ms = 0;
        memory_call_execute(call);
        tell(call, call->err.kind == ERR_OK ? "done" : call->err.code);
    } else {
        call->heard = false;
        if (call->said.kind != ERR_OK)
            tell(call, call->said.code);
        memory_call_answer(call, call->said.kind != ERR_OK ? &call->said : &call->err);
    }
    wake(call);
}

/* ---- its fate ---- */

static void say(struct remote_call *call, enum err_kind kind, enum err_scope scope,
                enum err_when when, enum err_effect effect, const char *code)
{
    err_set(&call->said, kind, "%s: %s", op_names[call->op], code);
    call->said.scope = scope;
    call->said.when = when;
    call->said.effect = effect;
    snprintf(call->said.code, sizeof call->said.code, "%s", code);
}

static void unanswered(struct remote_call *call, bool at_once)
{
    say(call, ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_RETRY, ERR_EFFECT_UNKNOWN, "lost");
    if (!at_once)
        call->answer_ms = now_ms(call) + call->remotes->timeout_ms;
}

static void refused(struct remote_call *call, enum memory_fault fault)
{
    call->execute_ms = 0;
    if (fault == MEMORY_BUSY) {
        say(call, ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
            "busy");
        call->said.back_off_ms = call->remotes->back_off_ms;
    } else {
        say(call, ERR_UNAVAILABLE, ERR_SCOPE_ACCOUNT, ERR_WHEN_RETRY, ERR_EFFECT_NONE,
            "unreached");
    }
}

/* Drawn when it is sent. */
static void decide(struct remote_call *call)
{
    struct memory_remotes *remotes = call->remotes;

    call->execute_ms = now_ms(call) + 1 + chance(call, remotes->latency_ms);
    call->answer_ms = call->execute_ms + chance(call, remotes->latency_ms);
    if (struck(call, MEMORY_UNREACHED)) {
        refused(call, MEMORY_UNREACHED);
    } else if (struck(call, MEMORY_BUSY)) {
        refused(call, MEMORY_BUSY);
    } else if (struck(call, MEMORY_BROKE)) {
        say(call, ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_UNKNOWN, "broke");
        if (chance(call, 2))
            call->execute_ms = 0;
    } else if (struck(call, MEMORY_DROPPED)) {
        unanswered(call, chance(call, 2));
        call->execute_ms = 0;
    } else if (struck(call, MEMORY_LATE)) {
        call->execute_ms = now_ms(call) + 1 + chance(call, remotes->late_ms);
        unanswered(call, chance(call, 2));
    } else if (struck(call, MEMORY_LOST)) {
        unanswered(call, chance(call, 2));
    }
}

/* ---- its beginning ---- */

struct remote_call *memory_call_new(struct remote *base, enum memory_op op, void *arg)
{
    struct memory_remote *remote = (struct memory_remote *)base;
    struct remote_call *call = calloc(1, sizeof *call);

    assert(call);
    call->remotes = remote->remotes;
    call->mailbox = remote->mailbox;
    call->op = op;
    call->arg = arg;
    call->heard = true;
    call->timer = loop_timer_new(call->remotes->exchange->loop, due, call);
    call->next = call->remotes->calls;
    call->link = &call->remotes->calls;
    if (call->next)
        call->next->link = &call->next;
    call->remotes->calls = call;
    call->remotes->under_way++;
    call->remotes->requests[op]++;
    return call;
}

void memory_call_send(struct remote_call *call)
{
    decide(call);
    wake(call);
}

/* What is on its way may arrive, a little later than it would have, or never. */
void memory_call_cancel(struct remote_call *call)
{
    call->heard = false;
    if (call->execute_ms && chance(call, 2))
        call->execute_ms =
            chance(call, 2) ? 0 : now_ms(call) + 1 + chance(call, call->remotes->late_ms);
    wake(call);
}
