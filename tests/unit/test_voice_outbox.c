/* The Voice Outbox over EWS and the stand-in: the folder, what people put there, what comes out
 * of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "ews/ews.h"
#include "tests/exchange/exchange_transport.h"
#include "tests/exchange/exchange_user.h"

#define ANN "ann@example.com"
#define BOB "bob@example.com"

enum { LISTS_MAX = 40 };

struct scene {
    struct loop *loop;
    struct exchange *ex;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    char path[64], copy[80]; /* a file of audio, and where it comes back to */
    int warnings;
    char log[1024]; /* the last line that is a warning */
    void (*look)(struct scene *s, const char *request);
    /* what the callbacks saw */
    int calls, pushes;
    struct err err;
    struct {
        char id[LIMIT_REMOTE_ID], name[80];
        enum remote_place place;
        bool root;
    } folders[20];
    size_t count;
    char token[1024], item[LIMIT_REMOTE_ID], message_id[64];
    /* of what was composed */
    bool urgent, private, delivery, read;
    char from[200], to[4000], subject[LIMIT_SUBJECT], body[2000], reference[LIMIT_UUID];
    char files[4000]; /* "name type bytes file|item\n" */
    char first[LIMIT_REMOTE_ID];
    size_t to_count, file_count;
    char too_much[200];
    int64_t created_ms;
};

static void logged(enum log_level level, const char *line, void *arg)
{
    struct scene *s = arg;
    if (level > LOG_LEVEL_WARNING)
        return;
    s->warnings++;
    snprintf(s->log, sizeof s->log, "%s", line);
}

static void looked(const char *body, size_t len, void *arg)
{
    struct scene *s = arg;
    char *text = strndup(body, len);
    if (s->look)
        s->look(s, text);
    free(text);
}

static void open_account(struct scene *s, bool impersonate)
{
    const struct ews_config config = {
        .name = "main",
        .url = "https://exchange.test/EWS/Exchange.asmx",
        .impersonate = impersonate,
        .create = "auto",
        .auth = {.auth = "basic", .user = "svc", .password = "p", .max_connections = 4},
    };
    struct err err;
    s->account = ews_account_new(s->loop, s->transport, &config, &err);
    assert_non_null(s->account);
    s->remote = ews_remote_new(s->account, ANN);
    assert_non_null(s->remote);
}

static void close_account(struct scene *s)
{
    remote_free(&s->remote);
    ews_account_free(&s->account);
}

static void pushed(const char *url, const char *body, size_t len, const char *subscription,
                   void *arg)
{
    struct scene *s = arg;
    (void)url, (void)body, (void)len;
    s->pushes++;
    exchange_push_answered(s->ex, subscription, EXCHANGE_PUSH_OK);
}

static int begin(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err err;
    *state = s;
    id_seed(7);
    log_set_sink(logged, s);
    s->loop = loop_virtual_new((struct wall){1795600000000});
    s->ex = exchange_new(NULL, s->loop, 1, &err);
    s->transport = exchange_transport_new(s->loop, s->ex, 10, &err);
    exchange_transport_set_look(s->transport, looked, s);
    exchange_set_deliver(s->ex, pushed, s);
    assert_true(exchange_add_mailbox(s->ex, ANN, &err));
    open_account(s, true);
    snprintf(s->path, sizeof s->path, "/tmp/sib-test-outbox-XXXXXX");
    int fd = mkstemp(s->path);
    for (int i = 0; i < 50001; i++) {
        unsigned char byte = (unsigned char)(i * 29 + i / 256);
        assert_int_equal(write(fd, &byte, 1), 1);
    }
    close(fd);
    snprintf(s->copy, sizeof s->copy, "%s.copy", s->path);
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;
    close_account(s);
    transport_free(&s->transport);
    exchange_free(&s->ex);
    loop_free(&s->loop);
    log_set_sink(NULL, NULL);
    id_seed(0);
    unlink(s->path);
    unlink(s->copy);
    free(s);
    return 0;
}

/* Exactly one callback, and none before the call has returned. */
static void wait_for(struct scene *s, const struct remote_call *call)
{
    assert_non_null(call);
    assert_int_equal(s->calls, 0);
    loop_virtual_run(s->loop, 120 * 1000);
    assert_int_equal(s->calls, 1);
    s->calls = 0;
}

