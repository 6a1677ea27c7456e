#include "tests/support/small_exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

enum { FOLDERS_MAX = 64, ITEMS_MAX = 256, REMOVED_MAX = 512 };

struct folder {
    int parent; /* -1: it is gone */
    char name[64], winner[64];
};

struct removed {
    int64_t at;
    int folder, number;
};

struct small_exchange {
    struct loop *loop;
    enum small_broken broken;
    struct folder folders[FOLDERS_MAX];
    int folder_count;
    struct small_item items[ITEMS_MAX];
    int item_count, next_number;
    struct removed removed[REMOVED_MAX];
    int removed_count;
    int64_t clock; /* of changes */
};

static const char *const distinguished[] = {"root", "inbox", "", "junkemail", "deleteditems"};

struct small_exchange *small_new(struct loop *loop, enum small_broken broken)
{
    struct small_exchange *ex = calloc(1, sizeof *ex);

    assert_non_null(ex);
    ex->loop = loop;
    ex->broken = broken;
    ex->folder_count = SMALL_FIRST_OWN;
    static const char *const names[] = {"root", "Inbox",         "Kept",
                                        "Junk", "Deleted Items", "Archive"};
    for (int i = 0; i < SMALL_FIRST_OWN; i++) {
        ex->folders[i].parent = i == SMALL_KEPT ? SMALL_INBOX : SMALL_ROOT;
        text_copy(ex->folders[i].name, sizeof ex->folders[i].name, names[i]);
    }
    ex->next_number = 1;
    return ex;
}

void small_free(struct small_exchange **ex)
{
    free(*ex);
    *ex = NULL;
}

/* ---- reading requests ---- */

/* What stands between two texts after `from`; "" when they are not there. */
static const char *between(const char *from, const char *before, char until, char *out,
                           size_t size)
{
    const char *at = from ? strstr(from, before) : NULL;

    out[0] = '\0';
    if (!at)
        return NULL;
    at += strlen(before);
    const char *end = strchr(at, until);
    size_t len = end ? (size_t)(end - at) : 0;
    assert_true(len < size);
    memcpy(out, at, len);
    out[len] = '\0';
    return end;
}

static void property(const char *request, const char *name, char *out, size_t size)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "PropertyName=\"%s\"", name);
    between(strstr(request, wanted), "<t:Value>", '<', out, size);
}

/* -1: there is no such folder. */
static int folder_of(const struct small_exchange *ex, const char *from)
{
    char id[64];

    if (between(from, "DistinguishedFolderId Id=\"", '"', id, sizeof id)) {
        for (int i = 0; i < (int)(sizeof distinguished / sizeof distinguished[0]); i++) {
            if (strcmp(distinguished[i], id) == 0)
                return i;
        }
        return -1;
    }
    between(from, "FolderId Id=\"F", '"', id, sizeof id);
    int number = id[0] ? (int)strtol(id, NULL, 10) : -1;
    return number >= 0 && number < ex->folder_count && ex->folders[number].parent >= 0 ? number
                                                                                       : -1;
}

static struct small_item *item_of(struct small_exchange *ex, const char *request)
{
    char id[64];

    between(request, "ItemId Id=\"I", '"', id, sizeof id);
    for (int i = 0; id[0] && i < ex->item_count; i++) {
        if (ex->items[i].folder >= 0 && ex->items[i].number == strtol(id, NULL, 10))
            return &ex->items[i];
    }
    return NULL;
}

/* ---- writing answers ---- */

static void success(struct buf *out, const char *operation, const char *content)
{
    buf_printf(out,
               "<m:%sResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError"
               "</m:ResponseCode>%s</m:%sResponseMessage>",
               operation, content, operation);
}

static void failure(struct buf *out, const char *operation, const char *code)
{
    buf_printf(out,
               "<m:%sResponseMessage ResponseClass=\"Error\"><m:MessageText>no"
               "</m:MessageText><m:ResponseCode>%s</m:ResponseCode>"
               "</m:%sResponseMessage>",
               operation, code, operation);
}

