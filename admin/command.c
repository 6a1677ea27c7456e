#include "admin/command.h"

#include <string.h>

/* What the loop over argv knows. */
struct parser {
    int argc;
    char *const *argv;
    int at;       /* the argument that is looked at */
    bool literal; /* "--" was seen: no more options */
    struct invocation *out;
    struct err *err;
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Is `words` the first words of the command's words? */
static bool begins_command(const struct command *command, const char *words)
{
    size_t len = strlen(words);

    return starts_with(command->words, words) &&
           (command->words[len] == '\0' || command->words[len] == ' ');
}

static const char *next_word(const char *words, size_t prefix)
{
    words += prefix;
    return *words == ' ' ? words + 1 : words;
}

/* The words that may follow `words` ("" : the first words), each once, as a list "a, b, c". */
static size_t following_words(const char *words, char text[][32], size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < command_count && count < max; i++) {
        if (!begins_command(&command_table[i], words) && words[0])
            continue;
        const char *word = next_word(command_table[i].words, strlen(words));
        int len = (int)strcspn(word, " ");
        snprintf(text[count], sizeof text[count], "%.*s", len, word);
        if (count == 0 || strcmp(text[count], text[count - 1]) != 0)
            count++;
    }
    return count;
}

enum { FOLLOWING_MAX = 32 };

static bool unknown_word(struct parser *parser, const char *word)
{
    char text[FOLLOWING_MAX][32];
    const char *list[FOLLOWING_MAX];
    char joined[256] = "";
    const char *words = parser->out->words;
    size_t count = following_words(words, text, FOLLOWING_MAX);

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(joined);
        list[i] = text[i];
        snprintf(joined + len, sizeof joined - len, "%s%s", i ? ", " : "", text[i]);
    }
    if (!word)
        return err_set(parser->err, ERR_USAGE, "\"%s\" needs one more word: %s", words, joined);
    const char *near = command_nearest(word, list, count);
    const char *gap = words[0] ? " " : "";
    if (near)
        return err_set(parser->err, ERR_USAGE,
                       "there is no command \"%s%s%.40s\"; did you mean \"%s%s%s\"?", words,
                       gap, word, words, gap, near);
    if (words[0])
        return err_set(parser->err, ERR_USAGE,
                       "there is no command \"%s %.40s\"; after \"%s\" comes one of: %s", words,
                       word, words, joined);
    return err_set(parser->err, ERR_USAGE,
                   "there is no command \"%.40s\"; \"sibctl help\" lists them", word);
}

static bool take_word(struct parser *parser, const char *word)
{
    struct invocation *out = parser->out;
    char longer[COMMAND_WORDS_BYTES];
    int n =
        snprintf(longer, sizeof longer, "%s%s%s", out->words, out->words[0] ? " " : "", word);
    bool known = false;

    if (n < 0 || (size_t)n >= sizeof longer || !word[0] || strchr(word, ' '))
        return unknown_word(parser, word);
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(command_table[i].words, longer) == 0)
            out->command = &command_table[i];
        known = known || begins_command(&command_table[i], longer);
    }
    if (!known)
        return unknown_word(parser, word);
    memcpy(out->words, longer, sizeof longer);
    return true;
}

/* The shape of an argument specification. */
struct args_shape {
    int min, max;
    char instead[16]; /* the option that may stand in the place of the argument, or "" */
};

static struct args_shape args_shape(const char *args)
{
    struct args_shape shape = {0};

    for (const char *p = args; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        const char *bar = memchr(p, '|', len);
        bool many = len > 4 && memcmp(p + len - 4, "...]", 4) == 0;
        shape.max = many ? COMMAND_ARGS_MAX : shape.max + 1;
        if (bar)
            snprintf(shape.instead, sizeof shape.instead, "%.*s", (int)(p + len - bar - 3),
                     bar + 3);
        else if (*p != '[')
            shape.min++;
        p += len;
    }
    return shape;
}

