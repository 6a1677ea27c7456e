/* What a request does to a mailbox in memory, and how that is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/support/memory_call.h"

enum { ID_COPIES = MEMORY_PAGE_MAX };

/* ---- carrying it out ---- */

static void fail(struct remote_call *call, enum err_kind kind, const char *code)
{
    err_set(&call->err, kind, "%s: %s", memory_op_name(call->op), code);
    call->err.when = kind == ERR_GONE ? ERR_WHEN_NEVER : ERR_WHEN_RETRY;
    snprintf(call->err.code, sizeof call->err.code, "%s", code);
}

static bool is_there(const struct memory_mailbox *mailbox, int folder)
{
    return folder < MEMORY_FIRST_OWN || mailbox->folders[folder].parent >= 0;
}

static void list_folder(struct remote_call *call, int number, enum remote_place place)
{
    call->listed[call->folder_count] = call->mailbox->folders[number];
    call->listed[call->folder_count].parent = number;
    call->places[call->folder_count++] = place;
}

/* The Voice Outbox comes last. */
static void list_folders(struct remote_call *call)
{
    struct memory_mailbox *mailbox = call->mailbox;

    for (int i = MEMORY_INBOX; i < mailbox->folder_count; i++) {
        enum remote_place place = memory_place(mailbox, i);
        if (place == REMOTE_PLACES || place == REMOTE_OUTBOX ||
            (place == REMOTE_SENT && !(call->with & REMOTE_WITH_SENT)))
            continue;
        list_folder(call, i, place);
    }
    if (call->with & REMOTE_WITH_OUTBOX)
        list_folder(call, MEMORY_OUTBOX, REMOTE_OUTBOX);
}

static void changes(struct remote_call *call)
{
    struct memory_remotes *remotes = call->remotes;

    if (!is_there(call->mailbox, call->folder)) {
        fail(call, ERR_GONE, "ErrorSyncFolderNotFound");
        return;
    }
    call->page = malloc(sizeof *call->page);
    bool refuse = call->token[0] && remotes->faults[MEMORY_STATES] &&
                  (int)rng_below(&remotes->exchange->rng, 100) < remotes->faults[MEMORY_STATES];
    remotes->hits[MEMORY_STATES] += refuse;
    if (!call->page || refuse ||
        !memory_changes(call->mailbox, call->folder, call->token, call->page)) {
        call->mailbox->forgot = true;
        fail(call, ERR_GONE, "token");
    }
}

/* Room, and the folder; a mailbox that stands in for another takes nothing. */
static bool may_make(struct remote_call *call, int folder)
{
    if (call->mailbox->full) {
        fail(call, ERR_FULL, "ErrorQuotaExceeded");
        call->err.scope = ERR_SCOPE_MAILBOX;
        call->err.when = ERR_WHEN_BACK_OFF;
        return false;
    }
    if (call->mailbox->empty) {
        fail(call, ERR_UNAVAILABLE, "ErrorServerBusy");
        call->err.scope = ERR_SCOPE_MAILBOX;
        return false;
    }
    if (!is_there(call->mailbox, folder)) {
        fail(call, ERR_GONE, "ErrorToFolderNotFound");
        return false;
    }
    return true;
}

static void create(struct remote_call *call)
{
    if (!may_make(call, call->folder))
        return;
    call->result = *memory_create(call->mailbox, call->folder, &call->wanted);
    call->remotes->writes++;
}

static void stage(struct remote_call *call)
{
    struct memory_mailbox *mailbox = call->mailbox;

    if (!may_make(call, MEMORY_STAGING))
        return;
    int number = memory_create(mailbox, MEMORY_STAGING, &call->wanted)->number;
    struct memory_commit *commit =
        memory_commit(mailbox, call->wanted.message, call->generation, number);
    struct memory_item *winner = memory_item(mailbox, commit->winner);
    if (winner)
        call->result = *winner;
    else
        fail(call, ERR_GONE, REMOTE_PUBLISHED);
}

static struct memory_item *find(struct remote_call *call)
{
    struct memory_item *item = memory_item(call->mailbox, call->item);

    if (!item)
        fail(call, ERR_GONE, "ErrorItemNotFound");
    else
        text_copy(call->wanted.message, sizeof call->wanted.message, item->message);
    return item;
}