static void put_property(struct buf *out, const char *name, const char *value)
{
    if (value[0])
        buf_printf(out,
                   "<t:ExtendedProperty><t:ExtendedFieldURI PropertySetId=\"b7a3f0c2-5d0e-4c53-"
                   "9f2b-7c1d5b8e6a41\" PropertyName=\"%s\" PropertyType=\"String\"/><t:Value>"
                   "%s</t:Value></t:ExtendedProperty>",
                   name, value);
}

static void put_item(struct buf *out, const struct small_item *item)
{
    char created[CLOCK_TEXT_MAX], modified[CLOCK_TEXT_MAX];

    clock_format((struct wall){item->created_ms}, created);
    clock_format((struct wall){item->modified_ms}, modified);
    buf_printf(out,
               "<t:Message><t:ItemId Id=\"I%d\" ChangeKey=\"C%lld\"/><t:Subject>%s</t:Subject>"
               "<t:DateTimeCreated>%s</t:DateTimeCreated><t:Importance>%s</t:Importance>"
               "<t:LastModifiedTime>%s</t:LastModifiedTime>",
               item->number, (long long)item->changed_at, item->subject, created,
               item->urgent ? "High" : "Normal", modified);
    put_property(out, "SibMessageId", item->message);
    put_property(out, "SibCreation", item->creation);
    buf_printf(out, "<t:IsRead>%s</t:IsRead></t:Message>", item->read ? "true" : "false");
}

static void one_item(struct buf *out, const char *operation, const struct small_item *item)
{
    struct buf content;

    buf_init(&content, 64 * KIB);
    buf_printf(&content, "<m:Items>");
    put_item(&content, item);
    buf_printf(&content, "</m:Items>");
    success(out, operation, buf_str(&content));
    buf_clear(&content);
}

static void put_folder(struct buf *out, const struct small_exchange *ex, int number)
{
    buf_printf(out,
               "<t:Folder><t:FolderId Id=\"F%d\" ChangeKey=\"K\"/><t:FolderClass>IPF.Note"
               "</t:FolderClass><t:DisplayName>%s</t:DisplayName>",
               number, ex->folders[number].name);
    put_property(out, "SibWinner", ex->folders[number].winner);
    buf_printf(out, "</t:Folder>");
}

/* ---- folders ---- */

static void get_folder(struct small_exchange *ex, const char *request, struct buf *out)
{
    char id[64];

    for (const char *at = request;
         (at = between(at, "DistinguishedFolderId Id=\"", '"', id, sizeof id));) {
        struct buf content;
        int number = -1;
        for (int i = 0; i < (int)(sizeof distinguished / sizeof distinguished[0]); i++)
            number = strcmp(distinguished[i], id) == 0 ? i : number;
        if (number < 0) {
            failure(out, "GetFolder", "ErrorFolderNotFound");
            continue;
        }
        buf_init(&content, 64 * KIB);
        buf_printf(&content, "<m:Folders>");
        put_folder(&content, ex, number);
        buf_printf(&content, "</m:Folders>");
        success(out, "GetFolder", buf_str(&content));
        buf_clear(&content);
    }
}

static void find_folder(struct small_exchange *ex, const char *request, struct buf *out)
{
    char wanted[64];
    struct buf list;
    int above = folder_of(ex, strstr(request, "ParentFolderIds")), count = 0;

    between(request, "Constant Value=\"", '"', wanted, sizeof wanted);
    if (above < 0) {
        failure(out, "FindFolder", "ErrorFolderNotFound");
        return;
    }
    buf_init(&list, 256 * KIB);
    for (int i = 1; i < ex->folder_count; i++) {
        if (ex->folders[i].parent != above ||
            (wanted[0] && strcmp(wanted, ex->folders[i].name) != 0))
            continue;
        put_folder(&list, ex, i);
        count++;
    }
    struct buf content;
    buf_init(&content, 300 * KIB);
    buf_printf(&content,
               "<m:RootFolder IndexedPagingOffset=\"%d\" TotalItemsInView=\"%d\""
               " IncludesLastItemInRange=\"true\"><t:Folders>%s</t:Folders></m:RootFolder>",
               count, count, buf_str(&list));
    success(out, "FindFolder", buf_str(&content));
    buf_clear(&content);
    buf_clear(&list);
}

