/* A run over another side that never comes to an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "sync/run.h"
#include "tests/support/store_fixture.h"

/* One folder, and changes without end: each page names another token and says that more follow.
 */
struct endless {
    struct remote base; /* the first member */
    struct loop *loop;
    long pages;
    bool ended;
    struct run_result result;
};

struct remote_call {
    struct endless *endless;
    struct loop_timer *timer;
    remote_folders_fn *folders;
    remote_changes_fn *changes;
    void *arg;
};

static void answer(void *arg)
{
    struct remote_call call = *(struct remote_call *)arg;
    const struct remote_folder inbox = {
        .id = "in", .name = "Inbox", .place = REMOTE_INBOX, .root = true};
    struct err ok;
    char token[32];

    loop_timer_free(&call.timer);
    free(arg);
    err_clear(&ok);
    if (call.folders) {
        call.folders(&ok, &inbox, 1, call.arg);
        return;
    }
    snprintf(token, sizeof token, "token %ld", ++call.endless->pages);
    const struct remote_page page = {.token = token};
    call.changes(&ok, &page, call.arg);
}

static struct remote_call *later(struct remote *remote, remote_folders_fn *folders,
                                 remote_changes_fn *changes, void *arg)
{
    struct remote_call *call = calloc(1, sizeof *call);

    assert_non_null(call);
    *call = (struct remote_call){.endless = (struct endless *)remote,
                                 .folders = folders,
                                 .changes = changes,
                                 .arg = arg};
    call->timer = loop_timer_new(call->endless->loop, answer, call);
    loop_timer_set(call->timer, 1);
    return call;
}

static struct remote_call *folders(struct remote *remote, unsigned with, remote_folders_fn *fn,
                                   void *arg)
{
    (void)with;
    return later(remote, fn, NULL, arg);
}

static struct remote_call *changes(struct remote *remote, const char *folder, const char *token,
                                   remote_changes_fn *fn, void *arg)
{
    (void)folder, (void)token;
    return later(remote, NULL, fn, arg);
}

static void done(const struct run_result *result, void *arg)
{
    struct endless *endless = arg;

    endless->ended = true;
    endless->result = *result;
}

static void changes_without_end_end_the_run(void **state)
{
    static const struct remote_ops ops = {.folders = folders, .changes = changes};
    struct store_fixture *f = *state;
    struct endless endless = {.base = {.ops = &ops},
                              .loop = loop_virtual_new((struct wall){1795600000000})};
    struct mailbox mailbox = {.name = "ann", .smtp = "ann@example.com", .single_inbox = true};
    const struct run_deps deps = {.loop = endless.loop,
                                  .store = f->store,
                                  .item_class = "IPM.Note",
                                  .in_doubt_ms = 1000,
                                  .guard_count = 20,
                                  .guard_percent = 10};

    sf_begin(f);
    sf_ok(f, mailbox_add(f->store, &mailbox, &f->err));
    sf_commit(f);
    assert_non_null(
        run_start(&deps, &endless.base, &mailbox, 1u << QUEUE_SWEEP, done, &endless));
    loop_virtual_run(endless.loop, 10 * LIMIT_SYNC_PAGES);
    assert_true(endless.ended);
    assert_int_equal(endless.pages, LIMIT_SYNC_PAGES + 1);
    assert_int_equal(endless.result.err.kind, ERR_PROTOCOL);
    assert_int_equal(endless.result.err.scope, ERR_SCOPE_MAILBOX);
    loop_free(&endless.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_without_end_end_the_run, sf_set_up,
                                        sf_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
