/* A mailbox on Exchange as a remote mailbox: over a transport that gives canned answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "ews/ews.h"
#include "ews/ews_check.h"
#include "tests/support/ews_fixture.h"

/* ---- The scene: one account, one or more mailboxes, a script of answers ------------------ */

enum { SCRIPT_MAX = 32 };

struct scene {
    struct loop *loop;
    struct fake_transport *fake;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct fake_answer script[SCRIPT_MAX]; /* the last one repeats */
    struct buf texts[SCRIPT_MAX];
    struct buf requests[SCRIPT_MAX];
    int steps, asked;
    /* what the callbacks saw */
    int calls;
    struct err err;
    char text[4096];
    size_t count;
    bool last;
    struct remote_call *cancel_inside;
};

static struct fake_answer next_answer(const char *request, size_t len, void *arg)
{
    struct scene *scene = arg;
    int at = scene->asked++;
    if (at < SCRIPT_MAX)
        buf_add(&scene->requests[at], request, len);
    assert_true(scene->steps > 0);
    return scene->script[at < scene->steps ? at : scene->steps - 1];
}

static void open_scene(struct scene *scene, int max_connections, int64_t delay_ms, size_t piece)
{
    memset(scene, 0, sizeof(*scene));
    for (int i = 0; i < SCRIPT_MAX; i++)
        buf_init(&scene->requests[i], LIMIT_REQUEST_BYTES);
    scene->loop = loop_virtual_new((struct wall){1795600000000});
    scene->fake = fake_transport_new(scene->loop, next_answer, scene, delay_ms, piece);
    scene->transport = fake_transport_base(scene->fake);
    struct ews_config config = {
        .name = "main",
        .url = "https://exchange.example.com/EWS/Exchange.asmx",
        .impersonate = true,
        .request_timeout_ms = 60000,
        .create = "inline",
        .auth = {.auth = "basic",
                 .user = "u",
                 .password = "p",
                 .verify = true,
                 .max_connections = max_connections},
    };
    struct err err = {0};
    scene->account = ews_account_new(scene->loop, scene->transport, &config, &err);
    scene->remote = ews_remote_new(scene->account, "ann@example.com");
}

static void close_scene(struct scene *scene)
{
    remote_free(&scene->remote);
    assert_int_equal(ews_account_in_flight(scene->account), 0);
    assert_int_equal(ews_account_waiting(scene->account), 0);
    assert_int_equal(fake_transport_in_flight(scene->fake), 0);
    ews_account_free(&scene->account);
    transport_free(&scene->transport);
    loop_free(&scene->loop);
    for (int i = 0; i < SCRIPT_MAX; i++) {
        buf_clear(&scene->texts[i]);
        buf_clear(&scene->requests[i]);
    }
}

static struct fake_answer *add_raw(struct scene *scene, int status, const char *type,
                                   const char *body)
{
    struct fake_answer *answer = &scene->script[scene->steps++];
    *answer = (struct fake_answer){.status = status, .content_type = type, .body = body};
    return answer;
}

static struct fake_answer *add(struct scene *scene, const char *body)
{
    return add_raw(scene, 200, NULL, fixture_soap(&scene->texts[scene->steps], body));
}

static void settle(struct scene *scene)
{
    loop_virtual_settle(scene->loop, 3600 * 1000);
}

static void expect_schema(struct scene *scene)
{
    for (int i = 0; i < scene->asked && i < SCRIPT_MAX; i++)
        assert_int_not_equal(
            fixture_schema_valid(buf_str(&scene->requests[i]), scene->requests[i].len), 0);
}

static void saw_ref(const struct err *err, const struct remote_ref *ref, void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->err = *err;
    assert_int_equal(ref != NULL, err->kind == ERR_OK);
    if (ref)
        snprintf(scene->text, sizeof(scene->text), "%s %s", ref->id, ref->version);
}

static void saw_done(const struct err *err, void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->err = *err;
}

static void saw_watch(const struct err *err, const char *subscription, void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->err = *err;
    assert_int_equal(subscription != NULL, err->kind == ERR_OK);
    if (subscription)
        snprintf(scene->text, sizeof(scene->text), "%s", subscription);
}

static void saw_changes(const struct err *err, const struct remote_page *page, void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->err = *err;
    assert_int_equal(page != NULL, err->kind == ERR_OK);
    if (page) {
        scene->count = page->count;
        scene->last = page->last;
        snprintf(scene->text, sizeof(scene->text), "%s", page->token);
    }
    remote_cancel(scene->remote, &scene->cancel_inside);
}

