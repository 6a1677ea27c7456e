/* The stand-in for Exchange: a request, whatever it is, gets one answer that can be read. */
#include <string.h>

#include "base/xml.h"
#include "tests/exchange/exchange.h"
#include "tests/fuzz/fuzz_targets.h"

static void check_answer(const struct exchange_answer *answer)
{
    const struct xml_node *root = NULL;
    struct err err;

    fuzz_check(!answer->dropped && answer->status >= 200 && answer->status < 600);
    fuzz_check(!answer->body.failed);
    if (!answer->body.len)
        return;
    struct xml_reader *reader = xml_reader_new(NULL, NULL);
    fuzz_check(reader);
    fuzz_check(xml_reader_feed(reader, answer->body.data, answer->body.len, &err));
    fuzz_check(xml_reader_end(reader, &root, &err));
    fuzz_check(!xml_reader_recovered(reader) && strcmp(root->name, "Envelope") == 0);
    xml_reader_free(&reader);
}

void fuzz_exchange(const unsigned char *bytes, size_t len)
{
    struct loop *loop = loop_virtual_new((struct wall){1795341600000});
    struct exchange_answer answer = {0};
    struct err err;

    fuzz_check(loop);
    struct exchange *ex = exchange_new(NULL, loop, 1, &err);
    fuzz_check(ex && exchange_add_mailbox(ex, "ann@example.net", &err));
    exchange_handle(ex, "ann@example.net", bytes, len, &answer);
    check_answer(&answer);
    exchange_answer_clear(&answer);
    loop_virtual_settle(loop, 1000);
    exchange_free(&ex);
    loop_free(&loop);
}
