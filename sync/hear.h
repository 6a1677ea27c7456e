/* Which way changes on the other side reach us: push, streaming or polling. Pure.
 *
 * The state belongs to one account (one configured Exchange); a mailbox may be an exception.
 *
 *     PUSH_TRIAL --called--> PUSH --silent--> PUSH_TRIAL --silent--> STREAM_TRIAL
 *     STREAM_TRIAL --opened--> STREAM --broken--> POLL      STREAM_TRIAL --broken--> POLL
 *     POLL --opened--> STREAM      any of STREAM_TRIAL, STREAM, POLL --called--> PUSH
 *
 * That is the word auto; the others stay with their own way, and poll while it does not work.
 * "Called": a callback came to any subscription of the account. "Silent": none came within the
 * time of the self-test, although Exchange owes one every StatusFrequency minutes
 * ([MS-OXWSNTIF], StatusFrequency). "Opened": a stream has said its first word. "Broken":
 * several in a row failed. hear.c has a table with every cell written. */
#ifndef SIB_SYNC_HEAR_H
#define SIB_SYNC_HEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hear_way { HEAR_PUSH, HEAR_STREAM, HEAR_POLL, HEAR_WAYS };

/* The key notify of the configuration. */
enum hear_word { HEAR_WORD_PUSH, HEAR_WORD_STREAM, HEAR_WORD_POLL, HEAR_WORD_AUTO, HEAR_WORDS };

enum hear_state {
    HEAR_AT_PUSH_TRIAL,   /* subscribed, nothing heard yet: polled as well */
    HEAR_AT_PUSH,         /* a callback came */
    HEAR_AT_STREAM_TRIAL, /* streams are being opened: polled as well */
    HEAR_AT_STREAM,
    HEAR_AT_POLL,
    HEAR_STATES,
};

enum hear_event {
    HEAR_NOTHING,
    HEAR_CALLED,
    HEAR_SILENT,
    HEAR_OPENED,
    HEAR_BROKEN,
    HEAR_EVENTS
};

enum {
    HEAR_STREAM_FAILURES = 3, /* in a row: streams do not work here */
    HEAR_MAILBOX_SILENT = 2,  /* in a row: push does not work for this mailbox */
    HEAR_SELF_TEST_MARGIN_MS = 60 * 1000,
    HEAR_TRY_PUSH_MS = 30 * 60 * 1000,
    HEAR_TRY_STREAM_MS = 10 * 60 * 1000,
};

/* What is known of an account; times in milliseconds. */
struct hear_facts {
    enum hear_word word;
    bool callback_possible; /* there is an address to call, and somebody listens */
    enum hear_state state;
    bool called; /* a callback came since the last question */
    int64_t
        push_waited_ms; /* since the first subscription or the last callback; -1: none waits */
    int64_t self_test_ms;    /* hear_self_test_ms */
    bool stream_open;        /* one is open */
    int stream_failures;     /* in a row */
    int64_t since_push_ms;   /* since push was last tried */
    int64_t since_stream_ms; /* since streams were last tried */
};

enum hear_word hear_word_of(const char *word); /* "push", "stream", "poll"; else auto */
const char *hear_way_name(enum hear_way way);  /* "push", "stream", "poll" */
int64_t hear_self_test_ms(int64_t status_minutes);

enum hear_state hear_first(enum hear_word word, bool callback_possible);
enum hear_event hear_event(const struct hear_facts *facts);
enum hear_state hear_next(enum hear_word word, enum hear_state state, enum hear_event event);

/* What to try with one mailbox now, because it did not work before. HEAR_POLL: nothing. */
enum hear_way hear_trial(const struct hear_facts *facts);

/* How one mailbox is heard in this state of its account. */
struct hear_mailbox {
    enum hear_way way;
    bool polled;     /* looked at every minute */
    const char *why; /* a literal: why it is not the first choice; "" when it is */
};
struct hear_mailbox hear_mailbox(enum hear_word word, bool callback_possible,
                                 enum hear_state state, int silent_in_a_row);

/* A state without the first choice of its word: an alarm stands meanwhile. */
bool hear_fell_back(enum hear_word word, bool callback_possible, enum hear_state state);

#endif
