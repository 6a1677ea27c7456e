#include "tests/support/memory_exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- life ---- */

struct memory_exchange *memory_exchange_new(struct loop *loop, uint64_t seed)
{
    struct memory_exchange *exchange = calloc(1, sizeof *exchange);

    assert(exchange);
    exchange->loop = loop;
    exchange->rng = rng_seed(seed);
    exchange->page_items = MEMORY_PAGE_MAX;
    return exchange;
}

void memory_exchange_free(struct memory_exchange **exchange)
{
    struct memory_exchange *ex = *exchange;

    for (int i = 0; ex && i < ex->mailbox_count; i++) {
        free(ex->mailboxes[i].items);
        free(ex->mailboxes[i].gone);
        free(ex->mailboxes[i].commits);
    }
    free(ex);
    *exchange = NULL;
}

struct memory_mailbox *memory_mailbox_add(struct memory_exchange *exchange, const char *address)
{
    static const char *const names[MEMORY_FIRST_OWN] = {
        [MEMORY_TOP] = "Top",         [MEMORY_INBOX] = "Inbox",
        [MEMORY_JUNK] = "Junk Email", [MEMORY_DELETED] = "Deleted Items",
        [MEMORY_SENT] = "Sent Items", [MEMORY_OUTBOX] = "Voice Outbox",
        [MEMORY_ARCHIVE] = "Archive", [MEMORY_STAGING] = "Staging",
        [MEMORY_LIMBO] = "Limbo",
    };

    assert(exchange->mailbox_count < MEMORY_MAILBOXES);
    struct memory_mailbox *mailbox = &exchange->mailboxes[exchange->mailbox_count++];
    mailbox->exchange = exchange;
    text_copy(mailbox->address, sizeof mailbox->address, address);
    for (int i = 0; i < MEMORY_FIRST_OWN; i++)
        text_copy(mailbox->folders[i].name, MEMORY_NAME, names[i]);
    mailbox->folder_count = MEMORY_FIRST_OWN;
    return mailbox;
}

struct memory_mailbox *memory_mailbox_find(struct memory_exchange *exchange,
                                           const char *address)
{
    for (int i = 0; i < exchange->mailbox_count; i++) {
        if (strcmp(exchange->mailboxes[i].address, address) == 0)
            return &exchange->mailboxes[i];
    }
    return NULL;
}

/* ---- the journal ---- */

static int64_t wall_ms(const struct memory_mailbox *mailbox)
{
    return loop_wall(mailbox->exchange->loop).ms;
}

/* A change in a folder: its number in the journal. */
static int64_t note(struct memory_mailbox *mailbox, int folder)
{
    mailbox->folders[folder].changed = ++mailbox->journal;
    if (mailbox->heard)
        mailbox->heard(mailbox, folder);
    return mailbox->journal;
}

static void note_item(struct memory_mailbox *mailbox, struct memory_item *item)
{
    item->changed = note(mailbox, item->folder);
    item->modified_ms = wall_ms(mailbox);
    item->version++;
}

static void leave(struct memory_mailbox *mailbox, const struct memory_item *item)
{
    if (mailbox->gone_count == mailbox->gone_cap) {
        mailbox->gone_cap = mailbox->gone_cap ? mailbox->gone_cap * 2 : 64;
        mailbox->gone =
            realloc(mailbox->gone, (size_t)mailbox->gone_cap * sizeof *mailbox->gone);
        assert(mailbox->gone);
    }
    mailbox->gone[mailbox->gone_count++] = (struct memory_gone){
        item->number, item->folder, item->entered, note(mailbox, item->folder)};
}

static void enter(struct memory_mailbox *mailbox, struct memory_item *item, int folder)
{
    item->number = ++mailbox->exchange->numbers;
    item->folder = folder;
    note_item(mailbox, item);
    item->entered = item->changed;
    item->flagged = 0;
}

/* ---- places ---- */

static int root_of(const struct memory_mailbox *mailbox, int folder)
{
    while (folder >= MEMORY_FIRST_OWN && mailbox->folders[folder].parent > MEMORY_TOP)
        folder = mailbox->folders[folder].parent;
    if (folder >= MEMORY_FIRST_OWN)
        return mailbox->folders[folder].parent < 0 ? -1 : MEMORY_TOP;
    return folder;
}

