#include "tests/exchange/exchange_fault.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

const char ex_faults_help[] =
    "Faults: --fault SPEC[,SPEC...], each SPEC is KIND[:OPERATION[:WHEN[:NUMBER]]]\n"
    "  OPERATION  CreateItem, SyncFolderItems, ..., SendNotification (a push call), * (all)\n"
    "  WHEN       3 (the third such request), 3+ (from the third on), 2-5, 10%, * (always)\n"
    "  lose-answer  execute and commit the request, then close the connection\n"
    "  cut-answer   the same, but half of the answer goes out\n"
    "  drop         close the connection without executing the request\n"
    "  late         execute the request only after NUMBER milliseconds\n"
    "  delay        execute it at once, answer after NUMBER milliseconds (also delay:MS)\n"
    "  busy-fault   HTTP 500, SOAP fault ErrorServerBusy, BackOffMilliseconds NUMBER (0: "
    "none)\n"
    "  busy-200     HTTP 200, ErrorServerBusy in the response message\n"
    "  busy-inner   HTTP 200, ErrorInternalServerError with ErrorServerBusy inside\n"
    "  http-CODE    an empty answer with that status; NUMBER: Retry-After in seconds\n"
    "               (also http-503:SECONDS)\n"
    "  html         HTTP 200 with a log-in page, as a proxy in front of Exchange sends it\n"
    "  quota        ErrorQuotaExceeded (for CreateItem when no operation is given)\n"
    "  code:OPERATION:ErrorXxx[:WHEN]    that ResponseCode in the response message\n"
    "  fault:OPERATION:ErrorXxx[:WHEN]   that ResponseCode as a SOAP fault\n";

enum kind { DROP, LOSE_ANSWER, CUT_ANSWER, LATE, DELAY, ANSWER };

struct fault {
    struct fault *next;
    enum kind kind;
    enum fault_answer answer;
    char operation[40]; /* "*": all */
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

static const struct {
    const char *word;
    enum kind kind;
    enum fault_answer answer;
} words[] = {
    {"lose-answer", LOSE_ANSWER, FAULT_NONE},
    {"cut-answer", CUT_ANSWER, FAULT_NONE},
    {"drop", DROP, FAULT_NONE},
    {"late", LATE, FAULT_NONE},
    {"delay", DELAY, FAULT_NONE},
    {"busy-fault", ANSWER, FAULT_BUSY_FAULT},
    {"busy-200", ANSWER, FAULT_BUSY_200},
    {"busy-inner", ANSWER, FAULT_BUSY_INNER},
    {"html", ANSWER, FAULT_HTML},
    {"quota", ANSWER, FAULT_CODE},
    {"code", ANSWER, FAULT_CODE},
    {"fault", ANSWER, FAULT_FAULT_CODE},
};

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
    if (!strcmp(when, "*"))
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

static bool parse_kind(struct fault *fault, const char *word)
{
    if (!strncmp(word, "http-", 5) && all_digits(word + 5)) {
        fault->kind = ANSWER;
        fault->answer = FAULT_HTTP;
        long status = strtol(word + 5, NULL, 10);
        fault->status = (int)status;
        return status >= 400 && status < 600;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].word, word)) {
            fault->kind = words[i].kind;
            fault->answer = words[i].answer;
            if (!strcmp(word, "quota")) {
                snprintf(fault->code, sizeof fault->code, "ErrorQuotaExceeded");
                snprintf(fault->operation, sizeof fault->operation, "CreateItem");
            }
            return true;
        }
    return false;
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

static bool parse_one(struct fault *fault, char *text)
{
    char *parts[4] = {NULL};
    int count = split(text, parts, 4), at = 1;
    fault->number = -1;
    snprintf(fault->operation, sizeof fault->operation, "*");
    parse_when(fault, "*");
    if (count < 1 || count > 4 || !parse_kind(fault, parts[0]))
        return false;
    bool takes_number = fault->kind == DELAY || fault->answer == FAULT_HTTP ||
                        fault->answer == FAULT_BUSY_FAULT || fault->answer == FAULT_BUSY_200;
    if (count == 2 && takes_number && all_digits(parts[1])) {
        fault->number = strtoll(parts[1], NULL, 10);
        return true;
    }
    if (at < count)
        snprintf(fault->operation, sizeof fault->operation, "%s", parts[at++]);
    bool wants_code = !strcmp(parts[0], "code") || !strcmp(parts[0], "fault");
    if (wants_code) {
        if (at >= count || !isupper((unsigned char)parts[at][0]))
            return false;
        snprintf(fault->code, sizeof fault->code, "%s", parts[at++]);
    }
    if (at < count && !parse_when(fault, parts[at++]))
        return false;
    if (at < count && all_digits(parts[at]))
        fault->number = strtoll(parts[at++], NULL, 10);
    return at == count && (fault->number >= 0 || (fault->kind != LATE && fault->kind != DELAY));
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
         part = strtok_r(NULL, ", ", &save)) {
        struct fault *fault = calloc(1, sizeof *fault);
        char text[160];
        snprintf(text, sizeof text, "%s", part);
        if (!fault || !parse_one(fault, part)) {
            ok =
                err_set(err, ERR_USAGE, "the fault \"%s\" is not understood; see --help", text);
            free(fault);
        } else {
            *faults->end = fault;
            faults->end = &fault->next;
        }
    }
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

static bool strikes(struct faults *faults, struct fault *fault)
{
    fault->asked++;
    if (fault->percent >= 0)
        return (int)rng_below(&faults->rng, 100) < fault->percent;
    return fault->asked >= fault->first && (!fault->last || fault->asked <= fault->last);
}

static void add_to_plan(const struct fault *fault, struct fault_plan *plan)
{
    switch (fault->kind) {
    case DROP: plan->drop = true; break;
    case LOSE_ANSWER: plan->lose_answer = true; break;
    case CUT_ANSWER: plan->cut_answer = true; break;
    case LATE: plan->late_ms += fault->number; break;
    case DELAY: plan->delay_ms += fault->number; break;
    case ANSWER:
        if (plan->answer != FAULT_NONE)
            break;
        plan->answer = fault->answer;
        plan->status = fault->status;
        plan->number = fault->number;
        snprintf(plan->code, sizeof plan->code, "%s", fault->code);
        break;
    }
}

void ex_faults_ask(struct faults *faults, const char *operation, struct fault_plan *plan)
{
    *plan = (struct fault_plan){.number = -1};
    for (struct fault *fault = faults ? faults->first : NULL; fault; fault = fault->next)
        if ((!strcmp(fault->operation, "*") || !strcmp(fault->operation, operation)) &&
            strikes(faults, fault))
            add_to_plan(fault, plan);
}
