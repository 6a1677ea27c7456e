/* One walk: from its seed, what people, Exchange, the network and the service do, and when. */
#ifndef SIB_TESTS_WALK_WALK_H
#define SIB_TESTS_WALK_WALK_H

#include "tests/walk/diary.h"
#include "tests/walk/walk_site.h"

enum {
    WALK_MESSAGES = 30,
    WALK_ACTS = 200,
    WALK_CHAPTERS = 4,
    WALK_FINDING = 600,
    WALK_GUARD = 5
};

struct walk {
    struct walk_site *site;
    struct rng rng;
    uint64_t seed;
    struct diary diary;
    int acts;
    int64_t chapter_at;   /* wall */
    int lost[WALK_SIDES]; /* messages whose end nobody wanted, in this chapter */
    bool stop_story;
    char finding[WALK_FINDING]; /* "" : nothing to find fault with */
};

struct walk_sum {
    long acts, runs, requests[MEMORY_OPS], hits[MEMORY_FAULTS];
};

/* False: the judge found something (walk->finding). */
bool walk_run(struct walk_site *site, uint64_t seed, struct walk *walk, struct walk_sum *sum);

/* Below so many, from the seed. */
int walk_draw(struct walk *walk, int below);
int64_t walk_wall(const struct walk *walk);
/* A finding; the first one stays. Always false. */
bool walk_find(struct walk *walk, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* walk_phone.c, walk_outlook.c, walk_trouble.c: one act, drawn from the seed. */
void walk_deposit(struct walk *walk);
void walk_phone(struct walk *walk, struct diary_message *message);
void walk_outlook(struct walk *walk, struct diary_message *message);
void walk_folders(struct walk *walk);
void walk_mail(struct walk *walk);
void walk_compose(struct walk *walk);
void walk_trouble(struct walk *walk);
void walk_service(struct walk *walk);
void walk_administrator(struct walk *walk);
/* All is well from now on, and stays so. */
void walk_peace(struct walk *walk);
/* An administrator looks after mailboxes that were suspended. True: there was one. */
bool walk_resume(struct walk *walk);

/* walk_judge.c. At any moment: nothing is there twice. */
bool judge_step(struct walk *walk);
/* When only sweeps are due any more: nothing that was done here waits. */
bool judge_lag(struct walk *walk);
/* In quiet: both sides agree, and with the diary. Then the next chapter begins. */
bool judge_quiet(struct walk *walk);
/* Something that changes with every write to a message or an item. */
int64_t judge_mark(struct walk *walk);

#endif