static void saw_folders(const struct err *err, const struct remote_folder *folders,
                        size_t count, void *arg)
{
    struct scene *scene = arg;
    static const char *const places[REMOTE_PLACES] = {"inbox",   "below", "junk",
                                                      "deleted", "sent",  "outbox"};
    scene->calls++;
    scene->err = *err;
    scene->count = count;
    scene->text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char line[200];
        snprintf(line, sizeof(line), "%s:%s:%s%s ", folders[i].id, folders[i].name,
                 places[folders[i].place], folders[i].root ? "!" : "");
        strncat(scene->text, line, sizeof(scene->text) - strlen(scene->text) - 1);
    }
}

/* ---- Canned bodies ---------------------------------------------------------------------- */

#define OK_MESSAGE(op, inner)                                                                  \
    "<m:" op "ResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError"               \
    "</m:ResponseCode>" inner "</m:" op "ResponseMessage>"
#define BAD_MESSAGE(op, code)                                                                  \
    "<m:" op "ResponseMessage ResponseClass=\"Error\"><m:MessageText>No.</m:MessageText>"      \
    "<m:ResponseCode>" code "</m:ResponseCode></m:" op "ResponseMessage>"
#define ANSWER(op, messages)                                                                   \
    "<m:" op "Response><m:ResponseMessages>" messages "</m:ResponseMessages></m:" op "Respons" \
    "e>"
#define ITEM(inner)                                                                            \
    "<m:Items><t:Message><t:ItemId Id=\"new\" ChangeKey=\"k\"/>" inner "</t:Message></"        \
    "m:Items>"
#define ATTACHMENT                                                                             \
    "<t:Attachments><t:FileAttachment><t:AttachmentId Id=\"att\"/><t:Name>v.wav</t:Name>"      \
    "<t:ContentType>audio/wav</t:ContentType></t:FileAttachment></t:Attachments>"
#define SYNCED(token)                                                                          \
    ANSWER(                                                                                    \
        "SyncFolderItems",                                                                     \
        OK_MESSAGE("SyncFolderItems",                                                          \
                   "<m:SyncState>" token "</m:SyncState>"                                      \
                   "<m:IncludesLastItemInRange>true</m:IncludesLastItemInRange><m:Changes/>"))

static struct remote_new a_message(const char *audio_path)
{
    return (struct remote_new){
        .message_id = "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39",
        .creation = "c0ffee00-3a50-4a5f-9a77-0d6f0c1b2a39",
        .folder = "AAMk=",
        .subject = "Voice message",
        .body = "A voice message.",
        .item_class = "IPM.Note.Microsoft.Voicemail.UM.CA",
        .from_number = "5000",
        .from_name = "",
        .from_address = "",
        .reference = "",
        .received = {1795600000000},
        .duration_ms = 3000,
        .audio_path = audio_path,
        .audio_name = "voice.wav",
        .audio_type = "audio/wav",
    };
}

static void make_audio(char *path, size_t size)
{
    snprintf(path, size, "/tmp/sib-test-audio-XXXXXX");
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "RIFF", 4), 4);
    close(fd);
}

/* ---- One request each ------------------------------------------------------------------- */

static void a_write_gives_the_new_id_and_version(void **state)
{
    (void)state;
    struct scene s;
    struct remote_fields fields = {.set_read = true, .read = true};
    open_scene(&s, 4, 10, 7);
    add(&s, ANSWER("UpdateItem", OK_MESSAGE("UpdateItem", ITEM(""))));
    add(&s, ANSWER("MoveItem", OK_MESSAGE("MoveItem", ITEM(""))));
    add(&s, ANSWER("CreateItem", OK_MESSAGE("CreateItem", ITEM(""))));
    add(&s, ANSWER("DeleteItem", OK_MESSAGE("DeleteItem", "")));
    s.remote->ops->set(s.remote, "i", "v", &fields, saw_ref, &s);
    assert_int_equal(s.calls, 0);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.text, "new k");
    s.remote->ops->move(s.remote, "i", "f", saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    struct remote_new message = a_message(NULL);
    s.remote->ops->create(s.remote, &message, saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    s.remote->ops->remove(s.remote, "i", saw_done, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.calls, 4);
    assert_non_null(strstr(buf_str(&s.requests[0]), "<t:PrimarySmtpAddress>ann@example.com<"));
    expect_schema(&s);
    close_scene(&s);
}

static void a_write_whose_answer_names_no_item_may_have_happened(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 100);
    add(&s, ANSWER("MoveItem", OK_MESSAGE("MoveItem", "<m:Items/>")));
    s.remote->ops->move(s.remote, "i", "f", saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_PROTOCOL);
    assert_int_equal(s.err.effect, ERR_EFFECT_UNKNOWN);
    close_scene(&s);
}