static int child_of(const struct small_exchange *ex, int above, const char *name)
{
    for (int i = SMALL_FIRST_OWN; i < ex->folder_count; i++) {
        if (ex->folders[i].parent == above && strcmp(ex->folders[i].name, name) == 0)
            return i;
    }
    return -1;
}

static void create_folder(struct small_exchange *ex, const char *request, struct buf *out)
{
    struct folder made = {.parent = folder_of(ex, request)};
    char content[256];

    between(request, "<t:DisplayName>", '<', made.name, sizeof made.name);
    between(request, "<t:Value>", '<', made.winner, sizeof made.winner);
    if (made.parent < 0) {
        failure(out, "CreateFolder", "ErrorParentFolderNotFound");
        return;
    }
    bool may = ex->broken == SMALL_TAKES_ANY_NAME && made.winner[0];
    if (!may && child_of(ex, made.parent, made.name) >= 0) {
        failure(out, "CreateFolder", "ErrorFolderExists");
        return;
    }
    assert_true(ex->folder_count < FOLDERS_MAX);
    ex->folders[ex->folder_count] = made;
    snprintf(content, sizeof content,
             "<m:Folders><t:Folder><t:FolderId Id=\"F%d\" ChangeKey=\"K\"/></t:Folder>"
             "</m:Folders>",
             ex->folder_count++);
    success(out, "CreateFolder", content);
}

static void delete_folder(struct small_exchange *ex, const char *request, struct buf *out)
{
    int number = folder_of(ex, strstr(request, "FolderIds"));

    if (number < SMALL_FIRST_OWN) {
        failure(out, "DeleteFolder", "ErrorFolderNotFound");
        return;
    }
    ex->folders[number].parent = -1;
    success(out, "DeleteFolder", "");
}

/* ---- items ---- */

static void leave(struct small_exchange *ex, const struct small_item *item)
{
    assert_true(ex->removed_count < REMOVED_MAX);
    ex->removed[ex->removed_count++] =
        (struct removed){++ex->clock, item->folder, item->number};
}

void small_touch(struct small_exchange *ex, struct small_item *item)
{
    item->changed_at = ++ex->clock;
    item->modified_ms = loop_wall(ex->loop).ms;
}

void small_move(struct small_exchange *ex, struct small_item *item, int folder)
{
    leave(ex, item);
    item->folder = folder;
    item->number = ex->next_number++;
    small_touch(ex, item);
}

static struct small_item *add_item(struct small_exchange *ex)
{
    assert_true(ex->item_count < ITEMS_MAX);
    struct small_item *item = &ex->items[ex->item_count++];
    memset(item, 0, sizeof *item);
    item->number = ex->next_number++;
    item->created_ms = loop_wall(ex->loop).ms;
    return item;
}

static void create_item(struct small_exchange *ex, const char *request, struct buf *out)
{
    int folder = folder_of(ex, strstr(request, "SavedItemFolderId"));

    if (folder < 0) {
        failure(out, "CreateItem", "ErrorFolderNotFound");
        return;
    }
    struct small_item *item = add_item(ex);
    item->folder = folder;
    between(request, "<t:Subject>", '<', item->subject, sizeof item->subject);
    property(request, "SibMessageId", item->message, sizeof item->message);
    property(request, "SibCreation", item->creation, sizeof item->creation);
    item->read = strstr(request, "<t:IsRead>true") != NULL;
    item->urgent = strstr(request, "<t:Importance>High") != NULL;
    small_touch(ex, item);
    one_item(out, "CreateItem", item);
}

