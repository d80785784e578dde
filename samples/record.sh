#!/bin/bash
# Records the samples again: samples/record.sh [NAME...]; without a name all of them, each beside the others.
# Names are those of the files. At the end truth.json is written anew.
#
# Needs root and, on Debian 12: apt-get install sip-tester kamailio baresip tcpdump tshark nftables iproute2 python3 python3-cryptography
# Every recording runs in network namespaces of its own that are joined by a veth pair and have no way out; they and all
# programs started here are gone afterwards. The longest (incident-438) takes ten and a half minutes; all together no longer.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
REC=$HERE/record
# Debian's own Python finds python3-cryptography; another python3 on the path may not.
PYTHON=/usr/bin/python3

# --- bench: two namespaces, one wire -----------------------------------------------------------------------------------
# bench ID A_ADDR... -- B_ADDR...   namespaces ID-a and ID-b, joined by wa/wb, with the addresses and routes to each other
bench() {
    ID=$1; shift
    TMP=$(mktemp -d); PIDS=()
    trap cleanup EXIT
    local a=() b=() side=a x
    for x in "$@"; do if [ "$x" = -- ]; then side=b; elif [ $side = a ]; then a+=("$x"); else b+=("$x"); fi; done
    ip netns add "$ID-a"; ip netns add "$ID-b"
    ip link add wa netns "$ID-a" type veth peer name wb netns "$ID-b"
    ip -n "$ID-a" link set wa address 02:00:00:00:0a:01; ip -n "$ID-b" link set wb address 02:00:00:00:0b:01
    for x in a b; do
        ip -n "$ID-$x" link set lo up
        ip netns exec "$ID-$x" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip -n "$ID-$x" link set "w$x" up
        ip netns exec "$ID-$x" $PYTHON "$REC/checksums.py" "w$x"   # real checksums on the wire
    done
    for x in "${a[@]}"; do ip -n "$ID-a" addr add "$x/32" dev wa; ip -n "$ID-b" route add "$x/32" dev wb; done
    for x in "${b[@]}"; do ip -n "$ID-b" addr add "$x/32" dev wb; ip -n "$ID-a" route add "$x/32" dev wa; done
}

# KEEP=FOLDER keeps the logs of a recording there.
cleanup() {
    local pid
    [ -z "${KEEP:-}" ] || cp -r "$TMP" "$KEEP"
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do kill "$pid" 2>/dev/null; done
    wait 2>/dev/null
    ip netns del "$ID-a" 2>/dev/null; ip netns del "$ID-b" 2>/dev/null
    rm -rf "${TMP:?}"
}

# in_ns SIDE COMMAND...: run there;  bg SIDE COMMAND...: start there, ended with the recording, pid in $BG
in_ns() { local side=$1; shift; ip netns exec "$ID-$side" "$@"; }
bg() { local side=$1; shift; ip netns exec "$ID-$side" "$@" >>"$TMP/log" 2>&1 </dev/null & BG=$!; PIDS+=("$BG"); }

# listens SIDE ADDR...: wait, ten seconds at most, until something there listens on port 5060 of each address
listens() {
    local side=$1 addr; shift
    for addr in "$@"; do
        for _ in $(seq 100); do [ -n "$(in_ns "$side" ss -Hlnut src "$addr:5060")" ] && break; sleep 0.1; done
    done
    sleep 0.5       # kamailio's workers
}

# tap SIDE INTERFACE FILE FILTER [OPTION...]: start a capture and wait until it listens
tap() {
    local side=$1 dev=$2 file=$3 filter=$4; shift 4
    ip netns exec "$ID-$side" tcpdump -i "$dev" -s 0 -U -Z root -w "$file" "$@" "$filter" 2>"$TMP/tap" & TAP=$!; PIDS+=("$TAP")
    for _ in $(seq 50); do grep -q listening "$TMP/tap" && break; sleep 0.1; done
}
untap() { sleep "${1:-1}"; kill "$TAP"; wait "$TAP" 2>/dev/null; }

# sipp with the options every run shares; its tables go to the log
SIPP="sipp -nostdin -nd -trace_err -l 200 -timeout_error"
until_time() { local left; left=$($PYTHON -c "import time; print(max(0, $1 - time.time()))"); sleep "$left"; }
# --- the samples -------------------------------------------------------------------------------------------------------

