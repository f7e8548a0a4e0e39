#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# command_line_test.sh <hni-spec> <tests/spec>: endless inputs, unwritable outputs, and every command on register maps
# other than this card's.
set -u
spec=$1
here=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# expect <status> <what> <command...>: expects the status, and at least one line on stderr if it is not 0.
expect() {
  local status=$1 what=$2
  shift 2
  timeout 60 "$@" >"$work/out" 2>"$work/err" </dev/null
  local got=$?
  if [ "$got" != "$status" ]; then
    echo "FAILED: $what: status $got, not $status"
    head -3 "$work/err"
    failed=1
  elif [ "$status" = 1 ] && [ ! -s "$work/err" ] && [ ! -s "$work/out" ]; then
    echo "FAILED: $what: no word about the failure"
    failed=1
  fi
}

mkfifo "$work/fifo"
for input in / /dev/zero /dev/null /dev/full "$work/fifo" "$work/missing.rdl"; do
  expect 1 "dump $input" "$spec" dump "$input"
  expect 2 "diff $input" "$spec" diff "$input" "$here/uart.rdl"
done

for command in dump json html c-header structs markdown svd ipxact python print dictionary bpftrace; do
  expect 0 "$command" "$spec" $command -o "$work/$command"
  if [ -e /dev/full ]; then
    expect 1 "$command to a full disk" bash -c "'$spec' $command >/dev/full"
    [ "$(wc -l <"$work/err")" = 1 ] || { echo "FAILED: $command: not one line"; failed=1; }
    expect 1 "$command -o /dev/full" "$spec" $command -o /dev/full
  fi
  expect 1 "$command -o to a folder" "$spec" $command -o "$work"
  expect 1 "$command -o nowhere" "$spec" $command -o "$work/no/such/folder/x"
  for map in uart soc; do
    expect 0 "$command of $map" "$spec" $command "$here/$map.rdl" -o -
    [ -s "$work/out" ] || { echo "FAILED: $command of $map writes nothing"; failed=1; }
  done
done

for map in uart soc; do
  expect 0 "compile $map" "$spec" compile "$here/$map.rdl" -o "$work/files"
  [ -s "$work/files/$map.h" ] || { echo "FAILED: compile wrote no header"; failed=1; }
done
expect 1 "compile into a file" "$spec" compile "$here/uart.rdl" -o "$work/files/uart.h"
expect 0 "decode" "$spec" decode -s "$here/uart.rdl" CTRL 1
expect 1 "decode of an unknown name" "$spec" decode -s "$here/uart.rdl" CTRX
expect 0 "find" "$spec" find -s "$here/uart.rdl" clock divisor
expect 1 "find of nothing" "$spec" find -s "$here/uart.rdl" nothing_of_this_name
expect 0 "diff of equal maps" "$spec" diff "$here/uart.rdl" "$here/uart.rdl"
expect 1 "diff" "$spec" diff "$here/uart.rdl" "$here/soc.rdl"
expect 0 "--top" "$spec" dump --top fbnic
expect 1 "--top of an unknown name" "$spec" dump --top nothing
expect 0 "-D" "$spec" dump "$here/soc.rdl" -D NO_KEYS
expect 0 "-P" "$spec" dump "$here/uart.rdl" -P FIFO_DEPTH=32
expect 1 "-P of a wrong type" "$spec" dump "$here/uart.rdl" -P 'FIFO_DEPTH="x"'
expect 2 "an unknown command" "$spec" nothing
for words in "dump ''" "dump --top ''" "json -o ''" "find ''" "decode ''" "find -s '' x" "diff '' '$here/uart.rdl'" \
             "dump -I '$work/none'" "dump -D 1=2" "dump -P X" "compile -o -"; do
  expect 2 "$words" bash -c "'$spec' $words"
  [ "$(wc -l <"$work/err")" = 1 ] || { echo "FAILED: $words: not one line"; failed=1; }
done
if [ -e /dev/full ]; then
  for words in "find QUEUE" "decode BAR0 0" "diff '$here/uart.rdl' '$here/soc.rdl'" "--help" "dump --help"; do
    expect 1 "$words to a full disk" bash -c "'$spec' $words >/dev/full"
    [ "$(wc -l <"$work/err")" = 1 ] || { echo "FAILED: $words: not one line"; failed=1; }
  done
fi

if command -v python3 >/dev/null; then
  for file in "$work"/files/*.py; do
    expect 0 "python $file" python3 -c "import runpy; assert runpy.run_path('$file')['REGISTERS']"
  done
  for file in "$work"/files/*.svd "$work"/files/*.xml; do
    expect 0 "xml of $file" python3 -c "import xml.dom.minidom; xml.dom.minidom.parse('$file')"
  done
fi
[ "$failed" = 0 ] && echo "command line: all as expected"
exit $failed