bool small_is_direct_create(const struct small_exchange *ex, const char *request)
{
    return strstr(request, "<m:CreateItem") &&
           folder_of(ex, strstr(request, "SavedItemFolderId")) == SMALL_INBOX;
}

static void update_item(struct small_exchange *ex, const char *request, struct buf *out)
{
    struct small_item *item = item_of(ex, request);

    if (!item) {
        failure(out, "UpdateItem", "ErrorItemNotFound");
        return;
    }
    if (strstr(request, "<t:Subject>"))
        between(request, "<t:Subject>", '<', item->subject, sizeof item->subject);
    if (strstr(request, "<t:IsRead>"))
        item->read = strstr(request, "<t:IsRead>true") != NULL;
    if (strstr(request, "<t:Importance>"))
        item->urgent = strstr(request, "<t:Importance>High") != NULL;
    small_touch(ex, item);
    one_item(out, "UpdateItem", item);
}

static void forget_record(struct small_exchange *ex, int number)
{
    char winner[32];

    snprintf(winner, sizeof winner, "I%d", number);
    for (int i = SMALL_FIRST_OWN; i < ex->folder_count; i++) {
        if (strcmp(ex->folders[i].winner, winner) == 0)
            ex->folders[i].parent = -1;
    }
}

static void move_item(struct small_exchange *ex, const char *request, struct buf *out)
{
    struct small_item *item = item_of(ex, request);
    int folder = folder_of(ex, strstr(request, "ToFolderId"));

    if (!item || folder < 0) {
        failure(out, "MoveItem", item ? "ErrorToFolderNotFound" : "ErrorItemNotFound");
        return;
    }
    bool hidden = item->folder >= SMALL_FIRST_OWN;
    if (ex->broken == SMALL_FORGETS_COMMITS && hidden)
        forget_record(ex, item->number);
    if (ex->broken == SMALL_MOVES_BY_COPYING && hidden) {
        struct small_item *copy = add_item(ex);
        int number = copy->number;
        *copy = *item;
        copy->number = number;
        copy->folder = folder;
        small_touch(ex, copy);
        item = copy;
    } else {
        small_move(ex, item, folder);
    }
    item->staged = item->staged || hidden;
    one_item(out, "MoveItem", item);
}

static void delete_item(struct small_exchange *ex, const char *request, struct buf *out)
{
    struct small_item *item = item_of(ex, request);

    if (item) {
        small_move(ex, item, -1);
        success(out, "DeleteItem", "");
    } else {
        failure(out, "DeleteItem", "ErrorItemNotFound");
    }
}

static void get_item(struct small_exchange *ex, const char *request, struct buf *out)
{
    struct small_item *item = item_of(ex, request);

    if (item)
        one_item(out, "GetItem", item);
    else
        failure(out, "GetItem", "ErrorItemNotFound");
}

static void find_item(struct small_exchange *ex, const char *request, struct buf *out)
{
    char wanted[64];
    struct buf list, content;
    int folder = folder_of(ex, strstr(request, "ParentFolderIds")), count = 0;

    between(request, "Constant Value=\"", '"', wanted, sizeof wanted);
    if (folder < 0) {
        failure(out, "FindItem", "ErrorFolderNotFound");
        return;
    }
    buf_init(&list, 256 * KIB);
    buf_init(&content, 300 * KIB);
    for (int i = 0; i < ex->item_count; i++) {
        if (ex->items[i].folder != folder || strcmp(ex->items[i].message, wanted) != 0)
            continue;
        put_item(&list, &ex->items[i]);
        count++;
    }
    buf_printf(&content,
               "<m:RootFolder IndexedPagingOffset=\"%d\" TotalItemsInView=\"%d\""
               " IncludesLastItemInRange=\"true\"><t:Items>%s</t:Items></m:RootFolder>",
               count, count, buf_str(&list));
    success(out, "FindItem", buf_str(&content));
    buf_clear(&content);
    buf_clear(&list);
}

