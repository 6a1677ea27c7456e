/* Mailboxes of an Exchange that lives in memory, as Exchange keeps them: folders with numbers
 * that stay, items whose number changes with a move, a journal from which each folder tells
 * what changed since a token, and what is hidden from people. No XML, no requests:
 * memory_remote.h puts those on top.
 *
 * Everything is plain and may be read by a judge. People act through the functions in the
 * second half; our own system acts through the first. Ownership: memory_exchange_free frees
 * all. Pointers to items are valid until the next item is made. One thread. */
#ifndef SIB_TESTS_SUPPORT_MEMORY_EXCHANGE_H
#define SIB_TESTS_SUPPORT_MEMORY_EXCHANGE_H

#include "base/loop.h"
#include "base/rng.h"
#include "remote/remote.h"

enum {
    MEMORY_MAILBOXES = 4,
    MEMORY_FOLDERS_MAX = 64,
    MEMORY_NAME = 32,
    MEMORY_ID = 24,
    MEMORY_TOKEN = 64,
    MEMORY_SUBJECT = 200,
    MEMORY_BODY = 640,
    MEMORY_ADDRESS = 64,
    MEMORY_PAGE_MAX = 16,
};

/* Folders that are always there; those that people make come behind. */
enum memory_folder_number {
    MEMORY_TOP,
    MEMORY_INBOX,
    MEMORY_JUNK,
    MEMORY_DELETED,
    MEMORY_SENT,
    MEMORY_OUTBOX,
    MEMORY_ARCHIVE, /* mapped to nothing */
    MEMORY_STAGING, /* hidden */
    MEMORY_LIMBO,   /* hidden: where a mishap of an administrator puts things */
    MEMORY_FIRST_OWN,
};

struct memory_folder {
    int parent; /* -1: it is gone */
    char name[MEMORY_NAME];
    int64_t changed; /* the journal's number of the last change in it */
};

struct memory_item {
    int number;  /* its id: a move gives it another */
    int moves;   /* so often */
    int folder;  /* -1: gone */
    int version; /* the read flag does not change it */
    char message[LIMIT_UUID], creation[LIMIT_UUID];
    char subject[MEMORY_SUBJECT];
    bool read, urgent, private, audio;
    char body[MEMORY_BODY]; /* its beginning */
    int64_t created_ms, modified_ms;
    int64_t entered, changed, flagged; /* journal: into this folder, anything, the read flag */
    bool own;                /* a person's own: a copy, or it was where nothing is mapped */
    bool copy;               /* a person made it of another */
    char to[MEMORY_ADDRESS]; /* of what a person composed; "" : none */
    int home;                /* in limbo: where it was */
};

/* An item left a folder: moved, or removed. */
struct memory_gone {
    int number, folder;
    int64_t entered, left;
};

/* What a staged create settled upon. */
struct memory_commit {
    char message[LIMIT_UUID];
    int generation, winner; /* number of the copy */
};

struct memory_mailbox {
    struct memory_exchange *exchange;
    char address[64];
    struct memory_folder folders[MEMORY_FOLDERS_MAX];
    int folder_count;
    struct memory_item *items; /* those that are gone are reused */
    int item_count, item_cap;
    struct memory_gone *gone;
    int gone_count, gone_cap;
    struct memory_commit *commits;
    int commit_count, commit_cap;
    int64_t journal;
    int epoch;  /* of tokens; those of an earlier one are refused */
    bool full;  /* nothing more can be made in it */
    bool empty; /* another, empty mailbox stands in its place for now */
    /* a token was refused; it was empty: whoever looks at these sets them back */
    bool forgot, emptied;
    /* Something changed in a folder; NULL: nobody hears of it. */
    void (*heard)(struct memory_mailbox *, int folder);
};

struct memory_exchange {
    struct loop *loop;
    struct rng rng;
    struct memory_mailbox mailboxes[MEMORY_MAILBOXES];
    int mailbox_count;
    int numbers;                    /* of items, the last one given */
    int page_items;                 /* changes in a page */
    struct memory_remotes *remotes; /* memory_remote.h */
};

struct memory_exchange *memory_exchange_new(struct loop *loop, uint64_t seed);
void memory_exchange_free(struct memory_exchange **exchange);
struct memory_mailbox *memory_mailbox_add(struct memory_exchange *exchange,
                                          const char *address);
struct memory_mailbox *memory_mailbox_find(struct memory_exchange *exchange,
                                           const char *address);

/* ---- what a remote mailbox is asked ---- */

/* REMOTE_PLACES: mapped to nothing, or gone. */
enum remote_place memory_place(const struct memory_mailbox *mailbox, int folder);
struct memory_item *memory_item(struct memory_mailbox *mailbox, int number);

/* Changes in a folder since a token, at most page_items of them; what is told of an item is a
 * copy of it. False: the token is refused. */
struct memory_page {
    int count;
    struct {
        enum remote_change_kind kind;
        struct memory_item item;
    } changes[MEMORY_PAGE_MAX];
    char token[MEMORY_TOKEN];
    bool last;
};
bool memory_changes(struct memory_mailbox *mailbox, int folder, const char *token,
                    struct memory_page *page);

/* A new item in a folder, from what a remote mailbox is told. */
struct memory_item *memory_create(struct memory_mailbox *mailbox, int folder,
                                  const struct memory_item *like);
/* Settle which copy of a message counts; this one if none does yet. */
struct memory_commit *memory_commit(struct memory_mailbox *mailbox, const char *message,
                                    int generation, int number);
void memory_unstage(struct memory_mailbox *mailbox, const char *message, int generation);

/* ---- what people do, and our own writes, too ---- */

void memory_set_read(struct memory_mailbox *mailbox, struct memory_item *item, bool read);
void memory_set_urgent(struct memory_mailbox *mailbox, struct memory_item *item, bool urgent);
void memory_set_subject(struct memory_mailbox *mailbox, struct memory_item *item,
                        const char *subject);
void memory_set_body(struct memory_mailbox *mailbox, struct memory_item *item, const char *body,
                     bool drop_audio);
void memory_move(struct memory_mailbox *mailbox, struct memory_item *item, int folder);
void memory_copy(struct memory_mailbox *mailbox, const struct memory_item *item, int folder);
void memory_remove(struct memory_mailbox *mailbox, struct memory_item *item);

/* -1: there is no room for one more. */
int memory_folder_add(struct memory_mailbox *mailbox, int parent, const char *name);
void memory_folder_move(struct memory_mailbox *mailbox, int folder, int parent);
/* With all that is in it and below it. */
void memory_folder_remove(struct memory_mailbox *mailbox, int folder);
bool memory_folder_is_below(const struct memory_mailbox *mailbox, int folder, int ancestor);
/* Every token that was handed out is refused from now on. */
void memory_lose_tokens(struct memory_mailbox *mailbox);

/* All that is where our system looks goes away, as if somebody had removed it; and comes back.
 */
void memory_sweep_away(struct memory_mailbox *mailbox);
void memory_bring_back(struct memory_mailbox *mailbox);

/* ---- for a judge ---- */

/* Items of a message where our system sees them; own: those that are a person's own, too. */
int memory_visible(struct memory_mailbox *mailbox, const char *message, bool own,
                   struct memory_item **first);
int memory_hidden(const struct memory_mailbox *mailbox);

#endif
