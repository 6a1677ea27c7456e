#include "sync/restore.h"

enum restore_verdict restore_judge(const struct restore_signs *signs)
{
    bool lost = signs->lost > 0 && !signs->mail_between;
    bool recent = signs->unseen_ms >= 0 && signs->unseen_ms <= RESTORE_LOOKED_MS;
    bool newest_only = lost && signs->kept > 0 && signs->lost == signs->vanished;

    /* Nothing of what is known here can be told by an older look. */
    if (signs->unseen_ms < 0)
        return RESTORE_NO;
    if (signs->refused && (signs->older > 0 || signs->reappeared > 0))
        return RESTORE_YES;
    if (signs->older > 0)
        return signs->compared ? RESTORE_YES : RESTORE_LOOK;
    if (signs->refused)
        return lost && recent ? RESTORE_YES : RESTORE_NO;
    if (!signs->compared && newest_only && signs->lost >= RESTORE_SUSPICIOUS)
        return RESTORE_LOOK;
    return RESTORE_NO;
}

bool restore_is_back(const struct restore_item *item)
{
    if (!item->known || item->modified_ms <= 0)
        return false;
    if (item->modified_ms != item->known_ms)
        return item->modified_ms < item->known_ms;
    /* The time says nothing: marking as read need not change it. Another item than the last
     * one, or one that was gone, came back; and what was read is unread again. Read now is what
     * a person does. */
    return !item->same || item->gone_agreed || (item->read_here && !item->read_there);
}

bool restore_is_lost(int64_t created_ms, int64_t restored_to)
{
    return created_ms <= 0 || created_ms > restored_to;
}