static void saw_folders(const struct err *err, const struct remote_folder *folders,
                        size_t count, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
    s->count = count;
    for (size_t i = 0; i < count && i < 20; i++) {
        snprintf(s->folders[i].id, LIMIT_REMOTE_ID, "%s", folders[i].id);
        snprintf(s->folders[i].name, 80, "%s", folders[i].name);
        s->folders[i].place = folders[i].place;
        s->folders[i].root = folders[i].root;
    }
}

static enum err_kind list(struct scene *s, unsigned with)
{
    wait_for(s, s->remote->ops->folders(s->remote, with, saw_folders, s));
    return s->err.kind;
}

/* The id of the Voice Outbox in the last list; NULL: it is not in it. */
static const char *outbox(const struct scene *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->folders[i].place == REMOTE_OUTBOX)
            return s->folders[i].id;
    return NULL;
}

static const char *make_outbox(struct scene *s)
{
    assert_int_equal(list(s, REMOTE_WITH_OUTBOX), ERR_OK);
    assert_non_null(outbox(s));
    return outbox(s);
}

static void saw_changes(const struct err *err, const struct remote_page *page, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
    s->count = page ? page->count : 0;
    snprintf(s->token, sizeof s->token, "%s", page ? page->token : "");
    for (size_t i = 0; page && i < page->count; i++)
        if (page->changes[i].kind == REMOTE_SEEN) {
            snprintf(s->item, sizeof s->item, "%s", page->changes[i].item.id);
            snprintf(s->message_id, sizeof s->message_id, "%s",
                     page->changes[i].item.message_id);
        }
}

static void saw_done(const struct err *err, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
}

static void saw_ref(const struct err *err, const struct remote_ref *ref, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
    snprintf(s->item, sizeof s->item, "%s", ref ? ref->id : "");
}

static void saw_watch(const struct err *err, const char *subscription, void *arg)
{
    struct scene *s = arg;
    (void)subscription;
    s->calls++;
    s->err = *err;
}

static void take_files(struct scene *s, const struct remote_composed *told)
{
    struct buf text;
    buf_init(&text, sizeof s->files - 1);
    for (size_t i = 0; i < told->attachment_count; i++) {
        const struct remote_attachment *a = &told->attachments[i];
        buf_printf(&text, "%s|%s|%lld|%s\n", a->name, a->type, (long long)a->bytes,
                   a->is_file ? "file" : "item");
        if (i == 0)
            snprintf(s->first, sizeof s->first, "%s", a->id);
    }
    snprintf(s->files, sizeof s->files, "%s", buf_str(&text));
    s->file_count = told->attachment_count;
    buf_clear(&text);
}

static void saw_composed(const struct err *err, const struct remote_composed *told, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
    assert_int_equal(told != NULL, err->kind == ERR_OK);
    if (!told)
        return;
    assert_string_equal(told->id, s->item);
    assert_true(*told->version);
    snprintf(s->from, sizeof s->from, "%s", told->from);
    snprintf(s->subject, sizeof s->subject, "%s", told->subject);
    snprintf(s->body, sizeof s->body, "%s", told->body);
    snprintf(s->reference, sizeof s->reference, "%s", told->reference);
    snprintf(s->too_much, sizeof s->too_much, "%s", told->too_much);
    struct buf to;
    buf_init(&to, sizeof s->to - 1);
    for (size_t i = 0; i < told->to_count; i++)
        buf_printf(&to, "%s\n", told->to[i]);
    snprintf(s->to, sizeof s->to, "%s", buf_str(&to));
    buf_clear(&to);
    s->to_count = told->to_count;
    s->urgent = told->urgent;
    s->private = told->private;
    s->delivery = told->wants_delivery_receipt;
    s->read = told->wants_read_receipt;
    s->created_ms = told->created.ms;
    take_files(s, told);
}

static enum err_kind look_at(struct scene *s, const char *item)
{
    if (item != s->item)
        snprintf(s->item, sizeof s->item, "%s", item);
    wait_for(s, s->remote->ops->composed(s->remote, s->item, saw_composed, s));
    return s->err.kind;
}

/* Words of `compose`, ended by NULL; its item is the one at hand. */
static bool compose(struct scene *s, const char *const *words)
{
    int count = 0;
    while (words[count])
        count++;
    return exchange_user_act(s->ex, ANN, "compose", words, count, s->item, &s->err);
}

