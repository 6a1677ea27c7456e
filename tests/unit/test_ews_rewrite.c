/* What an item says is changed over EWS: which requests go out, in which order, and what an
 * answer that is lost, refused or nonsense means. Over a transport that gives canned answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "ews/ews.h"
#include "ews/request.h"
#include "ews/response.h"
#include "tests/support/ews_fixture.h"

enum { ANSWERS_MAX = 40 };

struct scene {
    struct loop *loop;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct fake_answer answers[ANSWERS_MAX]; /* the last one repeats */
    struct buf texts[ANSWERS_MAX], requests[ANSWERS_MAX];
    int answer_count, asked;
    int calls;
    struct err err;
    char ref[200];
};

static struct fake_answer next_answer(const char *request, size_t len, void *arg)
{
    struct scene *scene = arg;
    int at = scene->asked++;

    assert_true(scene->answer_count > 0);
    if (at < ANSWERS_MAX)
        buf_add(&scene->requests[at], request, len);
    return scene->answers[at < scene->answer_count ? at : scene->answer_count - 1];
}

static void open_scene(struct scene *scene)
{
    const struct ews_config config = {
        .name = "main",
        .url = "https://exchange.example.com/EWS/Exchange.asmx",
        .impersonate = true,
        .request_timeout_ms = 60000,
        .create = "inline",
        .auth = {.auth = "basic",
                 .user = "u",
                 .password = "p",
                 .verify = true,
                 .max_connections = 2},
    };
    struct err err;

    memset(scene, 0, sizeof *scene);
    for (int i = 0; i < ANSWERS_MAX; i++)
        buf_init(&scene->requests[i], LIMIT_REQUEST_BYTES);
    scene->loop = loop_virtual_new((struct wall){1795600000000});
    scene->transport =
        fake_transport_base(fake_transport_new(scene->loop, next_answer, scene, 10, 4096));
    scene->account = ews_account_new(scene->loop, scene->transport, &config, &err);
    scene->remote = ews_remote_new(scene->account, "ann@example.com");
}

static void close_scene(struct scene *scene)
{
    remote_free(&scene->remote);
    assert_int_equal(ews_account_in_flight(scene->account), 0);
    ews_account_free(&scene->account);
    transport_free(&scene->transport);
    loop_free(&scene->loop);
    for (int i = 0; i < ANSWERS_MAX; i++) {
        buf_clear(&scene->texts[i]);
        buf_clear(&scene->requests[i]);
    }
}

static void answer(struct scene *scene, const char *body)
{
    int at = scene->answer_count++;

    scene->answers[at] =
        (struct fake_answer){.status = 200, .body = fixture_soap(&scene->texts[at], body)};
}

/* The answer is lost: what became of the request nobody knows. */
static void lose(struct scene *scene)
{
    struct fake_answer *lost = &scene->answers[scene->answer_count++];

    *lost = (struct fake_answer){.status = 0, .body = ""};
    err_set(&lost->err, ERR_TEMPORARY, "the answer was lost");
    lost->err.effect = ERR_EFFECT_UNKNOWN;
    lost->err.scope = ERR_SCOPE_MAILBOX;
}

#define SUCCESS(op, inner)                                                                     \
    "<m:" op "Response><m:ResponseMessages><m:" op                                             \
    "ResponseMessage ResponseClass=\"Success\">"                                               \
    "<m:ResponseCode>NoError</m:ResponseCode>" inner "</m:" op "ResponseMessage>"              \
    "</m:ResponseMessages></m:" op "Response>"
#define FAILURE(op, code)                                                                      \
    "<m:" op "Response><m:ResponseMessages><m:" op "ResponseMessage ResponseClass=\"Error\">"  \
    "<m:MessageText>no</m:MessageText><m:ResponseCode>" code "</m:ResponseCode>"               \
    "</m:" op "ResponseMessage></m:ResponseMessages></m:" op "Response>"
#define FILE_OF(id, name, type)                                                                \
    "<t:FileAttachment><t:AttachmentId Id=\"" id "\"/><t:Name>" name                           \
    "</t:Name><t:ContentType>" type "</t:ContentType></t:FileAttachment>"
#define ATTACHED(files)                                                                        \
    SUCCESS("GetItem", "<m:Items><t:Message><t:ItemId Id=\"I\" ChangeKey=\"V1\"/>"             \
                       "<t:Attachments>" files "</t:Attachments></t:Message></m:Items>")
#define BARE                                                                                   \
    SUCCESS("GetItem",                                                                         \
            "<m:Items><t:Message><t:ItemId Id=\"I\" ChangeKey=\"V2\"/></t:Message></m:Items>")
#define REMOVED                                                                                \
    SUCCESS("DeleteAttachment", "<m:RootItemId RootItemId=\"I\" RootItemChangeKey=\"V2\"/>")
#define WRITTEN                                                                                \
    SUCCESS("UpdateItem",                                                                      \
            "<m:Items><t:Message><t:ItemId Id=\"I\" ChangeKey=\"V3\"/></t:Message></m:Items>"  \
            "<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>")

