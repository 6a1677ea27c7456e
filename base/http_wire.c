#include "base/http_wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/loop.h"

static ssize_t plain_result(struct http_wire *wire, ssize_t n, int want)
{
    wire->want = want;
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? HTTP_WIRE_LATER
                                                                     : HTTP_WIRE_BROKEN;
}

static ssize_t tls_result(struct http_wire *wire, int n, int want)
{
    wire->want = want;
    if (n > 0)
        return n;
    switch (SSL_get_error(wire->tls, n)) {
    case SSL_ERROR_WANT_READ: wire->want = LOOP_READ; return HTTP_WIRE_LATER;
    case SSL_ERROR_WANT_WRITE: wire->want = LOOP_WRITE; return HTTP_WIRE_LATER;
    case SSL_ERROR_ZERO_RETURN: return HTTP_WIRE_END;
    default: return HTTP_WIRE_BROKEN;
    }
}

ssize_t http_wire_read(struct http_wire *wire, void *bytes, size_t len)
{
    if (!wire->tls)
        return plain_result(wire, recv(wire->fd, bytes, len, 0), LOOP_READ);
    ERR_clear_error();
    return tls_result(wire, SSL_read(wire->tls, bytes, (int)len), LOOP_READ);
}

ssize_t http_wire_write(struct http_wire *wire, const void *bytes, size_t len)
{
    enum { PIECE_MAX = 1 << 30 };
    if (!wire->tls)
        return plain_result(wire, send(wire->fd, bytes, len, MSG_NOSIGNAL), LOOP_WRITE);
    ERR_clear_error();
    int n = SSL_write(wire->tls, bytes, (int)(len < PIECE_MAX ? len : PIECE_MAX));
    return tls_result(wire, n, LOOP_WRITE);
}

bool http_wire_has_more(const struct http_wire *wire)
{
    return wire->tls && SSL_pending(wire->tls) > 0;
}

void http_wire_end_writing(struct http_wire *wire)
{
    if (wire->tls) {
        ERR_clear_error();
        if (SSL_is_init_finished(wire->tls))
            SSL_shutdown(wire->tls);
        SSL_free(wire->tls);
        wire->tls = NULL;
    }
    shutdown(wire->fd, SHUT_WR);
    wire->want = LOOP_READ;
}

void http_wire_close(struct http_wire *wire)
{
    SSL_free(wire->tls);
    wire->tls = NULL;
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
}

/* ---- the first bytes ---- */

/* A record: type 22, version 3.x, length in two bytes; in it a message: type 1 (ClientHello),
 * length in three bytes. OpenSSL takes memory for the length that is said, so that is judged
 * first. A hello that goes on in a second record is taken once its first one is there. */
size_t http_hello_needs(const unsigned char *bytes, size_t len)
{
    enum { RECORD_HEADER = 5, BEGINNING = 9, HANDSHAKE = 22, CLIENT_HELLO = 1, VERSION = 3 };
    static const int expected[] = {HANDSHAKE, VERSION, -1, -1, -1, CLIENT_HELLO, 0};

    for (size_t i = 0; i < sizeof expected / sizeof expected[0] && i < len; i++)
        if (expected[i] >= 0 && bytes[i] != expected[i])
            return 0;
    if (len < BEGINNING)
        return BEGINNING;
    size_t record = (size_t)bytes[3] << 8 | bytes[4];
    size_t message = (size_t)bytes[7] << 8 | bytes[8];
    if (record < BEGINNING - RECORD_HEADER || record > LIMIT_HTTP_HELLO ||
        message > LIMIT_HTTP_HELLO)
        return 0;
    return RECORD_HEADER + record;
}

/* The socket is made readable only by as many bytes as are needed, so that nothing is looked at
 * twice for each byte that drips in; readable with fewer, it has ended. */
enum http_hello http_wire_hello(struct http_wire *wire)
{
    unsigned char bytes[LIMIT_HTTP_HELLO + 5];

    ssize_t len = recv(wire->fd, bytes, sizeof bytes, MSG_PEEK);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return HTTP_HELLO_MORE;
    if (len <= 0 || (size_t)len < wire->needs)
        return HTTP_HELLO_NONSENSE;
    wire->needs = http_hello_needs(bytes, (size_t)len);
    if (wire->needs == 0)
        return HTTP_HELLO_NONSENSE;
    bool whole = wire->needs <= (size_t)len;
    const int low = whole ? 1 : (int)wire->needs;
    setsockopt(wire->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
    return whole ? HTTP_HELLO_WHOLE : HTTP_HELLO_MORE;
}

bool http_wire_begin_tls(struct http_wire *wire, SSL_CTX *context)
{
    wire->tls = SSL_new(context);
    if (!wire->tls || SSL_set_fd(wire->tls, wire->fd) != 1)
        return false;
    SSL_set_accept_state(wire->tls);
    return true;
}