#define COMPOSE(s, ...) compose(s, (const char *const[]){__VA_ARGS__, NULL})

static void user(struct scene *s, const char *act, const char *a, const char *b)
{
    struct err err;
    if (!exchange_user_do(s->ex, ANN, &err, act, a, b, NULL))
        fail_msg("%s", err.text);
}

/* ---- The folder ------------------------------------------------------------------------- */

static void the_folder_is_made_once_and_found_from_then_on(void **state)
{
    struct scene *s = *state;
    char id[LIMIT_REMOTE_ID];
    assert_int_equal(list(s, 0), ERR_OK);
    assert_null(outbox(s));
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 0);
    snprintf(id, sizeof id, "%s", make_outbox(s));
    assert_int_equal(s->folders[s->count - 1].place, REMOTE_OUTBOX);
    assert_string_equal(s->folders[s->count - 1].name, EXCHANGE_VOICE_OUTBOX);
    assert_true(s->folders[s->count - 1].root);
    assert_int_equal(exchange_user_count(s->ex, ANN, "Outbox/Voice Outbox"), 0);
    for (int i = 0; i < 3; i++)
        assert_string_equal(make_outbox(s), id);
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 1);
    assert_int_equal(list(s, REMOTE_WITH_OUTBOX | REMOTE_WITH_SENT), ERR_OK);
    assert_int_equal(s->count, 5);
    assert_string_equal(outbox(s), id);
    assert_int_equal(s->warnings, 0);
}

static void the_folder_is_reached_by_delegation_too(void **state)
{
    struct scene *s = *state;
    close_account(s);
    open_account(s, false);
    make_outbox(s);
    assert_int_equal(exchange_user_count(s->ex, ANN, "Outbox/Voice Outbox"), 0);
    assert_int_equal(exchange_user_count(s->ex, "svc", "Outbox/Voice Outbox"), -1);
}

static void a_folder_in_another_spelling_is_the_one(void **state)
{
    struct scene *s = *state;
    user(s, "folder", "add", "Outbox/VOICE outbox");
    make_outbox(s);
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 0);
}

static void make_it_first(struct scene *s, const char *request)
{
    if (!strstr(request, "<m:CreateFolder>"))
        return;
    s->look = NULL;
    user(s, "folder", "add", "Outbox/Voice Outbox");
}

static void who_makes_it_at_the_same_time_does_no_harm(void **state)
{
    struct scene *s = *state;
    s->look = make_it_first;
    make_outbox(s);
    assert_null(s->look);
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 1);
    assert_int_equal(exchange_user_count(s->ex, ANN, "Outbox/Voice Outbox"), 0);
    assert_int_equal(s->warnings, 0);
}

static void a_server_that_neither_finds_nor_makes_it_is_asked_no_more(void **state)
{
    struct scene *s = *state;
    struct err err;
    assert_true(exchange_set_faults(s->ex, "code:CreateFolder:ErrorFolderExists", &err));
    assert_int_equal(list(s, REMOTE_WITH_OUTBOX), ERR_OK);
    assert_null(outbox(s));
    assert_int_equal(s->warnings, 1);
    assert_true(exchange_set_faults(s->ex, "", &err));
    make_outbox(s);
}

static void a_lost_answer_of_its_making_makes_no_second(void **state)
{
    struct scene *s = *state;
    struct err err;
    assert_true(exchange_set_faults(s->ex, "lose-answer:CreateFolder:1", &err));
    assert_int_equal(list(s, REMOTE_WITH_OUTBOX), ERR_UNAVAILABLE);
    assert_int_equal(s->err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(s->err.text, EXCHANGE_VOICE_OUTBOX));
    make_outbox(s);
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 1);
}

/* The rest of the mailbox goes on; the log says why once for an account, not once for each of
 * its mailboxes. */
