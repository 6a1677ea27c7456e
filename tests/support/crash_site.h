/* A site that dies: the whole site of site.h, but with its store and the stand-in for Exchange
 * in files, so that a life that was killed can be followed by another in the same folders.
 *
 * A life runs in a process of its own (fork), which kills itself at a crash point; what people
 * were promised stands in a diary, synced line by line, which the next life and the judge read.
 * Ownership: the site is a struct site; every function of site.h but site_new and site_free may
 * be used with it. */
#ifndef SIB_TESTS_SUPPORT_CRASH_SITE_H
#define SIB_TESTS_SUPPORT_CRASH_SITE_H

#include "tests/support/site.h"

/* Where a life begins: its folder, its calendar, its random identifiers. */
struct crash_life {
    const char *dir; /* with trailing names "state" and "exchange" below it */
    int64_t start_ms;
    uint64_t seed; /* another one for each life, as random is */
};

/* 2026-11-22T10:00:00Z */
#define CRASH_SITE_START_MS 1795341600000

/* A new folder, in memory where the system has such a place; path: 64 bytes. */
enum { CRASH_DIR_MAX = 64 }; /* path: so many bytes */
void crash_site_make_dir(char *path);
void crash_site_remove_dir(const char *path);

/* The service is not started; site_start does that. */
struct site *crash_site_open(const struct crash_life *life);
void crash_site_close(struct site **site);

/* The diary: lines "WORD NUMBER TEXT". */
void crash_diary_add(const char *dir, const char *word, int number, const char *text);
/* True when there is such a line; text (LIMIT_UUID bytes, or NULL) gets what stands in it. */
bool crash_diary_find(const char *dir, const char *word, int number, char *text);

/* Crash points passed by a process and its parent's knowledge of it: shared between both. */
enum { CRASH_POINTS_MAX = 8192, CRASH_NAME_MAX = 28 };
struct crash_trace {
    long die_at; /* 0: only count */
    long passed;
    int64_t wall_ms; /* when the last one was passed */
    char names[CRASH_POINTS_MAX][CRASH_NAME_MAX];
};

/* False in a build without crash points: then nothing can be tested. */
bool crash_points_built(void);

struct crash_trace *crash_trace_new(void);
void crash_trace_free(struct crash_trace **trace);

/* Run life(arg) in a process of its own, which dies as by kill -9 at point die_at (0: never).
 * True: it died there; false: it came to its end. Anything else fails the test. */
typedef void crash_life_fn(struct crash_trace *trace, void *arg);
bool crash_run(struct crash_trace *trace, long die_at, crash_life_fn *life, void *arg);
/* To be called in a life: crash points count from here, by the calendar of this site. */
void crash_arm(struct crash_trace *trace, struct site *site);

#endif
