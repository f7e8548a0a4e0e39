#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kills hni run after successively longer delays: kill_test.sh HNI COUNT. Standard streams are open or closed; the
# cleanup process survives, is killed before, or is killed together with the run. After the next run no namespace,
# socket, record or process of --exec may be left. Exit status 77: no network namespaces.
set -u
hni=$1 count=$2
if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ] || ! unshare --net true 2>/dev/null; then
  echo "skipped: needs root, /dev/net/tun and network namespaces"
  exit 77
fi
# Unique names, so that other runs on this machine do not interfere.
name=hnik$$
mark=31.41$$
fail() { echo "FAILED: $*"; exit 1; }
killed=()
left() {
  ls /run/netns 2>/dev/null | grep "^$name"
  for pid in "${killed[@]}"; do ls /run/hni/$pid.* 2>/dev/null; done
  pgrep -f "sleep $mark"
}
for ((i = 0; i < count; i++)); do
  command="sleep $mark & setsid sleep $mark & wait"
  case $((i % 5)) in
    0) "$hni" run -q --name "$name$i" --exec "$command" >/dev/null 2>&1 & ;;
    1) "$hni" run -q --name "$name$i" <&- >&- 2>&- & ;;
    2) "$hni" run -q --name "$name$i" >&- 2>/dev/null & ;;
    3) "$hni" run -j --name "$name$i" 2>&- >/dev/null & ;;
    4) "$hni" run -q --name "$name$i" <&- >/dev/null 2>&1 & ;;
  esac
  pid=$!
  killed+=($pid)
  # The number of steps is prime, so that every variant meets every moment.
  sleep "$(awk "BEGIN { print ($i * 37 % 101) * 0.008 }")"
  children=$(pgrep -P $pid)
  case $((i % 3)) in
    0) kill -KILL $pid 2>/dev/null ;;
    1) kill -KILL $pid $children 2>/dev/null ;;
    2) kill -KILL $children 2>/dev/null; kill -KILL $pid 2>/dev/null ;;
  esac
  wait $pid 2>/dev/null
  [ $((i % 3)) = 0 ] || pkill -KILL -f "sleep $mark" # the supervisor of --exec was killed, too
done
"$hni" run -q --duration 0.1 >/dev/null 2>&1 || fail "the next run ended with $?"
# A supervisor has half a second to terminate its processes.
for ((look = 0; look < 100; look++)); do
  [ -z "$(left)" ] && break
  sleep 0.1
done
[ -z "$(left)" ] || fail "left behind: $(left)"
echo "ok: $count kills, nothing is left"
