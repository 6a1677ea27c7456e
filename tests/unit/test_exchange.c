/* The stand-in for Exchange: strict where Exchange is strict, and forgetful where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/xml.h"
#include "tests/exchange/exchange.h"
#include "tests/exchange/exchange_fault.h"
#include "tests/exchange/exchange_transport.h"
#include "tests/exchange/exchange_user.h"

#define ANN "ann@example.net"

static const int64_t monday = 1795341600000; /* some morning in November 2026 */

struct fixture {
    struct loop *loop;
    struct exchange *ex;
    struct exchange_answer answer;
    struct xml_reader *reader;
    const struct xml_node *root;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err;
    f->loop = loop_virtual_new((struct wall){monday});
    f->ex = exchange_new(NULL, f->loop, 7, &err);
    assert_non_null(f->ex);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    exchange_answer_clear(&f->answer);
    xml_reader_free(&f->reader);
    exchange_free(&f->ex);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static char *envelope(const char *body)
{
    static const char format[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
        " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\""
        " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">"
        "<s:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/>"
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>" ANN
        "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>\n"
        "<s:Body>%s</s:Body></s:Envelope>";
    size_t size = strlen(body) + sizeof format;
    char *text = malloc(size);
    snprintf(text, size, format, body);
    return text;
}

/* Sends a body; returns the root of the answer. */
static const struct xml_node *ask(struct fixture *f, const char *body)
{
    char *text = envelope(body);
    struct err err;
    exchange_answer_clear(&f->answer);
    exchange_handle(f->ex, "svc", text, strlen(text), &f->answer);
    free(text);
    xml_reader_free(&f->reader);
    f->root = NULL;
    f->reader = xml_reader_new(NULL, NULL);
    if (f->answer.body.len && !strncmp(f->answer.type, "text/xml", 8)) {
        assert_true(xml_reader_feed(f->reader, f->answer.body.data, f->answer.body.len, &err));
        assert_true(xml_reader_end(f->reader, &f->root, &err));
    }
    return f->root;
}

static const char *code_of(const struct xml_node *root)
{
    return xml_text(xml_find(root, NULL, "ResponseCode"));
}

static const char *askf(struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends a body; returns the first ResponseCode. */
static const char *askf(struct fixture *f, const char *format, ...)
{
    char *body;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&body, format, args) >= 0);
    va_end(args);
    const char *code = code_of(ask(f, body));
    free(body);
    return code;
}

static void refuses(struct fixture *f, const char *body)
{
    assert_string_equal(askf(f, "%s", body), "ErrorSchemaValidation");
    assert_int_equal(f->answer.status, 500);
    assert_non_null(xml_find(f->root, NULL, "Violation"));
    assert_non_null(xml_find(f->root, NULL, "LineNumber"));
}

#define INBOX "<t:DistinguishedFolderId Id=\"inbox\"/>"
#define FLAGS                                                                                  \
    "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x0E07\" "                          \
    "PropertyType=\"Integer\"/>"                                                               \
    "<t:Value>0</t:Value></t:ExtendedProperty>"
#define OUR_URI                                                                                \
    "<t:ExtendedFieldURI PropertySetId=\"" EXCHANGE_PROPERTY_SET                               \
    "\" PropertyName=\"" EXCHANGE_MESSAGE_ID "\" PropertyType=\"String\"/>"
#define OUR_ID(id)                                                                             \
    "<t:ExtendedProperty>" OUR_URI "<t:Value>" id "</t:Value></t:ExtendedProperty>"
#define CREATE(children)                                                                       \
    "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId>" INBOX                \
    "</m:SavedItemFolderId><m:Items><t:Message>" children                                      \
    "</t:Message></m:Items></m:CreateItem>"
#define VOICE(id, audio)                                                                       \
    CREATE(                                                                                    \
        "<t:ItemClass>IPM.Note.Microsoft.Voicemail.UM.CA</t:ItemClass>"                        \
        "<t:Subject>Voice " id "</t:Subject><t:Body BodyType=\"Text\">A call.</t:Body>"        \
        "<t:Attachments><t:FileAttachment><t:Name>a.wav</t:Name>"                              \
        "<t:ContentType>audio/wav</t:ContentType><t:Content>" audio "</t:Content>"             \
        "</t:FileAttachment></t:Attachments>" FLAGS OUR_ID(id) "<t:IsRead>false</t:IsRead>")

static void create(struct fixture *f, const char *subject, char *id)
{
    assert_string_equal(askf(f, CREATE("<t:Subject>%s</t:Subject>" FLAGS), subject), "NoError");
    snprintf(id, EXCHANGE_ID_MAX, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
}

static const char *sync_inbox(struct fixture *f, const char *state, int most)
{
    return askf(f,
                "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
                "<t:AdditionalProperties><t:FieldURI FieldURI=\"item:Subject\"/>"
                "<t:FieldURI FieldURI=\"message:IsRead\"/>" OUR_URI
                "</t:AdditionalProperties></m:ItemShape><m:SyncFolderId>" INBOX
                "</m:SyncFolderId><m:SyncState>%s</m:SyncState>"
                "<m:MaxChangesReturned>%d</m:MaxChangesReturned></m:SyncFolderItems>",
                state, most);
}

static char *state_of(struct fixture *f)
{
    return strdup(xml_text(xml_find(f->root, NULL, "SyncState")));
}

static bool is_last(struct fixture *f)
{
    return !strcmp(xml_text(xml_find(f->root, NULL, "IncludesLastItemInRange")), "true");
}

/* The names of the changes, such as "Create Create Delete ". */
static const char *changes_of(struct fixture *f)
{
    static char text[4096];
    const struct xml_node *changes = xml_find(f->root, NULL, "Changes");
    text[0] = '\0';
    for (const struct xml_node *n = changes ? changes->first_child : NULL; n; n = n->next)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", n->name);
    return text;
}

/* The whole of the Inbox from a state to the present; returns the new state. */
static char *catch_up(struct fixture *f, const char *from)
{
    char *state = strdup(from);
    do {
        assert_string_equal(sync_inbox(f, state, 512), "NoError");
        free(state);
        state = state_of(f);
    } while (!is_last(f));
    return state;
}

static void refuses_what_the_schema_does_not_allow(void **state)
{
    struct fixture *f = *state;
    refuses(f, CREATE("<t:IsRead>true</t:IsRead><t:Subject>wrong order</t:Subject>"));
    refuses(f, CREATE("<t:Shubject>unknown</t:Shubject>"));
    refuses(f, CREATE("<m:Subject>wrong namespace</m:Subject>"));
    refuses(f, CREATE("<t:Importance>Urgent</t:Importance>"));
    refuses(f, CREATE("<t:Body>no type</t:Body>"));
    refuses(f, CREATE("<t:Subject>a</t:Subject><t:Subject>twice</t:Subject>"));
    refuses(f, CREATE(FLAGS "<t:Importance>High</t:Importance>"));
    refuses(f, VOICE("v-1", "Ukl*GRg=="));
    refuses(f, "<m:NoSuchThing/>");
    refuses(f, "<m:DeleteItem><m:ItemIds><t:ItemId Id=\"x\"/></m:ItemIds></m:DeleteItem>");
    refuses(f, "<m:GetItem><m:ItemIds><t:ItemId Id=\"x\"/></m:ItemIds></m:GetItem>");
    refuses(f, "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
               "<m:FolderIds><t:DistinguishedFolderId Id=\"inbocks\"/></m:FolderIds>"
               "</m:GetFolder>");
    refuses(f, "<m:Unsubscribe><m:SubscriptionId></m:SubscriptionId></m:Unsubscribe>");
}

static void names_the_line_of_a_violation(void **state)
{
    struct fixture *f = *state;
    refuses(f, "\n\n" CREATE("<t:Subject>a</t:Subject>\n<t:Nonsense/>"));
    assert_string_equal(xml_text(xml_find(f->root, NULL, "LineNumber")), "6");
}

static void refuses_numbers_out_of_their_range(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(sync_inbox(f, "", 0), "ErrorSchemaValidation");
    assert_string_equal(sync_inbox(f, "", 513), "ErrorSchemaValidation");
    assert_string_equal(sync_inbox(f, "", 512), "NoError");
    refuses(f, "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>" INBOX "</t:FolderIds>"
               "<t:EventTypes><t:EventType>CreatedEvent</t:EventType></t:EventTypes>"
               "<t:StatusFrequency>1441</t:StatusFrequency><t:URL>http://h/</t:URL>"
               "</m:PushSubscriptionRequest></m:Subscribe>");
}

static void refuses_an_update_of_two_properties_at_once(void **state)
{
    struct fixture *f = *state;
    char id[EXCHANGE_ID_MAX];
    create(f, "one", id);
    const char *code =
        askf(f,
             "<m:UpdateItem MessageDisposition=\"SaveOnly\" ConflictResolution=\"AutoResolve\">"
             "<m:ItemChanges><t:ItemChange><t:ItemId Id=\"%s\"/><t:Updates><t:SetItemField>"
             "<t:FieldURI FieldURI=\"message:IsRead\"/><t:Message><t:Subject>x</t:Subject>"
             "<t:IsRead>true</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>"
             "</m:ItemChanges></m:UpdateItem>",
             id);
    assert_string_equal(code, "ErrorSchemaValidation");
}

static void refuses_what_is_not_xml(void **state)
{
    struct fixture *f = *state;
    static const char broken[] = "<s:Envelope><s:Body></s:Envelope>";
    exchange_handle(f->ex, "svc", broken, sizeof broken - 1, &f->answer);
    assert_int_equal(f->answer.status, 400);
}

static void an_item_without_message_flags_is_a_draft(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_string_equal(askf(f, CREATE("<t:Subject>draft</t:Subject>")), "NoError");
    assert_string_equal(askf(f, CREATE("<t:Subject>message</t:Subject>" FLAGS)), "NoError");
    json_t *list = exchange_user_list(f->ex, ANN, NULL, &err);
    const json_t *items = json_object_get(list, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_true(json_is_false(json_object_get(json_array_get(items, 0), "draft")));
    assert_true(json_is_false(json_object_get(json_array_get(items, 0), "read")));
    assert_true(json_is_true(json_object_get(json_array_get(items, 1), "draft")));
    json_decref(list);
}

static void a_move_changes_the_id_and_keeps_what_is_inside(void **state)
{
    struct fixture *f = *state;
    char id[EXCHANGE_ID_MAX], moved[EXCHANGE_ID_MAX];
    assert_string_equal(askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    snprintf(id, sizeof id, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    assert_string_equal(askf(f,
                             "<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId"
                             " Id=\"deleteditems\"/></m:ToFolderId><m:ItemIds>"
                             "<t:ItemId Id=\"%s\"/></m:ItemIds></m:MoveItem>",
                             id),
                        "NoError");
    snprintf(moved, sizeof moved, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    assert_string_not_equal(id, moved);
    static const char get[] =
        "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
        "<t:FieldURI FieldURI=\"item:Attachments\"/>" OUR_URI
        "</t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds>"
        "</m:GetItem>";
    assert_string_equal(askf(f, get, id), "ErrorItemNotFound");
    assert_string_equal(askf(f, get, moved), "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "v-1");
    char attachment[EXCHANGE_ID_MAX + 64];
    snprintf(attachment, sizeof attachment, "%s",
             xml_attr(xml_find(f->root, NULL, "AttachmentId"), "Id"));
    assert_string_equal(askf(f,
                             "<m:GetAttachment><m:AttachmentIds><t:AttachmentId Id=\"%s\"/>"
                             "</m:AttachmentIds></m:GetAttachment>",
                             attachment),
                        "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Content")), "UklGRg==");
}

static void finds_an_item_by_our_property(void **state)
{
    struct fixture *f = *state;
    static const char find[] =
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
        "</m:ItemShape><m:IndexedPageItemView MaxEntriesReturned=\"10\" Offset=\"0\""
        " BasePoint=\"Beginning\"/><m:Restriction><t:IsEqualTo>" OUR_URI
        "<t:FieldURIOrConstant><t:Constant Value=\"%s\"/></t:FieldURIOrConstant></t:IsEqualTo>"
        "</m:Restriction><m:ParentFolderIds>" INBOX "</m:ParentFolderIds></m:FindItem>";
    askf(f, VOICE("v-1", "UklGRg=="));
    askf(f, VOICE("v-2", "UklGRg=="));
    assert_string_equal(askf(f, find, "v-2"), "NoError");
    const struct xml_node *root = xml_find(f->root, NULL, "RootFolder");
    assert_string_equal(xml_attr(root, "TotalItemsInView"), "1");
    assert_non_null(xml_find(root, NULL, "ItemId"));
    askf(f, find, "v-3");
    assert_null(xml_find(f->root, NULL, "ItemId"));
}

static void pages_the_first_sync_newest_first(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX], subject[32], *token = strdup("");
    /* The one without a subject arrives while the listing goes on, and is told at its end. */
    static const char *const expected[] = {"n7", "n6", "n5", "n4", "n3", "n2", "n1", ""};
    int seen = 0;
    for (int i = 1; i <= 7; i++) {
        snprintf(subject, sizeof subject, "n%d", i);
        create(f, subject, id);
    }
    do {
        assert_string_equal(sync_inbox(f, token, 3), "NoError");
        const struct xml_node *changes = xml_find(f->root, NULL, "Changes");
        for (const struct xml_node *n = changes->first_child; n; n = n->next) {
            assert_true(seen < 8);
            assert_string_equal(xml_text(xml_find(n, NULL, "Subject")), expected[seen++]);
        }
        if (seen == 3)
            assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
        free(token);
        token = state_of(f);
    } while (!is_last(f));
    free(token);
    assert_int_equal(seen, 8);
}

static void tells_every_kind_of_change(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char read[EXCHANGE_ID_MAX], subject[EXCHANGE_ID_MAX], gone[EXCHANGE_ID_MAX],
        moved[EXCHANGE_ID_MAX];
    create(f, "read", read);
    create(f, "subject", subject);
    create(f, "gone", gone);
    create(f, "moved", moved);
    char *token = catch_up(f, "");
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", read, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "subject", subject, "other", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", gone, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "move", moved, "Inbox/Project", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    assert_string_equal(sync_inbox(f, token, 512), "NoError");
    assert_string_equal(changes_of(f), "ReadFlagChange Update Delete Delete Create ");
    const struct xml_node *flag = xml_find(f->root, NULL, "ReadFlagChange");
    assert_string_equal(xml_child_text(flag, NULL, "IsRead"), "true");
    free(token);
    token = state_of(f);
    assert_string_equal(sync_inbox(f, token, 512), "NoError");
    assert_string_equal(changes_of(f), "");
    free(token);
}

static void a_change_between_two_pages_is_not_lost(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char ids[4][EXCHANGE_ID_MAX];
    char *token = catch_up(f, "");
    for (int i = 0; i < 4; i++)
        create(f, "x", ids[i]);
    assert_string_equal(sync_inbox(f, token, 2), "NoError");
    assert_false(is_last(f));
    assert_string_equal(changes_of(f), "Create Create ");
    free(token);
    token = state_of(f);
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", ids[0], NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", ids[3], NULL));
    assert_string_equal(sync_inbox(f, token, 2), "NoError");
    assert_string_equal(changes_of(f), "Create Delete "); /* the fourth was never told */
    assert_true(is_last(f));
    free(token);
}

static void refuses_a_sync_state_that_is_not_its_own(void **state)
{
    struct fixture *f = *state;
    char *token = catch_up(f, "");
    assert_string_equal(sync_inbox(f, "H4sIAAAA", 10), "ErrorInvalidSyncStateData");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "SyncState")), "");
    assert_true(is_last(f));
    token[strlen(token) / 2] ^= 1;
    assert_string_equal(sync_inbox(f, token, 10), "ErrorInvalidSyncStateData");
    token[strlen(token) / 2] ^= 1;
    const char *code =
        askf(f,
             "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
             "</m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId"
             " Id=\"deleteditems\"/></m:SyncFolderId><m:SyncState>%s</m:SyncState>"
             "<m:MaxChangesReturned>1</m:MaxChangesReturned></m:SyncFolderItems>",
             token);
    assert_string_equal(code, "ErrorInvalidSyncStateData");
    free(token);
}

