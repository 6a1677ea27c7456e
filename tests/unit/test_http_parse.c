/* The parts of the HTTP server that need no socket: heads, chunks, the first bytes of TLS, and
 * who gives up his place. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_parse.h"
#include "base/http_places.h"
#include "base/http_wire.h"

/* ---- heads ---- */

/* On the heap and without a NUL, so that a sanitizer sees who reads too far. */
static int parse(const char *text, struct http_head *head, char **bytes)
{
    size_t len = strlen(text);

    *bytes = malloc(len ? len : 1);
    memcpy(*bytes, text, len);
    return http_head_parse(*bytes, len, head);
}

static void a_head_is_taken_apart(void **state)
{
    struct http_head head;
    char *bytes;
    (void)state;

    assert_int_equal(parse("\r\nPOST /a/b?c HTTP/1.1\r\nHost: x\r\nContent-Length:  42 \r\n"
                           "X-Empty:\r\nX-Two: a b\t\r\n\r\n",
                           &head, &bytes),
                     0);
    assert_string_equal(head.method, "POST");
    assert_string_equal(head.path, "/a/b?c");
    assert_int_equal(head.length, 42);
    assert_int_equal(head.field_count, 4);
    assert_string_equal(http_head_field(&head, "x-two"), "a b");
    assert_string_equal(http_head_field(&head, "X-EMPTY"), "");
    assert_null(http_head_field(&head, "X"));
    assert_true(head.keep_alive && !head.chunked && !head.expects);
    free(bytes);
}

static void a_connection_is_kept_as_the_client_wishes(void **state)
{
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: Upgrade, Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;
        char *bytes;
        assert_int_equal(parse(cases[i].text, &head, &bytes), 0);
        assert_int_equal(head.keep_alive, cases[i].keep);
        free(bytes);
    }
}

#define POST "POST / HTTP/1.1\r\n"

