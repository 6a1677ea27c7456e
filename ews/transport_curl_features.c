/* What the libcurl that runs here can and cannot do, by name. */
#include "ews/transport.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Since 8.10.0 libcurl binds Negotiate to the TLS channel, which Exchange asks for when
 * Extended Protection is set to Require; NTLM it never binds. */
#define CHANNEL_BINDING_VERSION 0x080a00u

static const curl_version_info_data *info(void)
{
    return curl_version_info(CURLVERSION_NOW);
}

static bool binds_negotiate(void)
{
    return info()->version_num >= CHANNEL_BINDING_VERSION &&
           (info()->features & CURL_VERSION_GSSAPI) && info()->ssl_version &&
           strstr(info()->ssl_version, "OpenSSL");
}

struct gap {
    int feature; /* lacking when libcurl does not have it */
    const char *name;
};

static const struct gap gaps[] = {
    {CURL_VERSION_ASYNCHDNS, "names resolved without waiting (AsynchDNS)"},
    {CURL_VERSION_SSL, "TLS"},
    {CURL_VERSION_LIBZ, "compressed answers (libz)"},
    {CURL_VERSION_NTLM, "NTLM"},
    {CURL_VERSION_SPNEGO, "Negotiate (SPNEGO)"},
    {CURL_VERSION_GSSAPI, "Kerberos (GSS-API)"},
};

void transport_curl_describe(char *text, size_t size)
{
    int features = info()->features;
    char list[400] = "";
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        size_t len = strlen(list);
        if (!(features & gaps[i].feature))
            snprintf(list + len, sizeof(list) - len, "%s, ", gaps[i].name);
    }
    size_t len = strlen(list);
    snprintf(list + len, sizeof(list) - len, "channel binding with NTLM%s",
             binds_negotiate() ? "" : ", channel binding with Negotiate");
    snprintf(text, size, "libcurl %s with %s cannot do: %s", info()->version,
             info()->ssl_version ? info()->ssl_version : "no TLS", list);
}

const char *transport_curl_lacks(const char *auth)
{
    int features = info()->features;
    if (!(features & CURL_VERSION_ASYNCHDNS))
        return "this libcurl resolves names by waiting (no AsynchDNS); use Debian's libcurl4";
    if (!(features & CURL_VERSION_SSL))
        return "this libcurl has no TLS";
    if (strcmp(auth, "ntlm") == 0 && !(features & CURL_VERSION_NTLM))
        return "this libcurl has no NTLM any more; use Negotiate, or Basic over TLS";
    if (strcmp(auth, "negotiate") == 0 &&
        (features & (CURL_VERSION_SPNEGO | CURL_VERSION_GSSAPI)) !=
            (CURL_VERSION_SPNEGO | CURL_VERSION_GSSAPI))
        return "this libcurl has no Negotiate (Kerberos); use Basic over TLS, or libcurl with "
               "GSSAPI";
    return NULL;
}

const char *transport_curl_warns(const char *auth)
{
    if (strcmp(auth, "ntlm") == 0)
        return "libcurl's NTLM has no channel binding: an Exchange with Extended Protection "
               "set to Require (the default since 2019 CU14) answers 401; use Basic over TLS "
               "or OAuth there. Newer versions of libcurl have no NTLM at all";
    if (strcmp(auth, "negotiate") == 0 && !binds_negotiate())
        return "this libcurl has no channel binding with Negotiate (it came with 8.10.0): an "
               "Exchange with Extended Protection set to Require (the default since 2019 "
               "CU14) answers 401; use Basic over TLS or OAuth there";
    return NULL;
}
