/* The keys of the configuration: name, type, default, range, help. */
#include "base/config_private.h"

#include "base/limits.h"

/* Where a key's value goes: within struct config_node, config_exchange, or the whole. */
#define NODE(field)     offsetof(struct config_node, field)
#define EXCHANGE(field) offsetof(struct config_exchange, field)
#define WHOLE(field)    offsetof(struct config, field)
#define SUBJECT(field)  offsetof(struct config_subject, field)
#define COUNT(table)    (sizeof(table) / sizeof(table)[0])

/* One entry is: what it is called, how it is read, where it goes; what it may be; what it
 * means. Aligned by hand, for the formatter would give each field a line of its own. */
/* clang-format off */

static const struct config_key node_keys[] = {
    {.name = "name",            .type = CONFIG_TEXT,     .offset = NODE(name),
     .required = true,
     .help = "name of this server, as it appears in logs and on the other server"},

    {.name = "identity",        .type = CONFIG_WORD,     .offset = NODE(identity),
     .fallback = "publisher", .choices = "publisher|subscriber",
     .help = "which of the two servers this is; never changes"},

    {.name = "state-dir",       .type = CONFIG_PATHNAME, .offset = NODE(state_dir),
     .fallback = "/var/lib/sib",
     .help = "folder of the message store, the queue and the sockets"},

    {.name = "user",            .type = CONFIG_TEXT,     .offset = NODE(user),
     .help = "account to run as when started by root"},

    {.name = "log-level",       .type = CONFIG_WORD,     .offset = NODE(log_level),
     .fallback = "info", .choices = "error|warning|info|debug",
     .help = "what to write to the log"},
};

static const struct config_key cluster_keys[] = {
    {.name = "enabled",         .type = CONFIG_FLAG,     .offset = 0,
     .fallback = "no",
     .help = "no: a lone server, Primary at once"},
};

