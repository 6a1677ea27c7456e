#include "ews/autodiscover_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "ews/challenge.h"

/* What a service account that proves itself by a token of Microsoft's own may be led to: the
 * token was made there and is good there only. A password of a company's directory never goes
 * to Microsoft without the administrator's word. */
static const char microsoft[] =
    "outlook.office365.com autodiscover-s.outlook.com autodiscover.outlook.com";

/* ---- Names ------------------------------------------------------------------------------ */

/* A name of the DNS with a dot in it, which is not an address in numbers. */
static bool is_name(const char *name)
{
    size_t label = 0, dots = 0;
    bool digits = true; /* all of the present label */
    for (const char *p = name;; p++) {
        if (*p == '.' || *p == '\0') {
            if (label == 0 || label > 63 || p[-1] == '-')
                return false;
            if (*p == '\0')
                return dots > 0 && !digits;
            dots++;
            label = 0;
            digits = true;
            continue;
        }
        bool digit = *p >= '0' && *p <= '9', letter = *p >= 'a' && *p <= 'z';
        if (!digit && !letter && (*p != '-' || label == 0))
            return false;
        digits = digits && digit;
        label++;
    }
}

static bool take_name(char name[LIMIT_HOST], const char *text, size_t len)
{
    if (len == 0 || len >= LIMIT_HOST)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    name[len] = '\0';
    return strlen(name) == len && is_name(name);
}

bool autodiscover_domain(const char *address, char domain[LIMIT_HOST])
{
    const char *at = strrchr(address, '@');
    domain[0] = '\0';
    if (!at || at == address || strlen(address) >= LIMIT_ADDRESS)
        return false;
    for (const char *p = address; *p; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7F || (*p == '@' && p != at))
            return false;
    }
    return take_name(domain, at + 1, strlen(at + 1));
}

static bool is_port(const char *text, size_t len)
{
    long port =
        len && len <= 5 && strspn(text, "0123456789") >= len ? strtol(text, NULL, 10) : 0;
    return port > 0 && port <= 65535;
}

bool autodiscover_host(const char *url, char host[LIMIT_HOST])
{
    host[0] = '\0';
    if (strncasecmp(url, "https://", 8) != 0 || strlen(url) >= LIMIT_URL)
        return false;
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7F ||
            strchr("\\#<>\"{}|^`", *p))
            return false;
    }
    const char *start = url + 8;
    size_t authority = strcspn(start, "/?");
    size_t name = strcspn(start, ":/?");
    if (name < authority && !is_port(start + name + 1, authority - name - 1))
        return false;
    if (take_name(host, start, name))
        return true;
    host[0] = '\0';
    return false;
}

static bool is_below(const char *host, const char *domain, size_t len)
{
    size_t whole = strlen(host);
    if (whole < len || strncasecmp(host + whole - len, domain, len) != 0)
        return false;
    return whole == len || host[whole - len - 1] == '.';
}

static bool is_listed(const char *host, const char *list)
{
    static const char gap[] = ", \t";
    for (const char *p = list + strspn(list, gap); *p; p += strspn(p, gap)) {
        size_t len = strcspn(p, gap);
        if (is_below(host, p, len))
            return true;
        p += len;
    }
    return false;
}

bool autodiscover_may_ask(const struct autodiscover_rules *rules, const char *domain,
                          const char *host)
{
    return is_below(host, domain, strlen(domain)) ||
           (rules->hosts && is_listed(host, rules->hosts)) ||
           (strcmp(rules->auth, "oauth2") == 0 && is_listed(host, microsoft));
}

/* ---- What went wrong -------------------------------------------------------------------- */

/* What tells most is said in the end. */
enum weight { LIGHT = 1, UNREACHED, NOT_IT, UNTRUSTED, LED_AWAY, NO_USER, DENIED, FINAL };

static void note(struct autodiscover_plan *plan, enum weight weight, enum err_kind kind,
                 const char *words)
{
    if ((int)weight <= plan->weight)
        return;
    plan->weight = weight;
    err_set(&plan->why, kind, "%s %s", plan->host, words);
}

static void note_transport(struct autodiscover_plan *plan, const struct err *err)
{
    enum weight weight = err->kind == ERR_CONFIG    ? UNTRUSTED
                         : err->kind == ERR_NO_HOST ? LIGHT
                                                    : UNREACHED;
    char words[320];
    text_copy(words, sizeof(words), err->text);
    char said[340];
    snprintf(said, sizeof(said), "cannot be asked: %s", words);
    note(plan, weight, err->kind, said);
}

