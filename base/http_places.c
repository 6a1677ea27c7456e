#include "base/http_places.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct http_source {
    TAILQ_ENTRY(http_source) link;
    unsigned char prefix[8];
    int places, strangers;
};

static const unsigned char mapped_v4[12] = {[10] = 0xff, [11] = 0xff};

/* IPv4 as the last half of ::ffff:a.b.c.d, which no prefix of IPv6 in use looks like. */
static void take_prefix(const struct sockaddr *address, unsigned char *prefix)
{
    memset(prefix, 0, 8);
    if (address->sa_family == AF_INET) {
        memcpy(prefix, mapped_v4 + 8, 4);
        memcpy(prefix + 4, &((const struct sockaddr_in *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const unsigned char *bytes = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
        bool v4 = memcmp(bytes, mapped_v4, sizeof mapped_v4) == 0;
        memcpy(prefix, bytes + (v4 ? 8 : 0), 8);
    }
}

static struct http_source *source_of(struct http_places *places, const struct sockaddr *address)
{
    unsigned char prefix[8];
    struct http_source *source;

    take_prefix(address, prefix);
    TAILQ_FOREACH(source, &places->sources, link)
    if (memcmp(source->prefix, prefix, sizeof prefix) == 0)
        return source;
    source = calloc(1, sizeof *source);
    if (source) {
        memcpy(source->prefix, prefix, sizeof prefix);
        TAILQ_INSERT_HEAD(&places->sources, source, link);
    }
    return source;
}

void http_places_init(struct http_places *places)
{
    places->count = 0;
    for (int i = 0; i < HTTP_STANDINGS; i++)
        TAILQ_INIT(&places->standing[i]);
    TAILQ_INIT(&places->sources);
}

static void insert(struct http_places *places, struct http_place *place,
                   enum http_standing standing)
{
    place->standing = standing;
    place->source->strangers += standing == HTTP_STRANGER;
    TAILQ_INSERT_TAIL(&places->standing[standing], place, link);
}

static void take_out(struct http_places *places, struct http_place *place)
{
    place->source->strangers -= place->standing == HTTP_STRANGER;
    TAILQ_REMOVE(&places->standing[place->standing], place, link);
}

bool http_places_enter(struct http_places *places, struct http_place *place,
                       const struct sockaddr *address)
{
    place->source = source_of(places, address);
    if (!place->source)
        return false;
    place->source->places++;
    places->count++;
    insert(places, place, HTTP_STRANGER);
    return true;
}

void http_places_move(struct http_places *places, struct http_place *place,
                      enum http_standing standing)
{
    take_out(places, place);
    insert(places, place, standing);
}

void http_places_leave(struct http_places *places, struct http_place *place)
{
    take_out(places, place);
    places->count--;
    if (--place->source->places == 0) {
        TAILQ_REMOVE(&places->sources, place->source, link);
        free(place->source);
    }
    place->source = NULL;
}

struct http_place *http_places_victim(const struct http_places *places)
{
    struct http_place *place, *victim = TAILQ_FIRST(&places->standing[HTTP_LEAVING]);

    if (victim)
        return victim;
    TAILQ_FOREACH(place, &places->standing[HTTP_STRANGER], link)
    if (!victim || place->source->strangers > victim->source->strangers)
        victim = place;
    return victim ? victim : TAILQ_FIRST(&places->standing[HTTP_KEPT]);
}
