/* A web server in a process of its own that answers every request with the same bytes, as fast
 * as it can: for measuring clients, and for holding many of their requests open at once.
 *
 * Ownership: the caller stops what it has started. The process ends with its parent. */
#ifndef SIB_TESTS_SUPPORT_ANSWER_SERVER_H
#define SIB_TESTS_SUPPORT_ANSWER_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct answer_server {
    pid_t pid;
    int port;
};

/* body: of each answer, XML. gather: no answer goes out before so many whole requests are there
 * (1: at once); afterwards each goes out delay_ms after its request. False: errno says why. */
bool answer_server_start(struct answer_server *server, const char *body, int gather,
                         int delay_ms);
void answer_server_stop(struct answer_server *server);

#endif