static void what_two_readers_could_read_differently_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\n\r\n", 400},
        {" GET / HTTP/1.1\r\n\r\n", 400},
        {"get / HTTP/1.1\r\n\r\n", 400},
        {"GETGETGETGETGETGET / HTTP/1.1\r\n\r\n", 400},
        {"GET http://x/ HTTP/1.1\r\n\r\n", 400},
        {"GET /a b HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"GET / HTTP/1.1 \r\n\r\n", 505},
        {"GET / HTTP/1.1\n\n\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\n\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\rContent-Length: 3\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 400},
        {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {POST "Content-Length: 1, 1\r\n\r\n", 400},
        {POST "Content-Length: +1\r\n\r\n", 400},
        {POST "Content-Length: 0x1\r\n\r\n", 400},
        {POST "Content-Length:\r\n\r\n", 400},
        {POST "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {POST "Expect: the-worst\r\n\r\n", 417},
        {POST "Transfer-Encoding: Chunked\r\n\r\n", 0},
        {POST "Expect: 100-Continue\r\nContent-Length: 007\r\n\r\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;
        char *bytes;
        int status = parse(cases[i].text, &head, &bytes);
        if (status != cases[i].status)
            fail_msg("%d instead of %d for: %s", status, cases[i].status, cases[i].text);
        free(bytes);
    }
}

static void fields_beyond_their_number_are_refused(void **state)
{
    struct http_head head;
    struct buf text;
    (void)state;

    for (int more = 0; more < 2; more++) {
        buf_init(&text, 64 * KIB);
        buf_add_str(&text, "GET / HTTP/1.1\r\n");
        for (int i = 0; i < LIMIT_HTTP_FIELDS + more; i++)
            buf_add_str(&text, "a:\r\n");
        buf_add_str(&text, "\r\n");
        assert_int_equal(http_head_parse(text.data, text.len, &head), more ? 431 : 0);
        buf_clear(&text);
    }
}

static void the_end_of_a_head_is_found_in_whatever_pieces_it_comes(void **state)
{
    static const char text[] = "\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nmore\r\n\r\n";
    const size_t whole = strstr(text, "more") - text;
    (void)state;

    for (size_t step = 1; step < sizeof text; step++) {
        size_t looked = 0, len = 0, end = 0;
        while (!end && len < sizeof text - 1) {
            len = len + step < sizeof text ? len + step : sizeof text - 1;
            end = http_head_end(text, len, &looked);
        }
        assert_int_equal(end, whole);
    }
}

static void what_begins_no_request_is_seen_at_once(void **state)
{
    (void)state;
    assert_true(http_head_begins("G", 1));
    assert_true(http_head_begins("\r", 1));
    assert_true(http_head_begins("\r\nPOST /", 8));
    assert_true(http_head_begins("POST \x16", 6));
    assert_false(http_head_begins("\x16\x03\x01", 3));
    assert_false(http_head_begins("\r\n\r\n", 4));
    assert_false(http_head_begins("\n", 1));
    assert_false(http_head_begins("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26));
}

/* ---- chunks ---- */

static enum http_chunks_state decode(const char *text, size_t step, struct buf *body,
                                     size_t *used)
{
    struct http_chunks chunks = {.max = 20};
    size_t len = strlen(text);

    *used = 0;
    buf_init(body, 20);
    while (*used < len && chunks.state < HTTP_CHUNKS_DONE) {
        size_t piece = len - *used < step ? len - *used : step;
        *used += http_chunks_feed(&chunks, text + *used, piece, body);
    }
    return chunks.state;
}

static void chunks_are_put_together_in_whatever_pieces_they_come(void **state)
{
    static const char text[] =
        "5;a=b\r\nhello\r\n0b \r\n, my world!\r\n0000\r\nTrailer: x\r\nTwo: y\r\n\r\nGET";
    (void)state;
    for (size_t step = 1; step < sizeof text; step++) {
        struct buf body;
        size_t used;
        assert_int_equal(decode(text, step, &body, &used), HTTP_CHUNKS_DONE);
        assert_string_equal(buf_str(&body), "hello, my world!");
        assert_string_equal(text + used, "GET");
        buf_clear(&body);
    }
}

static void chunks_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum http_chunks_state is;
    } cases[] = {
        {"\r\n", HTTP_CHUNKS_BAD},
        {"g\r\n", HTTP_CHUNKS_BAD},
        {"-1\r\n", HTTP_CHUNKS_BAD},
        {"0x5\r\nhello", HTTP_CHUNKS_BAD},
        {"000000001\r\nh", HTTP_CHUNKS_BAD},
        {"5\nhello", HTTP_CHUNKS_BAD},
        {"5\rhello", HTTP_CHUNKS_BAD},
        {"5;a\nb\r\nhello", HTTP_CHUNKS_BAD},
        {"5\r\nhello!\r\n", HTTP_CHUNKS_BAD},
        {"5\r\nhello\n0\r\n\r\n", HTTP_CHUNKS_BAD},
        {"0\r\nTrailer: x\n\r\n", HTTP_CHUNKS_BAD},
        {"0\r\n\rx", HTTP_CHUNKS_BAD},
        {"15\r\n", HTTP_CHUNKS_TOO_LONG},
        {"ffffffff\r\n", HTTP_CHUNKS_TOO_LONG},
        {"b\r\nhello world\r\na\r\n", HTTP_CHUNKS_TOO_LONG},
        {"5\r\nhel", HTTP_CHUNKS_DATA},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf body;
        size_t used;
        enum http_chunks_state is = decode(cases[i].text, 3, &body, &used);
        if (is != cases[i].is)
            fail_msg("%d instead of %d for: %s", (int)is, (int)cases[i].is, cases[i].text);
        buf_clear(&body);
    }
}

static void what_frames_chunks_has_an_end(void **state)
{
    static const char *const beginnings[] = {"5;", "0\r\nTrailer:"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct http_chunks chunks = {.max = 20};
        struct buf body;
        size_t sent = 0;
        buf_init(&body, 20);
        http_chunks_feed(&chunks, beginnings[i], strlen(beginnings[i]), &body);
        while (chunks.state < HTTP_CHUNKS_DONE && sent < 10 * LIMIT_HTTP_FRAMING)
            sent += http_chunks_feed(&chunks, "x", 1, &body);
        assert_int_equal(chunks.state, HTTP_CHUNKS_BAD);
        assert_in_range(sent, LIMIT_HTTP_FRAMING - 20, LIMIT_HTTP_FRAMING + 1);
        buf_clear(&body);
    }
}

/* ---- the first bytes of TLS ---- */

static size_t needs(const char *bytes, size_t len)
{
    return http_hello_needs((const unsigned char *)bytes, len);
}

static void a_hello_is_known_by_its_first_bytes(void **state)
{
    static const char hello[] = "\x16\x03\x01\x01\x00\x01\x00\x00\xfc";
    (void)state;
    for (size_t len = 1; len < 9; len++)
        assert_int_equal(needs(hello, len), 9);
    assert_int_equal(needs(hello, 9), 5 + 256);
    assert_int_equal(needs("G", 1), 0);
    assert_int_equal(needs("\x15", 1), 0);
    assert_int_equal(needs("\x16\x02", 2), 0);
    assert_int_equal(needs("\x16\x03\x01\x01\x00\x02", 6), 0);
    assert_int_equal(needs("\x16\x03\x01\x01\x00\x01\x01\x00\x00", 9), 0); /* 64 KiB */
    assert_int_equal(needs("\x16\x03\x01\x01\x00\x01\x00\x40\x00", 9), 0); /* 16 KiB */
    assert_int_equal(needs("\x16\x03\x01\x40\x00\x01\x00\x01\x00", 9), 0); /* of record */
    assert_int_equal(needs("\x16\x03\x01\x00\x03\x01\x00\x01\x00", 9), 0);
}

/* ---- places ---- */

enum { GUESTS = 8 };

struct house {
    struct http_places places;
    struct http_place guests[GUESTS];
};

static void enter(struct house *house, int guest, const char *from)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};

    address.any.sa_family = strchr(from, ':') ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(address.any.sa_family, from,
                               address.any.sa_family == AF_INET
                                   ? (void *)&address.v4.sin_addr
                                   : (void *)&address.v6.sin6_addr),
                     1);
    assert_true(http_places_enter(&house->places, &house->guests[guest], &address.any));
}

