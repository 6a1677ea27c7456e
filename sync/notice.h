/* What a run found that people should know although nothing stands still because of it. */
#ifndef SIB_SYNC_NOTICE_H
#define SIB_SYNC_NOTICE_H

#include "sync/run.h"

/* So long it is said that Exchange was restored. */
enum { NOTICE_RESTORED_MS = 24 * 60 * 60 * 1000 };

/* (tx) After every run: writes down that it looked, raises and clears ExchangeRestored and
 * UnknownItems. */
bool notice_write(struct store *store, const struct mailbox *mailbox,
                  const struct run_result *result, struct err *err);

#endif