void autodiscover_plan_error(const struct autodiscover_plan *plan, struct err *err)
{
    const char *address = plan->address_count ? plan->addresses[0] : "";
    if (plan->why.kind == ERR_OK)
        err_set(err, ERR_UNAVAILABLE, "nobody answers");
    else
        *err = plan->why;
    /* One refusal may be that of a host which is no Exchange. */
    bool locked = plan->weight == DENIED && *plan->refusals >= LIMIT_REFUSED_PASSWORDS;
    err->scope = locked ? ERR_SCOPE_ACCOUNT : ERR_SCOPE_MAILBOX;
    if (locked)
        text_copy(err->code, sizeof(err->code), "HTTP 401");
    err->when = ERR_WHEN_BACK_OFF;
    err->effect = ERR_EFFECT_NONE;
    if (plan->answered)
        err_prefix(err, "autodiscover found no server for %.100s: ", address);
    else /* said to every mailbox of the domain */
        err_prefix(err, "autodiscover found no server for the domain %.100s: ", plan->domain);
}

/* ---- Questions -------------------------------------------------------------------------- */

enum { CANDIDATES = 5 };

static bool is_shunned(const struct autodiscover_plan *plan, const char *host)
{
    for (int i = 0; i < plan->shunned_count; i++) {
        if (strcmp(plan->shunned[i], host) == 0)
            return true;
    }
    return false;
}

/* This search does not come back to the host: it cannot be reached, has no valid certificate,
 * or refused the password, and the other door at the same host will do the same. */
static void shun(struct autodiscover_plan *plan)
{
    if (!is_shunned(plan, plan->host) && plan->shunned_count < AUTODISCOVER_SHUNNED_MAX)
        text_copy(plan->shunned[plan->shunned_count++], LIMIT_HOST, plan->host);
}

static void candidate_url(const struct autodiscover_plan *plan, int candidate,
                          struct autodiscover_endpoint *out)
{
    static const struct {
        enum autodiscover_kind kind;
        const char *scheme, *prefix, *file;
    } table[CANDIDATES] = {
        {AUTODISCOVER_SOAP, "https", "", "svc"},
        {AUTODISCOVER_SOAP, "https", "autodiscover.", "svc"},
        {AUTODISCOVER_POX, "https", "", "xml"},
        {AUTODISCOVER_POX, "https", "autodiscover.", "xml"},
        {AUTODISCOVER_GET, "http", "autodiscover.", "xml"},
    };
    char domain[LIMIT_HOST] = "";
    autodiscover_domain(plan->address, domain);
    out->kind = table[candidate].kind;
    snprintf(out->url, sizeof(out->url), "%s://%s%s/autodiscover/autodiscover.%s",
             table[candidate].scheme, table[candidate].prefix, domain, table[candidate].file);
}

/* The GET goes where https failed, too: it shows nothing, and what comes back is only a name,
 * which has to pass the same rules as any other. */
static bool set_question(struct autodiscover_plan *plan,
                         const struct autodiscover_endpoint *ask)
{
    char host[LIMIT_HOST];
    plan->credentials = false;
    if (ask->kind == AUTODISCOVER_GET) {
        plan->ask = *ask;
        snprintf(plan->host, sizeof(plan->host), "%.*s",
                 (int)strcspn(ask->url + strlen("http://"), "/"), ask->url + strlen("http://"));
        return strlen(plan->host) < LIMIT_HOST;
    }
    if (!autodiscover_host(ask->url, host) || is_shunned(plan, host))
        return false;
    plan->ask = *ask;
    text_copy(plan->host, sizeof(plan->host), host);
    return true;
}

static enum autodiscover_next advance(struct autodiscover_plan *plan)
{
    struct autodiscover_endpoint ask;
    while (plan->candidate < CANDIDATES) {
        candidate_url(plan, plan->candidate++, &ask);
        /* Of a search that was led to another address every candidate was named by an answer.
         */
        plan->led = plan->address_count > 1;
        if (set_question(plan, &ask))
            return AUTODISCOVER_ASK;
    }
    return AUTODISCOVER_FAILED;
}

enum autodiscover_next autodiscover_plan_begin(struct autodiscover_plan *plan,
                                               const struct autodiscover_rules *rules,
                                               const char *address,
                                               const struct autodiscover_endpoint *first,
                                               int *refusals)
{
    memset(plan, 0, sizeof(*plan));
    plan->rules = *rules;
    plan->refusals = refusals;
    if (!autodiscover_domain(address, plan->domain)) {
        err_set(&plan->why, ERR_CONFIG,
                "\"%.100s\" is not an address whose domain can be asked; set url instead of "
                "autodiscover",
                address);
        plan->weight = FINAL;
        plan->answered = true; /* it is the address that is at fault */
        return AUTODISCOVER_FAILED;
    }
    text_copy(plan->addresses[plan->address_count++], LIMIT_ADDRESS, address);
    plan->address = plan->addresses[0];
    if (first && set_question(plan, first)) {
        plan->led = true;
        return AUTODISCOVER_ASK;
    }
    return advance(plan);
}