static void an_old_change_key_conflicts(void **state)
{
    struct fixture *f = *state;
    static const char update[] =
        "<m:UpdateItem MessageDisposition=\"SaveOnly\" ConflictResolution=\"%s\">"
        "<m:ItemChanges><t:ItemChange><t:ItemId Id=\"%s\" ChangeKey=\"%s\"/><t:Updates>"
        "<t:SetItemField><t:FieldURI FieldURI=\"message:IsRead\"/><t:Message>"
        "<t:IsRead>%s</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>"
        "</m:ItemChanges></m:UpdateItem>";
    char id[EXCHANGE_ID_MAX], key[EXCHANGE_ID_MAX];
    create(f, "one", id);
    snprintf(key, sizeof key, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    assert_string_equal(askf(f, update, "NeverOverwrite", id, key, "true"), "NoError");
    assert_string_not_equal(xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"), key);
    assert_string_equal(askf(f, update, "NeverOverwrite", id, key, "false"),
                        "ErrorIrresolvableConflict");
    assert_string_equal(askf(f, update, "AutoResolve", id, key, "false"), "NoError");
}

static void a_folder_is_made_once(void **state)
{
    struct fixture *f = *state;
    static const char make[] =
        "<m:CreateFolder><m:ParentFolderId>" INBOX "</m:ParentFolderId><m:Folders><t:Folder>"
        "<t:DisplayName>%s</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>";
    assert_string_equal(askf(f, make, "Project"), "NoError");
    assert_string_equal(askf(f, make, "project"), "ErrorFolderExists");
    static const char find[] =
        "<m:FindFolder Traversal=\"%s\"><m:FolderShape><t:BaseShape>Default</t:BaseShape>"
        "</m:FolderShape><m:ParentFolderIds><t:DistinguishedFolderId Id=\"msgfolderroot\"/>"
        "</m:ParentFolderIds></m:FindFolder>";
    askf(f, find, "Shallow");
    assert_null(strstr(f->answer.body.data, "Project"));
    askf(f, find, "Deep");
    assert_non_null(strstr(f->answer.body.data, "Project"));
}

static void an_unknown_mailbox_is_refused_when_told_so(void **state)
{
    struct fixture *f = *state;
    struct err err;
    exchange_set_auto_mailboxes(f->ex, false);
    assert_string_equal(sync_inbox(f, "", 10), "ErrorNonExistentMailbox");
    assert_int_equal(f->answer.status, 500);
    assert_true(exchange_add_mailbox(f->ex, ANN, &err));
    assert_string_equal(sync_inbox(f, "", 10), "NoError");
}

/* A subscriber that answers as it is told. */
struct subscriber {
    struct exchange *ex;
    enum exchange_push_result result;
    int calls;
    char last[16384];
};

static void deliver(const char *url, const char *body, size_t len, const char *subscription,
                    void *arg)
{
    struct subscriber *s = arg;
    assert_string_equal(url, "https://voice.example.net/secret");
    s->calls++;
    snprintf(s->last, sizeof s->last, "%.*s", (int)len, body);
    exchange_push_answered(s->ex, subscription, s->result);
}

static void subscribe(struct fixture *f, struct subscriber *s)
{
    *s = (struct subscriber){.ex = f->ex, .result = EXCHANGE_PUSH_OK};
    exchange_set_deliver(f->ex, deliver, s);
    assert_string_equal(
        askf(f,
             "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>" INBOX "</t:FolderIds>"
             "<t:EventTypes><t:EventType>CreatedEvent</t:EventType>"
             "<t:EventType>NewMailEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType>"
             "<t:EventType>MovedEvent</t:EventType><t:EventType>DeletedEvent</t:EventType>"
             "</t:EventTypes><t:StatusFrequency>2</t:StatusFrequency>"
             "<t:URL>https://voice.example.net/secret</t:URL></m:PushSubscriptionRequest>"
             "</m:Subscribe>"),
        "NoError");
}

static void calls_a_subscriber_once_for_a_turn(void **state)
{
    struct fixture *f = *state;
    struct subscriber s;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    subscribe(f, &s);
    create(f, "ours", id);
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", id, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", id, NULL));
    assert_int_equal(s.calls, 0);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(s.calls, 1);
    assert_non_null(strstr(s.last, "CreatedEvent"));
    assert_non_null(strstr(s.last, "ModifiedEvent"));
    assert_non_null(strstr(s.last, "MovedEvent"));
    assert_null(strstr(s.last, "NewMailEvent")); /* it was our own CreateItem */
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(s.calls, 2);
    assert_non_null(strstr(s.last, "NewMailEvent"));
}