enum remote_place memory_place(const struct memory_mailbox *mailbox, int folder)
{
    if (folder < 0)
        return REMOTE_PLACES;
    switch (root_of(mailbox, folder)) {
    case MEMORY_INBOX: return folder == MEMORY_INBOX ? REMOTE_INBOX : REMOTE_BELOW;
    case MEMORY_JUNK: return REMOTE_JUNK;
    case MEMORY_DELETED: return REMOTE_DELETED;
    case MEMORY_SENT: return REMOTE_SENT;
    case MEMORY_OUTBOX: return REMOTE_OUTBOX;
    default: return REMOTE_PLACES;
    }
}

static bool is_mapped(const struct memory_mailbox *mailbox, int folder)
{
    enum remote_place place = memory_place(mailbox, folder);

    return place != REMOTE_PLACES && place != REMOTE_OUTBOX && place != REMOTE_SENT;
}

bool memory_folder_is_below(const struct memory_mailbox *mailbox, int folder, int ancestor)
{
    while (folder >= MEMORY_FIRST_OWN && folder != ancestor)
        folder = mailbox->folders[folder].parent;
    return folder == ancestor;
}

struct memory_item *memory_item(struct memory_mailbox *mailbox, int number)
{
    for (int i = 0; i < mailbox->item_count && !mailbox->empty; i++) {
        if (mailbox->items[i].number == number && mailbox->items[i].folder >= 0)
            return &mailbox->items[i];
    }
    return NULL;
}

/* ---- changes since a token ---- */

/* "EPOCH.FOLDER.L.HIGH.CURSOR" while it is listed from the beginning, newest first: what was
 * changed after HIGH is told when the listing is through; CURSOR: the oldest that was told.
 * "EPOCH.FOLDER.S.SINCE" after that. */
struct token {
    int epoch, folder;
    bool listing;
    int64_t since, cursor;
};

static bool parse(const struct memory_mailbox *mailbox, int folder, const char *text,
                  struct token *token)
{
    char *at;

    *token = (struct token){mailbox->epoch, folder, true, mailbox->journal, INT64_MAX};
    if (!text[0])
        return true;
    token->epoch = (int)strtol(text, &at, 10);
    token->folder = *at == '.' ? (int)strtol(at + 1, &at, 10) : -1;
    if (*at != '.' || !at[1] || at[2] != '.')
        return false;
    token->listing = at[1] == 'L';
    token->since = strtoll(at + 3, &at, 10);
    token->cursor = *at == '.' ? strtoll(at + 1, &at, 10) : 0;
    return !*at && token->epoch == mailbox->epoch && token->folder == folder &&
           token->since <= mailbox->journal;
}

static void print(const struct token *token, char *text)
{
    if (token->listing)
        snprintf(text, MEMORY_TOKEN, "%d.%d.L.%lld.%lld", token->epoch, token->folder,
                 (long long)token->since, (long long)token->cursor);
    else
        snprintf(text, MEMORY_TOKEN, "%d.%d.S.%lld", token->epoch, token->folder,
                 (long long)token->since);
}

/* The first change of an item after that; 0: none. What was changed, and then marked as read,
 * is told of twice: a page may end between the two. */
static int64_t change_after(const struct memory_item *item, int64_t since)
{
    if (item->changed > since)
        return item->changed;
    return item->flagged > since ? item->flagged : 0;
}

/* The newest item of the folder below the cursor. */
static const struct memory_item *next_listed(const struct memory_mailbox *mailbox,
                                             const struct token *token)
{
    const struct memory_item *best = NULL;

    for (int i = 0; i < mailbox->item_count && !mailbox->empty; i++) {
        const struct memory_item *item = &mailbox->items[i];
        if (item->folder == token->folder && item->changed <= token->since &&
            item->entered < token->cursor && (!best || item->entered > best->entered))
            best = item;
    }
    return best;
}

static void tell(struct memory_page *page, enum remote_change_kind kind,
                 const struct memory_item *item)
{
    page->changes[page->count].kind = kind;
    page->changes[page->count++].item = *item;
}

static void list(struct memory_mailbox *mailbox, struct token *token, struct memory_page *page)
{
    const struct memory_item *item;

    while ((item = next_listed(mailbox, token))) {
        if (page->count == mailbox->exchange->page_items)
            return;
        token->cursor = item->entered;
        tell(page, REMOTE_SEEN, item);
    }
    token->listing = false;
}

