/* From the bytes of a request to the bytes of its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_soap.h"

enum { HEAD_BYTES = 64 * 1024 };

struct exchange_request {
    struct exchange *ex;
    char user[LIMIT_ADDRESS];
    struct xml_reader *reader;
    struct contents contents;
    size_t contents_room;
    struct buf head; /* the first bytes, to say where a violation is */
    struct err err;
    bool failed;
    bool prepared;
    const struct xml_node *envelope, *body; /* body: the operation's element */
    const struct operation *operation;
    struct fault_plan plan;
};

static bool begin_content(void *arg)
{
    struct exchange_request *request = arg;
    struct contents *contents = &request->contents;
    if (contents->count == request->contents_room) {
        size_t room = request->contents_room ? request->contents_room * 2 : 4;
        void *bigger = realloc(contents->writers, room * sizeof(struct blob_writer *));
        if (!bigger)
            return false;
        contents->writers = bigger;
        request->contents_room = room;
    }
    struct blob_writer *writer = ex_blob_writer_new(request->ex->blobs);
    contents->writers[contents->count++] = writer;
    return writer != NULL;
}

static bool add_content(const char *bytes, size_t len, void *arg)
{
    struct exchange_request *request = arg;
    ex_blob_add_base64(request->contents.writers[request->contents.count - 1], bytes, len);
    return true;
}

struct exchange_request *exchange_request_new(struct exchange *ex, const char *user)
{
    struct exchange_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->ex = ex;
    snprintf(request->user, sizeof request->user, "%s", user);
    buf_init(&request->head, HEAD_BYTES);
    const struct xml_limits limits = {.max_bytes = EXCHANGE_REQUEST_MAX,
                                      .max_depth = LIMIT_XML_DEPTH,
                                      .max_nodes = LIMIT_XML_NODES};
    request->reader = xml_reader_new(&limits, &(struct xml_sink){.ns = NS_TYPES,
                                                                 .name = "Content",
                                                                 .begin = begin_content,
                                                                 .text = add_content,
                                                                 .arg = request});
    if (!request->reader)
        exchange_request_free(&request);
    return request;
}

void exchange_request_feed(struct exchange_request *request, const void *bytes, size_t len)
{
    size_t room = HEAD_BYTES - request->head.len;
    buf_add(&request->head, bytes, len < room ? len : room);
    if (!request->failed && !xml_reader_feed(request->reader, bytes, len, &request->err))
        request->failed = true;
}

void exchange_request_free(struct exchange_request **request)
{
    struct exchange_request *r = *request;
    if (!r)
        return;
    for (size_t i = 0; i < r->contents.count; i++)
        ex_blob_writer_free(&r->contents.writers[i]);
    free(r->contents.writers);
    xml_reader_free(&r->reader);
    buf_clear(&r->head);
    free(r);
    *request = NULL;
}

static void prepare(struct exchange_request *request)
{
    if (request->prepared)
        return;
    request->prepared = true;
    const struct xml_node *root = NULL;
    if (!request->failed)
        request->failed = !xml_reader_end(request->reader, &root, &request->err);
    request->failed = request->failed || xml_reader_recovered(request->reader);
    request->envelope = request->failed ? NULL : root;
    const struct xml_node *body = xml_child(request->envelope, NS_SOAP, "Body");
    request->body = body ? body->first_child : NULL;
    request->operation = request->body ? ex_operation_find(request->body->name) : NULL;
    ex_faults_ask(request->ex->faults, request->body ? request->body->name : "",
                  &request->plan);
}

int64_t exchange_request_late(struct exchange_request *request)
{
    prepare(request);
    return request->plan.late_ms;
}

/* Where the node's tag stands: how many tags of that name come before it, counted again in the
 * bytes. Beyond the first 64 KiB nothing exact is said. */
static int occurrences_before(const struct xml_node *at, const struct xml_node *stop,
                              bool *found)
{
    int count = 0;
    for (; at && !*found; at = at->next) {
        if (at == stop) {
            *found = true;
            return count;
        }
        count += !strcmp(at->name, stop->name);
        count += occurrences_before(at->first_child, stop, found);
    }
    return count;
}

static void locate(const struct exchange_request *request, const struct xml_node *node,
                   int *line, int *position)
{
    bool found = false;
    int skip = occurrences_before(request->envelope, node, &found);
    const char *text = buf_str(&request->head), *start = text;
    size_t len = strlen(node->name);
    *line = 1;
    for (; *text; text++) {
        bool opens = *text == '<' && text[1] != '/' && text[1] != '!' && text[1] != '?';
        const char *name = text + 1;
        size_t prefix = opens ? strcspn(name, ": \t\r\n/>") : 0;
        if (opens && name[prefix] == ':')
            name += prefix + 1;
        if (opens && !strncmp(name, node->name, len) && strchr(" \t\r\n/>", name[len]) &&
            skip-- == 0)
            break;
        if (*text == '\n') {
            ++*line;
            start = text + 1;
        }
    }
    *position = (int)(text - start) + 2;
}

