/* What goes wrong, and who looks after it: Exchange, the network, the service, administrators.
 */
#include <string.h>

#include "admin/enabling.h"
#include "queue/job.h"
#include "queue/queue.h"
#include "tests/walk/walk.h"

enum { MANY = 9 }; /* above the guard's limit, whatever the copies */

/* ---- Exchange and the network ---- */

struct weather {
    const char *name;
    int faults[MEMORY_FAULTS];
};

static const struct weather weathers[] = {
    {"fine", {0}},
    {"answers are lost", {[MEMORY_LOST] = 40}},
    {"requests are dropped", {[MEMORY_DROPPED] = 30}},
    {"late", {[MEMORY_LATE] = 30}},
    {"lost, dropped, late", {[MEMORY_LOST] = 15, [MEMORY_DROPPED] = 15, [MEMORY_LATE] = 15}},
    {"busy", {[MEMORY_BUSY] = 30}},
    {"broken inside", {[MEMORY_BROKE] = 30}},
    {"unreached", {[MEMORY_UNREACHED] = 40}},
    {"tokens refused", {[MEMORY_STATES] = 20}},
    {"calls are lost", {[MEMORY_SILENT] = 60, [MEMORY_TWICE] = 20}},
    {"calls are late", {[MEMORY_SLOW_CALL] = 60, [MEMORY_TWICE] = 20}},
    {"subscriptions are lost", {[MEMORY_UNSUBSCRIBED] = 40}},
    {"everything",
     {[MEMORY_LOST] = 8,
      [MEMORY_DROPPED] = 8,
      [MEMORY_LATE] = 8,
      [MEMORY_BUSY] = 8,
      [MEMORY_BROKE] = 5,
      [MEMORY_STATES] = 5,
      [MEMORY_SILENT] = 20,
      [MEMORY_UNSUBSCRIBED] = 5}},
};

static void change_weather(struct walk *walk, const struct weather *weather)
{
    memcpy(walk->site->remotes->faults, weather->faults, sizeof weather->faults);
    walk_say(walk->site, "weather: %s", weather->name);
}

static bool is_swept(const struct memory_mailbox *mailbox)
{
    for (int i = 0; i < mailbox->item_count; i++) {
        if (mailbox->items[i].folder == MEMORY_LIMBO)
            return true;
    }
    return false;
}

/* So many that nobody takes their end for the act of a person. */
static bool many_items(const struct memory_mailbox *mailbox)
{
    int count = 0;

    for (int i = 0; i < mailbox->item_count; i++)
        count += mailbox->items[i].message[0] &&
                 memory_place(mailbox, mailbox->items[i].folder) != REMOTE_PLACES;
    return count >= MANY;
}

/* Another mailbox stands in the place of the right one; or all that is in it goes away. Sooner
 * or later somebody puts it right. */
static void mishap(struct walk *walk, struct memory_mailbox *mailbox)
{
    bool swept = is_swept(mailbox);

    if (!mailbox->empty && !swept && !many_items(mailbox))
        return;
    mailbox->emptied = true;
    if (swept) {
        memory_bring_back(mailbox);
    } else if (!mailbox->empty && walk_draw(walk, 2)) {
        memory_sweep_away(mailbox);
    } else {
        mailbox->empty = !mailbox->empty;
        memory_lose_tokens(mailbox);
    }
    walk_say(walk->site, "exchange: %s is %s", mailbox->address,
             mailbox->empty      ? "empty: a wrong one stands in its place"
             : is_swept(mailbox) ? "swept empty"
                                 : "as it was");
}

void walk_trouble(struct walk *walk)
{
    int side = walk_draw(walk, WALK_SIDES);
    struct memory_mailbox *mailbox = walk->site->remote[side];
    int what = walk_draw(walk, 12);

    if (what < 9) {
        change_weather(walk, &weathers[walk_draw(walk, sizeof weathers / sizeof weathers[0])]);
    } else if (what < 10) {
        memory_lose_tokens(mailbox);
        walk_say(walk->site, "exchange: %s forgets every token", mailbox->address);
    } else if (what < 11) {
        mailbox->full = !mailbox->full;
        walk_say(walk->site, "exchange: %s is %s", mailbox->address,
                 mailbox->full ? "full" : "not full any more");
    } else {
        mishap(walk, mailbox);
    }
}

