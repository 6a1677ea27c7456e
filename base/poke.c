#include "base/poke.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

struct poke {
    struct loop_watch *watch;
    loop_fn *fn;
    void *arg;
    int fd;
    struct sockaddr_un address;
};

static bool make_address(struct sockaddr_un *address, const char *state_dir,
                         const char *service)
{
    address->sun_family = AF_UNIX;
    int n =
        snprintf(address->sun_path, sizeof address->sun_path, "%s/%s.poke", state_dir, service);
    return n > 0 && (size_t)n < sizeof address->sun_path;
}

void poke_send(const char *state_dir, const char *service)
{
    struct sockaddr_un address = {0};

    if (!make_address(&address, state_dir, service))
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* Lost pokes cost one poll interval (poke.h): the result does not matter. */
    ssize_t ignored = sendto(fd, "", 1, 0, (struct sockaddr *)&address, sizeof address);
    (void)ignored;
    close(fd);
}

static void readable(int fd, int ready, void *arg)
{
    struct poke *poke = arg;
    char byte;
    bool any = false;

    (void)ready;
    while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
        any = true;
    if (any)
        poke->fn(poke->arg);
}

struct poke *poke_listen(struct loop *loop, const char *state_dir, const char *service,
                         loop_fn *fn, void *arg, struct err *err)
{
    struct poke *poke = calloc(1, sizeof *poke);
    if (!poke) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    poke->fn = fn;
    poke->arg = arg;
    poke->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (poke->fd < 0) {
        file_error(err, "open a socket for", service);
        poke_free(&poke);
        return NULL;
    }
    if (!make_address(&poke->address, state_dir, service)) {
        err_set(err, ERR_CONFIG,
                "state-dir %s is too long for a unix socket (107 bytes in all)", state_dir);
        poke->address.sun_path[0] = '\0';
        poke_free(&poke);
        return NULL;
    }
    unlink(poke->address.sun_path);
    if (bind(poke->fd, (struct sockaddr *)&poke->address, sizeof poke->address) != 0) {
        file_error(err, "bind", poke->address.sun_path);
        poke_free(&poke);
        return NULL;
    }
    poke->watch = loop_watch_new(loop, poke->fd, LOOP_READ, readable, poke);
    return poke;
}

void poke_free(struct poke **poke)
{
    struct poke *p = *poke;

    if (p) {
        loop_watch_free(&p->watch);
        if (p->fd >= 0)
            close(p->fd);
        if (p->address.sun_path[0])
            unlink(p->address.sun_path);
        free(p);
    }
    *poke = NULL;
}
