/* The message store before and after: watches to aim at, and what was written for whom. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "queue/queue.h"
#include "store/watch.h"
#include "tests/attack/attack.h"

static const struct {
    const char *mailbox, *secret, *subscription;
} watches[] = {
    {"real", ATTACK_REAL, "sub-real"},
    {"known", ATTACK_KNOWN, "sub-known"},
    {"leaked", ATTACK_LEAKED, "sub-leaked"},
};
enum { WATCHES = sizeof watches / sizeof watches[0] };

static bool complain(const struct err *err)
{
    fprintf(stderr, "sib-attack: %s\n", err->text);
    return false;
}

static bool add_watches(struct store *store, struct err *err)
{
    if (!store_begin(store, err))
        return false;
    for (int i = 0; i < WATCHES; i++) {
        struct watch watch = {.made_ms = store_now(store).ms};
        snprintf(watch.mailbox, sizeof watch.mailbox, "%s", watches[i].mailbox);
        snprintf(watch.secret, sizeof watch.secret, "%s", watches[i].secret);
        snprintf(watch.subscription, sizeof watch.subscription, "%s", watches[i].subscription);
        if (!watch_add(store, &watch, err)) {
            store_rollback(store);
            return false;
        }
    }
    return store_commit(store, err);
}

static FILE *open_in(const char *dir, const char *name)
{
    char path[LIMIT_PATH];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return fopen(path, "we");
}

static bool make_certificate(const char *dir)
{
    FILE *cert_file = open_in(dir, "cert.pem"), *key_file = open_in(dir, "key.pem");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    const unsigned char *name = (const unsigned char *)"localhost";

    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, name, -1, -1,
                               0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, key);
    bool ok = X509_sign(x509, key, EVP_sha256()) > 0 && cert_file && key_file &&
              PEM_write_X509(cert_file, x509) == 1 &&
              PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (cert_file)
        fclose(cert_file);
    if (key_file)
        fclose(key_file);
    X509_free(x509);
    EVP_PKEY_free(key);
    return ok;
}

bool attack_prepare(const char *state_dir)
{
    const struct store_options options = {.state_dir = state_dir, .node = 1};
    struct err err = {0};

    struct store *store = store_open(&options, &err);
    bool ok = (store && add_watches(store, &err)) || complain(&err);
    store_close(&store);
    return ok && make_certificate(state_dir);
}

bool attack_look(const char *state_dir)
{
    const struct store_options options = {.state_dir = state_dir, .node = 1};
    struct err err = {0};
    struct store *store = store_open(&options, &err);
    bool ok = store != NULL;

    for (int i = 0; i < WATCHES && ok; i++) {
        struct watch watch;
        int64_t rows;
        bool found;
        ok = queue_count(store, watches[i].mailbox, &rows, &err) &&
             watch_find(store, watches[i].secret, &watch, &found, &err);
        if (ok)
            printf("%s %ld %d\n", watches[i].mailbox, (long)rows, watch.heard_ms > 0);
    }
    int64_t all = 0;
    ok = ok && queue_count(store, "", &all, &err);
    printf("all %ld\n", (long)all);
    store_close(&store);
    return ok || complain(&err);
}
