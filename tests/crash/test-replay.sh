#!/bin/bash
# What a server said can be written down without names, and played: the answers of the kept
# recordings are understood as they were, and a new recording says what the server said.
# usage: tests/crash/test-replay.sh [--renew]
#   --renew  write fixtures/ews anew, from the stand-in in each of its flavours
#   BIN, KEEP: see lib.sh
set -eu
cd "$(dirname "$0")/../.."
renew=${1:-}
. tests/crash/lib.sh

# Without a callback: a recording knows nothing of calls.
write_conf
sed -i '/^callback-url/d; /^\[notify\]/,$d' "$dir/sib.conf"
ctl mailbox add ann --smtp ann@example.net >/dev/null

# steps: the outcomes of "sync test" without what differs from time to time.
steps() { sed -E 's/ +[0-9]+ ms  / /; s/  +/ /g; s/127.0.0.1:[0-9]+/HOST/; s/port [0-9]+/port/'; }
# tested [OPTION...]: runs the test; what was learned of the server before is forgotten.
tested() {
    rm -rf "$dir/state"
    ctl mailbox add ann --smtp ann@example.net >/dev/null
    ctl sync test ann "$@" 2>&1 | grep -v 'answers are written into' | steps || true
}
# played FOLDER: the same against the recordings.
played() {
    start_exchange --replay "$1"
    tested
    stop_process "$exchange_pid"
    exchange_pid=
}

for flavour in exchange gromox; do
    start_exchange --flavour "$flavour" --seed 3
    tested --record "$dir/rec-$flavour" >"$dir/$flavour.live"
    stop_process "$exchange_pid"
    exchange_pid=
    rm -rf "$dir/exchange"
    if [ "$renew" = --renew ]; then
        rm -rf "fixtures/ews/$flavour"
        mkdir -p "fixtures/ews/$flavour"
        cp "$dir/rec-$flavour"/*.http "fixtures/ews/$flavour/"
        cp "$dir/$flavour.live" "fixtures/ews/$flavour/expected"
    fi
    played "$dir/rec-$flavour" >"$dir/$flavour.played"
    check "a_recording_of_${flavour}_says_what_the_server_said" \
        diff -u "$dir/$flavour.live" "$dir/$flavour.played"
    nameless() { ! grep -rqiE 'ann@|example\.net|inbox|svc' "$dir/rec-$flavour"; }
    check "a_recording_of_${flavour}_names_nobody" nameless
done
for kept in fixtures/ews/*/; do
    name=$(basename "$kept")
    played "$kept" >"$dir/kept"
    check "the_kept_recording_of_${name}_is_understood" diff -u "$kept/expected" "$dir/kept"
done
[ "$failed" = 0 ]
