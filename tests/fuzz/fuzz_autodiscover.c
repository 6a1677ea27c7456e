/* Autodiscover's answers: what is read is within its limits, and what it leads to is held to
 * the rules, whatever the bytes say.
 * seeds: answers */
#include <string.h>
#include <strings.h>

#include "ews/autodiscover_message.h"
#include "ews/autodiscover_plan.h"
#include "tests/fuzz/fuzz_targets.h"

enum { QUESTIONS = 40 };

static bool parse(const unsigned char *bytes, size_t len, struct autodiscover_answer *answer)
{
    static const struct xml_limits limits = {LIMIT_AUTODISCOVER_BYTES, LIMIT_XML_DEPTH, 20000};
    struct xml_reader *reader = xml_reader_new(&limits, NULL);
    const struct xml_node *root = NULL;
    struct err err = {0};
    memset(answer, 0xAA, sizeof *answer);
    fuzz_check(reader);
    bool ok = xml_reader_feed(reader, bytes, len, &err) && xml_reader_end(reader, &root, &err);
    fuzz_check_result(ok, &err);
    ok = autodiscover_read(ok ? root : NULL, answer);
    xml_reader_free(&reader);
    return ok;
}

static void check_text(const char *text, size_t size)
{
    fuzz_check(memchr(text, '\0', size));
    for (; *text; text++)
        fuzz_check((unsigned char)*text >= 0x20 && *text != 0x7F);
}

static void check_answer(const struct autodiscover_answer *answer)
{
    check_text(answer->external, sizeof answer->external);
    check_text(answer->internal, sizeof answer->internal);
    check_text(answer->target, sizeof answer->target);
    check_text(answer->group, sizeof answer->group);
    check_text(answer->schemas, sizeof answer->schemas);
    check_text(answer->code, sizeof answer->code);
    fuzz_check(answer->word <= AUTODISCOVER_REFUSES);
    fuzz_check(answer->word != AUTODISCOVER_SETTINGS || answer->external[0] ||
               answer->internal[0]);
}

static bool is_ours(const char *url)
{
    const char *host = url + 8;
    size_t len = strcspn(host, ":/?");
    if (strncasecmp(url, "https://", 8) != 0 || strpbrk(url, "@\\#\r\n \t"))
        return false;
    return (len == 11 && strncasecmp(host, "example.com", 11) == 0) ||
           (len > 12 && strncasecmp(host + len - 12, ".example.com", 12) == 0);
}

/* The same answer to every question: the search ends, and nobody else sees credentials. */
static void check_search(const struct autodiscover_answer *answer)
{
    const struct autodiscover_rules rules = {.auth = "basic", .verify = true};
    const struct err ok = {0};
    struct autodiscover_plan plan;
    int refusals = 0, questions = 0;
    enum autodiscover_next next =
        autodiscover_plan_begin(&plan, &rules, "ann@example.com", NULL, &refusals);
    for (; next == AUTODISCOVER_ASK; questions++) {
        bool get = plan.ask.kind == AUTODISCOVER_GET;
        fuzz_check(questions < QUESTIONS && plan.hops <= LIMIT_AUTODISCOVER_HOPS);
        fuzz_check(get ? !plan.credentials : is_ours(plan.ask.url));
        const struct autodiscover_seen seen = {.err = &ok,
                                               .status = get                ? 302
                                                         : plan.credentials ? 200
                                                                            : 401,
                                               .location = answer->target,
                                               .challenge = "Basic",
                                               .answer = answer};
        next = autodiscover_plan_saw(&plan, &seen);
    }
    fuzz_check(next != AUTODISCOVER_FOUND || is_ours(plan.url));
}

void fuzz_autodiscover(const unsigned char *bytes, size_t len)
{
    struct autodiscover_answer answer, cut;
    if (!parse(bytes, len, &answer))
        return;
    check_answer(&answer);
    check_search(&answer);
    fuzz_check(len <= LIMIT_AUTODISCOVER_BYTES);
    if (parse(bytes, len / 2, &cut))
        check_answer(&cut);
}
