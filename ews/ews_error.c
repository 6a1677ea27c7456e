#include "ews/ews_error.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "ews/ews_error_table.h"

struct grade {
    enum err_kind kind;
    enum err_scope scope;
    enum err_when when;
    enum err_effect effect;
    const char *remedy;
};

static const struct grade grades[] = {
    [EWS_GRADE_ITEM] = {ERR_REFUSED, ERR_SCOPE_ITEM, ERR_WHEN_NEVER, ERR_EFFECT_NONE,
                        "Exchange refuses this one request for good."},
    [EWS_GRADE_GONE] = {ERR_GONE, ERR_SCOPE_ITEM, ERR_WHEN_NEVER, ERR_EFFECT_NONE,
                        "the item or folder is not there any more."},
    [EWS_GRADE_CONFLICT] = {ERR_CONFLICT, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_NONE,
                            "the item was changed meanwhile; it is looked at again."},
    [EWS_GRADE_BROKE] =
        {ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_UNKNOWN,
         "Exchange failed at this request; when it goes on, look at the event log "
         "of the Exchange server."},
    [EWS_GRADE_STOPPED] = {ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_NONE,
                           "something before it in the same request failed, so this was not "
                           "begun; it is sent again."},
    [EWS_GRADE_THROTTLED] = {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
                             ERR_EFFECT_NONE,
                             "Exchange asks us to wait; when this goes on, give the service "
                             "account a throttling policy of its own (New-ThrottlingPolicy)."},
    [EWS_GRADE_TOO_MANY] = {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
                            ERR_EFFECT_NONE, "a limit of the mailbox is reached."},
    [EWS_GRADE_TIMED_OUT] = {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
                             ERR_EFFECT_UNKNOWN, "Exchange ran out of time for this request."},
    [EWS_GRADE_TRANSIENT] =
        {ERR_TEMPORARY, ERR_SCOPE_MAILBOX, ERR_WHEN_RETRY, ERR_EFFECT_UNKNOWN,
         "the mailbox database is not available just now; when this goes on, "
         "look whether it is mounted (Get-MailboxDatabase -Status)."},
    [EWS_GRADE_UNREACHED] = {ERR_TEMPORARY, ERR_SCOPE_MAILBOX, ERR_WHEN_RETRY, ERR_EFFECT_NONE,
                             "Exchange could not begin the request; when this goes on, look at "
                             "its Active Directory and at its other servers."},
    [EWS_GRADE_MOVING] = {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
                          ERR_EFFECT_UNKNOWN,
                          "the mailbox is being moved, or is served elsewhere; look at "
                          "Get-MoveRequest, and whether the URL is that of its server."},
    [EWS_GRADE_DENIED] = {ERR_DENIED, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
                          "the service account has no right to do this in this mailbox."},
    [EWS_GRADE_ACCOUNT] = {ERR_DENIED, ERR_SCOPE_ACCOUNT, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
                           "Exchange refuses the service account itself; check the account in "
                           "Active Directory."},
    [EWS_GRADE_NO_MAILBOX] =
        {ERR_NO_MAILBOX, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
         "Exchange has no usable mailbox for this address; check the address "
         "and the mailbox (Get-Mailbox)."},
    [EWS_GRADE_CONFIG] = {ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
                          "something is set up wrongly between here and Exchange."},
    [EWS_GRADE_FULL] = {ERR_FULL, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
                        "a quota of the mailbox is used up."},
    [EWS_GRADE_TOKEN] =
        {ERR_GONE, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_NONE,
         "Exchange does not know the state of synchronisation any more; the folder "
         "is compared in full."},
    [EWS_GRADE_SUBSCRIPTION] = {ERR_GONE, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_NONE,
                                "the subscription is gone; a new one is made."},
};

static_assert(sizeof(grades) / sizeof(grades[0]) == EWS_GRADES, "every grade has its row");

/* Codes that no table knows. A failure of one thing is believed to be one; of a whole request
 * nothing is believed. */
static const struct grade unknown[] = {
    [EWS_SHAPE_FAULT] = {ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_UNKNOWN,
                         "a failure that is not known here; when it goes on, look at the event "
                         "log of the Exchange server."},
    [EWS_SHAPE_ERROR] = {ERR_REFUSED, ERR_SCOPE_ITEM, ERR_WHEN_NEVER, ERR_EFFECT_NONE,
                         "an error that is not known here; it is taken for a refusal of this "
                         "one request."},
    [EWS_SHAPE_WARNING] = {ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY, ERR_EFFECT_UNKNOWN,
                           "a warning that is not known here; the item is looked at again."},
};

static_assert(sizeof(unknown) / sizeof(unknown[0]) == EWS_SHAPES, "every shape has its row");

