/* sibctl sync test: the steps of sync_steps.h one after the other, each with its answer. */
#include <stdlib.h>
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/sync_steps.h"
#include "admin/view.h"
#include "ews/record.h"

struct report {
    struct sibctl *ctl;
    json_t *steps; /* with --json */
    bool failed;
    enum err_kind kind; /* of the failure */
};

static void tell(struct report *report, const char *step, enum step_outcome outcome, int64_t ms,
                 const char *answer)
{
    static const char *const words[] = {
        [STEP_OK] = "ok", [STEP_FAILED] = "FAILED", [STEP_SKIPPED] = "skip"};
    static const enum style styles[] = {
        [STEP_OK] = STYLE_GOOD, [STEP_FAILED] = STYLE_BAD, [STEP_SKIPPED] = STYLE_DIM};
    const struct screen *screen = &report->ctl->screen;
    char clean[LIMIT_REASON];

    if (report->steps) {
        json_array_append_new(
            report->steps, json_pack("{s:s, s:b, s:b, s:I, s:o}", "step", step, "ok",
                                     outcome != STEP_FAILED, "skipped", outcome == STEP_SKIPPED,
                                     "ms", (json_int_t)ms, "answer", view_text(answer)));
        return;
    }
    fprintf(screen->out, "%s%-6s%s  %-14s  %6lld ms  %s\n",
            screen_begin(screen, styles[outcome]), words[outcome],
            screen_end(screen, styles[outcome]), step, (long long)ms,
            text_clean(answer, clean, sizeof clean));
    fflush(screen->out);
}

static void run_steps(struct sync_test *test, struct report *report)
{
    for (size_t i = 0; i < sync_step_count && !report->failed; i++) {
        struct mono start = clock_mono();
        err_clear(&test->err);
        test->answer[0] = '\0';
        enum step_outcome outcome = sync_steps[i].run(test);
        report->failed = outcome == STEP_FAILED;
        report->kind = test->err.kind;
        tell(report, sync_steps[i].name, outcome, mono_since(clock_mono(), start),
             report->failed ? test->err.text : test->answer);
    }
}

static void tell_recorded(const struct sync_test *test, const struct report *report)
{
    if (test->record_dir && test->transport && !report->steps)
        fprintf(report->ctl->screen.out, "%ld answers are written into %s\n",
                record_count(test->transport), test->record_dir);
}

static bool conclude(const struct sync_test *test, struct report *report, struct err *err)
{
    bool ok = true;

    if (report->steps)
        ok = sibctl_json(report->ctl,
                         json_pack("{s:s, s:b, s:O}", "mailbox", test->mailbox.name, "ok",
                                   !report->failed, "steps", report->steps),
                         err);
    return ok && (!report->failed || sibctl_failed(report->kind, err));
}

bool cmd_sync_test(struct sibctl *ctl, struct err *err)
{
    struct sync_test *test = calloc(1, sizeof *test);
    struct report report = {.ctl = ctl, .steps = ctl->call.json ? json_array() : NULL};
    bool ok;

    if (!test)
        return err_set(err, ERR_SYSTEM, "out of memory");
    ok = sibctl_open(ctl, err) &&
         mailbox_find(ctl->store, ctl->call.args[0], &test->mailbox, err);
    if (ok) {
        test->config = ctl->config;
        test->store = ctl->store;
        test->record_dir = command_option(&ctl->call, "record");
        run_steps(test, &report);
        tell_recorded(test, &report);
        ok = conclude(test, &report, err);
    }
    sync_test_clear(test);
    free(test);
    json_decref(report.steps);
    return ok;
}
