#include "ews/request_stage.h"

#include <stdio.h>

#include "ews/ews_names.h"
#include "ews/request_private.h"

static void above_id(struct xml_writer *writer, const struct request_above *above)
{
    if (above->root)
        request_root_id(writer, above->root);
    else
        request_id(writer, "t:FolderId", above->id, NULL);
}

static void view(struct xml_writer *writer, const char *element, const char *most, long offset)
{
    char text[24];
    snprintf(text, sizeof(text), "%ld", offset);
    xml_open(writer, element);
    xml_attribute(writer, "MaxEntriesReturned", most);
    xml_attribute(writer, "Offset", text);
    xml_attribute(writer, "BasePoint", "Beginning");
    xml_close(writer);
}

/* The end of a Restriction to what equals this constant. */
static void equals(struct xml_writer *writer, const char *constant)
{
    xml_open(writer, "t:FieldURIOrConstant");
    xml_open(writer, "t:Constant");
    xml_attribute(writer, "Value", constant);
    xml_close(writer);
    xml_close(writer);
    xml_close(writer);
    xml_close(writer);
}

void request_find_hidden(struct buf *out, const struct soap_header *header,
                         const struct request_above *above, const char *name, long offset)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:FindFolder");
    xml_attribute(&writer, "Traversal", "Shallow");
    xml_open(&writer, "m:FolderShape");
    xml_element(&writer, "t:BaseShape", "IdOnly");
    xml_open(&writer, "t:AdditionalProperties");
    request_field(&writer, "folder:DisplayName");
    request_named_property(&writer, EWS_NAME_WINNER);
    xml_close(&writer);
    xml_close(&writer);
    view(&writer, "m:IndexedPageFolderView", "500", offset);
    if (name) {
        xml_open(&writer, "m:Restriction");
        xml_open(&writer, "t:IsEqualTo");
        request_field(&writer, "folder:DisplayName");
        equals(&writer, name);
    }
    xml_open(&writer, "m:ParentFolderIds");
    above_id(&writer, above);
    soap_end(&writer);
}

void request_create_folder(struct buf *out, const struct soap_header *header,
                           const struct request_above *above, const char *name,
                           const char *winner)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:CreateFolder");
    xml_open(&writer, "m:ParentFolderId");
    above_id(&writer, above);
    xml_close(&writer);
    xml_open(&writer, "m:Folders");
    xml_open(&writer, "t:Folder");
    xml_element(&writer, "t:FolderClass", "IPF.Note");
    xml_element(&writer, "t:DisplayName", name);
    if (winner) {
        xml_open(&writer, "t:ExtendedProperty");
        request_named_property(&writer, EWS_NAME_WINNER);
        xml_element(&writer, "t:Value", winner);
        xml_close(&writer);
    }
    soap_end(&writer);
}

void request_delete_folder(struct buf *out, const struct soap_header *header,
                           const char *folder)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:DeleteFolder");
    xml_attribute(&writer, "DeleteType", "HardDelete");
    xml_open(&writer, "m:FolderIds");
    request_id(&writer, "t:FolderId", folder, NULL);
    soap_end(&writer);
}

void request_find_copies(struct buf *out, const struct soap_header *header, const char *folder,
                         const char *message_id)
{
    struct xml_writer writer;
    char most[24];
    snprintf(most, sizeof(most), "%d", REQUEST_STAGED_PAGE);
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:FindItem");
    xml_attribute(&writer, "Traversal", "Shallow");
    request_state_shape(&writer);
    view(&writer, "m:IndexedPageItemView", most, 0);
    xml_open(&writer, "m:Restriction");
    xml_open(&writer, "t:IsEqualTo");
    request_named_property(&writer, EWS_NAME_MESSAGE_ID);
    equals(&writer, message_id);
    xml_open(&writer, "m:ParentFolderIds");
    request_id(&writer, "t:FolderId", folder, NULL);
    soap_end(&writer);
}