static void without_the_right_to_make_it_the_mailbox_goes_on(void **state)
{
    struct scene *s = *state;
    struct err err;
    static const char *const codes[] = {
        "ErrorCreateSubfolderAccessDenied", "ErrorAccessDenied",         "ErrorQuotaExceeded",
        "ErrorInternalServerError",         "ErrorParentFolderNotFound", "ErrorUnheardOf"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char spec[120];
        snprintf(spec, sizeof spec, "code:CreateFolder:%s", codes[i]);
        assert_true(exchange_set_faults(s->ex, spec, &err));
        assert_int_equal(list(s, REMOTE_WITH_OUTBOX), ERR_OK);
        assert_int_equal(s->count, 3);
        assert_null(outbox(s));
    }
    assert_int_equal(s->warnings, 1);
    assert_non_null(strstr(s->log, "mailbox=" ANN));
    assert_non_null(strstr(s->log, "ErrorCreateSubfolderAccessDenied"));
    assert_true(exchange_set_faults(s->ex, "", &err));
    make_outbox(s);
}

static void what_hits_the_whole_mailbox_is_an_error(void **state)
{
    struct scene *s = *state;
    struct err err;
    static const char *const specs[] = {"busy-200:CreateFolder:1:1000", "drop:FindFolder:3",
                                        "code:CreateFolder:ErrorMailboxMoveInProgress:1",
                                        "http-401:CreateFolder:1"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        assert_true(exchange_set_faults(s->ex, specs[i], &err));
        assert_int_not_equal(list(s, REMOTE_WITH_OUTBOX), ERR_OK);
        assert_int_equal(s->count, 0);
        close_account(s);
        open_account(s, true);
    }
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 0);
}

static void a_folder_that_its_owner_removed_is_made_again(void **state)
{
    struct scene *s = *state;
    char id[LIMIT_REMOTE_ID];
    snprintf(id, sizeof id, "%s", make_outbox(s));
    user(s, "folder", "remove", "Outbox/Voice Outbox");
    assert_string_not_equal(make_outbox(s), id);
    /* The old one is a folder below Deleted Items like others. */
    bool below = false;
    for (size_t i = 0; i < s->count; i++)
        below = below ||
                (s->folders[i].place == REMOTE_DELETED && strcmp(s->folders[i].id, id) == 0);
    assert_true(below);
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 2);
}

static void a_list_that_is_cancelled_calls_nobody(void **state)
{
    struct scene *s = *state;
    for (int64_t ms = 1; ms < 200; ms += 3) {
        struct remote_call *call =
            s->remote->ops->folders(s->remote, REMOTE_WITH_OUTBOX, saw_folders, s);
        loop_virtual_run(s->loop, ms);
        if (s->calls)
            break;
        remote_cancel(s->remote, &call);
        loop_virtual_run(s->loop, 1000);
        assert_int_equal(s->calls, 0);
    }
    assert_int_equal(s->calls, 1);
    s->calls = 0;
    assert_int_equal(exchange_count(s->ex, "CreateFolder"), 1);
}

/* ---- What people put there -------------------------------------------------------------- */

static void nothing_can_be_composed_before_the_folder_is_there(void **state)
{
    struct scene *s = *state;
    assert_false(COMPOSE(s, "--to", BOB));
    assert_int_equal(s->err.kind, ERR_NO_MAILBOX);
    assert_non_null(strstr(s->err.text, EXCHANGE_VOICE_OUTBOX));
    make_outbox(s);
    assert_true(COMPOSE(s, "--to", BOB));
    assert_false(COMPOSE(s, "--too", BOB));
    assert_false(COMPOSE(s, "--to"));
    assert_false(COMPOSE(s, "--attach", "/nonexistent/file.wav"));
    assert_int_equal(exchange_user_count(s->ex, ANN, "Outbox/Voice Outbox"), 1);
}

