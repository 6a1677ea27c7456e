#include "ews/ews_stage.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/text.h"
#include "ews/ews_make.h"
#include "ews/request_stage.h"
#include "ews/response_stage.h"

enum {
    RECORD_NAME = LIMIT_UUID + 16,
    ROUNDS_MAX = 64, /* copies that are not whole, or are removed, in one call */
};

struct ews_stage {
    char name[RECORD_NAME]; /* of the folder in Commits */
    char message_id[LIMIT_UUID];
    char item[LIMIT_REMOTE_ID]; /* the copy at hand */
    char folder[LIMIT_REMOTE_ID];
    struct remote_new message;
    char *texts; /* what message points at */
    struct mono began;
    int rounds;
    bool refused; /* the folder in Commits is there: its winner counts */
};

void ews_stage_free(struct ews_stage **stage)
{
    if (*stage)
        free((*stage)->texts);
    free(*stage);
    *stage = NULL;
}

/* All texts of a message in one piece of memory. */
static bool copy_message(struct ews_stage *stage, const struct remote_new *message)
{
    struct remote_new *m = &stage->message;
    *m = *message;
    const char **texts[] = {&m->message_id,   &m->creation,   &m->folder,     &m->subject,
                            &m->body,         &m->item_class, &m->from_name,  &m->from_number,
                            &m->from_address, &m->reference,  &m->audio_path, &m->audio_name,
                            &m->audio_type};
    enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };
    size_t size = 1, at = 0;
    for (size_t i = 0; i < TEXTS; i++)
        size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
    stage->texts = malloc(size);
    for (size_t i = 0; stage->texts && i < TEXTS; i++) {
        if (!*texts[i])
            continue;
        size_t len = strlen(*texts[i]) + 1;
        memcpy(stage->texts + at, *texts[i], len);
        *texts[i] = stage->texts + at;
        at += len;
    }
    return stage->texts != NULL;
}

static struct remote_call *begin(struct remote *remote, const char *message_id, int generation,
                                 void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    struct ews_stage *stage = call ? calloc(1, sizeof(*stage)) : NULL;
    if (!stage) {
        if (call)
            remote_cancel(remote, &call);
        return NULL;
    }
    call->stage = stage;
    stage->began = loop_now(ews_account_loop(call->remote->mailbox.account));
    text_copy(stage->message_id, sizeof(stage->message_id), message_id);
    if (generation > 1)
        snprintf(stage->name, sizeof(stage->name), "%s.%d", message_id, generation);
    else
        text_copy(stage->name, sizeof(stage->name), message_id);
    return call;
}

/* An item that is not where it was: the words that remote.h promises. */
static bool is_published(struct err *err)
{
    if (err->kind != ERR_GONE || strcmp(err->code, "ErrorItemNotFound") != 0)
        return false;
    text_copy(err->code, sizeof(err->code), REMOTE_PUBLISHED);
    return true;
}

/* Nothing but our own hidden folders can have been gone: the next call finds or makes them. */
static void settle_gone(struct remote_call *call, struct err *err)
{
    if (err->kind != ERR_GONE || strcmp(err->code, REMOTE_PUBLISHED) == 0)
        return;
    ews_hidden_is_stale(call->remote, err);
    err->kind = ERR_TEMPORARY;
    err->when = ERR_WHEN_RETRY;
}

/* ---- Stage ------------------------------------------------------------------------------ */

static void find_copies(struct remote_call *call);
/* A page of the commits that have the name at hand. */
static void ask_for_record(struct remote_call *call, long offset, ews_answer_fn *fn)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    const struct request_above above = {.id = call->remote->hidden.commits};
    call->offset = offset;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_hidden(&request, &header, &above, call->stage->name, offset);
    ews_call_send(call, &request, fn);
}

static void find_record(struct remote_call *call, long offset);

static void staged(struct remote_call *call, const struct err *err)
{
    struct err said = *err;
    const struct remote_ref ref = {.id = call->stage->item, .version = ""};
    settle_gone(call, &said);
    said.effect = ERR_EFFECT_NONE; /* nothing of this can be seen, now or later */
    ews_call_end_ref(call, &said, &ref);
}

