#include "tests/exchange/exchange_user.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_user_private.h"

static bool refused(struct err *err, const char *code, const char *what)
{
    bool absent = strstr(code, "NotFound") != NULL;
    err_set(err, absent ? ERR_NO_MAILBOX : ERR_REFUSED, "%s: the mailbox says %s", what, code);
    snprintf(err->code, sizeof err->code, "%s", code);
    return false;
}

bool ex_user_mailbox(struct exchange *ex, const char *address, int64_t *mailbox,
                     struct err *err)
{
    *mailbox = exchange_mailbox_peek(ex, address);
    if (!*mailbox && ex->auto_mailboxes && exchange_add_mailbox(ex, address, err))
        *mailbox = exchange_mailbox_peek(ex, address);
    return *mailbox ? true
                    : err_set(err, ERR_NO_MAILBOX, "there is no mailbox \"%s\"", address);
}

bool ex_user_folder(struct exchange *ex, int64_t mailbox, const char *path, bool make,
                    struct folder *folder, struct err *err)
{
    const char *rest = path;
    if (!ex_folder_by_kind(ex, mailbox, "msgfolderroot", folder))
        return err_set(err, ERR_NO_MAILBOX, "the mailbox has no folders");
    while (*rest) {
        char name[256];
        size_t len = strcspn(rest, "/");
        int64_t parent = folder->id;
        snprintf(name, sizeof name, "%.*s", (int)len, rest);
        rest += len + (rest[len] == '/');
        if (!name[0] || ex_folder_by_name(ex, mailbox, parent, name, folder))
            continue;
        /* "inbox", "deleteditems": the name that programs use is understood too. */
        if (rest == path + len && ex_folder_by_kind(ex, mailbox, name, folder))
            continue;
        if (!make)
            return err_set(err, ERR_NO_MAILBOX, "there is no folder \"%s\"", path);
        const char *code = ex_folder_create(ex, mailbox, parent, name, "", folder);
        if (code)
            return refused(err, code, path);
    }
    return true;
}

static bool by_number(struct exchange *ex, int64_t mailbox, const char *word, struct item *item)
{
    char *end;
    long number = strtol(word, &end, 10);
    int64_t id = 0;
    if (*end || number < 1 || strlen(word) > 6)
        return false;
    struct user_walk walk;
    ex_user_walk_begin(&walk, ex, mailbox);
    while (number > 0 && (id = ex_user_walk_next(&walk)))
        number--;
    ex_user_walk_end(&walk);
    return number == 0 && id && ex_item_by_id(ex, id, item);
}

/* Items with that message id: one that is not in Deleted Items is meant, if there is one. */
static bool by_message_id(struct exchange *ex, int64_t mailbox, const char *word,
                          struct item *item)
{
    struct folder deleted = {.id = 0};
    int64_t found = 0;
    ex_folder_by_kind(ex, mailbox, "deleteditems", &deleted);
    struct db_query *query = ex_db_query(
        ex->db,
        "SELECT i.id, i.folder FROM property p JOIN item i ON i.id=p.owner"
        " WHERE p.is_folder=0 AND p.key=? AND p.value=? COLLATE NOCASE AND i.mailbox=?"
        " AND i.gone=0 ORDER BY i.id",
        "ssi", USER_MESSAGE_ID, word, mailbox);
    while (ex_db_row(query))
        if (!found || !ex_folder_within(ex, ex_db_int(query, 1), deleted.id))
            found = ex_db_int(query, 0);
    ex_db_end(&query);
    return found && ex_item_by_id(ex, found, item);
}

static bool by_subject(struct exchange *ex, int64_t mailbox, const char *word,
                       struct item *item, int *matches)
{
    struct user_walk walk;
    int64_t id, found = 0;
    *matches = 0;
    ex_user_walk_begin(&walk, ex, mailbox);
    while ((id = ex_user_walk_next(&walk))) {
        struct item each;
        if (ex_item_by_id(ex, id, &each) && strcasestr(each.text[ITEM_SUBJECT], word)) {
            found = id;
            ++*matches;
        }
        ex_item_clear(&each);
    }
    ex_user_walk_end(&walk);
    return *matches == 1 && ex_item_by_id(ex, found, item);
}