static void saw_ref(const struct err *err, const struct remote_ref *ref, void *arg)
{
    struct scene *scene = arg;

    scene->calls++;
    scene->err = *err;
    assert_int_equal(ref != NULL, err->kind == ERR_OK);
    if (ref)
        snprintf(scene->ref, sizeof scene->ref, "%s %s", ref->id, ref->version);
}

static struct remote_call *begin(struct scene *scene, bool drop_audio)
{
    const struct remote_content content = {"It says <this> & \x01 that.\r\n",
                                           drop_audio ? "IPM.Note" : NULL, drop_audio};
    struct remote_call *call =
        scene->remote->ops->rewrite(scene->remote, "I", "V1", &content, saw_ref, scene);

    assert_non_null(call);
    assert_int_equal(scene->calls, 0);
    return call;
}

static void rewrite(struct scene *scene, bool drop_audio)
{
    begin(scene, drop_audio);
    loop_virtual_settle(scene->loop, 3600 * 1000);
    assert_int_equal(scene->calls, 1);
}

static bool asked(const struct scene *scene, int number, const char *words)
{
    return number < scene->asked && strstr(buf_str(&scene->requests[number]), words) != NULL;
}

static void a_body_is_replaced_in_one_request(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, WRITTEN);
    rewrite(&scene, false);
    assert_int_equal(scene.err.kind, ERR_OK);
    assert_string_equal(scene.ref, "I V3");
    assert_int_equal(scene.asked, 1);
    assert_true(asked(&scene, 0,
                      "<t:FieldURI FieldURI=\"item:Body\"/><t:Message>"
                      "<t:Body BodyType=\"Text\">It says &lt;this&gt; &amp;"));
    assert_true(asked(&scene, 0, "SuppressReadReceipts=\"true\""));
    assert_false(asked(&scene, 0, "DeleteItemField"));
    assert_false(asked(&scene, 0, "ItemClass"));
    close_scene(&scene);
}

/* rule: audio-expired */
static void the_recording_goes_before_the_notice_comes(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
    answer(&scene, REMOVED);
    answer(&scene, BARE);
    answer(&scene, WRITTEN);
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_OK);
    assert_string_equal(scene.ref, "I V3");
    assert_int_equal(scene.asked, 4);
    assert_true(asked(&scene, 1, "<m:DeleteAttachment>"));
    assert_true(asked(&scene, 1, "<t:AttachmentId Id=\"A1\"/>"));
    assert_true(asked(&scene, 3, "ChangeKey=\"V2\"")); /* that of the item without it */
    assert_true(asked(&scene, 3, "<t:DeleteItemField>"));
    assert_true(asked(&scene, 3, "<t:ItemClass>IPM.Note</t:ItemClass>"));
    close_scene(&scene);
}

static void every_recording_goes_and_nothing_else(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("D0", "Notes.txt", "text/plain")
                                FILE_OF("A1", "a.wav", "application/octet-stream")
                                    FILE_OF("A2", "b", "audio/mpeg")));
    answer(&scene, REMOVED);
    answer(&scene,
           ATTACHED(FILE_OF("D0", "Notes.txt", "text/plain") FILE_OF("A2", "b", "audio/mpeg")));
    answer(&scene, REMOVED);
    answer(&scene, ATTACHED(FILE_OF("D0", "Notes.txt", "text/plain")));
    answer(&scene, WRITTEN);
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_OK);
    assert_int_equal(scene.asked, 6);
    assert_true(asked(&scene, 1, "Id=\"A1\""));
    assert_true(asked(&scene, 3, "Id=\"A2\""));
    close_scene(&scene);
}

static void doing_it_again_finds_less_to_do_and_finishes_it(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, BARE);
    answer(&scene, WRITTEN);
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_OK);
    assert_int_equal(scene.asked, 2);
    close_scene(&scene);
}

static void a_recording_that_somebody_else_removed_is_removed(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
    answer(&scene, FAILURE("DeleteAttachment", "ErrorItemNotFound"));
    answer(&scene, BARE);
    answer(&scene, WRITTEN);
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_OK);
    assert_false(asked(&scene, 3, "ChangeKey")); /* whichever version it has now */
    close_scene(&scene);
}

static void an_item_that_is_gone_is_said_to_be_gone(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, FAILURE("GetItem", "ErrorItemNotFound"));
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_GONE);
    assert_int_equal(scene.err.effect, ERR_EFFECT_NONE);
    assert_int_equal(scene.asked, 1);
    close_scene(&scene);
    open_scene(&scene);
    answer(&scene, FAILURE("UpdateItem", "ErrorItemNotFound"));
    rewrite(&scene, false);
    assert_int_equal(scene.err.kind, ERR_GONE);
    close_scene(&scene);
}

/* Asking changes nothing; once something was removed, or may have been, nobody can say that
 * nothing happened. */
