#!/bin/bash
# What is wrong is refused with a sentence and the right exit code, and nothing is half done.
# usage: tests/crash/test-bad-input.sh
#   BIN, KEEP: see lib.sh; root's rights for the full disk, openssl for the certificate
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh
clean_up() {
    if mountpoint -q "$dir/small" 2>/dev/null; then umount "$dir/small"; fi
}
# sysexits.h
EX_USAGE=64 EX_DATAERR=65 EX_NOINPUT=66 EX_NOUSER=67 EX_UNAVAILABLE=69 EX_CANTCREAT=73
EX_CONFIG=78

# refused NAME CODE EXPRESSION COMMAND...: ends with CODE, says on stderr, in a line or two,
# something that fits the expression, and nothing on stdout.
refused() {
    local name=$1 code=$2 expression=$3 got=0
    shift 3
    "$@" >"$dir/out" 2>"$dir/err" || got=$?
    if [ "$got" != "$code" ]; then
        echo "# exit code $got, not $code: $(head -c 300 "$dir/err")"
    elif [ -s "$dir/out" ]; then
        echo "# on stdout: $(head -c 300 "$dir/out")"
    elif ! grep -Eq "$expression" "$dir/err"; then
        echo "# does not say \"$expression\": $(head -c 300 "$dir/err")"
    elif [ "$(wc -l <"$dir/err")" -gt 3 ]; then
        echo "# says too much: $(head -c 600 "$dir/err")"
    else
        ok "$name"
        return
    fi
    not_ok "$name"
}
count_messages() { ctl --json message list "$1" | grep -c '"audio_sha256"' || true; }
nothing_left() {
    [ "$(count_messages ann)" = 1 ] && [ -z "$(ls -A "$dir/state/audio/tmp")" ] &&
        [ "$(find "$dir/state/audio" -name '*.wav' | wc -l)" = 1 ]
}

# ---- sounds, mailboxes, messages: without a daemon ----
write_conf
add_mailboxes ann
deposit ann en-short-pcm16.wav -
id=$(cut -d' ' -f1 "$promises")
dep() { ctl deposit ann "$1"; }
refused text_is_not_a_voice_message $EX_DATAERR 'not-a-wav.wav' dep "$voice/not-a-wav.wav"
refused an_empty_file_is_refused $EX_DATAERR 'empty.wav' dep "$voice/empty.wav"
refused a_truncated_file_is_refused $EX_DATAERR 'truncated.wav' dep "$voice/truncated.wav"
refused an_unknown_coding_is_refused $EX_DATAERR 'mp3-inside.wav.*(0x0055|coding|format)' \
    dep "$voice/mp3-inside.wav"
refused a_file_that_is_not_there_is_named $EX_NOINPUT 'none.wav' dep "$dir/none.wav"
refused a_folder_is_not_a_file $EX_DATAERR 'is not a file' dep "$dir"
mkfifo "$dir/pipe"
refused a_pipe_is_not_waited_for $EX_DATAERR 'is not a file' timeout 5 "$bin/sibctl" \
    -c "$dir/sib.conf" deposit ann "$dir/pipe"
refused an_unknown_mailbox_is_named $EX_NOUSER 'nobody' ctl deposit nobody "$voice/en-short-pcm16.wav"
refused an_unknown_message_is_named $EX_NOUSER '00000000-0000-4000-8000-000000000000' \
    ctl message show 00000000-0000-4000-8000-000000000000
refused what_is_no_id_is_refused $EX_NOUSER "xyz" ctl message read xyz
refused a_time_that_is_none_is_refused $EX_USAGE 'yesterday' \
    ctl deposit ann "$voice/en-short-pcm16.wav" --time yesterday
refused text_that_is_not_utf8_is_refused $EX_DATAERR 'UTF-8' \
    ctl deposit ann "$voice/en-short-pcm16.wav" --subject $'\xff\xfe'
refused an_unknown_command_is_refused $EX_USAGE 'flush|usage|help' ctl flush
refused an_unknown_option_is_refused $EX_USAGE 'fast' ctl message list ann --fast
check refused_deposits_leave_nothing_behind nothing_left