/* The next change after token->since; its number, 0: there is none. */
static int64_t next_change(const struct memory_mailbox *mailbox, const struct token *token,
                           const struct memory_item **item, const struct memory_gone **gone)
{
    int64_t best = 0;

    *item = NULL;
    *gone = NULL;
    if (mailbox->empty)
        return 0;
    for (int i = 0; i < mailbox->item_count; i++) {
        int64_t at = change_after(&mailbox->items[i], token->since);
        if (mailbox->items[i].folder == token->folder && at && (!best || at < best)) {
            best = at;
            *item = &mailbox->items[i];
        }
    }
    for (int i = mailbox->gone_count - 1; i >= 0 && mailbox->gone[i].left > token->since; i--) {
        const struct memory_gone *one = &mailbox->gone[i];
        if (one->folder == token->folder && one->entered <= token->since &&
            (!best || one->left < best)) {
            best = one->left;
            *gone = one;
        }
    }
    return best;
}

static void follow(struct memory_mailbox *mailbox, struct token *token,
                   struct memory_page *page)
{
    const struct memory_item *item;
    const struct memory_gone *gone;
    int64_t at;

    while (mailbox->folders[token->folder].changed > token->since &&
           (at = next_change(mailbox, token, &item, &gone))) {
        if (page->count == mailbox->exchange->page_items)
            return;
        token->since = at;
        if (gone)
            tell(page, REMOTE_REMOVED,
                 &(struct memory_item){.number = gone->number, .folder = gone->folder});
        else
            tell(page, item->changed == at ? REMOTE_SEEN : REMOTE_READ_FLAG, item);
    }
    page->last = true;
}

bool memory_changes(struct memory_mailbox *mailbox, int folder, const char *text,
                    struct memory_page *page)
{
    struct token token;

    page->count = 0;
    page->last = false;
    if (!parse(mailbox, folder, text, &token))
        return false;
    if (token.listing)
        list(mailbox, &token, page);
    if (!token.listing)
        follow(mailbox, &token, page);
    print(&token, page->token);
    return true;
}

/* ---- items ---- */

static struct memory_item *room(struct memory_mailbox *mailbox)
{
    for (int i = 0; i < mailbox->item_count; i++) {
        if (mailbox->items[i].folder < 0)
            return &mailbox->items[i];
    }
    if (mailbox->item_count == mailbox->item_cap) {
        mailbox->item_cap = mailbox->item_cap ? mailbox->item_cap * 2 : 32;
        mailbox->items =
            realloc(mailbox->items, (size_t)mailbox->item_cap * sizeof *mailbox->items);
        assert(mailbox->items);
    }
    return &mailbox->items[mailbox->item_count++];
}

struct memory_item *memory_create(struct memory_mailbox *mailbox, int folder,
                                  const struct memory_item *like)
{
    struct memory_item made = *like;
    struct memory_item *item = room(mailbox);

    *item = made;
    item->version = item->moves = 0;
    item->created_ms = wall_ms(mailbox);
    enter(mailbox, item, folder);
    return item;
}

void memory_set_read(struct memory_mailbox *mailbox, struct memory_item *item, bool read)
{
    if (item->read == read)
        return;
    item->read = read;
    item->flagged = note(mailbox, item->folder);
    item->modified_ms = wall_ms(mailbox);
}

void memory_set_urgent(struct memory_mailbox *mailbox, struct memory_item *item, bool urgent)
{
    item->urgent = urgent;
    note_item(mailbox, item);
}

void memory_set_subject(struct memory_mailbox *mailbox, struct memory_item *item,
                        const char *subject)
{
    text_copy(item->subject, sizeof item->subject, subject);
    note_item(mailbox, item);
}

void memory_set_body(struct memory_mailbox *mailbox, struct memory_item *item, const char *body,
                     bool drop_audio)
{
    text_copy(item->body, sizeof item->body, body);
    item->audio = item->audio && !drop_audio;
    note_item(mailbox, item);
}

void memory_move(struct memory_mailbox *mailbox, struct memory_item *item, int folder)
{
    leave(mailbox, item);
    enter(mailbox, item, folder);
    item->moves++;
    if (!is_mapped(mailbox, folder))
        item->own = true;
}

void memory_copy(struct memory_mailbox *mailbox, const struct memory_item *item, int folder)
{
    struct memory_item *made = memory_create(mailbox, folder, item);

    made->own = made->copy = true;
}

void memory_remove(struct memory_mailbox *mailbox, struct memory_item *item)
{
    leave(mailbox, item);
    item->folder = -1;
}

/* ---- staging ---- */

