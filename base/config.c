#include "base/config_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ini.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

/* inih's own limit for a line, compiled into Debian's library. */
enum { INI_LINE_BYTES = 200 };

struct parse {
    struct config *config;
    FILE *file;
    int line;        /* of what inih handles now */
    int failed_line; /* of the error in err */
    struct err *err;
};

static bool fail(struct parse *parse, const char *fmt, const char *a, const char *b)
{
    char text[300];

    if (parse->err->kind != ERR_OK)
        return false;
    snprintf(text, sizeof text, fmt, a, b);
    parse->failed_line = parse->line;
    return err_set(parse->err, ERR_CONFIG, "%s line %d: %s", parse->config->path, parse->line,
                   text);
}

static bool set_text(char **field, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return false;
    free(*field);
    *field = copy;
    return true;
}

/* The index of `value` among words separated by '|', or -1. */
static int word_index(const char *choices, const char *value)
{
    size_t len = strlen(value);
    int index = 0;

    for (const char *p = choices; p; index++) {
        const char *end = strchr(p, '|');
        size_t n = end ? (size_t)(end - p) : strlen(p);
        if (n == len && strncasecmp(p, value, n) == 0)
            return index;
        p = end ? end + 1 : NULL;
    }
    return -1;
}

/* The field holds the word as the table spells it, however the file did. */
static bool set_choice(char **field, const char *choices, int index)
{
    char word[64];

    assert(choices);
    for (; index > 0; index--)
        choices = strchr(choices, '|') + 1;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(choices, "|"), choices);
    return set_text(field, word);
}

static bool parse_flag(const char *value, bool *flag)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(value, words[i]) == 0) {
            *flag = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool is_url(const char *value)
{
    return (strncmp(value, "http://", 7) == 0 && value[7]) ||
           (strncmp(value, "https://", 8) == 0 && value[8]);
}

static bool parse_range(struct parse *parse, const struct config_key *key, const char *value,
                        int64_t *number)
{
    char *end;

    errno = 0;
    if (key->type == CONFIG_DURATION) {
        if (!clock_parse_duration(value, number))
            return fail(parse, "%s = %s is not a duration; write 10s, 5m, 1h or 30d", key->name,
                        value);
    } else {
        *number = strtoll(value, &end, 10);
        if (end == value || *end || errno)
            return fail(parse, "%s = %s is not a whole number", key->name, value);
    }
    if (*number < key->min || *number > key->max) {
        char range[64];
        snprintf(range, sizeof range, "%lld to %lld%s", (long long)key->min,
                 (long long)key->max, key->type == CONFIG_DURATION ? " milliseconds" : "");
        return fail(parse, "%s is out of range; from %s", key->name, range);
    }
    return true;
}

static bool set_value(struct parse *parse, const struct config_key *key, void *section,
                      const char *value)
{
    void *field = (char *)section + key->offset;
    int index = key->choices ? word_index(key->choices, value) : 0;

    if (index < 0)
        return fail(parse, "%s must be one of %s", key->name, key->choices);
    switch (key->type) {
    case CONFIG_CHOICE: return set_choice(field, key->choices, index);
    case CONFIG_WORD: *(int64_t *)field = index; return true;
    case CONFIG_PATHNAME:
        if (value[0] != '/')
            return fail(parse, "%s = %s must be an absolute path", key->name, value);
        return set_text(field, value);
    case CONFIG_URL:
        if (!is_url(value))
            return fail(parse, "%s = %s must begin with http:// or https://", key->name, value);
        return set_text(field, value);
    case CONFIG_FLAG:
        if (!parse_flag(value, field))
            return fail(parse, "%s = %s must be yes or no", key->name, value);
        return true;
    case CONFIG_NUMBER:
    case CONFIG_DURATION: return parse_range(parse, key, value, field);
    case CONFIG_TEXT: break;
    }
    if (!value[0])
        return fail(parse, "%s is empty%s", key->name, "");
    if (!text_is_utf8(value))
        return fail(parse, "the value of %s is not UTF-8%s", key->name, "");
    return set_text(field, value);
}

static bool set_defaults(struct parse *parse, const struct config_section *section, void *at)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct config_key *key = &section->keys[i];
        if (key->fallback && !set_value(parse, key, at, key->fallback))
            return false;
    }
    return true;
}

