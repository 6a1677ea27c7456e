/* The command line of sibctl as one table: words, arguments, options, help, function.
 *
 * Parsing, usage errors and every help text come from command_table (command_table.c). Pure but
 * for the printing functions. Ownership: an invocation borrows argv. Errors: ERR_USAGE with a
 * sentence that names what is wrong. */
#ifndef SIB_ADMIN_COMMAND_H
#define SIB_ADMIN_COMMAND_H

#include <stdio.h>

#include "base/err.h"

enum { COMMAND_OPTIONS_MAX = 20, COMMAND_ARGS_MAX = 4, COMMAND_WORDS_BYTES = 64 };

struct sibctl;
typedef bool command_fn(struct sibctl *ctl, struct err *err);

struct command_option {
    const char *name;  /* "folder" is --folder; NULL ends the list */
    const char *value; /* "NUMBER"; "inbox|deleted": one of these words; NULL: a switch */
    bool required;
    const char *help;
};

struct command {
    const char *words; /* "message list" */
    /* "NAME FILE.wav"; "[NAME]" may be left out; "[WORD...]" any number; "NAME|--all": the
     * argument or the switch, not both. */
    const char *args;
    const char *help; /* one line */
    const char *more; /* further sentences; NULL: none */
    struct command_option options[COMMAND_OPTIONS_MAX];
    command_fn *run;
};

extern const struct command command_table[];
extern const size_t command_count;

struct invocation {
    const struct command *command; /* NULL: only help or the version is wanted */
    char
        words[COMMAND_WORDS_BYTES]; /* the command words so far, also when they are not whole */
    const char *args[COMMAND_ARGS_MAX];
    int arg_count;
    const char *values[COMMAND_OPTIONS_MAX]; /* by index in options; a switch has "" */
    const char *config;                      /* NULL: the default */
    bool json, help, version;
};

/* Also after a failure `command` is set when it was recognised, for command_print_usage. */
bool command_parse(int argc, char *const *argv, struct invocation *out, struct err *err);

/* The value of an option ("" for a switch); NULL when it was not given. */
const char *command_option(const struct invocation *invocation, const char *name);
bool command_given(const struct invocation *invocation, const char *name);

/* "usage: sibctl message list NAME [--folder inbox|deleted|sent]"; command NULL: of the whole.
 */
void command_print_usage(const struct command *command, FILE *out);
/* The help for a command ("message list"), a group ("message") or everything (""). */
bool command_print_help(const char *words, FILE *out, struct err *err);

/* The word of a list that `word` was probably meant to be, or NULL. */
const char *command_nearest(const char *word, const char *const *words, size_t count);

#endif
