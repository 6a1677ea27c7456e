#include "admin/progress.h"

#include <string.h>

enum { LINE_EVERY_MS = 5000, BAR_MOST = 40, COLUMNS_DEFAULT = 80 };

struct progress progress_new(FILE *out)
{
    struct progress progress = {.last_line_ms = -LINE_EVERY_MS};

    screen_init(&progress.screen, out);
    if (progress.screen.columns == 0)
        progress.screen.columns = COLUMNS_DEFAULT;
    return progress;
}

static void format_words(const struct progress_facts *facts, char *out, size_t size)
{
    int n;

    if (!facts->started)
        n = snprintf(out, size, "waits for its turn");
    else if (facts->total > 0)
        n = snprintf(out, size, "%lld/%lld messages", (long long)facts->done,
                     (long long)facts->total);
    else if (facts->pages > 0) /* how many there are is not known before the last */
        n = snprintf(out, size, "%lld pages of Exchange read", (long long)facts->pages);
    else
        n = snprintf(out, size, "begins");
    if (facts->parts > 1 && n >= 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ", %lld of %lld mailboxes",
                 (long long)facts->parts_ended, (long long)facts->parts);
}

void progress_format(const struct progress_facts *facts, int columns, char *out, size_t size)
{
    char words[128], bar[BAR_MOST + 1];
    int room;

    format_words(facts, words, sizeof words);
    room = columns - (int)strlen(words) - 5; /* brackets, two blanks, the last column */
    if (room > BAR_MOST)
        room = BAR_MOST;
    if (room < 8) {
        snprintf(out, size, "%s", words);
        return;
    }
    int64_t done = facts->done < facts->total ? facts->done : facts->total;
    int full = facts->total > 0 ? (int)(done * room / facts->total) : 0;
    memset(bar, '-', (size_t)room);
    memset(bar, '#', (size_t)full);
    bar[room] = '\0';
    snprintf(out, size, "[%s]  %s", bar, words);
}

static bool same(const struct progress_facts *a, const struct progress_facts *b)
{
    return a->pages == b->pages && a->done == b->done && a->total == b->total &&
           a->parts_ended == b->parts_ended && a->started == b->started;
}

void progress_show(struct progress *progress, const struct progress_facts *facts,
                   int64_t elapsed_ms)
{
    const struct screen *screen = &progress->screen;
    char text[256];

    if (screen->terminal) {
        progress_format(facts, screen->columns, text, sizeof text);
        fprintf(screen->out, "\r%s\033[K", text);
        progress->drawn = true;
    } else if (elapsed_ms - progress->last_line_ms >= LINE_EVERY_MS &&
               !same(facts, &progress->last)) {
        format_words(facts, text, sizeof text);
        fprintf(screen->out, "%s\n", text);
        progress->last_line_ms = elapsed_ms;
        progress->last = *facts;
    }
    fflush(screen->out);
}

void progress_end(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", progress->screen.out);
    progress->drawn = false;
    fflush(progress->screen.out);
}
