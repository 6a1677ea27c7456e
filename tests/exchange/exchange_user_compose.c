/* A person writes a message: into the Voice Outbox, as an add-in of Outlook does, or anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "tests/exchange/exchange_user.h"
#include "tests/exchange/exchange_user_private.h"

enum { FILES_MAX = 64 };

static bool add_file(struct exchange *ex, struct item *item,
                     const struct exchange_user_file *file, struct err *err)
{
    struct attachment attachment = {.id = 0};
    struct blob_writer *writer = ex_blob_writer_new(ex->blobs);
    if (!writer)
        return err_set(err, ERR_SYSTEM, "no memory for an attachment");
    ex_blob_add(writer, file->bytes, file->len);
    if (!ex_blob_finish(&writer, attachment.hash, &attachment.size, err))
        return false;
    snprintf(attachment.name, sizeof attachment.name, "%s",
             file->name ? file->name : "attachment");
    snprintf(attachment.type, sizeof attachment.type, "%s",
             file->type ? file->type : "application/octet-stream");
    return ex_attachment_add(ex, item, &attachment) ||
           err_set(err, ERR_REFUSED, "the attachment %s cannot be kept", attachment.name);
}

/* What a mail program makes of "answer this one": its Message-ID, behind those it answered. */
static bool refer(struct exchange *ex, int64_t mailbox, const char *word, struct item *item,
                  struct err *err)
{
    struct item other;
    char all[4096];
    if (!ex_user_item(ex, mailbox, word, &other, err))
        return false;
    const char *id = other.text[ITEM_INTERNET_ID], *older = other.text[ITEM_REFERENCES];
    snprintf(all, sizeof all, "%s%s%s", older, *older && *id ? " " : "", id);
    ex_item_set_text(item, ITEM_IN_REPLY_TO, id);
    ex_item_set_text(item, ITEM_REFERENCES, all);
    ex_item_clear(&other);
    return true;
}

static void fill(struct item *item, const struct exchange_user_new *new_item)
{
    const char *const texts[ITEM_TEXTS] = {
        [ITEM_SUBJECT] = new_item->subject,
        [ITEM_BODY] = new_item->html ? new_item->html : new_item->body,
        [ITEM_BODY_TYPE] = new_item->html ? "HTML" : NULL,
        [ITEM_FROM_NAME] = new_item->from_name,
        [ITEM_FROM_ADDRESS] = new_item->from_address,
        [ITEM_TO] = new_item->to,
        [ITEM_CC] = new_item->cc,
        [ITEM_BCC] = new_item->bcc,
        [ITEM_IMPORTANCE] = new_item->urgent ? "High" : NULL,
        [ITEM_SENSITIVITY] = new_item->private ? "Private" : NULL,
    };
    ex_item_init(item);
    for (int i = 0; i < ITEM_TEXTS; i++)
        if (texts[i])
            ex_item_set_text(item, (enum item_text)i, texts[i]);
    item->read = new_item->read;
    item->draft = new_item->draft;
    item->receipts = (new_item->read_receipt ? ITEM_READ_RECEIPT : 0) |
                     (new_item->delivery_receipt ? ITEM_DELIVERY_RECEIPT : 0);
}

/* What an add-in puts there is a draft, read as one's own words are, and From its owner. */
static bool find_outbox(struct exchange *ex, int64_t mailbox, struct item *item,
                        struct folder *folder, struct err *err)
{
    struct folder outbox;
    char owner[LIMIT_ADDRESS];
    if (!ex_folder_by_kind(ex, mailbox, "outbox", &outbox) ||
        !ex_folder_by_name(ex, mailbox, outbox.id, EXCHANGE_VOICE_OUTBOX, folder))
        return err_set(err, ERR_NO_MAILBOX,
                       "there is no folder \"" EXCHANGE_VOICE_OUTBOX
                       "\" below the Outbox yet; single inbox makes it when it first looks "
                       "at the mailbox");
    exchange_address(ex, mailbox, owner, sizeof owner);
    if (!item->text[ITEM_FROM_ADDRESS][0])
        ex_item_set_text(item, ITEM_FROM_ADDRESS, owner);
    if (!item->text[ITEM_FROM_NAME][0])
        ex_item_set_text(item, ITEM_FROM_NAME, item->text[ITEM_FROM_ADDRESS]);
    item->draft = item->read = true;
    return true;
}