static void a_failure_says_whether_something_may_have_happened(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    lose(&scene);
    rewrite(&scene, true);
    assert_int_equal(scene.err.effect, ERR_EFFECT_NONE);
    close_scene(&scene);

    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
    lose(&scene);
    rewrite(&scene, true);
    assert_int_equal(scene.err.effect, ERR_EFFECT_UNKNOWN);
    close_scene(&scene);

    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
    answer(&scene, FAILURE("DeleteAttachment", "ErrorAccessDenied"));
    rewrite(&scene, true);
    assert_int_equal(scene.err.effect, ERR_EFFECT_NONE);
    close_scene(&scene);

    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
    answer(&scene, REMOVED);
    answer(&scene, BARE);
    answer(&scene, FAILURE("UpdateItem", "ErrorAccessDenied"));
    rewrite(&scene, true);
    assert_int_equal(scene.err.effect, ERR_EFFECT_UNKNOWN);
    close_scene(&scene);
}

static void a_server_that_keeps_what_it_says_it_removed_is_not_asked_for_ever(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    for (int i = 0; i < 19; i++) {
        answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
        answer(&scene, REMOVED);
    }
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_PROTOCOL);
    assert_non_null(strstr(scene.err.text, "keeps a recording"));
    assert_int_equal(scene.asked, 33);
    close_scene(&scene);
}

/* Else all of the mailbox would wait for what never comes. */
static void a_server_that_cannot_remove_attachments_refuses_this_message_only(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene);
    answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
    answer(&scene, "<s:Fault><faultcode>Client</faultcode>"
                   "<faultstring>Unknown request</faultstring></s:Fault>");
    rewrite(&scene, true);
    assert_int_equal(scene.err.kind, ERR_REFUSED);
    assert_int_equal(scene.err.scope, ERR_SCOPE_ITEM);
    assert_int_equal(scene.err.when, ERR_WHEN_NEVER);
    assert_int_equal(scene.err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(scene.err.text, "cannot remove an attachment"));
    close_scene(&scene);
}

static void an_answer_about_a_removal_is_read_with_care(void **state)
{
    static const struct {
        const char *body;
        enum err_kind kind;
    } answers[] = {
        {SUCCESS("DeleteAttachment", ""), ERR_OK}, /* another server says no more */
        {SUCCESS("DeleteAttachment", "<m:RootItemId RootItemId=\"I\"/>"), ERR_OK},
        {SUCCESS("GetItem", ""), ERR_PROTOCOL},
        {FAILURE("DeleteAttachment", "ErrorInvalidAttachmentId"), ERR_GONE},
        {"<m:DeleteAttachmentResponse><m:ResponseMessages/></m:DeleteAttachmentResponse>",
         ERR_PROTOCOL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct err err = {0};
        struct buf text;
        const struct xml_limits limits = {.max_bytes = MIB, .max_depth = 64, .max_nodes = 1000};
        struct xml_reader *reader = xml_reader_new(&limits, NULL);
        const struct xml_node *root;
        const char *version = "unset", *whole = fixture_soap(&text, answers[i].body);

        assert_true(xml_reader_feed(reader, whole, strlen(whole), &err));
        assert_true(xml_reader_end(reader, &root, &err));
        assert_int_equal(response_root_item(root, &version, &err), answers[i].kind == ERR_OK);
        assert_int_equal(err.kind, answers[i].kind);
        assert_string_equal(version, "");
        xml_reader_free(&reader);
        buf_clear(&text);
    }
}

static void given_up_it_says_nothing(void **state)
{
    struct scene scene;

    (void)state;
    for (int64_t ms = 0; ms < 60; ms += 5) {
        open_scene(&scene);
        answer(&scene, ATTACHED(FILE_OF("A1", "VoiceMessage.wav", "audio/wav")));
        answer(&scene, REMOVED);
        answer(&scene, BARE);
        answer(&scene, WRITTEN);
        struct remote_call *call = begin(&scene, true);
        loop_virtual_run(scene.loop, ms);
        if (scene.calls == 0) {
            remote_cancel(scene.remote, &call);
            loop_virtual_settle(scene.loop, 3600 * 1000);
            assert_int_equal(scene.calls, 0);
        }
        close_scene(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_replaced_in_one_request),
        cmocka_unit_test(the_recording_goes_before_the_notice_comes),
        cmocka_unit_test(every_recording_goes_and_nothing_else),
        cmocka_unit_test(doing_it_again_finds_less_to_do_and_finishes_it),
        cmocka_unit_test(a_recording_that_somebody_else_removed_is_removed),
        cmocka_unit_test(an_item_that_is_gone_is_said_to_be_gone),
        cmocka_unit_test(a_failure_says_whether_something_may_have_happened),
        cmocka_unit_test(a_server_that_keeps_what_it_says_it_removed_is_not_asked_for_ever),
        cmocka_unit_test(a_server_that_cannot_remove_attachments_refuses_this_message_only),
        cmocka_unit_test(an_answer_about_a_removal_is_read_with_care),
        cmocka_unit_test(given_up_it_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
