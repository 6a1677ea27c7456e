/* What a receipt says: its subject and its text, in the language of the one who is told. Pure.
 */
#ifndef SIB_STORE_RECEIPT_H
#define SIB_STORE_RECEIPT_H

#include "base/buf.h"
#include "base/clock.h"
#include "store/language.h"
#include "store/message.h"

struct receipt_facts {
    enum message_kind kind; /* one of the three receipts */
    const char *subject;    /* of the message that it is about; NULL or "": unknown */
    const char *name;       /* of the recipient; not for a non-delivery receipt */
    struct wall time;       /* of delivery, or of reading */
    const char *reason;     /* of a non-delivery receipt: a sentence */
};

bool receipt_is(enum message_kind kind);

/* subject: LIMIT_SUBJECT bytes, cut at a whole character; text is added to, with lines that end
 * with LF. */
void receipt_make(enum language language, const struct receipt_facts *facts, char *subject,
                  struct buf *text);

#endif