bool ex_user_item(struct exchange *ex, int64_t mailbox, const char *word, struct item *item,
                  struct err *err)
{
    int matches = 0;
    *item = (struct item){.id = 0};
    if (!ex_item_by_key(ex, mailbox, word, item) || by_message_id(ex, mailbox, word, item) ||
        by_number(ex, mailbox, word, item) ||
        (word[0] && by_subject(ex, mailbox, word, item, &matches)))
        return true;
    if (matches > 1)
        return err_set(err, ERR_USAGE, "%d items have \"%s\" in their subject; say which",
                       matches, word);
    return err_set(err, ERR_NO_MAILBOX, "there is no item \"%s\"", word);
}

/* What an act works on. */
struct act {
    struct exchange *ex;
    int64_t mailbox;
    struct item item;
    const char *const *args;
    struct err *err;
};

static const char *set_read(struct act *act, bool read)
{
    if (act->item.read == read)
        return NULL;
    act->item.read = read;
    return ex_item_save(act->ex, &act->item, true);
}

static const char *act_read(struct act *act)
{
    return set_read(act, true);
}

static const char *act_unread(struct act *act)
{
    return set_read(act, false);
}

static const char *act_purge(struct act *act)
{
    const char *code = ex_item_remove(act->ex, &act->item);
    act->item.key[0] = '\0';
    return code;
}

static const char *act_delete(struct act *act)
{
    struct folder deleted;
    if (!ex_folder_by_kind(act->ex, act->mailbox, "deleteditems", &deleted))
        return "ErrorFolderNotFound";
    if (ex_folder_within(act->ex, act->item.folder, deleted.id))
        return act_purge(act);
    return ex_item_move(act->ex, &act->item, deleted.id);
}

static const char *act_restore(struct act *act)
{
    struct folder inbox;
    if (!ex_folder_by_kind(act->ex, act->mailbox, "inbox", &inbox))
        return "ErrorFolderNotFound";
    return ex_item_move(act->ex, &act->item, inbox.id);
}

static const char *act_move(struct act *act)
{
    struct folder to;
    if (!ex_user_folder(act->ex, act->mailbox, act->args[1], true, &to, act->err))
        return "";
    return ex_item_move(act->ex, &act->item, to.id);
}

static const char *act_copy(struct act *act)
{
    struct folder to;
    if (!ex_user_folder(act->ex, act->mailbox, act->args[1], true, &to, act->err))
        return "";
    return ex_item_copy(act->ex, &act->item, to.id);
}

static const char *act_subject(struct act *act)
{
    ex_item_set_text(&act->item, ITEM_SUBJECT, act->args[1]);
    return ex_item_save(act->ex, &act->item, false);
}

static const char *act_urgent(struct act *act)
{
    bool on = !strcmp(act->args[1], "on");
    if (!on && strcmp(act->args[1], "off") != 0) {
        err_set(act->err, ERR_USAGE, "urgent is on or off, not \"%s\"", act->args[1]);
        return "";
    }
    ex_item_set_text(&act->item, ITEM_IMPORTANCE, on ? "High" : "Normal");
    return ex_item_save(act->ex, &act->item, false);
}

static const char *act_folder(struct act *act)
{
    const char *verb = act->args[0], *path = act->args[1], *other = act->args[2];
    struct folder folder, to;
    bool add = !strcmp(verb, "add");
    if (!ex_user_folder(act->ex, act->mailbox, path, add, &folder, act->err))
        return "";
    if (add)
        return NULL;
    if (!strcmp(verb, "remove")) {
        if (!ex_folder_by_kind(act->ex, act->mailbox, "deleteditems", &to))
            return "ErrorFolderNotFound";
        return ex_folder_within(act->ex, folder.id, to.id)
                   ? ex_folder_remove(act->ex, &folder)
                   : ex_folder_move(act->ex, &folder, to.id);
    }
    if (other && !strcmp(verb, "rename"))
        return ex_folder_rename(act->ex, &folder, other);
    if (other && !strcmp(verb, "move"))
        return ex_user_folder(act->ex, act->mailbox, other, true, &to, act->err)
                   ? ex_folder_move(act->ex, &folder, to.id)
                   : "";
    err_set(act->err, ERR_USAGE,
            "folder takes add PATH, remove PATH, rename PATH NAME or move PATH FOLDER");
    return "";
}

