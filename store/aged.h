/* Messages whose time is over: recordings that are kept no longer, deleted messages that are
 * purged, transcriptions that never came. Reads only; what becomes of them says
 * store/message.h. */
#ifndef SIB_STORE_AGED_H
#define SIB_STORE_AGED_H

#include "store/store.h"

enum aged_what {
    AGED_RECORDING,  /* received before the time, not purged, with its recording */
    AGED_DELETED,    /* deleted before the time */
    AGED_TRANSCRIPT, /* its transcription has been awaited since before the time */
    AGED_KINDS,
};

/* The oldest first, at most max ids; *count of them. */
bool aged_list(struct store *store, enum aged_what what, struct wall before,
               char (*ids)[LIMIT_UUID], int max, int *count, struct err *err);

#endif
