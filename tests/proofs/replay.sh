#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The counterexamples of four known mistakes, written as scripts and replayed on the real driver: they break the
# mistaken code but not the driver.
# tests/proofs/replay.sh HNI_PROVE HNI_FUZZ... (the command `hni fuzz`, in one word or two)
set -eu
prove=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# target, known mistake, operation that carries the device's word
known='tx completion_loop_waits_for_equality tx_word
tx poll_without_a_budget tx_word
tx masked_backward_head tx_word
rx unchecked_buffer_id rx_word'
# shellcheck disable=SC2046
"$prove" $(echo "$known" | cut -d' ' -f2) --solver z3 --scripts "$folder" >"$folder/log"
echo "$known" | while read -r target name word; do
  grep -q "hni fuzz replay $target .*/$name.script" "$folder/log"
  "$@" replay "$target" "$folder/$name.script" >"$folder/$name.log"
  grep -q "^$word value=" "$folder/$name.log"
  grep -q "^poll_$target " "$folder/$name.log"
  grep -qx 'no finding' "$folder/$name.log"
  echo "$name: $(wc -l <"$folder/$name.script") operations, no finding on the real driver"
done