static const struct {
    const char *word;
    int least, most; /* arguments */
    bool on_item;    /* the first argument names an item */
    const char *(*run)(struct act *act);
} acts[] = {
    {"read", 1, 1, true, act_read},       {"unread", 1, 1, true, act_unread},
    {"delete", 1, 1, true, act_delete},   {"purge", 1, 1, true, act_purge},
    {"restore", 1, 1, true, act_restore}, {"move", 2, 2, true, act_move},
    {"copy", 2, 2, true, act_copy},       {"subject", 2, 2, true, act_subject},
    {"urgent", 2, 2, true, act_urgent},   {"folder", 2, 3, false, act_folder},
};

/* An empty code means that err is filled already. */
static bool run(struct act *act, size_t which, char *item)
{
    struct exchange *ex = act->ex;
    const char *code = "";
    assert(act->args[0]); /* each act takes one at least */
    ex_db_begin(ex->db);
    if (!acts[which].on_item ||
        ex_user_item(ex, act->mailbox, act->args[0], &act->item, act->err))
        code = acts[which].run(act);
    if (code) {
        ex_db_rollback(ex->db);
        if (code[0])
            refused(act->err, code, acts[which].word);
    }
    if (item)
        snprintf(item, EXCHANGE_ID_MAX, "%s", code ? "" : act->item.key);
    ex_item_clear(&act->item);
    return !code && exchange_commit(ex, act->err);
}

bool exchange_user_act(struct exchange *ex, const char *mailbox, const char *word,
                       const char *const *args, int count, char *item, struct err *err)
{
    const char *padded[4] = {NULL};
    struct act act = {.ex = ex, .args = padded, .err = err};
    for (int i = 0; i < count && i < 3; i++)
        padded[i] = args[i];
    if (!ex_user_mailbox(ex, mailbox, &act.mailbox, err))
        return false;
    bool known;
    const struct user_words words = {word, args, count};
    bool done = ex_user_whole(ex, mailbox, &words, &known, err);
    if (known && item)
        item[0] = '\0';
    if (known)
        return done;
    if (!strcmp(word, "compose"))
        return ex_user_compose_words(ex, mailbox, &words, item, err);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(acts[i].word, word) != 0)
            continue;
        if (count < acts[i].least || count > acts[i].most)
            return err_set(err, ERR_USAGE, "%s takes %d to %d arguments", word, acts[i].least,
                           acts[i].most);
        return run(&act, i, item);
    }
    return err_set(err, ERR_USAGE, "\"%s\" is nothing that one can do here", word);
}

bool exchange_user_do(struct exchange *ex, const char *mailbox, struct err *err,
                      const char *word, ...)
{
    const char *args[USER_WORDS_MAX];
    int count = 0;
    va_list list;
    va_start(list, word);
    for (const char *arg; count < USER_WORDS_MAX && (arg = va_arg(list, const char *));)
        args[count++] = arg;
    va_end(list);
    return exchange_user_act(ex, mailbox, word, args, count, NULL, err);
}

long exchange_user_count(struct exchange *ex, const char *mailbox, const char *path)
{
    int64_t id;
    struct folder folder;
    struct err err;
    if (!ex_user_mailbox(ex, mailbox, &id, &err) ||
        !ex_user_folder(ex, id, path, false, &folder, &err))
        return -1;
    return (long)ex_db_value(ex->db, 0, "SELECT count(*) FROM item WHERE folder=? AND gone=0",
                             "i", folder.id);
}
