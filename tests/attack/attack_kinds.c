/* What is sent to the listener by those who mean harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/attack/attack.h"

enum { LARGE = 200 * 1000, NEARLY_A_HEADER = 15 * 1000, NEARLY_A_BODY = 190 * 1000 };

static void post(struct buf *out, const char *path, const char *body)
{
    buf_printf(out, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", path,
               strlen(body), body);
}

void attack_notification(struct buf *out, const char *secret, const char *subscription)
{
    static const char fmt[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope "
        "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:SendNotification "
        "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" "
        "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"
        "<m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass=\"Success\">"
        "<m:ResponseCode>NoError</m:ResponseCode><m:Notification>"
        "<t:SubscriptionId>%s</t:SubscriptionId><t:PreviousWatermark>AQ==</t:PreviousWatermark>"
        "<t:MoreEvents>false</t:MoreEvents><t:NewMailEvent><t:Watermark>Ag==</t:Watermark>"
        "<t:TimeStamp>2026-11-22T10:00:00Z</t:TimeStamp><t:ItemId Id=\"AAMk\"/>"
        "<t:ParentFolderId Id=\"AAMf\"/></t:NewMailEvent></m:Notification>"
        "</m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification>"
        "</s:Body></s:Envelope>";
    struct buf body;

    buf_init(&body, sizeof fmt + 256);
    buf_printf(&body, fmt, subscription);
    post(out, secret, buf_str(&body));
    buf_clear(&body);
}

/* ---- strangers ---- */

static void wrong_token(struct buf *out, unsigned *seed)
{
    char secret[33];

    for (int i = 0; i < 32; i++)
        secret[i] = "0123456789abcdef"[rand_r(seed) % 16];
    secret[32] = '\0';
    attack_notification(out, secret, "sub-real");
}