/* Whatever it is called: who names a time to wait wants us to come back. */
static const struct grade unknown_wait = {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
                                          ERR_EFFECT_UNKNOWN, "Exchange asks us to wait."};

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct ews_error_row *)row)->code);
}

static const struct ews_error_row *find(const char *code)
{
    return bsearch(code, ews_error_table, ews_error_table_count, sizeof(ews_error_table[0]),
                   compare);
}

bool ews_error_known(const char *code)
{
    return find(code) != NULL;
}

static void wait_for(struct err *err, int64_t back_off_ms)
{
    if (back_off_ms <= 0 || err->when == ERR_WHEN_NEVER)
        return;
    err->when = ERR_WHEN_BACK_OFF;
    err->back_off_ms = back_off_ms < TIME_BACK_OFF_MAX_MS ? back_off_ms : TIME_BACK_OFF_MAX_MS;
}

/* How much of the server's words is kept: whole characters only. */
static int words_length(const char *text)
{
    size_t len = strnlen(text, 160);
    while (len && text[len] && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return (int)len;
}

static void fill(struct err *err, const struct grade *grade)
{
    err->scope = grade->scope;
    err->when = grade->when;
    err->effect = grade->effect;
}

/* An error that wraps another one ("internal error", inside it "server busy") is the inner one;
 * but how far the server had come, the outer one says. */
static const struct ews_error_row *unwrapped(const struct ews_said *said,
                                             const struct ews_error_row *outer)
{
    const struct ews_error_row *inner = said->inner[0] ? find(said->inner) : NULL;
    if (!inner)
        return outer;
    bool wraps =
        !outer || outer->grade == EWS_GRADE_BROKE || outer->grade == EWS_GRADE_TRANSIENT;
    return wraps || inner->grade == EWS_GRADE_THROTTLED ? inner : outer;
}

bool ews_error_from_answer(struct err *err, const struct ews_said *said)
{
    const struct ews_error_row *outer = find(said->code), *row = unwrapped(said, outer);
    const struct grade *other = said->back_off_ms > 0 ? &unknown_wait : &unknown[said->shape];
    const struct grade *grade = row ? &grades[row->grade] : other;
    const struct grade *reached = outer ? &grades[outer->grade] : other;
    const char *code = row ? row->code : said->code;
    const char *text = said->text ? said->text : "";
    err_set(err, grade->kind, "Exchange answered %.63s: %s%s%.*s%s", code,
            row && row->remedy ? row->remedy : grade->remedy, *text ? " Its words: \"" : "",
            words_length(text), text, *text ? "\"" : "");
    fill(err, grade);
    if (err->when != ERR_WHEN_NEVER && reached->effect == ERR_EFFECT_UNKNOWN)
        err->effect = ERR_EFFECT_UNKNOWN;
    snprintf(err->code, sizeof(err->code), "%s", code);
    wait_for(err, said->back_off_ms);
    return false;
}

bool ews_error_from_code(struct err *err, const char *code, const char *text,
                         int64_t back_off_ms)
{
    return ews_error_from_answer(err, &(struct ews_said){.shape = EWS_SHAPE_ERROR,
                                                         .code = code,
                                                         .inner = "",
                                                         .text = text,
                                                         .back_off_ms = back_off_ms});
}

/* ---- HTTP ------------------------------------------------------------------------------- */

struct http_row {
    int first, last; /* statuses */
    struct grade grade;
};

#define NEVER    ERR_WHEN_NEVER
#define RETRY    ERR_WHEN_RETRY
#define BACK_OFF ERR_WHEN_BACK_OFF
#define NONE     ERR_EFFECT_NONE
#define UNKNOWN  ERR_EFFECT_UNKNOWN

static const struct http_row http_table[] = {
    {300,
     399,
     {ERR_CONFIG, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "the URL leads somewhere else; set the URL of EWS itself, such as "
      "https://mail.example.com/EWS/Exchange.asmx."}},
    {400,
     400,
     {ERR_REFUSED, ERR_SCOPE_ITEM, NEVER, NONE,
      "the web server in front of Exchange finds the request wrong."}},
    {401,
     401,
     {ERR_DENIED, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "the user name or password of the service account is refused; check user and "
      "password, and whether the account is locked. With Extended Protection set to "
      "Require, NTLM and Negotiate are refused too: use Basic or OAuth."}},
    {403,
     403,
     {ERR_DENIED, ERR_SCOPE_MAILBOX, BACK_OFF, NONE,
      "EWS is not allowed for this user or this program; look at Get-CASMailbox "
      "(EwsEnabled) and at EwsApplicationAccessPolicy."}},
    {404,
     404,
     {ERR_CONFIG, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "there is no EWS at this URL; it usually ends in /EWS/Exchange.asmx."}},
    {405,
     405,
     {ERR_CONFIG, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "this URL takes no requests; it usually ends in /EWS/Exchange.asmx."}},
    {407,
     407,
     {ERR_CONFIG, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "the proxy wants a password; let this server through without one."}},
    {408,
     408,
     {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, RETRY, UNKNOWN,
      "the web server in front of Exchange ran out of time."}},
    {413,
     413,
     {ERR_REFUSED, ERR_SCOPE_ITEM, NEVER, NONE,
      "the message is larger than the web server takes; raise maxAllowedContentLength "
      "and maxRequestLength of EWS, or shorten the greatest length of a message."}},
    {429,
     429,
     {ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, BACK_OFF, NONE, "too many requests; we wait."}},
    {440,
     440,
     {ERR_DENIED, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "a login page stands in front of EWS; let this server through without it."}},
    {456,
     457,
     {ERR_DENIED, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "the service account is refused before EWS; check whether it is locked, must change its "
      "password, or may sign in this way."}},
    {400,
     499,
     {ERR_CONFIG, ERR_SCOPE_ACCOUNT, BACK_OFF, NONE,
      "what stands in front of Exchange (a proxy, a firewall) refuses requests like ours."}},
    {503,
     503,
     {ERR_UNAVAILABLE, ERR_SCOPE_ACCOUNT, BACK_OFF, UNKNOWN,
      "Exchange takes no requests just now; when this goes on, look at the application "
      "pool MSExchangeServicesAppPool."}},
    {502,
     504,
     {ERR_UNAVAILABLE, ERR_SCOPE_ACCOUNT, BACK_OFF, UNKNOWN,
      "what stands in front of Exchange (a proxy, a load balancer) does not reach it."}},
    {500,
     599,
     {ERR_TEMPORARY, ERR_SCOPE_MAILBOX, RETRY, UNKNOWN,
      "Exchange failed without saying why; look at its event log."}},
};

#undef NEVER
#undef RETRY
#undef BACK_OFF
#undef NONE
#undef UNKNOWN

static const struct grade web_page = {
    ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE,
    "a web page, not EWS: is the URL right, is a login page in front?"};

static const struct grade strange = {ERR_PROTOCOL, ERR_SCOPE_MAILBOX, ERR_WHEN_RETRY,
                                     ERR_EFFECT_UNKNOWN, "the answer is not one of EWS."};

static const struct grade *http_grade(int status, const char *content_type)
{
    if (status >= 200 && status < 300) {
        bool html = strncasecmp(content_type, "text/html", 9) == 0 ||
                    strncasecmp(content_type, "application/xhtml", 17) == 0;
        return html ? &web_page : &strange;
    }
    for (size_t i = 0; i < sizeof(http_table) / sizeof(http_table[0]); i++) {
        if (status >= http_table[i].first && status <= http_table[i].last)
            return &http_table[i].grade;
    }
    return &strange;
}

bool ews_error_from_http(struct err *err, int status, const char *content_type,
                         int64_t retry_after_ms)
{
    const struct grade *grade = http_grade(status, content_type ? content_type : "");
    err_set(err, grade->kind, "Exchange answered with HTTP status %d: %s", status,
            grade->remedy);
    fill(err, grade);
    /* Who names the time to come back turned the request away. A 503 without it may also be
     * that of a proxy that lost its connection in the middle. */
    if (status == 503 && retry_after_ms > 0)
        err->effect = ERR_EFFECT_NONE;
    snprintf(err->code, sizeof(err->code), "HTTP %d", status);
    wait_for(err, retry_after_ms);
    return false;
}

/* ---- Classes ---------------------------------------------------------------------------- */

static enum ews_grade grade_of(const struct err *err)
{
    const struct ews_error_row *row = find(err->code);
    return row ? row->grade : EWS_GRADES;
}

bool ews_error_is_moved(const struct err *err)
{
    return err->kind == ERR_UNAVAILABLE && grade_of(err) == EWS_GRADE_MOVING;
}

bool ews_error_is_throttled(const struct err *err)
{
    static const char *const statuses[] = {"HTTP 408", "HTTP 429", "HTTP 503", "HTTP 504"};
    if (err->kind != ERR_UNAVAILABLE)
        return false;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcmp(err->code, statuses[i]) == 0)
            return true;
    }
    enum ews_grade grade = grade_of(err);
    bool other_wait = grade == EWS_GRADES && err->code[0] && err->back_off_ms > 0;
    return grade == EWS_GRADE_THROTTLED || grade == EWS_GRADE_TIMED_OUT || other_wait;
}
