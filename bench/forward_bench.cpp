// SPDX-License-Identifier: Apache-2.0
// Measures the driver's cost to receive a packet and send it again, in bursts of 32, with all
// checks of device input. Google Benchmark measures time; bench/instructions.sh runs this program
// with --count N under callgrind and counts the instructions of forward_burst().

#include <benchmark/benchmark.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "bench/scripted_card.hpp"
#include "driver/core/observer.hpp"
#ifdef HNI_HAS_TRACE
#include "trace/usdt_observer.hpp"
#endif

namespace hni::bench {
namespace {

constexpr std::uint32_t kBurst = 32;
constexpr std::uint32_t kFrameBytes = 64;
#ifdef HNI_HAS_TRACE
using BenchObserver = trace::UsdtObserver;  // probes compiled in, no tracer attached
#else
using BenchObserver = NullObserver;
#endif
using Pair = QueuePair<MemoryIo, BenchObserver>;

struct Rig {
  MemoryIo io;
  BenchObserver observer;
  CheckedIo<MemoryIo, BenchObserver> device{io, observer};
  FragmentPool pool;
  Pair pair{device, pool};

  Rig() {
    const auto memory = io.dma_alloc(std::size_t{4096} * kFragmentBytes);
    if (!memory || !pool.init(*memory, 0) || !pair.allocate(QueueId{0}, Vector{2}, {}))
      std::abort();
    pair.enable();
    pair.fill();
  }
};

/// The measured function: reap transmit completions, receive a burst, send it.
[[gnu::noinline]] std::uint32_t forward_burst(Pair& pair, std::span<Packet> packets) {
  (void)pair.tx.poll(kBurst);
  const std::uint32_t n = pair.rx.poll(packets);
  return pair.tx.burst(packets.first(n));
}

/// What callgrind counts: forward_burst() and all that it calls. A function of its own without
/// rare parts: the compiler may move those of forward_burst() into a second function of the same
/// name, and each entry of a function with that name would switch the count.
[[gnu::noinline]] std::uint32_t counted(Pair& pair, std::span<Packet> packets) {
  const std::uint32_t n = forward_burst(pair, packets);
  asm volatile("" ::: "memory");  // no tail call, which would end the count
  return n;
}

std::uint64_t forward(Rig& rig, ScriptedCard<Pair>& card, std::uint64_t bursts,
                      std::uint32_t burst = kBurst) {
  std::array<Packet, kBurst> packets;
  std::uint64_t sent = 0;
  for (std::uint64_t i = 0; i < bursts; ++i) {
    card.receive(burst);
    sent += counted(rig.pair, packets);
    card.transmit();
  }
  return sent;
}

void forward_64_bytes(benchmark::State& state) {
  Rig rig;
  ScriptedCard<Pair> card(rig.io, rig.pair, kFrameBytes);
  std::uint64_t packets = 0;
  for (auto _ : state) packets += forward(rig, card, 1);
  state.SetItemsProcessed(static_cast<std::int64_t>(packets));
}
BENCHMARK(forward_64_bytes);

/// --count N [BYTES [BURST]]: forwards N bursts and does nothing else, for callgrind.
int count(std::uint64_t bursts, std::uint32_t frame_bytes, std::uint32_t burst) {
  if (frame_bytes == 0 || frame_bytes > 1500 || burst == 0 || burst > kBurst) {
    std::fprintf(stderr,
                 "forward_bench: frames of %u bytes in bursts of %u: use 1 to 1500 and 1 to %u\n",
                 frame_bytes, burst, kBurst);
    return 2;
  }
  Rig rig;
  ScriptedCard<Pair> card(rig.io, rig.pair, frame_bytes);
  const std::uint64_t sent = forward(rig, card, bursts, burst);
  if (sent != bursts * burst) {
    std::fprintf(stderr, "forward_bench: sent %llu of %llu packets\n",
                 static_cast<unsigned long long>(sent),
                 static_cast<unsigned long long>(bursts * burst));
    return 1;
  }
  std::printf("packets %llu\n", static_cast<unsigned long long>(sent));
  return 0;
}

}  // namespace
}  // namespace hni::bench

int main(int argc, char** argv) {
  if (argc >= 3 && argc <= 5 && std::strcmp(argv[1], "--count") == 0) {
    const auto number = [&](int i, unsigned long fallback) {
      return static_cast<std::uint32_t>(argc > i ? std::strtoul(argv[i], nullptr, 10) : fallback);
    };
    return hni::bench::count(std::strtoull(argv[2], nullptr, 10),
                             number(3, hni::bench::kFrameBytes), number(4, hni::bench::kBurst));
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
