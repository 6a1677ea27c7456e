/* The tables of exchange_schema.h: what EWS allows in the requests that the product makes.
 * Source: types.xsd and messages.xsd of Exchange Server SE (15.2.2562), order as there. */
#include "tests/exchange/exchange_schema.h"

#include <string.h>

static const char *const base_shapes[] = {"IdOnly", "Default", "AllProperties",
                                          "PcxPeopleSearch", NULL};
static const char *const disposals[] = {"HardDelete", "SoftDelete", "MoveToDeletedItems", NULL};
static const char *const conflicts[] = {"NeverOverwrite", "AutoResolve", "AlwaysOverwrite",
                                        NULL};
static const char *const dispositions[] = {"SaveOnly", "SendOnly", "SendAndSaveCopy", NULL};
static const char *const folder_traversals[] = {"Shallow", "Deep", "SoftDeleted", NULL};
static const char *const item_traversals[] = {"Shallow", "SoftDeleted", "Associated", NULL};
static const char *const sync_scopes[] = {"NormalItems", "NormalAndAssociatedItems", NULL};
static const char *const importances[] = {"Low", "Normal", "High", NULL};
static const char *const sensitivities[] = {"Normal", "Personal", "Private", "Confidential",
                                            NULL};
static const char *const body_types[] = {"HTML", "Text", NULL};
static const char *const body_answers[] = {"Best", "HTML", "Text", NULL};
static const char *const base_points[] = {"Beginning", "End", NULL};
static const char *const containments[] = {"FullString",    "Prefixed",    "Substring",
                                           "PrefixOnWords", "ExactPhrase", NULL};
static const char *const comparisons[] = {"Exact",
                                          "IgnoreCase",
                                          "IgnoreNonSpacingCharacters",
                                          "Loose",
                                          "IgnoreCaseAndNonSpacingCharacters",
                                          "LooseAndIgnoreCase",
                                          "LooseAndIgnoreNonSpace",
                                          "LooseAndIgnoreCaseAndIgnoreNonSpace",
                                          NULL};

static const struct schema_type any = {.name = "anyType", .kind = SCHEMA_ANY},
                                string = {.name = "string", .kind = SCHEMA_STRING},
                                boolean = {.name = "boolean", .kind = SCHEMA_BOOLEAN},
                                integer = {.name = "int",
                                           .kind = SCHEMA_INTEGER,
                                           .least = -2147483647 - 1,
                                           .most = 2147483647},
                                date_time = {.name = "dateTime", .kind = SCHEMA_DATE_TIME},
                                base64 = {.name = "base64Binary", .kind = SCHEMA_BASE64},
                                guid = {.name = "GuidType", .kind = SCHEMA_GUID},
                                tag = {.name = "PropertyTagType", .kind = SCHEMA_TAG};
static const struct schema_type distinguished_id_name = {
    "DistinguishedFolderIdNameType", SCHEMA_ENUM, .values = ex_schema_distinguished_ids};
static const struct schema_type ex_property_set = {.name = "DistinguishedPropertySetType",
                                                   .kind = SCHEMA_ENUM,
                                                   .values = ex_schema_property_sets};
static const struct schema_type property_type = {
    .name = "MapiPropertyTypeType", .kind = SCHEMA_ENUM, .values = ex_schema_property_types};
static const struct schema_type event_type = {
    .name = "NotificationEventTypeType", .kind = SCHEMA_ENUM, .values = ex_schema_event_types};
static const struct schema_type field_uri = {
    .name = "UnindexedFieldURIType", .kind = SCHEMA_ENUM, .values = ex_schema_field_uris};
static const struct schema_type base_shape = {
    .name = "DefaultShapeNamesType", .kind = SCHEMA_ENUM, .values = base_shapes};
static const struct schema_type disposal = {
    .name = "DisposalType", .kind = SCHEMA_ENUM, .values = disposals};
