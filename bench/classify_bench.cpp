// SPDX-License-Identifier: Apache-2.0
// Parser, classifier and Toeplitz hash of the emulated card, with the rules that the Linux driver
// installs. The requirement: more than a million small frames per second on one core.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "device/classifier.hpp"
#include "device/parser.hpp"
#include "openhni/spec/registers.hpp"
#include "tests/support/frame_builder.hpp"

namespace {

using namespace hni;
using device::Classifier;
using test::FrameBuilder;

void put(Classifier& classifier, spec::RegAddr at, std::uint32_t value) {
  classifier.changed(at.byte_offset, value);
}

void open_like_linux(Classifier& c) {
  for (std::uint32_t i = 0; i < 256; ++i) put(c, spec::RPC_RSS_TBL::at(0, i), i % 8);
  for (std::uint32_t i = 0; i < 14; ++i) put(c, spec::RPC_RSS_KEY::at(i), 0x6d5a56da * (i + 1));
  put(c, spec::RPC_ACT_TBL0_DEFAULT::at(), 1);
  put(c, spec::RPC_RMI_CONFIG::at(), 0x260e1014);
  constexpr std::array<std::uint32_t, 7> kFlags{0xdc00, 0xd400, 0x9c00, 0x9400,
                                                0x1c00, 0x1400, 0x0400};
  constexpr std::array<std::uint32_t, 7> kFields{3, 3, 15, 15, 3, 3, 16};
  for (std::uint32_t i = 0; i < kFlags.size(); ++i) {
    const std::uint32_t n = 57 + i;
    put(c, spec::RPC_ACT_TBL0::at(n), 4u << 16 | 2u);
    put(c, spec::RPC_ACT_TBL1::at(n), kFields[i]);
    for (std::uint32_t w = 0; w < 11; ++w) put(c, spec::RPC_TCAM_ACT::at(w, n), 0xffff0000);
    put(c, spec::RPC_TCAM_ACT::at(1, n), (~kFlags[i] & 0xffff) << 16 | kFlags[i]);
    put(c, spec::RPC_TCAM_ACT::at(11, n), 1u << 31);
  }
  put(c, spec::RPC_TCAM_MACDA::at(2, 30), 0x0200);  // 02:00:00:00:00:01
  put(c, spec::RPC_TCAM_MACDA::at(1, 30), 0);
  put(c, spec::RPC_TCAM_MACDA::at(0, 30), 1);
  put(c, spec::RPC_TCAM_MACDA::at(3, 30), 1u << 31);
}

void classify(benchmark::State& state, FrameBuilder::Bytes frame) {
  Classifier classifier;
  open_like_linux(classifier);
  std::uint32_t flow = 0;
  for (auto _ : state) {
    frame[35] = static_cast<std::byte>(++flow & 0xff);  // a different flow per iteration
    device::Decision decision = classifier.classify(device::parse_frame(frame));
    benchmark::DoNotOptimize(decision.queue);  // of a constant it is deprecated since 1.8
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(frame.size()));
}

void udp4_60(benchmark::State& state) {
  classify(state, FrameBuilder{}
                      .ethernet(0x0800)
                      .ipv4(17, test::kV4A, test::kV4B)
                      .udp(1000, 2000)
                      .payload(18)
                      .finish());
}
void tcp6_ack(benchmark::State& state) {
  classify(state, FrameBuilder{}
                      .ethernet(0x86dd)
                      .ipv6(6, test::kV6A, test::kV6B)
                      .tcp(1000, 2000, 12)
                      .finish());
}
void tcp4_1514(benchmark::State& state) {
  classify(state, FrameBuilder{}
                      .ethernet(0x0800)
                      .ipv4(6, test::kV4A, test::kV4B)
                      .tcp(1000, 2000, 12)
                      .payload(1448)
                      .finish());
}
void tcp4_9014(benchmark::State& state) {
  classify(state, FrameBuilder{}
                      .ethernet(0x0800)
                      .ipv4(6, test::kV4A, test::kV4B)
                      .tcp(1000, 2000, 12)
                      .payload(8948)
                      .finish());
}

BENCHMARK(udp4_60);
BENCHMARK(tcp6_ack);
BENCHMARK(tcp4_1514);
BENCHMARK(tcp4_9014);

}  // namespace

BENCHMARK_MAIN();
