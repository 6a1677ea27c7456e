/* The configuration file: one table for each section (config_table.c), read with inih.
 *
 * Unknown sections and keys are errors with their line number; each key has a type, a range and
 * a default where one makes sense. Secrets stand in files of their own, refused when others may
 * read them. Ownership: struct config owns all strings; config_free. */
#ifndef SIB_BASE_CONFIG_H
#define SIB_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"

enum { CONFIG_EXCHANGES_MAX = 16, CONFIG_SUBJECTS_MAX = 2 };

enum config_identity { CONFIG_PUBLISHER, CONFIG_SUBSCRIBER };

struct config_node {
    char *name;
    int64_t identity; /* enum config_identity */
    char *state_dir;
    char *user;        /* NULL: stay who we are */
    int64_t log_level; /* enum log_level */
};

struct config_exchange {
    char *name; /* of the section */
    char *url;  /* NULL: autodiscover */
    bool autodiscover;
    char *autodiscover_hosts, *autodiscover_prefer;
    char *version;
    char *auth;
    char *user;
    char *password_file;
    char *tenant, *client_id, *client_secret_file; /* oauth2 */
    char *client_certificate, *client_key;
    char *token_url, *scope;
    bool impersonate;
    char *ca_file;
    bool verify;
    char *proxy;
    int64_t connections;
    int64_t request_timeout_ms;
    char *item_class;
    char *create;
    char *callback_url;
    char *notify;
};

/* Texts of subjects in one language; NULL: the built-in one (store/subject.h). */
struct config_subject {
    char *name; /* of the section: "en" or "ja" */
    char *outside_caller, *user, *interview, *live_record;
    char *unknown_caller, *unknown_called, *unknown_name, *unknown_extension;
    char *urgent, *private, *secure, *dispatch;
};

struct config {
    char *path;
    struct config_node node;
    struct {
        bool enabled;
    } cluster;
    struct config_exchange exchange[CONFIG_EXCHANGES_MAX];
    size_t exchange_count;
    struct config_subject subject[CONFIG_SUBJECTS_MAX];
    size_t subject_count;
    struct {
        char *listen, *certificate, *key;
    } notify;
    struct {
        char *listen, *certificate, *key;
        char *password_file; /* NULL: nobody is asked, and only this machine may ask */
    } admin;
    struct {
        int64_t transcription_timeout_ms;
        int64_t recording_expires_ms, deleted_expires_ms; /* 0: never */
    } store;
    struct {
        bool single_inbox;
        int64_t sweep_ms;
        bool sent_items, voice_outbox;
        int64_t guard_count, guard_percent;
        int64_t lag_limit_ms;
        int64_t status_minutes;
    } sync;
};

enum { CONFIG_DEFAULT_IDENTITY = CONFIG_PUBLISHER };
#define CONFIG_DEFAULT_PATH "/etc/sib/sib.conf"

/* NULL on failure; err names file, line, key and what would be right. */
struct config *config_load(const char *path, struct err *err);
void config_free(struct config **config);

/* The section by name; "" or NULL: the only one, or the first. NULL if there is none. */
const struct config_exchange *config_exchange(const struct config *config, const char *name);

/* A key with its help, as the example file and the manual page show it. */
void config_print_example(FILE *out);

#endif