static void refuse(struct remote_call *call, const char *why)
{
    struct err err;
    err_set(&err, ERR_REFUSED,
            "the folder \"%s\" in our hidden folder Commits %s; a person must look at it (is "
            "this an Exchange?), for the message could be shown twice",
            call->stage->name, why);
    err.when = ERR_WHEN_NEVER;
    staged(call, &err);
}

/* The winner that the record names: is it there, and this message? */
static void on_winner(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_page page = {0};
    call->job = NULL;
    if (root)
        response_get_item(root, &page, &err);
    bool other = err.kind == ERR_OK && (!page.count || strcmp(page.changes[0].item.message_id,
                                                              call->stage->message_id) != 0);
    response_page_clear(&page);
    if (other)
        return refuse(call, "names an item of another message");
    is_published(&err);
    staged(call, &err);
}

static void check_winner(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, call->stage->item, REQUEST_STATE);
    ews_call_send(call, &request, on_winner);
}

static void on_record(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct ews_stage *stage = call->stage;
    struct err err = *job_err;
    struct response_hidden found = {0};
    long next = -1;
    call->job = NULL;
    if (root)
        response_find_hidden(root, stage->name, call->offset, &found, &next, &err);
    if (err.kind != ERR_OK)
        return staged(call, &err);
    if (found.id && (!*found.winner || strlen(found.winner) >= sizeof(stage->item)))
        return refuse(call, "does not name the item that is to be shown");
    if (found.id) {
        text_copy(stage->item, sizeof(stage->item), found.winner);
        return check_winner(call);
    }
    if (next >= 0)
        return find_record(call, next);
    if (!stage->refused)
        return find_copies(call);
    err_set(&err, ERR_TEMPORARY,
            "a hidden folder was there, and is not; it is looked for again");
    staged(call, &err);
}

static void find_record(struct remote_call *call, long offset)
{
    ask_for_record(call, offset, on_record);
}

static void on_committed(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *id;
    call->job = NULL;
    crash_point("stage.committed");
    if (root)
        response_create_folder(root, &id, &err);
    if (err.kind == ERR_CONFLICT) {
        call->stage->refused = true;
        return find_record(call, 0);
    }
    staged(call, &err);
}

static void commit(struct remote_call *call)
{
    struct ews_stage *stage = call->stage;
    struct loop *loop = ews_account_loop(call->remote->mailbox.account);
    if (mono_since(loop_now(loop), stage->began) > TIME_STAGE_MS) {
        struct err err;
        err_set(&err, ERR_TEMPORARY, "staging a message took too long; it is begun anew");
        return ews_call_fail(call, &err, on_committed);
    }
    struct buf request;
    struct soap_header header = ews_call_header(call);
    const struct request_above above = {.id = call->remote->hidden.commits};
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_create_folder(&request, &header, &above, stage->name, stage->item);
    ews_call_send(call, &request, on_committed);
}

static void on_made(struct remote_call *call, const struct err *err, enum ews_made made,
                    const struct remote_ref *ref)
{
    (void)made;
    crash_point("stage.made");
    if (err->kind != ERR_OK)
        return staged(call, err);
    text_copy(call->stage->item, sizeof(call->stage->item), ref->id);
    commit(call);
}

static void on_removed_copy(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root)
        response_done(root, "DeleteItemResponse", &err);
    if (err.kind != ERR_OK && err.kind != ERR_GONE)
        return staged(call, &err);
    find_copies(call);
}

/* A copy whose making was not seen to its end: is its audio there? */
static void on_copy_checked(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *audio;
    int total = 0;
    call->job = NULL;
    if (root)
        response_attachments(root, &audio, &total, &err);
    if (err.kind == ERR_GONE)
        return find_record(call, 0);
    if (err.kind != ERR_OK)
        return staged(call, &err);
    if (total > 0)
        return commit(call);
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete(&request, &header, call->stage->item);
    ews_call_send(call, &request, on_removed_copy);
}

