/* Acts on a mailbox as a whole: those of an administrator of Exchange. */
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_user.h"
#include "tests/exchange/exchange_user_private.h"

static bool move_server(struct exchange *ex, const char *mailbox, const char *const *args,
                        int count, struct err *err)
{
    char *rest;
    struct exchange_move move = {.lasts_ms = strtoll(args[0], &rest, 10)};
    if (*rest || rest == args[0] || move.lasts_ms < 0)
        return err_set(err, ERR_USAGE, "move-server takes milliseconds, not \"%s\"", args[0]);
    move.to = count > 1 ? args[1] : NULL;
    return exchange_move_mailbox(ex, mailbox, &move, err);
}

static bool snapshot(struct exchange *ex, const char *mailbox, const char *const *args,
                     int count, struct err *err)
{
    (void)args, (void)count;
    return exchange_snapshot(ex, mailbox, err);
}

static bool restore(struct exchange *ex, const char *mailbox, const char *const *args,
                    int count, struct err *err)
{
    (void)args, (void)count;
    return exchange_restore(ex, mailbox, err);
}

static bool lose_states(struct exchange *ex, const char *mailbox, const char *const *args,
                        int count, struct err *err)
{
    (void)args, (void)count;
    return exchange_lose_states(ex, mailbox, err);
}

static bool lose_subscriptions(struct exchange *ex, const char *mailbox,
                               const char *const *args, int count, struct err *err)
{
    (void)args, (void)count;
    return exchange_lose_subscriptions(ex, mailbox, err);
}

static const struct {
    const char *word;
    int least, most; /* arguments */
    bool (*run)(struct exchange *ex, const char *mailbox, const char *const *args, int count,
                struct err *err);
} acts[] = {
    {"snapshot", 0, 0, snapshot},
    {"restore-backup", 0, 0, restore},
    {"move-server", 1, 2, move_server},
    {"lose-states", 0, 0, lose_states},
    {"lose-subscriptions", 0, 0, lose_subscriptions},
};

bool ex_user_whole(struct exchange *ex, const char *mailbox, const struct user_words *words,
                   bool *known, struct err *err)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        *known = !strcmp(acts[i].word, words->act);
        if (!*known)
            continue;
        if (words->count < acts[i].least || words->count > acts[i].most)
            return err_set(err, ERR_USAGE, "%s takes %d to %d arguments", words->act,
                           acts[i].least, acts[i].most);
        return acts[i].run(ex, mailbox, words->args, words->count, err);
    }
    return false;
}
