/* Identifiers and change keys as Exchange makes them: opaque, long, base64, case-sensitive.
 *
 * Plain functions of the seed and of row numbers, so that equal runs give equal ids. Private.
 */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_IDENT_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_IDENT_H

#include "tests/exchange/exchange_private.h"

enum ident_kind { IDENT_FOLDER = 1, IDENT_ITEM = 7 };

/* text: EXCHANGE_ID_MAX bytes. */
void ex_ident_make(const struct exchange *ex, enum ident_kind kind, int64_t mailbox,
                   int64_t row, char *text);
/* text: EXCHANGE_ID_MAX + 32 bytes. */
void ex_ident_attachment(const struct exchange *ex, const char *item_key, int64_t row,
                         char *text);
void ex_ident_change_key(const struct exchange *ex, enum ident_kind kind, int64_t mailbox,
                         int64_t touched, char *text);

/* Small records as base64 text (sync states, watermarks), with a seal over them.
 * words: count numbers. text: at least 64 + count * 12 bytes. */
void ex_ident_seal(const struct exchange *ex, const char *magic, const int64_t *words,
                   int count, char *text);
/* False: not one of ours, of another exchange, or changed. */
bool ex_ident_unseal(const struct exchange *ex, const char *magic, const char *text,
                     int64_t *words, int count);

#endif
