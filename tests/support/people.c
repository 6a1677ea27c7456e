#include "tests/support/people.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "queue/queue.h"
#include "store/history.h"

static void add(struct store_fixture *f, struct mailbox *mailbox, const char *name,
                const char *language, const char *extension)
{
    text_copy(mailbox->name, sizeof mailbox->name, name);
    snprintf(mailbox->smtp, sizeof mailbox->smtp, "%s@example.com", name);
    snprintf(mailbox->display, sizeof mailbox->display, "%c%s Example", name[0] - 32, name + 1);
    text_copy(mailbox->language, sizeof mailbox->language, language);
    text_copy(mailbox->extension, sizeof mailbox->extension, extension);
    sf_ok(f, mailbox_add(f->store, mailbox, &f->err));
}

struct people *people_new(struct store_fixture *f)
{
    struct people *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->f = f;
    p->ann.single_inbox = p->ben.single_inbox = true;
    sf_begin(f);
    add(f, &p->ann, "ann", "en", "4133");
    add(f, &p->ben, "ben", "ja", "4134");
    add(f, &p->carl, "carl", "en", "");
    sf_commit(f);
    return p;
}

struct found {
    struct message newest;
    int count;
    enum message_kind kind;
};

static bool take_first(const struct message *message, void *arg)
{
    struct found *found = arg;

    found->newest = *message;
    found->count++;
    return false;
}

struct message people_newest(struct people *p, const struct mailbox *mailbox,
                             enum message_folder folder)
{
    struct found found = {0};

    sf_ok(p->f, message_each(p->f->store, mailbox->id, folder, take_first, &found, &p->f->err));
    if (!found.count)
        fail_msg("%s has no message there", mailbox->name);
    return found.newest;
}

static bool count_kind(const struct message *message, void *arg)
{
    struct found *found = arg;

    found->count += message->kind == found->kind;
    return true;
}

int people_count(struct people *p, const struct mailbox *mailbox, enum message_folder folder,
                 enum message_kind kind)
{
    struct found found = {.kind = kind};

    sf_ok(p->f, message_each(p->f->store, mailbox->id, folder, count_kind, &found, &p->f->err));
    return found.count;
}

bool people_wished(struct people *p, const struct mailbox *mailbox)
{
    int64_t count;
    struct queue_claim claim;
    const struct queue_claimer claimer = {.owner = "test"};
    bool found = true;

    sf_ok(p->f, queue_count(p->f->store, mailbox->id, &count, &p->f->err));
    sf_begin(p->f);
    while (found) {
        sf_ok(p->f, queue_claim_next(p->f->store, &claimer, &claim, &found, &p->f->err));
        if (found)
            sf_ok(p->f, queue_done(p->f->store, "test", claim.mailbox, &p->f->err));
    }
    sf_commit(p->f);
    return count > 0;
}

static bool keep_why(const struct history *entry, void *arg)
{
    snprintf(arg, LIMIT_REASON, "%s", entry->why);
    return true;
}

const char *people_why(struct people *p, const char *id)
{
    static char why[LIMIT_REASON];

    why[0] = '\0';
    sf_ok(p->f, history_each(p->f->store, id, keep_why, why, &p->f->err));
    return why;
}

struct delivered people_deliver(struct people *p, const struct delivery *delivery)
{
    struct delivered delivered;

    sf_begin(p->f);
    sf_ok(p->f, deliver(p->f->store, delivery, &delivered, &p->f->err));
    sf_commit(p->f);
    return delivered;
}
