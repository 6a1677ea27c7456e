#!/bin/bash
# The memory of Mailbox Sync does not grow with the size of what it sends.
# usage: tests/crash/test-memory.sh
#   BIN, KEEP: see lib.sh; programs without sanitizers, for those count memory of their own
# limit: 120
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh
limit_kib=$((16 * 1024)) size=$((20 * 1000 * 1000)) count=8
names=
for ((i = 1; i <= count; i++)); do names+=" m$i"; done

if grep -q __asan_init "$bin/sib-sync"; then skip "sib-sync in $bin has sanitizers"; fi
free_kib=$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')
[ "$free_kib" -gt $((size / 1024 * (2 * count + 2))) ] || skip "too little room in $dir"

# le32 NUMBER: as four bytes, the least significant first.
le32() {
    local octal
    octal=$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) \
        $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))
    # shellcheck disable=SC2059
    printf "$octal"
}
# make_wav FILE: PCM, 16 bits, 8 kHz, one channel; noise, so that no two are the same.
make_wav() {
    {
        printf 'RIFF'; le32 $((36 + size)); printf 'WAVEfmt '
        le32 16; printf '\001\000\001\000'; le32 8000; le32 16000; printf '\002\000\020\000'
        printf 'data'; le32 "$size"
        head -c "$size" /dev/urandom
    } >"$1"
}
hwm() { sed -n 's/^VmHWM:[ \t]*\([0-9]*\) kB$/\1/p' "/proc/$1/status"; }
connections() {
    awk -v port="$(printf ':%04X' "$exchange_port")" \
        '$3 ~ port "$" && $4 == "01" { n++ } END { print n + 0 }' /proc/net/tcp
}

write_conf 'request-timeout = 60s'
start_exchange --latency 300
start_sibd
# shellcheck disable=SC2086
add_mailboxes $names
# The first small messages show what it needs at all.
for name in $names; do deposit "$name" en-short-pcm16.wav -; done
# shellcheck disable=SC2086
until_true 30 agree $names || broken "small messages arrive"
pid=$(service_pid mailbox-sync)
before=$(hwm "$pid")

ctl sync suspend --all >/dev/null
for name in $names; do
    make_wav "$dir/large.wav"
    ctl deposit "$name" "$dir/large.wav" >/dev/null
    echo "$name $(sha256sum "$dir/large.wav" | cut -d' ' -f1)" >>"$dir/large"
done
rm -f "$dir/large.wav"
ctl sync resume --all >/dev/null
most=0
arrived() {
    local now
    now=$(connections)
    [ "$now" -le "$most" ] || most=$now
    # shellcheck disable=SC2086
    agree $names
}
until_true 60 arrived || broken "large messages arrive"
after=$(hwm "$pid")
same_process() { [ "$(service_pid mailbox-sync)" = "$pid" ]; }
whole() {
    local name sum
    while read -r name sum; do
        grep -q "\"sha256\": \"$sum\"" "$dir/$name.exchange" || return 1
    done <"$dir/large"
}
check "large_messages_arrive_whole" whole
check "it_is_still_the_same_process" same_process
echo "# $count messages of $((size / 1000000)) MB, up to $most connections at once"
check "they_went_out_several_at_once" test "$most" -ge 4
echo "# VmHWM of sib-sync: $before kB before, $after kB after;" \
    "grown by $((after - before)) kB, the limit is $limit_kib kB"
check "memory_does_not_grow_with_the_size_of_messages" test $((after - before)) -lt "$limit_kib"