# Ten minutes at the border of a network: three carriers send signed calls; for one minute carrier B translates numbers after signing.
incident_438() {
    bench s438 198.51.100.11 198.51.100.12 198.51.100.13 -- 192.0.2.10 192.0.2.20
    local t0 run addr start period calls runs=()
    t0=$(($(date +%s) + 6))
    $PYTHON "$REC/incident.py" plan "$TMP" "$TMP/certs" $t0 || return
    tap b wb "$TMP/out.pcap" 'udp port 5060'
    cd "$TMP" || return
    bg b kamailio -DD -f "$REC/incident-sbc.cfg" -Y "$TMP"
    bg b $SIPP -sf "$REC/callee.xml" -key codec 0 -i 192.0.2.20 -p 5060
    listens b 192.0.2.10 192.0.2.20
    while read -r run addr start period calls; do
        (
            until_time "$t0 + $start"
            exec ip netns exec s438-a $SIPP -sf "$REC/incident-uac.xml" -inf "$TMP/$run.csv" -i "$addr" -p 5060 -r 1 -rp "$period" \
                -m "$calls" -timeout 660 192.0.2.10:5060
        ) >>"$TMP/log.$run" 2>&1 </dev/null &
        runs+=($!); PIDS+=($!)
    done <"$TMP/runs"
    wait "${runs[@]}"
    untap 2
    cp "$TMP/out.pcap" "$HERE/incident-438.pcap"
    rm -rf "$HERE/certs"; cp -r "$TMP/certs" "$HERE/certs"
    $PYTHON "$REC/incident.py" check "$HERE/incident-438.pcap" "$HERE/certs"
}

# callers FILE: caller;callee;mode lines on standard input become an injection file
callers() { { echo SEQUENTIAL; cat; } >"$TMP/$1"; }

# caller SIDE ADDR FILE CALLS [OPTION...]: a run of record/caller.xml
caller() {
    local side=$1 addr=$2 file=$3 calls=$4 peer=$5; shift 5
    ip netns exec "$ID-$side" $SIPP -sf "$REC/caller.xml" -inf "$TMP/$file" -key codec 0 -i "$addr" -p 5060 -m "$calls" -timeout 90 \
        "$@" "$peer:5060" >>"$TMP/log" 2>&1 </dev/null
}

# One call with audio that the callee echoes, in a pcap with nanoseconds.
good_call() {
    bench sgood 198.51.100.20 -- 192.0.2.20
    tap b wb "$TMP/out.pcap" 'udp' --time-stamp-precision=nano
    cd "$TMP" || return
    bg b $SIPP -sf "$REC/callee.xml" -key codec 8 -rtp_echo -i 192.0.2.20 -p 5060
    listens b 192.0.2.20
    echo '+13035550101;+12025550101;rtp' | callers one.csv
    caller a 198.51.100.20 one.csv 1 192.0.2.20 -key codec 8
    untap
    cp "$TMP/out.pcap" "$HERE/good-call.pcap"
}

# Callees that wait for an ACK: one is patient_callee.py (192.0.2.31), the other baresip (192.0.2.30). See README.md for who does what.
missing_ack() {
    bench smack 198.51.100.21 198.51.100.22 198.51.100.23 198.51.100.24 198.51.100.25 198.51.100.26 -- 192.0.2.30 192.0.2.31
    tap b wb "$TMP/out.pcap" 'udp port 5060'
    cd "$TMP" || return
    bg b $PYTHON "$REC/patient_callee.py" 192.0.2.31
    mkdir "$TMP/baresip"; cp "$REC/baresip.config" "$TMP/baresip/config"
    echo '<sip:callee@192.0.2.30>;regint=0;answermode=auto' >"$TMP/baresip/accounts"
    touch "$TMP/baresip/contacts"
    bg b env HOME="$TMP" baresip -f "$TMP/baresip"
    # The ACKs of .24 pass the tap and then meet a firewall: UDP payload "ACK".
    in_ns b nft 'add table inet wall; add chain inet wall in { type filter hook input priority 0; };
                 add rule inet wall in ip saddr 198.51.100.24 udp dport 5060 @th,64,24 0x41434b drop'
    listens b 192.0.2.30 192.0.2.31
    printf '+1303555010%d;+12025550110;ack\n' 1 2 3 4 | callers good.csv
    printf '+1303555020%d;+12025550110;none\n' 1 2 3 | callers none.csv
    echo '+13035550301;callee;cseq' | callers cseq.csv
    echo '+13035550401;callee;hold' | callers lost.csv
    echo '+13035550501;+12025550110;late' | callers late.csv
    echo '+13035550601;+12025550110;none' | callers cut.csv
    caller a 198.51.100.21 good.csv 4 192.0.2.31 -r 1 -rp 11000 & PIDS+=($!)
    caller a 198.51.100.22 none.csv 3 192.0.2.31 -r 1 -rp 1300 & PIDS+=($!)
    caller a 198.51.100.23 cseq.csv 1 192.0.2.30 & PIDS+=($!)
    sleep 2
    caller a 198.51.100.24 lost.csv 1 192.0.2.30 & PIDS+=($!)
    caller a 198.51.100.25 late.csv 1 192.0.2.31 & PIDS+=($!)
    sleep 50
    caller a 198.51.100.26 cut.csv 1 192.0.2.31 & PIDS+=($!)
    untap 2.5
    cp "$TMP/out.pcap" "$HERE/missing-ack.pcap"
}

