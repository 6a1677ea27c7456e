/* In which way the audio of a new item travels to this server: pure.
 *
 * Some servers that speak EWS drop an attachment that is created with its item, and say
 * nothing; they take the whole message as MIME. So the way is tried once with a small item in a
 * hidden folder (ews_probe.h), and remembered for the server; a way that was set by an
 * administrator is not tried. Until a server has been seen to keep the audio of an item, each
 * create is looked at afterwards; and again as soon as its answer does not name an attachment
 * any more although it did before, for servers are replaced. */
#ifndef SIB_EWS_EWS_WAY_H
#define SIB_EWS_EWS_WAY_H

#include "ews/request.h"

struct ews_way {
    enum request_way way;
    bool chosen; /* set, remembered or found out; false: find out first */
    bool set;    /* by an administrator */
    bool kept;   /* an item was seen with its audio */
    bool names;  /* this server's answers to a create name the attachments */
};

/* word: "auto", "inline" or "mime" (NULL: auto); remembered: what was learned in an earlier
 * life
 * ("inline" or "mime"), NULL: nothing. */
void ews_way_init(struct ews_way *way, const char *word, const char *remembered);
const char *ews_way_name(enum request_way way);
/* A probe has shown that this way keeps the audio. */
void ews_way_found(struct ews_way *way, enum request_way found);
/* A create with audio was answered, and its answer names so many attachments. True: nobody
 * knows whether the audio is there, look. */
bool ews_way_answered(struct ews_way *way, int attachments);
/* The audio was looked for. False: it was dropped; find out anew (unless the way is set). */
bool ews_way_looked(struct ews_way *way, bool kept);

#endif
