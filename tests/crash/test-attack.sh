#!/bin/bash
# The callback listener under attack: everything at once, plain and through TLS, while real
# notifications are sent beside it.
# usage: tests/crash/test-attack.sh
#   BIN, KEEP: see lib.sh; the memory counts in programs without sanitizers only
#   SECONDS_EACH  of attack on each kind of port (4)
# limit: 90
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh
seconds=${SECONDS_EACH:-4} limit_ms=1000 written_kib=100
limit_kib=$(($(sed -n 's/^#define LIMIT_CALLBACK_MEMORY (\([0-9]*\) \* MIB).*/\1/p' base/limits.h) * 1024))
[ -x "$bin/sib-attack" ] || skip "sib-attack is not in $bin"

hwm() { sed -n 's/^VmHWM:[ \t]*\([0-9]*\) kB$/\1/p' "/proc/$sibd_pid/status"; }
descriptors() { find "/proc/$sibd_pid/fd" -mindepth 1 | wc -l; }
log_size() { stat -c %s "$dir/state/store.db-wal"; }
listens() { grep -q 'listening for Exchange' "$dir/notify.log"; }
are_released() { [ "$(descriptors)" = "$descriptors_before" ]; }
# within KIND: what the client that sends real notifications says of its slowest one.
within() {
    awk -v kind="$1" -v limit="$limit_ms" '
    $1 == "real" && $2 == kind { count = $4; failed = $6; most = $(NF - 1) }
    END { exit !(count > 5 && failed == 0 && most < limit) }' "$dir/attack.out"
}
took_place() { awk '/one byte a second, header/ { n = $10 } END { exit n < 450 }' "$dir/attack.out"; }
rows() { awk -v mailbox="$1" '$1 == mailbox { print $2 }' "$dir/look.out"; }
heard() { awk -v mailbox="$1" '$1 == mailbox { print $3 }' "$dir/look.out"; }

# start_listener plain|tls
start_listener() {
    rm -rf "$dir/state" "$dir/notify.log"
    mkdir -m 700 "$dir/state"
    "$bin/sib-attack" prepare "$dir/state" || broken "the attack is prepared"
    write_conf
    if [ "$1" = tls ]; then
        printf 'certificate = %s\nkey = %s\n' "$dir/state/cert.pem" "$dir/state/key.pem" \
            >>"$dir/sib.conf"
    fi
    : >"$dir/notify.log"
    "$bin/sib-notify" -c "$dir/sib.conf" >>"$dir/notify.log" 2>&1 &
    sibd_pid=$! # stopped at the end, like sibd in other tests
    until_true 10 listens || broken "sib-notify starts"
}

# attacked plain|tls
attacked() {
    local written before options=()
    [ "$1" = plain ] || options=(tls)
    start_listener "$1"
    descriptors_before=$(descriptors) before=$(hwm) written=$(log_size)
    "$bin/sib-attack" run "$notify_port" "$seconds" ${options[@]+"${options[@]}"} \
        >"$dir/attack.out" || true
    sed "s/^real/# $1: real/; s/^#* */# /" "$dir/attack.out"
    check "${1}_the_attack_took_place" took_place
    check "${1}_a_real_notification_on_a_new_connection_gets_through" within fresh
    check "${1}_a_real_notification_on_a_kept_connection_gets_through" within kept
    check "${1}_the_process_is_alive" kill -0 "$sibd_pid"
    echo "# $1: VmHWM of sib-notify: $before kB before, $(hwm) kB after; the bound is $limit_kib kB"
    if grep -q __asan_init "$bin/sib-notify"; then
        echo "skip ${1}_memory_stays_bounded: sib-notify in $bin has sanitizers"
    else
        check "${1}_memory_stays_bounded" test "$(hwm)" -lt "$limit_kib"
    fi
    check "${1}_all_descriptors_are_released" until_true 5 are_released
    "$bin/sib-attack" look "$dir/state" >"$dir/look.out"
    check "${1}_strangers_have_written_nothing" test "$(rows known) $(heard known)" = "0 0"
    check "${1}_a_leaked_secret_is_one_mark" test "$(rows leaked)" -le 1
    check "${1}_the_real_mark_is_there" test "$(rows real) $(heard real)" = "1 1"
    check "${1}_no_other_mark_is_there" test "$(rows all)" -le 2
    written=$((($(log_size) - written) / 1024))
    echo "# $1: $written KiB were written to the database, $(wc -l <"$dir/notify.log") lines to the log"
    check "${1}_nothing_else_was_written" test "$written" -lt "$written_kib"
    check "${1}_the_log_is_not_flooded" test "$(wc -l <"$dir/notify.log")" -lt 10
    stop_process "$sibd_pid"
    sibd_pid=
}
attacked plain
attacked tls
