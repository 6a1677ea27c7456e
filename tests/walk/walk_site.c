#include "tests/walk/walk_site.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/file.h"
#include "base/id.h"
#include "base/text.h"
#include "queue/queue.h"
#include "store/watch.h"

/* 2026-11-22T10:00:00Z */
#define START_MS 1795341600000

enum { STEP_MS = 20, HELD_MS = 3000, SOON_MS = 20 * 1000, STATUS_MS = 2 * 60 * 1000 };

static const char config_text[] =
    "[node]\nname = one\nidentity = publisher\nstate-dir = %s\nlog-level = error\n"
    "[cluster]\nenabled = no\n"
    "[exchange \"main\"]\nurl = http://exchange.test/EWS/Exchange.asmx\n"
    "user = svc\npassword-file = %s/password\nrequest-timeout = 5s\n"
    "callback-url = http://voice.test/\nnotify = push\n"
    "[notify]\nlisten = 127.0.0.1:1\n"
    "[sync]\nguard-count = 5\nguard-percent = 30\n";

void walk_die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

void walk_say(struct walk_site *site, const char *fmt, ...)
{
    va_list args;

    if (!site->story)
        return;
    printf("%9lld  ", (long long)loop_now(site->loop).ms);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

/* ---- once ---- */

static struct wall now(void *arg)
{
    struct walk_site *site = arg;

    return site->loop ? loop_wall(site->loop) : (struct wall){START_MS};
}

static void sink(enum log_level level, const char *line, void *arg)
{
    struct walk_site *site = arg;

    (void)level;
    if (site->loop)
        walk_say(site, "      log %s", line);
}

static const char *fixture(void)
{
    static char path[256];

    for (const char *const *up = (const char *const[]){"", "../", "../../", NULL}; *up; up++) {
        snprintf(path, sizeof path, "%sfixtures/voice/en-short-pcm16.wav", *up);
        if (access(path, R_OK) == 0)
            return path;
    }
    walk_die("the recordings are not found; run this from the top of the project");
}

static void write_config(struct walk_site *site)
{
    char path[128], text[2048];
    struct err err;

    snprintf(path, sizeof path, "%s/password", site->dir);
    snprintf(text, sizeof text, config_text, site->dir, site->dir);
    if (!file_replace(path, "secret\n", 7, 0600, &err))
        walk_die("%s", err.text);
    snprintf(path, sizeof path, "%s/sib.conf", site->dir);
    if (!file_replace(path, text, strlen(text), 0600, &err) ||
        !(site->config = config_load(path, &err)))
        walk_die("%s", err.text);
}

struct walk_site *walk_site_new(bool story)
{
    struct walk_site *site = calloc(1, sizeof *site);
    struct err err;

    if (!site)
        walk_die("out of memory");
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    site->story = story;
    text_copy(site->dir, sizeof site->dir,
              access("/dev/shm", W_OK) == 0 ? "/dev/shm/sib-walk-XXXXXX"
                                            : "/tmp/sib-walk-XXXXXX");
    if (!mkdtemp(site->dir))
        walk_die("no folder for the walks can be made");
    log_set_level(story ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    log_set_sink(sink, site);
    write_config(site);
    const struct store_options options = {
        .state_dir = site->dir, .node = 1, .now = now, .now_arg = site, .memory = true};
    site->store = store_open(&options, &err);
    site->recording = fixture();
    if (!site->store || !audio_import(site->store, site->recording, &site->audio, &err))
        walk_die("%s", err.text);
    return site;
}

void walk_site_free(struct walk_site **site)
{
    struct walk_site *s = *site;
    char command[128];

    store_close(&s->store);
    config_free(&s->config);
    log_set_sink(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", s->dir);
    free(s);
    *site = NULL;
}

/* ---- calls from there: what sib-notify does ---- */

static bool mark(struct walk_site *site, const struct watch *watch, const struct hint *hint,
                 struct err *err)
{
    struct store *store = site->store;
    bool wished;

    if (!queue_is_hinted(store, watch->mailbox, hint, 0, &wished, err) ||
        !store_begin(store, err))
        return false;
    bool ok = (wished || queue_push_hint(store, watch->mailbox, hint, 0, err)) &&
              watch_heard(store, watch->secret, err) && store_commit(store, err);
    store_rollback(store);
    return ok;
}

static bool called(const char *url, const char (*folders)[MEMORY_ID], int count, void *arg)
{
    struct walk_site *site = arg;
    struct hint hint = {.anywhere = count == 0};
    struct watch watch;
    bool found;
    struct err err;

    if (!watch_find(site->store, strrchr(url, '/') + 1, &watch, &found, &err))
        walk_die("%s", err.text);
    if (!found || watch.ended)
        return false;
    for (int i = 0; i < count; i++) {
        if (!hint_add(site->store, watch.mailbox, &hint, folders[i], "", &err))
            walk_die("%s", err.text);
    }
    if (!mark(site, &watch, &hint, &err))
        walk_die("%s", err.text);
    walk_say(site, "  called about %s", watch.mailbox);
    walk_site_poke(site);
    return true;
}

static void told(const char *text, void *arg)
{
    walk_say(arg, "  %s", text);
}

/* ---- one walk ---- */

static void add_mailbox(struct walk_site *site, int side)
{
    static const char *const names[WALK_SIDES] = {"ann", "ben"};
    struct mailbox *mailbox = &site->mailboxes[side];
    struct err err;

    *mailbox = (struct mailbox){.single_inbox = true};
    snprintf(mailbox->name, sizeof mailbox->name, "%s", names[side]);
    snprintf(mailbox->smtp, sizeof mailbox->smtp, "%s@example.net", names[side]);
    if (!store_begin(site->store, &err) || !mailbox_add(site->store, mailbox, &err) ||
        !queue_push(site->store, mailbox->id, QUEUE_CHANGE, 0, &err) ||
        !store_commit(site->store, &err))
        walk_die("%s", err.text);
    site->remote[side] = memory_mailbox_add(site->exchange, mailbox->smtp);
}

void walk_site_begin(struct walk_site *site, uint64_t seed)
{
    struct err err;

    id_seed(seed + 1);
    if (!store_clear(site->store, &err))
        walk_die("%s", err.text);
    site->loop = loop_virtual_new((struct wall){START_MS});
    site->exchange = memory_exchange_new(site->loop, seed * 31 + 7);
    site->remotes = memory_remotes_new(site->exchange);
    site->remotes->deliver = called;
    site->remotes->recording = site->recording;
    site->remotes->told = site->story ? told : NULL;
    site->remotes->arg = site;
    site->lives = seed;
    site->runs = 0;
    for (int side = 0; side < WALK_SIDES; side++)
        add_mailbox(site, side);
}

void walk_site_end(struct walk_site *site)
{
    walk_site_kill(site);
    memory_remotes_free(&site->remotes);
    memory_exchange_free(&site->exchange);
    loop_free(&site->loop);
}

static struct remote *open_remote(const struct mailbox *mailbox, void *arg, struct err *err)
{
    (void)err;
    return memory_remote_new(((struct walk_site *)arg)->remotes, mailbox->smtp);
}

static void count(const char *counter, long add, void *arg)
{
    if (strcmp(counter, "runs") == 0)
        ((struct walk_site *)arg)->runs += add;
}

static void fatal(const struct err *err, void *arg)
{
    (void)arg;
    walk_die("%s", err->text);
}

void walk_site_start(struct walk_site *site)
{
    struct err err;
    const struct scheduler_deps deps = {
        .loop = site->loop,
        .store = site->store,
        .config = site->config,
        .max_runs = 4,
        .seed = ++site->lives,
        .open_remote = open_remote,
        .count = count,
        .fatal = fatal,
        .arg = site,
    };

    if (site->scheduler)
        return;
    walk_say(site, "service started");
    site->scheduler = scheduler_new(&deps, &err);
    if (!site->scheduler)
        walk_die("%s", err.text);
}

void walk_site_kill(struct walk_site *site)
{
    if (site->scheduler)
        walk_say(site, "service killed");
    scheduler_free(&site->scheduler);
    store_rollback(site->store);
}

void walk_site_poke(struct walk_site *site)
{
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

void walk_site_push(struct walk_site *site, int side, enum queue_reason reason)
{
    struct err err;

    if (!store_begin(site->store, &err) ||
        !queue_push(site->store, site->mailboxes[side].id, reason, 0, &err) ||
        !store_commit(site->store, &err))
        walk_die("%s", err.text);
    walk_site_poke(site);
}

/* ---- time ---- */

static bool is_busy(const struct walk_site *site)
{
    if (site->remotes->under_way > 0)
        return true;
    for (int i = 0; i < MEMORY_SUBSCRIPTIONS; i++) {
        if (site->remotes->subscriptions[i].number && site->remotes->subscriptions[i].changed)
            return true;
    }
    return site->scheduler && scheduler_running(site->scheduler) > 0;
}

int64_t walk_site_next_due(struct walk_site *site)
{
    int64_t due;
    struct err err;

    if (!queue_next_due(site->store, NULL, &due, &err))
        walk_die("%s", err.text);
    if (!due)
        return -1;
    int64_t in = due - store_now(site->store).ms;
    return in > 0 ? in : 0;
}

struct work {
    int64_t now, due; /* wall */
};

/* A sweep that is due soon may be one that found its account out of reach. */
static bool find_work(const struct queue_row *row, void *arg)
{
    struct work *work = arg;
    bool soon = row->due_ms < work->now + SOON_MS;

    if ((row->reason != QUEUE_SWEEP || soon) && (work->due < 0 || row->due_ms < work->due))
        work->due = row->due_ms;
    return true;
}

int64_t walk_site_waits(struct walk_site *site)
{
    struct work work = {store_now(site->store).ms, -1};
    struct err err;

    if (is_busy(site) || walk_site_next_due(site) == 0)
        return 0;
    if (!queue_each(site->store, "", find_work, &work, &err))
        walk_die("%s", err.text);
    return work.due < 0 ? -1 : work.due > work.now ? work.due - work.now : 0;
}

/* To the moment at which something can happen: in steps while something is under way, at once
 * when nothing is. What runs by the clock runs once then, late, as after a long pause. */
static int64_t step(struct walk_site *site, int64_t left)
{
    if (is_busy(site)) {
        int64_t ms = left < STEP_MS ? left : STEP_MS;
        loop_virtual_run(site->loop, ms);
        return ms;
    }
    int64_t due = site->scheduler ? walk_site_next_due(site) : -1;
    if (due == 0) {
        walk_site_poke(site);
        loop_virtual_run(site->loop, 1);
        if (is_busy(site))
            return 1;
        due = HELD_MS; /* it is due, and may not be begun yet */
    }
    int64_t ms = due >= 0 && due < left ? due : left;
    walk_site_sleep(site, ms);
    return ms;
}

void walk_site_sleep(struct walk_site *site, int64_t ms)
{
    if (ms > STATUS_MS)
        memory_status_calls(site->remotes);
    loop_virtual_stall(site->loop, ms);
    walk_site_poke(site);
    loop_virtual_run(site->loop, 0);
}

void walk_site_pass(struct walk_site *site, int64_t ms)
{
    while (ms > 0)
        ms -= step(site, ms);
}
