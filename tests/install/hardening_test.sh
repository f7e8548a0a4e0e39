#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks the hardening of installed programs: position independent, no writable code, relocations read-only
# at once, stack protector, fortified calls, checked indexes, and compiled for CET.
#     hardening_test.sh PROGRAM...
set -u
bad=0
check() { # WHAT COMMAND...
  what=$1
  shift
  "$@" >/dev/null 2>&1 || {
    echo "failed: $program: $what"
    bad=1
  }
}
has() { printf '%s\n' "$2" | grep -qE "$1"; }
for program in "$@"; do
  headers=$(readelf -hlW "$program")
  dynamic=$(readelf -dW "$program")
  symbols=$(readelf --dyn-syms -W "$program")
  check 'a position-independent executable' has 'Type: +DYN' "$headers"
  check 'a stack that is not executable' has 'GNU_STACK .* RW ' "$headers"
  check 'no segment is writable and executable' sh -c "! readelf -lW '$program' | grep -qE 'LOAD .* RWE '"
  check 'relocations are read-only' has 'GNU_RELRO' "$headers"
  check 'at once' has 'BIND_NOW|FLAGS_1.*NOW' "$dynamic"
  check 'stack protector' has '__stack_chk_fail' "$symbols"
  case $program in
  *-device)  # Only this program formats into buffers; the others make no call that could be fortified.
    check 'fortified calls' has '__[a-z]+_chk(@|$)' "$(printf '%s\n' "$symbols" | grep -v stack_chk)"
    ;;
  esac
  check 'checked indexes' has '__glibcxx_assert_fail|_GLIBCXX_ASSERTIONS' "$symbols"
  if has 'X86-64' "$headers"; then
    # Debian's start files lack the CET marker, so the linker drops it from every program; only the landing pads can
    # be checked.
    check 'CET' has 'endbr64' "$(objdump -d --no-show-raw-insn --disassemble=main "$program")"
  fi
done
exit $bad