static const struct schema_type conflict = {
    .name = "ConflictResolutionType", .kind = SCHEMA_ENUM, .values = conflicts};
static const struct schema_type disposition = {
    .name = "MessageDispositionType", .kind = SCHEMA_ENUM, .values = dispositions};
static const struct schema_type folder_traversal = {
    .name = "FolderQueryTraversalType", .kind = SCHEMA_ENUM, .values = folder_traversals};
static const struct schema_type item_traversal = {
    .name = "ItemQueryTraversalType", .kind = SCHEMA_ENUM, .values = item_traversals};
static const struct schema_type sync_scope = {
    .name = "SyncFolderItemsScopeType", .kind = SCHEMA_ENUM, .values = sync_scopes};
static const struct schema_type importance = {
    .name = "ImportanceChoicesType", .kind = SCHEMA_ENUM, .values = importances};
static const struct schema_type sensitivity = {
    .name = "SensitivityChoicesType", .kind = SCHEMA_ENUM, .values = sensitivities};
static const struct schema_type body_type = {
    .name = "BodyTypeType", .kind = SCHEMA_ENUM, .values = body_types};
static const struct schema_type body_answer = {
    .name = "BodyTypeResponseType", .kind = SCHEMA_ENUM, .values = body_answers};
static const struct schema_type base_point = {
    .name = "IndexBasePointType", .kind = SCHEMA_ENUM, .values = base_points};
static const struct schema_type containment = {
    .name = "ContainmentModeType", .kind = SCHEMA_ENUM, .values = containments};
static const struct schema_type comparison = {
    .name = "ContainmentComparisonType", .kind = SCHEMA_ENUM, .values = comparisons};
static const struct schema_type max_changes = {.name = "MaxSyncChangesReturnedType",
                                               .kind = SCHEMA_INTEGER,
                                               .least = 1,
                                               .most = 512},
                                status_frequency = {.name = "SubscriptionStatusFrequencyType",
                                                    .kind = SCHEMA_INTEGER,
                                                    .least = 1,
                                                    .most = 1440},
                                timeout = {.name = "SubscriptionTimeoutType",
                                           .kind = SCHEMA_INTEGER,
                                           .least = 1,
                                           .most = 1440},
                                stream_timeout = {.name = "StreamingSubscriptionConnection"
                                                          "TimeoutType",
                                                  .kind = SCHEMA_INTEGER,
                                                  .least = 1,
                                                  .most = 30},
                                not_empty = {.name = "NonEmptyStringType",
                                             .kind = SCHEMA_FULL_STRING,
                                             .least = 1,
                                             .most = 1L << 30},
                                item_class = {.name = "ItemClassType", .kind = SCHEMA_STRING};

/* A complex type: TYPE(variable, name in the XSD, attributes, children). */
#define TYPE(variable, xsd, attrs, ...)                                                        \
    static const struct schema_type variable = {                                               \
        .name = xsd,                                                                           \
        .kind = SCHEMA_ELEMENTS,                                                               \
        .attributes = attrs,                                                                   \
        .children = (const struct schema_child[]){__VA_ARGS__, {NULL, NULL, 0, 0, 0, false}}}
#define CHOICE_TYPE(variable, xsd, ...)                                                        \
    static const struct schema_type variable = {                                               \
        .name = xsd,                                                                           \
        .kind = SCHEMA_ELEMENTS,                                                               \
        .any_order = true,                                                                     \
        .children = (const struct schema_child[]){__VA_ARGS__, {NULL, NULL, 0, 0, 0, false}}}
#define ONE(name, type)                                                                        \
    {                                                                                          \
        name, type, 1, 1, 0, false                                                             \
    }
#define MAY(name, type)                                                                        \
    {                                                                                          \
        name, type, 0, 1, 0, false                                                             \
    }
#define ANY(name)                                                                              \
    {                                                                                          \
        name, &any, 0, 1, 0, false                                                             \
    }