bool autodiscover_plan_may_keep(const struct autodiscover_plan *plan)
{
    return plan->address_count == 1 && (plan->rules.verify || !plan->led);
}

/* ---- Redirects -------------------------------------------------------------------------- */

static enum autodiscover_next end(struct autodiscover_plan *plan, enum err_kind kind,
                                  const char *words)
{
    plan->weight = 0;
    note(plan, FINAL, kind, words);
    plan->candidate = CANDIDATES;
    return AUTODISCOVER_FAILED;
}

static bool has_ending(const char *url, const char *ending)
{
    size_t len = strcspn(url, "?"), n = strlen(ending);
    return len > n && strncasecmp(url + len - n, ending, n) == 0;
}

static enum autodiscover_kind kind_of(const char *url, enum autodiscover_kind asked)
{
    if (has_ending(url, ".svc"))
        return AUTODISCOVER_SOAP;
    if (has_ending(url, ".xml") || asked == AUTODISCOVER_GET)
        return AUTODISCOVER_POX;
    return asked;
}

static bool was_visited(const struct autodiscover_plan *plan, const char *url)
{
    for (int i = 0; i < plan->visited_count; i++) {
        if (strcmp(plan->visited[i], url) == 0)
            return true;
    }
    return strcmp(plan->ask.url, url) == 0;
}

/* A host that may not be asked: says so, and what to do when it is right all the same. */
static enum autodiscover_next led_away(struct autodiscover_plan *plan, const char *to)
{
    char words[LIMIT_HOST + 200];
    snprintf(words, sizeof(words),
             "leads to %.253s, which is not below %.80s; if it is yours, name it in "
             "autodiscover-hosts",
             to, plan->domain);
    note(plan, LED_AWAY, ERR_CONFIG, words);
    return advance(plan);
}

static enum autodiscover_next redirect(struct autodiscover_plan *plan, const char *target)
{
    struct autodiscover_endpoint ask = {.kind = kind_of(target, plan->ask.kind)};
    char host[LIMIT_HOST];
    if (!autodiscover_host(target, host)) {
        note(plan, NOT_IT, ERR_PROTOCOL, "leads to something that is not an https address");
        return advance(plan);
    }
    if (!autodiscover_may_ask(&plan->rules, plan->domain, host))
        return led_away(plan, host);
    if (plan->hops >= LIMIT_AUTODISCOVER_HOPS)
        return end(plan, ERR_PROTOCOL, "is one redirect too many");
    if (was_visited(plan, target)) {
        note(plan, NOT_IT, ERR_PROTOCOL, "leads round in a circle");
        return advance(plan);
    }
    text_copy(plan->visited[plan->visited_count++], LIMIT_URL, plan->ask.url);
    plan->hops++;
    text_copy(ask.url, sizeof(ask.url), target);
    if (!set_question(plan, &ask))
        return advance(plan);
    plan->led = true;
    return AUTODISCOVER_ASK;
}

static bool was_asked_for(const struct autodiscover_plan *plan, const char *address)
{
    for (int i = 0; i < plan->address_count; i++) {
        if (strcasecmp(plan->addresses[i], address) == 0)
            return true;
    }
    return false;
}

/* The search begins anew with another address of the mailbox; what was learnt about hosts and
 * how many hops there were stays. */
static enum autodiscover_next redirect_address(struct autodiscover_plan *plan,
                                               const char *address)
{
    char domain[LIMIT_HOST];
    if (!autodiscover_domain(address, domain)) {
        note(plan, NOT_IT, ERR_PROTOCOL, "leads to something that is not an address");
        return advance(plan);
    }
    if (!autodiscover_may_ask(&plan->rules, plan->domain, domain))
        return led_away(plan, domain);
    if (plan->hops >= LIMIT_AUTODISCOVER_HOPS)
        return end(plan, ERR_PROTOCOL, "is one redirect too many");
    if (was_asked_for(plan, address)) {
        note(plan, NOT_IT, ERR_PROTOCOL, "leads round in a circle of addresses");
        return advance(plan);
    }
    plan->hops++;
    plan->address = plan->addresses[plan->address_count];
    text_copy(plan->addresses[plan->address_count++], LIMIT_ADDRESS, address);
    plan->candidate = 0;
    return advance(plan);
}

/* ---- Answers ---------------------------------------------------------------------------- */

static const char *scheme_of(const char *auth)
{
    return strcmp(auth, "ntlm") == 0        ? "NTLM"
           : strcmp(auth, "negotiate") == 0 ? "Negotiate"
           : strcmp(auth, "oauth2") == 0    ? "Bearer"
                                            : "Basic";
}

static enum autodiscover_next refused(struct autodiscover_plan *plan)
{
    note(plan, DENIED, ERR_DENIED,
         "refuses the service account; check its credentials before it is locked out");
    shun(plan);
    if (++*plan->refusals < LIMIT_REFUSED_PASSWORDS)
        return advance(plan);
    plan->candidate = CANDIDATES;
    return AUTODISCOVER_FAILED;
}

