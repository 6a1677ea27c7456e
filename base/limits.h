/* Every maximum in one place: bytes, counts, depths and times that come from outside or
 * grow. */
#ifndef SIB_BASE_LIMITS_H
#define SIB_BASE_LIMITS_H

#include <assert.h>

#define KIB (1024L)
#define MIB (1024L * 1024L)

enum {
    /* text fields, bytes with the closing NUL */
    LIMIT_MAILBOX_NAME = 65,
    LIMIT_ADDRESS = 321, /* RFC 5321: 64 + 1 + 255, and NUL */
    LIMIT_DISPLAY_NAME = 257,
    LIMIT_SUBJECT = 1025,
    LIMIT_PHONE_NUMBER = 65,
    LIMIT_TRANSCRIPT = 64 * 1024,
    LIMIT_REMOTE_ID = 1025, /* an item or folder id; Exchange's are below 512 */
    LIMIT_URL = 2083,       /* PushSubscriptionRequest/URL: 1..2082 characters */
    LIMIT_PATH = 1024,
    LIMIT_STATE_DIR = LIMIT_PATH - 128, /* room for the names below it */
    LIMIT_REASON = 513,
    LIMIT_UUID = 37,
    LIMIT_SHA256 = 65,

    /* XML from outside */
    LIMIT_XML_DEPTH = 64,
    LIMIT_XML_NODES = 400000,
    LIMIT_XML_ATTRIBUTES = 64,
    LIMIT_XML_NAME = 256,
    LIMIT_XML_PENDING = 256 * 1024,    /* bytes of one tag, comment or reference */
    LIMIT_XML_RECOVERIES = 500 * 1000, /* characters that XML forbids */

    /* EWS */
    LIMIT_SYNC_PAGE = 512,         /* MaxChangesReturned, the schema's maximum */
    LIMIT_BATCH_ITEMS = 10,        /* items in one request */
    LIMIT_FOLDERS = 5000,          /* mapped folders in a mailbox */
    LIMIT_CONNECTIONS = 64,        /* most that may be configured to one Exchange */
    LIMIT_REQUESTS_WAITING = 4096, /* requests queued for one Exchange */
    LIMIT_RESPONSE_HEADER_BYTES = 128 * 1024,
    LIMIT_COOKIES = 8 * 1024, /* affinity cookies of one answer */

    /* the callback listener */
    LIMIT_CALLBACK_CONNECTIONS = 512,
    LIMIT_CALLBACK_TIMEOUT_S = 10,
    LIMIT_CALLBACK_HEADER_BYTES = 16 * 1024,

    /* the message store */
    LIMIT_WAV_HEADER_BYTES = 64 * 1024,
    LIMIT_SET_ASIDE_AFTER = 3, /* known refusals */
};

/* clang-format off */

#define LIMIT_SYNC_TOKEN     (4 * MIB)
#define LIMIT_RESPONSE_BYTES (32 * MIB)  /* a response without audio */
#define LIMIT_AUDIO_BYTES    (48 * MIB)  /* Exchange takes 64 MiB of request = 48 MiB of audio */
#define LIMIT_CALLBACK_BYTES (256 * KIB)
#define LIMIT_REQUEST_BYTES  (64 * MIB)
#define LIMIT_DISK_RESERVE   (1 * MIB)   /* the file that is freed when the disk is full */

/* Times, milliseconds: each outer limit is greater than the one inside it. */
enum {
    TIME_CONNECT_MS           = 10 * 1000,
    TIME_REQUEST_MS           = 90 * 1000,   /* request-timeout; Exchange gives a batch 60 s */
    TIME_REQUEST_MARGIN_MS    = 2 * 1000,    /* in doubt this much longer than its time-out */
    TIME_CALLBACK_MS          = LIMIT_CALLBACK_TIMEOUT_S * 1000,
    TIME_POLL_MS              = 1000,        /* a lost poke costs one of these */
    TIME_BEAT_MS              = 1000,        /* services tell the supervisor that they progress */
    TIME_READY_MS             = 30 * 1000,   /* a service that is not READY by then is killed */
    TIME_STALL_MS             = 20 * 1000,   /* no beat for so long: killed */
    TIME_STOP_MS              = 10 * 1000,   /* asked to stop, then killed */
    TIME_STATUS_FREQUENCY_MIN = 2,           /* minutes between Exchange's status calls */
    TIME_SWEEP_MS             = 3600 * 1000,
    TIME_BACK_OFF_MAX_MS      = 3600 * 1000, /* what the other side may ask for at most */
    TIME_LOCK_MS              = 10 * 1000,   /* waiting for the store's write lock */
};

/* clang-format on */

static_assert(TIME_CONNECT_MS < TIME_REQUEST_MS, "a connection is part of a request");
static_assert(TIME_BEAT_MS * 5 <= TIME_STALL_MS, "several beats may be lost");
static_assert(TIME_LOCK_MS < TIME_STALL_MS, "waiting for the lock is not a stall");

#endif
