/* The answer about a message that a person composed: private to ews/.
 *
 * Ownership: what is told lives in the struct, but for ids, which are borrowed from the
 * document; free the struct before the document. Its size is bounded by base/limits.h. Nothing
 * of the answer is believed: texts are cut at their limits and cleaned of control characters,
 * and what is more than is taken in is said (remote_composed.too_much). */
#ifndef SIB_EWS_RESPONSE_COMPOSED_H
#define SIB_EWS_RESPONSE_COMPOSED_H

#include "ews/response.h"

struct response_composed {
    struct remote_composed told;
    struct remote_attachment attachments[LIMIT_ATTACHMENTS];
    const char *to[LIMIT_RECIPIENTS];
    char reference[LIMIT_UUID];
    char too_much[LIMIT_REASON];
    char *texts; /* room for all of them at their longest */
    size_t used;
};

/* NULL and err when it cannot be read. */
struct response_composed *response_composed(const struct xml_node *root, struct err *err);
void response_composed_free(struct response_composed **composed);

/* The last of our message ids, as mail programs write them (<UUID@sib.invalid>), in the value
 * of In-Reply-To or References; out: LIMIT_UUID bytes, "" when there is none. */
void response_reference(const char *value, char *out);

#endif
