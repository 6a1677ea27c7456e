/* sibctl deposit: leave a message, as a caller does. */
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/phone.h"
#include "queue/wording.h"

static enum subject_type subject_type(const struct invocation *call)
{
    const char *word = command_option(call, "type");

    if (word && strcmp(word, "interview") == 0)
        return SUBJECT_INTERVIEW;
    return word && strcmp(word, "live-record") == 0 ? SUBJECT_LIVE_RECORD
                                                    : SUBJECT_OUTSIDE_CALLER;
}

static unsigned receipts(const struct invocation *call)
{
    return (command_given(call, "delivery-receipt") ? MESSAGE_WANTS_DELIVERY_RECEIPT : 0U) |
           (command_given(call, "read-receipt") ? MESSAGE_WANTS_READ_RECEIPT : 0U);
}

static bool check(const struct invocation *call, struct wall *received, struct err *err)
{
    const char *time = command_option(call, "time");

    if (time && !clock_parse(time, received))
        return err_set(err, ERR_USAGE,
                       "--time %.60s is not a time; write it as 2026-11-22T10:00:00Z", time);
    if (command_given(call, "keep-sent") && !command_given(call, "sender"))
        return err_set(err, ERR_USAGE, "--keep-sent needs --sender: whose copy is it?");
    return true;
}

static bool answer(struct sibctl *ctl, const struct delivered *delivered, struct err *err)
{
    json_t *ids = ctl->call.json ? json_array() : NULL;

    for (size_t i = 0; i < delivered->count; i++) {
        if (ids)
            json_array_append_new(ids, json_string(delivered->ids[i]));
        else
            fprintf(ctl->screen.out, "%s\n", delivered->ids[i]);
    }
    return !ctl->call.json ||
           sibctl_json(ctl, json_pack("{s:s, s:o}", "id", delivered->ids[0], "ids", ids), err);
}

bool cmd_deposit(struct sibctl *ctl, struct err *err)
{
    const struct invocation *call = &ctl->call;
    struct subject_book book;
    struct delivered delivered;
    struct phone_deposit deposit = {
        .mailbox = call->args[0],
        .file = call->args[1],
        .sender = command_option(call, "sender"),
        .from_number = command_option(call, "from"),
        .from_name = command_option(call, "name"),
        .called_number = command_option(call, "called"),
        .type = subject_type(call),
        .book = &book,
        .subject = command_option(call, "subject"),
        .urgent = command_given(call, "urgent"),
        .private = command_given(call, "private"),
        .secure = command_given(call, "secure"),
        .dispatch = command_given(call, "dispatch"),
        .keep_sent = command_given(call, "keep-sent"),
        .receipts = receipts(call),
        .transcript = command_option(call, "transcript"),
        .transcript_pending = command_given(call, "transcript-pending"),
    };

    if (!check(call, &deposit.received, err) || !sibctl_open(ctl, err))
        return false;
    wording_read(ctl->config, &book);
    return phone_deposit_all(ctl->store, &deposit, NULL, &delivered, err) &&
           answer(ctl, &delivered, err);
}
