/* Who keeps a place when all are taken: pure, and told only who came from where.
 *
 * A server has so many places and no more. When a new connection finds none, one of the others
 * is closed for it, for the stranger who waits at the door may be Exchange:
 *   1. one whose last answer was given, and that has not gone yet;
 *   2. one that never asked for anything that was answered well: of the address that has most
 *      of those the one that came first. Whoever fills the places from one address pushes only
 *      himself out; from many, he must send a place's worth of connections in the milliseconds
 *      that an honest request takes;
 *   3. one that was answered well and is kept open between requests, or that does not read its
 *      answer: the longest silent.
 * One whose request is being handled is never closed for another.
 *
 * There is no fixed number of places for one address: behind a load balancer all of Exchange is
 * one address, and the members of a DAG are many. An address is an IPv4 address or the first
 * 64 bits of an IPv6 one, for those below it belong to one site. */
#ifndef SIB_BASE_HTTP_PLACES_H
#define SIB_BASE_HTTP_PLACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum http_standing {
    HTTP_LEAVING, /* answered for the last time */
    HTTP_STRANGER,
    HTTP_KEPT, /* answered well, and waiting for more; or waited for, to read its answer */
    HTTP_BUSY, /* its request is being handled */
    HTTP_STANDINGS,
};

/* Within whatever has a place. */
struct http_place {
    TAILQ_ENTRY(http_place) link;
    struct http_source *source;
    enum http_standing standing;
};

struct http_places {
    TAILQ_HEAD(http_place_list, http_place) standing[HTTP_STANDINGS]; /* the oldest first */
    TAILQ_HEAD(, http_source) sources;
    int count;
};

void http_places_init(struct http_places *places);
/* As a stranger. False: no memory. */
bool http_places_enter(struct http_places *places, struct http_place *place,
                       const struct sockaddr *address);
/* To the end of that list, whatever its standing was. */
void http_places_move(struct http_places *places, struct http_place *place,
                      enum http_standing standing);
void http_places_leave(struct http_places *places, struct http_place *place);
/* Whose place is given to another; NULL: nobody's. */
struct http_place *http_places_victim(const struct http_places *places);

#endif
