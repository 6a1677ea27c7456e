/* The commands about users and their messages, whole: from the command line to the store and
 * what programs read of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "admin/cli.h"
#include "tests/support/site.h"

enum { WORDS_MAX = 24 };

struct desk {
    char dir[64], conf[96];
    char out[8192], errors[2048];
    int status;
};

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static int set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    char path[128], text[1024];

    assert_non_null(desk);
    *state = desk;
    snprintf(desk->dir, sizeof desk->dir, "/tmp/sib-desk-XXXXXX");
    assert_non_null(mkdtemp(desk->dir));
    snprintf(desk->conf, sizeof desk->conf, "%s/sib.conf", desk->dir);
    snprintf(path, sizeof path, "%s/password", desk->dir);
    put_file(path, "x\n");
    snprintf(text, sizeof text,
             "[node]\nname = one\nstate-dir = %s/state\n[exchange \"main\"]\n"
             "url = http://127.0.0.1:1/\nuser = x\npassword-file = %s\n"
             "[subject \"ja\"]\noutside-caller = %%U%% 着信 %%CALLERID%% %%CALLEDID%%\n",
             desk->dir, path);
    put_file(desk->conf, text);
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", desk->dir);
    if (system(command) != 0)
        print_message("%s stays behind\n", desk->dir);
    free(desk);
    return 0;
}

/* A command line; its words are separated by blanks, and WAV stands for a recording. */
static int run(struct desk *desk, const char *line)
{
    char words[512], *save = NULL;
    char name[] = "sibctl", c[] = "-c", wav[256];
    char *argv[WORDS_MAX] = {name, c, desk->conf};
    int argc = 3;

    snprintf(wav, sizeof wav, "%s", site_fixture("en-short-pcm16.wav"));
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = strcmp(word, "WAV") == 0 ? wav : word;
    }
    FILE *out = fmemopen(desk->out, sizeof desk->out, "w");
    FILE *errors = fmemopen(desk->errors, sizeof desk->errors, "w");
    assert_true(out && errors);
    desk->status = sibctl_main(argc, argv, out, errors);
    fclose(out);
    fclose(errors);
    return desk->status;
}

static void works(struct desk *desk, const char *line)
{
    if (run(desk, line) != 0)
        fail_msg("%s: %s", line, desk->errors);
}

static void fails(struct desk *desk, const char *line, int status, const char *says)
{
    if (run(desk, line) != status || !strstr(desk->errors, says))
        fail_msg("%s: exit %d, \"%s\" does not say \"%s\"", line, desk->status, desk->errors,
                 says);
}

static json_t *json_of(struct desk *desk, const char *line)
{
    json_t *json;

    works(desk, line);
    json = json_loads(desk->out, 0, NULL);
    assert_non_null(json);
    return json;
}

static void two_people(struct desk *desk)
{
    works(desk, "mailbox add ann --smtp ann@example.com --extension 4133 --alias "
                "Desk@example.com");
    works(desk, "mailbox add ben --smtp ben@example.com --language ja --extension 4134");
}

static void a_mailbox_tells_what_is_known_of_it(void **state)
{
    static const char *const keys[] = {"id",       "name",      "smtp",
                                       "exchange", "display",   "single_inbox",
                                       "language", "extension", "hold_transcription",
                                       "aliases",  "removed",   "erase"};
    struct desk *desk = *state;

    two_people(desk);
    works(desk, "mailbox set ben --hold-transcription on --add-alias b@example.com "
                "--display Benjamin");
    json_t *json = json_of(desk, "mailbox show ben --json");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!json_object_get(json, keys[i]))
            fail_msg("there is no key %s", keys[i]);
    assert_string_equal(json_string_value(json_object_get(json, "display")), "Benjamin");
    assert_string_equal(json_string_value(json_object_get(json, "language")), "ja");
    assert_true(json_is_true(json_object_get(json, "hold_transcription")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "aliases"), 0)),
                        "b@example.com");
    json_decref(json);
    works(desk, "mailbox show ann");
    assert_non_null(strstr(desk->out, "desk@example.com"));
    fails(desk, "mailbox add carl --smtp DESK@example.com", 64, "belongs to the mailbox ann");
    fails(desk, "mailbox set ben --smtp ann@example.com", 64, "belongs to the mailbox ann");
    fails(desk, "mailbox set ben --remove-alias x@example.com", 64, "no further address");
    works(desk, "mailbox set ann --extension 4133");
    assert_non_null(strstr(desk->out, "was so already"));
}

/* rule: subject-templates */
static void a_deposit_goes_by_the_formats_of_the_configuration(void **state)
{
    struct desk *desk = *state;

    two_people(desk);
    works(desk, "deposit ann,ben WAV --from 100 --urgent");
    works(desk, "message list ben");
    assert_non_null(strstr(desk->out, "至急 着信 100 4134"));
    works(desk, "message list ann");
    assert_non_null(strstr(desk->out, "Urgent Voice message from 100"));
    fails(desk, "deposit ann,nobody WAV", 67, "there is no mailbox \"nobody\"");
    works(desk, "message list ann --json");
    json_t *json = json_loads(desk->out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "messages")), 1);
    json_decref(json);
}

/* rule: kind-dispatch-twice */
static void a_dispatch_message_is_accepted_once(void **state)
{
    struct desk *desk = *state;
    char line[128], first[64], second[64];

    two_people(desk);
    json_t *json = json_of(desk, "deposit ann,ben WAV --dispatch --json");
    json_t *ids = json_object_get(json, "ids");
    assert_int_equal(json_array_size(ids), 2);
    snprintf(first, sizeof first, "%s", json_string_value(json_array_get(ids, 0)));
    snprintf(second, sizeof second, "%s", json_string_value(json_array_get(ids, 1)));
    json_decref(json);
    snprintf(line, sizeof line, "message show %s", second);
    works(desk, line);
    assert_non_null(strstr(desk->out, "waits until somebody accepts it"));
    snprintf(line, sizeof line, "message accept %s", second);
    works(desk, line);
    snprintf(line, sizeof line, "message accept %s", first);
    run(desk, line);
    assert_int_not_equal(desk->status, 0);
    assert_non_null(strstr(desk->errors, "accepted already by ben"));
    snprintf(line, sizeof line, "message audio %s", first);
    run(desk, line);
    assert_int_not_equal(desk->status, 0);
    works(desk, "message list ann");
    assert_null(strstr(desk->out, first));
}

/* rule: user-removed-copies */
static void a_user_who_goes_leaves_the_copies_or_takes_them_along(void **state)
{
    struct desk *desk = *state;
    char line[128];

    two_people(desk);
    json_t *json = json_of(desk, "mailbox remove ann --json");
    assert_true(json_is_true(json_object_get(json, "removed")));
    assert_true(json_is_false(json_object_get(json, "erase")));
    snprintf(line, sizeof line, "mailbox remove %s --copies",
             json_string_value(json_object_get(json, "id")));
    json_decref(json);
    works(desk, line);
    assert_non_null(strstr(desk->out, "are removed from the mailbox of ann@example.com now"));
    fails(desk, "mailbox show ann", 67, "there is no mailbox");
    works(desk, "mailbox add ann --smtp ann@example.com");
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_mailbox_tells_what_is_known_of_it),
        PROMISE(a_deposit_goes_by_the_formats_of_the_configuration),
        PROMISE(a_dispatch_message_is_accepted_once),
        PROMISE(a_user_who_goes_leaves_the_copies_or_takes_them_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