/* [exchange "main"] -> name "main"; [exchange] -> name "". */
static bool split_section(const char *text, char *kind, size_t kind_size, char *name,
                          size_t name_size)
{
    const char *space = strchr(text, ' ');
    size_t n = space ? (size_t)(space - text) : strlen(text);

    if (n >= kind_size)
        return false;
    memcpy(kind, text, n);
    kind[n] = '\0';
    name[0] = '\0';
    if (!space)
        return true;
    const char *p = space + strspn(space, " ");
    size_t len = strlen(p);
    if (len < 2 || p[0] != '"' || p[len - 1] != '"' || len - 2 >= name_size)
        return false;
    memcpy(name, p + 1, len - 2);
    name[len - 2] = '\0';
    return true;
}

/* A section that may come several times, as bytes: its structs, and the name in each. */
static char *named_at(const struct config *config, const struct config_section *section,
                      size_t index)
{
    return (char *)config + section->offset + index * section->named->bytes;
}

static size_t *named_count(const struct config *config, const struct config_section *section)
{
    return (size_t *)((char *)config + section->named->count_offset);
}

/* The name of a new section, as the table spells it where it knows the names. */
static bool set_name(char **field, const struct config_named *named, const char *name)
{
    return named->choices ? set_choice(field, named->choices, word_index(named->choices, name))
                          : set_text(field, name);
}

/* The struct of the named section, made with its defaults at the first sight of it. */
static void *named_section(struct parse *parse, const struct config_section *section,
                           const char *name)
{
    const struct config_named *named = section->named;
    size_t *count = named_count(parse->config, section);

    if (named->choices && word_index(named->choices, name) < 0) {
        fail(parse, "the name of a section [%s] must be one of %s, in quotes", section->name,
             named->choices);
        return NULL;
    }
    for (size_t i = 0; i < *count; i++) {
        char *at = named_at(parse->config, section, i);
        const char *there = *(char **)at;
        if ((named->choices ? strcasecmp : strcmp)(there, name) == 0)
            return at;
    }
    if (*count == named->max) {
        fail(parse, "too many [%s] sections%s", section->name, "");
        return NULL;
    }
    char *at = named_at(parse->config, section, (*count)++);
    return set_name((char **)at, named, name) && set_defaults(parse, section, at) ? at : NULL;
}

static const struct config_section *find_section(const char *kind)
{
    for (size_t i = 0; i < config_section_count; i++) {
        if (strcmp(config_sections[i].name, kind) == 0)
            return &config_sections[i];
    }
    return NULL;
}

static int handle(void *user, const char *section_text, const char *name, const char *value)
{
    struct parse *parse = user;
    char kind[32], label[LIMIT_MAILBOX_NAME];

    if (parse->err->kind != ERR_OK)
        return 0;
    if (!split_section(section_text, kind, sizeof kind, label, sizeof label))
        return fail(parse, "[%s] is not a section; write [exchange \"main\"]%s", section_text,
                    "");
    const struct config_section *section = find_section(kind);
    if (!section)
        return fail(parse,
                    "there is no section [%s]; sections are node, cluster, exchange, notify, "
                    "admin, sync, subject%s",
                    kind, "");
    if (!section->named && label[0])
        return fail(parse, "the section [%s] takes no name%s", kind, "");
    void *at = section->named ? named_section(parse, section, label)
                              : (char *)parse->config + section->offset;
    if (!at)
        return 0;
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->keys[i].name, name) == 0)
            return set_value(parse, &section->keys[i], at, value);
    }
    return fail(parse, "there is no key \"%s\" in [%s]", name, kind);
}

static char *read_line(char *line, int size, void *stream)
{
    struct parse *parse = stream;

    if (!fgets(line, size, parse->file))
        return NULL;
    parse->line++;
    size_t len = strlen(line);
    if (len + 1 >= (size_t)size && line[len - 1] != '\n') {
        fail(parse, "the line is longer than inih takes (%s bytes)%s", "198", "");
        return NULL;
    }
    /* inih takes an indented line for more of the value before it. */
    size_t blanks = strspn(line, " \t");
    memmove(line, line + blanks, len - blanks + 1);
    return line;
}

static bool check_required(struct config *config, struct err *err)
{
    for (size_t s = 0; s < config_section_count; s++) {
        const struct config_section *section = &config_sections[s];
        size_t times = section->named ? *named_count(config, section) : 1;
        for (size_t t = 0; t < times; t++) {
            const char *at = section->named ? named_at(config, section, t)
                                            : (const char *)config + section->offset;
            for (size_t i = 0; i < section->count; i++) {
                const struct config_key *key = &section->keys[i];
                if (key->required && !*(char *const *)(at + key->offset))
                    return err_set(err, ERR_CONFIG, "%s: [%s] lacks the key \"%s\": %s",
                                   config->path, section->name, key->name, key->help);
            }
        }
    }
    return true;
}