static void move(struct remote_call *call)
{
    struct memory_item *item = find(call);

    if (!item) {
        if (call->op == MEMORY_OP_PUBLISH)
            fail(call, ERR_GONE, REMOTE_PUBLISHED);
        return;
    }
    if (!is_there(call->mailbox, call->folder)) {
        fail(call, ERR_GONE, "ErrorToFolderNotFound");
        return;
    }
    memory_move(call->mailbox, item, call->folder);
    call->result = *item;
    call->remotes->writes++;
}

static bool is_same_version(struct remote_call *call, const struct memory_item *item)
{
    if (!call->version || call->version == item->version)
        return true;
    fail(call, ERR_CONFLICT, "ErrorIrresolvableConflict");
    return false;
}

static void set(struct remote_call *call)
{
    struct memory_item *item = find(call);
    const struct remote_fields *fields = &call->fields;

    if (!item || !is_same_version(call, item))
        return;
    if (call->op == MEMORY_OP_REWRITE)
        memory_set_body(call->mailbox, item, call->wanted.body, call->drop_audio);
    if (fields->set_urgent)
        memory_set_urgent(call->mailbox, item, fields->urgent);
    if (fields->set_subject)
        memory_set_subject(call->mailbox, item, call->subject);
    if (fields->set_read)
        memory_set_read(call->mailbox, item, fields->read);
    call->result = *item;
    call->remotes->writes++;
}

/* Once the original was moved, nobody can tell which is which. */
static bool has_original(struct memory_mailbox *mailbox, const struct memory_item *copy)
{
    struct memory_item *item;

    return memory_visible(mailbox, copy->message, false, &item) > 0 &&
           strcmp(item->creation, copy->creation) == 0 && item->moves == 0;
}

static void take_away(struct remote_call *call)
{
    struct memory_item *item = find(call);

    if (!item)
        return;
    call->remotes->copies_removed += item->copy && has_original(call->mailbox, item);
    memory_remove(call->mailbox, item);
    call->remotes->writes++;
}

static void get(struct remote_call *call)
{
    struct memory_item *item = find(call);

    if (item)
        call->result = *item;
}

static void fetch(struct remote_call *call)
{
    char bytes[64 * 1024];
    size_t len;

    if (!find(call))
        return;
    FILE *from = fopen(call->remotes->recording, "re"), *to = fopen(call->url, "we");
    while (from && to && (len = fread(bytes, 1, sizeof bytes, from)) > 0)
        fwrite(bytes, 1, len, to);
    if (!from || !to)
        fail(call, ERR_IO, "no file");
    if (from)
        fclose(from);
    if (to)
        fclose(to);
}

void memory_call_execute(struct remote_call *call)
{
    err_clear(&call->err);
    switch (call->op) {
    case MEMORY_OP_FOLDERS: list_folders(call); break;
    case MEMORY_OP_CHANGES: changes(call); break;
    case MEMORY_OP_CREATE: create(call); break;
    case MEMORY_OP_STAGE: stage(call); break;
    case MEMORY_OP_PUBLISH:
    case MEMORY_OP_MOVE: move(call); break;
    case MEMORY_OP_UNSTAGE:
        memory_unstage(call->mailbox, call->wanted.message, call->generation);
        break;
    case MEMORY_OP_SET:
    case MEMORY_OP_REWRITE: set(call); break;
    case MEMORY_OP_REMOVE: take_away(call); break;
    case MEMORY_OP_GET:
    case MEMORY_OP_COMPOSED: get(call); break;
    case MEMORY_OP_FETCH: fetch(call); break;
    case MEMORY_OP_WATCH: call->subscription = memory_subscribe(call); break;
    case MEMORY_OP_UNWATCH: memory_unsubscribe(call->remotes, call->subscription); break;
    case MEMORY_OPS: break;
    }
}

/* ---- telling it ---- */

struct texts {
    char id[MEMORY_ID], version[MEMORY_ID];
};

static struct remote_item told(const struct memory_item *item, struct texts *texts)
{
    snprintf(texts->id, sizeof texts->id, "i%d", item->number);
    snprintf(texts->version, sizeof texts->version, "v%d", item->version);
    return (struct remote_item){
        .id = texts->id,
        .version = texts->version,
        .message_id = item->message,
        .creation = item->creation,
        .subject = item->subject,
        .read = item->read,
        .urgent = item->urgent,
        .modified = {item->modified_ms},
        .created = {item->created_ms},
    };
}

