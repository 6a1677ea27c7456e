#include "store/subject.h"

#include <string.h>

static const struct subject_book built_in = {
    .language[LANGUAGE_EN].format =
        {
            [SUBJECT_OUTSIDE_CALLER] = "%U% %D% Voice message from %CALLERID%",
            [SUBJECT_USER] = "%U% %P% %S% Message from %NAME% [%CALLERID%]",
            [SUBJECT_INTERVIEW] = "Message from %NAME% [%CALLERID%]",
            [SUBJECT_LIVE_RECORD] = "Live Record message from %CALLERID%",
        },
    .language[LANGUAGE_EN].word =
        {
            [SUBJECT_UNKNOWN_CALLER] = "Unknown caller ID",
            [SUBJECT_UNKNOWN_CALLED] = "Unknown called ID",
            [SUBJECT_UNKNOWN_NAME] = "Unknown name",
            [SUBJECT_UNKNOWN_EXTENSION] = "Unknown extension",
            [SUBJECT_URGENT] = "Urgent",
            [SUBJECT_PRIVATE] = "Private",
            [SUBJECT_SECURE] = "Secure",
            [SUBJECT_DISPATCH] = "Dispatch",
        },
    .language[LANGUAGE_JA].format =
        {
            [SUBJECT_OUTSIDE_CALLER] = "%U% %D% %CALLERID% からのボイスメッセージ",
            [SUBJECT_USER] = "%U% %P% %S% %NAME% [%CALLERID%] からのメッセージ",
            [SUBJECT_INTERVIEW] = "%NAME% [%CALLERID%] からのメッセージ",
            [SUBJECT_LIVE_RECORD] = "%CALLERID% との通話の録音",
        },
    .language[LANGUAGE_JA].word =
        {
            [SUBJECT_UNKNOWN_CALLER] = "発信者番号不明",
            [SUBJECT_UNKNOWN_CALLED] = "着信番号不明",
            [SUBJECT_UNKNOWN_NAME] = "名前不明",
            [SUBJECT_UNKNOWN_EXTENSION] = "内線番号不明",
            [SUBJECT_URGENT] = "至急",
            [SUBJECT_PRIVATE] = "親展",
            [SUBJECT_SECURE] = "セキュア",
            [SUBJECT_DISPATCH] = "ディスパッチ",
        },
};

const struct subject_book *subject_built_in(void)
{
    return &built_in;
}

static const char *or_unknown(const char *value, const char *unknown)
{
    return value && value[0] ? value : unknown;
}

/* The text for the parameter that begins at p, and its length in the format; NULL: none. */
static const char *parameter(const char *p, const char *const *word,
                             const struct subject_facts *facts, size_t *len)
{
    const struct {
        const char *name, *text;
    } table[] = {
        {"%CALLERID%", or_unknown(facts->caller_number, word[SUBJECT_UNKNOWN_CALLER])},
        {"%CALLEDID%", or_unknown(facts->called_number, word[SUBJECT_UNKNOWN_CALLED])},
        {"%NAME%", or_unknown(facts->name, word[SUBJECT_UNKNOWN_NAME])},
        {"%EXTENSION%", or_unknown(facts->extension, word[SUBJECT_UNKNOWN_EXTENSION])},
        {"%U%", facts->urgent ? word[SUBJECT_URGENT] : ""},
        {"%P%", facts->private ? word[SUBJECT_PRIVATE] : ""},
        {"%S%", facts->secure ? word[SUBJECT_SECURE] : ""},
        {"%D%", facts->dispatch ? word[SUBJECT_DISPATCH] : ""},
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

void subject_make(const struct subject_texts *texts, enum subject_type type,
                  const struct subject_facts *facts, char *out, size_t size)
{
    struct cursor c = {.out = out, .size = size};

    for (const char *p = texts->format[type]; *p;) {
        size_t len = 0;
        const char *text = *p == '%' ? parameter(p, texts->word, facts, &len) : NULL;
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