static bool readable_secret(const struct config *config, const char *section, const char *key,
                            const char *path, struct err *err)
{
    struct buf secret;
    buf_init(&secret, 1024);
    bool ok = !path || file_read_secret(path, &secret, err);
    if (secret.data)
        explicit_bzero(secret.data, secret.cap);
    buf_clear(&secret);
    if (ok)
        return true;
    err->kind = ERR_CONFIG;
    return err_prefix(err, "%s: [exchange \"%s\"] %s: ", config->path, section, key);
}

/* Which keys each way to prove oneself needs. */
static const char *lacking_key(const struct config_exchange *exchange)
{
    bool password = strcmp(exchange->auth, "basic") == 0 || strcmp(exchange->auth, "ntlm") == 0;
    if (password && !exchange->user)
        return "user";
    if (password && !exchange->password_file)
        return "password-file";
    if (strcmp(exchange->auth, "oauth2") != 0)
        return NULL;
    if (!exchange->client_id)
        return "client-id";
    if (!exchange->tenant && !exchange->token_url)
        return "tenant";
    if (!exchange->client_secret_file && !exchange->client_certificate)
        return "client-secret-file";
    return exchange->client_certificate && !exchange->client_key ? "client-key" : NULL;
}

/* Names such as "outlook.office365.com", separated by blanks or commas, each with a dot in it:
 * for what it names may see the credentials, and so may whatever is below it. */
static bool are_hosts(const char *list)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    static const char gap[] = ", \t";
    for (const char *p = list + strspn(list, gap); *p; p += strspn(p, gap)) {
        size_t len = strcspn(p, gap);
        const char *dot = memchr(p, '.', len);
        if (strspn(p, letters) < len || !dot || dot == p || p[len - 1] == '.')
            return false;
        p += len;
    }
    return true;
}

/* Where Exchange is: said, or looked up. */
static bool check_url(const struct config *config, const struct config_exchange *exchange,
                      struct err *err)
{
    if (!exchange->url && !exchange->autodiscover)
        return err_set(
            err, ERR_CONFIG,
            "%s: [exchange \"%s\"] lacks the key \"url\", the address of EWS such as "
            "https://HOST/EWS/Exchange.asmx; or set autodiscover = yes",
            config->path, exchange->name);
    if (exchange->url && exchange->autodiscover)
        return err_set(
            err, ERR_CONFIG,
            "%s: [exchange \"%s\"] has both url and autodiscover = yes; leave one out",
            config->path, exchange->name);
    if (exchange->autodiscover_hosts && !are_hosts(exchange->autodiscover_hosts))
        return err_set(err, ERR_CONFIG,
                       "%s: [exchange \"%s\"] autodiscover-hosts = %.200s must be names with a "
                       "dot in them, such as outlook.office365.com",
                       config->path, exchange->name, exchange->autodiscover_hosts);
    return true;
}

static bool check_auth(const struct config *config, const struct config_exchange *exchange,
                       struct err *err)
{
    const char *key = lacking_key(exchange);
    if (key)
        return err_set(err, ERR_CONFIG,
                       "%s: [exchange \"%s\"] with auth = %s lacks the key \"%s\"",
                       config->path, exchange->name, exchange->auth, key);
    if (strcmp(exchange->auth, "oauth2") == 0 && !exchange->impersonate)
        return err_set(err, ERR_CONFIG,
                       "%s: [exchange \"%s\"] with auth = oauth2 needs impersonate = yes: an "
                       "application has no mailbox of its own",
                       config->path, exchange->name);
    if (exchange->client_secret_file && exchange->client_certificate)
        return err_set(err, ERR_CONFIG,
                       "%s: [exchange \"%s\"] has both client-secret-file and "
                       "client-certificate; leave one out",
                       config->path, exchange->name);
    return readable_secret(config, exchange->name, "password-file", exchange->password_file,
                           err) &&
           readable_secret(config, exchange->name, "client-secret-file",
                           exchange->client_secret_file, err);
}

static bool is_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
           strncmp(listen, "localhost:", 10) == 0;
}

static bool check_admin(const struct config *config, struct err *err)
{
    if (!config->admin.certificate != !config->admin.key)
        return err_set(err, ERR_CONFIG,
                       "%s: [admin] needs both certificate and key, or neither", config->path);
    if (config->admin.listen && !config->admin.password_file &&
        !is_loopback(config->admin.listen))
        return err_set(err, ERR_CONFIG,
                       "%s: [admin] listen = %s: without a password-file only this machine may "
                       "ask; listen on 127.0.0.1 or give a password-file",
                       config->path, config->admin.listen);
    return true;
}