static const struct config_key exchange_keys[] = {
    {.name = "url",             .type = CONFIG_URL,      .offset = EXCHANGE(url),
     .help = "address of EWS, https://HOST/EWS/Exchange.asmx; needed without autodiscover"},

    {.name = "autodiscover",    .type = CONFIG_FLAG,     .offset = EXCHANGE(autodiscover),
     .fallback = "no",
     .help = "yes: instead of url, look up the server of each mailbox by its address"},

    {.name = "autodiscover-hosts", .type = CONFIG_TEXT,
     .offset = EXCHANGE(autodiscover_hosts),
     .help = "hosts and domains, other than that of the address, to which autodiscover may "
             "lead, and which may then see the credentials"},

    {.name = "autodiscover-prefer", .type = CONFIG_CHOICE,
     .offset = EXCHANGE(autodiscover_prefer),
     .fallback = "external", .choices = "external|internal",
     .help = "which address to use when autodiscover names two"},

    {.name = "version",         .type = CONFIG_TEXT,     .offset = EXCHANGE(version),
     .fallback = "Exchange2013_SP1",
     .help = "RequestServerVersion of each request"},

    {.name = "auth",            .type = CONFIG_CHOICE,   .offset = EXCHANGE(auth),
     .fallback = "basic", .choices = "basic|ntlm|negotiate|oauth2",
     .help = "how the service account proves itself; negotiate is Kerberos: its key stands in "
             "a keytab that KRB5_CLIENT_KTNAME names (systemd: Environment=)"},

    {.name = "user",            .type = CONFIG_TEXT,     .offset = EXCHANGE(user),
     .help = "the service account, for basic and ntlm: USER, DOMAIN\\USER or USER@DOMAIN"},

    {.name = "password-file",   .type = CONFIG_PATHNAME, .offset = EXCHANGE(password_file),
     .help = "file with the password on one line, mode 0600"},

    {.name = "tenant",          .type = CONFIG_TEXT,     .offset = EXCHANGE(tenant),
     .help = "oauth2: the directory that the application is registered in, example.com or its "
             "identifier"},

    {.name = "client-id",       .type = CONFIG_TEXT,     .offset = EXCHANGE(client_id),
     .help = "oauth2: the application's identifier"},

    {.name = "client-secret-file", .type = CONFIG_PATHNAME,
     .offset = EXCHANGE(client_secret_file),
     .help = "oauth2: file with the application's secret on one line, mode 0600"},

    {.name = "client-certificate", .type = CONFIG_PATHNAME,
     .offset = EXCHANGE(client_certificate),
     .help = "oauth2, instead of a secret: PEM certificate that was uploaded to the "
             "application"},

    {.name = "client-key",      .type = CONFIG_PATHNAME, .offset = EXCHANGE(client_key),
     .help = "oauth2: PEM key (RSA) of client-certificate, mode 0600"},

    {.name = "token-url",       .type = CONFIG_URL,      .offset = EXCHANGE(token_url),
     .help = "oauth2: where tokens are fetched; default: Microsoft Entra, for the tenant"},

    {.name = "scope",           .type = CONFIG_TEXT,     .offset = EXCHANGE(scope),
     .fallback = "https://outlook.office365.com/.default",
     .help = "oauth2: what the token is for"},

    {.name = "impersonate",     .type = CONFIG_FLAG,     .offset = EXCHANGE(impersonate),
     .fallback = "yes",
     .help = "act as each user (ApplicationImpersonation); no: only the account's own mailbox"},

    {.name = "ca-file",         .type = CONFIG_PATHNAME, .offset = EXCHANGE(ca_file),
     .help = "PEM file of the authority that signed Exchange's certificate; "
             "default: the system's"},

    {.name = "verify",          .type = CONFIG_FLAG,     .offset = EXCHANGE(verify),
     .fallback = "yes",
     .help = "check Exchange's certificate; no only in a laboratory"},

    {.name = "proxy",           .type = CONFIG_TEXT,     .offset = EXCHANGE(proxy),
     .help = "HTTP proxy, http://HOST:PORT"},

    {.name = "connections",     .type = CONFIG_NUMBER,   .offset = EXCHANGE(connections),
     .fallback = "8", .min = 1, .max = LIMIT_CONNECTIONS,
     .help = "most requests at once to this Exchange"},

    {.name = "request-timeout", .type = CONFIG_DURATION, .offset = EXCHANGE(request_timeout_ms),
     .fallback = "90s", .min = 1000, .max = 600000,
     .help = "longest time that one request may take"},

    {.name = "item-class",      .type = CONFIG_TEXT,     .offset = EXCHANGE(item_class),
     .fallback = "IPM.Note.Microsoft.Voicemail.UM.CA",
     .help = "item class of a voice message; Outlook chooses its form by it"},

    {.name = "create",          .type = CONFIG_CHOICE,   .offset = EXCHANGE(create),
     .fallback = "auto", .choices = "auto|inline|mime",
     .help = "how the audio of a new message travels: inline (an attachment beside the "
             "properties), mime (the whole message), or auto: what the server is found to keep"},

    {.name = "callback-url",    .type = CONFIG_URL,      .offset = EXCHANGE(callback_url),
     .help = "address at which Exchange reaches [notify]; a secret path is put behind it"},

    {.name = "notify",          .type = CONFIG_CHOICE,   .offset = EXCHANGE(notify),
     .fallback = "auto", .choices = "push|stream|poll|auto",
     .help = "how changes arrive: push (needs callback-url), stream (hanging connections), "
             "poll every minute, or auto: the first of these that works"},
};

static const struct config_key notify_keys[] = {
    {.name = "listen",          .type = CONFIG_TEXT,     .offset = WHOLE(notify.listen),
     .help = "ADDRESS:PORT of the listener for Exchange's callbacks"},

    {.name = "certificate",     .type = CONFIG_PATHNAME, .offset = WHOLE(notify.certificate),
     .help = "PEM certificate chain of the listener; without it the listener speaks HTTP"},

    {.name = "key",             .type = CONFIG_PATHNAME, .offset = WHOLE(notify.key),
     .help = "PEM key of that certificate"},
};

