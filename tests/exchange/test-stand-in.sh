#!/bin/bash
# The stand-in as a program: its habits over HTTP, its options, and what an administrator of
# Exchange does with sib-exchange-user.
# usage: tests/exchange/test-stand-in.sh
#   BIN    the programs (default build/bin)
# shellcheck disable=SC2016,SC2317
set -eu
cd "$(dirname "$0")/../.."
bin=${BIN:-$PWD/build/bin}
for program in sib-exchange sib-exchange-user; do
    [ -x "$bin/$program" ] || { echo "skip $program is not in $bin"; exit 77; }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/sib-stand-in.XXXXXX")
export XDG_RUNTIME_DIR=$dir
pid="" failed=0
finish() {
    code=$?
    trap - EXIT
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    rm -rf "$dir"
    exit "$code"
}
trap finish EXIT

check() {
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; failed=1; fi
}
# start OPTION...: another stand-in; sets port.
start() {
    [ -z "$pid" ] || kill "$pid"
    rm -f "$dir/out"
    "$bin/sib-exchange" "$@" >"$dir/out" 2>"$dir/err" &
    pid=$!
    for _ in $(seq 100); do
        [ -s "$dir/out" ] && break
        sleep 0.1
    done
    port=$(sed -n 's|.*127.0.0.1:\([0-9]*\)/.*|\1|p' "$dir/out")
}
user() { "$bin/sib-exchange-user" ann@example.net "$@" >"$dir/user" 2>&1; }
usage_error() {
    local code=0
    "$bin/sib-exchange" "$@" >"$dir/usage" 2>&1 || code=$?
    [ "$code" = 64 ]
}

soap='<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header>
<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>ann@example.net</t:PrimarySmtpAddress>
</t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body><m:GetFolder><m:FolderShape>
<t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="inbox"/>
</m:FolderIds></m:GetFolder></s:Body></s:Envelope>'
# ask HOST HEADER...: a request on a connection of its own; the answer is in $dir/answer.
ask() {
    local host=$1 header body=$soap
    shift
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    {
        printf 'POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n' "$host"
        printf 'Authorization: Basic c3ZjOng=\r\nContent-Type: text/xml\r\n'
        for header; do printf '%s\r\n' "$header"; done
        case "$*" in
        *chunked*) printf '\r\n%x\r\n%s\r\n0\r\n\r\n' "${#body}" "$body" ;;
        *) printf 'Content-Length: %d\r\n\r\n%s' "${#body}" "$body" ;;
        esac
    } >&3
    cat <&3 >"$dir/answer"
    exec 3>&-
}
answers() { grep -q "$@" "$dir/answer"; }
takes_a_second() {
    local begin=${EPOCHREALTIME/./}
    ask localhost "$@"
    [ $((${EPOCHREALTIME/./} - begin)) -ge 1000000 ]
}

check "a flavour that is not known is refused" usage_error --flavour vanilla
check "a limit that is not understood is refused" usage_error --limits speed=1
check "a fault that is not understood is refused" usage_error --fault 'drop@'

start
ask localhost 'Transfer-Encoding: chunked'
check "Exchange takes a chunked request" answers NoError
ask localhost
check "Exchange takes a plain one" answers NoError

start --flavour gromox
ask localhost 'Transfer-Encoding: chunked'
check "the other server refuses a chunked request" answers '^HTTP/1.1 400'
check "the other server takes a second over Expect" takes_a_second 'Expect: 100-continue'
check "and answers then" answers NoError
# A large request, and another on the same connection.
large=$(printf '%1200000s' '')
two_on_one_connection() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    for padding in "$large" ''; do
        printf 'POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: localhost\r\n'
        printf 'Authorization: Basic c3ZjOng=\r\nContent-Type: text/xml\r\n'
        printf 'Content-Length: %d\r\n\r\n%s%s' $((${#soap} + ${#padding})) "$soap" "$padding"
    done >&3 2>/dev/null || true
    timeout 5 cat <&3 >"$dir/answer" 2>/dev/null || true
    exec 3>&-
    [ "$(grep -c NoError "$dir/answer")" = 1 ] && ! answers -i 'Connection: close'
}
check "after a large body the connection is dead without a word" two_on_one_connection

start --limits 'burst=15,recharge=1,cutoff=0@ann*'
ask localhost
ask localhost
ask localhost
check "a budget is used up" answers ErrorServerBusy

start
compose_fails() {
    local code=0
    user compose "$@" || code=$?
    [ "$code" != 0 ]
}
printf 'RIFF' >"$dir/note.wav"
check "nothing is composed before the Voice Outbox is there" compose_fails --to bob@example.net
check "and it is said why" grep -q 'no folder "Voice Outbox"' "$dir/user"
user folder add 'Outbox/Voice Outbox'
check "a voice message is composed" user --json compose --to bob@example.net,eve@example.net \
    --bcc dan@example.net --subject composed --urgent --read-receipt \
    --attach "$dir/note.wav" --attach "$dir/note.wav:Mail:message/rfc822"
check "a file that is not there is told" compose_fails --attach "$dir/none.wav"
user --json list Outbox
check "it is a draft of its owner" sh -c \
    'grep -q "\"draft\": true" "$1" && grep -q "\"from_address\": \"ann@example.net\"" "$1"' sh "$dir/user"
check "with all that was said" sh -c \
    'grep -q "\"bcc\": \"dan@example.net\"" "$1" && grep -q "\"read_receipt\": true" "$1" &&
     grep -q "\"name\": \"note.wav\"" "$1" && grep -q "message/rfc822" "$1"' sh "$dir/user"
user purge composed
user compose Inbox --subject kept
user snapshot
user purge kept
user compose Inbox --subject new
check "a mailbox goes back to its backup" user restore-backup
user list
check "and is as it was" grep -q kept "$dir/user"
check "without what came since" sh -c '! grep -q new "$1"' sh "$dir/user"
check "a mailbox moves to another server" user move-server 0 mail2.example.net
ask mail1.example.net
check "where it was, it is not any more" answers ErrorProxyRequestNotAllowed
ask mail2.example.net:443
check "where it is, it is" answers NoError
exit "$failed"