static void says_that_it_is_alive_and_ends_when_told(void **state)
{
    struct fixture *f = *state;
    struct subscriber s;
    subscribe(f, &s);
    loop_virtual_run(f->loop, 119 * 1000);
    assert_int_equal(s.calls, 0);
    loop_virtual_run(f->loop, 2 * 1000);
    assert_int_equal(s.calls, 1);
    assert_non_null(strstr(s.last, "StatusEvent"));
    s.result = EXCHANGE_PUSH_UNSUBSCRIBE;
    loop_virtual_run(f->loop, 121 * 1000);
    assert_int_equal(s.calls, 2);
    assert_int_equal(exchange_subscriptions(f->ex), 0);
}

static void tries_again_and_then_drops_the_subscription_silently(void **state)
{
    struct fixture *f = *state;
    struct subscriber s;
    struct err err;
    subscribe(f, &s);
    s.result = EXCHANGE_PUSH_FAILED;
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 29 * 1000);
    assert_int_equal(s.calls, 1);
    loop_virtual_run(f->loop, 2 * 1000); /* 30 s */
    assert_int_equal(s.calls, 2);
    loop_virtual_run(f->loop, 60 * 1000); /* 30 + 60 s */
    assert_int_equal(s.calls, 3);
    assert_int_equal(exchange_subscriptions(f->ex), 1);
    loop_virtual_run(f->loop, 30 * 1000); /* two minutes are over */
    assert_int_equal(s.calls, 3);
    assert_int_equal(exchange_subscriptions(f->ex), 0);
}

