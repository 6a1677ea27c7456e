#include "tests/exchange/exchange_fault.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

const char ex_faults_help[] =
    "Faults: --fault SPEC[,SPEC...], each SPEC is KIND[:OPERATION[:WHEN[:NUMBER]]][@MAILBOX]\n"
    "  OPERATION  CreateItem, SyncFolderItems, ..., SendNotification (a push call), * (all)\n"
    "  WHEN       3 (the third such request), 3+ (from the third on), 2-5, 10%, * or always\n"
    "  MAILBOX    only requests about mailboxes that this pattern fits: ann@example.com,\n"
    "             throttled*.example.com, ?1@*\n"
    " The connection:\n"
    "  lose-answer  execute and commit the request, then close the connection\n"
    "  drop         close the connection without executing the request\n"
    "  late         execute the request only after NUMBER milliseconds\n"
    "  stray        close the connection, and execute the request NUMBER milliseconds later,\n"
    "               long after whoever sent it has given up, if need be (with delay, the\n"
    "               connection stays open so long)\n"
    "  twice        execute it again NUMBER milliseconds after its answer (0: at once)\n"
    "  shuffle      wait up to NUMBER milliseconds before executing, by chance: requests\n"
    "               overtake one another\n"
    "  delay        execute it at once, answer after NUMBER milliseconds (also delay:MS)\n"
    " The answer, after the request was executed:\n"
    "  cut-answer   half of it goes out\n"
    "  cut-at       NUMBER bytes of it go out\n"
    "  bad-char     with a control character in a text, which XML forbids\n"
    "  short-answer without its last response message\n"
    "  stop-batch   thing NUMBER (default 1) of the request fails with\n"
    "               ErrorMailboxStoreUnavailable, the rest is ErrorBatchProcessingStopped\n"
    " The answer, instead of executing it:\n"
    "  busy-fault   HTTP 500, SOAP fault ErrorServerBusy, BackOffMilliseconds NUMBER (0: "
    "none)\n"
    "  busy-200     HTTP 200, ErrorServerBusy in the response message\n"
    "  busy-inner   HTTP 200, ErrorInternalServerError with ErrorServerBusy inside\n"
    "  http-CODE    an empty answer with that status; NUMBER: Retry-After in seconds\n"
    "               (also http-503:SECONDS)\n"
    "  html         HTTP 200 with a log-in page, as a proxy in front of Exchange sends it\n"
    "  quota        ErrorQuotaExceeded (for CreateItem when no operation is given)\n"
    "  code:OPERATION:ErrorXxx[:WHEN]       that ResponseCode in the response message\n"
    "  fault:OPERATION:ErrorXxx[:WHEN]      that ResponseCode as a SOAP fault\n"
    "  fault-200:OPERATION:ErrorXxx[:WHEN]  the same with HTTP 200\n"
    " The mailbox, before the request is looked at:\n"
    "  move         it moves for NUMBER milliseconds (ErrorMailboxMoveInProgress); its\n"
    "               subscriptions and the SyncStates handed out are lost\n"
    "  lose-states, lose-subscriptions   one of these alone\n"
    "  snapshot, restore                 a backup is made; the mailbox goes back to it\n";

enum kind {
    DROP,
    LOSE_ANSWER,
    CUT_ANSWER,
    CUT_AT,
    SHORT_ANSWER,
    BAD_CHAR,
    STOP_BATCH,
    LATE,
    STRAY,
    TWICE,
    SHUFFLE,
    DELAY,
    ACT,
    ANSWER,
};

/* Does a NUMBER belong to the word? */
enum takes { NO_NUMBER, MAY_NUMBER, NUMBER, ONLY_NUMBER /* also without operation and when */ };

struct word {
    const char *word;
    enum kind kind;
    int what; /* fault_answer or fault_act */
    enum takes takes;
};

struct fault {
    struct fault *next;
    enum kind kind;
    int what;
    char operation[40]; /* "*": all */
    char mailbox[256];  /* "": all */
    char code[64];
    int status;
    long first, last; /* which requests; last 0: no end */
    int percent;      /* -1: first..last decide */
    int64_t number;   /* -1: not given */
    long asked;
};

struct faults {
    struct fault *first, **end;
    struct rng rng;
};

