/* An error as one plain value.
 *
 * Purpose: say once, where it is known, what went wrong, what must be abandoned because of it,
 * when to come back, and whether the thing asked for may have happened all the same.
 * Ownership: a plain value, no allocation; the caller owns it. Functions that can fail return
 * false and fill the last argument, which may not be NULL. */
#ifndef SIB_BASE_ERR_H
#define SIB_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

/* The kind of an error; each has one exit code of sysexits.h (err_exit_code). */
enum err_kind {
    ERR_OK = 0,
    ERR_USAGE,       /* the command line is wrong */
    ERR_DATA,        /* what was given is not what it should be */
    ERR_NO_INPUT,    /* a file that was named cannot be read */
    ERR_NO_MAILBOX,  /* no such mailbox (or no such message) */
    ERR_NO_HOST,     /* a name does not resolve */
    ERR_UNAVAILABLE, /* the other side does not answer, or refuses for now */
    ERR_INTERNAL,    /* our own fault */
    ERR_SYSTEM,      /* the operating system refused */
    ERR_IO,          /* reading or writing a disk failed */
    ERR_FULL,        /* a disk or a quota is full */
    ERR_TEMPORARY,   /* try again */
    ERR_PROTOCOL,    /* the other side said something that makes no sense */
    ERR_DENIED,      /* authentication or permission */
    ERR_CONFIG,      /* the configuration is wrong */
    ERR_GONE,        /* the thing acted upon is not there any more */
    ERR_CONFLICT,    /* it was changed by somebody else meanwhile */
    ERR_REFUSED,     /* this one thing is refused for good */
    ERR_CANCELLED,
    ERR_KINDS,
};

/* What to abandon: the smallest thing that cannot go on. */
enum err_scope { ERR_SCOPE_ITEM, ERR_SCOPE_MAILBOX, ERR_SCOPE_ACCOUNT, ERR_SCOPE_SERVICE };

/* When to come back. */
enum err_when { ERR_WHEN_RETRY, ERR_WHEN_BACK_OFF, ERR_WHEN_NEVER };

/* Did the request take effect? UNKNOWN must be treated as "perhaps, perhaps later". */
enum err_effect { ERR_EFFECT_NONE, ERR_EFFECT_UNKNOWN };

struct err {
    enum err_kind kind;
    enum err_scope scope;
    enum err_when when;
    enum err_effect effect;
    int64_t back_off_ms; /* with ERR_WHEN_BACK_OFF; 0: the caller's own schedule */
    char code[64];       /* the other side's own word, "ErrorServerBusy"; empty if none */
    char text[512];      /* a whole sentence: names the thing and the remedy */
};

/* Fill *err; scope ITEM, when RETRY, effect NONE until said otherwise. Always returns false,
 * so that "return err_set(...)" reads well. */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put words in front of the text that is there: "mailbox ann: ...". Returns false. */
bool err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void err_clear(struct err *err);

/* The exit code of sysexits.h for this kind (0 for ERR_OK). */
int err_exit_code(enum err_kind kind);

/* A stable lower-case word for logs and JSON, such as "unavailable". */
const char *err_kind_name(enum err_kind kind);

#endif