static bool keep(struct exchange *ex, int64_t mailbox, const char *path,
                 const struct exchange_user_new *new_item, struct item *item, struct err *err)
{
    struct folder folder = {.id = 0};
    if (!(path ? ex_user_folder(ex, mailbox, path, true, &folder, err)
               : find_outbox(ex, mailbox, item, &folder, err)))
        return false;
    if (new_item->reply_to && !refer(ex, mailbox, new_item->reply_to, item, err))
        return false;
    const char *code =
        ex_item_create(ex, folder.id, item, path ? ITEM_FROM_OUTSIDE : ITEM_FROM_CLIENT);
    if (code)
        return err_set(err, ERR_REFUSED, "compose: the mailbox says %s", code);
    if (new_item->message_id &&
        (!ex_property_set(ex, false, item->id, USER_MESSAGE_ID, new_item->message_id) ||
         !ex_property_set(ex, false, item->id, USER_CREATION, new_item->message_id)))
        return err_set(err, ERR_INTERNAL, "compose: the properties cannot be set");
    for (int i = 0; i < new_item->file_count; i++)
        if (!add_file(ex, item, &new_item->files[i], err))
            return false;
    return true;
}

bool exchange_user_compose(struct exchange *ex, const char *mailbox, const char *path,
                           const struct exchange_user_new *new_item, char *key, struct err *err)
{
    int64_t id;
    struct item item;
    if (!ex_user_mailbox(ex, mailbox, &id, err))
        return false;
    fill(&item, new_item);
    ex_db_begin(ex->db);
    bool ok = keep(ex, id, path, new_item, &item, err);
    if (key)
        snprintf(key, EXCHANGE_ID_MAX, "%s", ok ? item.key : "");
    ex_item_clear(&item);
    if (!ok)
        ex_db_rollback(ex->db);
    return ok && exchange_commit(ex, err);
}

/* ---- By words ---------------------------------------------------------------------------- */

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } known[] = {{".wav", "audio/wav"},
                 {".mp3", "audio/mpeg"},
                 {".txt", "text/plain"},
                 {".eml", "message/rfc822"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (!strcasecmp(dot, known[i].ending))
            return known[i].type;
    return "application/octet-stream";
}

void exchange_user_split(const char *word, struct exchange_user_named *named)
{
    size_t len = strcspn(word, ":");
    snprintf(named->path, sizeof named->path, "%.*s", (int)len, word);
    const char *slash = strrchr(named->path, '/'), *rest = word + len + (word[len] == ':');
    size_t name_len = strcspn(rest, ":");
    snprintf(named->name, sizeof named->name, "%.*s", (int)name_len, rest);
    if (!name_len)
        text_copy(named->name, sizeof named->name, slash ? slash + 1 : named->path);
    rest += name_len + (rest[name_len] == ':');
    snprintf(named->type, sizeof named->type, "%s", *rest ? rest : type_of(named->name));
}

struct writing {
    struct exchange_user_new new_item;
    struct exchange_user_file files[FILES_MAX];
    struct exchange_user_named names[FILES_MAX];
    struct buf bytes[FILES_MAX];
    const char *folder;
};

static bool take_file(struct writing *writing, const char *word, struct err *err)
{
    int i = writing->new_item.file_count;
    if (i == FILES_MAX)
        return err_set(err, ERR_USAGE, "at most %d attachments", FILES_MAX);
    exchange_user_split(word, &writing->names[i]);
    buf_init(&writing->bytes[i], EXCHANGE_REQUEST_MAX);
    writing->new_item.file_count++;
    if (!file_read(writing->names[i].path, &writing->bytes[i], err))
        return false;
    writing->files[i] = (struct exchange_user_file){.name = writing->names[i].name,
                                                    .type = writing->names[i].type,
                                                    .bytes = buf_str(&writing->bytes[i]),
                                                    .len = writing->bytes[i].len};
    return true;
}

/* *used: how many words it took. */
static bool take_words(struct writing *writing, const char *const *args, int left, int *used,
                       struct err *err)
{
    struct exchange_user_new *n = &writing->new_item;
    const struct {
        const char *word;
        const char **text;
        bool *flag;
    } known[] = {
        {"--to", &n->to, NULL},           {"--cc", &n->cc, NULL},
        {"--bcc", &n->bcc, NULL},         {"--subject", &n->subject, NULL},
        {"--body", &n->body, NULL},       {"--from", &n->from_address, NULL},
        {"--urgent", NULL, &n->urgent},   {"--reply-to", &n->reply_to, NULL},
        {"--private", NULL, &n->private}, {"--read-receipt", NULL, &n->read_receipt},
        {"--read", NULL, &n->read},       {"--delivery-receipt", NULL, &n->delivery_receipt},
        {"--draft", NULL, &n->draft},     {"--html", &n->html, NULL},
    };
    *used = 1;
    if (strncmp(args[0], "--", 2) != 0 && !writing->folder) {
        writing->folder = args[0];
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].word, args[0]) != 0)
            continue;
        if (known[i].flag)
            return *known[i].flag = true;
        if (left < 2)
            break;
        *used = 2;
        *known[i].text = args[1];
        return true;
    }
    if (strcmp(args[0], "--attach") != 0 || left < 2)
        return err_set(err, ERR_USAGE, "compose does not understand \"%s\"", args[0]);
    *used = 2;
    return take_file(writing, args[1], err);
}

