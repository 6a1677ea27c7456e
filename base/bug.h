/* Deliberate bugs: proof that the judge of the random walks can find what it is there for.
 *
 * In an ordinary build bug(NAME) is the constant false. In a build with -DSIB_BUGS the one that
 * the environment names (SIB_BUG=NAME), or a test chooses, is on. Each is one line of decision
 * in the product; tests/walk/bugs.txt says which walk catches which. */
#ifndef SIB_BASE_BUG_H
#define SIB_BASE_BUG_H

#include <stdbool.h>

/* NAME, what it does. */
#define BUG_LIST(X)                                                                            \
    X(base_ignored, "what was agreed is not looked at: every difference is a conflict")        \
    X(earlier_wins, "of two changes the earlier one wins")                                     \
    X(vanished_purged, "what vanishes there is purged here")                                   \
    X(vanished_made_anew, "what vanishes there is created again")                              \
    X(attempt_not_written, "a create goes out without having been written down")               \
    X(adopted_as_found, "an item that is adopted is agreed upon as it is found")               \
    X(doubt_ignored, "a create in doubt is sent again at once")                                \
    X(intent_forgotten, "a write is not written down before it goes out")                      \
    X(lost_answer_closes, "a create whose answer was lost counts as not done")                 \
    X(clean_after_step, "what changes during a step is marked as agreed")                      \
    X(vanished_at_once, "what is gone counts as deleted without a second look")                \
    X(page_skipped, "of a page that is not the last only the token is stored")                 \
    X(copies_are_ours, "a copy that a person made counts as a second creation")                \
    X(guard_off, "the guard against mass loss lets everything pass")                           \
    X(resync_forgets, "a resync forgets what was agreed")                                      \
    X(folder_move_unmarked, "a folder that is moved does not mark its messages")               \
    X(news_unmarked, "what is told of an item does not mark its message")                      \
    X(read_flag_unheard, "a read flag that is told alone is not noticed")                      \
    X(listing_keeps_gone, "what a listing does not show stays in the mirror")                  \
    X(unconfirmed_kept, "what no look ever told of stays in the mirror")                       \
    X(mark_lost_in_run, "a mailbox that is marked during its run is not looked at again")      \
    X(retry_forgotten, "a run that failed is not repeated")                                    \
    X(claim_of_the_dead, "what a dead process had claimed is never taken over")                \
    X(refusal_counts_as_look, "a state that is refused counts as a look at all folders")       \
    X(rewrite_forgotten, "a transcription that comes later is not told")                       \
    X(held_ignored, "a dispatch message is shown before anybody accepted it")                  \
    X(letter_not_marked, "what was composed is delivered and not marked as taken")

#define BUG_ENUM(name, words) BUG_##name,
enum bug { BUG_LIST(BUG_ENUM) BUGS };
#undef BUG_ENUM

#ifdef SIB_BUGS
bool bug_is_on(enum bug bug);
#define bug(name) bug_is_on(BUG_##name)
#else
#define bug(name) false
#endif

/* NULL or "": none. Not built: nothing happens. */
void bug_choose(const char *name);
bool bug_built(void);
const char *bug_name(enum bug bug);
const char *bug_words(enum bug bug);

#endif
