/* sibctl deposit: leave a message, as a caller does. */
#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/phone.h"

bool cmd_deposit(struct sibctl *ctl, struct err *err)
{
    const struct invocation *call = &ctl->call;
    const char *time = command_option(call, "time");
    char id[LIMIT_UUID];
    struct phone_deposit deposit = {
        .mailbox = call->args[0],
        .file = call->args[1],
        .from_number = command_option(call, "from"),
        .from_name = command_option(call, "name"),
        .subject = command_option(call, "subject"),
        .urgent = command_given(call, "urgent"),
        .private = command_given(call, "private"),
        .secure = command_given(call, "secure"),
        .transcript = command_option(call, "transcript"),
    };

    if (time && !clock_parse(time, &deposit.received))
        return err_set(err, ERR_USAGE,
                       "--time %.60s is not a time; write it as 2026-11-22T10:00:00Z", time);
    if (!sibctl_open(ctl, err) || !phone_deposit(ctl->store, &deposit, NULL, id, err))
        return false;
    if (call->json)
        return sibctl_json(ctl, json_pack("{s:s}", "id", id), err);
    fprintf(ctl->screen.out, "%s\n", id);
    return true;
}