#define MANY(name, type)                                                                       \
    {                                                                                          \
        name, type, 0, SCHEMA_MANY, 0, false                                                   \
    }
#define EITHER(number, name, type)                                                             \
    {                                                                                          \
        name, type, 1, 1, number, false                                                        \
    }
#define MAYBE(number, name, type)                                                              \
    {                                                                                          \
        name, type, 0, 1, number, false                                                        \
    }
#define M_ONE(name, type)                                                                      \
    {                                                                                          \
        name, type, 1, 1, 0, true                                                              \
    }
#define M_MAY(name, type)                                                                      \
    {                                                                                          \
        name, type, 0, 1, 0, true                                                              \
    }
#define M_MAYBE(number, name, type)                                                            \
    {                                                                                          \
        name, type, 0, 1, number, true                                                         \
    }
#define M_EITHER(number, name, type)                                                           \
    {                                                                                          \
        name, type, 1, 1, number, true                                                         \
    }
#define ATTRIBUTES(variable, ...)                                                              \
    static const struct schema_attribute variable[] = {__VA_ARGS__, {NULL, NULL, false}}

/* Identifiers. */
ATTRIBUTES(id_attributes, {"Id", &string, true}, {"ChangeKey", &string, false});
ATTRIBUTES(attachment_id_attributes, {"Id", &string, true});
ATTRIBUTES(distinguished_attributes, {"Id", &distinguished_id_name, true},
           {"ChangeKey", &string, false});
static const struct schema_type id = {
    .name = "ItemIdType", .kind = SCHEMA_ELEMENTS, .attributes = id_attributes};
static const struct schema_type attachment_id = {.name = "RequestAttachmentIdType",
                                                 .kind = SCHEMA_ELEMENTS,
                                                 .attributes = attachment_id_attributes};
TYPE(mailbox, "EmailAddressType", NULL, MAY("Name", &string), MAY("EmailAddress", &not_empty),
     MAY("RoutingType", &not_empty), ANY("MailboxType"), MAY("ItemId", &id),
     MAY("OriginalDisplayName", &string));
TYPE(distinguished_id, "DistinguishedFolderIdType", distinguished_attributes,
     MAY("Mailbox", &mailbox));
TYPE(target_folder, "TargetFolderIdType", NULL, EITHER(1, "FolderId", &id),
     EITHER(1, "DistinguishedFolderId", &distinguished_id));
CHOICE_TYPE(folder_ids, "NonEmptyArrayOfBaseFolderIdsType", MANY("FolderId", &id),
            MANY("DistinguishedFolderId", &distinguished_id));
CHOICE_TYPE(item_ids, "NonEmptyArrayOfBaseItemIdsType", MANY("ItemId", &id));
CHOICE_TYPE(attachment_ids, "NonEmptyArrayOfRequestAttachmentIdsType",
            MANY("AttachmentId", &attachment_id));

/* Properties. */
ATTRIBUTES(field_attributes, {"FieldURI", &field_uri, true});
ATTRIBUTES(extended_attributes, {"DistinguishedPropertySetId", &ex_property_set, false},
           {"PropertySetId", &guid, false}, {"PropertyTag", &tag, false},
           {"PropertyName", &string, false}, {"PropertyId", &integer, false},
           {"PropertyType", &property_type, true});
ATTRIBUTES(indexed_attributes, {"FieldURI", &string, true}, {"FieldIndex", &string, true});
static const struct schema_type field = {.name = "PathToUnindexedFieldType",
                                         .kind = SCHEMA_ELEMENTS,
                                         .attributes = field_attributes},
                                indexed = {.name = "PathToIndexedFieldType",
                                           .kind = SCHEMA_ELEMENTS,
                                           .attributes = indexed_attributes},
                                extended = {.name = "PathToExtendedFieldType",
                                            .kind = SCHEMA_ELEMENTS,
                                            .attributes = extended_attributes};
