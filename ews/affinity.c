#include "ews/affinity.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One "name=value" of a list, and the rest of it. False: there is none left. */
static bool next_cookie(const char **list, const char **cookie, size_t *len)
{
    *list += strspn(*list, "; ");
    *cookie = *list;
    *len = strcspn(*list, ";");
    *list += *len;
    return *len > 0;
}

static size_t name_length(const char *cookie, size_t len)
{
    const char *equals = memchr(cookie, '=', len);
    return equals ? (size_t)(equals - cookie) : len;
}

static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t n = name_length(a, a_len);
    return n == name_length(b, b_len) && strncasecmp(a, b, n) == 0;
}

/* X-BackEndCookie names the server of one mailbox for ten minutes, and how long is not known
 * any more here. The one that holds for the group is X-BackEndOverrideCookie. */
static bool is_kept(const char *cookie, size_t len)
{
    static const char fleeting[] = "X-BackEndCookie";
    return !same_name(cookie, len, fleeting, sizeof fleeting - 1);
}

static void add(char *jar, size_t size, const char *cookie, size_t len)
{
    size_t used = strlen(jar);
    const char *separator = used ? "; " : "";
    if (used + strlen(separator) + len < size)
        snprintf(jar + used, size - used, "%s%.*s", separator, (int)len, cookie);
}

static void put(struct affinity *affinity, const char *cookie, size_t len)
{
    char old[LIMIT_COOKIES];
    const char *rest = old, *other;
    size_t other_len;

    memcpy(old, affinity->cookies, sizeof old);
    affinity->cookies[0] = '\0';
    while (next_cookie(&rest, &other, &other_len)) {
        if (!same_name(other, other_len, cookie, len))
            add(affinity->cookies, sizeof affinity->cookies, other, other_len);
    }
    add(affinity->cookies, sizeof affinity->cookies, cookie, len);
}

void affinity_take(struct affinity *affinity, const char *cookies)
{
    const char *cookie;
    size_t len;

    while (next_cookie(&cookies, &cookie, &len)) {
        if (is_kept(cookie, len))
            put(affinity, cookie, len);
    }
}
