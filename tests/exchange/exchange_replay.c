#include "tests/exchange/exchange_replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/limits.h"

struct recording {
    struct recording *next; /* by number */
    long number;
    char operation[64], file[256], type[128];
    bool used;
};

struct replay {
    char dir[LIMIT_PATH];
    struct recording *first;
};

/* "0007-CreateItem.http", also "0007-CreateItem-cut.http". */
static bool read_name(struct recording *recording, const char *name)
{
    char *dash;
    recording->number = strtol(name, &dash, 10);
    const char *dot = strrchr(name, '.');
    if (dash == name || *dash != '-' || !dot || strcmp(dot, ".http") != 0 ||
        strlen(name) >= sizeof recording->file)
        return false;
    size_t len = strcspn(dash + 1, "-.");
    snprintf(recording->operation, sizeof recording->operation, "%.*s", (int)len, dash + 1);
    snprintf(recording->file, sizeof recording->file, "%s", name);
    return len > 0 && len < sizeof recording->operation;
}

static void insert(struct replay *replay, struct recording *recording)
{
    struct recording **at = &replay->first;
    while (*at && (*at)->number <= recording->number)
        at = &(*at)->next;
    recording->next = *at;
    *at = recording;
}

static bool read_names(struct replay *replay, struct err *err)
{
    DIR *folder = opendir(replay->dir);
    if (!folder)
        return err_set(err, ERR_IO, "the recordings in %s cannot be read", replay->dir);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        struct recording *recording = calloc(1, sizeof *recording);
        if (recording && read_name(recording, entry->d_name))
            insert(replay, recording);
        else
            free(recording);
    }
    closedir(folder);
    return replay->first != NULL ||
           err_set(err, ERR_DATA, "there is no recording (0001-CreateItem.http) in %s",
                   replay->dir);
}

struct replay *ex_replay_new(const char *dir, struct err *err)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay) {
        err_set(err, ERR_SYSTEM, "no memory for recordings");
        return NULL;
    }
    snprintf(replay->dir, sizeof replay->dir, "%s", dir);
    if (!read_names(replay, err))
        ex_replay_free(&replay);
    return replay;
}

void ex_replay_free(struct replay **replay)
{
    if (!*replay)
        return;
    for (struct recording *recording = (*replay)->first, *next; recording; recording = next) {
        next = recording->next;
        free(recording);
    }
    free(*replay);
    *replay = NULL;
}

static void say(struct exchange_answer *answer, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct exchange_answer *answer, const char *fmt, ...)
{
    va_list args;
    answer->status = 500;
    answer->type = "text/plain";
    va_start(args, fmt);
    buf_vprintf(&answer->body, fmt, args);
    va_end(args);
}

static void read_header(struct recording *recording, const char *line, size_t len,
                        struct exchange_answer *answer)
{
    static const char type[] = "Content-Type:", retry[] = "Retry-After:";
    if (!strncasecmp(line, type, sizeof type - 1)) {
        line += sizeof type - 1;
        len -= sizeof type - 1;
        size_t skip = strspn(line, " \t");
        skip = skip < len ? skip : len;
        snprintf(recording->type, sizeof recording->type, "%.*s", (int)(len - skip),
                 line + skip);
    } else if (!strncasecmp(line, retry, sizeof retry - 1)) {
        answer->retry_after_ms = strtoll(line + sizeof retry - 1, NULL, 10) * 1000;
    }
}

/* The head of a recording; the body is what follows the empty line. NULL: it is none. */
static const char *read_head(struct recording *recording, const char *text,
                             struct exchange_answer *answer)
{
    const char *space = strncmp(text, "HTTP/", 5) ? NULL : strpbrk(text, " \r\n");
    long status = space && *space == ' ' ? strtol(space + 1, NULL, 10) : 0;
    if (status < 100 || status > 599)
        return NULL;
    answer->status = (int)status;
    for (const char *line = strchr(text, '\n'); line; line = strchr(line, '\n')) {
        line++;
        size_t len = strcspn(line, "\r\n");
        if (len == 0 && line[0] == '\n')
            return line + 1;
        if (len == 0)
            return line[0] == '\r' && line[1] == '\n' ? line + 2 : NULL;
        read_header(recording, line, len, answer);
    }
    return NULL;
}

static void play(struct replay *replay, struct recording *recording,
                 struct exchange_answer *answer)
{
    char path[LIMIT_PATH + sizeof recording->file + 2];
    struct buf text;
    struct err err;
    snprintf(path, sizeof path, "%s/%s", replay->dir, recording->file);
    recording->used = true;
    buf_init(&text, EXCHANGE_ANSWER_MAX);
    bool read = file_read(path, &text, &err);
    const char *body = read ? read_head(recording, buf_str(&text), answer) : NULL;
    answer->type = recording->type;
    if (body)
        buf_add(&answer->body, body, text.len - (size_t)(body - text.data));
    else
        say(answer, "the recording %s is not understood\n", path);
    buf_clear(&text);
}

void ex_replay_answer(struct replay *replay, const char *operation,
                      struct exchange_answer *answer)
{
    const char *wanted = operation[0] ? operation : "other";
    for (struct recording *recording = replay->first; recording; recording = recording->next)
        if (!recording->used && !strcmp(recording->operation, wanted)) {
            play(replay, recording, answer);
            return;
        }
    say(answer, "no recording of %.64s is left in %s\n", wanted, replay->dir);
}