CHOICE_TYPE(paths, "NonEmptyArrayOfPathsToElementType", MANY("FieldURI", &field),
            MANY("IndexedFieldURI", &indexed), MANY("ExtendedFieldURI", &extended));
CHOICE_TYPE(property_values, "NonEmptyArrayOfPropertyValuesType", MANY("Value", &string));
TYPE(extended_property, "ExtendedPropertyType", NULL, ONE("ExtendedFieldURI", &extended),
     EITHER(1, "Value", &string), EITHER(1, "Values", &property_values));

/* Shapes. */
TYPE(item_shape, "ItemResponseShapeType", NULL, ONE("BaseShape", &base_shape),
     MAY("IncludeMimeContent", &boolean), MAY("BodyType", &body_answer),
     MAY("UniqueBodyType", &body_answer), MAY("NormalizedBodyType", &body_answer),
     MAY("FilterHtmlContent", &boolean), MAY("ConvertHtmlCodePageToUTF8", &boolean),
     MAY("InlineImageUrlTemplate", &string), MAY("BlockExternalImages", &boolean),
     MAY("AddBlankTargetToLinks", &boolean), MAY("MaximumBodySize", &integer),
     MAY("AdditionalProperties", &paths));
TYPE(folder_shape, "FolderResponseShapeType", NULL, ONE("BaseShape", &base_shape),
     MAY("AdditionalProperties", &paths));
TYPE(attachment_shape, "AttachmentResponseShapeType", NULL, MAY("IncludeMimeContent", &boolean),
     MAY("BodyType", &body_answer), MAY("FilterHtmlContent", &boolean),
     MAY("AdditionalProperties", &paths));

/* A message. */
ATTRIBUTES(mime_attributes, {"CharacterSet", &string, false});
ATTRIBUTES(body_attributes, {"BodyType", &body_type, true}, {"IsTruncated", &boolean, false});
static const struct schema_type mime_content = {
    .name = "MimeContentType", .kind = SCHEMA_BASE64, .attributes = mime_attributes};
static const struct schema_type body = {
    .name = "BodyType", .kind = SCHEMA_STRING, .attributes = body_attributes};
TYPE(recipient, "SingleRecipientType", NULL, ONE("Mailbox", &mailbox));
static const struct schema_type recipients = {
    "ArrayOfRecipientsType", SCHEMA_ELEMENTS, .any_order = true,
    .children =
        (const struct schema_child[]){MANY("Mailbox", &mailbox), {NULL, NULL, 0, 0, 0, false}}};
TYPE(file_attachment, "FileAttachmentType", NULL, MAY("AttachmentId", &any),
     MAY("Name", &string), MAY("ContentType", &string), MAY("ContentId", &string),
     MAY("ContentLocation", &string), MAY("AttachmentOriginalUrl", &string),
     MAY("Size", &integer), MAY("LastModifiedTime", &date_time), MAY("IsInline", &boolean),
     MAY("IsContactPhoto", &boolean), MAY("Content", &base64));
CHOICE_TYPE(attachments, "NonEmptyArrayOfAttachmentsType", MANY("ItemAttachment", &any),
            MANY("FileAttachment", &file_attachment), MANY("ReferenceAttachment", &any));
