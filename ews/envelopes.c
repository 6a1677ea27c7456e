/* The scanner knows only where markup begins and ends and how deep it is; everything else is
 * the reader's to judge, which gets every byte of the document.
 *
 *     BETWEEN --'<'--> OPENED --'/'--> END_TAG --'>'--> TEXT, or the document's end
 *                        |---'?'--> DECLARATION --"?>"--> back
 *                        |---'!'--> COMMENT or CDATA or (a DTD) an error
 *                        `--else--> START_TAG (QUOTED inside) --'>'--> TEXT one deeper
 */
#include "ews/envelopes.h"

#include <stdlib.h>
#include <string.h>

enum place {
    BETWEEN,     /* no document is open */
    PROLOG,      /* a declaration came, the root element not yet */
    TEXT,        /* inside the root element */
    OPENED,      /* after '<' */
    BANG,        /* after "<!" and more of a word that is not whole yet */
    DECLARATION, /* after "<?" */
    COMMENT,
    CDATA,
    START_TAG,
    QUOTED, /* a value inside a start tag */
    END_TAG,
};

enum step { STEP_ON, STEP_WHOLE, STEP_WRONG };

struct envelopes {
    struct xml_limits limits;
    envelopes_fn *fn;
    void *arg;
    struct xml_reader *reader;
    enum place place;
    int depth;
    char quote;
    char last, before; /* the two bytes in front of the present one */
    char word[8];      /* what follows "<!" */
    size_t word_len;
    size_t mark; /* bytes of a byte order mark that came between two documents */
    bool calling, freed, broken;
};

struct envelopes *envelopes_new(const struct xml_limits *each, envelopes_fn *fn, void *arg)
{
    struct envelopes *envelopes = calloc(1, sizeof *envelopes);
    if (!envelopes)
        return NULL;
    envelopes->limits = *each;
    envelopes->fn = fn;
    envelopes->arg = arg;
    return envelopes;
}

static void destroy(struct envelopes *envelopes)
{
    xml_reader_free(&envelopes->reader);
    free(envelopes);
}

void envelopes_free(struct envelopes **envelopes)
{
    struct envelopes *gone = *envelopes;
    *envelopes = NULL;
    if (!gone)
        return;
    if (gone->calling)
        gone->freed = true;
    else
        destroy(gone);
}

bool envelopes_at_rest(const struct envelopes *envelopes)
{
    return envelopes->place == BETWEEN && envelopes->mark == 0;
}

/* ---- the scanner ---- */

static enum step back_to_text(struct envelopes *e)
{
    e->place = e->depth > 0 ? TEXT : PROLOG;
    return STEP_ON;
}

static enum step end_start_tag(struct envelopes *e)
{
    if (e->last != '/') {
        e->depth++;
        return back_to_text(e);
    }
    return e->depth > 0 ? back_to_text(e) : STEP_WHOLE;
}

static enum step end_end_tag(struct envelopes *e)
{
    if (--e->depth > 0)
        return back_to_text(e);
    return e->depth == 0 ? STEP_WHOLE : STEP_WRONG;
}

/* "<!" begins a comment, a CDATA section, or a DTD, which no envelope may have. */
static enum step after_bang(struct envelopes *e, char c)
{
    static const char comment[] = "--", cdata[] = "[CDATA[";

    e->word[e->word_len++] = c;
    if (e->word_len == sizeof comment - 1 && memcmp(e->word, comment, e->word_len) == 0)
        e->place = COMMENT;
    else if (e->word_len == sizeof cdata - 1 && memcmp(e->word, cdata, e->word_len) == 0)
        e->place = CDATA;
    else if ((e->word_len > sizeof comment - 1 || memcmp(e->word, comment, e->word_len) != 0) &&
             (e->word_len > sizeof cdata - 1 || memcmp(e->word, cdata, e->word_len) != 0))
        return STEP_WRONG;
    e->last = e->before = '\0'; /* "<!-->" is not a whole comment */
    return STEP_ON;
}

static enum step after_open(struct envelopes *e, char c)
{
    e->word_len = 0;
    if (c == '/')
        e->place = END_TAG;
    else if (c == '?')
        e->place = DECLARATION;
    else if (c == '!')
        e->place = BANG;
    else
        e->place = START_TAG;
    return strchr(" \t\r\n<>", c) ? STEP_WRONG : STEP_ON; /* the closing NUL is found, too */
}

static enum step in_start_tag(struct envelopes *e, char c)
{
    if (c == '>')
        return end_start_tag(e);
    if (c == '"' || c == '\'') {
        e->quote = c;
        e->place = QUOTED;
    }
    return c == '<' ? STEP_WRONG : STEP_ON;
}

