/* The histories of test_stage_histories.c over the whole site: the scheduler, messages with
 * their audio, and the stand-in that is as strict as Exchange, for one server.
 *
 * WHOLE_FIRST=k WHOLE_SEEDS=n runs n seeds from k on; a failing one is named, and WHOLE_LOG=1
 * tells what was executed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/mapping.h"
#include "sync/account.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"
#include "tests/support/unruly.h"

enum { SEEDS = 12, MINUTE = 60 * 1000, QUIET_MS = 80 * MINUTE };

struct whole {
    uint64_t seed;
    struct rng rng;
    struct site *site;
    struct unruly *unruly;
    char message[LIMIT_UUID], mailbox[LIMIT_UUID];
    bool removed; /* by its owner */
};

/* ---- the stand-in behind the unruly transport ---- */

static int execute(const char *request, size_t len, struct buf *answer, void *arg)
{
    struct whole *w = arg;
    struct exchange_answer got;

    exchange_handle(w->site->exchange, "svc", request, len, &got);
    assert_false(got.dropped);
    buf_add(answer, buf_str(&got.body), got.body.len);
    int status = got.status;
    exchange_answer_clear(&got);
    return status;
}

static bool is_direct(const char *request, void *arg)
{
    struct whole *w = arg;
    struct folder_row *rows;
    int count;
    bool direct = false;
    struct err err;

    if (!strstr(request, "<m:CreateItem"))
        return false;
    assert_true(folder_list(w->site->store, w->mailbox, &rows, &count, &err));
    for (int i = 0; i < count; i++)
        direct = direct || strstr(request, rows[i].id);
    free(rows);
    return direct;
}

static void judge(const char *request, void *arg)
{
    struct whole *w = arg;

    if (!w->message[0])
        return;
    int items = site_items(w->site, "ann", w->message);
    if (getenv("WHOLE_LOG"))
        fprintf(stderr, "%lld executed, %d there: %.300s\n",
                (long long)loop_now(w->site->loop).ms, items, strstr(request, "<s:Body>") + 8);
    if (items > (w->removed ? 0 : 1))
        fail_msg("WHOLE_FIRST=%llu: there %d times after %.24s", (unsigned long long)w->seed,
                 items, strstr(request, "<s:Body>") + 8);
}

/* ---- what happens ---- */

static void open_whole(struct whole *w, uint64_t seed)
{
    struct mailbox mailbox;
    struct err err;

    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->rng = rng_seed(seed * 7919);
    struct site *site = w->site = site_new(seed, "request-timeout = 5s");
    site->expect_warnings = true;
    account_close(&site->account);
    transport_free(&site->transport);
    const struct unruly_server server = {execute, is_direct, w};
    w->unruly = unruly_new(site->loop, &server, seed, judge, w);
    site->transport = unruly_transport(w->unruly);
    const struct account_deps deps = {site->loop, site->transport, site->store, NULL};
    site->account = account_open(&deps, config_exchange(site->config, ""), &err);
    assert_non_null(site->account);
    site_mailbox(site, "ann");
    assert_true(mailbox_find(site->store, "ann", &mailbox, &err));
    memcpy(w->mailbox, mailbox.id, sizeof w->mailbox);
}

static void close_whole(struct whole *w)
{
    unruly_free(&w->unruly);
    site_free(&w->site);
}

static bool is_agreed(struct whole *w)
{
    struct agreed agreed;
    struct err err;

    assert_true(agreed_get(w->site->store, w->message, &agreed, &err));
    return agreed.place == AGREED_INBOX;
}

/* A person acts on what can be seen: a copy in a hidden folder carries the same id. */
static bool find_shown(struct whole *w, char *item)
{
    struct err err;
    size_t i;
    json_t *entry, *list = exchange_user_list(w->site->exchange, "ann@example.net", NULL, &err);
    bool found = false;

    assert_non_null(list);
    json_array_foreach(json_object_get(list, "items"), i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "message_id"));
        const char *folder = json_string_value(json_object_get(entry, "folder"));
        if (!id || strcmp(id, w->message) != 0 || !folder || strstr(folder, "Staging"))
            continue;
        found = true;
        snprintf(item, EXCHANGE_ID_MAX, "%s", json_string_value(json_object_get(entry, "id")));
    }
    json_decref(list);
    return found;
}

