/* The table behind ews_error.h: every ResponseCode of the schema with its grade. */
#ifndef SIB_EWS_EWS_ERROR_TABLE_H
#define SIB_EWS_EWS_ERROR_TABLE_H

#include <stddef.h>

/* A grade stands for scope, time to come back, effect and kind together (ews_error.c). */
enum ews_grade {
    EWS_GRADE_ITEM,         /* this one thing is refused for good */
    EWS_GRADE_GONE,         /* the item or folder is not there */
    EWS_GRADE_CONFLICT,     /* somebody else changed it meanwhile */
    EWS_GRADE_BROKE,        /* the server failed at this item; perhaps half-way */
    EWS_GRADE_STOPPED,      /* not done: something before it in the batch failed */
    EWS_GRADE_THROTTLED,    /* not done: too many requests */
    EWS_GRADE_TOO_MANY,     /* not done: too many of something that is no request */
    EWS_GRADE_TIMED_OUT,    /* the server gave up; perhaps half-way */
    EWS_GRADE_TRANSIENT,    /* the server is in trouble; perhaps half-way */
    EWS_GRADE_UNREACHED,    /* the server did not get as far as trying */
    EWS_GRADE_MOVING,       /* the mailbox is on its way to another server */
    EWS_GRADE_DENIED,       /* no right to this mailbox */
    EWS_GRADE_ACCOUNT,      /* the service account itself is refused */
    EWS_GRADE_NO_MAILBOX,   /* no such mailbox there */
    EWS_GRADE_CONFIG,       /* set up wrongly, for every mailbox of the account */
    EWS_GRADE_FULL,         /* the mailbox is full */
    EWS_GRADE_TOKEN,        /* the state of synchronisation is refused */
    EWS_GRADE_SUBSCRIPTION, /* the subscription is gone */
    EWS_GRADES,
};

struct ews_error_row {
    const char *code;
    enum ews_grade grade;
    const char *remedy; /* a sentence for the administrator; NULL: that of the grade */
};

extern const struct ews_error_row ews_error_table[]; /* sorted by code, bytewise */
extern const size_t ews_error_table_count;

#endif
