#include "admin/cli.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/poke.h"

bool sibctl_config(struct sibctl *ctl, struct err *err)
{
    const char *path = ctl->call.config;

    if (ctl->config)
        return true;
    if (!path)
        path = getenv("SIB_CONFIG");
    ctl->config = config_load(path && path[0] ? path : CONFIG_DEFAULT_PATH, err);
    return ctl->config != NULL;
}

/* As root: everything from here on is done as this user. */
static bool become(const struct passwd *user, struct err *err)
{
    if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0)
        return err_set(err, ERR_SYSTEM, "cannot become the user %s: %s", user->pw_name,
                       strerror(errno));
    return true;
}

/* The state-dir as [node] user's, when root is the first to need it. */
static bool make_state_dir(const struct config_node *node, struct err *err)
{
    const struct passwd *user = node->user ? getpwnam(node->user) : NULL;

    if (geteuid() != 0 || !node->user)
        return true; /* the store makes it, as whoever we are */
    if (!user)
        return err_set(err, ERR_CONFIG, "[node] user = %s: there is no such user", node->user);
    if (!file_make_dirs(node->state_dir, 0750, err))
        return false;
    return chown(node->state_dir, user->pw_uid, user->pw_gid) == 0 ||
           file_error(err, "change the owner of", node->state_dir);
}

/* Files of the store must belong to the user that sibd runs as. */
static bool become_owner(struct sibctl *ctl, struct err *err)
{
    const char *dir = ctl->config->node.state_dir;
    struct stat st;

    if (stat(dir, &st) != 0 &&
        (!make_state_dir(&ctl->config->node, err) || stat(dir, &st) != 0))
        return err->kind == ERR_OK;
    if (st.st_uid == geteuid())
        return true;
    const struct passwd *owner = getpwuid(st.st_uid);
    if (geteuid() == 0 && owner)
        return become(owner, err);
    sibctl_hint(ctl,
                "%s belongs to another user; files made now may not be usable for sibd. "
                "Run as %s instead.",
                dir, owner ? owner->pw_name : "its owner");
    return true;
}

bool sibctl_open(struct sibctl *ctl, struct err *err)
{
    if (ctl->store)
        return true;
    if (!sibctl_config(ctl, err) || !become_owner(ctl, err))
        return false;
    const struct store_options options = {
        .state_dir = ctl->config->node.state_dir,
        .node = ctl->config->node.identity == CONFIG_PUBLISHER ? 1 : 2,
        .server = ctl->config->node.name,
        .event = "sibctl",
    };
    ctl->store = store_open(&options, err);
    return ctl->store != NULL;
}

bool sibctl_json(struct sibctl *ctl, json_t *document, struct err *err)
{
    if (!document)
        return err_set(err, ERR_SYSTEM, "out of memory");
    int failed = json_dumpf(document, ctl->screen.out, JSON_INDENT(2));
    json_decref(document);
    fputc('\n', ctl->screen.out);
    return failed == 0 || err_set(err, ERR_IO, "cannot write the answer");
}

bool sibctl_json_list(struct sibctl *ctl, bool ok, const char *key, json_t *list,
                      struct err *err)
{
    if (!ok) {
        json_decref(list);
        return false;
    }
    return sibctl_json(ctl, list ? json_pack("{s:o}", key, list) : NULL, err);
}

static void print_clean(FILE *out, const char *lead, const char *fmt, va_list args)
{
    char raw[2048], clean[2048];

    vsnprintf(raw, sizeof raw, fmt, args);
    fprintf(out, "%s%s\n", lead, text_clean(raw, clean, sizeof clean));
}

void sibctl_say(struct sibctl *ctl, const char *fmt, ...)
{
    va_list args;

    if (ctl->call.json)
        return;
    va_start(args, fmt);
    print_clean(ctl->screen.out, "", fmt, args);
    va_end(args);
}

void sibctl_hint(struct sibctl *ctl, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_clean(ctl->errors, "sibctl: ", fmt, args);
    va_end(args);
}

bool sibctl_failed(enum err_kind kind, struct err *err)
{
    return err_set(err, kind, "%s", "");
}

void sibctl_poke(struct sibctl *ctl)
{
    poke_send(ctl->config->node.state_dir, "sync");
}

struct collected {
    struct mailbox *list;
    size_t count, room;
    bool failed;
};

static bool collect(const struct mailbox *mailbox, void *arg)
{
    struct collected *all = arg;

    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 16;
        struct mailbox *list = realloc(all->list, room * sizeof *list);
        if (!list) {
            all->failed = true;
            return false;
        }
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = *mailbox;
    return true;
}

bool sibctl_mailboxes(struct sibctl *ctl, struct mailbox **out, size_t *count, struct err *err)
{
    struct collected all = {0};
    struct mailbox one;
    bool ok;

    if (ctl->call.arg_count > 0)
        ok = mailbox_find(ctl->store, ctl->call.args[0], &one, err) &&
             (collect(&one, &all) || !all.failed);
    else
        ok = mailbox_each(ctl->store, collect, &all, err);
    if (ok && all.failed)
        ok = err_set(err, ERR_SYSTEM, "out of memory");
    if (!ok) {
        free(all.list);
        all = (struct collected){0};
    }
    *out = all.list;
    *count = all.count;
    return ok;
}

const char *sibctl_mailbox_name(struct sibctl *ctl, const char *id, char *out)
{
    struct mailbox mailbox;
    struct err err;
    bool found = id[0] && mailbox_get(ctl->store, id, &mailbox, &err);

    snprintf(out, LIMIT_MAILBOX_NAME, "%s", found ? mailbox.name : id);
    return out;
}

/* Help and the version need neither configuration nor store. */
static bool run(struct sibctl *ctl, struct err *err)
{
    if (ctl->call.help)
        return command_print_help(ctl->call.words, ctl->screen.out, err);
    if (ctl->call.version) {
        fprintf(ctl->screen.out, "sibctl %s\n", SIB_VERSION);
        return true;
    }
    return ctl->call.command->run(ctl, err);
}

static void close_all(struct sibctl *ctl)
{
    store_close(&ctl->store);
    config_free(&ctl->config);
}

int sibctl_main(int argc, char *const *argv, FILE *out, FILE *errors)
{
    struct sibctl ctl = {.errors = errors};
    struct err err;

    err_clear(&err);
    screen_init(&ctl.screen, out);
    log_set_level(LOG_LEVEL_WARNING);
    if (!command_parse(argc, argv, &ctl.call, &err)) {
        sibctl_hint(&ctl, "%s", err.text);
        command_print_usage(ctl.call.command, errors);
        return EX_USAGE;
    }
    bool ok = run(&ctl, &err);
    close_all(&ctl);
    if (fflush(out) != 0 || ferror(out))
        ok = ok ? err_set(&err, ERR_IO, "cannot write the output: %s", strerror(errno)) : ok;
    if (!ok && err.text[0])
        sibctl_hint(&ctl, "%s", err.text);
    return ok ? EX_OK : err_exit_code(err.kind);
}