bool ex_user_compose_words(struct exchange *ex, const char *mailbox,
                           const struct user_words *words, char *item, struct err *err)
{
    struct writing *writing = calloc(1, sizeof *writing);
    if (!writing)
        return err_set(err, ERR_SYSTEM, "no memory to write a message");
    writing->new_item.files = writing->files;
    bool ok = true;
    for (int i = 0, used; ok && i < words->count; i += used)
        ok = take_words(writing, words->args + i, words->count - i, &used, err);
    ok = ok &&
         exchange_user_compose(ex, mailbox, writing->folder, &writing->new_item, item, err);
    for (int i = 0; i < writing->new_item.file_count; i++)
        buf_clear(&writing->bytes[i]);
    free(writing);
    return ok;
}

/* ---- By JSON ----------------------------------------------------------------------------- */

static const char *string_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool flag_of(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* "content" is base64; its bytes go through the blobs' decoder and come back. */
static bool decode(struct exchange *ex, const char *content, struct buf *bytes, struct err *err)
{
    char hash[LIMIT_SHA256];
    int64_t size;
    struct blob_writer *writer = ex_blob_writer_new(ex->blobs);
    if (!writer)
        return err_set(err, ERR_SYSTEM, "no memory for an attachment");
    ex_blob_add_base64(writer, content, strlen(content));
    return ex_blob_finish(&writer, hash, &size, err) &&
           (ex_blob_read(ex->blobs, hash, bytes) ||
            err_set(err, ERR_SYSTEM, "no memory for an attachment"));
}

static bool take_files(struct exchange *ex, struct writing *writing, const json_t *list,
                       struct err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *file = json_array_get(list, i);
        const char *content = string_of(file, "content");
        if (i == FILES_MAX)
            return err_set(err, ERR_USAGE, "at most %d attachments", FILES_MAX);
        buf_init(&writing->bytes[i], EXCHANGE_REQUEST_MAX);
        writing->new_item.file_count++;
        if (!decode(ex, content ? content : "", &writing->bytes[i], err))
            return false;
        writing->files[i] = (struct exchange_user_file){.name = string_of(file, "name"),
                                                        .type = string_of(file, "type"),
                                                        .bytes = buf_str(&writing->bytes[i]),
                                                        .len = writing->bytes[i].len};
    }
    return true;
}

bool ex_user_compose_json(struct exchange *ex, const char *mailbox, const char *folder,
                          const json_t *from, char *item, struct err *err)
{
    struct writing *writing = calloc(1, sizeof *writing);
    if (!writing)
        return err_set(err, ERR_SYSTEM, "no memory to write a message");
    writing->new_item = (struct exchange_user_new){
        .subject = string_of(from, "subject"),
        .body = string_of(from, "body"),
        .html = string_of(from, "html"),
        .from_name = string_of(from, "from_name"),
        .from_address = string_of(from, "from_address"),
        .to = string_of(from, "to"),
        .cc = string_of(from, "cc"),
        .bcc = string_of(from, "bcc"),
        .reply_to = string_of(from, "reply_to"),
        .urgent = flag_of(from, "urgent"),
        .private = flag_of(from, "private"),
        .read = flag_of(from, "read"),
        .draft = flag_of(from, "draft"),
        .read_receipt = flag_of(from, "read_receipt"),
        .delivery_receipt = flag_of(from, "delivery_receipt"),
        .files = writing->files,
    };
    bool ok = take_files(ex, writing, json_object_get(from, "attachments"), err) &&
              exchange_user_compose(ex, mailbox, folder, &writing->new_item, item, err);
    for (int i = 0; i < writing->new_item.file_count; i++)
        buf_clear(&writing->bytes[i]);
    free(writing);
    return ok;
}
