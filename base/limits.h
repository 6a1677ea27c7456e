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
    LIMIT_LANGUAGE = 8, /* "en" */
    LIMIT_ALIASES = 64, /* further addresses of a mailbox */
    LIMIT_TRANSCRIPT = 64 * 1024,
    LIMIT_REMOTE_ID = 1025, /* an item or folder id; Exchange's are below 512 */
    LIMIT_URL = 2083,       /* PushSubscriptionRequest/URL: 1..2082 characters */
    LIMIT_PATH = 1024,
    LIMIT_STATE_DIR = LIMIT_PATH - 128, /* room for the names below it */
    LIMIT_REASON = 513,
    LIMIT_EVENT = 64,
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
    LIMIT_COOKIES = 8 * 1024,               /* affinity cookies of one answer */
    LIMIT_GREETING_BYTES = 256 * 1024,      /* of a page for people; the rest is not read */
    LIMIT_SYNC_PAGES = 10000,               /* of changes, in one run; 512 changes each */
    LIMIT_RECORDED_BYTES = 4 * 1024 * 1024, /* of one answer that is written down */
    LIMIT_STREAM_MAILBOXES = 200,           /* subscriptions in one GetStreamingEvents */
    LIMIT_STREAMS = 10,                /* of one account: Exchange's HangingConnectionLimit */
    LIMIT_STREAM_NODES = 100 * 1000,   /* in one envelope of a stream */
    LIMIT_SUBSCRIBES_PER_SECOND = 100, /* subscriptions that are made anew */

    /* a message that a person composed */
    LIMIT_RECIPIENTS = 200,
    LIMIT_ATTACHMENTS = 32,
    LIMIT_COMPOSED_BODY = 64 * 1024,
    LIMIT_ATTACHMENT_NAME = 256,
    LIMIT_CONTENT_TYPE = 128,
    LIMIT_LEGACY_ADDRESS = 1025, /* one that is not of SMTP: the name of a directory's entry */

    /* tokens that prove who we are */
    LIMIT_TOKEN = 16 * 1024,
    LIMIT_TOKEN_ANSWER = 64 * 1024,
    LIMIT_JSON_DEPTH = 8,

    /* autodiscover */
    LIMIT_HOST = 254,                /* a name in the DNS, and NUL */
    LIMIT_GROUP = 129,               /* GroupingInformation */
    LIMIT_AUTODISCOVER_HOPS = 10,    /* redirects of any kind in one search */
    LIMIT_AUTODISCOVER_SEARCHES = 2, /* at a time, for one Exchange */
    LIMIT_AUTODISCOVER_BYTES = 512 * 1024,
    LIMIT_REFUSED_PASSWORDS = 2, /* then nobody is asked for a while: lock-out */
    LIMIT_UNREACHED = 3,         /* in a row: the URL that was found is looked up again */

    /* every HTTP server of ours */
    LIMIT_HTTP_FIELDS = 64,    /* fields in a head: each takes memory beside its bytes */
    LIMIT_HTTP_FRAMING = 4096, /* bytes between chunks, beside eight for each of the body */
    LIMIT_HTTP_STREAM_BYTES = 8 * 1024 * 1024, /* of an answer that goes on, not sent yet */
    LIMIT_HTTP_ACCEPTS = 64, /* connections taken in one turn: the others have theirs too */
    LIMIT_HTTP_HELLOS = 16,  /* TLS handshakes begun in one turn: each is a millisecond's sum */
    LIMIT_HTTP_HELLO = 8 * 1024, /* a ClientHello; browsers with large keys send 2000 */
    LIMIT_HTTP_FAREWELL_BYTES = 256 * 1024, /* read and thrown away after the last answer */
    LIMIT_HTTP_DESCRIPTORS_KEPT = 64,       /* for the database, the log and the like */

    /* the callback listener */
    LIMIT_CALLBACK_CONNECTIONS = 512, /* more than any site's Exchange servers open */
    LIMIT_CALLBACK_TIMEOUT_S = 10,
    LIMIT_CALLBACK_HEADER_BYTES = 16 * 1024, /* Exchange sends 400 bytes, a proxy adds some */

    /* in which folders something changed; more: anywhere */
    LIMIT_SPOTS = 4,        /* in one notification */
    LIMIT_HINT_FOLDERS = 4, /* of one mark */
    LIMIT_HINTS = 16,       /* of a mailbox */

    /* the message store */
    LIMIT_WAV_HEADER_BYTES = 64 * 1024,
    LIMIT_SET_ASIDE_AFTER = 3, /* known refusals */
    LIMIT_JOB_LINES = 1000,    /* of a dry run's report; what is more is counted */
};

/* clang-format off */

#define LIMIT_SYNC_TOKEN     (4 * MIB)
#define LIMIT_RESPONSE_BYTES (32 * MIB)  /* a response without audio */
#define LIMIT_AUDIO_BYTES    (48 * MIB)  /* Exchange takes 64 MiB of request = 48 MiB of audio */
#define LIMIT_STREAM_BYTES   (8 * MIB)   /* one envelope of a stream */
#define LIMIT_CALLBACK_BYTES (256 * KIB) /* some 400 events in one call */
#define LIMIT_CALLBACK_BODIES (8 * MIB)  /* of all calls that have not been answered yet */
/* Of a connection: its record and timers, and a TLS session in the middle of its handshake. */
#define LIMIT_CALLBACK_SESSION (64 * KIB)
#define LIMIT_CALLBACK_BASE (14 * MIB)   /* libraries, the database's pages, one call's parse */
#define LIMIT_CALLBACK_MEMORY (64 * MIB) /* of the whole listener, as the system counts it */
#define LIMIT_REQUEST_BYTES  (64 * MIB)
#define LIMIT_DISK_RESERVE   (1 * MIB)   /* the file that is freed when the disk is full */