static const struct word words[] = {
    {"lose-answer", LOSE_ANSWER, 0, NO_NUMBER},
    {"cut-answer", CUT_ANSWER, 0, NO_NUMBER},
    {"cut-at", CUT_AT, 0, NUMBER},
    {"short-answer", SHORT_ANSWER, 0, NO_NUMBER},
    {"bad-char", BAD_CHAR, 0, NO_NUMBER},
    {"stop-batch", STOP_BATCH, 0, MAY_NUMBER},
    {"drop", DROP, 0, NO_NUMBER},
    {"late", LATE, 0, NUMBER},
    {"stray", STRAY, 0, NUMBER},
    {"twice", TWICE, 0, MAY_NUMBER},
    {"shuffle", SHUFFLE, 0, NUMBER},
    {"delay", DELAY, 0, ONLY_NUMBER},
    {"busy-fault", ANSWER, FAULT_BUSY_FAULT, MAY_NUMBER},
    {"busy-200", ANSWER, FAULT_BUSY_200, MAY_NUMBER},
    {"busy-inner", ANSWER, FAULT_BUSY_INNER, NO_NUMBER},
    {"html", ANSWER, FAULT_HTML, NO_NUMBER},
    {"quota", ANSWER, FAULT_CODE, NO_NUMBER},
    {"code", ANSWER, FAULT_CODE, NO_NUMBER},
    {"fault", ANSWER, FAULT_FAULT_CODE, NO_NUMBER},
    {"fault-200", ANSWER, FAULT_FAULT_200, NO_NUMBER},
    {"move", ACT, FAULT_MOVE, NUMBER},
    {"snapshot", ACT, FAULT_SNAPSHOT, NO_NUMBER},
    {"restore", ACT, FAULT_RESTORE, NO_NUMBER},
    {"lose-states", ACT, FAULT_LOSE_STATES, NO_NUMBER},
    {"lose-subscriptions", ACT, FAULT_LOSE_SUBSCRIPTIONS, NO_NUMBER},
};
static const struct word http_word = {"http", ANSWER, FAULT_HTTP, MAY_NUMBER};

static bool all_digits(const char *text)
{
    return text[0] && strspn(text, "0123456789") == strlen(text);
}

static bool parse_when(struct fault *fault, const char *when)
{
    char *end;
    fault->percent = -1;
    fault->first = 1;
    fault->last = 0;
    if (!strcmp(when, "*") || !strcmp(when, "always"))
        return true;
    long value = strtol(when, &end, 10);
    if (end == when || value < 0)
        return false;
    if (!strcmp(end, "%")) {
        fault->percent = (int)value;
        return value <= 100;
    }
    fault->first = fault->last = value;
    if (!strcmp(end, "+"))
        fault->last = 0;
    else if (*end == '-' && all_digits(end + 1))
        fault->last = strtol(end + 1, &end, 10);
    else if (*end)
        return false;
    return value > 0;
}

/* NULL: no such word. */
static const struct word *parse_kind(struct fault *fault, const char *text)
{
    const struct word *word = NULL;
    if (!strncmp(text, "http-", 5) && all_digits(text + 5)) {
        long status = strtol(text + 5, NULL, 10);
        fault->status = (int)status;
        word = status >= 400 && status < 600 ? &http_word : NULL;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].word, text))
            word = &words[i];
    if (!word)
        return NULL;
    fault->kind = word->kind;
    fault->what = word->what;
    if (!strcmp(word->word, "quota")) {
        snprintf(fault->code, sizeof fault->code, "ErrorQuotaExceeded");
        snprintf(fault->operation, sizeof fault->operation, "CreateItem");
    }
    return word;
}

/* Splits in place; parts that are missing are NULL. */
static int split(char *text, char **parts, int max)
{
    int count = 0;
    for (char *save = NULL, *part = strtok_r(text, ":", &save); part;
         part = strtok_r(NULL, ":", &save)) {
        if (count == max)
            return max + 1;
        parts[count++] = part;
    }
    return count;
}

/* What stands behind the first @ is the mailbox, which may have one of its own. */
static bool parse_mailbox(struct fault *fault, char *text)
{
    char *at = strchr(text, '@');
    if (!at)
        return true;
    *at++ = '\0';
    snprintf(fault->mailbox, sizeof fault->mailbox, "%s", at);
    return at[0] && strlen(at) < sizeof fault->mailbox;
}

static bool parse_code(struct fault *fault, const char *text)
{
    if (!text || !isupper((unsigned char)text[0]) || strlen(text) >= sizeof fault->code)
        return false;
    snprintf(fault->code, sizeof fault->code, "%s", text);
    return true;
}

static bool parse_one(struct fault *fault, char *text)
{
    char *parts[4] = {NULL};
    fault->number = -1;
    snprintf(fault->operation, sizeof fault->operation, "*");
    parse_when(fault, "*");
    if (!parse_mailbox(fault, text))
        return false;
    int count = split(text, parts, 4), at = 1;
    const struct word *word = count >= 1 && count <= 4 ? parse_kind(fault, parts[0]) : NULL;
    if (!word)
        return false;
    bool takes_number =
        word->takes == ONLY_NUMBER || (word->kind == ANSWER && word->takes == MAY_NUMBER);
    if (count == 2 && takes_number && all_digits(parts[1])) {
        fault->number = strtoll(parts[1], NULL, 10);
        return true;
    }
    if (at < count)
        snprintf(fault->operation, sizeof fault->operation, "%s", parts[at++]);
    bool wants_code = word->kind == ANSWER && !fault->code[0] &&
                      (word->what == FAULT_CODE || word->what == FAULT_FAULT_CODE ||
                       word->what == FAULT_FAULT_200);
    if (wants_code && !parse_code(fault, at < count ? parts[at++] : NULL))
        return false;
    if (at < count && !parse_when(fault, parts[at++]))
        return false;
    if (at < count && all_digits(parts[at]))
        fault->number = strtoll(parts[at++], NULL, 10);
    return at == count && (fault->number >= 0 || word->takes < NUMBER);
}

