#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `hni linux` on the real kernel: uml_test.sh HNI [VERSION]. Status 77 where no kernel is built (tools/linux/build).
set -u
hni=$1
kernel=${2:-7.3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
failures=0
# 6.12 loses an immediate response of the firmware, and warns at power-off (docs/linux.md).
delay=0
[ "$kernel" = 6.12 ] && delay=10000

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@" >"$work/check" 2>&1; then
    echo "ok      $what"
  else
    echo "FAILED  $what"
    tail -n 20 "$work/check" "$work/out" "$work/err" 2>/dev/null
    failures=$((failures + 1))
  fi
}
# run STATUS ARGUMENT...: the command must exit with this status and leave nothing behind.
run() {
  local wanted=$1 status
  shift
  timeout 120 "$hni" linux --only-if-built --kernel "$kernel" --firmware-delay $delay "$@" >"$work/out" 2>"$work/err"
  status=$?
  [ $status = "$wanted" ] || { echo "status $status, not $wanted"; return 1; }
  [ -z "$(ls -A "$TMPDIR")" ] || { echo "left behind: $(ls "$TMPDIR"/*)"; return 1; }
}
says() { grep -qE "$1" "$work/err" || { echo "no '$1'"; return 1; }; }

"$hni" linux --only-if-built --kernel "$kernel" --exec true >"$work/first" 2>&1
[ $? = 77 ] && echo "no kernel $kernel is built: tools/linux/build --kernel $kernel" && exit 77

life='ping -q -c 20 -i 0.05 10.99.0.1 | grep " 0% packet loss" || exit 1
  ip netns exec far iperf3 -s -1 -D; iperf3 -c 10.99.0.1 -n 2M || exit 1
  ethtool -S eth0; dd if=/dev/urandom bs=32 count=1 2>/dev/null | hexdump -C; cat /proc/uptime; exit 3'
virtual() { run 3 --time-travel --log "$work/log$1" --exec "$life" && cp "$work/out" "$work/out$1"; }
check 'traffic on real time, and the status of the command' run 3 --exec 'ping -q -c 5 -i 0.05 10.99.0.1 | grep " 0% packet loss" && exit 3'
check 'traffic on virtual time' virtual 1
check 'the same again' virtual 2
check 'the same output' cmp "$work/out1" "$work/out2"
check 'the same log of the kernel' cmp "$work/log1" "$work/log2"
no_warning() { ! sed '/Power down/,$d' "$work/log1" | grep -E 'WARNING|BUG|KASAN|UBSAN|Call Trace'; }
check 'no warning of the kernel' no_warning
check 'ten minutes of virtual time' run 0 --time-travel --exec 'sleep 600'
check 'its own wire' run 0 --wire loop --exec 'cat /sys/class/net/eth0/carrier | grep 1'

echo 'fault site=rcd_header_id class_count=0xf02 value=0' >"$work/fault.script"
check 'a fault that panics this driver' run 1 --time-travel --script "$work/fault.script" --script-at 2 --append panic_on_warn=1 \
  --exec 'echo 2 >/sys/kernel/um-ext-time/bc-message; ping -c 30 -i 0.01 10.99.0.1; sleep 5'
check 'its report' says 'hni linux: while the command ran: (Kernel panic|.*KASAN)'
ten_lines() { [ "$(grep -c '^  ' "$work/err")" = 10 ]; }
check 'ten lines of its log' ten_lines
check 'a panic at boot' run 1 --append rdinit=/none --exec true
check 'its step' says '^hni linux: boot failed: Kernel panic'
check 'a guest that does not end' run 1 --timeout 3 --exec 'sleep 1000'
check 'its reason' says 'the guest did not end within 3'
check 'no such tree' run 1 --source "$work/none" --exec true
check 'its line' says "^hni linux: --source failed: '.*/none' is not a Linux tree"
check 'no such options' run 1 --kernel-config "$work/none" --exec true
check 'two scripts too many' run 2 --script a --script b --script c --exec true
check 'no such script' run 1 --script "$work/none" --exec true
check 'a shell on virtual time' run 2 --time-travel

# First the kernel is killed, then the hni process.
"$hni" linux --only-if-built --kernel "$kernel" --exec 'sleep 100' >"$work/out" 2>"$work/err" &
pid=$!
until ls "$TMPDIR"/hni-linux-*/ready >/dev/null 2>&1 || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
pkill -KILL -P $pid -f umid=hni
killed() {
  wait $pid
  [ $? = 1 ] && says 'the kernel was killed by signal 9' && [ -z "$(ls -A "$TMPDIR")" ]
}
check 'a kernel that is killed' killed
"$hni" linux --only-if-built --kernel "$kernel" --exec 'sleep 100' >"$work/out" 2>"$work/err" &
pid=$!
until ls "$TMPDIR"/hni-linux-*/ready >/dev/null 2>&1 || ! kill -0 $pid 2>/dev/null; do sleep 0.1; done
kernel_pid=$(pgrep -P $pid -f umid=hni)
kill -KILL $pid
wait $pid 2>/dev/null
gone() {
  for _ in $(seq 50); do
    ! kill -0 "$kernel_pid" 2>/dev/null && [ -z "$(ls -A "$TMPDIR")" ] && return 0
    sleep 0.1
  done
  return 1
}
check 'nothing left after kill -9' gone
[ $failures = 0 ]
