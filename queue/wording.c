#include "queue/wording.h"

#include <assert.h>

static_assert(CONFIG_SUBJECTS_MAX == (int)LANGUAGES, "each language may have its section");

static void put(const char **text, const char *configured)
{
    if (configured)
        *text = configured;
}

static void read_section(const struct config_subject *section, struct subject_texts *texts)
{
    put(&texts->format[SUBJECT_OUTSIDE_CALLER], section->outside_caller);
    put(&texts->format[SUBJECT_USER], section->user);
    put(&texts->format[SUBJECT_INTERVIEW], section->interview);
    put(&texts->format[SUBJECT_LIVE_RECORD], section->live_record);
    put(&texts->word[SUBJECT_UNKNOWN_CALLER], section->unknown_caller);
    put(&texts->word[SUBJECT_UNKNOWN_CALLED], section->unknown_called);
    put(&texts->word[SUBJECT_UNKNOWN_NAME], section->unknown_name);
    put(&texts->word[SUBJECT_UNKNOWN_EXTENSION], section->unknown_extension);
    put(&texts->word[SUBJECT_URGENT], section->urgent);
    put(&texts->word[SUBJECT_PRIVATE], section->private);
    put(&texts->word[SUBJECT_SECURE], section->secure);
    put(&texts->word[SUBJECT_DISPATCH], section->dispatch);
}

void wording_read(const struct config *config, struct subject_book *book)
{
    enum language language;

    *book = *subject_built_in();
    for (size_t i = 0; config && i < config->subject_count; i++) {
        if (language_parse(config->subject[i].name, &language))
            read_section(&config->subject[i], &book->language[language]);
    }
}
