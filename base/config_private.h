/* The tables of keys; config.c reads by them, the example file is printed from them. */
#ifndef SIB_BASE_CONFIG_PRIVATE_H
#define SIB_BASE_CONFIG_PRIVATE_H

#include "base/config.h"

enum config_type {
    CONFIG_TEXT,     /* char * */
    CONFIG_CHOICE,   /* char *, one of `choices` */
    CONFIG_WORD,     /* int64_t: the index in `choices` */
    CONFIG_PATHNAME, /* char *, absolute */
    CONFIG_URL,      /* char *, http or https */
    CONFIG_FLAG,     /* bool: yes/no, on/off, true/false */
    CONFIG_NUMBER,   /* int64_t within min..max */
    CONFIG_DURATION, /* int64_t ms within min..max */
};

struct config_key {
    const char *name;
    enum config_type type;
    size_t offset;        /* in the section's struct */
    const char *fallback; /* NULL: none */
    bool required;
    int64_t min, max;
    const char *choices; /* words separated by '|' */
    const char *help;
};

/* Where the structs of a section that may come several times are, each under its name: the
 * first member of such a struct is char *name. */
struct config_named {
    size_t bytes, max;   /* of one struct; how many */
    size_t count_offset; /* of their number (size_t) in struct config */
    const char *choices; /* the names that there may be, separated by '|'; NULL: any */
    const char *example; /* the name in the example file */
};

struct config_section {
    const char *name;
    const struct config_named *named; /* [exchange "NAME"]; NULL: comes once */
    size_t offset; /* of the section's struct, or its first, in struct config */
    const struct config_key *keys;
    size_t count;
    const char *help;
};

extern const struct config_section config_sections[];
extern const size_t config_section_count;

#endif
