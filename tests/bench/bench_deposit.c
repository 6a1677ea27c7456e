/* Deposits a second, each durable when phone_deposit returns. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/phone.h"
#include "base/file.h"
#include "tests/bench/bench.h"

enum { REPEATS_MAX = 9 };

static const char smallest[] = "ja-greeting-ulaw.wav";

static double deposits(struct bench_site *site, const struct buf *wav, long count, long first)
{
    char path[LIMIT_PATH], id[LIMIT_UUID], mark[24];
    struct err err;
    double seconds = 0;

    snprintf(path, sizeof path, "%s/message.wav", site->dir);
    const struct phone_deposit deposit = {
        .mailbox = "box0", .file = path, .from_number = "+15550100", .from_name = "Ann"};
    for (long i = 0; i < count; i++) {
        /* No two messages are the same; the copy is not measured. */
        snprintf(mark, sizeof mark, "%010ld", first + i);
        memcpy(wav->data + wav->len - 10, mark, 10);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || !file_write_all(fd, wav->data, wav->len, path, &err))
            bench_end("cannot write %s", path);
        close(fd);
        double from = bench_seconds();
        if (!phone_deposit(site->store, &deposit, NULL, id, &err))
            bench_end("%s", err.text);
        seconds += bench_seconds() - from;
    }
    return (double)count / seconds;
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_end("SQLite: %s", sqlite3_errmsg(db));
}

static sqlite3 *open_bare(const struct bench_site *site)
{
    char path[LIMIT_PATH];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/bare.db", site->dir);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        bench_end("SQLite cannot open %s", path);
    sql(db, "PRAGMA journal_mode = WAL");
    sql(db, "PRAGMA synchronous = FULL");
    sql(db, "CREATE TABLE IF NOT EXISTS row(id INTEGER PRIMARY KEY, text TEXT)");
    return db;
}

static double bare_commits(sqlite3 *db, long count)
{
    sqlite3_stmt *stmt;

    if (sqlite3_prepare_v2(db, "INSERT INTO row(text) VALUES(hex(randomblob(100)))", -1, &stmt,
                           NULL) != SQLITE_OK)
        bench_end("SQLite: %s", sqlite3_errmsg(db));
    double from = bench_seconds();
    for (long i = 0; i < count; i++) {
        if (sqlite3_step(stmt) != SQLITE_DONE)
            bench_end("SQLite: %s", sqlite3_errmsg(db));
        sqlite3_reset(stmt);
    }
    double seconds = bench_seconds() - from;
    sqlite3_finalize(stmt);
    return (double)count / seconds;
}

double bench_commits(const struct bench_site *site, long count)
{
    sqlite3 *db = open_bare(site);
    double rate = bare_commits(db, count);

    sqlite3_close(db);
    return rate;
}

/* The file and the row: write, fsync, rename, fsync of the folder, commit. */
static double bare_messages(const struct bench_site *site, sqlite3 *db, const struct buf *wav,
                            long count)
{
    char path[LIMIT_PATH];
    struct err err;
    double from = bench_seconds();

    for (long i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/bare-%ld", site->dir, i);
        if (!file_replace(path, wav->data, wav->len, 0600, &err))
            bench_end("%s", err.text);
        sql(db, "INSERT INTO row(text) VALUES(hex(randomblob(100)))");
    }
    return (double)count / (bench_seconds() - from);
}

void bench_deposit(const struct bench_options *options)
{
    struct bench_site site;
    char path[LIMIT_PATH];
    struct buf wav;
    struct err err;
    double ours[REPEATS_MAX], rows[REPEATS_MAX], files[REPEATS_MAX];
    int repeats = options->repeats < REPEATS_MAX ? options->repeats : REPEATS_MAX;

    bench_say("deposits: %d times %ld", repeats, options->deposits);
    bench_site_open(&site, options, "deposit");
    bench_site_mailboxes(&site, 1);
    buf_init(&wav, MIB);
    snprintf(path, sizeof path, "%s/%s", options->fixtures, smallest);
    if (!file_read(path, &wav, &err))
        bench_end("%s", err.text);
    sqlite3 *db = open_bare(&site);
    for (int i = 0; i < repeats; i++) {
        rows[i] = bare_commits(db, options->deposits);
        ours[i] = deposits(&site, &wav, options->deposits, i * options->deposits);
        files[i] = bare_messages(&site, db, &wav, options->deposits);
    }
    struct bench_figure figure = {
        .name = "deposits",
        .unit = "/s",
        .ours_is = "phone_deposit of a 39 KB message, durable when it returns",
        .limit_is = "SQLite, WAL, synchronous=FULL, commits of one row in the same folder",
        .better = BENCH_MORE,
        .spread = bench_spread(ours, repeats),
    };
    figure.ours = bench_median(ours, repeats);
    figure.limit = bench_median(rows, repeats);
    bench_figure(&figure);
    figure.name = "deposits, beside file and row";
    figure.limit_is = "a file (write, fsync, rename, fsync of the folder) and one such commit";
    figure.limit = bench_median(files, repeats);
    bench_figure(&figure);
    sqlite3_close(db);
    buf_clear(&wav);
    bench_site_close(&site);
}