TYPE(message, "MessageType", NULL, MAY("MimeContent", &mime_content), MAY("ItemId", &id),
     MAY("ParentFolderId", &id), MAY("ItemClass", &item_class), MAY("Subject", &string),
     MAY("Sensitivity", &sensitivity), MAY("Body", &body), MAY("Attachments", &attachments),
     MAY("DateTimeReceived", &date_time), MAY("Size", &integer), ANY("Categories"),
     MAY("Importance", &importance), MAY("InReplyTo", &string), MAY("IsSubmitted", &boolean),
     MAY("IsDraft", &boolean), MAY("IsFromMe", &boolean), MAY("IsResend", &boolean),
     MAY("IsUnmodified", &boolean), ANY("InternetMessageHeaders"),
     MAY("DateTimeSent", &date_time), MAY("DateTimeCreated", &date_time),
     ANY("ResponseObjects"), ANY("ReminderDueBy"), ANY("ReminderIsSet"),
     ANY("ReminderNextTime"), ANY("ReminderMinutesBeforeStart"), MAY("DisplayCc", &string),
     MAY("DisplayTo", &string), ANY("DisplayBcc"), MAY("HasAttachments", &boolean),
     MANY("ExtendedProperty", &extended_property), MAY("Culture", &string),
     ANY("EffectiveRights"), MAY("LastModifiedName", &string),
     MAY("LastModifiedTime", &date_time), ANY("IsAssociated"),
     ANY("WebClientReadFormQueryString"), ANY("WebClientEditFormQueryString"),
     ANY("ConversationId"), ANY("UniqueBody"), ANY("Flag"), ANY("StoreEntryId"),
     ANY("InstanceKey"), ANY("NormalizedBody"), ANY("EntityExtractionResult"), ANY("PolicyTag"),
     ANY("ArchiveTag"), ANY("RetentionDate"), ANY("Preview"),
     ANY("RightsManagementLicenseData"), ANY("PredictedActionReasons"), ANY("IsClutter"),
     ANY("BlockStatus"), ANY("HasBlockedImages"), ANY("TextBody"), ANY("IconIndex"),
     ANY("SearchKey"), ANY("SortKey"), ANY("Hashtags"), ANY("Mentions"), ANY("MentionedMe"),
     ANY("MentionsPreview"), ANY("MentionsEx"), ANY("AppliedHashtags"),
     ANY("AppliedHashtagsPreview"), ANY("Likes"), ANY("LikesPreview"),
     ANY("PendingSocialActivityTagIds"), ANY("AtAllMention"), ANY("CanDelete"),
     ANY("InferenceClassification"), MAY("Sender", &recipient),
     MAY("ToRecipients", &recipients), MAY("CcRecipients", &recipients),
     MAY("BccRecipients", &recipients), MAY("IsReadReceiptRequested", &boolean),
     MAY("IsDeliveryReceiptRequested", &boolean), ANY("ConversationIndex"),
     MAY("ConversationTopic", &string), MAY("From", &recipient),
     MAY("InternetMessageId", &string), MAY("IsRead", &boolean),
     MAY("IsResponseRequested", &boolean), MAY("References", &string),
     MAY("ReplyTo", &recipients), ANY("ReceivedBy"), ANY("ReceivedRepresenting"),
     ANY("ApprovalRequestData"), ANY("VotingInformation"), ANY("ReminderMessageData"),
     ANY("MessageSafety"), ANY("SenderSMTPAddress"), ANY("MailboxGuids"),
     ANY("PublishedCalendarItemIcs"), ANY("PublishedCalendarItemName"));
CHOICE_TYPE(items, "NonEmptyArrayOfAllItemsType", MANY("Item", &message),
            MANY("Message", &message));
TYPE(folder, "FolderType", NULL, MAY("FolderId", &id), MAY("ParentFolderId", &id),
     MAY("FolderClass", &string), MAY("DisplayName", &string), MAY("TotalCount", &integer),
     MAY("ChildFolderCount", &integer), MANY("ExtendedProperty", &extended_property),
     ANY("ManagedFolderInformation"), ANY("EffectiveRights"), ANY("DistinguishedFolderId"),
     ANY("PolicyTag"), ANY("ArchiveTag"), ANY("ReplicaList"), ANY("PermissionSet"),
     MAY("UnreadCount", &integer));
CHOICE_TYPE(folders, "NonEmptyArrayOfFoldersType", MANY("Folder", &folder));

/* Changes. */
TYPE(set_field, "SetItemFieldType", NULL, EITHER(1, "FieldURI", &field),
     EITHER(1, "IndexedFieldURI", &indexed), EITHER(1, "ExtendedFieldURI", &extended),
     EITHER(2, "Item", &message), EITHER(2, "Message", &message));
