#!/bin/bash
# Whatever we send to Exchange fits the schema of EWS.
# usage: tests/crash/test-schema.sh
#   SIB_SHARED  the folder with ews-schema/ews-all.xsd; BIN, KEEP: see lib.sh
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh
shared=${SIB_SHARED:-../shared}
schema=$shared/ews-schema/ews-all.xsd
[ -r "$schema" ] || skip "there is no schema in $shared/ews-schema"
command -v xmllint >/dev/null || skip "xmllint is not installed"

write_conf 'request-timeout = 5s'
start_exchange --dump "$dir/dump"
start_sibd
add_mailboxes ann ben
# Every kind of message, with text that needs care.
deposit ann en-greeting-ulaw.wav - --name 'Ann "O'\''Neil" & <Sons> ]]>' --subject 'A <b> & "c" '\''d'\'''
deposit ann ja-urgent-ulaw.wav u --subject '至急お願いします ☎ 🎧'
deposit ann en-meeting-pcm16.wav p --subject $'tab\tand\vcontrol\001characters'
deposit ann ja-thanks-pcm16.wav s
deposit ann en-urgent-ulaw.wav ups --transcript 'Second line & <more>'
deposit ben en-short-pcm16.wav - --transcript $'one\ntwo\001three ]]> & <four>'
deposit ben en-short-pcm16.wav -
until_true 20 agree ann ben || broken "messages of every kind arrive"

id_of() { sed -n "$1p" "$promises" | cut -d' ' -f1; }
ctl message read "$(id_of 1)" >/dev/null     # UpdateItem
ctl message urgent "$(id_of 3)" >/dev/null
ctl message subject "$(id_of 2)" 'Neu & <wichtig> "☎"' >/dev/null
ctl message transcript "$(id_of 1)" --text 'What was said & <more> ]]>' >/dev/null
ctl message delete "$(id_of 4)" >/dev/null   # MoveItem
ctl message purge "$(id_of 5)" >/dev/null    # DeleteItem
until_true 20 agree ann ben || broken "changes by phone arrive"
ctl message restore "$(id_of 4)" >/dev/null
outlook ann@example.net move "$(id_of 1)" 'Inbox/Kunden & <Partner>' >/dev/null # FindFolder, Subscribe
outlook ben@example.net delete "$(id_of 7)" >/dev/null
gone_here() { ctl --json message show "$(id_of 7)" | grep -q '"folder": "deleted"'; }
until_true 20 gone_here || broken "a deletion in Exchange arrives"
ctl sync resync --all --wait >/dev/null 2>&1 || true
ctl sync test ann >/dev/null
until_true 20 agree ann ben || broken "both sides agree"

# One call for all: to read the schema takes longer than the requests.
xmllint --nonet --noout --schema "$schema" "$dir"/dump/*.xml >"$dir/lint" 2>&1 || true
total=$(find "$dir/dump" -name "*.xml" | wc -l)
good=$(grep -c ' validates$' "$dir/lint" || true)
bad=$((total - good))
grep -v ' validates$' "$dir/lint" | head -10 || true
echo "# $total requests, $bad do not fit"
for operation in CreateItem UpdateItem MoveItem DeleteItem SyncFolderItems FindFolder \
    GetFolder Subscribe; do
    count=$(requests "$operation")
    echo "# $operation: $count"
    check "the_scenario_sends_$operation" test "$count" -gt 0
done
check "every_request_fits_the_schema" test "$bad" = 0
