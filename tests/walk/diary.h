/* What people did in a walk, as a witness would have written it down: each act that changed
 * something, its time and side. The judge knows nothing else of the past.
 *
 * A diary is kept in chapters: at the end of each both sides were found to agree, and what a
 * message was then is where the next chapter begins. */
#ifndef SIB_TESTS_WALK_DIARY_H
#define SIB_TESTS_WALK_DIARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

enum { DIARY_MESSAGES = 48, DIARY_TEXT = 200, DIARY_WORDS = 32, DIARY_LETTERS = 6 };

enum diary_side { DIARY_HERE, DIARY_THERE, DIARY_SIDES };

enum diary_field { DIARY_PLACE, DIARY_READ, DIARY_URGENT, DIARY_SUBJECT, DIARY_FIELDS };

/* Values of DIARY_PLACE. */
enum { PLACE_INBOX, PLACE_DELETED };

struct diary_value {
    int64_t at; /* wall; 0: not changed in this chapter */
    int acts;   /* in this chapter */
    int number;
    char text[DIARY_TEXT]; /* DIARY_SUBJECT */
};

struct diary_message {
    char id[LIMIT_UUID];
    int side;                               /* whose it is */
    struct diary_value known[DIARY_FIELDS]; /* at the beginning of the chapter */
    struct diary_value last[DIARY_SIDES][DIARY_FIELDS];
    bool secure, audio, pending;  /* pending: its transcription is still to come */
    char transcript[DIARY_WORDS]; /* "" : none */
    int twin;                     /* the other copy of a dispatch message; -1: it is none */
    bool accepted;                /* a dispatch message: by whose copy this is */
    bool purged;                  /* by phone */
    bool touched;                 /* there, in this chapter */
    int64_t touched_at;
    bool vanished;  /* there, in this chapter: removed, or put where nothing is mapped */
    bool brief;     /* and it had been made in this chapter, too */
    bool kept;      /* there, in this chapter: put into another folder */
    bool ambiguous; /* for good: there may be several of it, by a person's will */
};

/* What a person composed in Outlook. */
struct diary_letter {
    char subject[DIARY_WORDS];
    int to;
    bool urgent, delivered;
};

struct diary {
    struct diary_message messages[DIARY_MESSAGES];
    int count;
    struct diary_letter letters[DIARY_LETTERS];
    int letter_count;
};

struct diary_message *diary_add(struct diary *diary, const char *id, int side);
void diary_act(struct diary_message *message, enum diary_side side, enum diary_field field,
               int64_t at, int number, const char *text);
/* Both sides agree on this. */
void diary_begin_chapter(struct diary_message *message, const struct diary_value *now);

const char *diary_field_name(enum diary_field field);

#endif
