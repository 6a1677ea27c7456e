/* The child's half of the control socket between a service and its supervisor (sibd).
 *
 * The supervisor starts a service with one end of a socketpair on descriptor
 * SERVICE_CONTROL_FD and the variable SIB_CONTROL_FD naming it. Over it the service says, as
 * lines: "READY", then "BEAT <n> key=value ..." every TIME_BEAT_MS; the supervisor says "STOP".
 * A closed socket means that the supervisor died: the service ends. Without the variable
 * (started by hand) everything here works and says nothing.
 * Callbacks: `stop` runs once, when the service must end: on STOP, on SIGTERM or SIGINT, or
 * when the supervisor is gone. `reload` runs on SIGHUP; may be NULL. */
#ifndef SIB_BASE_SERVICE_H
#define SIB_BASE_SERVICE_H

#include "base/loop.h"

enum { SERVICE_CONTROL_FD = 3 };

/* Exit codes that the supervisor does not retry: a person must act first. */
enum { SERVICE_EXIT_CONFIG = 78 /* EX_CONFIG */ };

struct service;
struct service *service_new(struct loop *loop, loop_fn *stop, loop_fn *reload, void *arg,
                            struct err *err);
/* Started, doors open: say READY and begin to beat. */
void service_ready(struct service *service);
/* One more unit of work was done; carried in the beats as a counter ("runs", "calls"). */
void service_count(struct service *service, const char *counter, long add);
void service_free(struct service **service);

#endif
