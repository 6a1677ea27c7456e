/* A table for people: columns aligned by what is seen, not by bytes.
 *
 * Cells are given row by row, from left to right; each is copied and cleaned (text_clean). On a
 * terminal that is too narrow, the columns that may shrink are cut, with "…" at the cut.
 * Ownership: the table owns its cells; columns are borrowed. Without memory the table stays
 * usable, and table_print fails. */
#ifndef SIB_ADMIN_TABLE_H
#define SIB_ADMIN_TABLE_H

#include "admin/text.h"
#include "base/err.h"

enum { TABLE_COLUMNS_MAX = 12, TABLE_CELL_BYTES = 1100 };

struct table_column {
    const char *heading; /* NULL: the table has no line of headings */
    bool right;          /* numbers */
    bool shrink;
};

struct table;
struct table *table_new(const struct table_column *columns, int count);
void table_cell(struct table *table, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int table_rows(const struct table *table);
bool table_print(const struct table *table, const struct screen *screen, struct err *err);
void table_free(struct table **table);

#endif
