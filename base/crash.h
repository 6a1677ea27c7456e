/* Crash points: named places around each durable step where a test can end the process.
 *
 * In a build with -DSIB_CRASH_POINTS the environment decides: SIB_CRASH_COUNT=FILE appends a
 * line for each point passed; SIB_CRASH_AT=N ends the process (as kill -9 would) at the N-th
 * point. In an ordinary build the call is empty. In-process tests may set a handler. */
#ifndef SIB_BASE_CRASH_H
#define SIB_BASE_CRASH_H

#ifdef SIB_CRASH_POINTS
void crash_point(const char *name);
typedef void crash_fn(const char *name, void *arg);
void crash_set_handler(crash_fn *fn, void *arg);
#else
static inline void crash_point(const char *name)
{
    (void)name;
}
#endif

#endif
