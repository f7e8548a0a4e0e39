#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing of the named package sets, and says what. Sourced by ./run, ./test and .ci/run:
#   source tools/setup/packages.sh; install_missing build test
# Works as root without sudo; does nothing, quickly, when all is there.

declare -A HNI_PACKAGES=(
  [build]="g++ cmake ninja-build ccache mold pkg-config libfmt-dev libcli11-dev nlohmann-json3-dev libexpected-dev
           libpcap-dev systemtap-sdt-dev libz3-dev"
  [test]="libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev z3 cvc5 spin gcc iproute2 iputils-ping iperf3
          ethtool valgrind python3"
  [fuzz]="clang-14 libclang-rt-14-dev llvm-14 lld"
  [ci]="clang-19 libclang-rt-19-dev clang-format-14 clang-format shellcheck"
)

install_missing() {
  local set name missing=()
  for set in "$@"; do
    for name in ${HNI_PACKAGES[$set]}; do
      dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -q '^installed$' || missing+=("$name")
    done
  done
  ((${#missing[@]} == 0)) && return 0
  echo "== installing from Debian: ${missing[*]}"
  if ((EUID != 0)); then
    echo "error: these packages are missing and only root can install them: apt-get install ${missing[*]}" >&2
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
