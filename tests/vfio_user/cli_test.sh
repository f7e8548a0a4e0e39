#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests hni device and hni attach as two processes: frames through a looped wire and through a cable,
# exit statuses, and nothing left behind.
#     vfio_user_cli_test.sh HNI
set -u
hni=$1
folder=$(mktemp -d)
cd "$folder" || exit 1
device=
trap 'kill $device 2>/dev/null; cd /; rm -rf "$folder"' EXIT
bad=0
check() { # WHAT COMMAND...
  what=$1
  shift
  "$@" || {
    echo "failed: $what"
    bad=1
  }
}
status() { # WANTED COMMAND...
  wanted=$1
  shift
  "$@" >out 2>&1
  got=$?
  [ $got = "$wanted" ] || echo "status $got: $*: $(cat out)"
  [ $got = "$wanted" ]
}
serve() {
  "$hni" device --json "$@" >device.log 2>&1 &
  device=$!
}
wait_for() {
  for _ in $(seq 100); do
    [ -S "$1" ] && return
    sleep 0.1
  done
  cat device.log
  return 1
}
stop() {
  kill $device
  wait $device
}

check 'no wire' status 2 "$hni" device --socket a
check 'one wire for two cards' status 2 "$hni" device --socket a --socket b --wire loop
check 'an unknown wire' status 2 "$hni" device --socket a --wire lop
check 'the next wire is named' grep -q "did you mean 'loop'" out
check 'no unicast address' status 2 "$hni" device --socket a --wire loop --mac 01:00:00:00:00:00
check 'no capture' status 1 "$hni" device --socket a --wire pcap:nothing.pcap
check 'nothing to do' status 2 "$hni" attach --socket a
check 'nobody listens' status 1 "$hni" attach --socket a --frames 1
check 'two cards at once' status 2 "$hni" attach --socket a --vfio 0000:00:00.0 --frames 1
check 'no PCI address' status 1 "$hni" attach --vfio nonsense --frames 1
check 'its form is said' grep -q "'nonsense' is not a PCI address: use the form 0000:01:00.0" out
check 'no such function' status 1 "$hni" attach --vfio ff:1f.7 --frames 1
check 'it is named' grep -q '0000:ff:1f.7: no such PCI function' out
check 'a path in use is refused' sh -c '! test -e a'

check 'no firmware there' status 1 "$hni" device --socket a --wire loop --firmware unix:fw
check 'what helps' grep -q "'fw': No such file or directory; start the firmware first" out
check 'no place of firmware' status 2 "$hni" device --socket a --wire loop --firmware fw
check 'its form is said' grep -q "'fw': unix:PATH, or own" out

serve --socket a --wire loop
check 'the socket is there' wait_for a
check 'a second server' status 1 "$hni" device --socket a --wire loop
check 'frames come back' status 0 "$hni" attach --socket a --frames 2000 --bytes 1500 --json
check 'all of them' grep -q '"received":2000,' out
check 'the next client' status 0 "$hni" attach --socket a --frames 50 --bytes 9742
check 'it stops' stop
check 'the socket is gone' sh -c '! test -e a'
# The second server has connected as well.
check 'three clients' grep -q '"clients":3' device.log
check 'a driver that keeps the rules' grep -q '"broken_rules":{}' device.log
check 'no unknown register' grep -q '"unknown_register":0' device.log

# A card with a fault script: our driver refuses exactly the injected values.
if "$hni" fuzz list >/dev/null 2>&1; then
  printf 'receive packets=20\nheader_length class=max\nconfirm packets=1\nhead class=max\nlies\n' >bad.script
  check 'a bad script' status 1 "$hni" device --socket a --wire loop --script bad.script
  check 'its line is named' grep -q "'bad.script'.* line 5: no operation 'lies'" out
  check 'a loose file' status 1 "$hni" device --socket a --wire loop --script device.log
  check 'what helps' grep -q 'take a file from corpus/port' out
  check 'two scripts for one card' status 2 "$hni" device --socket a --wire loop --script x --script y
  sed '$d' bad.script >lies.script
  serve --socket a --wire loop --script lies.script
  check 'the socket is there' wait_for a
  "$hni" attach --socket a --frames 1000 --duration 6 --json >out 2>&1
  check 'two refusals' grep -q '"refused_input":{"rcd_header_length":1,"tcd_head":1}' out
  check 'it stops' stop
  check 'two lies' grep -q '"by_site":{"rcd_header_length":1,"tcd_head":1}' device.log
  check 'a line each' sh -c "test $(grep -c '"fault":' device.log) = 2"
  check 'what was said' grep -q '"site":"rcd_header_length","socket":"a","value":8191}' device.log
fi

# A recording of register accesses with marks, and a port that waits for `hni port up`.
check 'two records for one card' status 2 "$hni" device --socket a --wire loop --record x --record y
check 'a firmware that never answers' status 2 "$hni" device --socket a --wire loop --firmware-delay 99999999
check 'no such folder' status 1 "$hni" device --socket a --wire loop --record no/record
serve --socket a --wire loop --record record --firmware-delay 5000
check 'the socket is there' wait_for a
"$hni" attach --socket a --frames 10 --standby >a.log 2>&1 &
other=$!
said() { for _ in $(seq 100); do [ "$(grep -c "$2" a.log)" = "$1" ] && return; sleep 0.1; done; false; }
check 'it is ready' said 1 ready
kill -USR2 $device
check 'a mark' sh -c 'for _ in $(seq 100); do grep -q mark record && exit; sleep 0.1; done; false'
kill -USR1 $other
check 'it runs until its frames are back' wait $other
kill -USR2 $device
check 'it stops' stop
check 'two marks' sh -c "test $(grep -c '^mark$' record) = 2"
check 'no queue before the start' sh -c "sed '/^mark/,\$d' record | grep -c '^w QUEUE' | grep -qx 0"
check 'a queue after it' grep -q '^w QUEUE_TWQ0_CTL\[0\] 0x2$' record
check 'what was read' grep -q '^r MBX_DESC_HI\[0\]' record
check 'each access has a name' sh -c '! grep -q BAR record'

# Two cards on one cable in one process, and a capture of the frames that one of them sends.
serve --socket a --wire cable:c --socket b --wire cable:c
check 'both sockets are there' wait_for b
# The first to come up sends to a port that is not up yet, so the figures are not exact.
"$hni" attach --socket b --frames 1000000 --duration 4 --json >b.log 2>&1 &
other=$!
"$hni" attach --socket a --frames 1000000 --duration 3 --json >a.log 2>&1
wait $other
for end in a b; do
  check "frames reach $end" grep -qE '"received":[1-9][0-9][0-9]' $end.log
done
check 'it stops' stop
check 'the cable is gone' sh -c '! test -e c'

serve --socket a --wire pcap:,out.pcap
check 'the socket is there' wait_for a
status 1 "$hni" attach --socket a --frames 20 --bytes 100 --duration 1 --json
check 'it stops' stop
check 'the capture has 20 frames' sh -c "test $(wc -c <out.pcap) = $((24 + 20 * 116))"
exit $bad
