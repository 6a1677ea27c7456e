/* Exchange's callbacks: from a request to a mark in the queue to the answer.
 *
 * Requests that arrive in one turn of the loop are marked in one transaction, committed, and
 * only then answered; when the commit fails, those that it was for are answered 503 and
 * Exchange calls again. What is written down already is not written again: a mailbox that
 * waits for a look gets no further mark but for a folder that it does not know yet
 * (queue/hint.h), and "was heard" is noted every TIME_HEARD_MS at most.
 *
 * Under attack. The secret in the path is looked up when the header is there (some 6 us among
 * thousands); to whom it is not known, no body is taken, nothing is parsed and nothing is
 * written, and the connection is closed. Who knows a secret but not its subscription writes
 * nothing either. Who knows both makes one mark, however often he calls, and one look in
 * TIME_MARK_MS; who knows the ids of the mailbox's folders, too, LIMIT_HINTS more. The memory
 * of the whole process stays under LIMIT_CALLBACK_MEMORY, 64 MiB (base/limits.h has the sum).
 * tests/crash/test-attack.sh holds all of that.
 *
 * Ownership: a request given to callback_handle belongs to the callback until it is answered,
 * which is in the loop's next turn. The store and the loop must outlive it. What survives a
 * crash: every mark whose call was answered OK. */
#ifndef SIB_NOTIFY_CALLBACK_H
#define SIB_NOTIFY_CALLBACK_H

#include "base/http.h"
#include "base/log.h"
#include "store/store.h"

struct callback;

struct callback_config {
    struct loop *loop;
    struct store *store;
    const struct log_ctx *log;
    bool (*commit)(struct store *store, struct err *err); /* NULL: store_commit (tests) */
    /* Units of work for the beats: "calls", "marks", "refused". May be NULL. */
    void (*count)(const char *counter, long add, void *arg);
    /* The store failed for good: the process should end. May be NULL. */
    void (*broken)(const struct err *err, void *arg);
    void *arg;
};

struct callback *callback_new(const struct callback_config *config, struct err *err);
/* Answers 503 to what waits. */
void callback_free(struct callback **callback);

/* For `head` of struct http_config: answers those whose body is not wanted. */
void callback_head(struct http_request **request, void *callback);
/* An http_handler_fn; callback is the struct callback. */
void callback_handle(struct http_request *request, void *callback);

#endif