static void an_update_that_sets_nothing_is_not_sent(void **state)
{
    (void)state;
    struct scene s;
    struct remote_fields fields = {0};
    open_scene(&s, 4, 10, 100);
    s.remote->ops->set(s.remote, "i", "v", &fields, saw_ref, &s);
    assert_int_equal(s.calls, 0);
    settle(&s);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.err.kind, ERR_INTERNAL);
    assert_int_equal(s.asked, 0);
    close_scene(&s);
}

static void a_refused_token_is_told_as_gone(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 100);
    add(&s,
        ANSWER("SyncFolderItems", BAD_MESSAGE("SyncFolderItems", "ErrorInvalidSyncStateData")));
    add(&s, SYNCED("H4s"));
    add(&s, SYNCED(""));
    s.remote->ops->changes(s.remote, "f", "old", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_GONE);
    assert_string_equal(s.err.code, "token");
    s.remote->ops->changes(s.remote, "f", "", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.text, "H4s");
    assert_true(s.last);
    s.remote->ops->changes(s.remote, "f", "H4s", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_PROTOCOL);
    close_scene(&s);
}

static void an_item_that_is_not_there_is_told_as_gone(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 100);
    add(&s, ANSWER("GetItem", BAD_MESSAGE("GetItem", "ErrorItemNotFound")));
    add(&s, ANSWER("GetItem", OK_MESSAGE("GetItem", ITEM(""))));
    s.remote->ops->get(s.remote, "i", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_GONE);
    s.remote->ops->get(s.remote, "i", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.count, 1);
    close_scene(&s);
}

static void subscriptions_are_made_and_ended(void **state)
{
    (void)state;
    struct scene s;
    const char *folders[] = {"f1", "f2"};
    open_scene(&s, 4, 10, 100);
    add(&s,
        ANSWER("Subscribe", OK_MESSAGE("Subscribe", "<m:SubscriptionId>sub</m:SubscriptionId>"
                                                    "<m:Watermark>w</m:Watermark>")));
    add(&s, ANSWER("Unsubscribe", OK_MESSAGE("Unsubscribe", "")));
    struct remote_watching watching = {
        .url = "https://x/y", .status_minutes = 2, .folders = folders, .count = 2};
    s.remote->ops->watch(s.remote, &watching, saw_watch, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.text, "sub");
    s.remote->ops->unwatch(s.remote, "sub", NULL, saw_done, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    watching.status_minutes = 0;
    s.remote->ops->watch(s.remote, &watching, saw_watch, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_CONFIG);
    assert_int_equal(s.calls, 3);
    close_scene(&s);
}

/* ---- Folders ---------------------------------------------------------------------------- */

#define ROOT(id)                                                                               \
    OK_MESSAGE("GetFolder",                                                                    \
               "<m:Folders><t:Folder><t:FolderId Id=\"" id "\"/><t:DisplayName>" id            \
               "</t:DisplayName></t:Folder></m:Folders>")
#define FOUND(attributes, inner)                                                               \
    ANSWER("FindFolder",                                                                       \
           OK_MESSAGE("FindFolder", "<m:RootFolder " attributes "><t:Folders>" inner           \
                                    "</t:Folders></m:RootFolder>"))
#define FOLDER(id, class)                                                                      \
    "<t:Folder><t:FolderId Id=\"" id "\"/>" class "<t:DisplayName>n</t:DisplayName></"         \
                                                  "t:Folder>"
#define CLASS(name) "<t:FolderClass>" name "</t:FolderClass>"
#define ALL         "IncludesLastItemInRange=\"true\" TotalItemsInView=\"1\""

static void folders_come_roots_first_and_only_those_of_mail(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("GetFolder",
                   ROOT("in") BAD_MESSAGE("GetFolder", "ErrorFolderNotFound") ROOT("del")));
    add(&s, FOUND("IncludesLastItemInRange=\"false\" IndexedPagingOffset=\"3\"",
                  FOLDER("a", "")
                      FOLDER("b", CLASS("IPF.Appointment")) "<t:SearchFolder><t:FolderId "
                                                            "Id=\"s\"/></t:SearchFolder>"));
    add(&s, FOUND(ALL, FOLDER("c", CLASS("IPF.Note.Custom")) FOLDER("d", CLASS("IPF.Notes"))));
    add(&s, FOUND(ALL, FOLDER("e", CLASS("IPF.Note"))));
    s.remote->ops->folders(s.remote, 0, saw_folders, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.text,
                        "in:in:inbox! del:del:deleted! a:n:below c:n:below e:n:deleted ");
    assert_int_equal(s.asked, 4);
    assert_null(strstr(buf_str(&s.requests[0]), "sentitems"));
    assert_non_null(strstr(buf_str(&s.requests[2]), "Offset=\"3\""));
    assert_non_null(strstr(buf_str(&s.requests[3]), "deleteditems"));
    expect_schema(&s);
    close_scene(&s);
}

