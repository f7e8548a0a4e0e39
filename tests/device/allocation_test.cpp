// SPDX-License-Identifier: Apache-2.0
// The card allocates only in its constructor. This program counts every allocation.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/device/device_fixture.hpp"

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t bytes, std::size_t align) {
  ++allocations;
  void* out = align > alignof(std::max_align_t)
                  ? std::aligned_alloc(align, (bytes + align - 1) / align * align)
                  : std::malloc(bytes);
  if (out == nullptr) std::abort();
  return out;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes, 0);
}
void* operator new(std::size_t bytes, std::align_val_t align) {
  return counted(bytes, static_cast<std::size_t>(align));
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace hni::device {
namespace {

/// A wire that discards every frame.
class NullWire final : public Wire {
 public:
  bool transmit(std::span<const std::byte>, std::uint64_t) override { return accept; }
  void set_pause(bool) override {}
  bool peer_pause() const override { return false; }
  bool link() const override { return true; }
  unsigned poll(FrameSink&, std::uint64_t, unsigned) override { return 0; }
  bool accept = true;
};

class NullSink final : public InterruptSink {
 public:
  void msix(std::uint16_t) override {}
};

TEST(DeviceAllocation, TrafficRegistersResetAndHeldFramesAllocateNothing) {
  DmaMemory dma;
  TestMemory memory(dma);
  NullSink sink;
  NullWire wire;
  Card card(CardConfig{}, dma, sink, wire);
  const Bytes frame = plain_frame(1500);
  const std::uint64_t ring = memory.alloc(64 * 8);
  const std::uint64_t tcq = memory.alloc(64 * 8);
  const std::uint64_t data = memory.alloc(65536);
  const std::uint64_t meta = TestTx::meta().raw;
  const std::uint64_t lso = TestTx::meta()
                                .set_REQ_LSO(1)
                                .set_L4_TYPE(2)
                                .set_L4_HLEN(2)
                                .set_L2_HLEN(7)
                                .set_L3_IHLEN(10)
                                .set_MSS(700)
                                .raw;
  const std::uint64_t al = spec::TWD_AL{}.set_ADDR(data).set_LEN(9000).set_TYPE(3).raw;

  const std::size_t before = allocations;
  for (const unsigned round : {0u, 1u}) {
    card.write(spec::PUL_OB_TLP_HDR_AW_CFG::at(), 1u << 18);
    card.write(spec::PUL_OB_TLP_HDR_AR_CFG::at(), 1u << 18);
    card.write(spec::SIG_MAC_IN0::at(), 0);
    card.write(spec::MAC_COMMAND_CONFIG::at(), 0x813);
    card.write(spec::RPC_ACT_TBL0_DEFAULT::at(), 1u << 1 | 1u << 4 | 4u << 16);
    card.write(spec::RPC_RMI_CONFIG::at(), 0x260e1014);
    card.write(spec::RXB_PBUF_CFG::at(4), 0x00180000);
    for (const auto& [ctl, bal, bah, size, iova] :
         {std::tuple{spec::QUEUE_TWQ0_CTL::at(0), spec::QUEUE_TWQ0_BAL::at(0),
                     spec::QUEUE_TWQ0_BAH::at(0), spec::QUEUE_TWQ0_SIZE::at(0), ring},
          std::tuple{spec::QUEUE_TCQ_CTL::at(0), spec::QUEUE_TCQ_BAL::at(0),
                     spec::QUEUE_TCQ_BAH::at(0), spec::QUEUE_TCQ_SIZE::at(0), tcq}}) {
      card.write(ctl, 1);
      card.write(bal, static_cast<std::uint32_t>(iova));
      card.write(bah, static_cast<std::uint32_t>(iova >> 32));
      card.write(size, 6);
      card.write(ctl, 2);
    }
    card.write(spec::QUEUE_BDQ_CTL::at(0), 0x40000002);
    card.write(spec::QUEUE_RDE_CTL0::at(0), 0x4c0a0000);
    card.write(spec::QUEUE_RDE_CTL1::at(0), 1536u << 12);
    card.write(spec::QUEUE_RCQ_CTL::at(0), 2);
    memory.set_word(ring, meta);
    memory.set_word(ring + 8, al);
    memory.set_word(ring + 16, lso);
    memory.set_word(ring + 24, al);
    card.write(spec::QUEUE_TWQ0_TAIL::at(0), 4);
    wire.accept = false;
    card.run(100);
    wire.accept = true;
    while (card.run(100)) {
    }
    for (unsigned i = 0; i < 400; ++i) card.receive(frame, i);
    card.tick(1'000'000 * (round + 1));
    card.reset(ResetKind::kFunctionLevel);
  }
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace hni::device
