/* Exchange's callbacks: from a request to a mark in the queue to the answer.
 *
 * Requests that arrive in one turn of the loop are marked in one transaction, committed, and
 * only then answered; when the commit fails, those that it was for are answered 503 and
 * Exchange calls again. What needs no mark (an unknown secret, garbage) writes nothing.
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

/* An http_handler_fn; callback is the struct callback. */
void callback_handle(struct http_request *request, void *callback);

#endif
