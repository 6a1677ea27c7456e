#include "sync/outcome.h"

#include "store/alarm.h"

enum {
    PARKED_AGAIN_MS = 15 * 60 * 1000, /* a parked mailbox is tried gently */
    FULL_AGAIN_MS = 60 * 60 * 1000,   /* room on the other side is looked for hourly */
};

/* A person must act before this can go well. */
static bool is_parked(const struct err *err)
{
    bool person =
        err->kind == ERR_DENIED || err->kind == ERR_NO_MAILBOX || err->kind == ERR_CONFIG;

    return err->kind != ERR_OK && err->scope != ERR_SCOPE_ITEM &&
           (person || err->when == ERR_WHEN_NEVER);
}

struct outcome outcome_of(const struct run_result *result)
{
    const struct err *err = &result->err;
    struct outcome outcome = {.condition = MAILBOX_OK,
                              .again = result->again,
                              .again_ms = result->again_ms,
                              .count_attempt = result->count_attempt};

    if (result->suspend) {
        outcome.condition = MAILBOX_SUSPENDED;
        outcome.alarm = ALARM_MAILBOX_SUSPENDED;
        outcome.again = false;
        return outcome;
    }
    outcome.fatal = err->kind == ERR_IO && err->scope == ERR_SCOPE_SERVICE;
    if (err->kind != ERR_OK && err->scope == ERR_SCOPE_ACCOUNT) {
        outcome.condition = is_parked(err) ? MAILBOX_PARKED : MAILBOX_OK;
        outcome.of_account = outcome.again = true;
        outcome.count_attempt = false;
        return outcome;
    }
    if (is_parked(err)) {
        outcome.condition = MAILBOX_PARKED;
        outcome.alarm = ALARM_MAILBOX_PARKED;
        outcome.again = true;
        outcome.again_ms = PARKED_AGAIN_MS;
        outcome.hold = true;
    } else if (err->kind != ERR_OK && err->when == ERR_WHEN_BACK_OFF) {
        outcome.hold = true;
    } else if (result->full) {
        outcome.alarm = ALARM_MAILBOX_FULL;
        if (!outcome.again)
            outcome.again_ms = FULL_AGAIN_MS;
        outcome.again = true;
    }
    return outcome;
}
