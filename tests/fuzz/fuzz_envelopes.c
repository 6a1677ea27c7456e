/* A stream of envelopes: whatever the pieces, the same documents are found in the same order,
 * and it fails in both cases or in none; what was found is read as the words of a stream.
 * seeds: documents */
#include <string.h>

#include "base/limits.h"
#include "ews/envelopes.h"
#include "ews/response_stream.h"
#include "tests/fuzz/fuzz_targets.h"

struct found {
    int count;
    unsigned long sum; /* of the names and texts of the roots */
    bool stop;
};

static bool take_id(const char *subscription, enum response_stream_word word,
                    const struct remote_where *where, void *arg)
{
    (void)word;
    (void)where;
    (void)arg;
    fuzz_check(subscription[0] && strlen(subscription) < LIMIT_REMOTE_ID);
    return true;
}

static void add(struct found *found, const char *text)
{
    for (; *text; text++)
        found->sum = found->sum * 31 + (unsigned char)*text;
}

static bool take(const struct xml_node *root, void *arg)
{
    struct found *found = arg;
    struct err err = {0};
    bool closed, lost;

    fuzz_check(root && root->name[0]);
    found->count++;
    add(found, root->name);
    add(found, root->text);
    bool ok = response_stream(root, take_id, NULL, &closed, &lost, &err);
    if (!ok)
        fuzz_check_result(false, &err);
    return true;
}

static bool run(const unsigned char *bytes, size_t len, size_t piece, struct found *found,
                bool *rest)
{
    static const struct xml_limits limits = {
        .max_bytes = 64 * 1024, .max_depth = 32, .max_nodes = 5000};
    struct envelopes *envelopes = envelopes_new(&limits, take, found);
    struct err err = {0};
    bool ok = true;

    fuzz_check(envelopes != NULL);
    for (size_t at = 0; ok && at < len; at += piece)
        ok = envelopes_feed(envelopes, bytes + at, len - at < piece ? len - at : piece, &err);
    fuzz_check_result(ok, &err);
    *rest = ok && envelopes_at_rest(envelopes);
    envelopes_free(&envelopes);
    return ok;
}

void fuzz_envelopes(const unsigned char *bytes, size_t len)
{
    struct found whole = {0}, pieces = {0};
    bool whole_rest, pieces_rest;

    if (len == 0)
        return;
    bool whole_ok = run(bytes, len, len, &whole, &whole_rest);
    bool pieces_ok = run(bytes, len, 1 + bytes[0] % 7, &pieces, &pieces_rest);
    /* A parser that is given less at a time may see an error only later, with the rest. */
    if (whole_ok && pieces_ok) {
        fuzz_check(whole.count == pieces.count && whole.sum == pieces.sum);
        fuzz_check(whole_rest == pieces_rest);
    }
    fuzz_check(!whole_rest || whole.count > 0 || len < 64 * 1024);
}
