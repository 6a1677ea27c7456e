/* The bytes of one connection, plain or through TLS: never waits. */
#ifndef SIB_BASE_HTTP_WIRE_H
#define SIB_BASE_HTTP_WIRE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct http_wire {
    int fd;
    SSL *tls;     /* NULL: plain, or not begun */
    int want;     /* LOOP_READ or LOOP_WRITE: what the last call waits for */
    size_t needs; /* bytes of a hello that were asked for; 0: none yet */
};

enum { HTTP_WIRE_END = 0, HTTP_WIRE_LATER = -1, HTTP_WIRE_BROKEN = -2 };

/* Gives the number of bytes, or one of the above. */
ssize_t http_wire_read(struct http_wire *wire, void *bytes, size_t len);
ssize_t http_wire_write(struct http_wire *wire, const void *bytes, size_t len);
/* Decrypted bytes wait that no event of the socket will tell of. */
bool http_wire_has_more(const struct http_wire *wire);
/* Say that nothing more will be written; what still comes may be read as bytes of the socket.
 */
void http_wire_end_writing(struct http_wire *wire);
void http_wire_close(struct http_wire *wire);

/* A stranger's first bytes on a TLS port. They are left in the kernel until a whole ClientHello
 * of a sensible length is there: only then memory is taken for a TLS session. */
enum http_hello { HTTP_HELLO_MORE, HTTP_HELLO_WHOLE, HTTP_HELLO_NONSENSE };
enum http_hello http_wire_hello(struct http_wire *wire);
/* Pure: how many bytes must be there before it can be said that the hello is whole: more than
 * len: wait; 0: this is no ClientHello. */
size_t http_hello_needs(const unsigned char *bytes, size_t len);
bool http_wire_begin_tls(struct http_wire *wire, SSL_CTX *context);

#endif
