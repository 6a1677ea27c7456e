/* The callback listener behind a real HTTP server on loopback, over a store in memory, with
 * clients that the same loop drives. Instead of store_commit stands a function that counts,
 * looks that nobody was answered yet, and fails when the test says so. A warning or error in
 * the log that the test does not take off bad_lines fails it. */
#ifndef SIB_TESTS_SUPPORT_CALLBACK_FIXTURE_H
#define SIB_TESTS_SUPPORT_CALLBACK_FIXTURE_H

#include "base/buf.h"
#include "base/poke.h"
#include "notify/callback.h"
#include "store/watch.h"

enum { CLIENTS_MAX = 16, PATIENCE_MS = 20 * 1000 };

struct callback_fixture;

struct callback_client {
    struct callback_fixture *f;
    int fd;
    struct loop_watch *watch;
    struct buf out, in;
    size_t sent;
    bool done;
};

struct callback_fixture {
    char dir[32];
    struct loop *loop;
    struct loop_timer *patience;
    struct store *store;
    struct callback *callback;
    struct http_server *server;
    struct poke *poke;
    struct callback_client clients[CLIENTS_MAX];
    int client_count, open_count;
    int commits, pokes, broken, bad_lines;
    bool commit_fails, store_dies, stop_after_request, stop_after_commit;
};

#define SECRET_A "0123456789abcdef0123456789abcdef"
#define SECRET_B "fedcba9876543210fedcba9876543210"
#define STRANGER "00000000000000000000000000000000"

/* For cmocka: *state becomes a struct callback_fixture; ann has SECRET_A with the subscription
 * "sub-a", bob SECRET_B with "sub-b". */
int cf_set_up(void **state);
int cf_tear_down(void **state);
void cf_add_watch(struct callback_fixture *f, const char *secret, const char *mailbox,
                  const char *subscription);
/* Send a request; body NULL: none. */
struct callback_client *cf_call(struct callback_fixture *f, const char *method,
                                const char *path, const char *body);
void cf_client_close(struct callback_client *client);
/* Until every client has its answer (or a stop_after says so). */
void cf_run(struct callback_fixture *f);
/* Of the answer; 0: none came. */
int cf_status_of(const struct callback_client *client);
bool cf_says(const struct callback_client *client, const char *text);
/* In the queue. */
int64_t cf_rows_of(struct callback_fixture *f, const char *mailbox);
struct watch cf_watch_of(struct callback_fixture *f, const char *secret);

#endif
