/* A transport that writes down what the server says, as fixtures, and passes everything on.
 *
 * For each answer a file NNNN-OPERATION.http in a folder: status line, the headers that matter,
 * the body; without secrets, addresses, names and audio (ews/redact.h). Requests are not
 * written. A folder of them can be played by the stand-in for Exchange. Ownership: takes the
 * inner transport; borrows loop. What survives a crash: the files that were complete. A file
 * that cannot be written is told once in the log and changes nothing else. */
#ifndef SIB_EWS_RECORD_H
#define SIB_EWS_RECORD_H

#include "base/log.h"
#include "ews/transport.h"

/* dir: made when missing; numbers go on after those that are there. NULL and err on failure;
 * then inner still belongs to the caller. */
struct transport *record_new(struct transport *inner, const char *dir,
                             const struct log_ctx *log, struct err *err);
/* How many answers were written. */
long record_count(const struct transport *record);

#endif
