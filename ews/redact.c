#include "ews/redact.h"

#include <string.h>

#include "base/id.h"
#include "base/limits.h"
#include "ews/ews_names.h"

/* A hundredth of a second of silence as WAV, in base64: what stands for any audio. */
#define SILENCE "UklGRigAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQQAAACAgICA"

enum policy {
    POLICY_MASK,
    POLICY_KEEP,
    POLICY_WORDS,
    POLICY_ID,
    POLICY_AUDIO,
    POLICY_FOLDER, /* a folder's name: only that of our own, which we look for, stays */
};

struct rule {
    const char *name; /* local name of an element or an attribute */
    enum policy policy;
};

/* Texts of elements; what is not here is masked. */
static const struct rule elements[] = {
    {"ResponseCode", POLICY_KEEP},
    {"ErrorCode", POLICY_KEEP},
    {"faultcode", POLICY_KEEP},
    {"MessageText", POLICY_WORDS},
    {"Message", POLICY_WORDS},
    {"ErrorMessage", POLICY_WORDS},
    {"faultstring", POLICY_WORDS},
    {"DescriptiveLinkKey", POLICY_KEEP},
    {"LineNumber", POLICY_KEEP},
    {"LinePosition", POLICY_KEEP},
    {"Violation", POLICY_WORDS},
    {"IncludesLastItemInRange", POLICY_KEEP},
    {"IncludesLastFolderInRange", POLICY_KEEP},
    {"MoreEvents", POLICY_KEEP},
    {"ConnectionStatus", POLICY_KEEP},
    {"IsRead", POLICY_KEEP},
    {"IsDraft", POLICY_KEEP},
    {"IsInline", POLICY_KEEP},
    {"HasAttachments", POLICY_KEEP},
    {"Importance", POLICY_KEEP},
    {"Sensitivity", POLICY_KEEP},
    {"IsReadReceiptRequested", POLICY_KEEP},
    {"IsDeliveryReceiptRequested", POLICY_KEEP},
    {"RoutingType", POLICY_KEEP},
    {"ItemClass", POLICY_KEEP},
    {"FolderClass", POLICY_KEEP},
    {"DisplayName", POLICY_FOLDER},
    {"ContentType", POLICY_KEEP},
    {"Size", POLICY_KEEP},
    {"Culture", POLICY_KEEP},
    {"TotalCount", POLICY_KEEP},
    {"UnreadCount", POLICY_KEEP},
    {"ChildFolderCount", POLICY_KEEP},
    {"DateTimeCreated", POLICY_KEEP},
    {"DateTimeReceived", POLICY_KEEP},
    {"DateTimeSent", POLICY_KEEP},
    {"LastModifiedTime", POLICY_KEEP},
    {"TimeStamp", POLICY_KEEP},
    {"SyncState", POLICY_ID},
    {"SubscriptionId", POLICY_ID},
    {"Watermark", POLICY_ID},
    {"PreviousWatermark", POLICY_ID},
    {"Content", POLICY_AUDIO},
    {"MimeContent", POLICY_AUDIO},
};

static const struct rule attributes[] = {
    {"Id", POLICY_ID},
    {"ChangeKey", POLICY_ID},
    {"RootItemId", POLICY_ID},
    {"RootItemChangeKey", POLICY_ID},
    {"ResponseClass", POLICY_KEEP},
    {"PropertyTag", POLICY_KEEP},
    {"PropertyType", POLICY_KEEP},
    {"PropertyName", POLICY_KEEP},
    {"PropertySetId", POLICY_KEEP},
    {"DistinguishedPropertySetId", POLICY_KEEP},
    {"IncludesLastItemInRange", POLICY_KEEP},
    {"IndexedPagingOffset", POLICY_KEEP},
    {"TotalItemsInView", POLICY_KEEP},
    {"CharacterSet", POLICY_KEEP},
    {"BodyType", POLICY_KEEP},
    {"MajorVersion", POLICY_KEEP},
    {"MinorVersion", POLICY_KEEP},
    {"MajorBuildNumber", POLICY_KEEP},
    {"MinorBuildNumber", POLICY_KEEP},
    {"Version", POLICY_KEEP},
    {"Name", POLICY_WORDS},
};