#define MADE(id)                                                                               \
    ANSWER("CreateFolder",                                                                     \
           OK_MESSAGE("CreateFolder", "<m:Folders><t:Folder><t:FolderId Id=\"" id              \
                                      "\"/></t:Folder></m:Folders>"))

/* A server that does not restrict what it finds to what was asked for. */
static void the_voice_outbox_is_found_among_others_or_made(void **state)
{
    (void)state;
    for (int there = 0; there < 2; there++) {
        struct scene s;
        open_scene(&s, 4, 10, 50);
        add(&s, ANSWER("GetFolder", ROOT("in") ROOT("j") ROOT("del")));
        add(&s, FOUND(ALL, ""));
        add(&s, FOUND(ALL, ""));
        add(&s, there
                    ? FOUND(ALL,
                            FOLDER("x",
                                   "") "<t:Folder><t:FolderId Id=\"out\"/><t:DisplayName>Voice "
                                       "Outbox</t:DisplayName></t:Folder>")
                    : FOUND(ALL, FOLDER("x", "")));
        add(&s, MADE("out"));
        s.remote->ops->folders(s.remote, REMOTE_WITH_OUTBOX, saw_folders, &s);
        settle(&s);
        assert_int_equal(s.calls, 1);
        assert_int_equal(s.err.kind, ERR_OK);
        assert_string_equal(
            s.text, "in:in:inbox! j:j:junk! del:del:deleted! out:Voice Outbox:outbox! ");
        assert_int_equal(s.asked, there ? 4 : 5);
        assert_non_null(strstr(buf_str(&s.requests[3]), "Id=\"outbox\""));
        expect_schema(&s);
        close_scene(&s);
    }
}

static void a_made_voice_outbox_without_an_id_is_done_without(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("GetFolder", ROOT("in") ROOT("j") ROOT("del")));
    add(&s, FOUND(ALL, ""));
    add(&s, FOUND(ALL, ""));
    add(&s, FOUND(ALL, ""));
    add(&s, ANSWER("CreateFolder", OK_MESSAGE("CreateFolder", "<m:Folders/>")));
    log_set_level(LOG_LEVEL_ERROR);
    s.remote->ops->folders(s.remote, REMOTE_WITH_OUTBOX, saw_folders, &s);
    settle(&s);
    log_set_level(LOG_LEVEL_INFO);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.count, 3);
    close_scene(&s);
}

static void folders_without_an_inbox_or_without_end_are_an_error(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("GetFolder",
                   BAD_MESSAGE("GetFolder", "ErrorNonExistentMailbox") ROOT("j") ROOT("del")));
    s.remote->ops->folders(s.remote, 0, saw_folders, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_NO_MAILBOX);
    close_scene(&s);

    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("GetFolder", ROOT("in") ROOT("j") ROOT("del") ROOT("sent")));
    add(&s, FOUND("IncludesLastItemInRange=\"false\" IndexedPagingOffset=\"0\"", ""));
    s.remote->ops->folders(s.remote, REMOTE_WITH_SENT, saw_folders, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_PROTOCOL);
    assert_int_equal(s.asked, 2);
    close_scene(&s);

    /* Pages that go on and bring nothing. */
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("GetFolder", ROOT("in") ROOT("j") ROOT("del") ROOT("sent")));
    add(&s, FOUND("IncludesLastItemInRange=\"false\" IndexedPagingOffset=\"9\"", ""));
    s.remote->ops->folders(s.remote, REMOTE_WITH_SENT, saw_folders, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_PROTOCOL);
    assert_int_equal(s.asked, 2);
    close_scene(&s);
}