static void answer_violation(const struct exchange_request *request,
                             const struct schema_violation *violation,
                             struct exchange_answer *answer)
{
    int line, position;
    locate(request, violation->node, &line, &position);
    answer->status = 500;
    ex_soap_violation(&answer->body, violation->text, line, position);
}

static void answer_fault(struct exchange_answer *answer, const char *code, int64_t back_off_ms)
{
    answer->status = 500;
    ex_soap_fault(&answer->body, code, back_off_ms);
}

/* One response message for each thing that was asked for. */
static int messages_expected(const struct xml_node *request)
{
    static const char *const lists[] = {"Items",          "ItemIds", "ItemChanges",
                                        "FolderIds",      "Folders", "AttachmentIds",
                                        "ParentFolderIds"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct xml_node *list = xml_child(request, NS_MESSAGES, lists[i]);
        int count = 0;
        for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next)
            count++;
        if (count)
            return count;
    }
    return 1;
}

/* What a fault puts in the place of the answer. */
static void answer_badly(struct exchange_request *request, struct exchange_answer *answer)
{
    static const char log_in[] =
        "<!DOCTYPE html><html><head><title>Sign in</title></head>"
        "<body><form action=\"/auth\">Please sign in.</form></body></html>";
    const struct fault_plan *plan = &request->plan;
    struct call call = {.ex = request->ex, .operation = request->operation};
    answer->status = 200;
    if (plan->answer == FAULT_HTML) {
        answer->type = "text/html";
        buf_add_str(&answer->body, log_in);
    } else if (plan->answer == FAULT_HTTP) {
        answer->status = plan->status;
        answer->type = "";
        answer->retry_after_ms = plan->number >= 0 ? plan->number * 1000 : -1;
    } else if (plan->answer == FAULT_BUSY_FAULT) {
        answer_fault(answer, "ErrorServerBusy", plan->number >= 0 ? plan->number : 300000);
    } else if (plan->answer == FAULT_FAULT_CODE || !request->operation) {
        answer_fault(answer, plan->code[0] ? plan->code : "ErrorServerBusy", -1);
    } else {
        ex_soap_begin(&call, &answer->body);
        for (int i = messages_expected(request->body); i > 0; i--) {
            if (plan->answer == FAULT_BUSY_200)
                ex_soap_busy(&call, plan->number >= 0 ? plan->number : 300000);
            else if (plan->answer == FAULT_BUSY_INNER)
                ex_soap_busy_inner(&call);
            else
                ex_soap_error(&call, plan->code);
        }
        ex_soap_end(&call);
    }
}

static const char *const versions[] = {
    "Exchange2007",     "Exchange2007_SP1", "Exchange2009", "Exchange2010",
    "Exchange2010_SP1", "Exchange2010_SP2", "Exchange2012", "Exchange2013",
    "Exchange2013_SP1", "Exchange2015",     "Exchange2016", "V2015_10_05",
    "V2016_01_06",      "V2016_04_13",      "V2016_07_13",  "V2016_10_10",
    "V2017_01_07",      "V2017_04_14",      "V2017_07_11"};

static bool known_version(const char *version)
{
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (!strcmp(versions[i], version))
            return true;
    return false;
}

/* The mailbox of the call: the impersonated user's, else the caller's own. Within the
 * transaction, for it may have to be made. */
static int64_t mailbox_of(const struct exchange_request *request)
{
    const struct xml_node *header = xml_child(request->envelope, NS_SOAP, "Header");
    const struct xml_node *impersonation = xml_child(header, NS_TYPES, "ExchangeImpersonation");
    const struct xml_node *sid = xml_child(impersonation, NS_TYPES, "ConnectingSID");
    const char *address = sid && sid->first_child ? xml_text(sid->first_child) : request->user;
    return exchange_mailbox(request->ex, address);
}

/* A SetItemField names one property, and its t:Message holds that one and no other. */
static bool one_property_each(const struct exchange_request *request,
                              struct exchange_answer *answer)
{
    const struct xml_node *change = xml_child(request->body, NS_MESSAGES, "ItemChanges");
    for (change = change ? change->first_child : NULL; change; change = change->next) {
        const struct xml_node *updates = xml_child(change, NS_TYPES, "Updates");
        for (const struct xml_node *set = updates->first_child; set; set = set->next) {
            const struct xml_node *first = set->first_child->next;
            first = first ? first->first_child : NULL;
            if (!first || !first->next)
                continue;
            struct schema_violation violation = {.node = first->next};
            snprintf(
                violation.text, sizeof violation.text,
                "The element 'Message' in namespace '%s' has invalid child element '%.60s': "
                "a SetItemField holds one property.",
                NS_TYPES, first->next->name);
            answer_violation(request, &violation, answer);
            return false;
        }
    }
    return true;
}

