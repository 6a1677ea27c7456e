#include "admin/dry_report.h"

#include <string.h>

#include "admin/table.h"
#include "admin/view.h"

enum { SHORT_ID = 8, SENTENCE_BYTES = 1024 };

/* ---- for people ---- */

static const char *place_of(const char *side)
{
    if (strcmp(side, "exchange") == 0)
        return "Exchange";
    return strcmp(side, "connection") == 0 ? "here" : "";
}

static bool add_row(const struct job_line *line, void *arg)
{
    struct table *table = arg;
    char received[TEXT_SHORT];
    bool waits = line->side[0] == '\0';

    table_cell(table, STYLE_DIM, "%.*s", SHORT_ID, line->message);
    table_cell(table, STYLE_PLAIN, "%s",
               line->received_ms ? text_time((struct wall){line->received_ms}, received) : "");
    table_cell(table, STYLE_PLAIN, "%s", line->subject);
    table_cell(table, STYLE_PLAIN, "%s", place_of(line->side));
    table_cell(table, waits ? STYLE_WARN : STYLE_PLAIN, "%s", line->what);
    table_cell(table, STYLE_PLAIN, "%s", line->why);
    return true;
}

/* "3 created, 1 removed" of one side. */
struct sums {
    const char *side; /* which one is wanted */
    char text[SENTENCE_BYTES];
    int64_t all; /* of every side */
};

static bool add_sum(const char *side, const char *what, int64_t count, void *arg)
{
    struct sums *sums = arg;
    size_t at = strlen(sums->text);

    sums->all += count;
    if (strcmp(side, sums->side) == 0)
        snprintf(sums->text + at, sizeof sums->text - at, "%s%lld %s", at ? ", " : "",
                 (long long)count, what);
    return true;
}

static bool sum_side(struct sibctl *ctl, const struct job *job, struct sums *sums,
                     const char *side, struct err *err)
{
    *sums = (struct sums){.side = side};
    return job_sum_each(ctl->store, job->id, add_sum, sums, err);
}

static void add_sentence(char *text, size_t size, const char *lead, const char *sums)
{
    size_t at = strlen(text);

    if (sums[0])
        snprintf(text + at, size - at, " %s%s.", lead, sums);
}

static bool say_sums(struct sibctl *ctl, const struct job *job, const struct mailbox *mailbox,
                     int64_t listed, struct err *err)
{
    struct sums there, here, rest;
    char text[3 * SENTENCE_BYTES] = "";

    if (!sum_side(ctl, job, &there, "exchange", err) ||
        !sum_side(ctl, job, &here, "connection", err) || !sum_side(ctl, job, &rest, "", err))
        return false;
    if (rest.all > listed)
        sibctl_say(ctl, "... and %lld more.", (long long)(rest.all - listed));
    add_sentence(text, sizeof text, "Would be in Exchange: ", there.text);
    add_sentence(text, sizeof text, "Would be here: ", here.text);
    add_sentence(text, sizeof text, "", rest.text);
    sibctl_say(ctl, "%s: %lld messages compared.%s", mailbox->name, (long long)job->total,
               rest.all ? text : " Nothing would be done.");
    return true;
}

bool dry_report_print(struct sibctl *ctl, const struct job *job, const struct mailbox *mailbox,
                      struct err *err)
{
    static const struct table_column columns[] = {
        {.heading = "MESSAGE"}, {.heading = "RECEIVED"}, {.heading = "SUBJECT", .shrink = true},
        {.heading = "WHERE"},   {.heading = "WOULD BE"}, {.heading = "WHY", .shrink = true},
    };
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
    bool ok = job_line_each(ctl->store, job->id, add_row, table, err);
    int listed = table_rows(table);

    if (ok && listed > 0)
        ok = table_print(table, &ctl->screen, err);
    table_free(&table);
    return ok && say_sums(ctl, job, mailbox, listed, err);
}

/* ---- for programs ---- */

static bool view_line(const struct job_line *line, void *arg)
{
    json_t *list = arg;
    json_t *message = line->message[0] ? view_text(line->message) : json_null();

    return json_array_append_new(
               list, json_pack("{s:o, s:o, s:o, s:s, s:o, s:o}", "message", message, "subject",
                               view_text(line->subject), "received",
                               view_time(line->received_ms), "side", line->side, "action",
                               view_text(line->what), "reason", view_text(line->why))) == 0;
}

/* Counts of "exchange" and "connection" as objects by action; what waits by its own name. */
static bool view_sum(const char *side, const char *what, int64_t count, void *arg)
{
    json_t *summary = arg;
    json_t *place = side[0] ? json_object_get(summary, side) : summary;
    int64_t all = json_integer_value(json_object_get(summary, "actions"));

    return json_object_set_new(place, what, json_integer((json_int_t)count)) == 0 &&
           json_object_set_new(summary, "actions", json_integer(all + count)) == 0;
}

bool dry_report_view(struct sibctl *ctl, const struct job *job, json_t *object, struct err *err)
{
    json_t *actions = json_array();
    json_t *summary =
        json_pack("{s:I, s:I, s:i, s:{}, s:{}}", "messages", (json_int_t)job->total, "pages",
                  (json_int_t)job->pages, "actions", 0, "exchange", "connection");

    /* The object owns both from here on, whatever comes. */
    if (json_object_set_new(object, "summary", summary) != 0 ||
        json_object_set_new(object, "actions", actions) != 0)
        return err_set(err, ERR_SYSTEM, "out of memory");
    return job_line_each(ctl->store, job->id, view_line, actions, err) &&
           job_sum_each(ctl->store, job->id, view_sum, summary, err);
}