struct memory_commit *memory_commit(struct memory_mailbox *mailbox, const char *message,
                                    int generation, int number)
{
    for (int i = 0; i < mailbox->commit_count; i++) {
        struct memory_commit *commit = &mailbox->commits[i];
        if (commit->generation == generation && strcmp(commit->message, message) == 0)
            return commit;
    }
    if (mailbox->commit_count == mailbox->commit_cap) {
        mailbox->commit_cap = mailbox->commit_cap ? mailbox->commit_cap * 2 : 8;
        mailbox->commits =
            realloc(mailbox->commits, (size_t)mailbox->commit_cap * sizeof *mailbox->commits);
        assert(mailbox->commits);
    }
    struct memory_commit *commit = &mailbox->commits[mailbox->commit_count++];
    *commit = (struct memory_commit){.generation = generation, .winner = number};
    text_copy(commit->message, sizeof commit->message, message);
    return commit;
}

void memory_unstage(struct memory_mailbox *mailbox, const char *message, int generation)
{
    for (int i = 0; i < mailbox->item_count; i++) {
        struct memory_item *item = &mailbox->items[i];
        if (item->folder == MEMORY_STAGING && strcmp(item->message, message) == 0)
            memory_remove(mailbox, item);
    }
    for (int i = 0; i < mailbox->commit_count; i++) {
        struct memory_commit *commit = &mailbox->commits[i];
        if (commit->generation == generation && strcmp(commit->message, message) == 0)
            *commit = mailbox->commits[--mailbox->commit_count];
    }
}

/* ---- folders ---- */

int memory_folder_add(struct memory_mailbox *mailbox, int parent, const char *name)
{
    if (mailbox->folder_count == MEMORY_FOLDERS_MAX)
        return -1;
    struct memory_folder *folder = &mailbox->folders[mailbox->folder_count];
    *folder = (struct memory_folder){.parent = parent};
    text_copy(folder->name, sizeof folder->name, name);
    return mailbox->folder_count++;
}

/* What is in a folder that goes where nothing is mapped is the person's own from now on. */
void memory_folder_move(struct memory_mailbox *mailbox, int folder, int parent)
{
    mailbox->folders[folder].parent = parent;
    if (mailbox->heard)
        mailbox->heard(mailbox, MEMORY_TOP);
    for (int i = 0; i < mailbox->item_count; i++) {
        struct memory_item *item = &mailbox->items[i];
        if (item->folder >= MEMORY_FIRST_OWN && !is_mapped(mailbox, item->folder))
            item->own = true;
    }
}

void memory_folder_remove(struct memory_mailbox *mailbox, int folder)
{
    for (int i = 0; i < mailbox->item_count; i++) {
        if (mailbox->items[i].folder >= 0 &&
            memory_folder_is_below(mailbox, mailbox->items[i].folder, folder))
            memory_remove(mailbox, &mailbox->items[i]);
    }
    for (int i = MEMORY_FIRST_OWN; i < mailbox->folder_count; i++) {
        if (i != folder && mailbox->folders[i].parent >= 0 &&
            memory_folder_is_below(mailbox, i, folder))
            mailbox->folders[i].parent = -1;
    }
    mailbox->folders[folder].parent = -1;
}

void memory_lose_tokens(struct memory_mailbox *mailbox)
{
    mailbox->epoch++;
}

/* ---- mishaps ---- */

void memory_sweep_away(struct memory_mailbox *mailbox)
{
    for (int i = 0; i < mailbox->item_count; i++) {
        struct memory_item *item = &mailbox->items[i];
        if (item->folder < 0 || !is_mapped(mailbox, item->folder))
            continue;
        item->home = item->folder;
        leave(mailbox, item);
        enter(mailbox, item, MEMORY_LIMBO);
    }
}

void memory_bring_back(struct memory_mailbox *mailbox)
{
    for (int i = 0; i < mailbox->item_count; i++) {
        struct memory_item *item = &mailbox->items[i];
        if (item->folder != MEMORY_LIMBO)
            continue;
        leave(mailbox, item);
        enter(mailbox, item, is_mapped(mailbox, item->home) ? item->home : MEMORY_INBOX);
    }
}

/* ---- for a judge ---- */

int memory_visible(struct memory_mailbox *mailbox, const char *message, bool own,
                   struct memory_item **first)
{
    int count = 0;

    *first = NULL;
    for (int i = 0; i < mailbox->item_count; i++) {
        struct memory_item *item = &mailbox->items[i];
        if (item->folder < 0 || (item->own && !own) || !is_mapped(mailbox, item->folder) ||
            strcmp(item->message, message) != 0)
            continue;
        if (!count++)
            *first = item;
    }
    return count;
}

int memory_hidden(const struct memory_mailbox *mailbox)
{
    int count = mailbox->commit_count;

    for (int i = 0; i < mailbox->item_count; i++)
        count += mailbox->items[i].folder == MEMORY_STAGING;
    return count;
}
