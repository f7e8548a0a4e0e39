#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hni run with real network interfaces: tools_run_test.sh HNI TRAFFIC SCENARIO. Exit status 77: network namespaces
# cannot be created.
set -u
hni=$1
traffic=$2
scenario=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out

fail() {
  echo "FAILED: $*"
  [ -f "$out" ] && cat "$out"
  exit 1
}

# Lists what the run with this process id, or a test of this script, left behind.
leftovers() {
  ls /run/netns 2>/dev/null | grep "^hni-$1-\|^hni-test$$"
  ls /run/hni 2>/dev/null | grep "^$1\."
  ip -o link | grep -o "hni$$[a-z]*"
}

run() { # run OPTIONS...: must exit with 0 and account for every packet
  "$hni" run --quiet "$@" >"$out" 2>&1 || fail "hni run $* ended with $?"
  grep -q '^accounted: yes$' "$out" || fail "packets are not accounted for: hni run $*"
}

in_background() { # in_background COMMAND...: starts it as process $pid, with its output in $out
  : >"$out" # the new process truncates it too late for a reader that looks at once
  "$@" >"$out" 2>&1 &
  pid=$!
}
wait_for() { # wait_for SECONDS COMMAND...: repeats the command until it succeeds
  tries=$(($1 * 20))
  shift
  while [ "$tries" -gt 0 ]; do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
    tries=$((tries - 1))
  done
  return 1
}

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ] || ! unshare --net true 2>/dev/null; then
  echo "skipped: needs root, /dev/net/tun and network namespaces"
  exit 77
fi

unprivileged='setpriv --bounding-set -all --inh-caps -all --reuid 65534 --clear-groups'
in_a='ip netns exec $HNI_NETNS_A'
in_b='ip netns exec $HNI_NETNS_B'
iperf() { # iperf OPTIONS: two seconds of iperf3, its figures as JSON in $folder/iperf
  cat <<END
$in_b iperf3 -s -1 >/dev/null & server=\$!
tries=0
until $in_b ss -ltn | grep -q ':5201 '; do sleep 0.05; tries=\$((tries + 1)); [ \$tries -lt 200 ] || exit 1; done
$in_a iperf3 -J -c \$HNI_IPV4_B -t 2 $* >$folder/iperf || exit 1
wait \$server
END
}
no_drops() {
  grep -q 'dropped: ' "$out" && fail "packets were dropped"
  return 0
}