static void all_that_was_said_is_told(void **state)
{
    struct scene *s = *state;
    char attach[120];
    char folder[LIMIT_REMOTE_ID];
    snprintf(folder, sizeof folder, "%s", make_outbox(s));
    snprintf(attach, sizeof attach, "%s:Aufnahme.WAV:Audio/X-WAV; rate=8000", s->path);
    assert_true(COMPOSE(
        s, "--to", "bob@example.com, eve@example.com", "--cc", "cat@example.com", "--bcc",
        "dan@example.com", "--subject", "Gr\xC3\xBC\xC3\x9F an Bob", "--body", "One\nTwo",
        "--urgent", "--private", "--read-receipt", "--delivery-receipt", "--attach", attach));
    wait_for(s, s->remote->ops->changes(s->remote, folder, "", saw_changes, s));
    assert_int_equal(s->count, 1);
    assert_string_equal(s->message_id, "");
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->from, ANN);
    assert_string_equal(s->to, BOB "\neve@example.com\ncat@example.com\ndan@example.com\n");
    assert_string_equal(s->subject, "Gr\xC3\xBC\xC3\x9F an Bob");
    assert_string_equal(s->body, "One\nTwo");
    assert_true(s->urgent && s->private && s->read && s->delivery);
    assert_string_equal(s->reference, "");
    assert_string_equal(s->files, "Aufnahme.WAV|audio/x-wav|50001|file\n");
    assert_string_equal(s->too_much, "");
    assert_true(s->created_ms >= 1795600000000 && s->created_ms < 1795700000000);
}

static void the_least_that_can_be_said_is_enough(void **state)
{
    struct scene *s = *state;
    make_outbox(s);
    assert_true(compose(s, (const char *const[]){NULL}));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->from, ANN);
    assert_int_equal(s->to_count, 0);
    assert_int_equal(s->file_count, 0);
    assert_string_equal(s->subject, "");
    assert_string_equal(s->body, "");
    assert_false(s->urgent || s->private || s->read || s->delivery);
}

static void of_html_its_text_is_told(void **state)
{
    struct scene *s = *state;
    make_outbox(s);
    assert_true(COMPOSE(s, "--html", "<html><p>1 &lt; 2</p><b>x</b><br>&amp;y</html"));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->body, "1 < 2\nx\n&y");
}

/* As Outlook saves it: not sent yet. */
static void what_is_composed_is_a_draft(void **state)
{
    struct scene *s = *state;
    struct err err;
    make_outbox(s);
    assert_true(COMPOSE(s, "--to", BOB));
    json_t *items = exchange_user_list(s->ex, ANN, "Outbox/Voice Outbox", &err);
    const json_t *item = json_array_get(json_object_get(items, "items"), 0);
    assert_true(json_is_true(json_object_get(item, "draft")));
    assert_true(json_is_true(json_object_get(item, "read")));
    assert_string_equal(json_string_value(json_object_get(item, "from_address")), ANN);
    json_decref(items);
}

static void a_subscription_hears_of_it(void **state)
{
    struct scene *s = *state;
    const char *folders[] = {make_outbox(s)};
    const struct remote_watching how = {
        .url = "https://sib.test/x", .status_minutes = 30, .folders = folders, .count = 1};
    wait_for(s, s->remote->ops->watch(s->remote, &how, saw_watch, s));
    assert_int_equal(s->err.kind, ERR_OK);
    assert_int_equal(s->pushes, 0);
    assert_true(COMPOSE(s, "--to", BOB));
    loop_virtual_run(s->loop, 5000);
    assert_int_equal(s->pushes, 1);
}

static void addresses_that_are_none_of_smtp_come_as_they_are(void **state)
{
    struct scene *s = *state;
    make_outbox(s);
    assert_true(COMPOSE(s, "--to", "/o=First Organization/ou=X/cn=Recipients/cn=gone, My List",
                        "--bcc", BOB));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->to,
                        "/o=First Organization/ou=X/cn=Recipients/cn=gone\nMy List\n" BOB "\n");
}

static void more_than_is_taken_in_is_said(void **state)
{
    struct scene *s = *state;
    struct buf to;
    make_outbox(s);
    buf_init(&to, MIB);
    for (int i = 0; i <= LIMIT_RECIPIENTS; i++)
        buf_printf(&to, "%su%d@example.com", i ? "," : "", i);
    assert_true(COMPOSE(s, "--to", buf_str(&to)));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_int_equal(s->to_count, LIMIT_RECIPIENTS);
    assert_non_null(strstr(s->too_much, "more recipients than the 200"));
    buf_clear(&to);
    const char *words[2 * (LIMIT_ATTACHMENTS + 1) + 1] = {NULL};
    for (int i = 0; i <= LIMIT_ATTACHMENTS; i++) {
        words[2 * i] = "--attach";
        words[2 * i + 1] = "/dev/null:nothing.wav";
    }
    assert_true(compose(s, words));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_int_equal(s->file_count, LIMIT_ATTACHMENTS);
    assert_non_null(strstr(s->too_much, "more attachments than the 32"));
    words[2 * LIMIT_ATTACHMENTS] = NULL;
    assert_true(compose(s, words));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->too_much, "");
}

