/* The keys of the configuration: name, type, default, range, help. */
#include "base/config_private.h"

#include "base/limits.h"

#define KEY(section, field) offsetof(section, field)
#define COUNT(table)        (sizeof(table) / sizeof(table)[0])

static const struct config_key node_keys[] = {
    {.name = "name", .type = CONFIG_TEXT, .offset = KEY(struct config_node, name),
     .required = true, .help = "name of this server, as it appears in logs and on the other server"},
    {.name = "identity", .type = CONFIG_WORD, .offset = KEY(struct config_node, identity),
     .fallback = "publisher", .choices = "publisher|subscriber",
     .help = "which of the two servers this is; never changes"},
    {.name = "state-dir", .type = CONFIG_PATHNAME, .offset = KEY(struct config_node, state_dir),
     .fallback = "/var/lib/sib", .help = "folder of the message store, the queue and the sockets"},
    {.name = "user", .type = CONFIG_TEXT, .offset = KEY(struct config_node, user),
     .help = "account to run as when started by root"},
    {.name = "log-level", .type = CONFIG_WORD, .offset = KEY(struct config_node, log_level),
     .fallback = "info", .choices = "error|warning|info|debug", .help = "what to write to the log"},
};

static const struct config_key cluster_keys[] = {
    {.name = "enabled", .type = CONFIG_FLAG, .offset = 0, .fallback = "no",
     .help = "no: a lone server, Primary at once"},
};

static const struct config_key exchange_keys[] = {
    {.name = "url", .type = CONFIG_URL, .offset = KEY(struct config_exchange, url),
     .required = true, .help = "address of EWS, https://HOST/EWS/Exchange.asmx"},
    {.name = "version", .type = CONFIG_TEXT, .offset = KEY(struct config_exchange, version),
     .fallback = "Exchange2013_SP1", .help = "RequestServerVersion of each request"},
    {.name = "auth", .type = CONFIG_CHOICE, .offset = KEY(struct config_exchange, auth),
     .fallback = "basic", .choices = "basic|ntlm|negotiate",
     .help = "how the service account proves itself"},
    {.name = "user", .type = CONFIG_TEXT, .offset = KEY(struct config_exchange, user),
     .required = true, .help = "the service account: USER, DOMAIN\\USER or USER@DOMAIN"},
    {.name = "password-file", .type = CONFIG_PATHNAME,
     .offset = KEY(struct config_exchange, password_file),
     .help = "file with the password on one line, mode 0600"},
    {.name = "impersonate", .type = CONFIG_FLAG,
     .offset = KEY(struct config_exchange, impersonate), .fallback = "yes",
     .help = "act as each user (ApplicationImpersonation); no: only the account's own mailbox"},
    {.name = "ca-file", .type = CONFIG_PATHNAME, .offset = KEY(struct config_exchange, ca_file),
     .help = "PEM file of the authority that signed Exchange's certificate; default: the system's"},
    {.name = "verify", .type = CONFIG_FLAG, .offset = KEY(struct config_exchange, verify),
     .fallback = "yes", .help = "check Exchange's certificate; no only in a laboratory"},
    {.name = "proxy", .type = CONFIG_TEXT, .offset = KEY(struct config_exchange, proxy),
     .help = "HTTP proxy, http://HOST:PORT"},
    {.name = "connections", .type = CONFIG_NUMBER,
     .offset = KEY(struct config_exchange, connections), .fallback = "8", .min = 1,
     .max = LIMIT_CONNECTIONS, .help = "most requests at once to this Exchange"},
    {.name = "request-timeout", .type = CONFIG_DURATION,
     .offset = KEY(struct config_exchange, request_timeout_ms), .fallback = "90s", .min = 1000,
     .max = 600000, .help = "longest time that one request may take"},
    {.name = "item-class", .type = CONFIG_TEXT,
     .offset = KEY(struct config_exchange, item_class),
     .fallback = "IPM.Note.Microsoft.Voicemail.UM.CA",
     .help = "item class of a voice message; Outlook chooses its form by it"},
    {.name = "callback-url", .type = CONFIG_URL,
     .offset = KEY(struct config_exchange, callback_url),
     .help = "address at which Exchange reaches [notify]; a secret path is put behind it"},
    {.name = "notify", .type = CONFIG_CHOICE, .offset = KEY(struct config_exchange, notify),
     .fallback = "auto", .choices = "push|poll|auto",
     .help = "how changes arrive: push (needs callback-url), poll every minute, or auto: push if it can"},
};

static const struct config_key notify_keys[] = {
    {.name = "listen", .type = CONFIG_TEXT, .offset = KEY(struct config, notify.listen),
     .help = "ADDRESS:PORT of the listener for Exchange's callbacks"},
    {.name = "certificate", .type = CONFIG_PATHNAME,
     .offset = KEY(struct config, notify.certificate),
     .help = "PEM certificate chain of the listener; without it the listener speaks HTTP"},
    {.name = "key", .type = CONFIG_PATHNAME, .offset = KEY(struct config, notify.key),
     .help = "PEM key of that certificate"},
};

static const struct config_key sync_keys[] = {
    {.name = "single-inbox", .type = CONFIG_FLAG, .offset = KEY(struct config, sync.single_inbox),
     .fallback = "on", .help = "synchronise at all"},
    {.name = "sweep", .type = CONFIG_DURATION, .offset = KEY(struct config, sync.sweep_ms),
     .fallback = "1h", .min = 60000, .max = 7 * 86400000LL,
     .help = "each mailbox is looked at this often even when nothing was heard"},
    {.name = "sent-items", .type = CONFIG_FLAG, .offset = KEY(struct config, sync.sent_items),
     .fallback = "off", .help = "synchronise Sent Items"},
    {.name = "guard-count", .type = CONFIG_NUMBER, .offset = KEY(struct config, sync.guard_count),
     .fallback = "20", .min = 1, .max = 1000000,
     .help = "more messages than this, and than guard-percent, vanishing at once suspend a mailbox"},
    {.name = "guard-percent", .type = CONFIG_NUMBER,
     .offset = KEY(struct config, sync.guard_percent), .fallback = "10", .min = 1, .max = 100,
     .help = "see guard-count"},
    {.name = "status-minutes", .type = CONFIG_NUMBER,
     .offset = KEY(struct config, sync.status_minutes), .fallback = "2", .min = 1, .max = 1440,
     .help = "minutes between Exchange's status calls; silence for twice as long: subscribe anew"},
};

const struct config_section config_sections[] = {
    {"node", false, offsetof(struct config, node), node_keys, COUNT(node_keys), "this server"},
    {"cluster", false, offsetof(struct config, cluster), cluster_keys, COUNT(cluster_keys),
     "the other server"},
    {"exchange", true, offsetof(struct config, exchange), exchange_keys, COUNT(exchange_keys),
     "an Exchange and the service account for it"},
    {"notify", false, 0, notify_keys, COUNT(notify_keys), "the listener for Exchange's callbacks"},
    {"sync", false, 0, sync_keys, COUNT(sync_keys), "what is synchronised, and how often"},
};

const size_t config_section_count = COUNT(config_sections);
