#include "base/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"

static bool tls_error(struct err *err, const char *doing, const char *path)
{
    char reason[256];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "%s %s failed: %s", doing, path, reason);
}

static bool load_certificate(SSL_CTX *tls, const char *certificate, const char *key,
                             struct err *err)
{
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1)
        return tls_error(err, "reading the certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        return tls_error(err, "reading the key", key);
    if (SSL_CTX_check_private_key(tls) != 1)
        return tls_error(err, "matching the key with the certificate", certificate);
    return true;
}

SSL_CTX *http_listen_tls(const char *certificate, const char *key, struct err *err)
{
    if (!key) {
        err_set(err, ERR_CONFIG, "the certificate %s is given without its key.", certificate);
        return NULL;
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls) {
        tls_error(err, "preparing TLS for", certificate);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* A session is resumed by a ticket that the client keeps; none is kept here for strangers.
     */
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    if (!load_certificate(tls, certificate, key, err)) {
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

/* Cut text in two, in place. */
static bool split(char *text, char **host, char **port)
{
    char *colon = strrchr(text, ':');
    if (!colon || colon[1] == '\0')
        return false;
    *colon = '\0';
    *port = colon + 1;
    *host = text;
    size_t len = strlen(text);
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracketed) {
        text[len - 1] = '\0';
        *host = text + 1;
    }
    return bracketed || !strchr(text, ':');
}

static int listen_at(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    switch (address.any.sa_family) {
    case AF_INET: return ntohs(address.v4.sin_port);
    case AF_INET6: return ntohs(address.v6.sin6_port);
    default: return 0;
    }
}

int http_listen_open(const char *where, int *port, struct err *err)
{
    char text[LIMIT_PATH];
    char *host, *service;
    if (!text_copy(text, sizeof text, where) || !split(text, &host, &service)) {
        err_set(err, ERR_CONFIG, "'%s' is not an address and a port, such as 127.0.0.1:8080.",
                where);
        return -1;
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(*host ? host : NULL, service, &hints, &found);
    if (failed) {
        err_set(err, ERR_CONFIG, "the address %s cannot be used: %s.", where,
                gai_strerror(failed));
        return -1;
    }
    int fd = listen_at(found);
    if (fd < 0)
        err_set(err, ERR_UNAVAILABLE, "listening on %s failed: %s.", where, strerror(errno));
    else
        *port = port_of(fd);
    freeaddrinfo(found);
    return fd;
}