static void in_exchange(struct whole *w)
{
    static const char *const acts[][2] = {{"read", NULL},
                                          {"urgent", "on"},
                                          {"move", "Inbox/Kept"},
                                          {"delete", NULL},
                                          {"purge", NULL}};
    const char *const *act = acts[rng_below(&w->rng, 5)];
    char shown[EXCHANGE_ID_MAX], item[EXCHANGE_ID_MAX];
    const char *words[] = {shown, act[1]};
    struct err err;
    /* Deleting what is deleted already removes it, too. */
    bool removes = strcmp(act[0], "purge") == 0 || strcmp(act[0], "delete") == 0;

    /* What a create in one request made and a person removed at once, nobody can know of. */
    if (removes && !is_agreed(w) && exchange_count(w->site->exchange, "MoveItem") == 0)
        return;
    if (find_shown(w, shown) && exchange_user_act(w->site->exchange, "ann@example.net", act[0],
                                                  words, act[1] ? 2 : 1, item, &err))
        w->removed = w->removed || site_items(w->site, "ann", w->message) == 0;
}

static void accident(struct whole *w)
{
    switch (rng_below(&w->rng, 4)) {
    case 0:
        if (w->site->scheduler)
            site_kill(w->site);
        break;
    case 1:
        if (rng_below(&w->rng, 4) == 0)
            in_exchange(w);
        break;
    default:
        if (!w->site->scheduler)
            site_start(w->site);
        break;
    }
}

static void check(struct whole *w)
{
    char differs[512];
    int items = site_items(w->site, "ann", w->message);

    if (items != (w->removed ? 0 : 1))
        fail_msg("WHOLE_FIRST=%llu: there %d times when all is quiet",
                 (unsigned long long)w->seed, items);
    if (!site_agrees(w->site, differs, sizeof differs))
        fail_msg("WHOLE_FIRST=%llu: %s", (unsigned long long)w->seed, differs);
}

static void play(struct whole *w)
{
    static const int much[] = {0, 20, 40};
    const struct unruly_faults none = {0}, broken = {.lost = 100},
                               faults = {
                                   much[rng_below(&w->rng, 3)], much[rng_below(&w->rng, 2)],
                                   much[rng_below(&w->rng, 3)], much[rng_below(&w->rng, 3)]};

    site_start(w->site);
    site_run(w->site, 5000);
    /* Often the first create is lost or in doubt; then the message is staged. */
    unruly_set_faults(w->unruly, rng_below(&w->rng, 4) ? &broken : &faults);
    site_deposit(w->site, "ann", "en-short-pcm16.wav", "", w->message);
    site_run(w->site, 1500);
    unruly_set_faults(w->unruly, &faults);
    for (int i = 0; i < 20; i++) {
        site_run(w->site, (int64_t)rng_below(&w->rng, 1ull << rng_below(&w->rng, 17)));
        accident(w);
    }
    unruly_set_faults(w->unruly, &none);
    if (!w->site->scheduler)
        site_start(w->site);
    site_run(w->site, QUIET_MS);
    check(w);
    unruly_flush(w->unruly);
    site_run(w->site, QUIET_MS);
    check(w);
}

static uint64_t number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : fallback;
}

static void a_message_is_shown_once_by_the_whole_site(void **state)
{
    uint64_t first = number("WHOLE_FIRST", 1), seeds = number("WHOLE_SEEDS", SEEDS);
    long staged = 0, removed = 0;
    struct whole w;

    (void)state;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        open_whole(&w, seed);
        play(&w);
        staged += exchange_count(w.site->exchange, "CreateFolder") > 0;
        removed += w.removed;
        close_whole(&w);
    }
    print_message("%llu histories; %ld messages were staged, %ld removed by their owner\n",
                  (unsigned long long)seeds, staged, removed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_shown_once_by_the_whole_site)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