# Two calls over TCP to a proxy; the caller cuts its bytes in odd pieces, a small MSS cuts the answers.
tcp_odd_segments() {
    bench sodd 198.51.100.31 -- 192.0.2.60 192.0.2.61
    ip -n sodd-a route replace 192.0.2.60/32 dev wa advmss 190
    tap b wb "$TMP/out.pcap" 'tcp port 5060'
    cd "$TMP" || return
    bg b kamailio -DD -A WITH_TCP -A 'LISTEN=192.0.2.60:5060' -A 'CALLEE="sip:192.0.2.61:5060;transport=udp"' -f "$REC/plain-proxy.cfg" -Y "$TMP"
    bg b $SIPP -sf "$REC/callee.xml" -key codec 0 -i 192.0.2.61 -p 5060
    listens b 192.0.2.60 192.0.2.61
    in_ns a $PYTHON "$REC/odd_caller.py" 198.51.100.31 192.0.2.60 || { cat "$TMP/log"; return 1; }
    untap
    cp "$TMP/out.pcap" "$HERE/tcp-odd-segments.pcap"
}

# baresip registers with the right password and with a wrong one.
register_challenge() {
    bench sreg 198.51.100.51 198.51.100.52 -- 192.0.2.50
    tap b wb "$TMP/out.pcap" 'udp port 5060'
    cd "$TMP" || return
    bg b kamailio -DD -f "$REC/registrar.cfg" -Y "$TMP"
    listens b 192.0.2.50
    local who
    for who in "alice s3cret 198.51.100.51" "mallory guess 198.51.100.52"; do
        set -- $who
        mkdir "$TMP/$1"; sed "s/192.0.2.30:5060/$3:5060/" "$REC/baresip.config" >"$TMP/$1/config"; touch "$TMP/$1/contacts"
        echo "<sip:$1@sip.example.net>;auth_user=$1;auth_pass=$2;outbound=\"sip:192.0.2.50;transport=udp\";regint=3600" >"$TMP/$1/accounts"
        bg a env HOME="$TMP" baresip -f "$TMP/$1"
        sleep 2
    done
    kill "$BG"; sleep 1
    kill "${PIDS[-2]}"                  # alice leaves: REGISTER with Expires 0
    untap 2
    cp "$TMP/out.pcap" "$HERE/register-challenge.pcap"
}

# The calls of both hop samples: three answered, one busy, one cancelled.
hop_calls() {
    printf '+13035550%d;+12025550%d;ack\n' 141 142 143 144 145 186 147 148 | callers hops.csv
    echo '+13035550149;+12025550199' | callers cancel.csv
    caller a 198.51.100.41 hops.csv 4 192.0.2.60 -r 1 -rp 1500
    ip netns exec "$ID-a" $SIPP -sf "$REC/canceller.xml" -inf "$TMP/cancel.csv" -key codec 0 -i 198.51.100.41 -p 5060 -m 1 -timeout 30 \
        192.0.2.60:5060 >>"$TMP/log" 2>&1 </dev/null
}

# Caller and callee on one side of the wire, the proxy on the other: both hops pass the tap.
proxy_two_hops() {
    bench shops 198.51.100.41 198.51.100.42 -- 192.0.2.60
    tap b wb "$TMP/out.pcap" 'udp port 5060'
    cd "$TMP" || return
    bg b kamailio -DD -A 'LISTEN=192.0.2.60:5060' -A 'CALLEE="sip:198.51.100.42:5060;transport=udp"' -f "$REC/plain-proxy.cfg" -Y "$TMP"
    bg a $SIPP -sf "$REC/callee.xml" -key codec 0 -i 198.51.100.42 -p 5060
    listens b 192.0.2.60
    listens a 198.51.100.42
    hop_calls
    untap
    cp "$TMP/out.pcap" "$HERE/proxy-two-hops.pcap"
}

# The same calls on the proxy's host, on all its interfaces at once (Linux cooked v2) and as pcapng; the callee is on that host.
cooked() {
    bench scook 198.51.100.41 -- 192.0.2.60 192.0.2.61
    cd "$TMP" || return
    ip netns exec scook-b dumpcap -q -i any -y LINUX_SLL2 -f 'udp port 5060' -w "$TMP/out.pcapng" >>"$TMP/log" 2>&1 & TAP=$!; PIDS+=("$TAP")
    bg b kamailio -DD -A 'LISTEN=192.0.2.60:5060' -A 'CALLEE="sip:192.0.2.61:5060;transport=udp"' -f "$REC/plain-proxy.cfg" -Y "$TMP"
    bg b $SIPP -sf "$REC/callee.xml" -key codec 0 -i 192.0.2.61 -p 5060
    listens b 192.0.2.60 192.0.2.61
    sleep 1
    hop_calls
    untap
    cp "$TMP/out.pcapng" "$HERE/cooked.pcapng"
}
ALL="good_call incident_438 missing_ack tcp_odd_segments register_challenge proxy_two_hops cooked"
if [ $# = 0 ]; then set -- $ALL; fi
status=0 jobs=()
for name in "$@"; do ( "${name//-/_}" ) & jobs+=($!); done
for job in "${jobs[@]}"; do wait "$job" || status=1; done
chmod 644 "$HERE"/*.pcap*
$PYTHON "$REC/truth.py" "$HERE" || status=1
exit $status