/* The tags that are open; deeper than this everything is masked. */
struct stack {
    const char *name[LIMIT_XML_DEPTH];
    size_t len[LIMIT_XML_DEPTH];
    int depth;
};

struct redaction {
    struct buf *out;
    const char *salt;
    struct stack stack;
};

/* ---- What is done with a text ------------------------------------------------------------ */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void mask(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_add(out, is_letter(text[i]) ? "x" : is_digit(text[i]) ? "0" : &text[i], 1);
}

/* Sentences stay; a word that may be an address, a path, a number or a name does not. */
static void keep_words(struct buf *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = 0;
        bool plain = true;
        while (at + n < len && !strchr(" \t\r\n", text[at + n])) {
            plain = plain && !strchr("@\\/=:'\"<>", text[at + n]) && !is_digit(text[at + n]);
            n++;
        }
        if (plain && n > 0)
            buf_add(out, text + at, n);
        else
            mask(out, text + at, n);
        at += n;
        if (at < len)
            buf_add(out, text + at++, 1);
    }
}

/* Another text of the same length, the same for the same; what frames it stays. */
static void rename_id(const struct redaction *r, const char *text, size_t len)
{
    char digest[LIMIT_SHA256];
    struct sha256 *sum = sha256_new();
    if (!sum) {
        mask(r->out, text, len);
        return;
    }
    sha256_add(sum, r->salt, strlen(r->salt));
    sha256_add(sum, text, len);
    sha256_end(&sum, digest);
    for (size_t i = 0; i < len; i++) {
        bool keep = strchr(" \t\r\n", text[i]) != NULL;
        buf_add(r->out, keep ? &text[i] : &digest[i % (LIMIT_SHA256 - 1)], 1);
    }
}

static void apply(const struct redaction *r, enum policy policy, const char *text, size_t len)
{
    switch (policy) {
    case POLICY_KEEP: buf_add(r->out, text, len); break;
    case POLICY_WORDS: keep_words(r->out, text, len); break;
    case POLICY_ID: rename_id(r, text, len); break;
    case POLICY_AUDIO: buf_add_str(r->out, len > 0 ? SILENCE : ""); break;
    case POLICY_FOLDER:
        if (len == strlen(EWS_VOICE_OUTBOX) && memcmp(text, EWS_VOICE_OUTBOX, len) == 0)
            buf_add(r->out, text, len);
        else
            mask(r->out, text, len);
        break;
    case POLICY_MASK: mask(r->out, text, len); break;
    }
}

static enum policy policy_of(const struct rule *rules, size_t count, const char *name,
                             size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(rules[i].name) == len && memcmp(rules[i].name, name, len) == 0)
            return rules[i].policy;
    }
    return POLICY_MASK;
}

/* ---- Tags ---------------------------------------------------------------------------------
 */

/* What stands behind the prefix. */
static const char *local(const char *name, size_t *len)
{
    const char *colon = memchr(name, ':', *len);
    if (!colon)
        return name;
    *len -= (size_t)(colon + 1 - name);
    return colon + 1;
}

static bool is_named(const struct stack *stack, int level, const char *name)
{
    return level >= 0 && level < LIMIT_XML_DEPTH && stack->len[level] == strlen(name) &&
           memcmp(stack->name[level], name, stack->len[level]) == 0;
}

static enum policy text_policy(const struct stack *stack)
{
    int top = stack->depth - 1;
    if (top < 0 || top >= LIMIT_XML_DEPTH)
        return POLICY_MASK;
    /* t:Value of an error's details (how long to wait), not of a property (a phone number) */
    if (is_named(stack, top, "Value"))
        return is_named(stack, top - 1, "MessageXml") ? POLICY_KEEP : POLICY_MASK;
    return policy_of(elements, sizeof(elements) / sizeof(elements[0]), stack->name[top],
                     stack->len[top]);
}

static void push(struct stack *stack, const char *name, size_t len)
{
    name = local(name, &len);
    if (stack->depth < LIMIT_XML_DEPTH) {
        stack->name[stack->depth] = name;
        stack->len[stack->depth] = len;
    }
    stack->depth++;
}

