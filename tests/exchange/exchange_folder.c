#include "tests/exchange/exchange_mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_ident.h"
#include "tests/exchange/exchange_push.h"

static const struct {
    const char *kind, *parent, *name, *class;
} defaults[] = {
    {"root", NULL, "Root", ""},
    {"msgfolderroot", "root", "Top of Information Store", "IPF.Note"},
    {"inbox", "msgfolderroot", "Inbox", "IPF.Note"},
    {"drafts", "msgfolderroot", "Drafts", "IPF.Note"},
    {"sentitems", "msgfolderroot", "Sent Items", "IPF.Note"},
    {"deleteditems", "msgfolderroot", "Deleted Items", "IPF.Note"},
    {"junkemail", "msgfolderroot", "Junk Email", "IPF.Note"},
    {"outbox", "msgfolderroot", "Outbox", "IPF.Note"},
    {"calendar", "msgfolderroot", "Calendar", "IPF.Appointment"},
    {"contacts", "msgfolderroot", "Contacts", "IPF.Contact"},
    {"tasks", "msgfolderroot", "Tasks", "IPF.Task"},
    {"notes", "msgfolderroot", "Notes", "IPF.StickyNote"},
    {"journal", "msgfolderroot", "Journal", "IPF.Journal"},
    {"recoverableitemsroot", "root", "Recoverable Items", ""},
    {"recoverableitemsdeletions", "recoverableitemsroot", "Deletions", ""},
};

#define FOLDER_COLUMNS                                                                         \
    "SELECT id, mailbox, parent, born, touched, gone, key, kind, name, class FROM folder "

static bool read_folder(struct db_query *query, struct folder *folder)
{
    bool found = ex_db_row(query);
    if (found) {
        *folder = (struct folder){.id = ex_db_int(query, 0),
                                  .mailbox = ex_db_int(query, 1),
                                  .parent = ex_db_int(query, 2),
                                  .born = ex_db_int(query, 3),
                                  .touched = ex_db_int(query, 4),
                                  .gone = ex_db_int(query, 5)};
        snprintf(folder->key, sizeof folder->key, "%s", ex_db_text(query, 6));
        snprintf(folder->kind, sizeof folder->kind, "%s", ex_db_text(query, 7));
        snprintf(folder->name, sizeof folder->name, "%s", ex_db_text(query, 8));
        snprintf(folder->class, sizeof folder->class, "%s", ex_db_text(query, 9));
    }
    ex_db_end(&query);
    return found;
}

static bool insert(struct exchange *ex, struct folder *folder)
{
    folder->born = folder->touched = exchange_next_seq(ex);
    bool ok = ex_db_run(ex->db,
                        "INSERT INTO folder (mailbox, parent, born, touched, kind, name, class)"
                        " VALUES (?,?,?,?,?,?,?)",
                        "iiiisss", folder->mailbox, folder->parent, folder->born,
                        folder->touched, folder->kind, folder->name, folder->class);
    folder->id = ex_db_last_id(ex->db);
    ex_ident_make(ex, IDENT_FOLDER, folder->mailbox, folder->id, folder->key);
    return ok && ex_db_run(ex->db, "UPDATE folder SET key=? WHERE id=?", "si", folder->key,
                           folder->id);
}

const char *ex_folder_make_defaults(struct exchange *ex, int64_t mailbox)
{
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        struct folder folder = {.mailbox = mailbox}, parent;
        if (defaults[i].parent && ex_folder_by_kind(ex, mailbox, defaults[i].parent, &parent))
            folder.parent = parent.id;
        snprintf(folder.kind, sizeof folder.kind, "%s", defaults[i].kind);
        snprintf(folder.name, sizeof folder.name, "%s", defaults[i].name);
        snprintf(folder.class, sizeof folder.class, "%s", defaults[i].class);
        if (!insert(ex, &folder))
            return "ErrorInternalServerError";
    }
    return NULL;
}

bool ex_folder_by_id(struct exchange *ex, int64_t id, struct folder *folder)
{
    return read_folder(ex_db_query(ex->db, FOLDER_COLUMNS "WHERE id=? AND gone=0", "i", id),
                       folder);
}

bool ex_folder_by_kind(struct exchange *ex, int64_t mailbox, const char *kind,
                       struct folder *folder)
{
    return read_folder(ex_db_query(ex->db,
                                   FOLDER_COLUMNS "WHERE mailbox=? AND kind=? AND gone=0", "is",
                                   mailbox, kind),
                       folder);
}

bool ex_folder_by_name(struct exchange *ex, int64_t mailbox, int64_t parent, const char *name,
                       struct folder *folder)
{
    return read_folder(ex_db_query(ex->db,
                                   FOLDER_COLUMNS "WHERE mailbox=? AND parent=? AND gone=0"
                                                  " AND name=? COLLATE NOCASE",
                                   "iis", mailbox, parent, name),
                       folder);
}

const char *ex_folder_by_key(struct exchange *ex, int64_t mailbox, const char *key,
                             struct folder *folder)
{
    if (!exchange_id_well_formed(key))
        return "ErrorInvalidIdMalformed";
    if (read_folder(ex_db_query(ex->db, FOLDER_COLUMNS "WHERE key=? AND mailbox=? AND gone=0",
                                "si", key, mailbox),
                    folder))
        return NULL;
    return "ErrorFolderNotFound";
}

