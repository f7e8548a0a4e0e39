# SPDX-License-Identifier: Apache-2.0
# What the scripts ./run, ./test and .ci/run need of Debian 12; to be sourced by them.

packages_build="g++ cmake ninja-build ccache mold libcli11-dev libfmt-dev nlohmann-json3-dev
  libpcap-dev libexpected-dev libz3-dev systemtap-sdt-dev"
packages_run="iproute2 iputils-ping iperf3 jq procps cvc5 bpftrace"
packages_test="libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev tcpdump z3 spin gcc python3
  valgrind patch"
packages_fuzz="python3 clang-14 libclang-rt-14-dev llvm-14 zip unzip patch"
packages_linux="mmdebstrap"
packages_ci="clang-19 libclang-rt-19-dev clang-format-14 cppcheck git"

# need PACKAGE...: installs those that are missing, and says which.
need() {
  missing=
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "missing Debian packages:$missing"
  if [ "$(id -u)" != 0 ]; then
    echo "install them as root: apt-get install$missing"
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >/dev/null &&
    # shellcheck disable=SC2086
    apt-get -q -y install --no-install-recommends $missing >/dev/null || {
      echo "apt-get could not install them"
      return 1
    }
  echo "installed"
}

# build PRESET [TARGET...]: configures and builds, with as many jobs as there are processors.
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
