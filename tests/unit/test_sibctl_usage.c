/* The command line of sibctl: what is wrong is named, with the usage line; help is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "admin/cli.h"

enum { ARGS_MAX = 16 };

struct result {
    int code;
    char *out, *errors;
};

/* Run a command line that is written as people write it. */
static struct result run(const char *line)
{
    struct result result;
    size_t out_size, errors_size;
    FILE *out = open_memstream(&result.out, &out_size);
    FILE *errors = open_memstream(&result.errors, &errors_size);
    char *copy = strdup(line), *rest = copy, *word;
    char *argv[ARGS_MAX] = {(char *)"sibctl"};
    int argc = 1;

    while ((word = strsep(&rest, " ")) && argc < ARGS_MAX)
        if (word[0])
            argv[argc++] = word;
    result.code = sibctl_main(argc, argv, out, errors);
    fclose(out);
    fclose(errors);
    free(copy);
    return result;
}

static void done(struct result *result)
{
    free(result->out);
    free(result->errors);
}

static const struct {
    const char *line, *sentence, *usage;
} usage_errors[] = {
    {"", "no command is given", "usage: sibctl [-c FILE] [--json] COMMAND"},
    {"mesage list ann", "there is no command \"mesage\"; did you mean \"message\"?",
     "usage: sibctl ["},
    {"message lst ann", "there is no command \"message lst\"; did you mean \"message list\"?",
     ""},
    {"message frobnicate", "after \"message\" comes one of: list, show, read", ""},
    {"frobnicate", "\"sibctl help\" lists them", ""},
    {"message", "\"message\" needs one more word: list, show,", ""},
    {"message show", "message show: ID is missing", "usage: sibctl message show ID\n"},
    {"message show a b", "message show: \"b\" is one argument too many",
     "usage: sibctl message show ID\n"},
    {"message subject abc", "message subject: TEXT is missing", "message subject ID TEXT\n"},
    {"message list ann --foldr inbox", "there is no option --foldr; did you mean --folder?",
     "usage: sibctl message list NAME [--folder inbox|deleted|sent]"},
    {"message list ann --folder drafts",
     "--folder must be one of inbox|deleted|sent, not \"drafts\"",
     "usage: sibctl message list"},
    {"message list ann --folder", "--folder needs a value (inbox|deleted|sent)", ""},
    {"message list ann --folder=inbox --folder=sent", "--folder is given twice", ""},
    {"deposit ann", "deposit: FILE.wav is missing",
     "usage: sibctl deposit NAME[,NAME] FILE.wav"},
    {"deposit ann a.wav --urgent=1", "--urgent takes no value", ""},
    {"deposit ann a.wav --time tomorrow", "--time tomorrow is not a time; write it as", NULL},
    {"deposit ann a.wav --keep-sent", "--keep-sent needs --sender", NULL},
    {"deposit ann a.wav --type fax",
     "--type must be one of outside-caller|interview|live-record", ""},
    {"mailbox set ann --language tlh", "--language must be one of en|ja", ""},
    {"message accept", "ID is missing", "usage: sibctl message accept ID"},
    {"deposit ann a.wav -x", "there is no option -x", ""},
    {"mailbox add ann", "mailbox add: --smtp ADDRESS is missing",
     "usage: sibctl mailbox add NAME --smtp ADDRESS"},
    {"mailbox list extra", "\"extra\" is one argument too many",
     "usage: sibctl mailbox list\n"},
    {"--bogus mailbox list", "there is no option --bogus", "usage: sibctl ["},
    {"--folder inbox message list ann", "there is no option --folder", ""},
    {"mailbox list -c", "-c needs the name of a configuration file", ""},
    {"--json=yes mailbox list", "--json takes no value", ""},
    {"sync resync", "a name or --all is missing",
     "usage: sibctl sync resync NAME|--all [--dry-run] [--from-connection] [--import] "
     "[--wait]\n"},
    {"sync resync ann --all", "give a name or --all, not both (\"ann\")", ""},
    {"sync suspend ann bob", "\"bob\" is one argument too many", ""},
    {"queue retry first", "\"first\" is not a number of the queue", NULL},
    /* What is not built yet is not taken silently. */
    {"cluster make-primary", "there is no command \"cluster make-primary\"", ""},
    {"help mesage", "there is no command \"mesage\"", NULL},
};

static void a_wrong_command_line_is_named_with_its_usage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof usage_errors / sizeof usage_errors[0]; i++) {
        struct result result = run(usage_errors[i].line);
        const char *usage = usage_errors[i].usage;
        if (result.code != EX_USAGE || result.out[0] ||
            strncmp(result.errors, "sibctl: ", 8) != 0 ||
            !strstr(result.errors, usage_errors[i].sentence) ||
            (usage && !strstr(result.errors, usage[0] ? usage : "usage: ")))
            fail_msg("\"%s\": exit %d, stdout \"%s\", stderr \"%s\"", usage_errors[i].line,
                     result.code, result.out, result.errors);
        done(&result);
    }
}