/* ---- Audio ------------------------------------------------------------------------------ */

static void a_message_with_audio_takes_one_request_when_the_answer_names_it(void **state)
{
    (void)state;
    struct scene s;
    char path[64];
    make_audio(path, sizeof(path));
    struct remote_new message = a_message(path);
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("CreateItem", OK_MESSAGE("CreateItem", ITEM(ATTACHMENT))));
    s.remote->ops->create(s.remote, &message, saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.asked, 1);
    assert_non_null(strstr(buf_str(&s.requests[0]), "<t:Content>UklGRg==</t:Content>"));
    unlink(path);
    close_scene(&s);
}

static void a_server_that_may_drop_audio_is_looked_at_once(void **state)
{
    (void)state;
    struct scene s;
    char path[64];
    make_audio(path, sizeof(path));
    struct remote_new message = a_message(path);
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("CreateItem", OK_MESSAGE("CreateItem", ITEM(""))));
    add(&s, ANSWER("GetItem", OK_MESSAGE("GetItem", ITEM(ATTACHMENT))));
    add(&s, ANSWER("CreateItem", OK_MESSAGE("CreateItem", ITEM(""))));
    s.remote->ops->create(s.remote, &message, saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.text, "new k");
    s.remote->ops->create(s.remote, &message, saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.asked, 3);
    unlink(path);
    close_scene(&s);
}

static void an_item_without_its_audio_is_removed_again(void **state)
{
    (void)state;
    struct scene s;
    char path[64];
    make_audio(path, sizeof(path));
    struct remote_new message = a_message(path);
    open_scene(&s, 4, 10, 50);
    add(&s, ANSWER("CreateItem", OK_MESSAGE("CreateItem", ITEM(""))));
    add(&s, ANSWER("GetItem", OK_MESSAGE("GetItem", ITEM(""))));
    add(&s, ANSWER("DeleteItem", OK_MESSAGE("DeleteItem", "")));
    s.remote->ops->create(s.remote, &message, saw_ref, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_CONFIG);
    assert_int_equal(s.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(buf_str(&s.requests[2]), "DeleteItem"));
    expect_schema(&s);
    unlink(path);
    close_scene(&s);
}

static void expect_file(const char *path, const char *content)
{
    char got[64] = "";
    FILE *file = fopen(path, "rb");
    if (!content) {
        assert_null(file);
        return;
    }
    assert_non_null(file);
    assert_int_equal(fread(got, 1, sizeof(got) - 1, file), strlen(content));
    assert_string_equal(got, content);
    fclose(file);
    unlink(path);
}

#define CONTENT(base64)                                                                        \
    "<m:Attachments><t:FileAttachment><t:AttachmentId Id=\"att\"/><t:Content>" base64          \
    "</t:Content></t:FileAttachment></m:Attachments>"
#define GOT(inner) ANSWER("GetAttachment", OK_MESSAGE("GetAttachment", inner))

static void audio_is_fetched_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum err_kind kind;
    } rows[] = {
        {GOT(CONTENT("UklG\r\nRg==")), ERR_OK},
        {GOT(CONTENT("UklGR")), ERR_PROTOCOL},
        {GOT(CONTENT("Ukl!!!")), ERR_PROTOCOL},
        {GOT(""), ERR_PROTOCOL},
        {GOT(CONTENT("UklG") CONTENT("UklG")), ERR_PROTOCOL},
        {ANSWER("GetAttachment", BAD_MESSAGE("GetAttachment", "ErrorItemNotFound")), ERR_GONE},
    };
    char path[64], part[80];
    make_audio(path, sizeof(path));
    unlink(path);
    snprintf(part, sizeof(part), "%s.part", path);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene s;
        open_scene(&s, 4, 10, 3);
        add(&s, rows[i].answer);
        s.remote->ops->fetch(s.remote, "att", path, saw_done, &s);
        settle(&s);
        assert_int_equal(s.calls, 1);
        assert_int_equal(s.err.kind, rows[i].kind);
        expect_file(path, rows[i].kind == ERR_OK ? "RIFF" : NULL);
        expect_file(part, NULL);
        close_scene(&s);
    }
}