/* Times, milliseconds: each outer limit is greater than the one inside it. */
enum {
    TIME_CONNECT_MS           = 10 * 1000,
    TIME_REQUEST_MS           = 90 * 1000,   /* request-timeout; Exchange gives a batch 60 s */
    TIME_PROBE_MS             = 10 * 1000,   /* a request that only asks whether Exchange is there */
    TIME_GREETING_MS          = 20 * 1000,   /* a request without credentials, for "sync test" */
    TIME_REQUEST_MARGIN_MS    = 2 * 1000,    /* in doubt this much longer than its time-out */
    TIME_TOKEN_MS             = 30 * 1000,   /* asking for a token */
    TIME_TOKEN_EARLY_MS       = 5 * 60 * 1000, /* renewed so long before its end at the latest */
    TIME_TOKEN_FRESH_MS       = 10 * 1000,   /* refused when younger: another would be too */
    TIME_TOKEN_PAUSE_MS       = 5 * 1000,    /* after a failure, doubled each time */
    TIME_TOKEN_PAUSE_MAX_MS   = 5 * 60 * 1000,
    TIME_STAGE_MS             = 3600 * 1000, /* from staging a message to its commit */
    TIME_STAGED_KEPT_MS       = 24 * 3600 * 1000, /* what staging left behind, after its end */
    TIME_CALLBACK_MS          = LIMIT_CALLBACK_TIMEOUT_S * 1000,
    TIME_HTTP_FAREWELL_MS     = 1000,        /* a client reads the last answer and closes */
    TIME_HEARD_MS             = 10 * 1000,   /* "was heard" is written down this often at most */
    TIME_MARK_MS              = 500,         /* a mailbox is marked this often at most */
    TIME_POLL_MS              = 1000,        /* a lost poke costs one of these */
    TIME_BEAT_MS              = 1000,        /* services tell the supervisor that they progress */
    TIME_READY_MS             = 30 * 1000,   /* a service that is not READY by then is killed */
    TIME_STALL_MS             = 20 * 1000,   /* no beat for so long: killed */
    TIME_STOP_MS              = 10 * 1000,   /* asked to stop, then killed */
    TIME_STATUS_FREQUENCY_MIN = 2,           /* minutes between Exchange's status calls */
    TIME_UNSUBSCRIBE_MS       = 2 * 1000,    /* for leftover subscriptions, when we stop */
    TIME_STREAM_MIN           = 30,          /* minutes that a stream stays open; 1..30 */
    TIME_STREAM_BEAT_MS       = 75 * 1000,   /* without a byte for so long: broken (45 s apart) */
    TIME_SWEEP_MS             = 3600 * 1000,
    TIME_OUTBOX_QUIET_MS      = 30 * 1000,   /* what is composed may be half done for so long */
    TIME_STALLED_MS           = 5 * 24 * 3600 * 1000, /* work that waits so long is an alarm */
    TIME_BACK_OFF_MAX_MS      = 3600 * 1000, /* what the other side may ask for at most */
    TIME_LOCK_MS              = 10 * 1000,   /* waiting for the store's write lock */
    TIME_AUTODISCOVER_ASK_MS  = 20 * 1000,   /* one question of autodiscover */
    TIME_AUTODISCOVER_MS      = 120 * 1000,  /* a whole search */
    TIME_AUTODISCOVER_REST_MS = 5 * 60000,   /* a mailbox is not looked up more often */
    TIME_AUTODISCOVER_MAX_MS  = 3600 * 1000, /* the longest rest after failures */
};

/* clang-format on */

static_assert(LIMIT_CALLBACK_CONNECTIONS *
                          (LIMIT_CALLBACK_HEADER_BYTES + LIMIT_CALLBACK_SESSION) +
                      LIMIT_CALLBACK_BODIES + LIMIT_CALLBACK_BYTES + LIMIT_CALLBACK_BASE <=
                  LIMIT_CALLBACK_MEMORY,
              "the listener's memory under attack is bounded");
static_assert(TIME_CONNECT_MS < TIME_REQUEST_MS, "a connection is part of a request");
static_assert(TIME_REQUEST_MS * 8 < TIME_STAGE_MS, "staging takes that many requests");
static_assert(TIME_STAGE_MS * 12 <= TIME_STAGED_KEPT_MS, "nobody is staging it any more");
static_assert(TIME_BEAT_MS * 5 <= TIME_STALL_MS, "several beats may be lost");
static_assert(TIME_CONNECT_MS < TIME_AUTODISCOVER_ASK_MS, "a connection is part of a question");
static_assert(TIME_AUTODISCOVER_ASK_MS < TIME_AUTODISCOVER_MS, "a search is several questions");
static_assert(TIME_LOCK_MS < TIME_STALL_MS, "waiting for the lock is not a stall");

#endif
