#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# manual_check.sh HNI SHARE: checks that every object has a manual page that groff formats without a warning, and that
# the bash completion offers the words that the command accepts.
set -u
hni=$1 share=$2
fail() { echo "FAILED: $*"; exit 1; }
objects=$("$hni" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
for page in hni $(for object in $objects; do echo "hni-$object"; done); do
  [ -s "$share/man/man1/$page.1" ] || fail "no page $page(1)"
  if command -v groff >/dev/null; then
    said=$(groff -man -ww -Tutf8 "$share/man/man1/$page.1" 2>&1 >/dev/null)
    [ -z "$said" ] || fail "$page(1): $said"
  fi
done
# shellcheck disable=SC1091
. "$share/bash-completion/completions/hni" || fail "the completion is no bash"
# offers WORDS...: completes the last word and checks the suggestions
offers() {
  COMP_WORDS=(hni "${@:2}") COMP_CWORD=$(($# - 1))
  _hni
  [[ " ${COMPREPLY[*]} " == *" $1 "* ]] || fail "'hni ${*:2}' is completed to '${COMPREPLY[*]}', without '$1'"
}
offers run ''
offers prove pro
offers stats port st
offers --queues run --qu
offers --json port stats --js
if command -v zsh >/dev/null; then zsh -n "$share/zsh/site-functions/_hni" || fail "the completion is no zsh"; fi
