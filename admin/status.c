#include "admin/status.h"

#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "admin/text.h"
#include "base/file.h"
#include "queue/lag.h"
#include "store/alarm.h"
#include "store/message.h"

enum { STATUS_FILE_MAX = 256 * 1024 };

static void set_reason(struct mailbox_status *out, const char *state, const char *reason)
{
    out->state = state;
    snprintf(out->reason, sizeof out->reason, "%s", reason);
}

static void reason_when_ok(struct mailbox_status *out)
{
    char span[TEXT_SHORT];

    out->state = mailbox_condition_name(MAILBOX_OK);
    if (out->recorded.last_error[0])
        snprintf(out->reason, sizeof out->reason,
                 "The last run failed and is tried again: %.400s", out->recorded.last_error);
    else if (out->waiting)
        snprintf(out->reason, sizeof out->reason, "%lld %s, the oldest for %s.",
                 (long long)out->waiting, out->waiting == 1 ? "message waits" : "messages wait",
                 text_span(out->lag_ms, span));
    else
        snprintf(out->reason, sizeof out->reason, "Both sides agree.");
}

static void name_state(struct mailbox_status *out, const struct mailbox *mailbox,
                       bool globally_on)
{
    const struct mailbox_state *recorded = &out->recorded;

    if (!globally_on) {
        set_reason(out, "off",
                   "Single inbox is off in the configuration ([sync] single-inbox).");
    } else if (!mailbox->single_inbox) {
        set_reason(out, "off", "Single inbox is off for this mailbox.");
    } else if (recorded->condition != MAILBOX_OK) {
        set_reason(out, mailbox_condition_name(recorded->condition),
                   recorded->reason[0] ? recorded->reason : "No reason was recorded.");
    } else if (recorded->last_run_ms == 0 && !recorded->last_error[0]) {
        set_reason(out, "never",
                   "It was never synchronised yet; the first run is still to come.");
    } else {
        reason_when_ok(out);
    }
}

/* What people should know of a mailbox that is synchronised all the same; the gravest first. */
static const char *const worth_saying[] = {ALARM_DISK_FULL, ALARM_MAILBOX_FULL,
                                           ALARM_MESSAGE_SET_ASIDE, ALARM_UNKNOWN_ITEMS,
                                           ALARM_EXCHANGE_RESTORED};
enum { WORTH_SAYING = sizeof worth_saying / sizeof worth_saying[0] };

struct saying {
    const char *mailbox;
    struct mailbox_status *out;
    size_t rank; /* of what was found; WORTH_SAYING: nothing yet */
};

static bool take_saying(const struct alarm *alarm, void *arg)
{
    struct saying *saying = arg;

    if (alarm->mailbox[0] && strcmp(alarm->mailbox, saying->mailbox) != 0)
        return true;
    for (size_t i = 0; i < saying->rank; i++) {
        if (strcmp(alarm->name, worth_saying[i]) == 0) {
            saying->rank = i;
            snprintf(saying->out->reason, sizeof saying->out->reason, "%s", alarm->text);
        }
    }
    return true;
}

static bool add_alarms(struct store *store, const struct mailbox *mailbox,
                       struct mailbox_status *out, struct err *err)
{
    struct saying saying = {mailbox->id, out, WORTH_SAYING};

    if (strcmp(out->state, "ok") != 0 || out->recorded.last_error[0])
        return true;
    return alarm_each(store, take_saying, &saying, err);
}

bool mailbox_status(struct store *store, const struct mailbox *mailbox, bool globally_on,
                    struct mailbox_status *out, struct err *err)
{
    int64_t oldest_ms, since_ms;

    memset(out, 0, sizeof *out);
    if (!mailbox_state_get(store, mailbox->id, &out->recorded, err) ||
        !message_dirty_count(store, mailbox->id, &out->waiting, &oldest_ms, err) ||
        !lag_since(store, mailbox->id, &since_ms, err) ||
        !message_count(store, mailbox->id, FOLDER_INBOX, &out->messages, &out->unread, err))
        return false;
    if (!mailbox->single_inbox || !globally_on)
        out->waiting = since_ms = 0;
    if (since_ms && store_now(store).ms > since_ms)
        out->lag_ms = store_now(store).ms - since_ms;
    name_state(out, mailbox, globally_on);
    return add_alarms(store, mailbox, out, err);
}

struct account_refusal {
    const char *section;
    struct mailbox_status *out;
};

static bool take_refusal(const struct alarm *alarm, void *arg)
{
    const struct account_refusal *refusal = arg;

    if (strcmp(alarm->name, ALARM_ACCOUNT_REFUSED) != 0 ||
        strcmp(alarm->subject, refusal->section) != 0)
        return true;
    set_reason(refusal->out, mailbox_condition_name(MAILBOX_PARKED), alarm->text);
    return false;
}

bool mailbox_status_account(struct store *store, const char *section,
                            struct mailbox_status *out, struct err *err)
{
    struct account_refusal refusal = {section, out};

    if (strcmp(out->state, "off") == 0 || strcmp(out->state, "suspended") == 0)
        return true;
    return alarm_each(store, take_refusal, &refusal, err);
}

/* A number that is in use again belongs to another program, so the name must fit too; and one
 * that died but was not reaped yet runs no more. */
static bool is_sibd(pid_t pid)
{
    char path[64], name[32] = "", state = 'X';

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (!file)
        return false;
    int fields = fscanf(file, "%*d (%31[^)]) %c", name, &state);
    fclose(file);
    return fields == 2 && strcmp(name, "sibd") == 0 && state != 'Z' && state != 'X';
}

bool daemon_read(const char *state_dir, json_t **status)
{
    char path[LIMIT_PATH];
    struct buf text;
    struct err err;

    *status = NULL;
    snprintf(path, sizeof path, "%s/status.json", state_dir);
    buf_init(&text, STATUS_FILE_MAX);
    if (file_read(path, &text, &err))
        *status = json_loadb(buf_str(&text), text.len, 0, NULL);
    buf_clear(&text);
    if (!json_is_object(*status)) {
        json_decref(*status);
        *status = NULL;
        return false;
    }
    return is_sibd((pid_t)json_integer_value(json_object_get(*status, "pid")));
}