static bool take_arg(struct parser *parser, const char *arg)
{
    struct invocation *out = parser->out;
    struct args_shape shape = args_shape(out->command->args);

    if (out->arg_count >= shape.max)
        return err_set(parser->err, ERR_USAGE, "%s: \"%.60s\" is one argument too many",
                       out->words, arg);
    out->args[out->arg_count++] = arg;
    return true;
}

/* The value of an option: after "=", or the next argument. */
static const char *take_value(struct parser *parser, const char *equals)
{
    if (equals)
        return equals + 1;
    return parser->at + 1 < parser->argc ? parser->argv[++parser->at] : NULL;
}

static bool choice_allowed(const char *choices, const char *value)
{
    size_t len = strlen(value);

    for (const char *p = choices; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
        if (strcspn(p, "|") == len && memcmp(p, value, len) == 0)
            return true;
    return false;
}

static bool take_own_option(struct parser *parser, int index, const char *equals)
{
    struct invocation *out = parser->out;
    const struct command_option *option = &out->command->options[index];

    if (out->values[index])
        return err_set(parser->err, ERR_USAGE, "%s: --%s is given twice", out->words,
                       option->name);
    if (!option->value) {
        if (equals)
            return err_set(parser->err, ERR_USAGE, "%s: --%s takes no value", out->words,
                           option->name);
        out->values[index] = "";
        return true;
    }
    const char *value = take_value(parser, equals);
    if (!value)
        return err_set(parser->err, ERR_USAGE, "%s: --%s needs a value (%s)", out->words,
                       option->name, option->value);
    if (strchr(option->value, '|') && !choice_allowed(option->value, value))
        return err_set(parser->err, ERR_USAGE, "%s: --%s must be one of %s, not \"%.60s\"",
                       out->words, option->name, option->value, value);
    out->values[index] = value;
    return true;
}

static bool is_option(const char *arg, size_t len, const char *brief, const char *full)
{
    return strcmp(arg, brief) == 0 || (strlen(full) == len && memcmp(arg, full, len) == 0);
}

/* -c FILE, --json, -h, -V: before or after the command words. *taken says whether it was one.
 */
static bool take_global(struct parser *parser, const char *arg, bool *taken)
{
    struct invocation *out = parser->out;
    const char *equals = starts_with(arg, "--") ? strchr(arg, '=') : NULL;
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);

    *taken = true;
    if (is_option(arg, len, "-c", "--config")) {
        out->config = take_value(parser, equals);
        return out->config || err_set(parser->err, ERR_USAGE,
                                      "%s needs the name of a configuration file", arg);
    }
    if (is_option(arg, len, "", "--json"))
        out->json = true;
    else if (is_option(arg, len, "-h", "--help"))
        out->help = true;
    else if (is_option(arg, len, "-V", "--version"))
        out->version = true;
    else
        *taken = false;
    if (*taken && equals)
        return err_set(parser->err, ERR_USAGE, "%.*s takes no value", (int)len, arg);
    return true;
}

static bool unknown_option(struct parser *parser, const char *arg, size_t len)
{
    const char *names[COMMAND_OPTIONS_MAX + 4] = {"json", "help", "version", "config"};
    const struct command *command = parser->out->command;
    size_t count = 4;
    char name[64];

    for (int i = 0; command && i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        names[count++] = command->options[i].name;
    snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), arg);
    const char *near = starts_with(name, "--") ? command_nearest(name + 2, names, count) : NULL;
    const char *words = parser->out->words;
    return err_set(parser->err, ERR_USAGE, "%s%sthere is no option %s%s%s%s", words,
                   words[0] ? ": " : "", name, near ? "; did you mean --" : "",
                   near ? near : "", near ? "?" : "");
}