static void an_item_that_was_taken_back_is_gone(void **state)
{
    struct scene *s = *state;
    make_outbox(s);
    assert_true(COMPOSE(s, "--to", BOB));
    user(s, "purge", s->item, NULL);
    assert_int_equal(look_at(s, s->item), ERR_GONE);
    wait_for(s, s->remote->ops->remove(s->remote, s->item, saw_done, s));
    assert_int_equal(s->err.kind, ERR_GONE);
}

/* ---- Answers ---------------------------------------------------------------------------- */

static const char ours[] = "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39";
static const char older[] = "1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39";

static void create(struct scene *s, const char *reference)
{
    assert_int_equal(list(s, 0), ERR_OK);
    const struct remote_new message = {
        .message_id = ours,
        .creation = "c0ffee00-3a50-4a5f-9a77-0d6f0c1b2a39",
        .folder = s->folders[0].id,
        .subject = "Voice message",
        .body = "A voice message.\n",
        .item_class = "IPM.Note.Microsoft.Voicemail.UM.CA",
        .from_number = "5000",
        .from_name = "",
        .from_address = "",
        .reference = reference,
        .received = {1795600000000},
        .duration_ms = 3000,
        .audio_path = s->path,
        .audio_name = "voice.wav",
        .audio_type = "audio/wav",
    };
    wait_for(s, s->remote->ops->create(s->remote, &message, saw_ref, s));
    if (s->err.kind != ERR_OK)
        fail_msg("%s", s->err.text);
}

/* rule: composed-reply */
static void an_answer_names_the_message_that_it_answers(void **state)
{
    struct scene *s = *state;
    static const char *const flavours[] = {"exchange", "gromox"};
    make_outbox(s);
    for (int i = 0; i < 2; i++) {
        struct err err;
        assert_true(exchange_set_flavour(s->ex, flavours[i], &err));
        close_account(s);
        open_account(s, true);
        create(s, older);
        assert_true(COMPOSE(s, "--to", BOB, "--reply-to", ours));
        assert_int_equal(look_at(s, s->item), ERR_OK);
        assert_string_equal(s->reference, ours);
        user(s, "purge", ours, NULL);
    }
}

/* Both ways of making an item: a server that keeps inline attachments, and one that does not.
 */
static void a_new_item_says_what_it_answers(void **state)
{
    struct scene *s = *state;
    static const char *const flavours[] = {"exchange", "gromox"};
    for (int i = 0; i < 2; i++) {
        struct err err;
        char expected[80];
        assert_true(exchange_set_flavour(s->ex, flavours[i], &err));
        close_account(s);
        open_account(s, true);
        create(s, older);
        snprintf(expected, sizeof expected, "<%s@sib.invalid>", older);
        json_t *items = exchange_user_list(s->ex, ANN, "Inbox", &err);
        const json_t *item = json_array_get(json_object_get(items, "items"), 0);
        assert_string_equal(json_string_value(json_object_get(item, "in_reply_to")), expected);
        assert_string_equal(json_string_value(json_object_get(item, "references")), expected);
        json_decref(items);
        user(s, "purge", s->item, NULL);
        create(s, "");
        items = exchange_user_list(s->ex, ANN, "Inbox", &err);
        item = json_array_get(json_object_get(items, "items"), 0);
        assert_string_equal(json_string_value(json_object_get(item, "in_reply_to")), "");
        json_decref(items);
        user(s, "purge", s->item, NULL);
    }
}

/* ---- Attachments ------------------------------------------------------------------------ */

static enum err_kind fetch(struct scene *s, const char *attachment)
{
    wait_for(s, s->remote->ops->fetch(s->remote, attachment, s->copy, saw_done, s));
    assert_int_equal(access(s->copy, F_OK) == 0, s->err.kind == ERR_OK);
    return s->err.kind;
}

