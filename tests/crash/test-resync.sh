#!/bin/bash
# A resync as an administrator sees it: a dry run, one, one with Connection's word, and what is said
# when nobody can do it.
# usage: tests/crash/test-resync.sh   (BIN, KEEP: see lib.sh)
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh

write_conf 'request-timeout = 5s'
start_exchange
start_sibd
add_mailboxes ann
for i in 1 2 3 4 5 6; do deposit ann en-short-pcm16.wav - --subject "Call $i"; done
until_true 20 agree ann || broken "messages arrive"
id_of() { sed -n "$1p" "$promises" | cut -d' ' -f1; }
folder_of() { ctl --json message show "$(id_of "$1")" | sed -n 's/.*"folder": "\([a-z]*\)".*/\1/p'; }

# Suspended, so that nothing but the dry run looks at what is done now.
ctl sync suspend ann >/dev/null
outlook ann@example.net delete "$(id_of 1)" >/dev/null
outlook ann@example.net purge "$(id_of 2)" >/dev/null
outlook ann@example.net read "$(id_of 3)" >/dev/null
ctl message delete "$(id_of 4)" >/dev/null

take_pictures ann
cp "$dir/ann.connection" "$dir/before.connection"
cp "$dir/ann.exchange" "$dir/before.exchange"
ctl sync resync ann --dry-run >"$dir/dry" 2>"$dir/dry.errors" || broken "a dry run ends well"
ctl --json sync resync ann --dry-run >"$dir/dry.json" 2>/dev/null
ctl --json sync resync ann --dry-run --from-connection >"$dir/word.json" 2>/dev/null
take_pictures ann
sed 's/^/# /' "$dir/dry"
check "a_dry_run_changes_nothing_here" cmp -s "$dir/ann.connection" "$dir/before.connection"
check "a_dry_run_changes_nothing_in_exchange" cmp -s "$dir/ann.exchange" "$dir/before.exchange"
check "it_says_how_many_were_compared" grep -q '^ann: 6 messages compared\.' "$dir/dry"
check "it_says_what_would_be_here" grep -q 'Would be here: 2 deleted, 1 read\.' "$dir/dry"
check "it_says_what_would_be_in_exchange" \
    grep -q 'Would be in Exchange: 1 moved to Deleted Items\.' "$dir/dry"
check "the_table_names_the_message" grep -q "^$(id_of 2 | cut -c1-8) .*Call 2.*here.*deleted" "$dir/dry"
check "as_json_it_has_a_summary" grep -q '"actions": 4' "$dir/dry.json"
check "as_json_it_names_each_message" grep -q "\"message\": \"$(id_of 3)\"" "$dir/dry.json"
check "connections_word_would_put_back" grep -q '"action": "created"' "$dir/word.json"

ctl sync resync ann --wait >/dev/null 2>"$dir/refused" && code=0 || code=$?
check "it_is_not_waited_for_while_suspended" test "$code" != 0
check "and_the_remedy_is_said" grep -q 'sibctl sync resume ann' "$dir/refused"
ctl sync resync ann --from-connection >/dev/null 2>&1
ctl sync resume ann >/dev/null
until_true 20 agree ann || broken "both sides agree after a resync"
check "what_was_deleted_there_is_put_back" test "$(folder_of 1)$(folder_of 2)" = inboxinbox
check "what_was_deleted_here_stays_deleted" test "$(folder_of 4)" = deleted
ctl sync resync --all --wait >"$dir/all" 2>/dev/null
check "a_resync_of_all_ends_well" grep -q 'both sides agree' "$dir/all"

stop_process "$sibd_pid"
sibd_pid=
from=$(now_ms)
ctl sync resync ann --dry-run >/dev/null 2>"$dir/nobody" && code=0 || code=$?
check "nobody_there_is_said_within_seconds" test $(($(now_ms) - from)) -lt 15000
check "with_an_exit_code" test "$code" = 69
check "and_a_sentence" grep -q 'sibd does not run here' "$dir/nobody"
