# SPDX-License-Identifier: Apache-2.0
# The packages that the scripts ./run, ./test and .ci/run need on Debian 12; sourced by them.

packages_build="g++ cmake ninja-build ccache mold libcli11-dev libfmt-dev nlohmann-json3-dev
  libpcap-dev libexpected-dev libseccomp-dev libcap-ng-dev systemtap-sdt-dev libgtest-dev libgmock-dev libbenchmark-dev"
packages_run="iproute2 iputils-ping iperf3 jq procps"
packages_trace="bpftrace"
packages_prove="libz3-dev cvc5 cadical"
packages_test="tcpdump z3 spin gcc python3 valgrind patch gdb"
# The oldest clang from 14 on that the distribution has.
clang=14
# shellcheck disable=SC1091
case $(. /etc/os-release 2>/dev/null && echo "$ID-${VERSION_ID:-}") in
  debian-13 | debian-) clang=19 ;; # testing has no number
  ubuntu-24.04) clang=18 ;;
esac
packages_fuzz="python3 clang-$clang libclang-rt-$clang-dev llvm-$clang afl++ zip unzip patch rsync"
packages_linux="mmdebstrap make gcc flex bison bc busybox-static ethtool iproute2 iperf3"
packages_ci="clang-19 libclang-rt-19-dev clang-format-14 cppcheck doxygen git time graphviz mmdebstrap dpkg-dev"

# need PACKAGE...: installs the missing packages and lists them
need() {
  if ! command -v dpkg-query >/dev/null; then
    commands=
    for command in g++ cmake ninja; do
      command -v $command >/dev/null || commands="$commands $command"
    done
    echo "this is no Debian: what is needed here, by Debian's names: $(echo "$@" | tr -s ' \n' ' ')"
    [ -n "$commands" ] || return 0
    echo "missing commands:$commands: install them first" >&2
    return 1
  fi
  missing=
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "missing Debian packages:$missing"
  if [ "$(id -u)" != 0 ]; then
    echo "install them as root: apt-get install$missing" >&2
    return 1
  fi
  echo "installing them"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # shellcheck disable=SC2086
  if ! { apt-get -q update && apt-get -q -y install --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -5 "$log"
    rm -f "$log"
    echo "apt-get could not install them: the lines above say why" >&2
    return 1
  fi
  rm -f "$log"
  echo "installed"
}

# build PRESET [TARGET...]: configures and builds with as many jobs as there are processors
build() {
  preset=$1
  shift
  echo "building: $preset${*:+ ($*)}"
  cmake --preset "$preset" >"build-$preset.log" 2>&1 || {
    cat "build-$preset.log"
    rm -f "build-$preset.log"
    return 1
  }
  rm -f "build-$preset.log"
  if [ $# -gt 0 ]; then
    cmake --build "build/$preset" -j "$(nproc)" --target "$@"
  else
    cmake --build "build/$preset" -j "$(nproc)"
  fi
}
