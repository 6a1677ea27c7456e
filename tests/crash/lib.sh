# shellcheck shell=bash disable=SC2119,SC2120
# What the shell tests of this folder share: a place of their own, a stand-in for Exchange and
# sibd on loopback, and a judge. Sourced with the top of the project as the current folder; sets
# $dir and kills what it started when the test ends.
# Environment: BIN    the programs (default build/bin)
#              KEEP   when set, the folder with all logs stays
bin=${BIN:-$PWD/build/bin}
voice=$PWD/fixtures/voice

skip() {
    echo "skip $1"
    exit 77
}
for program in sibd sib-sync sib-notify sibctl sib-exchange sib-exchange-user sib-compare; do
    [ -x "$bin/$program" ] || skip "$program is not in $bin"
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/sib-crash.XXXXXX")
umask 077
export XDG_RUNTIME_DIR=$dir # where sib-exchange says its address
exchange_pid=
sibd_pid=
failed=0

ok() { echo "ok $1"; }
not_ok() {
    echo "not ok $1"
    failed=$((failed + 1))
}
# check NAME COMMAND...: one line of the result.
check() {
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}
# The test cannot go on; what the programs said is shown.
broken() {
    not_ok "$1"
    exit 1
}

# stop_process PID [SIGNAL]: and wait for it, whatever its end.
stop_process() {
    [ -n "$1" ] || return 0
    kill "-${2:-TERM}" "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
finish() {
    local code=$?
    trap - EXIT INT TERM HUP
    stop_process "$sibd_pid"
    stop_process "$exchange_pid"
    if [ "$code" = 0 ] && [ "$failed" != 0 ]; then code=1; fi
    if [ "$code" != 0 ] && [ "$code" != 77 ]; then
        for log in "$dir"/*.log; do
            [ -s "$log" ] || continue
            echo "---- the end of ${log##*/} ----"
            tail -n 40 "$log"
        done
    fi
    if type clean_up >/dev/null 2>&1; then clean_up; fi
    if [ -n "${KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# until_true SECONDS COMMAND...: ask again and again; false when it never came true.
until_true() {
    local end=$((${EPOCHREALTIME/./} / 1000 + $1 * 1000))
    shift
    while ! "$@"; do
        [ $((${EPOCHREALTIME/./} / 1000)) -lt "$end" ] || return 1
        sleep 0.1
    done
}
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# A port below those that the kernel gives to clients, on which nobody listens.
free_port() {
    local port hex
    for _ in $(seq 100); do
        port=$((20000 + SRANDOM % 12000))
        hex=$(printf ':%04X ' "$port")
        if ! grep -q "$hex" /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    return 1
}
exchange_port=$(free_port)
notify_port=$(free_port)

# write_conf [LINE...]: lines for the section [exchange "main"].
write_conf() {
    echo secret >"$dir/password"
    {
        printf '[node]\nname = one\nidentity = publisher\nstate-dir = %s\nlog-level = %s\n' \
            "$dir/state" "${LOG_LEVEL:-info}"
        printf '[cluster]\nenabled = no\n[exchange "main"]\n'
        printf 'url = http://127.0.0.1:%s/EWS/Exchange.asmx\n' "$exchange_port"
        printf 'auth = basic\nuser = svc\npassword-file = %s\n' "$dir/password"
        printf 'callback-url = http://127.0.0.1:%s/\n' "$notify_port"
        if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi
        printf '[notify]\nlisten = 127.0.0.1:%s\n' "$notify_port"
    } >"$dir/sib.conf"
}
ctl() { "$bin/sibctl" -c "$dir/sib.conf" "$@"; }
outlook() { "$bin/sib-exchange-user" --server "http://127.0.0.1:$exchange_port" "$@"; }

# start_exchange [OPTION...]
start_exchange() {
    rm -f "$dir/exchange/url"
    "$bin/sib-exchange" --listen "127.0.0.1:$exchange_port" --data "$dir/exchange" "$@" \
        >>"$dir/exchange.log" 2>&1 &
    exchange_pid=$!
    until_true 10 test -s "$dir/exchange/url" || broken "the stand-in for Exchange starts"
}
service_pid() {
    sed -n 's/.*"name": "'"$1"'", "state": "running", "pid": \([0-9]*\),.*/\1/p' \
        "$dir/state/status.json" 2>/dev/null
}
service_is_up() { [ -n "$(service_pid "$1")" ] && kill -0 "$(service_pid "$1")" 2>/dev/null; }
start_sibd() {
    "$bin/sibd" -c "$dir/sib.conf" >>"$dir/sibd.log" 2>&1 &
    sibd_pid=$!
    until_true 10 service_is_up mailbox-sync || broken "sibd starts"
    until_true 10 service_is_up exchange-notification || broken "sibd starts"
}
add_mailboxes() {
    local name
    for name in "$@"; do
        ctl mailbox add "$name" --smtp "$name@example.net" >/dev/null
    done
}

# deposit MAILBOX WAV FLAGS [OPTION...]: flags are letters u(rgent) p(rivate) s(ecure) or "-";
# each at another time of the past. The promise is written down: id mailbox wav flags time.
promises=$dir/promises
: >"$promises"
deposit_count=0
deposit() {
    local mailbox=$1 wav=$2 flags=$3 options=() when id
    shift 3
    [[ $flags != *u* ]] || options+=(--urgent)
    [[ $flags != *p* ]] || options+=(--private)
    [[ $flags != *s* ]] || options+=(--secure)
    deposit_count=$((deposit_count + 1))
    when=$(date -u -d "@$((1790000000 + deposit_count * 61))" +%Y-%m-%dT%H:%M:%SZ)
    id=$(ctl deposit "$mailbox" "$voice/$wav" --time "$when" --from "+1206555$deposit_count" \
        ${options[@]+"${options[@]}"} "$@") || return
    echo "$id $mailbox $wav $flags $when" >>"$promises"
    sync "$promises" 2>/dev/null || true
}

# take_pictures NAME...: what each side shows now, as NAME.connection and NAME.exchange.
take_pictures() {
    local name
    for name in "$@"; do
        ctl --json message list "$name" >"$dir/$name.connection" &&
            outlook --json "$name@example.net" list >"$dir/$name.exchange" || return
    done
}
agree() {
    local name files=()
    take_pictures "$@" 2>/dev/null || return
    for name in "$@"; do files+=("$dir/$name.connection" "$dir/$name.exchange"); done
    "$bin/sib-compare" "${files[@]}" >"$dir/compare.out" 2>&1
}
# What is in a mailbox of Exchange, a line an item:
# message-id kind-of-folder read urgent private draft received count-of-attachments sha256...
items_of() {
    awk '
    function value(line) {
        sub(/^[^:]*: */, "", line); sub(/,$/, "", line); gsub(/"/, "", line); return line
    }
    /^    \{/ { delete v; files = 0; sums = "" }
    /^      "(folder_kind|read|urgent|private|draft|received|message_id)":/ {
        key = $1; gsub(/[":]/, "", key); v[key] = value($0)
    }
    /^          "sha256":/ { files++; sums = sums " " value($0) }
    /^    \}/ {
        sub(/\.[0-9]+Z$/, "Z", v["received"])
        print v["message_id"], v["folder_kind"], v["read"], v["urgent"], v["private"], v["draft"],
            v["received"], files sums
    }' "$1"
}
# check_promises NAME...: each accepted message is in Exchange once, as it was accepted, and
# nothing else that carries an id is there. Reads the pictures that were taken last. Says what
# is wrong; the flags read and folder are not looked at.
check_promises() {
    local name wav bad=0
    for name in "$@"; do items_of "$dir/$name.exchange" | sed "s/^/$name /"; done >"$dir/items"
    for wav in "$voice"/*.wav; do
        echo "sum ${wav##*/} $(sha256sum "$wav" | cut -d' ' -f1)"
    done >"$dir/sums"
    awk '
    FILENAME ~ /sums$/ { sum[$2] = $3; next }
    FILENAME ~ /items$/ { seen[$2]++; line[$2] = $0; if ($2 == "") bad++; next }
    {
        accepted[$1] = 1
        if (seen[$1] != 1) {
            print $1 " (" $2 ", " $3 ") is in Exchange " seen[$1] + 0 " times"; bad++; next
        }
        split(line[$1], has, " ")
        audio = $4 ~ /s/ ? "0" : "1 " sum[$3]
        want = $2 " " $1 " " ($4 ~ /u/ ? "true" : "false") " " ($4 ~ /p/ ? "true" : "false") \
            " false " $5 " " audio
        there = has[1] " " has[2] " " has[5] " " has[6] " " has[7] " " has[8] " " has[9]
        if (has[9] > 0) there = there " " has[10]
        if (want != there) { print "accepted: " want; print "Exchange: " there; bad++ }
    }
    END {
        for (id in seen)
            if (seen[id] > 1) { print id " is in Exchange " seen[id] " times"; bad++ }
        exit bad > 0
    }' "$dir/sums" "$dir/items" "$promises" || bad=1
    return $bad
}
# How many requests of a kind the stand-in got, when it was started with --dump.
requests() { grep -l "<m:$1[ >]" "$dir"/dump/*.xml 2>/dev/null | wc -l; }