static void use_copy(struct remote_call *call, const struct remote_item *copies, int count)
{
    struct ews_stage *stage = call->stage;
    int best = 0; /* rather one that this create made: then it is known what it was sent with */
    for (int i = count - 1; i > 0; i--) {
        if (strcmp(copies[i].creation, stage->message.creation) == 0)
            best = i;
    }
    text_copy(stage->item, sizeof(stage->item), copies[best].id);
    if (!stage->message.audio_path)
        return commit(call);
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, stage->item, REQUEST_ATTACHMENTS);
    ews_call_send(call, &request, on_copy_checked);
}

static void on_copies(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_item copies[REQUEST_STAGED_PAGE];
    int count = 0;
    bool more;
    call->job = NULL;
    if (root)
        response_find_copies(root, call->stage->message_id, copies, REQUEST_STAGED_PAGE, &count,
                             &more, &err);
    if (err.kind == ERR_OK && ++call->stage->rounds > ROUNDS_MAX)
        err_set(&err, ERR_TEMPORARY, "staged copies of a message keep changing");
    if (err.kind != ERR_OK)
        return staged(call, &err);
    if (count > 0)
        return use_copy(call, copies, count);
    call->stage->message.folder = call->remote->hidden.staging;
    ews_make_message(call, &call->stage->message, on_made);
}

static void find_copies(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_copies(&request, &header, call->remote->hidden.staging,
                        call->stage->message_id);
    ews_call_send(call, &request, on_copies);
}

static void on_hidden_to_stage(struct remote_call *call, const struct err *err)
{
    if (err->kind != ERR_OK)
        return staged(call, err);
    find_record(call, 0);
}

struct remote_call *ews_stage(struct remote *remote, const struct remote_new *message,
                              remote_ref_fn *fn, void *arg)
{
    struct remote_call *call = begin(remote, message->message_id, message->generation, arg);
    if (!call)
        return NULL;
    call->fn.ref = fn;
    if (!copy_message(call->stage, message)) {
        remote_cancel(remote, &call);
        return NULL;
    }
    ews_hidden_find(call, on_hidden_to_stage);
    return call;
}

/* ---- Publish ---------------------------------------------------------------------------- */

static void published(struct remote_call *call, const struct err *err,
                      const struct remote_page *page)
{
    ews_call_ending(call);
    call->fn.changes(err, err->kind == ERR_OK ? page : NULL, call->arg);
    ews_call_free(call);
}

static void on_state(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_page page = {0};
    call->job = NULL;
    if (root)
        response_get_item(root, &page, &err);
    if (err.kind != ERR_OK && !is_published(&err))
        err.effect = ERR_EFFECT_UNKNOWN; /* it is there; a look finds it */
    if (err.kind == ERR_OK &&
        (!page.count || strcmp(page.changes[0].item.message_id, call->stage->message_id) != 0 ||
         !*page.changes[0].item.creation)) {
        err_set(&err, ERR_CONFIG,
                "the server drops our properties when it moves an item, so it cannot be used "
                "for single inbox; is it an Exchange?");
        err.scope = ERR_SCOPE_ACCOUNT;
        err.when = ERR_WHEN_BACK_OFF;
        err.effect = ERR_EFFECT_UNKNOWN;
    }
    published(call, &err, &page);
    response_page_clear(&page);
}

static void ask_state(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, call->stage->item, REQUEST_STATE);
    ews_call_send(call, &request, on_state);
}

static void on_found_there(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_item copies[REQUEST_STAGED_PAGE];
    int count = 0;
    bool more;
    call->job = NULL;
    if (root)
        response_find_copies(root, call->stage->message_id, copies, REQUEST_STAGED_PAGE, &count,
                             &more, &err);
    if (err.kind == ERR_OK && count == 0)
        err_set(&err, ERR_TEMPORARY, "the item was moved and is not there; it is looked for");
    if (err.kind != ERR_OK || count == 0) {
        err.effect = ERR_EFFECT_UNKNOWN;
        return published(call, &err, NULL);
    }
    text_copy(call->stage->item, sizeof(call->stage->item), copies[0].id);
    ask_state(call);
}

