#include "ews/transport_curl_error.h"

#include <string.h>

struct curl_grade {
    CURLcode code;
    enum err_kind kind;
    enum err_scope scope;
    enum err_when when;
    enum err_effect effect;
    const char *remedy;
};

static const char certificate_remedy[] =
    "the certificate of Exchange is not accepted; set ca-file to the certificate of its "
    "issuer, "
    "or use the name in the URL that the certificate carries";

#define ACCOUNT ERR_SCOPE_ACCOUNT
#define NONE    ERR_EFFECT_NONE

/* All of these end a request before it was sent. */
static const struct curl_grade grades[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ERR_NO_HOST, ACCOUNT, ERR_WHEN_RETRY, NONE,
     "the name in the URL of Exchange does not resolve; check it and the DNS"},
    {CURLE_COULDNT_RESOLVE_PROXY, ERR_NO_HOST, ACCOUNT, ERR_WHEN_RETRY, NONE,
     "the name of the proxy does not resolve; check it and the DNS"},
    {CURLE_COULDNT_CONNECT, ERR_UNAVAILABLE, ACCOUNT, ERR_WHEN_RETRY, NONE,
     "Exchange takes no connection; check that it runs, the port, and firewalls"},
    {CURLE_PROXY, ERR_UNAVAILABLE, ACCOUNT, ERR_WHEN_RETRY, NONE,
     "the proxy makes no connection to Exchange"},
    {CURLE_SSL_CONNECT_ERROR, ERR_UNAVAILABLE, ACCOUNT, ERR_WHEN_RETRY, NONE,
     "no TLS connection; is the port one of HTTPS, and does Exchange speak TLS 1.2"},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     certificate_remedy},
    {CURLE_SSL_ISSUER_ERROR, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE, certificate_remedy},
    {CURLE_SSL_CACERT_BADFILE, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     "ca-file cannot be read, or holds no certificate in PEM form"},
    {CURLE_SSL_CIPHER, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     "no cipher in common with Exchange"},
    {CURLE_URL_MALFORMAT, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     "the URL of Exchange is not a URL"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     "the URL of Exchange must begin with https"},
    {CURLE_NOT_BUILT_IN, ERR_CONFIG, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     "libcurl lacks what this account needs"},
    {CURLE_AUTH_ERROR, ERR_DENIED, ACCOUNT, ERR_WHEN_BACK_OFF, NONE,
     "libcurl could not prove who we are"},
};

#undef ACCOUNT
#undef NONE

static void fill_graded(const struct curl_end *end, const struct curl_grade *grade,
                        struct err *err)
{
    const char *words = end->words[0] ? end->words : curl_easy_strerror(grade->code);
    err_set(err, grade->kind, "%s (%.200s).", grade->remedy, words);
    err->scope = grade->scope;
    err->when = grade->when;
    err->effect = grade->effect;
}

static void fill_other(const struct curl_end *end, struct err *err)
{
    const char *words = end->words[0] ? end->words : curl_easy_strerror(end->code);
    if (end->stopped)
        err_set(err, ERR_CANCELLED, "reading the answer of Exchange was stopped");
    else if (end->body_failed)
        err_set(err, ERR_IO, "the audio of the message could not be read to its end");
    else if (end->repeated)
        err_set(err, ERR_UNAVAILABLE, "the connection to Exchange broke during a request");
    else if (end->code == CURLE_OPERATION_TIMEDOUT && end->unsent)
        err_set(err, ERR_UNAVAILABLE,
                "no connection to Exchange in time (%.200s); check firewalls", words);
    else if (end->code == CURLE_OPERATION_TIMEDOUT)
        err_set(err, ERR_UNAVAILABLE, "no answer from Exchange within %ld s",
                end->timeout_ms / 1000);
    else if (end->code == CURLE_BAD_CONTENT_ENCODING)
        err_set(err, ERR_PROTOCOL, "the answer of Exchange is compressed wrongly");
    else
        err_set(err, ERR_UNAVAILABLE, "the connection to Exchange broke (%.200s)", words);
    err->scope = end->unsent ? ERR_SCOPE_ACCOUNT : ERR_SCOPE_MAILBOX;
    err->effect = end->unsent ? ERR_EFFECT_NONE : ERR_EFFECT_UNKNOWN;
}

/* The library's words tell three cases apart; they are not translated in a service. */
static void fill_no_ticket(const struct curl_end *end, struct err *err)
{
    if (strstr(end->no_ticket, "not found in Kerberos database"))
        err_set(err, ERR_DENIED,
                "Kerberos knows no service at the host of the URL (%s): use the name that has "
                "the SPN (setspn -Q HTTP/HOST), or give it one.",
                end->no_ticket);
    else if (strstr(end->no_ticket, "Cannot contact any KDC"))
        err_set(err, ERR_UNAVAILABLE,
                "Kerberos is not reached (%s): check the realm in /etc/krb5.conf, DNS, and "
                "port 88 of a domain controller.",
                end->no_ticket);
    else
        err_set(err, ERR_DENIED,
                "there is no Kerberos ticket to prove who we are (%s): put the key of the "
                "service account into a keytab and name it in the environment, "
                "KRB5_CLIENT_KTNAME=FILE, or use kinit; the realm stands in /etc/krb5.conf.",
                end->no_ticket);
    err->scope = ERR_SCOPE_ACCOUNT;
    err->when = ERR_WHEN_BACK_OFF;
}

void transport_curl_error(const struct curl_end *end, struct err *err)
{
    err_clear(err);
    if (end->code == CURLE_OK)
        return;
    if (end->code == CURLE_ABORTED_BY_CALLBACK && end->no_ticket[0])
        return fill_no_ticket(end, err);
    for (size_t i = 0; i < sizeof(grades) / sizeof(grades[0]); i++) {
        if (grades[i].code == end->code)
            return fill_graded(end, &grades[i], err);
    }
    fill_other(end, err);
}