static void a_cancelled_fetch_leaves_no_file(void **state)
{
    (void)state;
    struct scene s;
    char path[64], part[80];
    make_audio(path, sizeof(path));
    unlink(path);
    snprintf(part, sizeof(part), "%s.part", path);
    open_scene(&s, 4, 10, 3);
    add(&s, GOT(CONTENT("UklGRg==")));
    struct remote_call *call = s.remote->ops->fetch(s.remote, "att", path, saw_done, &s);
    loop_virtual_run(s.loop, 5);
    remote_cancel(s.remote, &call);
    assert_null(call);
    settle(&s);
    assert_int_equal(s.calls, 0);
    expect_file(path, NULL);
    expect_file(part, NULL);
    close_scene(&s);
}

/* ---- What can be wrong with an answer --------------------------------------------------- */

static struct err error_of(int status, const char *type, const char *body,
                           int64_t retry_after_ms)
{
    struct scene s;
    open_scene(&s, 4, 10, 40);
    struct fake_answer *answer = add_raw(&s, status, type, body);
    answer->retry_after_ms = retry_after_ms;
    s.remote->ops->remove(s.remote, "i", saw_done, &s);
    settle(&s);
    assert_int_equal(s.calls, 1);
    close_scene(&s);
    return s.err;
}

static void a_web_page_instead_of_ews_is_a_matter_of_set_up(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "<!DOCTYPE html><html><body>Log in<br></body></html>",
        "\xEF\xBB\xBF\r\n<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><HTML></HTML>",
        "<html><head><title>x</title></head></html>",
    };
    for (size_t i = 0; i < 3; i++) {
        struct err err = error_of(200, i ? "" : "text/html; charset=utf-8", pages[i], 0);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_int_equal(err.scope, ERR_SCOPE_ACCOUNT);
        assert_non_null(strstr(err.text, "a web page, not EWS"));
    }
}

static void a_status_without_soap_decides_and_soap_decides_before_a_status(void **state)
{
    (void)state;
    struct buf text;
    assert_int_equal(error_of(401, "text/html", "<html>401</html>", 0).kind, ERR_DENIED);
    assert_int_equal(error_of(404, "", "", 0).kind, ERR_CONFIG);
    struct err err = error_of(503, "text/html", "<!DOCTYPE html><p>busy", 30000);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_int_equal(err.back_off_ms, 30000);
    err = error_of(500, "text/html", "<html>Runtime Error", 0);
    assert_int_equal(err.kind, ERR_TEMPORARY);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    const char *fault =
        fixture_soap(&text, "<s:Fault><faultcode>a:ErrorQuotaExceeded</faultcode>"
                            "</s:Fault>");
    assert_int_equal(error_of(500, NULL, fault, 0).kind, ERR_FULL);
    /* another server sends its faults with status 200 */
    assert_int_equal(error_of(200, NULL, fault, 0).kind, ERR_FULL);
    buf_clear(&text);
}

static void an_answer_cut_off_at_any_byte_is_never_accepted(void **state)
{
    (void)state;
    struct buf text;
    const char *whole = fixture_soap(&text, ANSWER("DeleteItem", OK_MESSAGE("DeleteItem", "")));
    size_t len = strlen(whole);
    assert_int_equal(error_of(200, NULL, whole, 0).kind, ERR_OK);
    for (size_t cut = 0; cut < len; cut++) {
        char *part = strndup(whole, cut);
        struct err err = error_of(200, NULL, part, 0);
        assert_true(err.kind != ERR_OK);
        assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
        free(part);
    }
    buf_clear(&text);
}

static void an_endless_or_hostile_answer_is_stopped(void **state)
{
    (void)state;
    size_t len = (size_t)LIMIT_RESPONSE_BYTES + 3 * MIB;
    char *text = malloc(len + 1);
    memset(text, ' ', len);
    text[len] = '\0';
    memcpy(text, "<a>", 3);
    struct err err = error_of(200, NULL, text, 0);
    assert_int_equal(err.kind, ERR_PROTOCOL);
    free(text);
    err = error_of(200, "text/xml",
                   "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a/>", 0);
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
}

static void an_error_of_the_transport_is_passed_on(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 4, 10, 40);
    struct fake_answer *answer = add_raw(&s, 0, "", NULL);
    err_set(&answer->err, ERR_UNAVAILABLE, "no connection");
    answer->err.effect = ERR_EFFECT_UNKNOWN;
    s.remote->ops->remove(s.remote, "i", saw_done, &s);
    settle(&s);
    assert_int_equal(s.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(s.err.effect, ERR_EFFECT_UNKNOWN);
    close_scene(&s);
}

