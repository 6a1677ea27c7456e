#include "ews/challenge.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { WORDS_BYTES = 181 };

struct scheme {
    const char *auth, *name;
};

static const struct scheme schemes[] = {
    {"basic", "Basic"}, {"ntlm", "NTLM"}, {"negotiate", "Negotiate"}, {"oauth2", "Bearer"}};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

/* A scheme stands at the beginning, or after a comma that is not within a quoted text, and is
 * not followed by "=": that would be a parameter. */
bool challenge_offers(const char *challenge, const char *scheme)
{
    size_t len = strlen(scheme);
    bool begin = true, quoted = false;
    for (const char *at = challenge; *at; at++) {
        if (begin && !quoted && strncasecmp(at, scheme, len) == 0 &&
            strchr(" ,", at[len])) /* the closing NUL counts */
            return true;
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        begin = *at == ',' || (begin && *at == ' ');
    }
    return false;
}

static const char *offered(const char *challenge, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < SCHEMES; i++) {
        if (challenge_offers(challenge, schemes[i].name) && len < size)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "",
                                    schemes[i].name);
    }
    return out;
}

/* The server's reason: reason="..." of x-ms-diagnostics, or error_description="...", or
 * error="..."; "" when it gives none. Printable characters only. */
static void reason_of(const struct transport_reply *reply, char *out, size_t size)
{
    static const char *const names[] = {"reason=\"", "error_description=\"", "error=\""};
    const char *texts[] = {reply->server, reply->challenge};
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < 6 && n == 0; i++) {
        const char *at = strstr(texts[i % 2], names[i / 2]);
        for (at = at ? at + strlen(names[i / 2]) : ""; *at && *at != '"' && n < size - 1; at++)
            out[n++] = *at >= ' ' && *at != 0x7f ? *at : ' ';
        out[n] = '\0';
    }
}

static void explain_token(struct err *err, const struct transport_reply *reply)
{
    char reason[WORDS_BYTES];
    reason_of(reply, reason, sizeof(reason));
    snprintf(err->text, sizeof(err->text),
             "Exchange refuses a token that was fetched for it%s%s%s; check that the "
             "application has the permission full_access_as_app with an administrator's "
             "consent, that scope is that of this Exchange, and that EWS is switched on for "
             "it (EwsEnabled, EwsAllowedAppIDs).",
             reason[0] ? " (" : "", reason, reason[0] ? ")" : "");
}

static const struct scheme *find_scheme(const char *auth)
{
    for (int i = 0; i < SCHEMES; i++) {
        if (auth && strcmp(schemes[i].auth, auth) == 0)
            return &schemes[i];
    }
    return NULL;
}

void challenge_explain(struct err *err, const char *auth, const struct transport_reply *reply)
{
    char list[64];
    const struct scheme *scheme = find_scheme(auth);
    if (!scheme)
        return;
    if (offered(reply->challenge, list, sizeof(list))[0] &&
        !challenge_offers(reply->challenge, scheme->name))
        snprintf(err->text, sizeof(err->text),
                 "Exchange answered with HTTP status 401: it does not offer %s at this URL, "
                 "only %s; set auth to one of these, or allow %s there "
                 "(Set-WebServicesVirtualDirectory).",
                 scheme->name, list, scheme->name);
    else if (strcmp(auth, "oauth2") == 0)
        explain_token(err, reply);
    else if (strcmp(auth, "negotiate") == 0)
        snprintf(err->text, sizeof(err->text),
                 "Exchange answered with HTTP status 401: it does not accept the Kerberos "
                 "ticket of the service account; check that the URL's host has its SPN (setspn "
                 "-Q HTTP/HOST), the clocks, and that Extended Protection is not set to "
                 "Require.");
}