TYPE(delete_field, "DeleteItemFieldType", NULL, EITHER(1, "FieldURI", &field),
     EITHER(1, "IndexedFieldURI", &indexed), EITHER(1, "ExtendedFieldURI", &extended));
CHOICE_TYPE(updates, "NonEmptyArrayOfItemChangeDescriptionsType",
            MANY("AppendToItemField", &set_field), MANY("SetItemField", &set_field),
            MANY("DeleteItemField", &delete_field));
TYPE(item_change, "ItemChangeType", NULL, ONE("ItemId", &id), ONE("Updates", &updates),
     ANY("CalendarActivityData"));
CHOICE_TYPE(item_changes, "NonEmptyArrayOfItemChangesType", MANY("ItemChange", &item_change));

/* Searching. */
ATTRIBUTES(constant_attributes, {"Value", &string, true});
ATTRIBUTES(page_attributes, {"MaxEntriesReturned", &integer, false}, {"Offset", &integer, true},
           {"BasePoint", &base_point, true});
ATTRIBUTES(contains_attributes, {"ContainmentMode", &containment, false},
           {"ContainmentComparison", &comparison, false});
static const struct schema_type constant = {.name = "ConstantValueType",
                                            .kind = SCHEMA_ELEMENTS,
                                            .attributes = constant_attributes},
                                page_view = {.name = "IndexedPageViewType",
                                             .kind = SCHEMA_ELEMENTS,
                                             .attributes = page_attributes};
#define PATH(number)                                                                           \
    EITHER(number, "FieldURI", &field), EITHER(number, "IndexedFieldURI", &indexed),           \
        EITHER(number, "ExtendedFieldURI", &extended)
TYPE(operand, "FieldURIOrConstantType", NULL, PATH(1), EITHER(1, "Constant", &constant));
TYPE(two_operands, "TwoOperandExpressionType", NULL, PATH(1),
     ONE("FieldURIOrConstant", &operand));
TYPE(exists, "ExistsType", NULL, PATH(1));
TYPE(contains, "ContainsExpressionType", contains_attributes, PATH(1),
     ONE("Constant", &constant));
static const struct schema_type several, negation;
#define EXPRESSIONS(how)                                                                       \
    how("IsEqualTo", &two_operands), how("IsNotEqualTo", &two_operands),                       \
        how("IsGreaterThan", &two_operands), how("IsGreaterThanOrEqualTo", &two_operands),     \
        how("IsLessThan", &two_operands), how("IsLessThanOrEqualTo", &two_operands),           \
        how("Exists", &exists), how("Contains", &contains), how("And", &several),              \
        how("Or", &several), how("Not", &negation)
#define ONE_OF(name, type) EITHER(1, name, type)
static const struct schema_child many_expressions[] = {EXPRESSIONS(MANY),
                                                       {NULL, NULL, 0, 0, 0, false}};
static const struct schema_child one_expression[] = {EXPRESSIONS(ONE_OF),
                                                     {NULL, NULL, 0, 0, 0, false}};
static const struct schema_type several = {.name = "MultipleOperandBooleanExpressionType",
                                           .kind = SCHEMA_ELEMENTS,
                                           .any_order = true,
                                           .children = many_expressions},
                                negation = {.name = "NotType",
                                            .kind = SCHEMA_ELEMENTS,
                                            .children = one_expression},
                                restriction = {.name = "RestrictionType",
                                               .kind = SCHEMA_ELEMENTS,
                                               .children = one_expression};

/* Subscriptions. */
ATTRIBUTES(all_folders, {"SubscribeToAllFolders", &boolean, false});
CHOICE_TYPE(event_type_list, "NonEmptyArrayOfNotificationEventTypesType",
            MANY("EventType", &event_type));
