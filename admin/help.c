/* Usage lines and help texts, printed from the table of commands. */
#include "admin/command.h"

#include <string.h>

#define SYNOPSIS "sibctl [-c FILE] [--json] COMMAND"

enum { USAGE_WIDTH = 96 };

/* A word of a usage line; a new line begins when the present one is full. */
static void usage_word(FILE *out, int *column, int indent, const char *word)
{
    int len = (int)strlen(word);

    if (*column + 1 + len > USAGE_WIDTH) {
        fprintf(out, "\n%*s", indent - 1, "");
        *column = indent - 1;
    }
    *column += fprintf(out, " %s", word);
}

static void usage_option(FILE *out, int *column, int indent,
                         const struct command_option *option)
{
    char text[96];

    snprintf(text, sizeof text, "%s--%s%s%s%s", option->required ? "" : "[", option->name,
             option->value ? " " : "", option->value ? option->value : "",
             option->required ? "" : "]");
    usage_word(out, column, indent, text);
}

/* "NAME|--all" names its switch itself. */
static bool named_in_args(const struct command *command, const char *option)
{
    const char *bar = strstr(command->args, "|--");

    return bar && strcmp(bar + 3, option) == 0;
}

static void print_synopsis(const struct command *command, const char *lead, FILE *out)
{
    int column = fprintf(out, "%ssibctl", lead);
    int indent;

    usage_word(out, &column, 0, command->words);
    indent = column + 1;
    if (command->args[0])
        usage_word(out, &column, indent, command->args);
    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        if (!named_in_args(command, command->options[i].name))
            usage_option(out, &column, indent, &command->options[i]);
    fputc('\n', out);
}

void command_print_usage(const struct command *command, FILE *out)
{
    if (command)
        print_synopsis(command, "usage: ", out);
    else
        fputs("usage: " SYNOPSIS "\n       sibctl help [COMMAND]\n", out);
}

static void print_global_options(FILE *out)
{
    fputs("\nOptions of every command\n"
          "  -c, --config FILE     the configuration file (default: the variable SIB_CONFIG, "
          "then\n"
          "                        /etc/sib/sib.conf)\n"
          "  --json                one JSON document on standard output\n"
          "  -h, --help            this help\n"
          "  -V, --version         the version\n",
          out);
}

static void print_command_help(const struct command *command, FILE *out)
{
    print_synopsis(command, "usage: ", out);
    fprintf(out, "\n%s.\n", command->help);
    if (command->more)
        fprintf(out, "%s\n", command->more);
    if (command->options[0].name)
        fputs("\nOptions\n", out);
    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++) {
        const struct command_option *option = &command->options[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        fprintf(out, "  %-30s  %s\n", left, option->help);
    }
    print_global_options(out);
}

static void print_list(const char *group, FILE *out)
{
    size_t len = strlen(group);
    size_t last = 0;

    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &command_table[i];
        size_t first = strcspn(command->words, " ");
        char left[64];
        if (len && (strncmp(command->words, group, len) != 0 || command->words[len] != ' '))
            continue;
        if (i && !len &&
            (first != last || strncmp(command->words, command_table[i - 1].words, first) != 0))
            fputc('\n', out);
        last = first;
        snprintf(left, sizeof left, "%s %s", command->words, command->args);
        fprintf(out, "  %-32s  %s\n", left, command->help);
    }
}

bool command_print_help(const char *words, FILE *out, struct err *err)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(command_table[i].words, words) == 0) {
            print_command_help(&command_table[i], out);
            return true;
        }
    }
    for (size_t i = 0; i < command_count && words[0]; i++) {
        if (strncmp(command_table[i].words, words, strlen(words)) == 0 &&
            command_table[i].words[strlen(words)] == ' ') {
            fputs("usage: " SYNOPSIS "\n\n", out);
            print_list(words, out);
            print_global_options(out);
            return true;
        }
    }
    if (words[0])
        return err_set(err, ERR_USAGE, "there is no command \"%s\"; \"sibctl help\" lists them",
                       words);
    fputs("usage: " SYNOPSIS "\n\n", out);
    print_list("", out);
    print_global_options(out);
    fputs("\n\"sibctl COMMAND --help\" says more about one command.\n", out);
    return true;
}