static int victim(const struct house *house)
{
    const struct http_place *place = http_places_victim(&house->places);
    return place ? (int)(place - house->guests) : -1;
}

static void empty(struct house *house)
{
    for (int i = 0; i < GUESTS; i++)
        if (house->guests[i].source)
            http_places_leave(&house->places, &house->guests[i]);
    assert_int_equal(house->places.count, 0);
    assert_true(TAILQ_EMPTY(&house->places.sources));
}

static void the_oldest_stranger_of_the_fullest_address_gives_way(void **state)
{
    struct house house = {0};
    (void)state;

    http_places_init(&house.places);
    assert_int_equal(victim(&house), -1);
    enter(&house, 0, "10.0.0.1");
    enter(&house, 1, "10.0.0.2");
    assert_int_equal(victim(&house), 0);
    enter(&house, 2, "10.0.0.2");
    assert_int_equal(victim(&house), 1);
    enter(&house, 3, "10.0.0.1");
    assert_int_equal(victim(&house), 0);
    http_places_leave(&house.places, &house.guests[0]);
    assert_int_equal(victim(&house), 1);
    http_places_move(&house.places, &house.guests[1], HTTP_STRANGER); /* has come on */
    assert_int_equal(victim(&house), 2);
    empty(&house);
}

static void addresses_of_one_site_are_one(void **state)
{
    struct house house = {0};
    (void)state;

    http_places_init(&house.places);
    enter(&house, 0, "2001:db8:1:1::1");
    enter(&house, 1, "2001:db8:1:2::1");
    enter(&house, 2, "2001:db8:1:2:ffff::1");
    assert_int_equal(victim(&house), 1);
    enter(&house, 3, "10.0.0.1");
    enter(&house, 4, "::ffff:10.0.0.1");
    enter(&house, 5, "::ffff:10.0.0.1");
    assert_int_equal(victim(&house), 3);
    empty(&house);
}

static void who_was_answered_stays_before_strangers_and_who_is_served_always(void **state)
{
    struct house house = {0};
    (void)state;

    http_places_init(&house.places);
    for (int i = 0; i < 5; i++)
        enter(&house, i, "10.0.0.1");
    http_places_move(&house.places, &house.guests[0], HTTP_KEPT);
    http_places_move(&house.places, &house.guests[1], HTTP_KEPT);
    http_places_move(&house.places, &house.guests[2], HTTP_BUSY);
    assert_int_equal(victim(&house), 3);
    http_places_move(&house.places, &house.guests[4], HTTP_LEAVING);
    assert_int_equal(victim(&house), 4);
    http_places_leave(&house.places, &house.guests[4]);
    http_places_leave(&house.places, &house.guests[3]);
    assert_int_equal(victim(&house), 0);
    http_places_move(&house.places, &house.guests[0], HTTP_KEPT); /* has asked again */
    assert_int_equal(victim(&house), 1);
    http_places_leave(&house.places, &house.guests[0]);
    http_places_leave(&house.places, &house.guests[1]);
    assert_int_equal(victim(&house), -1);
    empty(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_taken_apart),
        cmocka_unit_test(a_connection_is_kept_as_the_client_wishes),
        cmocka_unit_test(what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(fields_beyond_their_number_are_refused),
        cmocka_unit_test(the_end_of_a_head_is_found_in_whatever_pieces_it_comes),
        cmocka_unit_test(what_begins_no_request_is_seen_at_once),
        cmocka_unit_test(chunks_are_put_together_in_whatever_pieces_they_come),
        cmocka_unit_test(chunks_that_are_none_are_refused),
        cmocka_unit_test(what_frames_chunks_has_an_end),
        cmocka_unit_test(a_hello_is_known_by_its_first_bytes),
        cmocka_unit_test(the_oldest_stranger_of_the_fullest_address_gives_way),
        cmocka_unit_test(addresses_of_one_site_are_one),
        cmocka_unit_test(who_was_answered_stays_before_strangers_and_who_is_served_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