static size_t span(const char *text, size_t len, const char *stop)
{
    size_t n = 0;
    while (n < len && !(text[n] && strchr(stop, text[n])))
        n++;
    return n;
}

/* As elements and attributes of EWS, SOAP and HTML are named; an address is not. */
static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool ascii = is_letter(text[i]) && (unsigned char)text[i] < 0x80;
        if (!ascii && !is_digit(text[i]) && !strchr(":_-", text[i]))
            return false;
    }
    return true;
}

/* name="value" pairs up to the end of the tag; what is neither is masked. */
static void attributes_of(struct redaction *r, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = span(text + at, len - at, " \t\r\n=\"'/");
        size_t name_len = n;
        const char *name = local(text + at, &name_len);
        bool pair = is_name(text + at, n) && at + n + 1 < len && text[at + n] == '=' &&
                    (text[at + n + 1] == '"' || text[at + n + 1] == '\'');
        bool declaration = n >= 5 && memcmp(text + at, "xmlns", 5) == 0;
        if (!pair) {
            mask(r->out, text + at, n);
            at += n;
            if (at < len)
                mask(r->out, text + at++, 1);
            continue;
        }
        const char quote[2] = {text[at + n + 1], '\0'};
        size_t begin = at + n + 2, value = span(text + begin, len - begin, quote);
        buf_add(r->out, text + at, n + 2);
        apply(r,
              declaration ? POLICY_KEEP
                          : policy_of(attributes, sizeof(attributes) / sizeof(attributes[0]),
                                      name, name_len),
              text + begin, value);
        at = begin + value;
        if (at < len)
            buf_add(r->out, text + at++, 1);
    }
}

/* Between "<" and ">". */
static void tag(struct redaction *r, const char *text, size_t len)
{
    bool closing = len > 0 && text[0] == '/';
    bool empty = len > 0 && text[len - 1] == '/';
    size_t name = span(text + closing, len - closing, " \t\r\n/>");
    if (len > 0 && (text[0] == '!' || text[0] == '?')) {
        bool declaration = len >= 4 && memcmp(text, "?xml", 4) == 0;
        apply(r, declaration ? POLICY_KEEP : POLICY_MASK, text, len);
        return;
    }
    apply(r, is_name(text + closing, name) ? POLICY_KEEP : POLICY_MASK, text, closing + name);
    attributes_of(r, text + closing + name, len - closing - name);
    if (closing && r->stack.depth > 0)
        r->stack.depth--;
    else if (!closing && !empty)
        push(&r->stack, text, name);
}

static void xml(struct redaction *r, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = span(bytes + at, len - at, "<");
        apply(r, text_policy(&r->stack), bytes + at, n);
        at += n;
        if (at == len)
            return;
        n = span(bytes + at + 1, len - at - 1, ">");
        buf_add(r->out, "<", 1);
        tag(r, bytes + at + 1, n);
        at += 1 + n;
        if (at < len)
            buf_add(r->out, bytes + at++, 1);
    }
}

void redact_body(struct buf *out, const char *bytes, size_t len, const char *salt)
{
    struct redaction r = {.out = out, .salt = salt};
    size_t blank = 0;
    while (blank < len && strchr("\xEF\xBB\xBF \t\r\n", bytes[blank]) && bytes[blank])
        blank++;
    if (blank < len && bytes[blank] == '<')
        xml(&r, bytes, len);
    else
        mask(out, bytes, len);
}

/* ---- Headers ------------------------------------------------------------------------------
 */

void redact_location(struct buf *out, const char *url)
{
    const char *host = strstr(url, "://");
    if (!host) {
        mask(out, url, strlen(url));
        return;
    }
    const char *path = host + 3 + strcspn(host + 3, "/?#");
    buf_add(out, url, (size_t)(host + 3 - url));
    buf_add_str(out, "host.example");
    buf_add(out, path, strcspn(path, "?#"));
}

void redact_challenge(struct buf *out, const char *challenge)
{
    for (const char *at = challenge; *at;) {
        size_t scheme = strcspn(at, " ,"), rest = strcspn(at, ",");
        buf_add(out, at, scheme);
        at += rest;
        at += strspn(at, ", ");
        if (*at)
            buf_add_str(out, ", ");
    }
}