static void tell(struct exchange *ex, enum push_event event, const struct folder *folder,
                 int64_t old_parent)
{
    char change_key[EXCHANGE_ID_MAX];
    ex_folder_change_key(ex, folder, change_key);
    ex_push_tell(ex->push, &(struct push_news){.event = event,
                                               .mailbox = folder->mailbox,
                                               .folder = folder->parent,
                                               .old_folder = old_parent,
                                               .moved_folder = folder->key,
                                               .change_key = change_key});
}

const char *ex_folder_create(struct exchange *ex, int64_t mailbox, int64_t parent,
                             const char *name, const char *class, struct folder *folder)
{
    if (!name[0])
        return "ErrorFolderSaveFailed";
    if (ex_folder_by_name(ex, mailbox, parent, name, folder))
        return "ErrorFolderExists";
    *folder = (struct folder){.mailbox = mailbox, .parent = parent};
    snprintf(folder->name, sizeof folder->name, "%s", name);
    snprintf(folder->class, sizeof folder->class, "%s", class[0] ? class : "IPF.Note");
    if (!insert(ex, folder))
        return "ErrorInternalServerError";
    tell(ex, PUSH_CREATED, folder, 0);
    return NULL;
}

static bool save(struct exchange *ex, struct folder *folder)
{
    folder->touched = exchange_next_seq(ex);
    return ex_db_run(ex->db, "UPDATE folder SET parent=?, touched=?, gone=?, name=? WHERE id=?",
                     "iiisi", folder->parent, folder->touched, folder->gone, folder->name,
                     folder->id);
}

const char *ex_folder_rename(struct exchange *ex, struct folder *folder, const char *name)
{
    struct folder other;
    if (folder->kind[0])
        return "ErrorFolderSavePropertyError";
    if (ex_folder_by_name(ex, folder->mailbox, folder->parent, name, &other) &&
        other.id != folder->id)
        return "ErrorFolderExists";
    snprintf(folder->name, sizeof folder->name, "%s", name);
    if (!save(ex, folder))
        return "ErrorInternalServerError";
    tell(ex, PUSH_MODIFIED, folder, 0);
    return NULL;
}

const char *ex_folder_move(struct exchange *ex, struct folder *folder, int64_t parent)
{
    struct folder other;
    if (folder->kind[0])
        return "ErrorMoveDistinguishedFolder";
    if (ex_folder_within(ex, parent, folder->id) ||
        (ex_folder_by_name(ex, folder->mailbox, parent, folder->name, &other) &&
         other.id != folder->id))
        return "ErrorMoveCopyFailed";
    int64_t old = folder->parent;
    folder->parent = parent;
    if (!save(ex, folder))
        return "ErrorInternalServerError";
    tell(ex, PUSH_MOVED, folder, old);
    return NULL;
}

/* The first thing in a folder, so that a loop may remove them one by one. */
static int64_t first_in(struct exchange *ex, const char *sql, int64_t folder)
{
    return ex_db_value(ex->db, 0, sql, "i", folder);
}

const char *ex_folder_remove(struct exchange *ex, struct folder *folder)
{
    int64_t id;
    if (folder->kind[0])
        return "ErrorDeleteDistinguishedFolder";
    while ((id = first_in(ex, "SELECT min(id) FROM folder WHERE parent=? AND gone=0",
                          folder->id))) {
        struct folder below;
        if (!ex_folder_by_id(ex, id, &below) || ex_folder_remove(ex, &below))
            return "ErrorInternalServerError";
    }
    while (
        (id = first_in(ex, "SELECT min(id) FROM item WHERE folder=? AND gone=0", folder->id))) {
        struct item item;
        if (!ex_item_by_id(ex, id, &item))
            return "ErrorInternalServerError";
        const char *code = ex_item_remove(ex, &item);
        ex_item_clear(&item);
        if (code)
            return code;
    }
    folder->gone = ex->seq + 1;
    if (!save(ex, folder))
        return "ErrorInternalServerError";
    tell(ex, PUSH_DELETED, folder, 0);
    return NULL;
}

bool ex_folder_within(struct exchange *ex, int64_t folder, int64_t above)
{
    struct folder at;
    for (int depth = 0; folder && depth < 1000; depth++) {
        if (folder == above)
            return true;
        if (!ex_folder_by_id(ex, folder, &at))
            return false;
        folder = at.parent;
    }
    return false;
}

int64_t ex_folder_unread(struct exchange *ex, int64_t folder)
{
    return ex_db_value(ex->db, 0,
                       "SELECT count(*) FROM item WHERE folder=? AND gone=0 AND read=0", "i",
                       folder);
}

const char *ex_folder_path(struct exchange *ex, int64_t folder, char *text, size_t size)
{
    struct folder at;
    text[0] = '\0';
    while (folder && ex_folder_by_id(ex, folder, &at) && strcmp(at.kind, "msgfolderroot") &&
           strcmp(at.kind, "root")) {
        size_t len = strlen(text), add = strlen(at.name);
        if (len + add + 2 > size)
            break;
        memmove(text + add + (len ? 1 : 0), text, len + 1);
        memcpy(text, at.name, add);
        if (len)
            text[add] = '/';
        folder = at.parent;
    }
    return text;
}

void ex_folder_change_key(const struct exchange *ex, const struct folder *folder, char *text)
{
    ex_ident_change_key(ex, IDENT_FOLDER, folder->mailbox, folder->touched, text);
}