/* ---- the service ---- */

void walk_service(struct walk *walk)
{
    struct walk_site *site = walk->site;

    if (!site->scheduler) {
        walk_site_start(site);
        return;
    }
    /* In the middle of something, most of the time. */
    walk_site_pass(site, walk_draw(walk, 120));
    walk_site_kill(site);
    if (walk_draw(walk, 4))
        walk_site_start(site);
}

/* ---- administrators ---- */

static bool resync(struct store *store, const char *mailbox, struct err *err)
{
    int64_t job;

    return job_ask(store, mailbox, "resync", &job, err) &&
           queue_push(store, mailbox, QUEUE_RESYNC, 0, err);
}

static bool is_suspended(struct walk *walk, int side)
{
    struct mailbox_state state;
    struct err err;

    if (!mailbox_state_get(walk->site->store, walk->site->mailboxes[side].id, &state, &err))
        walk_die("%s", err.text);
    return state.condition == MAILBOX_SUSPENDED;
}

/* What an administrator says, in one transaction. */
enum word { WORD_NOTHING, WORD_SUSPEND, WORD_RESUME, WORD_OFF, WORD_ON, WORDS };

static bool say(struct store *store, const struct mailbox *mailbox, enum word word,
                struct err *err)
{
    switch (word) {
    case WORD_SUSPEND: return enabling_suspend(store, mailbox, err);
    case WORD_RESUME: return enabling_resume(store, mailbox, err);
    case WORD_OFF: return enabling_switch(store, mailbox, false, err);
    case WORD_ON: return enabling_switch(store, mailbox, true, err);
    default: return true;
    }
}

static void tell_system(struct walk *walk, int side, enum word word, bool with_resync)
{
    static const char *const words[WORDS] = {"", "suspended", "goes on", "switched off",
                                             "switched on"};
    struct walk_site *site = walk->site;
    struct mailbox *mailbox = &site->mailboxes[side];
    struct err err;

    walk_say(site, "administrator: %s %s%s", mailbox->name, words[word],
             with_resync ? ", resync" : "");
    if (!store_begin(site->store, &err) ||
        (with_resync && !resync(site->store, mailbox->id, &err)) ||
        !say(site->store, mailbox, word, &err) || !store_commit(site->store, &err))
        walk_die("%s", err.text);
    if (word == WORD_OFF || word == WORD_ON)
        mailbox->single_inbox = word == WORD_ON;
    walk_site_poke(site);
}

void walk_administrator(struct walk *walk)
{
    int side = walk_draw(walk, WALK_SIDES);
    bool on = walk->site->mailboxes[side].single_inbox, again = walk_draw(walk, 2);

    /* Who sees the wrong mailbox does not say that it is the right one. */
    if (walk->site->remote[side]->empty || is_swept(walk->site->remote[side]))
        return;
    if (!on || walk_draw(walk, 4) == 0)
        tell_system(walk, side, on ? WORD_OFF : WORD_ON, false);
    else if (is_suspended(walk, side))
        tell_system(walk, side, WORD_RESUME, true);
    else
        tell_system(walk, side, walk_draw(walk, 2) ? WORD_SUSPEND : WORD_NOTHING, again);
}

bool walk_resume(struct walk *walk)
{
    bool any = false;

    for (int side = 0; side < WALK_SIDES; side++) {
        if (is_suspended(walk, side)) {
            tell_system(walk, side, WORD_RESUME, true);
            any = true;
        }
    }
    return any;
}

void walk_peace(struct walk *walk)
{
    struct walk_site *site = walk->site;

    change_weather(walk, &weathers[0]);
    for (int side = 0; side < WALK_SIDES; side++) {
        struct memory_mailbox *mailbox = site->remote[side];
        if (mailbox->empty)
            memory_lose_tokens(mailbox);
        memory_bring_back(mailbox);
        mailbox->empty = mailbox->full = false;
        if (!site->mailboxes[side].single_inbox)
            tell_system(walk, side, WORD_ON, false);
    }
    walk_site_start(site);
}
