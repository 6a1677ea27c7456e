#include "store/subject.h"

#include <string.h>

static const char *const templates[SUBJECT_TYPES] = {
    [SUBJECT_OUTSIDE_CALLER] = "%U% %D% Voice message from %CALLERID%",
    [SUBJECT_USER] = "%U% %P% %S% Message from %NAME% [%CALLERID%]",
};

const char *subject_template(enum subject_type type)
{
    return templates[type];
}

static const char *or_unknown(const char *value, const char *unknown)
{
    return value && value[0] ? value : unknown;
}

/* The text for the parameter that begins at p, and its length in the template; NULL: none. */
static const char *parameter(const char *p, const struct subject_facts *facts, size_t *len)
{
    const struct {
        const char *name, *text;
    } table[] = {
        {"%CALLERID%", or_unknown(facts->caller_number, "Unknown caller ID")},
        {"%CALLEDID%", or_unknown(facts->called_number, "Unknown called ID")},
        {"%NAME%", or_unknown(facts->name, "Unknown name")},
        {"%EXTENSION%", or_unknown(facts->extension, "Unknown extension")},
        {"%U%", facts->urgent ? "Urgent" : ""},
        {"%P%", facts->private ? "Private" : ""},
        {"%S%", facts->secure ? "Secure" : ""},
        {"%D%", facts->dispatch ? "Dispatch" : ""},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        *len = strlen(table[i].name);
        if (strncmp(p, table[i].name, *len) == 0)
            return table[i].text;
    }
    return NULL;
}

struct cursor {
    char *out;
    size_t at, size;
    bool cut; /* something did not fit */
};

static void put(struct cursor *c, char byte)
{
    if (byte == ' ' && (c->at == 0 || c->out[c->at - 1] == ' '))
        return;
    if (!c->cut && c->at + 1 < c->size)
        c->out[c->at++] = byte;
    else
        c->cut = true;
}

/* Bytes of the character that begins with this one. */
static size_t character_bytes(unsigned char first)
{
    return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
}

/* Never end inside a UTF-8 character, nor with a space. */
static void finish(struct cursor *c)
{
    size_t begin = c->at;

    while (c->cut && begin > 0 && ((unsigned char)c->out[begin - 1] & 0xC0) == 0x80)
        begin--;
    if (c->cut && begin > 0 &&
        begin - 1 + character_bytes((unsigned char)c->out[begin - 1]) > c->at)
        c->at = begin - 1;
    while (c->at > 0 && c->out[c->at - 1] == ' ')
        c->at--;
    c->out[c->at] = '\0';
}

void subject_make(const char *template, const struct subject_facts *facts, char *out,
                  size_t size)
{
    struct cursor c = {.out = out, .size = size};

    for (const char *p = template; *p;) {
        size_t len = 0;
        const char *text = *p == '%' ? parameter(p, facts, &len) : NULL;
        if (!text) {
            put(&c, *p++);
            continue;
        }
        while (*text)
            put(&c, *text++);
        p += len;
    }
    finish(&c);
}
