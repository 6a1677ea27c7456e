#include "store/receipt.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

/* Each with the parameters %SUBJECT% %NAME% %TIME% %REASON%. */
struct words {
    const char *subject[KINDS], *text[KINDS];
    const char *no_subject, *no_name;
};

static const struct words table[LANGUAGES] = {
    [LANGUAGE_EN].subject =
        {
            [KIND_DELIVERY_RECEIPT] = "Delivered: %SUBJECT%",
            [KIND_READ_RECEIPT] = "Read: %SUBJECT%",
            [KIND_NON_DELIVERY_RECEIPT] = "Not delivered: %SUBJECT%",
        },
    [LANGUAGE_EN].text =
        {
            [KIND_DELIVERY_RECEIPT] =
                "Your message \"%SUBJECT%\" was delivered to %NAME% at %TIME%.\n",
            [KIND_READ_RECEIPT] = "Your message \"%SUBJECT%\" was read by %NAME% at %TIME%.\n",
            [KIND_NON_DELIVERY_RECEIPT] =
                "Your message \"%SUBJECT%\" of %TIME% could not be delivered.\n\n%REASON%\n",
        },
    [LANGUAGE_EN].no_subject = "(no subject)",
    [LANGUAGE_EN].no_name = "an unknown user",
    [LANGUAGE_JA].subject =
        {
            [KIND_DELIVERY_RECEIPT] = "配信済み: %SUBJECT%",
            [KIND_READ_RECEIPT] = "開封済み: %SUBJECT%",
            [KIND_NON_DELIVERY_RECEIPT] = "配信不能: %SUBJECT%",
        },
    [LANGUAGE_JA].text =
        {
            [KIND_DELIVERY_RECEIPT] =
                "メッセージ「%SUBJECT%」は、%TIME% に %NAME% 宛てに配信されました。\n",
            [KIND_READ_RECEIPT] =
                "メッセージ「%SUBJECT%」は、%TIME% に %NAME% により開封されました。\n",
            [KIND_NON_DELIVERY_RECEIPT] =
                "メッセージ「%SUBJECT%」(%TIME%) を配信できませんでした。\n\n%REASON%\n",
        },
    [LANGUAGE_JA].no_subject = "(件名なし)",
    [LANGUAGE_JA].no_name = "不明なユーザー",
};

bool receipt_is(enum message_kind kind)
{
    return kind == KIND_DELIVERY_RECEIPT || kind == KIND_READ_RECEIPT ||
           kind == KIND_NON_DELIVERY_RECEIPT;
}

struct parameter {
    const char *name, *value;
};

/* What a value holds is never taken for a parameter. */
static void fill(const char *format, const struct parameter *parameters, size_t count,
                 struct buf *out)
{
    while (*format) {
        const struct parameter *found = NULL;
        for (size_t i = 0; i < count && *format == '%'; i++) {
            if (strncmp(format, parameters[i].name, strlen(parameters[i].name)) == 0)
                found = &parameters[i];
        }
        buf_add_str(out, found ? found->value : (const char[]){*format, '\0'});
        format += found ? strlen(found->name) : 1;
    }
}

void receipt_make(enum language language, const struct receipt_facts *facts, char *subject,
                  struct buf *text)
{
    const struct words *words = &table[language];
    char time_text[64];
    time_t seconds = (time_t)(facts->time.ms / 1000);
    struct tm tm;
    struct buf line;

    assert(receipt_is(facts->kind));
    gmtime_r(&seconds, &tm);
    strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M UTC", &tm);
    const struct parameter parameters[] = {
        {"%SUBJECT%", facts->subject && facts->subject[0] ? facts->subject : words->no_subject},
        {"%NAME%", facts->name && facts->name[0] ? facts->name : words->no_name},
        {"%TIME%", time_text},
        {"%REASON%", facts->reason ? facts->reason : ""},
    };
    size_t count = sizeof parameters / sizeof parameters[0];
    buf_init(&line, 4 * LIMIT_SUBJECT);
    fill(words->subject[facts->kind], parameters, count, &line);
    text_copy(subject, LIMIT_SUBJECT, buf_str(&line));
    buf_clear(&line);
    fill(words->text[facts->kind], parameters, count, text);
}
