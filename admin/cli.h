/* What every command of sibctl works with: the invocation, the screen, the configuration, the
 * store; and the run of a whole command line.
 *
 * Ownership: struct sibctl lives in sibctl_main; commands borrow it and what it opened.
 * Output: facts go to screen.out; hints and errors go to `errors`, so that what programs read
 * stays whole. With --json one document, written when all of it is known. */
#ifndef SIB_ADMIN_CLI_H
#define SIB_ADMIN_CLI_H

#include <jansson.h>

#include "admin/command.h"
#include "admin/text.h"
#include "base/config.h"
#include "store/mailbox.h"

struct sibctl {
    struct invocation call;
    struct screen screen;
    FILE *errors;
    struct config *config; /* after sibctl_config */
    struct store *store;   /* after sibctl_open */
};

/* A command line from its words to its exit code. */
int sibctl_main(int argc, char *const *argv, FILE *out, FILE *errors);

bool sibctl_config(struct sibctl *ctl, struct err *err);
/* The configuration and the store; as root, become the owner of the state-dir first. */
bool sibctl_open(struct sibctl *ctl, struct err *err);

/* Print one JSON document and a newline. Takes the reference; NULL (no memory) fails. */
bool sibctl_json(struct sibctl *ctl, json_t *document, struct err *err);
/* {"key": [...]}; takes the array. ok false: gathering it failed (err says why), only drop it.
 */
bool sibctl_json_list(struct sibctl *ctl, bool ok, const char *key, json_t *list,
                      struct err *err);
/* A sentence for people; nothing with --json. Cleaned (text_clean). */
void sibctl_say(struct sibctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A sentence on standard error, "sibctl: ...". */
void sibctl_hint(struct sibctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The failure was told already (a failed step in a report): only the exit code remains. */
bool sibctl_failed(enum err_kind kind, struct err *err);

/* Tell mailbox-sync to look now. */
void sibctl_poke(struct sibctl *ctl);

/* The mailboxes that the command line names: one NAME, or all (--all, or no name where that is
 * allowed). malloc'ed into *out; free() it. */
bool sibctl_mailboxes(struct sibctl *ctl, struct mailbox **out, size_t *count, struct err *err);
/* A mailbox's name by its id; the id itself when it is unknown; "" for "". Returns out. */
const char *sibctl_mailbox_name(struct sibctl *ctl, const char *id, char *out);

#endif
