#!/bin/bash
# Each way to prove who we are, from the configuration to a message in Exchange.
# usage: tests/crash/test-auth.sh
#   BIN, KEEP: see lib.sh
# limit: 120
set -eu
cd "$(dirname "$0")/../.."
. tests/crash/lib.sh

command -v openssl >/dev/null || skip "openssl is not installed"
secret='s3cret & more=1'
oauth=("auth = oauth2" "token-url = http://127.0.0.1:$exchange_port/contoso.com/oauth2/v2.0/token"
    "client-id = app" "callback-url = http://127.0.0.1:$notify_port/")
echo "$secret" >"$dir/client-secret"
chmod 600 "$dir/client-secret"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/client.key" -out "$dir/client.pem" -days 2 \
    -subj /CN=sib 2>/dev/null
chmod 600 "$dir/client.key"

arrives() { outlook --json ann@example.net list 2>/dev/null | grep -q '"message_id"'; }

# run_with NAME LINE...: a new server and a new mailbox; does a message arrive?
run_with() {
    local name=$1
    shift
    rm -rf "$dir/state"
    write_conf "$@"
    start_sibd
    add_mailboxes ann
    deposit ann en-short-pcm16.wav -
    check "$name" until_true 20 arrives
}
stop_both() {
    stop_process "$sibd_pid"
    stop_process "$exchange_pid"
    sibd_pid= exchange_pid=
    rm -rf "$dir/exchange"
}

start_exchange --auth ntlm --user 'EX\svc' --password-file "$dir/client-secret"
echo "$secret" >"$dir/ntlm-password"
run_with a_message_arrives_with_ntlm "auth = ntlm" 'user = EX\svc' "password-file = $dir/ntlm-password"
stop_both

start_exchange --auth oauth2 --user app --password-file "$dir/client-secret" --tenant contoso.com
run_with a_message_arrives_with_oauth_by_secret "${oauth[@]}" "client-secret-file = $dir/client-secret"
stop_both

start_exchange --auth oauth2 --user app --client-certificate "$dir/client.pem" --tenant contoso.com
run_with a_message_arrives_with_oauth_by_certificate "${oauth[@]}" \
    "client-certificate = $dir/client.pem" "client-key = $dir/client.key"
stop_both

# Negotiate, with a KDC of our own where there is one. KDB_MODULES: where its database modules
# are, if not in the usual place.
kdc_pid=
clean_up() { stop_process "$kdc_pid"; }

configure_kerberos() {
    local port
    port=$(free_port)
    export KRB5_CONFIG=$dir/krb5.conf KRB5_KDC_PROFILE=$dir/kdc.conf KRB5RCACHENAME=none:
    export KRB5_KTNAME=FILE:$dir/http.keytab KRB5CCNAME=FILE:$dir/cache
    cat >"$KRB5_CONFIG" <<END
[libdefaults]
default_realm = SIB.TEST
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
[realms]
SIB.TEST = {
 kdc = 127.0.0.1:$port
}
[domain_realm]
localhost = SIB.TEST
[dbmodules]
${KDB_MODULES:+db_module_dir = $KDB_MODULES}
END
    cat >"$KRB5_KDC_PROFILE" <<END
[kdcdefaults]
kdc_listen = 127.0.0.1:$port
kdc_tcp_listen = 127.0.0.1:$port
[realms]
SIB.TEST = {
 key_stash_file = $dir/stash
 database_name = $dir/principal
}
END
}
start_kdc() {
    configure_kerberos
    {
        kdb5_util create -s -r SIB.TEST -P master
        kadmin.local -q 'addprinc -randkey HTTP/localhost'
        kadmin.local -q 'addprinc -randkey svc'
        kadmin.local -q "ktadd -k $dir/http.keytab HTTP/localhost"
        kadmin.local -q "ktadd -k $dir/svc.keytab svc"
    } >"$dir/kdc.log" 2>&1
    krb5kdc -n >>"$dir/kdc.log" 2>&1 &
    kdc_pid=$!
    until_true 5 grep -q starting "$dir/kdc.log" || broken "the KDC starts"
}
no_ticket() { ctl --json sync status ann | grep -q 'no Kerberos ticket.*KRB5_CLIENT_KTNAME'; }

if command -v krb5kdc kdb5_util kadmin.local >/dev/null; then
    start_kdc
    start_exchange --auth negotiate
    export KRB5_CLIENT_KTNAME=FILE:$dir/svc.keytab
    run_with a_message_arrives_with_negotiate "auth = negotiate" \
        "url = http://localhost:$exchange_port/EWS/Exchange.asmx"
    stop_process "$sibd_pid"
    rm -rf "$dir/state" "$dir/cache"
    export KRB5_CLIENT_KTNAME=FILE:$dir/none
    start_sibd
    add_mailboxes ann
    deposit ann en-short-pcm16.wav -
    check without_a_ticket_the_keytab_is_asked_for until_true 15 no_ticket
    stop_both
else
    echo "ok a_message_arrives_with_negotiate # SKIP no krb5-kdc here"
fi

# No token to be had: that is said, nothing is lost, and it goes on by itself.
start_exchange --auth oauth2 --user app --password-file "$dir/client-secret" --tenant contoso.com \
    --token-fault refuse
rm -rf "$dir/state"
write_conf "${oauth[@]}" "client-secret-file = $dir/client-secret"
start_sibd
add_mailboxes ann
deposit ann en-short-pcm16.wav -
says_why() { ctl --json sync status ann | grep -q 'secret has expired'; }
check a_secret_that_has_expired_is_named_with_its_remedy until_true 15 says_why
stop_process "$exchange_pid"
start_exchange --auth oauth2 --user app --password-file "$dir/client-secret" --tenant contoso.com
check it_goes_on_when_there_are_tokens_again until_true 60 arrives
stop_both

silent() { ! grep -e 's3cret' -e 'eyJ0' -e 'client_assertion' "$dir"/sibd.log "$dir"/state -r; }
check neither_secret_nor_token_is_in_log_or_state silent
says() { grep -q 'cannot do: .*channel binding with NTLM' "$dir/sibd.log"; }
check what_libcurl_cannot_do_is_said_at_start says
exit "$((failed > 0))"
