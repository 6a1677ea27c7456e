/* How a transfer of libcurl ended, as one of our errors. Pure. Only ews/transport_curl.c needs
 * it. */
#ifndef SIB_EWS_TRANSPORT_CURL_ERROR_H
#define SIB_EWS_TRANSPORT_CURL_ERROR_H

#include <curl/curl.h>

#include "base/err.h"

struct curl_end {
    CURLcode code;
    const char *words; /* libcurl's own; "": none */
    const char
        *no_ticket; /* why there is no Kerberos ticket; "": there is one, or none is needed */
    long timeout_ms;
    bool unsent;      /* not a byte of the request went out */
    bool stopped;     /* who reads the answer had enough */
    bool body_failed; /* the file could not be read */
    bool repeated;    /* libcurl wanted to send the request again */
};

/* ERR_OK when a whole answer came. */
void transport_curl_error(const struct curl_end *end, struct err *err);

#endif
