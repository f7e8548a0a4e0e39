#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests probes and tracing tools on the real kernel: trace_test.sh HNI WORKLOAD GENERATOR SOURCE SCENARIO. The figures
# are exact: the workload records each event that it fires, and the generator sends a prime number of packets. Exit
# status 77: tracing is not possible.
set -u
hni=$1 workload=$2 generator=$3 source=$4 scenario=$5
folder=$(mktemp -d)
# Background processes that survive a failure would keep ctest waiting.
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$folder"' EXIT
packets=1009

fail() {
  echo "FAILED: $*"
  for file in "$folder"/*.out "$folder"/*.err; do [ -f "$file" ] && echo "--- $file" && head -60 "$file"; done
  exit 1
}
skip_unless_traceable() {
  "$hni" trace drops -- "$workload" broken "$folder/probe" >"$folder/can" 2>&1 && return
  grep -E 'bpftrace is missing|tracing needs root|this kernel has no|BPF is not allowed' "$folder/can" && exit 77
  fail "hni trace does not work here: $(cat "$folder/can")"
}
# watch TOOL COMMAND...: traces the command; tool output in $folder/tool.out, command output in $folder/tool.err
watch() {
  local tool=$1
  shift
  # Bounded: on a loaded machine a tracer takes up to half a minute to attach and to print.
  timeout -s INT -k 60 240 "$hni" trace "$tool" -o "$folder/tool.out" -- "$@" >"$folder/tool.err" 2>&1 || fail "hni trace $tool ended with $?"
  awk 'length > 79 { exit 1 }' "$folder/tool.out" || fail "$tool: a line is longer than 79 columns"
}
watch_workload() { watch "$1" "$workload" all "$folder/events"; }
watch_run() { watch "$1" "$hni" run --generator --burst 1 --quiet --packets $packets; }
# has LINE...: each is a whole line of the tool's output
has() {
  local line
  for line in "$@"; do grep -qxF -- "$line" "$folder/tool.out" || fail "no line '$line'"; done
}
# count PROBE [ARGUMENT=VALUE...]: the number of such events that the workload fired
count() {
  local probe=$1
  shift
  awk -v probe="$probe" -v wanted="$*" '
    $1 == probe { n = split(wanted, w, " "); good = 1
      for (i = 1; i <= n; i++) if (index($0 " ", " " w[i] " ") == 0) good = 0
      total += good }
    END { print total + 0 }' "$folder/events"
}
# total PROBE ARGUMENT [ARGUMENT=VALUE...]: the sum of an argument
total() {
  local probe=$1 what=$2
  shift 2
  awk -v probe="$probe" -v what="$what=" -v wanted="$*" '
    $1 == probe { n = split(wanted, w, " "); good = 1
      for (i = 1; i <= n; i++) if (index($0 " ", " " w[i] " ") == 0) good = 0
      if (good) for (i = 2; i <= NF; i++) if (index($i, what) == 1) sum += substr($i, length(what) + 1) }
    END { printf "%d\n", sum }' "$folder/events"
}
# samples MAP: the number of samples of the histogram "@map[...]:"
samples() {
  awk -v map="$1:" '$0 == map || $0 == map " " { on = 1; next } /^@/ { on = 0 }
    on && /\|/ { sub(/.*[\])]/, ""); sum += $1 } END { print sum + 0 }' "$folder/tool.out"
}
same() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }
# until_true COMMAND...: repeats the command for at most two minutes: a tracer reads large binaries, and a loaded
# machine is slow
until_true() {
  local end=$((SECONDS + 120))
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "never: $*"
    sleep 0.1
  done
}
# start_driver OPTION...: starts a hni run and waits for its links; its process is $driver, its output $folder/run.out
start_driver() {
  : >"$folder/run.out"  # the new process truncates it too late for who looks for "up" at once
  "$hni" run -j "$@" >"$folder/run.out" 2>"$folder/run.err" &
  driver=$!
  until_true grep -q '"event":"up"' "$folder/run.out"
}
end_driver() {
  kill -TERM $driver
  wait $driver || fail "the driver ended with $?"
  grep -q '"accounted":true' "$folder/run.out" || fail "packets are not accounted for"
}
listeners() { # the sum of all semaphores of the process
  python3 - "$1" "$hni" <<'END'
import os, re, subprocess, sys
pid, binary = sys.argv[1], os.path.realpath(sys.argv[2])
sections = subprocess.run(["readelf", "-SW", binary], capture_output=True, text=True).stdout
at, _, size = [int(x, 16) for x in re.search(r" \.probes +PROGBITS +(\w+) (\w+) (\w+)", sections).groups()]
base = min(int(line.split("-")[0], 16) for line in open(f"/proc/{pid}/maps") if line.rstrip().endswith(binary))
with open(f"/proc/{pid}/mem", "rb") as memory:
    memory.seek(base + at)
    content = memory.read(size)
print(sum(content[i] | content[i + 1] << 8 for i in range(0, size, 2)))
END
}
attached() { [ "$(listeners $driver)" = "$1" ]; } # attached N: N probes of $driver are attached
tracers() { pgrep -f "bpftrace .*-p $driver " || true; }

notes() { # lists the probes of a binary in the format of hni-trace-gen: name, semaphore, sizes of the arguments
  readelf -n "$1" 2>/dev/null | awk '
    /Provider:/ { provider = $2 } /Name:/ { name = $2 }
    /Semaphore:/ { semaphore = $NF != "0x0000000000000000" ? "semaphore" : "none" }
    /Arguments:/ { line = provider " " name " " semaphore
      for (i = 2; i <= NF; i++) { if ($i !~ /^-?[1248]@(%[a-z0-9]+|\$-?[0-9]+)$/) line = line " odd:" $i
        else { sub(/@.*/, "", $i); line = line " " $i } }
      print line }' | sort -u
}