static const struct config_key store_keys[] = {
    {.name = "transcription-timeout", .type = CONFIG_DURATION,
     .offset = WHOLE(store.transcription_timeout_ms),
     .fallback = "10m", .min = 1000, .max = 7 * 86400000LL,
     .help = "a transcription that has not come for this long counts as failed; a message that "
             "is held back for it is synchronised then"},

    {.name = "recording-expires", .type = CONFIG_DURATION,
     .offset = WHOLE(store.recording_expires_ms),
     .fallback = "0", .min = 0, .max = 36500 * 86400000LL,
     .help = "recordings older than this are removed, here and in Exchange, and a notice "
             "stands in their place; the messages stay. 30d, for example; 0: never"},

    {.name = "deleted-expires", .type = CONFIG_DURATION,
     .offset = WHOLE(store.deleted_expires_ms),
     .fallback = "0", .min = 0, .max = 36500 * 86400000LL,
     .help = "messages that have been deleted for longer than this are purged, here and in "
             "Exchange; 0: never"},
};

static const struct config_key admin_keys[] = {
    {.name = "listen",          .type = CONFIG_TEXT,     .offset = WHOLE(admin.listen),
     .help = "ADDRESS:PORT at which monitoring asks for /metrics and /health/live; "
             "without a password-file only an address of this machine, as 127.0.0.1:9642"},

    {.name = "certificate",     .type = CONFIG_PATHNAME, .offset = WHOLE(admin.certificate),
     .help = "PEM certificate chain; without it HTTP is spoken"},

    {.name = "key",             .type = CONFIG_PATHNAME, .offset = WHOLE(admin.key),
     .help = "PEM key of that certificate"},

    {.name = "password-file",   .type = CONFIG_PATHNAME, .offset = WHOLE(admin.password_file),
     .help = "file with the password of the user admin (HTTP Basic), readable by its owner only"},
};

static const struct config_key sync_keys[] = {
    {.name = "single-inbox",    .type = CONFIG_FLAG,     .offset = WHOLE(sync.single_inbox),
     .fallback = "on",
     .help = "synchronise at all"},

    {.name = "sweep",           .type = CONFIG_DURATION, .offset = WHOLE(sync.sweep_ms),
     .fallback = "1h", .min = 60000, .max = 7 * 86400000LL,
     .help = "each mailbox is looked at this often even when nothing was heard"},

    {.name = "sent-items",      .type = CONFIG_FLAG,     .offset = WHOLE(sync.sent_items),
     .fallback = "off",
     .help = "synchronise Sent Items"},

    {.name = "voice-outbox",    .type = CONFIG_FLAG,     .offset = WHOLE(sync.voice_outbox),
     .fallback = "on",
     .help = "deliver what users compose in Outlook: the folder Voice Outbox, below their "
             "Outbox"},

    {.name = "guard-count",     .type = CONFIG_NUMBER,   .offset = WHOLE(sync.guard_count),
     .fallback = "20", .min = 1, .max = 1000000,
     .help = "more messages than this, and than guard-percent, vanishing at once "
             "suspend a mailbox"},

    {.name = "guard-percent",   .type = CONFIG_NUMBER,   .offset = WHOLE(sync.guard_percent),
     .fallback = "10", .min = 1, .max = 100,
     .help = "see guard-count"},

    {.name = "lag-limit",       .type = CONFIG_DURATION, .offset = WHOLE(sync.lag_limit_ms),
     .fallback = "15m", .min = 60000, .max = 7 * 86400000LL,
     .help = "a change that is not on the other side after this long raises an alarm"},

    {.name = "status-minutes",  .type = CONFIG_NUMBER,   .offset = WHOLE(sync.status_minutes),
     .fallback = "2", .min = 1, .max = 1440,
     .help = "minutes between Exchange's status calls; "
             "silence for twice as long: subscribe anew"},
};