static void help_lists_every_command(void **state)
{
    static const char *const lines[] = {"help", "--help", "-h", "-h --json"};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct result result = run(lines[i]);
        assert_int_equal(result.code, EX_OK);
        assert_string_equal(result.errors, "");
        for (size_t k = 0; k < command_count; k++)
            if (!strstr(result.out, command_table[k].words))
                fail_msg("%s does not show %s", lines[i], command_table[k].words);
        done(&result);
    }
}

static void each_command_has_a_help_that_names_its_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &command_table[i];
        char line[128];
        snprintf(line, sizeof line, "%s --help", command->words);
        struct result result = run(line);
        assert_int_equal(result.code, EX_OK);
        assert_non_null(strstr(result.out, command->help));
        for (int k = 0; k < COMMAND_OPTIONS_MAX && command->options[k].name; k++)
            assert_non_null(strstr(result.out, command->options[k].name));
        done(&result);
    }
}

static void a_group_has_a_help_of_its_own(void **state)
{
    struct result result = run("message -h");

    (void)state;
    assert_int_equal(result.code, EX_OK);
    assert_non_null(strstr(result.out, "message purge"));
    assert_null(strstr(result.out, "mailbox add"));
    done(&result);
}

static void the_version_is_one_line(void **state)
{
    struct result result = run("-V");

    (void)state;
    assert_int_equal(result.code, EX_OK);
    assert_memory_equal(result.out, "sibctl ", 7);
    assert_ptr_equal(strchr(result.out, '\n'), result.out + strlen(result.out) - 1);
    done(&result);
}

static void parse(struct invocation *out, int argc, const char *const *argv)
{
    struct err err;

    if (!command_parse(argc, (char *const *)argv, out, &err))
        fail_msg("%s", err.text);
}

static void global_options_stand_before_or_after_the_words(void **state)
{
    static const char *const before[] = {"sibctl",  "-c",   "f",  "--json",
                                         "message", "list", "ann"};
    static const char *const between[] = {"sibctl", "message", "--json", "list",
                                          "-c",     "f",       "ann"};
    static const char *const after[] = {"sibctl", "message",    "list",
                                        "ann",    "--config=f", "--json"};
    struct invocation call;

    (void)state;
    for (int i = 0; i < 3; i++) {
        parse(&call, i == 2 ? 6 : 7, i == 0 ? before : i == 1 ? between : after);
        assert_string_equal(call.command->words, "message list");
        assert_string_equal(call.config, "f");
        assert_true(call.json);
        assert_int_equal(call.arg_count, 1);
        assert_string_equal(call.args[0], "ann");
    }
}

static void after_two_dashes_everything_is_an_argument(void **state)
{
    static const char *const argv[] = {"sibctl", "message", "subject", "id", "--", "--json"};
    struct invocation call;

    (void)state;
    parse(&call, 6, argv);
    assert_false(call.json);
    assert_string_equal(call.args[1], "--json");
}

static void options_and_switches_carry_their_values(void **state)
{
    static const char *const argv[] = {"sibctl", "deposit",   "ann",      "--from=100", "a.wav",
                                       "--name", "-Ann- Lee", "--urgent", "--subject",  ""};
    struct invocation call;

    (void)state;
    parse(&call, 10, argv);
    assert_string_equal(command_option(&call, "from"), "100");
    assert_string_equal(command_option(&call, "name"), "-Ann- Lee");
    assert_string_equal(command_option(&call, "subject"), "");
    assert_true(command_given(&call, "urgent"));
    assert_false(command_given(&call, "secure"));
    assert_string_equal(call.args[1], "a.wav");
}

static void a_missing_configuration_is_a_sentence_and_its_exit_code(void **state)
{
    struct result result = run("-c /nonexistent/sib.conf --json mailbox list");

    (void)state;
    assert_int_not_equal(result.code, EX_OK);
    assert_int_not_equal(result.code, EX_USAGE);
    assert_string_equal(result.out, "");
    assert_non_null(strstr(result.errors, "/nonexistent/sib.conf"));
    done(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_command_line_is_named_with_its_usage),
        cmocka_unit_test(help_lists_every_command),
        cmocka_unit_test(each_command_has_a_help_that_names_its_options),
        cmocka_unit_test(a_group_has_a_help_of_its_own),
        cmocka_unit_test(the_version_is_one_line),
        cmocka_unit_test(global_options_stand_before_or_after_the_words),
        cmocka_unit_test(after_two_dashes_everything_is_an_argument),
        cmocka_unit_test(options_and_switches_carry_their_values),
        cmocka_unit_test(a_missing_configuration_is_a_sentence_and_its_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