case $scenario in
  notes) # needs no privilege
    "$generator" "$folder/golden" notes || fail "no list"
    sort "$folder/golden" >"$folder/golden.out"
    notes "$hni" >"$folder/notes.out"
    diff "$folder/golden.out" "$folder/notes.out" || fail "the ELF notes of hni are not those of probes.def"
    echo "ok: $(wc -l <"$folder/golden") probes"
    exit 0
    ;;
  docs)
    "$generator" "$folder/probes.md" probes-md || fail "no documentation"
    diff "$source/docs/probes.md" "$folder/probes.md" ||
      fail "docs/probes.md is not what driver/core/probes.def says: hni-trace-gen docs/probes.md probes-md"
    for page in "$(dirname "$hni")"/../share/man/man?/*; do
      LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" >/dev/null 2>"$folder/man.err" || [ ! -x /usr/bin/man ] || fail "$page"
      [ ! -s "$folder/man.err" ] || fail "$page has warnings"
    done
    exit 0
    ;;
  messages)
    says() { # says STATUS WORDS COMMAND...
      local status=$1 words=$2
      shift 2
      "$@" >"$folder/says.out" 2>&1
      same "status of $*" $? "$status"
      grep -q -- "$words" "$folder/says.out" || fail "$* does not say '$words'"
    }
    says 0 'latency .*a histogram a ring' "$hni" trace
    says 2 "did you mean 'drops'" "$hni" trace dropz
    says 1 'no such process' "$hni" trace drops --pid 99999999 || true
    if [ "$(id -u)" = 0 ]; then
      says 1 'tracing needs root' setpriv --reuid 65534 --clear-groups "$hni" trace drops
      says 1 'bpftrace is missing: apt-get install bpftrace' "$hni" trace drops --bpftrace nothing-of-that-name
    fi
    exit 0
    ;;
esac

skip_unless_traceable
case $scenario in
  events) # Every probe, every event and every argument.
    "$hni" trace events -o "$folder/tool.out" -- "$workload" all "$folder/events" 2>"$folder/tool.err" || fail "ended with $?"
    grep -qvE '^ *[0-9]+\.[0-9]{6} [0-9]+ [a-z]+__[a-z_]+ port=' "$folder/tool.out" && fail "a line without time or thread"
    grep -q ' reg__write port=3 BAR=0 offset=0x[0-9a-f]* value=0x' "$folder/tool.out" || fail "no hexadecimal values"
    python3 -c 'import re, sys
for line in sys.stdin: print(re.sub("=(0x[0-9a-f]+)", lambda m: "=" + str(int(m[1], 16)), line.split(None, 2)[2]), end="")' <"$folder/tool.out" >"$folder/plain"
    mv "$folder/plain" "$folder/tool.out"
    cmp "$folder/events" "$folder/tool.out" || { diff "$folder/events" "$folder/tool.out" | head -20; fail "events differ"; }
    for probe in $("$generator" /dev/stdout notes | cut -d' ' -f2); do
      [ "$(count "$probe")" -gt 0 ] || fail "$probe does not fire"
    done
    same "packets received" "$(count packet__received)" "$(total rx__poll__done work)"
    # docs/probes.md lists the meaning of each number; the workload does each of these things a fixed number of times.
    for expected in 'packet__dropped reason 1 1 1 2 1' 'recovery__step__start step 3 1 1 1 1' 'recovery__step__done step 3 1 0 0 0'; do
      read -r probe what numbers <<<"$expected"
      number=0
      for times in $numbers; do
        same "$probe $what=$number" "$(count "$probe" $what=$number)" "$times"
        number=$((number + 1))
      done
    done
    for pair in rx__poll tx__poll buffers__refill statistics__read; do
      same "ends of $pair" "$(count ${pair}__done)" "$(count ${pair}__start)"
    done
    ;;
  latency)
    watch_run latency
    for port in 0 1; do
      has "@posts[$port, 0, TWQ0]: $packets" "@returned[$port, 0, TWQ0]: $packets"
    done
    watch_workload latency
    has "@posts[3, 0, TWQ0]: $(count ring__posted ring=0)" "@posts[3, 0, HPQ]: $(($(count buffers__refill__done ring=3) - $(count buffers__refill__done ring=3 count=0)))" \
      "@posts[3, 0, mailbox TX]: $(count ring__posted ring=7)" \
      "@returned[3, 0, mailbox TX]: $(count ring__completed ring=7)"
    ;;
  polls)
    watch_run polls
    for port in 0 1; do has "@work[rx, $port, 0]: $packets"; done
    watch_workload polls
    has "@polls[rx, 3, 0]: $(count rx__poll__done)" "@polls[tx, 3, 0]: $(count tx__poll__done)" \
      "@work[rx, 3, 0]: $(total rx__poll__done work)" "@work[tx, 3, 0]: $(total tx__poll__done work)" \
      "@empty[rx, 3, 0]: $(count rx__poll__done work=0)" "@empty[tx, 3, 0]: $(count tx__poll__done work=0)"
    same "samples" "$(samples '@a_poll[rx, 3, 0]')" $(($(count rx__poll__done) - $(count rx__poll__done work=0)))
    ;;
  stalls)
    watch_workload stalls
    same "stops of the workload" "$(count tx__stopped)" 1
    has "@stops[3, 0]: 1" "@wakes[3, 0]: 1"
    same "samples" "$(samples '@us[3, 0]')" 1
    ;;
  buffers)
    watch_workload buffers
    has "@refills[3, 0, HPQ]: $(count buffers__refill__done ring=3)" "@lent[3, 0, PPQ]: $(total buffers__refill__done count ring=4)"
    same "samples" "$(samples '@left[3, 0, HPQ]')" "$(count buffers__refill__done ring=3)"
    for ring in 3:HPQ 4:PPQ; do
      n=$(count buffers__missing ring=${ring%:*})
      [ "$n" = 0 ] || has "@pool_empty[3, 0, ${ring#*:}]: $n"
    done
    ;;
  drops)
    # Symbols are resolved at the end, so the process must still exist.
    watch drops "$workload" hold "$folder/events"
    for reason in 0:'MAC error' 1:truncated 2:'card input' 3:'queue reset' 4:'not describable'; do
      has "@drops[3, 0, ${reason#*:}]: $(count packet__dropped reason=${reason%%:*})"
    done
    same "places" "$(awk -F': ' '/^\]: / { n += $2 } END { print n }' "$folder/tool.out")" "$(count packet__dropped)"
    grep -q 'packet_dropped\|TxQueue' "$folder/tool.out" || fail "no names in the stacks"
    ;;
  refused)
    watch_workload refused
    has "@refused[3, tcd_head]: 1" "@refused[3, rcd_header_length]: 1" "@refused[3, fw_unsolicited]: 1"
    grep -q ' hni3 rcd_header_length     value 0x0 limit 0x1000$' "$folder/tool.out" || fail "no line for the injected length"
    same "lines" "$(grep -c ' hni3 .* value 0x' "$folder/tool.out")" "$(count input__refused)"
    ;;
  mailbox)
    watch_workload mailbox
    for type in 16:HOST_CAP_REQ 18:OWNERSHIP_REQ 20:HEARTBEAT_REQ; do
      has "@messages[3, sent, ${type#*:}]: $(count message__sent message=${type%:*})"
    done
    for type in 17:FW_CAP_RESP 19:OWNERSHIP_RESP 21:HEARTBEAT_RESP 68:LOG_MSG_REQ; do
      has "@messages[3, received, ${type#*:}]: $(count message__received message=${type%:*})"
    done
    same "lines" "$(grep -c ' hni3 [<-][->] .* bytes' "$folder/tool.out")" "$(($(count message__sent) + $(count message__received)))"
    # The latency is measured in driver time from request to response of the capabilities, so it is exact.
    us=$(awk '$1 == "message__sent" && /message=16 / { sub(/.*time=/, ""); sent = $0 }
      $1 == "message__received" && /message=17 / { sub(/.*time=/, ""); printf "%d", ($0 - sent) / 1000; exit }' "$folder/events")
    grep -q "<- FW_CAP_RESP .* $us us" "$folder/tool.out" || fail "FW_CAP_RESP did not take $us us"
    ;;
  wakeups)
    watch_workload wakeups
    for vector in 0 1 2; do
      n=$(count irq__fired vector=$vector)
      [ "$n" = 0 ] || has "@fired[3, $vector]: $n"
    done
    has "@rearmed[3, 2]: $(count irq__rearmed vector=2)"
    polled=$(awk '$1 == "irq__fired" && /vector=2/ { on = 1 } $1 == "rx__poll__start" && on { on = 0; n++ } END { print n + 0 }' "$folder/events")
    same "samples" "$(samples '@us[3, 0]')" "$polled"
    ;;
  timeline)
    watch_workload timeline
    story=$(sed -n 's/^ *[0-9]*\.[0-9]* hni3 //p' "$folder/tool.out" | grep -e '->' | tr '\n' ';')
    same "story" "$story" "detached -> bring-up;bring-up -> ready;ready -> ownership;ownership -> running;running -> resetting;resetting -> bring-up;bring-up -> ready;ready -> ownership;ownership -> running;running -> stopping;stopping -> ready;ready -> detaching;detaching -> detached;"
    has "@recovery[3, queue reset]: 3" "@recovery[3, card reset]: 1" "@recovery[3, starvation kick]: 1" \
      "@recovery[3, transmit hang]: 1" "@recovery[3, firmware crash]: 1" "@link_down[3]: $(count link__changed up=0)" "@statistics[3]: $(count statistics__read__done)"
    grep -q 'hni3 queue reset, queue 0$' "$folder/tool.out" || fail "no reset"
    # Measured in driver time, so it is exact.
    us=$(awk '/^recovery__step__/ && / step=1 / { sub(/.*time=/, ""); t[++n] = $0 } END { print (t[2] - t[1]) / 1000 }' "$folder/events")
    grep -q "hni3 card reset over after [0-9]* us ($us us of driver time)$" "$folder/tool.out" || fail "the card reset did not take $us us"
    same "log records" "$(grep -c 'hni3 firmware: ' "$folder/tool.out")" "$(count firmware__log)"
    grep -q 'hni3 firmware: firmware started$' "$folder/tool.out" || fail "no text of the log"
    ;;
  registers)
    watch_workload registers
    offset() { "$hni" spec find "$1" | head -1 >/dev/null; }
    same "reads" "$(awk -F': ' '/^@reads/ { n += $2 } END { print n }' "$folder/tool.out")" "$(count reg__read)"
    same "writes" "$(awk -F': ' '/^@writes/ { n += $2 } END { print n }' "$folder/tool.out")" "$(count reg__write)"
    # BAR0 0x100008 is the tail of work queue 0 of queue 0 [device 11].
    has "@writes[3, QUEUE_TWQ0_TAIL[0]]: $(count reg__write BAR=0 offset=$((0x100008)))"
    has "@reads[3, INTR_STATUS]: $(($(count reg__read BAR=0 offset=0)))"
    ;;
  top)
    watch_run top
    last() { awk -v port="$1" -v at="$2" '/^in all$/ { on = 1 } on && $1 == port && $2 == "0" { print $at }' "$folder/tool.out"; }
    for port in hni0 hni1; do
      same "packets of $port" "$(last $port 3)" $packets
      same "descriptors of $port" "$(last $port 5)" $((2 * packets))
    done
    "$hni" trace top -j -o "$folder/tool.out" -- "$hni" run --generator --burst 1 --quiet --packets $packets 2>/dev/null || fail "-j"
    python3 -c 'import json, sys
for line in open(sys.argv[1]): json.loads(line)' "$folder/tool.out" || fail "-j is no JSON"
    ;;
  monitor)
    watch_run monitor
    grep -q '@violations' "$folder/tool.out" && fail "a violation in a good run"
    for port in 0 1; do
      [ "$(sed -n "s/^@checked\[$port, 0, TWQ0\]: //p" "$folder/tool.out")" -gt $packets ] || fail "too few steps checked"
    done
    watch_workload monitor
    grep -q '@violations' "$folder/tool.out" && fail "a violation in a good life"
    has "@checked[3, 0, TWQ0]: $(($(count ring__posted ring=0) + $(count ring__completed ring=0)))" \
      "@checked[3, 0, HPQ]: $(($(count buffers__refill__done ring=3) + $(count ring__completed ring=3)))" \
      "@checked[3, 0, RCQ]: $(count ring__completed ring=5)"
    watch monitor "$workload" broken "$folder/events"
    has "@violations[3, 0, TWQ0]: 3" "@checked[3, 0, TWQ0]: 2"
    ;;
  record)
    "$hni" trace record -o "$folder/run.rec" -- "$hni" run --generator --burst 1 --quiet --ring 64 --packets $packets 2>"$folder/tool.err" || fail "ended with $?"
    words=$(grep -c ' W 1 0 ' "$folder/run.rec")
    out=$("$hni" fuzz record "$folder/run.rec" "$folder/run.fuzz" 1 0) || fail "$out"
    same "replay" "$out" "$words completions replayed, each as recorded; no finding"
    [ "$words" -gt $((2 * packets)) ] || fail "only $words completions"
    "$hni" fuzz replay traffic "$folder/run.fuzz" >/dev/null || fail "the script has a finding"
    "$hni" trace plot "$folder/run.rec" -o "$folder/run.html" || fail "plot"
    grep -A1 'hni1 queue 0 TWQ0, 64 descriptors' "$folder/run.html" | grep -q "<p>$packets posts came back: half within " ||
      fail "plot: wrong figures"
    "$hni" trace plot --perfetto "$folder/run.rec" -o "$folder/run.json" || fail "plot --perfetto"
    python3 - "$folder/run.json" $packets <<'END' || fail "plot --perfetto: wrong events"
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
posts = [e for e in events if e["ph"] == "b" and e["cat"] == "TWQ0 posts" and e["pid"] == 2]
ends = {e["id"]: e["ts"] for e in events if e["ph"] == "e"}
work = sum(e["args"]["work"] for e in events if e["ph"] == "X" and e["name"] == "receive poll" and e["pid"] == 2)
assert len(posts) == work == int(sys.argv[2]), (len(posts), work)
assert all(ends[e["id"]] >= e["ts"] for e in posts)
assert {"link up, 100000 Mbit/s"} & {e["name"] for e in events if e["ph"] == "i"}
assert {"hni0", "hni1"} == {e["args"]["name"] for e in events if e["name"] == "process_name"}
END
    grep -Eq 'http:|https:|src=' "$folder/run.html" && fail "plot: not self-contained"
    # A recording with a gap or without its end marker is refused.
    sed 100d "$folder/run.rec" >"$folder/gap.rec"
    "$hni" fuzz record "$folder/gap.rec" "$folder/x" 2>&1 | grep -q '1 events of .* were lost' || fail "a gap was not seen"
    head -100 "$folder/run.rec" >"$folder/cut.rec"
    "$hni" trace plot "$folder/cut.rec" 2>&1 | grep -q 'no end' || fail "a missing end was not seen"
    ;;
  kill) # A tracer or a driver that is killed in the middle leaves nothing behind.
    gone() { ! kill -0 "$1" 2>/dev/null; }
    no_tracers() { [ -z "$(tracers)" ]; }
    start_driver --generator --rate 1000
    attached 0 || fail "a tracer is attached already"
    "$hni" trace polls --pid $driver >"$folder/tool.out" 2>"$folder/tool.err" &
    tracer=$!
    until_true attached 2
    kill -KILL $tracer
    wait $tracer 2>/dev/null
    until_true attached 0
    until_true no_tracers
    # The driver continues and can be traced again; then the driver is killed.
    "$hni" trace polls --pid $driver >"$folder/tool.out" 2>"$folder/tool.err" &
    tracer=$!
    until_true attached 2
    kill -KILL $driver
    wait $driver 2>/dev/null
    until_true gone $tracer
    wait $tracer || fail "the tracer of a killed driver ended with $?"
    grep -q '^@polls\[rx, 0, 0\]: [1-9]' "$folder/tool.out" || fail "the tracer of a killed driver shows nothing"
    until_true no_tracers
    # Ctrl-C ends a tracer without affecting the driver.
    start_driver --generator --rate 1000
    "$hni" trace polls --pid $driver >"$folder/tool.out" 2>"$folder/tool.err" &
    tracer=$!
    until_true attached 2
    kill -INT $(tracers)
    wait $tracer || fail "an interrupted tracer ended with $?"
    until_true attached 0
    end_driver
    # With network interfaces: a killed driver, traced or not, leaves no interface, namespace or control socket.
    if unshare --net true 2>/dev/null && [ -c /dev/net/tun ]; then
      start_driver
      socket=$(sed -n 's/.*"socket":"\([^"]*\)".*/\1/p' "$folder/run.out")
      names=$(grep -o '"namespaces":\[[^]]*' "$folder/run.out" | grep -o '"[^",]*-[ab]"' | tr -d '"')
      same "namespaces" "$(wc -w <<<"$names")" 2
      left() { for name in $names; do ip netns list | grep -w -- "$name"; done; [ ! -S "$socket" ] || echo "$socket"; }
      [ "$(left | wc -l)" = 3 ] || fail "the run has not all that it should have: $(left)"
      "$hni" trace polls --pid $driver >"$folder/tool.out" 2>"$folder/tool.err" &
      tracer=$!
      until_true attached 2
      kill -KILL $driver
      wait $driver 2>/dev/null
      wait $tracer || fail "the tracer of a killed driver ended with $?"
      nothing_left() { [ -z "$(left)" ] && no_tracers; }
      until_true nothing_left
    fi
    ;;
  lie) # A hostile completion on a live driver: each tool reports exactly that.
    start_driver --generator --rate 2000
    for tool in refused drops monitor timeline; do
      "$hni" trace $tool --pid $driver -o "$folder/$tool.out" 2>"$folder/$tool.err" &
    done
    # Probes of refused and drops, of monitor, and those that only timeline attaches to.
    until_true attached $((1 + 1 + 5 + 4))
    sleep 1
    "$hni" port inject hni1 rcd_header_length 0 --run $driver >/dev/null || fail "no fault was injected"
    recovered() { "$hni" port stats hni1 --run $driver -j | grep -q '"queue_resets":1[,}]'; }
    until_true recovered
    end_driver
    wait
    # The firmware's last response may arrive after the port stopped waiting: that is neither a fault nor part of the
    # run.
    grep -v fw_unsolicited "$folder/refused.out" >"$folder/lies"
    same "refused" "$(grep '^@refused' "$folder/lies")" '@refused[1, rcd_header_length]: 1'
    same "lines" "$(sed -n 's/^ *[0-9.]* //p' "$folder/lies")" 'hni1 rcd_header_length     value 0x0 limit 0x1000'
    same "card input" "$(grep -c '^@drops.1, 0, card input.: 1$' "$folder/drops.out")" 1
    same "recovery" "$(grep '^@recovery' "$folder/timeline.out")" '@recovery[1, queue reset]: 1'
    grep -q '@violations' "$folder/monitor.out" && fail "a violation: the driver reports the injected fault"
    grep -q '^@checked\[1, 0, HPQ\]: ' "$folder/monitor.out" || fail "the monitor saw nothing"
    ;;
  # The recording of both ports replays word for word, with the monitor attached and without a violation;
  # bench/trace_million.sh does a million.
  replay)
    packets=${HNI_TRACE_PACKETS:-10007}
    export BPFTRACE_PERF_RB_PAGES=16384
    "$hni" run --generator --burst 1 -j --ring 64 --hold --packets $packets >"$folder/run.out" 2>"$folder/run.err" &
    driver=$!
    until_true grep -q '"event":"held"' "$folder/run.out"
    "$hni" trace monitor --pid $driver -o "$folder/tool.out" 2>"$folder/tool.err" &
    monitor=$!
    until_true attached 5
    "$hni" trace record --pid $driver -o "$folder/run.rec" 2>"$folder/record.err" &
    recorder=$!
    until_true attached $((5 + 9)) # probes that only the recorder attaches to
    "$hni" port go --run $driver >/dev/null || fail "no go"
    wait $driver || fail "the driver ended with $?"
    wait $monitor || fail "the monitor ended with $?"
    wait $recorder || fail "the recorder ended with $?"
    grep -q '"accounted":true' "$folder/run.out" || fail "packets are not accounted for"
    grep -q '@violations' "$folder/tool.out" && fail "a violation in a good run"
    for port in 0 1; do
      [ "$(sed -n "s/^@checked\[$port, 0, TWQ0\]: //p" "$folder/tool.out")" -gt $packets ] || fail "the monitor missed steps"
      # Two completions per received packet and one per packet that was sent alone.
      out=$("$hni" fuzz record "$folder/run.rec" "$folder/run.fuzz" $port 0) || fail "$out"
      same "replay of port $port" "$out" "$((3 * packets)) completions replayed, each as recorded; no finding"
      echo "hni$port: $out; the monitor checked $(awk -F': ' -v port="$port" 'index($0, "@checked[" port ",") == 1 { n += $2 } END { print n }' "$folder/tool.out") steps"
    done
    ;;
  *)
    fail "unknown scenario $scenario"
    ;;
esac
echo "ok: $scenario"
