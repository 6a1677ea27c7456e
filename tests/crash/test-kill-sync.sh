#!/bin/bash
# Kill Mailbox Sync at many moments, then the whole server, and find each message once.
# usage: tests/crash/test-kill-sync.sh
#   SEED  of the moments (default 1; printed), BIN, KEEP: see lib.sh
# limit: 120
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh
SEED=${SEED:-1}
RANDOM=$SEED
echo "# SEED=$SEED"
names="ann ben cat dan eva"
wavs=(en-greeting-ulaw.wav en-meeting-pcm16.wav en-short-pcm16.wav ja-thanks-pcm16.wav
    ja-urgent-ulaw.wav)
all_flags=(- u p s up us -)
messages=50 kills=20

write_conf 'request-timeout = 2s'
start_exchange --latency 150 --fault drop:SendNotification:60% # no call helps us to look
start_sibd
# shellcheck disable=SC2086
add_mailboxes $names

# A dead service is started again after 0, 1, 2, 4 ... seconds; a reload (a person who acts)
# takes that back, so that there is somebody to kill.
kill_sync() {
    local pid
    until_true 10 service_is_up mailbox-sync || broken "mailbox-sync is started again"
    pid=$(service_pid mailbox-sync)
    kill -9 "$pid"
    killed=$((killed + 1))
    until_true 5 sync_is_not "$pid" || broken "sibd sees that mailbox-sync is dead"
    if [ $((killed % 2)) = 0 ]; then kill -HUP "$sibd_pid"; fi
}
sync_is_not() { [ "$(service_pid mailbox-sync)" != "$1" ]; }

killed=0
deposits() {
    local i list
    read -r -a list <<<"$names"
    for ((i = 0; i < messages; i++)); do
        deposit "${list[i % 5]}" "${wavs[RANDOM % 5]}" "${all_flags[RANDOM % 7]}"
        sleep 0.1
    done
    : >"$dir/all-deposited"
}
deposits &
deposits_pid=$!
while [ "$killed" -lt "$kills" ]; do
    sleep "0.$(printf %03d $((RANDOM % 200)))"
    kill_sync
done
wait "$deposits_pid"
echo "# $killed kills, $(wc -l <"$promises") messages accepted"
check "all_deposits_are_accepted_while_the_service_dies" test "$(wc -l <"$promises")" = "$messages"

kill -HUP "$sibd_pid"
# shellcheck disable=SC2086
if ! until_true 60 agree $names; then cat "$dir/compare.out"; fi
# shellcheck disable=SC2086
check "both_sides_agree_after_the_kills" agree $names
# shellcheck disable=SC2086
check "every_message_is_there_once_and_as_it_was_accepted" check_promises $names

# sibd itself: its children end with it, and a new one goes on.
sync_pid=$(service_pid mailbox-sync)
notify_pid=$(service_pid exchange-notification)
stop_process "$sibd_pid" KILL
both_gone() { ! kill -0 "$sync_pid" 2>/dev/null && ! kill -0 "$notify_pid" 2>/dev/null; }
check "the_children_end_with_their_sibd" until_true 15 both_gone
deposit ann en-greeting-ulaw.wav u
start_sibd
# shellcheck disable=SC2086
check "a_new_sibd_goes_on" until_true 30 agree $names

# The id was said: the message is there, whatever dies in the same moment.
deposit ben ja-urgent-ulaw.wav p
second=$(tail -1 "$promises" | cut -d' ' -f1)
{
    kill -9 "$sibd_pid" "$(service_pid mailbox-sync)" "$(service_pid exchange-notification)" \
        "$exchange_pid" || true
    wait "$sibd_pid" "$exchange_pid" || true
} 2>/dev/null
knows() { ctl message show "$1" >/dev/null; }
check "an_id_that_was_said_survives_the_death_of_everything" knows "$second"
start_exchange --latency 150 --fault drop:SendNotification:60% # no call helps us to look
start_sibd
# shellcheck disable=SC2086
if ! until_true 60 agree $names; then cat "$dir/compare.out"; fi
# shellcheck disable=SC2086
check "and_everything_goes_on" agree $names
# shellcheck disable=SC2086
check "every_message_is_still_there_once" check_promises $names