case $scenario in
  ping)
    run --exec "$in_a ping -q -c 1000 -i 0.002 \$HNI_IPV4_B && $in_a ping -q -c 100 -i 0.002 \$HNI_IPV6_B"
    grep -q '1000 packets transmitted, 1000 received, 0% packet loss' "$out" || fail "IPv4 pings lost"
    grep -q '100 packets transmitted, 100 received, 0% packet loss' "$out" || fail "IPv6 pings lost"
    ;;
  tcp)
    for direction in '' -R; do
      for streams in 1 8; do
        run --queues 4 --exec "$(iperf $direction -P $streams)"
        no_drops
        grep -q '"error"' "$folder/iperf" && fail "iperf3: $(cat "$folder/iperf")"
        grep -q '"bits_per_second"' "$folder/iperf" || fail "iperf3 measured nothing"
      done
    done
    ;;
  udp)
    # A server that is not scheduled loses datagrams in its socket buffer; the kernel counts those.
    run --exec "$(iperf -u -b 50M -l 1400)
      $in_b cat /proc/net/snmp >$folder/snmp"
    no_drops
    lost=$(jq .end.sum.lost_packets "$folder/iperf")
    unread=$(awk '$1 == "Udp:" && $2 ~ /^[0-9]/ { print $6 }' "$folder/snmp")
    [ "$lost" -le "$unread" ] || fail "$lost datagrams lost, $unread of them in the socket"
    ;;
  mtu9000)
    run --mtu 9000 --exec "$in_a ping -q -c 50 -i 0.002 -M do -s 8972 \$HNI_IPV4_B && $(iperf)"
    no_drops
    grep -q '50 packets transmitted, 50 received, 0% packet loss' "$out" || fail "long pings lost"
    ;;
  frames)
    # One queue: order is guaranteed within a queue only.
    run --mtu 9202 --exec "$traffic frames 60 9216"
    grep -q '9157 frame lengths, 60 to 9216, byte-identical both ways' "$out" || fail "not all frames"
    run --mtu 9202 --split-headers --exec "$traffic frames 60 9216"
    ;;
  offload)
    for offload in '' --no-offload; do
      run $offload --mtu 1500 --exec "$traffic tcp 8 && $traffic udp 400"
      no_drops
      grep -q 'TCP: 8 MB each way over IPv4 and IPv6, byte-identical' "$out" || fail "TCP $offload"
      grep -q 'UDP: 400 datagrams over IPv4 and IPv6, byte-identical' "$out" || fail "UDP $offload"
    done
    ;;
  joined)
    # The far interface gets joined packets: fewer and longer than the frames on the cable. The capture and the
    # counters still count frames. Without offload each frame is a packet.
    for offload in '' --no-offload --split-headers; do
      run $offload --queues 2 --mtu 1500 --pcap "$folder/cable.pcap" --exec "$traffic tcp 8
        $in_b cat /sys/class/net/hni1/statistics/rx_packets >$folder/packets"
      no_drops
      grep -q 'TCP: 8 MB each way over IPv4 and IPv6, byte-identical' "$out" || fail "TCP $offload"
      delivered=$(sed -n 's/^hni0 -> hni1:.* \([0-9]*\) delivered.*/\1/p' "$out")
      frames=$(sed -n 's/^hni. -> hni.:.* \([0-9]*\) frames .*/\1/p' "$out" | awk '{ n += $1 } END { print n }')
      captured=$(tcpdump -n -r "$folder/cable.pcap" 2>/dev/null | wc -l)
      [ "$captured" = "$frames" ] || fail "$offload: $captured of $frames frames in the capture"
      long=$(tcpdump -n -r "$folder/cable.pcap" 'greater 1515' 2>/dev/null | wc -l)
      [ "$long" = 0 ] || fail "$offload: $long frames on the cable are longer than the MTU allows"
      packets=$(cat "$folder/packets")
      if [ "$offload" = --no-offload ]; then
        [ "$packets" -le "$delivered" ] && [ $((packets + 50)) -gt "$delivered" ] ||
          fail "$packets packets of $delivered frames without offload"
      else
        [ $((packets * 2)) -lt "$delivered" ] || fail "$offload: $delivered frames became $packets packets"
      fi
    done
    ;;
  small_rings)
    run --ring 64 --queues 8 --exec "$traffic tcp 8"
    no_drops
    ;;
  pcap)
    run --pcap "$folder/cable.pcap" --exec "$in_a ping -q -c 5 -i 0.01 \$HNI_IPV4_B"
    replies=$(tcpdump -n -r "$folder/cable.pcap" 'icmp[icmptype] == icmp-echoreply' 2>/dev/null | wc -l)
    [ "$replies" = 5 ] || fail "$replies of 5 replies in the capture"
    "$hni" run --pcap /dev/full --duration 3 >"$out" 2>&1
    [ $? = 1 ] || fail "a full disk was not reported"
    grep -q '/dev/full' "$out" || fail "a full disk was not named"
    ;;
  stop)
    for signal in INT TERM HUP; do
      in_background "$hni" run -j
      wait_for 20 grep -q '"event":"up"' "$out" || fail "does not come up"
      ip netns exec "hni-$pid-a" ping -q -c 100000 -i 0.001 10.77.0.2 >/dev/null 2>&1 &
      ping=$!
      sleep 0.5
      kill -s $signal $pid
      wait $pid || fail "ended with $? after SIG$signal"
      kill $ping
      wait $ping
      grep -q '"accounted":true' "$out" || fail "packets are not accounted for after SIG$signal"
      [ -z "$(leftovers $pid)" ] || fail "left behind after SIG$signal: $(leftovers $pid)"
    done
    # With --hold the run is listed but does not touch any device; it continues or ends on request.
    in_background "$hni" run -j --hold
    wait_for 20 grep -q '"event":"held"' "$out" || fail "is not held"
    "$hni" port list | grep -q 'detached' || fail "a held run is not listed"
    "$hni" port stats --run $pid 2>&1 | grep -q 'the run is held' || fail "a held run has figures"
    kill $pid
    wait $pid || fail "a held run ended with $?"
    [ -z "$(leftovers $pid)" ] || fail "a held run left behind: $(leftovers $pid)"
    in_background "$hni" run -j --hold --duration 1
    wait_for 20 grep -q '"event":"held"' "$out" || fail "is not held"
    "$hni" port go --run $pid >/dev/null || fail "does not go"
    wait $pid || fail "ended with $?"
    grep -q '"accounted":true' "$out" || fail "packets are not accounted for"
    # SIGKILL prevents a clean shutdown; even then nothing may be left behind.
    in_background "$hni" run -j
    wait_for 20 grep -q '"event":"up"' "$out" || fail "does not come up"
    kill -s KILL $pid
    wait $pid 2>/dev/null
    nothing_left() { [ -z "$(leftovers $pid)" ]; }
    wait_for 5 nothing_left || fail "left behind after SIGKILL: $(leftovers $pid)"
    ;;
  errors)
    refused() { # refused STATUS WORDS OPTIONS...: expects the exit status and one line that contains WORDS
      status=$1 words=$2
      shift 2
      "$hni" run --duration 1 "$@" >"$out" 2>&1 &
      pid=$!
      wait $pid
      got=$?
      [ "$got" = "$status" ] || fail "hni run $*: status $got, not $status"
      [ "$(wc -l <"$out")" = 1 ] || fail "hni run $*: not one line"
      grep -q "$words" "$out" || fail "hni run $*: does not say '$words'"
      [ -z "$(leftovers $pid)" ] || fail "hni run $* left behind: $(leftovers $pid)"
    }
    ip netns add "hni-taken$$-b" || fail "ip netns add"
    refused 1 "'hni-taken$$-b' exists already" --name "hni-taken$$"
    [ ! -e "/run/netns/hni-taken$$-a" ] || fail "half of the namespaces stayed"
    ip netns del "hni-taken$$-b"
    ip tuntap add dev "taken$$" mode tap || fail "ip tuntap add"
    refused 1 "'taken$$' is in use" --tap "hni$$" "taken$$"
    ip tuntap del dev "taken$$" mode tap
    refused 2 "1 to 15 characters" --tap "hni$$" a-name-that-is-too-long
    refused 1 "No such file" --pcap /nowhere/x.pcap
    refused 1 "Is a directory" --pcap /tmp
    $unprivileged "$hni" run --name "hni-test$$" --duration 1 >"$out" 2>&1
    [ $? = 1 ] || fail "no privilege: wrong status"
    [ "$(wc -l <"$out")" = 1 ] || fail "no privilege: not one line"
    grep -q 'network namespace' "$out" || fail "no privilege: does not say so"
    [ -z "$(leftovers none)" ] || fail "no privilege: left behind"
    ;;
  unprivileged)
    $unprivileged "$hni" run --duration 1 --rate 20000 >"$out" 2>&1 || fail "ended with $?"
    grep -q 'using a packet generator instead' "$out" || fail "does not say so"
    grep -q '^accounted: yes$' "$out" || fail "packets are not accounted for"
    ;;
  control)
    "$hni" run --exec 'exit 3' >"$out" 2>&1
    [ $? = 3 ] || fail "the status of the command is not that of hni run"
    run --queues 2 --exec "
      set -e
      $in_a ping -q -c 20 -i 0.01 \$HNI_IPV4_B
      '$hni' port list | grep hni0
      '$hni' port stats hni0 --run \$HNI_RUN -j >$folder/stats
      '$hni' port stats --run \$HNI_RUN
      '$hni' port link --run \$HNI_RUN hni1 | grep 'link_up.*yes'
      '$hni' port rings --pid \$HNI_RUN hni1 | grep HPQ
      '$hni' port fw --run \$HNI_RUN hni0 | grep temperature_mdeg
      '$hni' port regs --run \$HNI_RUN 'QUEUE_TWQ0_CTL[0]' | grep 0x00000002
      '$hni' port regs --run \$HNI_RUN -v hni1 'FBNIC_QUEUE_TWQ0_CTL[1]' | grep ENABLE
      '$hni' port regs --run \$HNI_RUN -j | grep QUEUE_TWQ0_BAL
      ! '$hni' port regs --run \$HNI_RUN QUEUE_TWQ0_CLT
      ! '$hni' port stats hni7 --run \$HNI_RUN
    "
    grep -q '"rx_packets":2[0-9]' "$folder/stats" || fail "stats: $(cat "$folder/stats")"
    grep -q "did you mean 'QUEUE_TWQ0_CTL'" "$out" || fail "no hint at the nearest register"
    grep -q "unknown port 'hni7'" "$out" || fail "no complaint about an unknown port"
    ;;
  follow)
    # The driver receives exactly the frames that its interface has subscribed to.
    run --exec "
      set -e
      $in_b ip link set hni1 address 02:aa:bb:cc:dd:ee
      $in_a ip neigh flush dev hni0
      tries=0
      until $in_a ping -q -c 1 -W 1 \$HNI_IPV4_B; do tries=\$((tries + 1)); [ \$tries -lt 20 ] || exit 1; done
      $in_a ping -q -c 5 -i 0.01 \$HNI_IPV4_B
    "
    grep -q '5 packets transmitted, 5 received' "$out" || fail "the new address does not receive"
    ;;
  *)
    fail "unknown scenario $scenario"
    ;;
esac
echo "ok: $scenario"