static bool add_fault(struct faults *faults, char *part, struct err *err)
{
    struct fault *fault = calloc(1, sizeof *fault);
    char text[160];
    snprintf(text, sizeof text, "%s", part);
    if (!fault || !parse_one(fault, part)) {
        free(fault);
        return err_set(err, ERR_USAGE, "the fault \"%s\" is not understood; see --help", text);
    }
    *faults->end = fault;
    faults->end = &fault->next;
    return true;
}

struct faults *ex_faults_new(const char *spec, uint64_t seed, struct err *err)
{
    struct faults *faults = calloc(1, sizeof *faults);
    char *copy = strdup(spec);
    bool ok = faults && copy;
    if (!ok)
        err_set(err, ERR_SYSTEM, "no memory for faults");
    if (faults) {
        faults->end = &faults->first;
        faults->rng = rng_seed(seed);
    }
    for (char *save = NULL, *part = ok ? strtok_r(copy, ", ", &save) : NULL; part && ok;
         part = strtok_r(NULL, ", ", &save))
        ok = add_fault(faults, part, err);
    free(copy);
    if (!ok)
        ex_faults_free(&faults);
    return faults;
}

void ex_faults_free(struct faults **faults)
{
    if (!*faults)
        return;
    for (struct fault *fault = (*faults)->first, *next; fault; fault = next) {
        next = fault->next;
        free(fault);
    }
    free(*faults);
    *faults = NULL;
}

void ex_faults_plan_init(struct fault_plan *plan)
{
    *plan = (struct fault_plan){.number = -1, .stray_ms = -1, .again_ms = -1, .cut_at = -1};
}

static bool strikes(struct faults *faults, struct fault *fault)
{
    fault->asked++;
    if (fault->percent >= 0)
        return (int)rng_below(&faults->rng, 100) < fault->percent;
    return fault->asked >= fault->first && (!fault->last || fault->asked <= fault->last);
}

static void add_answer(const struct fault *fault, struct fault_plan *plan)
{
    if (plan->answer != FAULT_NONE)
        return;
    plan->answer = (enum fault_answer)fault->what;
    plan->status = fault->status;
    plan->number = fault->number;
    snprintf(plan->code, sizeof plan->code, "%s", fault->code);
}

static void add_to_plan(struct faults *faults, const struct fault *fault,
                        struct fault_plan *plan)
{
    switch (fault->kind) {
    case DROP: plan->drop = true; break;
    case LOSE_ANSWER: plan->lose_answer = true; break;
    case CUT_ANSWER: plan->cut_answer = true; break;
    case CUT_AT: plan->cut_at = fault->number; break;
    case SHORT_ANSWER: plan->short_answer = true; break;
    case BAD_CHAR: plan->bad_char = true; break;
    case STOP_BATCH: plan->stop_at = fault->number > 0 ? fault->number : 1; break;
    case LATE: plan->late_ms += fault->number; break;
    case STRAY: plan->stray_ms = fault->number; break;
    case TWICE: plan->again_ms = fault->number > 0 ? fault->number : 0; break;
    case SHUFFLE:
        plan->late_ms += (int64_t)rng_below(&faults->rng, (uint64_t)fault->number + 1);
        break;
    case DELAY: plan->delay_ms += fault->number; break;
    case ACT:
        plan->acts |= fault->what;
        if (fault->what == FAULT_MOVE)
            plan->move_ms = fault->number;
        break;
    case ANSWER: add_answer(fault, plan); break;
    }
}

static bool is_meant(const struct fault *fault, const char *operation, const char *mailbox)
{
    return (!strcmp(fault->operation, "*") || !strcmp(fault->operation, operation)) &&
           (!fault->mailbox[0] || !fnmatch(fault->mailbox, mailbox, FNM_CASEFOLD));
}

void ex_faults_ask(struct faults *faults, const char *operation, const char *mailbox,
                   struct fault_plan *plan)
{
    ex_faults_plan_init(plan);
    for (struct fault *fault = faults ? faults->first : NULL; fault; fault = fault->next)
        if (is_meant(fault, operation, mailbox) && strikes(faults, fault))
            add_to_plan(faults, fault, plan);
}
