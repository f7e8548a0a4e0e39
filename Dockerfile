# SPDX-License-Identifier: Apache-2.0
# openhni with everything that ./run, ./test and the Linux rig need, QEMU with vfio-user included.
#     docker build -t openhni . && docker run --privileged -it openhni
# Never built with a container engine; only its syntax was checked.
FROM debian:13
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git \
  && sed -i 's/^Suites: trixie trixie-updates$/& trixie-backports/' /etc/apt/sources.list.d/debian.sources \
  && apt-get update && apt-get install -y --no-install-recommends -t trixie-backports qemu-system-x86 \
  && apt-get install -y --no-install-recommends g++ clang cmake ninja-build ccache mold libcli11-dev libfmt-dev \
    nlohmann-json3-dev libpcap-dev libexpected-dev systemtap-sdt-dev libgtest-dev libgmock-dev libbenchmark-dev \
    libz3-dev z3 cvc5 iproute2 iputils-ping iperf3 jq procps bpftrace python3 \
  && rm -rf /var/lib/apt/lists/*
COPY . /openhni
RUN cd /openhni && cmake --preset release -DHNI_TESTS=OFF -DHNI_BENCH=OFF && cmake --build build/release \
  && cmake --install build/release --prefix /usr/local && rm -rf build
CMD ["bash"]
