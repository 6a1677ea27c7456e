/* What becomes of one callback: pure, so that each case can be enumerated.
 *
 * A notification is only a hint (a forged one costs one look at a mailbox); what matters is
 * that Exchange hears OK for nothing that was not written down, and Unsubscribe for what nobody
 * here waits for any more. Sources: MS-OXWSNTIF, and the answer's two words in the schema's
 * SubscriptionStatusType. */
#ifndef SIB_NOTIFY_DECIDE_H
#define SIB_NOTIFY_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "ews/notification.h"

enum decide_answer {
    DECIDE_OK,          /* 200, SubscriptionStatus OK: only after the commit */
    DECIDE_UNSUBSCRIBE, /* 200, SubscriptionStatus Unsubscribe */
    DECIDE_BAD_BODY,    /* 400 */
    DECIDE_NOT_FOUND,   /* 404 */
    DECIDE_BAD_METHOD,  /* 405 */
    DECIDE_TRY_AGAIN,   /* 503: Exchange calls again, first after 30 s */
    DECIDE_ANSWERS,
};

struct decide_facts {
    /* known from the header alone */
    bool is_post;
    bool addressed;     /* the path ends as the path of a watch does */
    bool lookup_failed; /* the store could not say whether the secret is known */
    bool known;         /* the secret in the path is that of a watch */
    bool ended;         /* that watch was ended */
    /* known from the body */
    bool parsed;      /* the body is a notification */
    bool matches;     /* of this watch's subscription, or that is not recorded yet */
    bool status_only; /* a sign of life and nothing else */
    bool lost;        /* the subscription is gone on the other side */
    bool folders;     /* folders were made, moved or removed */
};

struct decision {
    enum decide_answer answer;
    bool heard;   /* note that the watch was heard */
    bool mark;    /* push the mailbox */
    bool folders; /* ... so that its folders are listed */
    bool end;     /* end the watch, so that mailbox-sync subscribes anew */
};

/* Does the header decide? Then no body is taken: strangers cost neither memory nor a parse.
 * False: *out is unchanged, the body must be heard. */
bool decide_unheard(const struct decide_facts *facts, struct decision *out);

struct decision decide_callback(const struct decide_facts *facts);

/* Fill matches, status_only, lost and folders from the notifications that came and the
 * subscription that is recorded ("": the answer to Subscribe is not stored yet). */
void decide_compare(const struct notification *notes, size_t count, const char *recorded,
                    struct decide_facts *facts);

#endif
