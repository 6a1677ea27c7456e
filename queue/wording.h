/* The wording of subjects, as the configuration changes it: what it says in the sections
 * [subject "en"] and [subject "ja"], and the built-in text for all that it leaves out.
 * Ownership: the book borrows the configuration's texts. Pure. */
#ifndef SIB_QUEUE_WORDING_H
#define SIB_QUEUE_WORDING_H

#include "base/config.h"
#include "store/subject.h"

/* config NULL: the built-in texts. */
void wording_read(const struct config *config, struct subject_book *book);

#endif