/* What one key cannot tell: keys that need each other, files that must be there and private. */
static bool check_sense(const struct config *config, struct err *err)
{
    if (!config->notify.certificate != !config->notify.key)
        return err_set(err, ERR_CONFIG,
                       "%s: [notify] needs both certificate and key, or neither", config->path);
    if (!check_admin(config, err))
        return false;
    for (size_t i = 0; i < config->exchange_count; i++) {
        const struct config_exchange *exchange = &config->exchange[i];
        if (!check_url(config, exchange, err) || !check_auth(config, exchange, err))
            return false;
        if (strcmp(exchange->notify, "push") == 0 && exchange->callback_url &&
            !config->notify.listen)
            return err_set(
                err, ERR_CONFIG,
                "%s: [exchange \"%s\"] has a callback-url, but [notify] has no listen",
                config->path, exchange->name);
    }
    return true;
}

static bool load_into(struct config *config, FILE *file, struct err *err)
{
    struct parse parse = {.config = config, .file = file, .err = err};

    for (size_t i = 0; i < config_section_count; i++) {
        if (!config_sections[i].named &&
            !set_defaults(&parse, &config_sections[i],
                          (char *)config + config_sections[i].offset))
            return false;
    }
    int status = ini_parse_stream(read_line, &parse, handle, &parse);
    /* inih goes on after a broken line; what follows from it is not the news. */
    if (err->kind != ERR_OK && (status <= 0 || parse.failed_line <= status))
        return false;
    if (status != 0)
        return err_set(err, ERR_CONFIG, "%s line %d: this is neither [section] nor key = value",
                       config->path, status);
    return check_required(config, err) && check_sense(config, err);
}

struct config *config_load(const char *path, struct err *err)
{
    struct config *config = calloc(1, sizeof *config);
    FILE *file = fopen(path, "re");

    err_clear(err);
    if (!config || !file) {
        file_error(err, "open the configuration", path);
        err->kind = ERR_CONFIG;
        if (file)
            fclose(file);
        free(config);
        return NULL;
    }
    bool ok = set_text(&config->path, path) && load_into(config, file, err);
    fclose(file);
    if (!ok) {
        if (err->kind == ERR_OK)
            err_set(err, ERR_SYSTEM, "out of memory");
        config_free(&config);
    }
    return config;
}

static void free_section(const struct config_section *section, void *at)
{
    for (size_t i = 0; i < section->count; i++) {
        enum config_type type = section->keys[i].type;
        if (type == CONFIG_TEXT || type == CONFIG_CHOICE || type == CONFIG_PATHNAME ||
            type == CONFIG_URL)
            free(*(char **)((char *)at + section->keys[i].offset));
    }
}

void config_free(struct config **config)
{
    struct config *c = *config;

    if (c) {
        for (size_t i = 0; i < config_section_count; i++) {
            const struct config_section *section = &config_sections[i];
            if (!section->named)
                free_section(section, (char *)c + section->offset);
            for (size_t n = 0; section->named && n < *named_count(c, section); n++) {
                free_section(section, named_at(c, section, n));
                free(*(char **)named_at(c, section, n));
            }
        }
        free(c->path);
        free(c);
    }
    *config = NULL;
}

const struct config_exchange *config_exchange(const struct config *config, const char *name)
{
    if (!name || !name[0])
        return config->exchange_count ? &config->exchange[0] : NULL;
    for (size_t i = 0; i < config->exchange_count; i++) {
        if (strcmp(config->exchange[i].name, name) == 0)
            return &config->exchange[i];
    }
    return NULL;
}

void config_print_example(FILE *out)
{
    for (size_t s = 0; s < config_section_count; s++) {
        const struct config_section *section = &config_sections[s];
        fprintf(out, "%s# %s\n[%s", s ? "\n" : "", section->help, section->name);
        if (section->named)
            fprintf(out, " \"%s\"", section->named->example);
        fputs("]\n", out);
        for (size_t i = 0; i < section->count; i++) {
            const struct config_key *key = &section->keys[i];
            fprintf(out, "# %s", key->help);
            if (key->choices)
                fprintf(out, " (%s)", key->choices);
            fprintf(out, "\n%s%s = %s\n", key->required ? "" : "#", key->name,
                    key->fallback ? key->fallback : "");
        }
    }
}
