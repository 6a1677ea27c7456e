/* Push subscriptions: events are gathered during a turn of the loop, then called out.
 *
 * A failed call is made again after 30 s, then after twice as long each time, until
 * StatusFrequency minutes are used up; then the subscription is gone, and nobody is told.
 * Without events, a StatusEvent goes every StatusFrequency minutes. Only one call of a
 * subscription is under way. Private to the stand-in. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_PUSH_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_PUSH_H

#include "base/xml.h"
#include "tests/exchange/exchange_mailbox.h"

enum push_event {
    PUSH_COPIED = 1,
    PUSH_CREATED = 2,
    PUSH_DELETED = 4,
    PUSH_MODIFIED = 8,
    PUSH_MOVED = 16,
    PUSH_NEW_MAIL = 32,
};

struct push;
struct push *ex_push_new(struct exchange *ex);
void ex_push_free(struct push **push);

struct push_request {
    int64_t mailbox;
    const char *version; /* of the Subscribe request */
    const char *url;
    int events;         /* push_event, or-ed */
    int status_minutes; /* 1..1440 */
    const int64_t *folders;
    int folder_count; /* 0: all folders */
    bool mute;        /* accepted, and never called */
    bool pull;        /* asks with GetEvents, at least every status_minutes; no URL */
    bool stream;      /* is told over a stream (exchange_stream.h); no URL */
};

enum { PUSH_ID_MAX = 96, PUSH_WATERMARK_MAX = 96, PUSH_SUBSCRIPTIONS_MAX = 5000 };

/* False: too many. id: PUSH_ID_MAX, watermark: PUSH_WATERMARK_MAX bytes. */
bool ex_push_subscribe(struct push *push, const struct push_request *request, char *id,
                       char *watermark);
/* Those of one mailbox: how many, and all of them away without a word. */
int ex_push_count(const struct push *push, int64_t mailbox);
void ex_push_drop(struct push *push, int64_t mailbox);
bool ex_push_unsubscribe(struct push *push, int64_t mailbox, const char *id);

/* Writes m:Notification with what a pull subscription has not had yet. Returns a ResponseCode
 * when there is no such subscription, or the watermark is none of its. */
struct push_pull {
    int64_t mailbox;
    const char *id, *watermark;
    bool marked; /* with watermarks, as Exchange has it */
};
const char *ex_push_pull(struct push *push, const struct push_pull *pull,
                         struct xml_writer *xml);

/* Of a streaming subscription: is it there; who is woken when there is news or it ends (stops:
 * only when `was` is the one now; NULL: whoever); m:Notification with what waits, false:
 * nothing does. Without a listener it ends after PUSH_UNHEARD_MS. */
struct exchange_stream;
enum { PUSH_UNHEARD_MS = 30 * 60 * 1000 };
bool ex_push_is_stream(struct push *push, const char *id);
void ex_push_listen(struct push *push, const char *id, const struct exchange_stream *was,
                    struct exchange_stream *listener);
bool ex_push_write(struct push *push, const char *id, struct xml_writer *xml);

/* What happened to an item or a folder. old_*: with moved and copied. */
struct push_news {
    enum push_event event;
    int64_t mailbox, folder, old_folder; /* the folders it is and was in */
    const char *item, *old_item;         /* item ids; NULL: it is a folder */
    const char *moved_folder;            /* the folder's own id, when it is a folder */
    const char *change_key;
    bool counted; /* a folder that is modified because of what is in it: unread */
    int64_t unread;
};
void ex_push_tell(struct push *push, const struct push_news *news);

#endif
