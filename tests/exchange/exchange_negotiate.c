#include "tests/exchange/exchange_negotiate.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* RFC 2744, as far as it is needed here. */
struct gss_buffer {
    size_t len;
    void *bytes;
};
typedef uint32_t gss_accept_fn(uint32_t *minor, void **context, void *credential,
                               struct gss_buffer *in, void *bindings, void **name, void **mech,
                               struct gss_buffer *out, uint32_t *flags, uint32_t *time,
                               void **delegated);
typedef uint32_t gss_display_fn(uint32_t *minor, void *name, struct gss_buffer *text,
                                void **type);
typedef uint32_t gss_release_buffer_fn(uint32_t *minor, struct gss_buffer *buffer);
typedef uint32_t gss_release_name_fn(uint32_t *minor, void **name);
typedef uint32_t gss_delete_fn(uint32_t *minor, void **context, struct gss_buffer *token);

enum { TOKEN_MAX = 64 * 1024 };

struct exchange_negotiate {
    void *library;
    gss_accept_fn *accept;
    gss_display_fn *display;
    gss_release_buffer_fn *release_buffer;
    gss_release_name_fn *release_name;
    gss_delete_fn *delete;
    char user[256];
};

/* A pointer to a function is not one to data; POSIX says that they are alike. */
static bool find(struct exchange_negotiate *negotiate, const char *name, void *function)
{
    void *at = dlsym(negotiate->library, name);
    memcpy(function, &at, sizeof at);
    return at != NULL;
}

struct exchange_negotiate *exchange_negotiate_new(struct err *err)
{
    struct exchange_negotiate *negotiate = calloc(1, sizeof *negotiate);
    if (!negotiate) {
        err_set(err, ERR_SYSTEM, "no memory for Negotiate");
        return NULL;
    }
    negotiate->library = dlopen("libgssapi_krb5.so.2", RTLD_NOW);
    bool ok = negotiate->library &&
              find(negotiate, "gss_accept_sec_context", &negotiate->accept) &&
              find(negotiate, "gss_display_name", &negotiate->display) &&
              find(negotiate, "gss_release_buffer", &negotiate->release_buffer) &&
              find(negotiate, "gss_release_name", &negotiate->release_name) &&
              find(negotiate, "gss_delete_sec_context", &negotiate->delete);
    if (!ok) {
        err_set(err, ERR_SYSTEM, "there is no GSS-API here; install libgssapi-krb5-2");
        exchange_negotiate_free(&negotiate);
    }
    return negotiate;
}

void exchange_negotiate_free(struct exchange_negotiate **negotiate)
{
    if (*negotiate && (*negotiate)->library)
        dlclose((*negotiate)->library);
    free(*negotiate);
    *negotiate = NULL;
}

static void take_name(struct exchange_negotiate *negotiate, void *name)
{
    struct gss_buffer text = {0};
    uint32_t minor;
    negotiate->display(&minor, name, &text, NULL);
    snprintf(negotiate->user, sizeof negotiate->user, "%.*s", (int)text.len,
             (const char *)text.bytes);
    negotiate->release_buffer(&minor, &text);
}

/* Kerberos needs one token; a second leg is refused. */
static bool accept_token(struct exchange_negotiate *negotiate, struct gss_buffer *in,
                         struct gss_buffer *out)
{
    void *context = NULL, *name = NULL;
    uint32_t minor;
    uint32_t major =
        negotiate->accept(&minor, &context, NULL, in, NULL, &name, NULL, out, NULL, NULL, NULL);
    if (major == 0 && name)
        take_name(negotiate, name);
    else
        log_warning(NULL, "a Negotiate token is refused major=%08x minor=%u", major, minor);
    bool ok = major == 0 && name;
    if (name)
        negotiate->release_name(&minor, &name);
    if (context)
        negotiate->delete (&minor, &context, NULL);
    return ok;
}

const char *exchange_negotiate_user(struct exchange_negotiate *negotiate,
                                    const char *authorization, char *value, size_t size)
{
    unsigned char bytes[TOKEN_MAX], text[EXCHANGE_NEGOTIATE_VALUE_MAX] = "";
    struct gss_buffer in = {0, bytes}, out = {0};
    uint32_t minor;
    snprintf(value, size, "Negotiate");
    if (!authorization || strncmp(authorization, "Negotiate ", 10) != 0 ||
        strlen(authorization) > TOKEN_MAX)
        return NULL;
    const char *coded = authorization + 10;
    int len = EVP_DecodeBlock(bytes, (const unsigned char *)coded, (int)strlen(coded));
    if (len <= 0)
        return NULL;
    in.len = (size_t)len - (strstr(coded, "==") ? 2 : strchr(coded, '=') ? 1 : 0);
    bool ok = accept_token(negotiate, &in, &out);
    if (out.len && out.len < sizeof text / 4 * 3 - 4) {
        EVP_EncodeBlock(text, out.bytes, (int)out.len);
        snprintf(value, size, "Negotiate %s", (char *)text);
    }
    negotiate->release_buffer(&minor, &out);
    return ok ? negotiate->user : NULL;
}
