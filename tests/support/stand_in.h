/* What the tests of the stand-in share: one exchange on virtual time, requests in Ann's name,
 * and a look at the answer.
 *
 * Ownership: stand_begin and stand_end are the set-up and the tear-down of a test; what an
 * answer shows is valid until the next request. */
#ifndef SIB_TESTS_STAND_IN_H
#define SIB_TESTS_STAND_IN_H

#include "base/xml.h"
#include "tests/exchange/exchange.h"

#define ANN "ann@example.net"
#define BOB "bob@example.net"

struct stand {
    struct loop *loop;
    struct exchange *ex;
    struct exchange_answer answer;
    struct xml_reader *reader;
    const struct xml_node *root; /* of the answer; NULL: it was no XML */
    const char *mailbox;         /* who is impersonated; Ann at first */
};

int stand_begin(void **state);
int stand_end(void **state);

/* The whole request for a body; the caller frees. */
char *stand_envelope(const char *mailbox, const char *body);
/* Sends a body; returns the root of the answer. */
const struct xml_node *stand_ask(struct stand *f, const char *body);
/* Sends a body; returns the first ResponseCode. */
const char *stand_askf(struct stand *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The body is refused by the schema, and it is said where. */
void stand_refuses(struct stand *f, const char *body);
/* Several faults at once replace the earlier ones. */
void stand_faults(struct stand *f, const char *spec);

/* An item in the Inbox; id: EXCHANGE_ID_MAX bytes. */
void stand_create(struct stand *f, const char *subject, char *id);
const char *stand_sync(struct stand *f, const char *state, int most);
char *stand_state(struct stand *f); /* the caller frees */
bool stand_is_last(struct stand *f);
/* The names of the changes, such as "Create Create Delete ". */
const char *stand_changes(struct stand *f);
/* The whole of the Inbox from a state to the present; returns the new state (to be freed). */
char *stand_catch_up(struct stand *f, const char *from);
/* How many response messages the answer holds. */
int stand_messages(struct stand *f);
/* base64 of a text; the caller frees. */
char *stand_base64(const char *text);

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
#define GET_ITEM                                                                               \
    "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"        \
    "<t:FieldURI FieldURI=\"item:Attachments\"/>" OUR_URI                                      \
    "</t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds>"      \
    "</m:GetItem>"
#define UPDATE_READ                                                                            \
    "<m:UpdateItem MessageDisposition=\"SaveOnly\" ConflictResolution=\"%s\">"                 \
    "<m:ItemChanges><t:ItemChange><t:ItemId Id=\"%s\" ChangeKey=\"%s\"/><t:Updates>"           \
    "<t:SetItemField><t:FieldURI FieldURI=\"message:IsRead\"/><t:Message>"                     \
    "<t:IsRead>%s</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>"          \
    "</m:ItemChanges></m:UpdateItem>"

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, stand_begin, stand_end)

#endif
