#include "admin/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, SHRINK_LEAST = 8 };

struct cell {
    char *text;
    int width;
    enum style style;
};

struct table {
    const struct table_column *columns;
    int column_count;
    struct cell *cells;
    size_t count, room;
    bool failed;
};

struct table *table_new(const struct table_column *columns, int count)
{
    assert(count > 0 && count <= TABLE_COLUMNS_MAX);
    struct table *table = calloc(1, sizeof *table);
    if (table) {
        table->columns = columns;
        table->column_count = count;
    }
    return table;
}

static bool make_room(struct table *table)
{
    if (table->count < table->room)
        return true;
    size_t room = table->room ? table->room * 2 : 64;
    struct cell *cells = realloc(table->cells, room * sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    table->room = room;
    return true;
}

void table_cell(struct table *table, enum style style, const char *fmt, ...)
{
    char raw[TABLE_CELL_BYTES], clean[TABLE_CELL_BYTES];
    va_list args;

    if (!table || table->failed)
        return;
    va_start(args, fmt);
    vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    text_clean(raw, clean, sizeof clean);
    char *text = make_room(table) ? strdup(clean) : NULL;
    if (!text) {
        table->failed = true;
        return;
    }
    if (!text[0])
        style = STYLE_PLAIN; /* nothing to be coloured */
    table->cells[table->count++] = (struct cell){text, text_width(text), style};
}

int table_rows(const struct table *table)
{
    return table ? (int)(table->count / (size_t)table->column_count) : 0;
}

/* How wide each column must be for its widest cell. */
static int natural_widths(const struct table *table, int *widths)
{
    int total = (table->column_count - 1) * GAP;

    for (int c = 0; c < table->column_count; c++)
        widths[c] = table->columns[c].heading ? text_width(table->columns[c].heading) : 0;
    for (size_t i = 0; i < table->count; i++) {
        int c = (int)(i % (size_t)table->column_count);
        if (table->cells[i].width > widths[c])
            widths[c] = table->cells[i].width;
    }
    for (int c = 0; c < table->column_count; c++)
        total += widths[c];
    return total;
}

/* Take columns from the widest that may shrink until the line fits. */
static void shrink_widths(const struct table *table, int *widths, int excess)
{
    for (; excess > 0; excess--) {
        int widest = -1;
        for (int c = 0; c < table->column_count; c++)
            if (table->columns[c].shrink && widths[c] > SHRINK_LEAST &&
                (widest < 0 || widths[c] > widths[widest]))
                widest = c;
        if (widest < 0)
            return;
        widths[widest]--;
    }
}

static void print_cell(const struct screen *screen, const struct cell *cell, int width,
                       bool right, bool last)
{
    bool cut = cell->width > width;
    size_t bytes = cut ? text_fit(cell->text, width - 1) : strlen(cell->text);
    int shown = cell->width;

    if (cut) {
        char start[TABLE_CELL_BYTES];
        snprintf(start, sizeof start, "%.*s", (int)bytes, cell->text);
        shown = text_width(start) + 1;
    }
    if (right)
        fprintf(screen->out, "%*s", width - shown, "");
    fprintf(screen->out, "%s%.*s%s%s", screen_begin(screen, cell->style), (int)bytes,
            cell->text, cut ? "…" : "", screen_end(screen, cell->style));
    if (!last)
        fprintf(screen->out, "%*s", (right ? 0 : width - shown) + GAP, "");
}

static void print_row(const struct table *table, const struct screen *screen,
                      const struct cell *cells, const int *widths)
{
    int last = table->column_count - 1;

    while (last > 0 && cells[last].text[0] == '\0') /* no blanks at the end of a line */
        last--;
    for (int c = 0; c <= last; c++)
        print_cell(screen, &cells[c], widths[c], table->columns[c].right, c == last);
    fputc('\n', screen->out);
}

static void print_headings(const struct table *table, const struct screen *screen,
                           const int *widths)
{
    struct cell cells[TABLE_COLUMNS_MAX];

    for (int c = 0; c < table->column_count; c++) {
        char *heading = (char *)table->columns[c].heading;
        cells[c] = (struct cell){heading, text_width(heading), STYLE_DIM};
    }
    print_row(table, screen, cells, widths);
}

bool table_print(const struct table *table, const struct screen *screen, struct err *err)
{
    int widths[TABLE_COLUMNS_MAX];

    if (!table || table->failed)
        return err_set(err, ERR_SYSTEM, "out of memory");
    assert(table->column_count > 0 && table->count % (size_t)table->column_count == 0);
    int total = natural_widths(table, widths);
    if (screen->columns)
        shrink_widths(table, widths, total - screen->columns);
    if (table->columns[0].heading)
        print_headings(table, screen, widths);
    for (size_t i = 0; i < table->count; i += (size_t)table->column_count)
        print_row(table, screen, &table->cells[i], widths);
    return true;
}

void table_free(struct table **table)
{
    struct table *t = *table;

    if (t) {
        for (size_t i = 0; i < t->count; i++)
            free(t->cells[i].text);
        free(t->cells);
        free(t);
    }
    *table = NULL;
}
