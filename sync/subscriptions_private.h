/* What the files of the subscriptions share: subscriptions.c (the clock, orders), hearing.c
 * (the state of one Exchange), streams.c (groups of mailboxes on one stream), canary.c (trying
 * a way with one mailbox), unsubscribe.c (telling Exchange that nobody listens any more). */
#ifndef SIB_SYNC_SUBSCRIPTIONS_PRIVATE_H
#define SIB_SYNC_SUBSCRIPTIONS_PRIVATE_H

#include <sys/queue.h>

#include "base/rng.h"
#include "queue/hint.h"
#include "sync/hear.h"
#include "sync/subscriptions.h"

enum {
    SUBSCRIPTIONS_SPREAD_MS = 20, /* looks that come together are this far apart */
};

struct group;
struct hearing;

/* What is known of a mailbox besides its rows; kept until the end of the process. */
struct member {
    char mailbox[LIMIT_UUID];
    struct hearing *hearing;
    TAILQ_ENTRY(member) all;
    struct group *group; /* its seat; NULL: none */
    TAILQ_ENTRY(member) seat;
    char *subscription;    /* of the stream; NULL: none (yet) */
    struct group *holding; /* the group that its present run may subscribe to */
    int silent;            /* push subscriptions in a row from which nothing came */
    struct mono silent_since;
    bool no_anchor; /* Exchange refused to act for it */
    bool marked;    /* in the list of those to be looked at */
    TAILQ_ENTRY(member) mark;
    int64_t mark_ms;   /* in so long */
    bool folders;      /* ... and its folders are to be listed */
    bool anywhere;     /* ... or this is of no account, and all are to be looked at: */
    struct hint *hint; /* where something changed; NULL: not said */
    bool end_row;      /* its stream's row is to be ended */
    bool waits;        /* for its turn to subscribe: looked at again soon */
};
TAILQ_HEAD(member_list, member);

/* Mailboxes that are heard over one stream. */
struct group {
    struct hearing *hearing;
    TAILQ_ENTRY(group) link;
    struct remote_stream *stream;
    struct member *anchor; /* in whose name it is opened */
    struct member_list members;
    char place[LIMIT_URL + LIMIT_GROUP]; /* where its mailboxes are; "": there is one place */
    int seats, holders;                  /* holders: calls that may still use the stream */
    struct loop_timer *timer;
    bool open, heard; /* a connection; its first word came */
    bool dissolved;   /* freed when nobody holds it */
    struct mono opened;
    int failures; /* in a row */
};

/* One mailbox with which a way is tried. */
struct canary {
    struct hearing *hearing;
    enum hear_way way; /* HEAR_POLL: none is under way */
    struct member *member;
    struct remote *remote;
    struct remote_call *call;
    struct group *group;
    char secret[40];
    struct mono since;
};

/* How one Exchange is heard. */
struct hearing {
    struct subscriptions *all;
    const struct config_exchange *exchange;
    struct log_ctx log;
    enum hear_word word;
    bool callback_possible;
    enum hear_state state;
    int64_t heard_ms;                  /* the last callback in the store; wall */
    int64_t tallied, tallied_heard_ms; /* of the present look at the store */
    bool called;
    bool push_waits; /* somebody is subscribed, and should be called */
    struct mono push_since, tried_push, tried_stream;
    int stream_failures; /* in a row */
    TAILQ_HEAD(, group) groups;
    int group_count, group_limit;
    struct canary canary;
    bool unwritten, end_push, look_at_all; /* a change of state that the store does not have */
};

struct unsubscribe;

struct subscriptions {
    struct subscriptions_deps deps;
    struct rng rng;
    struct loop_timer *tick, *marker;
    struct hearing hearings[CONFIG_EXCHANGES_MAX];
    size_t hearing_count;
    void *tree; /* of members, by mailbox */
    struct member_list members, marked;
    struct mono spread_at; /* until then looks are given out already */
    struct mono token_at;
    int64_t tokens; /* thousandths of a subscription that may be made now */
    struct unsubscribe *unsubscribe;
    struct mono watched_at; /* when silent subscriptions were last looked for */
    bool stopped;
    loop_fn *done;
    void *done_arg;
    struct loop_timer *deadline;
};

/* ---- subscriptions.c ---- */

struct member *subscriptions_member(struct subscriptions *all, const struct mailbox *mailbox);
/* The queue shall have it in delay_ms. */
void subscriptions_mark(struct subscriptions *all, struct member *member, int64_t delay_ms);
/* At once, because of a change there. */
void subscriptions_mark_where(struct subscriptions *all, struct member *member,
                              const struct remote_where *where);
/* A delay behind all that were given out lately. */
int64_t subscriptions_spread(struct subscriptions *all);
/* Think again about the ways, as soon as the loop turns. */
void subscriptions_consider(struct subscriptions *all);
/* A transaction, or a logged warning. */
bool subscriptions_begin(struct subscriptions *all);
bool subscriptions_commit(struct subscriptions *all, bool ok, struct err *err);

/* That of a mailbox whose exchange is called so; NULL: there is none. */
struct hearing *subscriptions_hearing(struct subscriptions *all, const char *exchange);

/* ---- hearing.c ---- */

/* After a look at the store, or news of a stream. */
void hearing_consider(struct hearing *hearing);
bool hearing_on_push(enum hear_state state);

/* ---- streams.c ---- */

/* A seat for the mailbox; NULL: there is no room. */
struct group *streams_seat(struct member *member, const struct mailbox *mailbox);
void streams_joined(struct member *member, const char *subscription);
/* Gives up the seat; Exchange is told. */
void streams_leave(struct member *member);
/* All members look for another way to be heard. */
void streams_dissolve(struct group *group);
/* A holder is done. */
void streams_release(struct group **group);
bool streams_any_open(const struct hearing *hearing);
void streams_free(struct hearing *hearing);

/* ---- canary.c ---- */

/* False: no mailbox is fit for it now. */
bool canary_begin(struct hearing *hearing, enum hear_way way);
/* keep: its subscription goes on to be used. */
void canary_end(struct canary *canary, bool keep);

/* ---- unsubscribe.c ---- */

struct unsubscribe *unsubscribe_new(struct subscriptions *all);
/* Tell Exchange; group: whose subscription it was (held until then), or NULL. */
void unsubscribe_add(struct unsubscribe *unsubscribe, const char *mailbox,
                     const char *subscription, struct group *group);
bool unsubscribe_idle(const struct unsubscribe *unsubscribe);
void unsubscribe_free(struct unsubscribe **unsubscribe);

#endif