/* Some servers do not say what a moved item is called now. */
static void find_there(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_copies(&request, &header, call->stage->folder, call->stage->message_id);
    ews_call_send(call, &request, on_found_there);
}

static void on_moved(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err, unnamed;
    struct remote_ref ref = {0};
    int attachments;
    call->job = NULL;
    if (root)
        response_done(root, "MoveItemResponse", &err);
    is_published(&err);
    if (err.kind != ERR_OK)
        return published(call, &err, NULL);
    if (!response_ref(root, "MoveItemResponse", &ref, &attachments, &unnamed))
        return find_there(call);
    text_copy(call->stage->item, sizeof(call->stage->item), ref.id);
    ask_state(call);
}

struct remote_call *ews_publish(struct remote *remote, const struct remote_staged *staged_copy,
                                const char *folder, remote_changes_fn *fn, void *arg)
{
    struct remote_call *call = begin(remote, staged_copy->message_id, 1, arg);
    if (!call)
        return NULL;
    call->fn.changes = fn;
    text_copy(call->stage->folder, sizeof(call->stage->folder), folder);
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_move(&request, &header, staged_copy->item, folder);
    ews_call_send(call, &request, on_moved);
    return call;
}

/* ---- Unstage ---------------------------------------------------------------------------- */

static void clear_copies(struct remote_call *call);
static void clear_record(struct remote_call *call, long offset);

static void unstaged(struct remote_call *call, const struct err *err)
{
    struct err said = *err;
    settle_gone(call, &said);
    ews_call_end_done(call, &said);
}

static void on_record_removed(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root)
        response_done(root, "DeleteFolderResponse", &err);
    if (err.kind == ERR_GONE)
        err_clear(&err);
    unstaged(call, &err);
}

static void on_record_to_clear(const struct err *job_err, const struct xml_node *root,
                               void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct response_hidden found = {0};
    long next = -1;
    call->job = NULL;
    if (root)
        response_find_hidden(root, call->stage->name, call->offset, &found, &next, &err);
    if (err.kind == ERR_OK && !found.id && next >= 0)
        return clear_record(call, next);
    if (err.kind != ERR_OK || !found.id)
        return unstaged(call, &err);
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete_folder(&request, &header, found.id);
    ews_call_send(call, &request, on_record_removed);
}

static void clear_record(struct remote_call *call, long offset)
{
    ask_for_record(call, offset, on_record_to_clear);
}

static void on_copy_cleared(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root)
        response_done(root, "DeleteItemResponse", &err);
    if (err.kind != ERR_OK && err.kind != ERR_GONE)
        return unstaged(call, &err);
    clear_copies(call);
}

static void on_copies_to_clear(const struct err *job_err, const struct xml_node *root,
                               void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_item copy;
    int count = 0;
    bool more;
    call->job = NULL;
    if (root)
        response_find_copies(root, call->stage->message_id, &copy, 1, &count, &more, &err);
    if (err.kind == ERR_OK && ++call->stage->rounds > ROUNDS_MAX)
        err_set(&err, ERR_TEMPORARY, "there are many staged copies of a message; more later");
    if (err.kind != ERR_OK)
        return unstaged(call, &err);
    if (count == 0)
        return clear_record(call, 0);
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete(&request, &header, copy.id);
    ews_call_send(call, &request, on_copy_cleared);
}

static void clear_copies(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_copies(&request, &header, call->remote->hidden.staging,
                        call->stage->message_id);
    ews_call_send(call, &request, on_copies_to_clear);
}

static void on_hidden_to_clear(struct remote_call *call, const struct err *err)
{
    if (err->kind != ERR_OK)
        return unstaged(call, err);
    clear_copies(call);
}

struct remote_call *ews_unstage(struct remote *remote, const char *message_id, int generation,
                                remote_done_fn *fn, void *arg)
{
    struct remote_call *call = begin(remote, message_id, generation, arg);
    if (!call)
        return NULL;
    call->fn.done = fn;
    ews_hidden_find(call, on_hidden_to_clear);
    return call;
}