static void the_bytes_of_an_attachment_come_as_they_were(void **state)
{
    struct scene *s = *state;
    struct buf sent, kept;
    struct err err;
    make_outbox(s);
    assert_true(COMPOSE(s, "--to", BOB, "--attach", s->path, "--attach", "/dev/null:e.wav"));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_int_equal(fetch(s, s->first), ERR_OK);
    buf_init(&sent, MIB);
    buf_init(&kept, MIB);
    assert_true(file_read(s->path, &sent, &err) && file_read(s->copy, &kept, &err));
    assert_int_equal(sent.len, kept.len);
    assert_memory_equal(sent.data, kept.data, sent.len);
    buf_clear(&sent);
    buf_clear(&kept);
}

static void an_empty_file_is_a_file(void **state)
{
    struct scene *s = *state;
    make_outbox(s);
    assert_true(COMPOSE(s, "--attach", "/dev/null:e.wav"));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->files, "e.wav|audio/wav|0|file\n");
    assert_int_equal(fetch(s, s->first), ERR_OK);
}

static void a_message_that_is_attached_is_no_file(void **state)
{
    struct scene *s = *state;
    char attach[120];
    make_outbox(s);
    snprintf(attach, sizeof attach, "%s:Old mail:message/rfc822", s->path);
    assert_true(COMPOSE(s, "--attach", attach, "--attach", "/dev/null:e.wav"));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->files, "Old mail||50001|item\ne.wav|audio/wav|0|file\n");
    assert_int_equal(fetch(s, s->first), ERR_REFUSED);
    assert_int_equal(s->err.when, ERR_WHEN_NEVER);
}

static void an_attachment_that_went_with_its_item_is_gone(void **state)
{
    struct scene *s = *state;
    make_outbox(s);
    assert_true(COMPOSE(s, "--attach", s->path));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    user(s, "purge", s->item, NULL);
    assert_int_equal(fetch(s, s->first), ERR_GONE);
    assert_int_equal(fetch(s, "nonsense"), ERR_GONE);
}

/* ---- Another server --------------------------------------------------------------------- */

static void another_server_serves_the_voice_outbox_too(void **state)
{
    struct scene *s = *state;
    struct err err;
    assert_true(exchange_set_flavour(s->ex, "gromox", &err));
    make_outbox(s);
    assert_true(COMPOSE(s, "--to", BOB, "--attach", s->path));
    assert_int_equal(look_at(s, s->item), ERR_OK);
    assert_string_equal(s->to, BOB "\n");
    assert_int_equal(fetch(s, s->first), ERR_OK);
    wait_for(s, s->remote->ops->remove(s->remote, s->item, saw_done, s));
    assert_int_equal(s->err.kind, ERR_OK);
    assert_int_equal(exchange_user_count(s->ex, ANN, "Outbox/Voice Outbox"), 0);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(the_folder_is_made_once_and_found_from_then_on),
        PROMISE(the_folder_is_reached_by_delegation_too),
        PROMISE(a_folder_in_another_spelling_is_the_one),
        PROMISE(who_makes_it_at_the_same_time_does_no_harm),
        PROMISE(a_server_that_neither_finds_nor_makes_it_is_asked_no_more),
        PROMISE(a_lost_answer_of_its_making_makes_no_second),
        PROMISE(without_the_right_to_make_it_the_mailbox_goes_on),
        PROMISE(what_hits_the_whole_mailbox_is_an_error),
        PROMISE(a_folder_that_its_owner_removed_is_made_again),
        PROMISE(a_list_that_is_cancelled_calls_nobody),
        PROMISE(nothing_can_be_composed_before_the_folder_is_there),
        PROMISE(all_that_was_said_is_told),
        PROMISE(the_least_that_can_be_said_is_enough),
        PROMISE(of_html_its_text_is_told),
        PROMISE(what_is_composed_is_a_draft),
        PROMISE(a_subscription_hears_of_it),
        PROMISE(addresses_that_are_none_of_smtp_come_as_they_are),
        PROMISE(more_than_is_taken_in_is_said),
        PROMISE(an_item_that_was_taken_back_is_gone),
        PROMISE(an_answer_names_the_message_that_it_answers),
        PROMISE(a_new_item_says_what_it_answers),
        PROMISE(the_bytes_of_an_attachment_come_as_they_were),
        PROMISE(an_empty_file_is_a_file),
        PROMISE(a_message_that_is_attached_is_no_file),
        PROMISE(an_attachment_that_went_with_its_item_is_gone),
        PROMISE(another_server_serves_the_voice_outbox_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