static void a_subscriber_that_comes_back_gets_what_it_missed(void **state)
{
    struct fixture *f = *state;
    struct subscriber s;
    struct err err;
    subscribe(f, &s);
    s.result = EXCHANGE_PUSH_FAILED;
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 1000);
    s.result = EXCHANGE_PUSH_OK;
    loop_virtual_run(f->loop, 31 * 1000);
    assert_int_equal(s.calls, 2);
    assert_non_null(strstr(s.last, "NewMailEvent"));
    assert_int_equal(exchange_subscriptions(f->ex), 1);
}

static void reads_a_subscribers_answer_to_the_letter(void **state)
{
    (void)state;
    static const char format[] =
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>"
        "<m:SendNotificationResult"
        " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"
        "<m:SubscriptionStatus>%s</m:SubscriptionStatus></m:SendNotificationResult></s:Body>"
        "</s:Envelope>";
    static const struct {
        const char *word;
        enum exchange_push_result result;
    } rows[] = {{"OK", EXCHANGE_PUSH_OK},
                {"Unsubscribe", EXCHANGE_PUSH_UNSUBSCRIBE},
                {"UNSUBSCRIBE", EXCHANGE_PUSH_FAILED},
                {"ok", EXCHANGE_PUSH_FAILED},
                {"", EXCHANGE_PUSH_FAILED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[600];
        snprintf(text, sizeof text, format, rows[i].word);
        assert_int_equal(exchange_push_read_answer(text, strlen(text)), rows[i].result);
    }
    assert_int_equal(exchange_push_read_answer("OK", 2), EXCHANGE_PUSH_FAILED);
}

/* A request through the transport, and how it ended. */
struct caller {
    int done, status;
    struct err err;
    struct buf bytes;
    struct transport_account account;
    struct transport_call *call;
};

static bool take_bytes(const void *bytes, size_t len, void *arg)
{
    struct caller *c = arg;
    return buf_add(&c->bytes, bytes, len);
}

static void take_end(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct caller *c = arg;
    c->done++;
    c->status = reply->status;
    c->err = *err;
    c->call = NULL;
}

static void call(struct caller *c, struct transport *transport, const char *body,
                 int64_t timeout)
{
    struct buf bytes;
    *c = (struct caller){.account = {.auth = "basic", .user = "svc", .password = "secret"}};
    buf_init(&c->bytes, MIB);
    buf_init(&bytes, MIB);
    char *text = envelope(body);
    buf_add_str(&bytes, text);
    free(text);
    c->call = transport->ops->start(transport,
                                    &(struct transport_request){.account = &c->account,
                                                                .url = "https://x/",
                                                                .timeout_ms = timeout,
                                                                .body = body_from_buf(&bytes),
                                                                .bytes = take_bytes,
                                                                .done = take_end,
                                                                .arg = c});
    assert_int_equal(c->done, 0);
}

static void a_lost_answer_leaves_the_effect_unknown(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    assert_true(exchange_set_faults(f->ex, "lose-answer:CreateItem:2", &err));
    call(&c, transport, VOICE("v-1", "UklGRg=="), 5000);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(c.err.kind, ERR_OK);
    assert_int_equal(c.status, 200);
    buf_clear(&c.bytes);
    call(&c, transport, VOICE("v-2", "UklGRg=="), 5000);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(c.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(c.bytes.len, 0);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 2); /* it did happen */
    buf_clear(&c.bytes);
    transport_free(&transport);
}

static void a_late_request_happens_after_its_caller_gave_up(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    assert_true(
        exchange_set_faults(f->ex, "late:CreateItem:1:3000,late:CreateItem:2:9000", &err));
    call(&c, transport, VOICE("v-1", "UklGRg=="), 2000);
    loop_virtual_run(f->loop, 2500);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 0);
    loop_virtual_run(f->loop, 1500);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
    buf_clear(&c.bytes);
    call(&c, transport, VOICE("v-2", "UklGRg=="), 2000); /* too late: the bound holds */
    loop_virtual_run(f->loop, 60000);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
    buf_clear(&c.bytes);
    transport_free(&transport);
}

