#!/bin/bash
# Exchange does what it is asked, but its answers are lost, or requests never arrive.
# usage: tests/crash/test-lost-answers.sh
#   SEED  of what is lost and of what people do (default 1; printed), BIN, KEEP: see lib.sh
# limit: 150
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh
SEED=${SEED:-1}
RANDOM=$SEED
echo "# SEED=$SEED"
names="ann ben"
wavs=(en-greeting-ulaw.wav en-short-pcm16.wav ja-urgent-ulaw.wav)
all_flags=(- u p s)
faults='lose-answer:CreateItem:30%,drop:UpdateItem:20%,lose-answer:UpdateItem:20%'
faults+=',lose-answer:MoveItem:20%,drop:CreateItem:10%,lose-answer:DeleteItem:30%'

write_conf 'request-timeout = 2s'
start_exchange --seed "$SEED" --fault "$faults" --dump "$dir/dump"
start_sibd
# shellcheck disable=SC2086
add_mailboxes $names

read -r -a list <<<"$names"
for ((i = 0; i < 16; i++)); do
    deposit "${list[i % 2]}" "${wavs[RANDOM % 3]}" "${all_flags[RANDOM % 4]}"
done
# After a lost answer the mailbox waits, longer with each in a row, up to minutes. A person who
# says "do it now" every few seconds makes that short.
asked=0
agree_soon() {
    local id
    # shellcheck disable=SC2086
    if agree $names; then return 0; fi
    asked=$((asked + 1))
    [ $((asked % 20)) = 0 ] || return 1
    for id in $(ctl --json queue list | sed -n 's/^ *"id": \([0-9]*\),$/\1/p'); do
        ctl queue retry "$id" >/dev/null 2>&1 || true
    done
    return 1
}
if ! until_true 60 agree_soon; then cat "$dir/compare.out"; fi
# shellcheck disable=SC2086
check "what_was_accepted_arrives_although_answers_are_lost" agree $names
# shellcheck disable=SC2086
check "no_message_is_there_twice" check_promises $names

# Now changes on both sides, each message by one side only.
number=0
read_there=
deleted_here=
while read -r id mailbox _; do
    number=$((number + 1))
    case $((number % 4)) in
    0) ctl message read "$id" >/dev/null ;;
    1) outlook "$mailbox@example.net" read "$id" >/dev/null && read_there=$id ;;
    2) ctl message delete "$id" >/dev/null && deleted_here=$id ;;
    3) ctl message urgent "$id" >/dev/null && ctl message subject "$id" "Call $number" >/dev/null ;;
    esac
done <"$promises"
field() { ctl --json message show "$1" | grep -q "\"$2\": $3"; }
arrives() { agree_soon >/dev/null; field "$read_there" read true; }
check "what_was_read_in_exchange_is_read_here" until_true 40 arrives
if ! until_true 60 agree_soon; then cat "$dir/compare.out"; fi
# shellcheck disable=SC2086
check "both_sides_agree_about_every_change" agree $names
check "what_was_deleted_by_phone_stays_deleted" field "$deleted_here" folder '"deleted"'
once() {
    local name
    for name in $names; do items_of "$dir/$name.exchange"; done |
        awk '{ n[$1]++ } END { for (id in n) if (n[id] > 1) { print id, n[id]; bad = 1 } exit bad }'
}
check "still_no_message_is_there_twice" once
lost=$(grep -c 'run ended early' "$dir/sibd.log" || true)
echo "# CreateItem $(requests CreateItem), UpdateItem $(requests UpdateItem)," \
    "MoveItem $(requests MoveItem) for $number messages; $lost runs lost an answer"
check "answers_were_lost_indeed" test "$lost" -ge 5