static bool take_option(struct parser *parser, const char *arg)
{
    const struct command *command = parser->out->command;
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    bool taken;

    for (int i = 0; command && i < COMMAND_OPTIONS_MAX && command->options[i].name; i++) {
        const char *name = command->options[i].name;
        if (len == strlen(name) + 2 && starts_with(arg, "--") &&
            memcmp(arg + 2, name, len - 2) == 0)
            return take_own_option(parser, i, equals);
    }
    if (!take_global(parser, arg, &taken))
        return false;
    return taken || unknown_option(parser, arg, len);
}

/* The name of argument number n in "NAME FILE.wav". */
static void arg_name(const char *args, int n, char *out, size_t size)
{
    while (n-- > 0)
        args += strcspn(args, " ") + strspn(args + strcspn(args, " "), " ");
    snprintf(out, size, "%.*s", (int)strcspn(args, " "), args);
}

/* All that must be there is there. */
static bool check_whole(struct parser *parser)
{
    const struct invocation *out = parser->out;
    const struct command *command = out->command;
    struct args_shape shape = args_shape(command->args);
    char name[32];

    if (out->arg_count < shape.min) {
        arg_name(command->args, out->arg_count, name, sizeof name);
        return err_set(parser->err, ERR_USAGE, "%s: %s is missing", out->words, name);
    }
    if (shape.instead[0]) {
        bool given = command_given(out, shape.instead);
        if (!given && out->arg_count == 0)
            return err_set(parser->err, ERR_USAGE, "%s: a name or --%s is missing", out->words,
                           shape.instead);
        if (given && out->arg_count > 0)
            return err_set(parser->err, ERR_USAGE,
                           "%s: give a name or --%s, not both (\"%.60s\")", out->words,
                           shape.instead, out->args[0]);
    }
    for (int i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        if (command->options[i].required && !out->values[i])
            return err_set(parser->err, ERR_USAGE, "%s: --%s %s is missing", out->words,
                           command->options[i].name, command->options[i].value);
    return true;
}

bool command_parse(int argc, char *const *argv, struct invocation *out, struct err *err)
{
    struct parser parser = {.argc = argc, .argv = argv, .out = out, .err = err};

    memset(out, 0, sizeof *out);
    for (parser.at = 1; parser.at < argc; parser.at++) {
        const char *arg = argv[parser.at];
        bool ok;
        if (!parser.literal && strcmp(arg, "--") == 0) {
            parser.literal = true;
            continue;
        }
        if (!parser.literal && arg[0] == '-' && arg[1])
            ok = take_option(&parser, arg);
        else if (!out->command)
            ok = take_word(&parser, arg);
        else
            ok = take_arg(&parser, arg);
        if (!ok)
            return false;
    }
    if (out->help || out->version)
        return true;
    if (!out->words[0])
        return err_set(err, ERR_USAGE, "no command is given");
    return out->command ? check_whole(&parser) : unknown_word(&parser, NULL);
}

const char *command_option(const struct invocation *invocation, const char *name)
{
    const struct command *command = invocation->command;

    for (int i = 0; command && i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        if (strcmp(command->options[i].name, name) == 0)
            return invocation->values[i];
    return NULL;
}

bool command_given(const struct invocation *invocation, const char *name)
{
    return command_option(invocation, name) != NULL;
}

/* Levenshtein's distance of two short words. */
static int word_distance(const char *a, const char *b)
{
    int row[33];
    int width = (int)strlen(b);

    if (strlen(a) > 32 || width > 32)
        return 99;
    for (int i = 0; i <= width; i++)
        row[i] = i;
    for (; *a; a++) {
        int diagonal = row[0]++;
        for (int i = 1; i <= width; i++) {
            int best = diagonal + (*a != b[i - 1]);
            if (row[i] + 1 < best)
                best = row[i] + 1;
            if (row[i - 1] + 1 < best)
                best = row[i - 1] + 1;
            diagonal = row[i];
            row[i] = best;
        }
    }
    return row[width];
}

const char *command_nearest(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    int best = 3; /* further away is a guess, not a hint */

    for (size_t i = 0; i < count; i++) {
        int distance = word_distance(word, words[i]);
        if (distance < best && distance < (int)strlen(words[i])) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