static void a_cancelled_call_is_never_answered(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    call(&c, transport, VOICE("v-1", "UklGRg=="), 2000);
    transport->ops->cancel(c.call);
    loop_virtual_run(f->loop, 10000);
    assert_int_equal(c.done, 0);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1); /* the bytes were out */
    exchange_transport_set_down(transport, true);
    call(&c, transport, VOICE("v-2", "UklGRg=="), 2000);
    loop_virtual_run(f->loop, 10000);
    assert_int_equal(c.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(c.err.effect, ERR_EFFECT_NONE);
    transport_free(&transport);
}

static void busy_comes_in_its_three_shapes(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_true(exchange_set_faults(
        f->ex, "busy-fault:*:1:5000,busy-200:*:2:700,busy-inner:*:3,http-503:*:4:30,html:*:5",
        &err));
    assert_string_equal(sync_inbox(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 500);
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "5000");
    assert_string_equal(sync_inbox(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(xml_text(xml_find(f->root, NULL, "SyncState")), "");
    assert_true(is_last(f));
    assert_string_equal(sync_inbox(f, "", 10), "ErrorInternalServerError");
    sync_inbox(f, "", 10);
    assert_int_equal(f->answer.status, 503);
    assert_int_equal(f->answer.retry_after_ms, 30000);
    sync_inbox(f, "", 10);
    assert_string_equal(f->answer.type, "text/html");
    assert_string_equal(sync_inbox(f, "", 10), "NoError");
    assert_int_equal(exchange_count(f->ex, "SyncFolderItems"), 1);
}

static void a_wrong_fault_is_named(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "explode", "lose-answer:CreateItem:x", "delay",      "code:CreateItem",
        "http-99", "lose-answer:A:1:2:3",      "drop:*:200%"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err err;
        assert_false(exchange_set_faults(f->ex, wrong[i], &err));
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

static void a_person_finds_an_item_in_four_ways(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    askf(f, VOICE("v-1", "UklGRg=="));
    create(f, "Lunch on Friday", id);
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", "v-1", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", "friday", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "unread", id, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "urgent", "1", "on", NULL));
    assert_false(exchange_user_do(f->ex, ANN, &err, "read", "no such thing", NULL));
    assert_int_equal(err.kind, ERR_NO_MAILBOX);
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", id, NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Deleted Items"), 1);
    assert_true(exchange_user_do(f->ex, ANN, &err, "restore", "friday", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 2);
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", "friday", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", "friday", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Deleted Items"), 0);
    assert_true(exchange_user_do(f->ex, ANN, &err, "folder", "add", "Inbox/A/B", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "move", "v-1", "Inbox/A/B", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "folder", "rename", "Inbox/A", "C", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox/C/B"), 1);
    assert_true(exchange_user_do(f->ex, ANN, &err, "folder", "remove", "Inbox/C", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Deleted Items/C/B"), 1);
}

static void mime_content_becomes_an_item(void **state)
{
    struct fixture *f = *state;
    struct err err;
    /* Subject: hi, a text and a.wav with "RIFF" inside. */
    static const char mime[] =
        "From: \"Bob\" <bob@example.net>\r\nSubject: hi\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nA call.\r\n"
        "--b\r\nContent-Type: audio/wav; name=\"a.wav\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nUklGRg==\r\n--b--\r\n";
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[1024] = "";
    size_t at = 0;
    for (size_t i = 0; i + 2 < sizeof mime; i += 3) { /* its length is a multiple of three */
        unsigned quad = (unsigned char)mime[i] << 16 | (unsigned char)mime[i + 1] << 8 |
                        (unsigned char)mime[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            text[at++] = digits[quad >> shift & 63];
    }
    assert_string_equal(
        askf(f, CREATE("<t:MimeContent CharacterSet=\"UTF-8\">%s</t:MimeContent>" FLAGS), text),
        "NoError");
    json_t *list = exchange_user_list(f->ex, ANN, "Inbox", &err);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    const json_t *file = json_array_get(json_object_get(item, "attachments"), 0);
    assert_string_equal(json_string_value(json_object_get(item, "subject")), "hi");
    assert_string_equal(json_string_value(json_object_get(item, "body")), "A call.");
    assert_string_equal(json_string_value(json_object_get(item, "from_name")), "Bob");
    assert_string_equal(json_string_value(json_object_get(file, "name")), "a.wav");
    assert_int_equal(json_integer_value(json_object_get(file, "size")), 4);
    json_decref(list);
}

static void what_was_answered_is_there_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char dir[] = "/tmp/test-exchange-XXXXXX", id[EXCHANGE_ID_MAX], command[64];
    assert_non_null(mkdtemp(dir));
    exchange_free(&f->ex);
    f->ex = exchange_new(dir, f->loop, 7, &err);
    assert_non_null(f->ex);
    assert_string_equal(askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    snprintf(id, sizeof id, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    char *token = catch_up(f, "");
    exchange_free(&f->ex);
    f->ex = exchange_new(dir, f->loop, 99, &err); /* the directory's own seed counts */
    assert_non_null(f->ex);
    assert_string_equal(sync_inbox(f, token, 10), "NoError");
    assert_string_equal(changes_of(f), "");
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", id, NULL));
    assert_string_equal(sync_inbox(f, token, 10), "NoError");
    assert_string_equal(changes_of(f), "ReadFlagChange ");
    json_t *list = exchange_user_list(f->ex, ANN, NULL, &err);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(item, "message_id")), "v-1");
    assert_int_equal(json_array_size(json_object_get(item, "attachments")), 1);
    json_decref(list);
    free(token);
    exchange_free(&f->ex);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void equal_seeds_give_equal_ids(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char one[EXCHANGE_ID_MAX], two[EXCHANGE_ID_MAX];
    create(f, "x", one);
    exchange_free(&f->ex);
    f->ex = exchange_new(NULL, f->loop, 7, &err);
    create(f, "x", two);
    assert_string_equal(one, two);
    exchange_free(&f->ex);
    f->ex = exchange_new(NULL, f->loop, 8, &err);
    create(f, "x", two);
    assert_string_not_equal(one, two);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(refuses_what_the_schema_does_not_allow),
        PROMISE(names_the_line_of_a_violation),
        PROMISE(refuses_numbers_out_of_their_range),
        PROMISE(refuses_an_update_of_two_properties_at_once),
        PROMISE(refuses_what_is_not_xml),
        PROMISE(an_item_without_message_flags_is_a_draft),
        PROMISE(a_move_changes_the_id_and_keeps_what_is_inside),
        PROMISE(finds_an_item_by_our_property),
        PROMISE(pages_the_first_sync_newest_first),
        PROMISE(tells_every_kind_of_change),
        PROMISE(a_change_between_two_pages_is_not_lost),
        PROMISE(refuses_a_sync_state_that_is_not_its_own),
        PROMISE(an_old_change_key_conflicts),
        PROMISE(a_folder_is_made_once),
        PROMISE(an_unknown_mailbox_is_refused_when_told_so),
        PROMISE(calls_a_subscriber_once_for_a_turn),
        PROMISE(says_that_it_is_alive_and_ends_when_told),
        PROMISE(tries_again_and_then_drops_the_subscription_silently),
        PROMISE(a_subscriber_that_comes_back_gets_what_it_missed),
        PROMISE(reads_a_subscribers_answer_to_the_letter),
        PROMISE(a_lost_answer_leaves_the_effect_unknown),
        PROMISE(a_late_request_happens_after_its_caller_gave_up),
        PROMISE(a_cancelled_call_is_never_answered),
        PROMISE(busy_comes_in_its_three_shapes),
        PROMISE(a_wrong_fault_is_named),
        PROMISE(a_person_finds_an_item_in_four_ways),
        PROMISE(mime_content_becomes_an_item),
        PROMISE(what_was_answered_is_there_after_a_restart),
        PROMISE(equal_seeds_give_equal_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