static const struct config_key subject_keys[] = {
    {.name = "outside-caller",  .type = CONFIG_TEXT,     .offset = SUBJECT(outside_caller),
     .help = "format for a caller from outside; with %CALLERID% %CALLEDID% %NAME% %EXTENSION% "
             "and, where they hold, %U% %P% %S% %D%"},

    {.name = "user",            .type = CONFIG_TEXT,     .offset = SUBJECT(user),
     .help = "format for a message from one user to another"},

    {.name = "interview",       .type = CONFIG_TEXT,     .offset = SUBJECT(interview),
     .help = "format for what an interview handler asked"},

    {.name = "live-record",     .type = CONFIG_TEXT,     .offset = SUBJECT(live_record),
     .help = "format for a call that was recorded while it went on"},

    {.name = "unknown-caller",  .type = CONFIG_TEXT,     .offset = SUBJECT(unknown_caller),
     .help = "for %CALLERID% when the caller's number is unknown"},

    {.name = "unknown-called",  .type = CONFIG_TEXT,     .offset = SUBJECT(unknown_called),
     .help = "for %CALLEDID% when the called number is unknown"},

    {.name = "unknown-name",    .type = CONFIG_TEXT,     .offset = SUBJECT(unknown_name),
     .help = "for %NAME% when the caller's name is unknown"},

    {.name = "unknown-extension", .type = CONFIG_TEXT,   .offset = SUBJECT(unknown_extension),
     .help = "for %EXTENSION% when the sender has none"},

    {.name = "urgent",          .type = CONFIG_TEXT,     .offset = SUBJECT(urgent),
     .help = "for %U% in an urgent message"},

    {.name = "private",         .type = CONFIG_TEXT,     .offset = SUBJECT(private),
     .help = "for %P% in a private message"},

    {.name = "secure",          .type = CONFIG_TEXT,     .offset = SUBJECT(secure),
     .help = "for %S% in a secure message"},

    {.name = "dispatch",        .type = CONFIG_TEXT,     .offset = SUBJECT(dispatch),
     .help = "for %D% in a dispatch message"},
};

static const struct config_named exchange_named = {
    .bytes = sizeof(struct config_exchange), .max = CONFIG_EXCHANGES_MAX,
    .count_offset = WHOLE(exchange_count), .example = "main",
};

static const struct config_named subject_named = {
    .bytes = sizeof(struct config_subject), .max = CONFIG_SUBJECTS_MAX,
    .count_offset = WHOLE(subject_count), .choices = "en|ja", .example = "en",
};

/* The name; may it come several times; where its struct is; its keys; what it is about. */
const struct config_section config_sections[] = {
    {"node",     NULL,            WHOLE(node),     node_keys,     COUNT(node_keys),
     "this server"},
    {"cluster",  NULL,            WHOLE(cluster),  cluster_keys,  COUNT(cluster_keys),
     "the other server"},
    {"exchange", &exchange_named, WHOLE(exchange), exchange_keys, COUNT(exchange_keys),
     "an Exchange and the service account for it"},
    {"notify",   NULL,            0,               notify_keys,   COUNT(notify_keys),
     "the listener for Exchange's callbacks"},
    {"admin",    NULL,            0,               admin_keys,    COUNT(admin_keys),
     "what monitoring asks over HTTP"},
    {"store",    NULL,            0,               store_keys,    COUNT(store_keys),
     "how long things are kept"},
    {"sync",     NULL,            0,               sync_keys,     COUNT(sync_keys),
     "what is synchronised, and how often"},
    {"subject",  &subject_named,  WHOLE(subject),  subject_keys,  COUNT(subject_keys),
     "the subjects of messages for users of a language; what is left out is built in"},
};

/* clang-format on */

const size_t config_section_count = COUNT(config_sections);