TYPE(push_request, "PushSubscriptionRequestType", all_folders, MAY("FolderIds", &folder_ids),
     ONE("EventTypes", &event_type_list), MAY("Watermark", &not_empty),
     ONE("StatusFrequency", &status_frequency), ONE("URL", &string),
     MAY("CallerData", &string));
TYPE(pull_request, "PullSubscriptionRequestType", all_folders, MAY("FolderIds", &folder_ids),
     ONE("EventTypes", &event_type_list), MAY("Watermark", &not_empty),
     ONE("Timeout", &timeout));
TYPE(streaming_request, "StreamingSubscriptionRequestType", all_folders,
     MAY("FolderIds", &folder_ids), ONE("EventTypes", &event_type_list));

/* Operations. */
ATTRIBUTES(delete_folder_attributes, {"DeleteType", &disposal, true});
ATTRIBUTES(find_folder_attributes, {"Traversal", &folder_traversal, true});
ATTRIBUTES(find_item_attributes, {"Traversal", &item_traversal, true});
ATTRIBUTES(create_item_attributes, {"MessageDisposition", &disposition, false},
           {"SendMeetingInvitations", &string, false});
ATTRIBUTES(update_item_attributes, {"ConflictResolution", &conflict, true},
           {"MessageDisposition", &disposition, false},
           {"SendMeetingInvitationsOrCancellations", &string, false},
           {"SuppressReadReceipts", &boolean, false});
ATTRIBUTES(delete_item_attributes, {"DeleteType", &disposal, true},
           {"SendMeetingCancellations", &string, false},
           {"AffectedTaskOccurrences", &string, false},
           {"SuppressReadReceipts", &boolean, false});

TYPE(get_folder, "GetFolderType", NULL, M_ONE("FolderShape", &folder_shape),
     M_ONE("FolderIds", &folder_ids));
TYPE(find_folder, "FindFolderType", find_folder_attributes, M_ONE("FolderShape", &folder_shape),
     M_MAYBE(1, "IndexedPageFolderView", &page_view),
     M_MAYBE(1, "FractionalPageFolderView", &any), M_MAY("Restriction", &restriction),
     M_ONE("ParentFolderIds", &folder_ids));
TYPE(create_folder, "CreateFolderType", NULL, M_ONE("ParentFolderId", &target_folder),
     M_ONE("Folders", &folders));
TYPE(delete_folder, "DeleteFolderType", delete_folder_attributes,
     M_ONE("FolderIds", &folder_ids));
TYPE(move_folder, "MoveFolderType", NULL, M_ONE("ToFolderId", &target_folder),
     M_ONE("FolderIds", &folder_ids));
TYPE(sync_items, "SyncFolderItemsType", NULL, M_ONE("ItemShape", &item_shape),
     M_ONE("SyncFolderId", &target_folder), M_MAY("SyncState", &string), M_MAY("Ignore", &any),
     M_ONE("MaxChangesReturned", &max_changes), M_MAY("SyncScope", &sync_scope));
TYPE(sync_hierarchy, "SyncFolderHierarchyType", NULL, M_ONE("FolderShape", &folder_shape),
     M_MAY("SyncFolderId", &target_folder), M_MAY("SyncState", &string));
TYPE(create_item, "CreateItemType", create_item_attributes,
     M_MAY("SavedItemFolderId", &target_folder), M_ONE("Items", &items));
TYPE(update_item, "UpdateItemType", update_item_attributes,
     M_MAY("SavedItemFolderId", &target_folder), M_ONE("ItemChanges", &item_changes));
TYPE(move_item, "MoveItemType", NULL, M_ONE("ToFolderId", &target_folder),
     M_ONE("ItemIds", &item_ids), M_MAY("ReturnNewItemIds", &boolean));
TYPE(copy_item, "CopyItemType", NULL, M_ONE("ToFolderId", &target_folder),
     M_ONE("ItemIds", &item_ids), M_MAY("ReturnNewItemIds", &boolean));