# ---- configurations: the daemon, the service and the command line ----
# conf_refused NAME EXPRESSION: the file $dir/bad.conf.
conf_refused() {
    refused "$1" $EX_CONFIG "$2" "$bin/sibd" -n -c "$dir/bad.conf"
    refused "$1,_says_sibctl" $EX_CONFIG "$2" "$bin/sibctl" -c "$dir/bad.conf" mailbox list
}
sed 's/^identity = .*/&\nidentiti = publisher/' "$dir/sib.conf" >"$dir/bad.conf"
line=$(grep -n '^identiti' "$dir/bad.conf" | cut -d: -f1)
conf_refused an_unknown_key_is_named_with_its_line "bad.conf( line |:)$line:.*identiti"
sed 's/^\[notify\]/[notifi]/' "$dir/sib.conf" >"$dir/bad.conf"
line=$(grep -n '^\[notifi' "$dir/bad.conf" | cut -d: -f1)
conf_refused an_unknown_section_is_named_with_its_line "bad.conf( line |:)($line|$((line + 1))):.*notifi"
sed 's/^auth = basic/&\nrequest-timeout = soon/' "$dir/sib.conf" >"$dir/bad.conf"
line=$(grep -n '^request-timeout' "$dir/bad.conf" | cut -d: -f1)
conf_refused a_bad_value_is_named_with_its_line "bad.conf( line |:)$line:.*request-timeout"
sed '/^\[notify\]/,$d; s/^auth = basic/&\nnotify = push/' "$dir/sib.conf" >"$dir/bad.conf"
conf_refused a_callback_without_a_listener_is_refused 'callback-url.*listen'
refused a_configuration_that_is_not_there_is_named $EX_CONFIG "none.conf" \
    "$bin/sibd" -n -c "$dir/none.conf"
chmod 644 "$dir/password"
cp "$dir/sib.conf" "$dir/bad.conf"
conf_refused a_secret_that_others_may_read_is_refused 'password.*chmod 600'
refused a_secret_that_others_may_read_is_refused,_says_sib-sync $EX_CONFIG 'password.*chmod 600' \
    timeout 10 "$bin/sib-sync" -c "$dir/sib.conf"
chmod 600 "$dir/password"