/* ---- The queue -------------------------------------------------------------------------- */

static void mailboxes_take_turns_within_the_limit_of_the_account(void **state)
{
    (void)state;
    struct scene s;
    struct remote *others[3];
    static const char *const names[] = {"bob@example.com", "cy@example.com", "dee@example.com"};
    open_scene(&s, 2, 10, 4096);
    add(&s, SYNCED("T"));
    for (int i = 0; i < 3; i++)
        others[i] = ews_remote_new(s.account, names[i]);
    for (int i = 0; i < 5; i++) /* one mailbox asks for much, before the others come */
        s.remote->ops->changes(s.remote, "f", "", saw_changes, &s);
    for (int i = 0; i < 3; i++)
        others[i]->ops->changes(others[i], "f", "", saw_changes, &s);
    assert_int_equal(ews_account_in_flight(s.account), 1); /* is the password accepted? */
    assert_int_equal(ews_account_waiting(s.account), 7);
    settle(&s);
    assert_int_equal(s.calls, 8);
    assert_int_equal(fake_transport_most(s.fake), 2);
    /* nobody waits behind all of ann's */
    const char *order = fake_transport_mailboxes(s.fake);
    int ann_before_dee = 0;
    for (const char *at = order; at < strstr(order, "dee@"); at = strchr(at, '\n') + 1)
        ann_before_dee += strncmp(at, "ann@", 4) == 0;
    assert_true(ann_before_dee <= 3);
    for (int i = 0; i < 3; i++)
        remote_free(&others[i]);
    close_scene(&s);
}

static void a_mailbox_has_one_request_in_flight(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 10, 10, 4096);
    add(&s, SYNCED("T"));
    for (int i = 0; i < 5; i++)
        s.remote->ops->changes(s.remote, "f", "", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.calls, 5);
    assert_int_equal(fake_transport_most(s.fake), 1);
    close_scene(&s);
}

static void cancelling_makes_room_and_calls_nobody(void **state)
{
    (void)state;
    struct scene s;
    struct remote_call *calls[4];
    open_scene(&s, 1, 10, 4096);
    add(&s, SYNCED("T"));
    for (int i = 0; i < 4; i++)
        calls[i] = s.remote->ops->changes(s.remote, "f", "", saw_changes, &s);
    remote_cancel(s.remote, &calls[2]); /* waits */
    remote_cancel(s.remote, &calls[0]); /* in flight */
    remote_cancel(s.remote, &calls[0]); /* again: nothing */
    assert_int_equal(ews_account_in_flight(s.account), 1);
    assert_int_equal(ews_account_waiting(s.account), 1);
    settle(&s);
    assert_int_equal(s.calls, 2);
    close_scene(&s);
}

static void a_call_may_be_cancelled_inside_its_own_callback(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 1, 10, 4096);
    add(&s, SYNCED("T"));
    s.cancel_inside = s.remote->ops->changes(s.remote, "f", "", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.calls, 1);
    close_scene(&s);
}

static void free_in_callback(const struct err *err, void *arg)
{
    struct scene *scene = arg;
    saw_done(err, scene);
    remote_free(&scene->remote);
}

static void a_remote_may_be_freed_inside_a_callback(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 1, 10, 4096);
    add(&s, ANSWER("DeleteItem", OK_MESSAGE("DeleteItem", "")));
    s.remote->ops->remove(s.remote, "i", free_in_callback, &s);
    s.remote->ops->changes(s.remote, "f", "", saw_changes, &s);
    settle(&s);
    assert_int_equal(s.calls, 1);
    close_scene(&s);
}

static void too_many_waiting_requests_are_refused_without_being_sent(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 1, 10, 4096);
    add(&s, SYNCED("T"));
    for (int i = 0; i < LIMIT_REQUESTS_WAITING + 1; i++)
        s.remote->ops->unwatch(s.remote, "x", NULL, saw_done, &s);
    assert_int_equal(ews_account_waiting(s.account), LIMIT_REQUESTS_WAITING);
    struct remote_call *call = s.remote->ops->remove(s.remote, "i", saw_done, &s);
    (void)call;
    loop_virtual_run(s.loop, 1);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.err.kind, ERR_TEMPORARY);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    close_scene(&s);
}