static void sync_items(struct small_exchange *ex, const char *request, struct buf *out)
{
    char token[32];
    struct buf content;
    int folder = folder_of(ex, strstr(request, "SyncFolderId"));
    long long since = 0;

    between(request, "<m:SyncState>S", '<', token, sizeof token);
    if (token[0])
        since = strtoll(token, NULL, 10);
    if (folder < 0) {
        failure(out, "SyncFolderItems", "ErrorFolderNotFound");
        return;
    }
    buf_init(&content, 300 * KIB);
    buf_printf(&content,
               "<m:SyncState>S%lld</m:SyncState><m:IncludesLastItemInRange>true"
               "</m:IncludesLastItemInRange><m:Changes>",
               (long long)ex->clock);
    for (int i = 0; since && i < ex->removed_count; i++) {
        if (ex->removed[i].folder == folder && ex->removed[i].at > since)
            buf_printf(&content, "<t:Delete><t:ItemId Id=\"I%d\"/></t:Delete>",
                       ex->removed[i].number);
    }
    for (int i = 0; i < ex->item_count; i++) {
        if (ex->items[i].folder != folder || ex->items[i].changed_at <= since)
            continue;
        buf_printf(&content, "<t:Create>");
        put_item(&content, &ex->items[i]);
        buf_printf(&content, "</t:Create>");
    }
    buf_printf(&content, "</m:Changes>");
    success(out, "SyncFolderItems", buf_str(&content));
    buf_clear(&content);
}

/* ---- requests ---- */

static const struct {
    const char *name;
    void (*execute)(struct small_exchange *, const char *, struct buf *);
} operations[] = {
    {"GetFolder", get_folder},       {"FindFolder", find_folder},
    {"CreateFolder", create_folder}, {"DeleteFolder", delete_folder},
    {"SyncFolderItems", sync_items}, {"CreateItem", create_item},
    {"UpdateItem", update_item},     {"MoveItem", move_item},
    {"DeleteItem", delete_item},     {"GetItem", get_item},
    {"FindItem", find_item},
};

void small_execute(struct small_exchange *ex, const char *request, struct buf *answer)
{
    const char *body = strstr(request, "<s:Body><m:");

    assert_non_null(body);
    body += strlen("<s:Body><m:");
    size_t len = strcspn(body, " >");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        const char *name = operations[i].name;
        if (strlen(name) != len || memcmp(name, body, len) != 0)
            continue;
        buf_printf(answer,
                   "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
                   "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" "
                   "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">"
                   "<s:Body><m:%sResponse><m:ResponseMessages>",
                   name);
        if (!ex->clock)
            ex->clock = 1;
        operations[i].execute(ex, body, answer);
        buf_printf(answer, "</m:ResponseMessages></m:%sResponse></s:Body></s:Envelope>", name);
        return;
    }
    fail_msg("the small Exchange does not know %.40s", body);
}

/* ---- looking ---- */

int small_visible(const struct small_exchange *ex, struct small_item **item)
{
    int count = 0;

    if (item)
        *item = NULL;
    for (int i = 0; i < ex->item_count; i++) {
        int folder = ex->items[i].folder;
        if (folder <= SMALL_ROOT || folder >= SMALL_ARCHIVE)
            continue;
        if (item && !count)
            *item = (struct small_item *)&ex->items[i];
        count++;
    }
    return count;
}

int small_hidden(const struct small_exchange *ex)
{
    int count = 0;

    for (int i = 0; i < ex->item_count; i++)
        count += ex->items[i].folder >= SMALL_FIRST_OWN;
    for (int i = SMALL_FIRST_OWN; i < ex->folder_count; i++)
        count += ex->folders[i].parent >= 0 && ex->folders[i].winner[0];
    return count;
}

int small_empty_staging(struct small_exchange *ex)
{
    int count = 0;

    for (int i = 0; i < ex->item_count; i++) {
        if (ex->items[i].folder < SMALL_FIRST_OWN)
            continue;
        small_move(ex, &ex->items[i], -1);
        count++;
    }
    return count;
}