# ---- a disk that is full ----
full_disk() {
    local before got=0 taken=0
    mkdir "$dir/small"
    if ! mount -t tmpfs -o size=3m tmpfs "$dir/small" 2>/dev/null; then
        echo "skip a_full_disk_refuses_deposits: a small disk cannot be mounted here"
        return
    fi
    sed "s|^state-dir = .*|state-dir = $dir/small/state|" "$dir/sib.conf" >"$dir/small.conf"
    small() { "$bin/sibctl" -c "$dir/small.conf" "$@"; }
    small mailbox add ann --smtp ann@example.net >/dev/null
    small deposit ann "$voice/en-short-pcm16.wav" >"$dir/first"
    # Other people's bytes fill it up to the last one.
    head -c 3145728 /dev/zero >"$dir/small/filler" 2>/dev/null || true
    before=$(find "$dir/small/state/audio" -type f | wc -l)
    refused a_full_disk_refuses_deposits $EX_CANTCREAT 'full' \
        small deposit ann "$voice/en-meeting-pcm16.wav"
    small --json message list ann >"$dir/small.json"
    check a_refused_deposit_leaves_no_message test "$(grep -c '"audio_sha256"' "$dir/small.json")" = 1
    check a_refused_deposit_leaves_no_audio test \
        "$(find "$dir/small/state/audio" -type f | wc -l)" = "$before"
    check what_is_there_can_still_be_heard cmp -s "$voice/en-short-pcm16.wav" \
        <(small message audio "$(cat "$dir/first")")
    rm "$dir/small/filler"
    check it_works_again_when_there_is_room small deposit ann "$voice/en-meeting-pcm16.wav" >/dev/null
    # One after the other until nothing goes in any more: what was accepted is there, and whole.
    while [ "$taken" -lt 100 ]; do
        noise "$dir/noise.wav" $((30000 + taken * 2))
        small deposit ann "$dir/noise.wav" >"$dir/out" 2>"$dir/err" || { got=$?; break; }
        taken=$((taken + 1))
    done
    echo "# $taken more deposits until the disk was full"
    check filling_it_up_ends_with_the_same_exit_code test "$got" = $EX_CANTCREAT
    small --json message list ann >"$dir/small.json"
    check every_accepted_message_is_there_and_no_other test \
        "$(grep -c '"audio_sha256"' "$dir/small.json")" = $((taken + 2))
    sed -n 's/.*"audio_sha256": "\([0-9a-f]*\)".*/\1/p' "$dir/small.json" | sort -u >"$dir/sums.said"
    find "$dir/small/state/audio" -name '*.wav' -exec sha256sum {} + | cut -d' ' -f1 |
        sort -u >"$dir/sums.there"
    check every_accepted_message_has_its_audio test -z \
        "$(comm -23 "$dir/sums.said" "$dir/sums.there")"
    # Audio of a refused deposit may stay for the collector: to remove it at once could hit the
    # same audio of another deposit. It must not pile up.
    for _ in 1 2 3; do small deposit ann "$dir/noise.wav" >/dev/null 2>&1 || true; done
    check refused_deposits_do_not_pile_up test \
        "$(find "$dir/small/state/audio" -name '*.wav' | wc -l)" -le $((taken + 3))
}
# noise FILE BYTES: PCM, 16 bits, 8 kHz, another one each time.
noise() {
    local n=$2 octal
    octal=$(for v in $((36 + n)) "$n"; do
        printf '\\%03o\\%03o\\%03o\\%03o ' $((v & 255)) $((v >> 8 & 255)) $((v >> 16 & 255)) 0
    done)
    # shellcheck disable=SC2059
    {
        printf 'RIFF'; printf "${octal%% *}"
        printf 'WAVEfmt \020\000\000\000\001\000\001\000\100\037\000\000\200\076\000\000\002\000\020\000data'
        octal=${octal#* }; printf "${octal%% *}"
        head -c "$n" /dev/urandom
    } >"$1"
}
full_disk

# ---- an Exchange that is none, or that is not who it should be ----
test_of() { "$bin/sibctl" -c "$dir/$1" sync test ann; }
# test_says NAME CODE EXPRESSION FILE: sync test prints its steps, so stdout is not empty here.
test_says() {
    local got=0
    test_of "$4" >"$dir/out" 2>&1 || got=$?
    if [ "$got" = "$2" ] && grep -Eq "$3" "$dir/out"; then
        ok "$1"
    else
        echo "# exit code $got, not $2, or does not say \"$3\":"
        sed 's/^/# /' "$dir/out"
        not_ok "$1"
    fi
}
test_says an_exchange_that_is_not_there_is_said $EX_UNAVAILABLE 'FAILED.*connection.*url' sib.conf
start_exchange --fault html
test_says a_log_in_page_instead_of_an_answer_is_said $EX_CONFIG "FAILED.*authentication.*web page" sib.conf
stop_process "$exchange_pid"
exchange_pid=

if command -v openssl >/dev/null &&
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$dir/tls.key" -out "$dir/tls.pem" 2>/dev/null; then
    start_exchange --tls "$dir/tls.pem" "$dir/tls.key"
    sed 's|^url = http:|url = https:|' "$dir/sib.conf" >"$dir/tls.conf"
    test_says a_certificate_that_does_not_verify_names_the_key_to_set $EX_CONFIG "ca-file" tls.conf
    sed "s|^auth = basic|&\nca-file = $dir/tls.pem|" "$dir/tls.conf" >"$dir/ca.conf"
    test_says with_that_key_it_works 0 'ok.*TLS.*certificate is good' ca.conf
    sed "s|^auth = basic|&\nverify = no|" "$dir/tls.conf" >"$dir/noverify.conf"
    test_says without_verifying_it_says_so 0 'ok.*TLS.*NOT checked' noverify.conf
    stop_process "$exchange_pid"
    exchange_pid=
else
    echo "skip a_certificate_that_does_not_verify_names_the_key_to_set: openssl is not installed"
fi

# ---- a callback address, but nobody who listens: changes must come in another way ----
start_exchange
sed '/^\[notify\]/,$d' "$dir/sib.conf" >"$dir/deaf.conf"
"$bin/sibd" -c "$dir/deaf.conf" >>"$dir/sibd.log" 2>&1 &
sibd_pid=$!
deaf_status() { "$bin/sibctl" -c "$dir/deaf.conf" --json sync status ann >"$dir/deaf.json"; }
has_run() { deaf_status && grep -q '"state": "ok"' "$dir/deaf.json" && grep -q '"waiting": 0' "$dir/deaf.json"; }
check a_server_without_a_listener_synchronises_all_the_same until_true 20 has_run
deaf_status
not_push() { ! grep -q '"notify": "push"' "$dir/deaf.json"; }
check and_does_not_claim_to_be_called_by_exchange not_push
