/* One request to an Exchange in memory, under way: private to memory_remote.c, memory_call.c
 * and memory_answer.c. */
#ifndef SIB_TESTS_SUPPORT_MEMORY_CALL_H
#define SIB_TESTS_SUPPORT_MEMORY_CALL_H

#include "tests/support/memory_remote.h"

struct remote_call {
    struct memory_remotes *remotes;
    struct memory_mailbox *mailbox;
    struct remote_call *next, **link; /* in remotes->calls */
    struct loop_timer *timer;
    enum memory_op op;

    /* what was asked */
    int item, folder, version, generation;
    char token[MEMORY_TOKEN];
    unsigned with;
    struct memory_item wanted;
    struct remote_fields fields;
    char subject[MEMORY_SUBJECT];
    bool drop_audio;
    char url[256];
    bool staged;

    /* who waits for it; all NULL: nobody any more */
    union {
        remote_folders_fn *folders;
        remote_changes_fn *changes;
        remote_ref_fn *ref;
        remote_done_fn *done;
        remote_watch_fn *watch;
        remote_composed_fn *composed;
    } fn;
    bool heard; /* somebody waits */
    void *arg;

    /* what becomes of it: 0 of execute_ms: never (or it was carried out already) */
    int64_t execute_ms, answer_ms; /* mono */
    struct err said;               /* instead of what came of it, when kind is not ERR_OK */

    /* what came of it */
    struct err err;
    struct memory_item result;
    struct memory_page *page;
    struct memory_folder listed[MEMORY_FOLDERS_MAX];
    enum remote_place places[MEMORY_FOLDERS_MAX];
    int folder_count;
    int subscription;
};

/* memory_call.c: from being sent to being forgotten. NULL: no memory. */
struct remote_call *memory_call_new(struct remote *remote, enum memory_op op, void *arg);
void memory_call_send(struct remote_call *call);
void memory_call_cancel(struct remote_call *call);

/* memory_answer.c: carry it out, now; and say what came of it to who waits. */
void memory_call_execute(struct remote_call *call);
void memory_call_answer(struct remote_call *call, const struct err *err);

/* memory_notify.c */
int memory_subscribe(struct remote_call *call);
void memory_unsubscribe(struct memory_remotes *remotes, int number);

struct memory_remote {
    struct remote base;
    struct memory_remotes *remotes;
    struct memory_mailbox *mailbox;
};

#endif