static bool contents_are_base64(const struct exchange_request *request,
                                struct exchange_answer *answer)
{
    for (size_t i = 0; i < request->contents.count; i++) {
        if (ex_blob_is_base64(request->contents.writers[i]))
            continue;
        struct schema_violation violation = {.node =
                                                 xml_find(request->body, NS_TYPES, "Content")};
        snprintf(violation.text, sizeof violation.text,
                 "The '%s:Content' element is invalid - its value is invalid according to its "
                 "datatype 'http://www.w3.org/2001/XMLSchema:base64Binary'.",
                 NS_TYPES);
        answer_violation(request, &violation, answer);
        return false;
    }
    return true;
}

static bool well_made(struct exchange_request *request, struct exchange_answer *answer)
{
    struct schema_violation violation;
    const struct xml_node *header = xml_child(request->envelope, NS_SOAP, "Header");
    const struct xml_node *impersonation = xml_child(header, NS_TYPES, "ExchangeImpersonation");
    const struct schema_type *type =
        request->operation ? ex_schema_operation(request->operation->name) : NULL;
    if (!type || strcmp(request->body->ns, NS_MESSAGES) != 0) {
        snprintf(violation.text, sizeof violation.text,
                 "The element '%.60s' in namespace '%.80s' is not declared.",
                 request->body->name, request->body->ns);
        violation.node = request->body;
        answer_violation(request, &violation, answer);
        return false;
    }
    if ((impersonation &&
         !ex_schema_check(impersonation, &ex_schema_impersonation, &violation)) ||
        !ex_schema_check(request->body, type, &violation)) {
        answer_violation(request, &violation, answer);
        return false;
    }
    return contents_are_base64(request, answer) && one_property_each(request, answer);
}

static void execute(struct exchange_request *request, struct exchange_answer *answer)
{
    struct exchange *ex = request->ex;
    const struct xml_node *header = xml_child(request->envelope, NS_SOAP, "Header");
    const char *version =
        xml_attr(xml_child(header, NS_TYPES, "RequestServerVersion"), "Version");
    if (!well_made(request, answer))
        return;
    if (version && !known_version(version)) {
        answer_fault(answer, "ErrorInvalidServerVersion", -1);
        return;
    }
    ex_db_begin(ex->db);
    struct call call = {.ex = ex,
                        .operation = request->operation,
                        .request = request->body,
                        .version = version ? version : "Exchange2007",
                        .mailbox = mailbox_of(request),
                        .contents = &request->contents};
    if (!call.mailbox) {
        ex_db_rollback(ex->db);
        answer_fault(answer, "ErrorNonExistentMailbox", -1);
        return;
    }
    answer->status = 200;
    ex_soap_begin(&call, &answer->body);
    request->operation->run(&call);
    ex_soap_end(&call);
    if (!exchange_commit(ex, &request->err) || answer->body.failed) {
        buf_reset(&answer->body);
        answer->body.failed = false;
        answer_fault(answer, "ErrorInternalServerError", -1);
        return;
    }
    ex->counts[ex_operation_index(request->operation)]++;
}

static void answer_init(struct exchange_answer *answer)
{
    *answer = (struct exchange_answer){.type = "text/xml; charset=utf-8", .retry_after_ms = -1};
    buf_init(&answer->body, EXCHANGE_ANSWER_MAX);
}

void exchange_request_end(struct exchange_request **request, struct exchange_answer *answer)
{
    struct exchange_request *r = *request;
    answer_init(answer);
    prepare(r);
    answer->delay_ms = r->plan.delay_ms;
    answer->dropped = r->plan.drop;
    if (r->plan.drop) {
        /* not executed */
    } else if (r->plan.answer != FAULT_NONE) {
        answer_badly(r, answer);
    } else if (!r->body) {
        answer->status = 400; /* as IIS says to what is not SOAP at all */
        answer->type = "";
    } else {
        execute(r, answer);
        answer->dropped = r->plan.lose_answer;
    }
    if (r->plan.cut_answer)
        answer->body.len /= 2;
    if (answer->dropped) {
        buf_clear(&answer->body);
        answer->status = 0;
    }
    exchange_request_free(request);
}

void exchange_handle(struct exchange *ex, const char *user, const void *bytes, size_t len,
                     struct exchange_answer *answer)
{
    struct exchange_request *request = exchange_request_new(ex, user);
    if (!request) {
        answer_init(answer);
        answer->status = 500;
        return;
    }
    exchange_request_feed(request, bytes, len);
    exchange_request_end(&request, answer);
}

long exchange_count(const struct exchange *ex, const char *operation)
{
    long all = 0;
    const struct operation *found = ex_operation_find(operation);
    if (found)
        return ex->counts[ex_operation_index(found)];
    for (size_t i = 0; i < sizeof ex->counts / sizeof *ex->counts; i++)
        all += ex->counts[i];
    return operation[0] ? 0 : all;
}