static void answer_folders(struct remote_call *call)
{
    struct remote_folder folders[MEMORY_FOLDERS_MAX];
    char ids[MEMORY_FOLDERS_MAX][MEMORY_ID];

    for (int i = 0; i < call->folder_count; i++) {
        int number = call->listed[i].parent;
        snprintf(ids[i], sizeof ids[i], "f%d", number);
        folders[i] = (struct remote_folder){.id = ids[i],
                                            .name = call->listed[i].name,
                                            .place = call->places[i],
                                            .root = number < MEMORY_FIRST_OWN};
    }
    call->fn.folders(&call->err, folders, (size_t)call->folder_count, call->arg);
}

static void answer_changes(struct remote_call *call)
{
    struct remote_change changes[MEMORY_PAGE_MAX];
    struct texts texts[MEMORY_PAGE_MAX];
    struct remote_page page = {.changes = changes, .token = "", .last = true};

    if (call->page) {
        for (int i = 0; i < call->page->count; i++) {
            changes[i].kind = call->page->changes[i].kind;
            changes[i].item = told(&call->page->changes[i].item, &texts[i]);
        }
        page.count = (size_t)call->page->count;
        page.token = call->page->token;
        page.last = call->page->last;
    } else {
        changes[0].kind = REMOTE_SEEN;
        changes[0].item = told(&call->result, &texts[0]);
        page.count = 1;
    }
    call->fn.changes(&call->err, &page, call->arg);
}

static void answer_ref(struct remote_call *call)
{
    struct texts texts;
    struct remote_item item = told(&call->result, &texts);

    call->fn.ref(&call->err, &(struct remote_ref){item.id, item.version}, call->arg);
}

static void answer_watch(struct remote_call *call)
{
    char id[MEMORY_ID];

    snprintf(id, sizeof id, "s%d", call->subscription);
    call->fn.watch(&call->err, id, call->arg);
}

static void answer_composed(struct remote_call *call)
{
    struct texts texts;
    struct remote_item item = told(&call->result, &texts);
    const char *to[] = {call->result.to};
    const struct remote_attachment attachment = {
        .id = texts.id, .name = "memo.wav", .type = "audio/wav", .bytes = -1, .is_file = true};
    const struct remote_composed composed = {.id = item.id,
                                             .version = item.version,
                                             .from = "",
                                             .to = to,
                                             .to_count = 1,
                                             .subject = item.subject,
                                             .body = "",
                                             .urgent = item.urgent,
                                             .reference = "",
                                             .attachments = &attachment,
                                             .attachment_count = 1,
                                             .created = item.created,
                                             .too_much = ""};

    call->fn.composed(&call->err, &composed, call->arg);
}

static void answer_failed(struct remote_call *call, const struct err *err)
{
    switch (call->op) {
    case MEMORY_OP_FOLDERS: call->fn.folders(err, NULL, 0, call->arg); break;
    case MEMORY_OP_CHANGES:
    case MEMORY_OP_PUBLISH:
    case MEMORY_OP_GET: call->fn.changes(err, NULL, call->arg); break;
    case MEMORY_OP_COMPOSED: call->fn.composed(err, NULL, call->arg); break;
    case MEMORY_OP_WATCH: call->fn.watch(err, NULL, call->arg); break;
    case MEMORY_OP_UNSTAGE:
    case MEMORY_OP_REMOVE:
    case MEMORY_OP_FETCH:
    case MEMORY_OP_UNWATCH: call->fn.done(err, call->arg); break;
    default: call->fn.ref(err, NULL, call->arg); break;
    }
}

void memory_call_answer(struct remote_call *call, const struct err *said)
{
    struct err err = *said;

    /* Nothing of staging can be seen, and what only asks changes nothing. */
    if (call->op == MEMORY_OP_STAGE || call->op == MEMORY_OP_FOLDERS ||
        call->op == MEMORY_OP_CHANGES)
        err.effect = ERR_EFFECT_NONE;
    if (err.kind != ERR_OK) {
        answer_failed(call, &err);
        return;
    }
    switch (call->op) {
    case MEMORY_OP_FOLDERS: answer_folders(call); break;
    case MEMORY_OP_CHANGES:
    case MEMORY_OP_PUBLISH:
    case MEMORY_OP_GET: answer_changes(call); break;
    case MEMORY_OP_COMPOSED: answer_composed(call); break;
    case MEMORY_OP_WATCH: answer_watch(call); break;
    case MEMORY_OP_UNSTAGE:
    case MEMORY_OP_REMOVE:
    case MEMORY_OP_FETCH:
    case MEMORY_OP_UNWATCH: call->fn.done(&err, call->arg); break;
    default: answer_ref(call); break;
    }
}