static void missing_token(struct buf *out, unsigned *seed)
{
    if (rand_r(seed) % 2)
        attack_notification(out, "ews/notify", "sub-real");
    else
        buf_add_str(out, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void endless_body(struct buf *out, unsigned *seed)
{
    static const char *const paths[] = {ATTACK_KNOWN, "00000000000000000000000000000000"};

    buf_printf(out, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n",
               paths[rand_r(seed) % 2]);
}

static void endless_chunks(struct buf *out, unsigned *seed)
{
    (void)seed;
    buf_add_str(out, "POST /" ATTACK_KNOWN " HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        buf_add_str(out, "400\r\n"), buf_printf(out, "%1024d\r\n", i);
}

static void endless_header(struct buf *out, unsigned *seed)
{
    (void)seed;
    buf_add_str(out, "POST /" ATTACK_KNOWN " HTTP/1.1\r\nHost: x\r\nX-Long: ");
}

/* Each holds as much memory as it can, and keeps it. */
static void slow_header(struct buf *out, unsigned *seed)
{
    endless_header(out, seed);
    buf_printf(out, "%0*d", NEARLY_A_HEADER, 0);
}

static void many_fields(struct buf *out, unsigned *seed)
{
    (void)seed;
    buf_add_str(out, "POST /" ATTACK_KNOWN " HTTP/1.1\r\n");
    for (int i = 0; i < 4000; i++)
        buf_add_str(out, "a:\r\n");
    buf_add_str(out, "\r\n");
}

static void smuggled(struct buf *out, unsigned *seed)
{
    static const char *const requests[] = {
        "POST /" ATTACK_KNOWN " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /" ATTACK_KNOWN " HTTP/1.1\r\n\r\n",
        "POST /" ATTACK_KNOWN " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        "Content-Length: 44\r\n\r\nPOST /" ATTACK_KNOWN " HTTP/1.1\r\n\r\n",
        "POST /" ATTACK_KNOWN " HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc\n\n\r\n\r\n",
        "POST /" ATTACK_KNOWN " HTTP/1.1\r\nHost : x\r\nContent-Length: +3\r\n\r\nabc",
    };
    buf_add_str(out, requests[rand_r(seed) % 4]);
}

static void rubbish(struct buf *out, unsigned *seed)
{
    for (int i = 0; i < 600; i++) {
        char byte = (char)rand_r(seed);
        buf_add(out, &byte, 1);
    }
}

/* The beginning of a ClientHello: of 128 KiB, of a sensible length, of nearly none. */
static void half_a_hello(struct buf *out, unsigned *seed)
{
    static const char *const beginnings[] = {
        "\x16\x03\x01\x40\x00\x01\x02\x00\x00\x03\x03",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\x03",
    };
    static const size_t size = 11;

    buf_add(out, beginnings[rand_r(seed) % 3], size);
}

static void nothing(struct buf *out, unsigned *seed)
{
    (void)out, (void)seed;
}

/* ---- those who know a path, but not its subscription ---- */

static void forged_subscription(struct buf *out, unsigned *seed)
{
    char subscription[32];

    snprintf(subscription, sizeof subscription, "forged-%d", rand_r(seed));
    attack_notification(out, ATTACK_KNOWN, subscription);
}

static void entity_bomb(struct buf *out, unsigned *seed)
{
    struct buf body;

    (void)seed;
    buf_init(&body, LARGE);
    buf_add_str(&body, "<!DOCTYPE a [<!ENTITY a0 \"ha\">");
    for (int i = 1; i < 30; i++)
        buf_printf(&body, "<!ENTITY a%d \"&a%d;&a%d;&a%d;\">", i, i - 1, i - 1, i - 1);
    buf_add_str(&body, "<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&a29;&x;</a>");
    post(out, ATTACK_KNOWN, buf_str(&body));
    buf_clear(&body);
}

static void repeated(struct buf *out, const char *begin, const char *word, const char *end)
{
    struct buf body;

    buf_init(&body, LARGE + 4096);
    buf_add_str(&body, begin);
    while (body.len < LARGE)
        buf_add_str(&body, word);
    buf_add_str(&body, end);
    post(out, ATTACK_KNOWN, buf_str(&body));
    buf_clear(&body);
}

static void large_bodies(struct buf *out, unsigned *seed)
{
    switch (rand_r(seed) % 5) {
    case 0: repeated(out, "", "<a>", ""); break;
    case 1: repeated(out, "<a>", "<b/>", "</a>"); break;
    case 2: repeated(out, "<a>", "<b c='&#38;&#38;' d='&lt;'>&amp;</b>", "</a>"); break;
    case 3: repeated(out, "<a", " b='c'", "/>"); break;
    default: repeated(out, "<a><!--", "- -", ""); break;
    }
}

static void slow_body(struct buf *out, unsigned *seed)
{
    (void)seed;
    buf_add_str(out, "POST /" ATTACK_KNOWN " HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 200000\r\n\r\n");
    buf_printf(out, "%0*d", NEARLY_A_BODY, 0);
}

/* ---- those who know it all ---- */

static void leaked(struct buf *out, unsigned *seed)
{
    (void)seed;
    attack_notification(out, ATTACK_LEAKED, "sub-leaked");
}

static void sent_ahead(struct buf *out, unsigned *seed)
{
    for (int i = 0; i < 50; i++)
        leaked(out, seed);
}

const struct attack attacks[] = {
    {.name = "wrong token", .lanes = 16, .make = wrong_token},
    {.name = "missing token", .lanes = 8, .make = missing_token},
    {.name = "forged subscription", .lanes = 8, .make = forged_subscription},
    {.name = "1 GB body", .lanes = 8, .make = endless_body, .filler = 'x'},
    {.name = "1 GB body in chunks", .lanes = 4, .make = endless_chunks},
    {.name = "endless header", .lanes = 8, .make = endless_header, .filler = 'x'},
    {.name = "many header fields", .lanes = 4, .make = many_fields},
    {.name = "one byte a second, header",
     .lanes = 450,
     .make = slow_header,
     .filler = 'x',
     .pace_ms = 1000},
    {.name = "one byte a second, body",
     .lanes = 50,
     .make = slow_body,
     .filler = 'x',
     .pace_ms = 1000},
    {.name = "entity bomb", .lanes = 4, .make = entity_bomb},
    {.name = "deep and wide bodies", .lanes = 4, .make = large_bodies},
    {.name = "smuggled requests", .lanes = 4, .make = smuggled},
    {.name = "rubbish", .lanes = 4, .make = rubbish, .raw = true},
    {.name = "half a ClientHello", .lanes = 64, .make = half_a_hello, .raw = true},
    {.name = "connect and leave", .lanes = 4, .make = nothing, .raw = true, .resets = true},
    {.name = "half-closed", .lanes = 4, .make = slow_body, .halves = true},
    {.name = "never reads", .lanes = 4, .make = sent_ahead, .deaf = true},
    {.name = "leaked secret", .lanes = 8, .make = leaked, .again = true},
};
const int attack_count = sizeof attacks / sizeof attacks[0];