TYPE(delete_item, "DeleteItemType", delete_item_attributes, M_ONE("ItemIds", &item_ids));
TYPE(get_item, "GetItemType", NULL, M_ONE("ItemShape", &item_shape),
     M_ONE("ItemIds", &item_ids));
TYPE(find_item, "FindItemType", find_item_attributes, M_ONE("ItemShape", &item_shape),
     M_MAYBE(1, "IndexedPageItemView", &page_view), M_MAYBE(1, "FractionalPageItemView", &any),
     M_MAYBE(1, "SeekToConditionPageItemView", &any), M_MAYBE(1, "CalendarView", &any),
     M_MAYBE(1, "ContactsView", &any), M_MAYBE(2, "GroupBy", &any),
     M_MAYBE(2, "DistinguishedGroupBy", &any), M_MAY("Restriction", &restriction),
     M_MAY("SortOrder", &any), M_ONE("ParentFolderIds", &folder_ids),
     M_MAY("QueryString", &any));
TYPE(get_attachment, "GetAttachmentType", NULL, M_MAY("AttachmentShape", &attachment_shape),
     M_ONE("AttachmentIds", &attachment_ids));
TYPE(delete_attachment, "DeleteAttachmentType", NULL, M_ONE("AttachmentIds", &attachment_ids));
TYPE(subscribe, "SubscribeType", NULL, M_EITHER(1, "PullSubscriptionRequest", &pull_request),
     M_EITHER(1, "PushSubscriptionRequest", &push_request),
     M_EITHER(1, "StreamingSubscriptionRequest", &streaming_request));
TYPE(unsubscribe, "UnsubscribeType", NULL, M_ONE("SubscriptionId", &not_empty));
TYPE(get_events, "GetEventsType", NULL, M_ONE("SubscriptionId", &not_empty),
     M_ONE("Watermark", &not_empty));

TYPE(subscription_ids, "NonEmptyArrayOfSubscriptionIdsType", NULL,
     MANY("SubscriptionId", &not_empty));
TYPE(get_streaming_events, "GetStreamingEventsType", NULL,
     M_ONE("SubscriptionIds", &subscription_ids), M_ONE("ConnectionTimeout", &stream_timeout));

TYPE(connecting_sid, "ConnectingSIDType", NULL, EITHER(1, "PrincipalName", &not_empty),
     EITHER(1, "SID", &not_empty), EITHER(1, "PrimarySmtpAddress", &not_empty),
     EITHER(1, "SmtpAddress", &not_empty));
const struct schema_type ex_schema_impersonation = {
    "ExchangeImpersonationType", SCHEMA_ELEMENTS,
    .children = (const struct schema_child[]){ONE("ConnectingSID", &connecting_sid),
                                              {NULL, NULL, 0, 0, 0, false}}};

const struct schema_type *ex_schema_operation(const char *name)
{
    static const struct {
        const char *name;
        const struct schema_type *type;
    } operations[] = {
        {"GetFolder", &get_folder},
        {"FindFolder", &find_folder},
        {"CreateFolder", &create_folder},
        {"DeleteFolder", &delete_folder},
        {"MoveFolder", &move_folder},
        {"SyncFolderItems", &sync_items},
        {"SyncFolderHierarchy", &sync_hierarchy},
        {"CreateItem", &create_item},
        {"UpdateItem", &update_item},
        {"MoveItem", &move_item},
        {"CopyItem", &copy_item},
        {"DeleteItem", &delete_item},
        {"GetItem", &get_item},
        {"FindItem", &find_item},
        {"GetAttachment", &get_attachment},
        {"DeleteAttachment", &delete_attachment},
        {"Subscribe", &subscribe},
        {"Unsubscribe", &unsubscribe},
        {"GetEvents", &get_events},
        {"GetStreamingEvents", &get_streaming_events},
    };
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (!strcmp(operations[i].name, name))
            return operations[i].type;
    return NULL;
}