static void tell(const char *direction, const char *bytes, size_t len, void *arg)
{
    struct buf *all = arg;
    buf_printf(all, "%s:%.*s\n", direction, (int)len, bytes);
}

static void saw_greeting(const struct err *err, const struct ews_greeting *greeting, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
    s->count = greeting ? (size_t)greeting->status : 0;
}

/* Somebody answers a stranger with pages and pages: that he answers is all that is asked. */
static void of_a_long_greeting_no_more_is_read_than_needed(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 100, LIMIT_GREETING_BYTES, 4 * LIMIT_GREETING_BYTES};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct scene s;
        char *page = calloc(1, lengths[i] + 1);
        memset(page, 'x', lengths[i]);
        open_scene(&s, 4, 10, 1000);
        add_raw(&s, 401, "text/html", page);
        assert_non_null(ews_check_greet(s.remote, saw_greeting, &s));
        settle(&s);
        assert_int_equal(s.calls, 1);
        assert_int_equal(s.err.kind, ERR_OK);
        assert_int_equal(s.count, 401);
        free(page);
        close_scene(&s);
    }
}

static void a_trace_shows_texts_and_never_the_audio(void **state)
{
    (void)state;
    struct scene s;
    struct buf all;
    char path[64];
    make_audio(path, sizeof(path));
    struct remote_new message = a_message(path);
    buf_init(&all, MIB);
    open_scene(&s, 1, 10, 4096);
    add(&s, ANSWER("CreateItem", OK_MESSAGE("CreateItem", ITEM(ATTACHMENT))));
    ews_account_trace(s.account, tell, &all);
    s.remote->ops->create(s.remote, &message, saw_ref, &s);
    settle(&s);
    assert_non_null(strstr(buf_str(&all), "request:<?xml"));
    assert_non_null(strstr(buf_str(&all), "response:<?xml"));
    assert_null(strstr(buf_str(&all), "UklGRg=="));
    unlink(path);
    buf_clear(&all);
    close_scene(&s);
}

static void unexpected_line(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level <= LOG_LEVEL_WARNING)
        fail_msg("unexpected in the log: %s", line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_gives_the_new_id_and_version),
        cmocka_unit_test(a_write_whose_answer_names_no_item_may_have_happened),
        cmocka_unit_test(an_update_that_sets_nothing_is_not_sent),
        cmocka_unit_test(a_refused_token_is_told_as_gone),
        cmocka_unit_test(an_item_that_is_not_there_is_told_as_gone),
        cmocka_unit_test(subscriptions_are_made_and_ended),
        cmocka_unit_test(folders_come_roots_first_and_only_those_of_mail),
        cmocka_unit_test(the_voice_outbox_is_found_among_others_or_made),
        cmocka_unit_test(a_made_voice_outbox_without_an_id_is_done_without),
        cmocka_unit_test(folders_without_an_inbox_or_without_end_are_an_error),
        cmocka_unit_test(a_message_with_audio_takes_one_request_when_the_answer_names_it),
        cmocka_unit_test(a_server_that_may_drop_audio_is_looked_at_once),
        cmocka_unit_test(an_item_without_its_audio_is_removed_again),
        cmocka_unit_test(audio_is_fetched_whole_or_not_at_all),
        cmocka_unit_test(a_cancelled_fetch_leaves_no_file),
        cmocka_unit_test(a_web_page_instead_of_ews_is_a_matter_of_set_up),
        cmocka_unit_test(a_status_without_soap_decides_and_soap_decides_before_a_status),
        cmocka_unit_test(an_answer_cut_off_at_any_byte_is_never_accepted),
        cmocka_unit_test(an_endless_or_hostile_answer_is_stopped),
        cmocka_unit_test(an_error_of_the_transport_is_passed_on),
        cmocka_unit_test(mailboxes_take_turns_within_the_limit_of_the_account),
        cmocka_unit_test(a_mailbox_has_one_request_in_flight),
        cmocka_unit_test(cancelling_makes_room_and_calls_nobody),
        cmocka_unit_test(a_call_may_be_cancelled_inside_its_own_callback),
        cmocka_unit_test(a_remote_may_be_freed_inside_a_callback),
        cmocka_unit_test(too_many_waiting_requests_are_refused_without_being_sent),
        cmocka_unit_test(of_a_long_greeting_no_more_is_read_than_needed),
        cmocka_unit_test(a_trace_shows_texts_and_never_the_audio),
    };
    log_set_sink(unexpected_line, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
