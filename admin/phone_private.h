/* Between the files of phone.h only. */
#ifndef SIB_ADMIN_PHONE_PRIVATE_H
#define SIB_ADMIN_PHONE_PRIVATE_H

#include "admin/phone.h"

/* End the transaction: commit, and poke mailbox-sync when `poke`; or roll back when not ok. */
bool phone_finish(struct store *store, bool ok, bool poke, struct err *err);

#endif
