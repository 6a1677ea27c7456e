/* sibctl help. */
#include "admin/cli.h"
#include "admin/commands.h"

bool cmd_help(struct sibctl *ctl, struct err *err)
{
    const char *second = ctl->call.arg_count > 1 ? ctl->call.args[1] : "";
    char words[COMMAND_WORDS_BYTES];

    snprintf(words, sizeof words, "%s%s%s", ctl->call.arg_count > 0 ? ctl->call.args[0] : "",
             second[0] ? " " : "", second);
    return command_print_help(words, ctl->screen.out, err);
}
