/* Alarms: stable names, kept until their cause is gone. */
#ifndef SIB_STORE_ALARM_H
#define SIB_STORE_ALARM_H

#include "store/store.h"

#define ALARM_MAILBOX_PARKED    "MailboxParked"
#define ALARM_MAILBOX_SUSPENDED "MailboxSuspended"
#define ALARM_MESSAGE_SET_ASIDE "MessageSetAside"
#define ALARM_MAILBOX_FULL      "MailboxFull"
/* It was found that Exchange was restored from a backup; for a day. */
#define ALARM_EXCHANGE_RESTORED "ExchangeRestored"
/* Items with our ids whose messages are not known here. */
#define ALARM_UNKNOWN_ITEMS "UnknownItems"
/* No mailbox, no subject. */
#define ALARM_DISK_FULL "DiskFull"
/* A mailbox is behind; or, when many are, their Exchange (the subject). */
#define ALARM_SYNC_DELAYED "SyncDelayed" /* longer than [sync] lag-limit */
#define ALARM_SYNC_STALLED "SyncStalled" /* longer than five days */
/* Their subject is the name of an [exchange] section. */
#define ALARM_ACCOUNT_REFUSED      "AccountRefused"
#define ALARM_EXCHANGE_UNAVAILABLE "ExchangeUnavailable"
/* No mailbox; the subject is the Exchange: changes arrive by another way than the first choice.
 */
#define ALARM_NOTIFICATIONS_FELL_BACK "NotificationsFellBack"

struct alarm {
    int64_t id;
    char name[64];
    char mailbox[LIMIT_UUID];         /* "" when it has none */
    char subject[LIMIT_MAILBOX_NAME]; /* the message or section it is about, or "" */
    char text[LIMIT_REASON];
    int64_t raised_ms; /* wall */
};

/* (tx) Raising what is raised already only renews its text. */
bool alarm_raise(struct store *store, const char *name, const char *mailbox,
                 const char *subject, const char *text, struct err *err);
/* (tx) Nothing happens when it is not raised. subject NULL: any. */
bool alarm_clear(struct store *store, const char *name, const char *mailbox,
                 const char *subject, struct err *err);
typedef bool alarm_fn(const struct alarm *alarm, void *arg);
bool alarm_each(struct store *store, alarm_fn *fn, void *arg, struct err *err);

#endif
