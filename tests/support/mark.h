/* What sib-notify writes down when Exchange calls, for sites of one process. A sign of life is
 * a mark here, too: who wants none looks away when it comes. */
#ifndef SIB_TESTS_SUPPORT_MARK_H
#define SIB_TESTS_SUPPORT_MARK_H

#include "ews/notification.h"
#include "store/watch.h"

/* In a transaction of its own. */
bool mark_notified(struct store *store, const struct watch *watch,
                   const struct notification *notes, size_t count, struct err *err);

#endif
