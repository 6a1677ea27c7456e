#!/bin/bash
# What monitoring asks over HTTP: figures that follow what happens, and who may ask.
# usage: tests/crash/test-admin.sh
#   BIN, KEEP: see lib.sh
# limit: 60
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh

[ -x "$bin/sib-admin" ] || skip "sib-admin is not in $bin"
admin_port=$(free_port)

# ask METHOD PATH [HEADER]: the whole answer.
ask() {
    exec 3<>"/dev/tcp/127.0.0.1/$admin_port" || return
    printf '%s %s HTTP/1.1\r\nHost: sib\r\nConnection: close\r\n%s\r\n' "$1" "$2" "${3:+$3$'\r\n'}" >&3
    cat <&3
    exec 3>&-
}
answers() { ask "$2" "$3" "${4:-}" 2>/dev/null | head -1 | grep -q " $1 "; }
shows() { ask GET /metrics 2>/dev/null | grep -qE "$1"; }

write_conf
printf '[admin]\nlisten = 127.0.0.1:%s\n' "$admin_port" >>"$dir/sib.conf"
start_exchange
start_sibd
add_mailboxes ann
check it_is_live until_true 10 answers 200 GET /health/live
check what_is_not_there_is_not_found answers 404 GET /nothing
check nothing_is_written_over_http answers 405 POST /metrics
deposit ann en-short-pcm16.wav -
check a_message_that_was_created_is_counted \
    until_true 10 shows '^sib_service_events_total\{service="mailbox-sync",event="created"\} 1$'
check nothing_lags_when_both_sides_agree until_true 10 shows '^sib_mailbox_lag_seconds\{mailbox="ann"\} 0\.'
stop_process "$exchange_pid"
exchange_pid=
deposit ann en-short-pcm16.wav -
check what_waits_is_a_lag until_true 10 shows '^sib_mailbox_lag_seconds\{mailbox="ann"\} [1-9]'
stop_process "$sibd_pid"
sibd_pid=

echo 'top secret' >"$dir/admin-password"
echo "password-file = $dir/admin-password" >>"$dir/sib.conf"
start_exchange
start_sibd
check who_is_not_known_is_refused until_true 10 answers 401 GET /metrics
check a_wrong_password_is_refused answers 401 GET /metrics 'Authorization: Basic YWRtaW46dG9w'
check the_password_lets_in answers 200 GET /metrics \
    "Authorization: Basic $(printf 'admin:top secret' | base64)"
check whether_it_lives_is_no_secret answers 200 GET /health/live
stop_process "$sibd_pid"
sibd_pid=

sed -i -e "s/^listen = 127.0.0.1:$admin_port/listen = 0.0.0.0:$admin_port/" -e '/^password-file = .*admin-/d' \
    "$dir/sib.conf"
code=0
"$bin/sibd" -c "$dir/sib.conf" -n 2>"$dir/refused.log" || code=$?
check without_a_password_only_this_machine_may_ask [ "$code" = 78 ]
check the_refusal_says_what_to_do grep -q 'password-file' "$dir/refused.log"