/* One byte inside a document. */
static enum step scan(struct envelopes *e, char c)
{
    switch (e->place) {
    case BETWEEN:
    case PROLOG:
    case TEXT:
        if (c == '<')
            e->place = OPENED;
        return STEP_ON;
    case OPENED: return after_open(e, c);
    case BANG: return after_bang(e, c);
    case DECLARATION: return c == '>' && e->last == '?' ? back_to_text(e) : STEP_ON;
    case COMMENT:
        return c == '>' && e->last == '-' && e->before == '-' ? back_to_text(e) : STEP_ON;
    case CDATA:
        return c == '>' && e->last == ']' && e->before == ']' ? back_to_text(e) : STEP_ON;
    case START_TAG: return in_start_tag(e, c);
    case QUOTED:
        if (c == e->quote)
            e->place = START_TAG;
        return STEP_ON;
    case END_TAG: return c == '>' ? end_end_tag(e) : STEP_ON;
    }
    return STEP_WRONG;
}

/* ---- documents ---- */

static bool nonsense(struct envelopes *e, struct err *err, const char *what)
{
    e->broken = true;
    err_set(err, ERR_PROTOCOL, "the stream of Exchange makes no sense: %s", what);
    err->scope = ERR_SCOPE_ACCOUNT;
    return false;
}

static bool fail(struct envelopes *e, struct err *err)
{
    e->broken = true;
    err->scope = ERR_SCOPE_ACCOUNT;
    return false;
}

static bool begin_document(struct envelopes *e, struct err *err)
{
    e->reader = xml_reader_new(&e->limits, NULL);
    e->depth = 0;
    e->last = e->before = '\0';
    e->place = PROLOG;
    if (!e->reader) {
        err_set(err, ERR_SYSTEM, "no memory for an answer of Exchange");
        return fail(e, err);
    }
    return true;
}

/* What may stand between two documents. *skipped: c was such a byte. */
static bool take_blank(struct envelopes *e, char c, bool *skipped, struct err *err)
{
    static const char mark[] = "\xEF\xBB\xBF";

    *skipped = false;
    if (e->mark > 0 || c == mark[0]) {
        if (c != mark[e->mark])
            return nonsense(e, err, "there is something between two envelopes");
        e->mark = (e->mark + 1) % (sizeof mark - 1);
        *skipped = true;
        return true;
    }
    *skipped = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (*skipped || c == '<')
        return true;
    return nonsense(e, err, "there is something between two envelopes");
}

static bool end_document(struct envelopes *e, struct err *err)
{
    const struct xml_node *root = NULL;

    if (!xml_reader_end(e->reader, &root, err))
        return fail(e, err);
    e->calling = true;
    bool go_on = e->fn(root, e->arg);
    e->calling = false;
    if (e->freed) {
        destroy(e);
        err_set(err, ERR_CANCELLED, "nobody reads the stream any more");
        return false;
    }
    xml_reader_free(&e->reader);
    e->place = BETWEEN;
    if (go_on)
        return true;
    e->broken = true;
    return err_set(err, ERR_CANCELLED, "the stream was stopped");
}

/* How far the present document reaches into these bytes. */
static size_t reach(struct envelopes *e, const char *bytes, size_t len, enum step *step)
{
    size_t at = 0;

    *step = STEP_ON;
    while (at < len && *step == STEP_ON) {
        char c = bytes[at++];
        enum place place = e->place;
        *step = scan(e, c);
        bool entered = place != e->place && (e->place == COMMENT || e->place == CDATA);
        e->before = entered ? '\0' : e->last;
        e->last = entered ? '\0' : c;
    }
    return at;
}

bool envelopes_feed(struct envelopes *e, const void *data, size_t len, struct err *err)
{
    const char *bytes = data;

    if (e->broken)
        return nonsense(e, err, "it went on after its end");
    while (len > 0) {
        bool skipped = false;
        if (e->place == BETWEEN &&
            (!take_blank(e, *bytes, &skipped, err) || (!skipped && !begin_document(e, err))))
            return false;
        if (skipped) {
            bytes++;
            len--;
            continue;
        }
        enum step step;
        size_t n = reach(e, bytes, len, &step);
        if (step == STEP_WRONG)
            return nonsense(e, err, "what stands in it is not XML, or has a DTD");
        if (!xml_reader_feed(e->reader, bytes, n, err))
            return fail(e, err);
        bytes += n;
        len -= n;
        if (step == STEP_WHOLE && !end_document(e, err))
            return false;
    }
    return true;
}
