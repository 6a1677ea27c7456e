/* Pieces that the request files share. */
#ifndef SIB_EWS_REQUEST_PRIVATE_H
#define SIB_EWS_REQUEST_PRIVATE_H

#include "base/xml.h"
#include "ews/request.h"

/* <name Id="..." ChangeKey="..."/>; version NULL or "": without. */
void request_id(struct xml_writer *writer, const char *name, const char *id,
                const char *version);
void request_root_id(struct xml_writer *writer, const struct request_root *root);
void request_field(struct xml_writer *writer, const char *field);
void request_named_property(struct xml_writer *writer, const char *name);
/* m:ItemShape: IdOnly and what makes up the state of an item. */
void request_state_shape(struct xml_writer *writer);

#endif