/* Is what we have what the server wants? Exchange Online may not say Bearer; nobody else may
 * leave it out, for whoever sees a token can use it. */
static bool fits(const struct autodiscover_plan *plan, const char *challenge)
{
    const char *auth = plan->rules.auth;
    return challenge_offers(challenge, scheme_of(auth)) ||
           (strcmp(auth, "oauth2") == 0 && is_listed(plan->host, microsoft));
}

static enum autodiscover_next challenged(struct autodiscover_plan *plan, const char *challenge)
{
    char words[160];
    if (plan->credentials)
        return refused(plan);
    if (plan->ask.kind == AUTODISCOVER_GET)
        return advance(plan);
    if (*plan->refusals >= LIMIT_REFUSED_PASSWORDS) /* another search saw to that meanwhile */
        return refused(plan);
    if (plan->led && !plan->rules.verify) {
        note(plan, UNTRUSTED, ERR_CONFIG,
             "was named by a redirect, and with verify = no it cannot prove itself; set url");
        return advance(plan);
    }
    if (!fits(plan, challenge)) {
        snprintf(words, sizeof(words),
                 "does not offer %s, which auth = %.20s needs; choose another auth",
                 scheme_of(plan->rules.auth), plan->rules.auth);
        note(plan, LED_AWAY, ERR_CONFIG, words);
        return advance(plan);
    }
    plan->credentials = true;
    return AUTODISCOVER_ASK;
}

/* The first of the two URLs that may be used. */
static enum autodiscover_next settings(struct autodiscover_plan *plan,
                                       const struct autodiscover_answer *answer)
{
    const char *urls[2] = {answer->external, answer->internal};
    char host[LIMIT_HOST], away[LIMIT_HOST] = "";
    for (int i = 0; i < 2; i++) {
        const char *url = urls[plan->rules.internal_first ? 1 - i : i];
        if (!autodiscover_host(url, host))
            continue;
        if (autodiscover_may_ask(&plan->rules, plan->domain, host)) {
            text_copy(plan->url, sizeof(plan->url), url);
            text_copy(plan->group, sizeof(plan->group), answer->group);
            return AUTODISCOVER_FOUND;
        }
        text_copy(away, sizeof(away), host);
    }
    if (away[0])
        return led_away(plan, away);
    note(plan, NOT_IT, ERR_PROTOCOL, "names no https address of EWS");
    return advance(plan);
}

/* The domain's own server, which let us in, does not know the address: nobody else will. */
static enum autodiscover_next no_user(struct autodiscover_plan *plan)
{
    note(plan, NO_USER, ERR_NO_MAILBOX,
         "does not know the address; check the address of the mailbox");
    if (plan->credentials)
        plan->candidate = CANDIDATES;
    return advance(plan);
}

static enum autodiscover_next heard(struct autodiscover_plan *plan,
                                    const struct autodiscover_answer *answer)
{
    char words[160];
    plan->answered = true;
    if (plan->credentials)
        *plan->refusals = 0;
    switch (answer->word) {
    case AUTODISCOVER_SETTINGS: return settings(plan, answer);
    case AUTODISCOVER_REDIRECT_URL: return redirect(plan, answer->target);
    case AUTODISCOVER_REDIRECT_ADDRESS: return redirect_address(plan, answer->target);
    case AUTODISCOVER_NO_USER: return no_user(plan);
    case AUTODISCOVER_BUSY:
    case AUTODISCOVER_REFUSES: break;
    }
    snprintf(words, sizeof(words), "answers with the error %.63s", answer->code);
    note(plan, NOT_IT, answer->word == AUTODISCOVER_BUSY ? ERR_UNAVAILABLE : ERR_PROTOCOL,
         words);
    return advance(plan);
}

enum autodiscover_next autodiscover_plan_saw(struct autodiscover_plan *plan,
                                             const struct autodiscover_seen *seen)
{
    if (seen->err->kind != ERR_OK && seen->status == 0) {
        note_transport(plan, seen->err);
        shun(plan);
        return advance(plan);
    }
    if (seen->status == 401)
        return challenged(plan, seen->challenge);
    if (seen->status >= 300 && seen->status < 400)
        return redirect(plan, seen->location);
    /* Over http nobody is believed but for where he leads, and that is checked. */
    if (seen->answer && seen->err->kind == ERR_OK && plan->ask.kind != AUTODISCOVER_GET)
        return heard(plan, seen->answer);
    char words[64];
    snprintf(words, sizeof(words), "is no server of autodiscover (HTTP %d)", seen->status);
    note(plan, NOT_IT, ERR_PROTOCOL, words);
    return advance(plan);
}
