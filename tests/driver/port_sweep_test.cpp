// SPDX-License-Identifier: Apache-2.0
// Surprise removal at the n-th access, or failure of the n-th host allocation, for every n of a
// full lifecycle: attach, start, traffic, stop, detach. Each time the port reports a named error
// without crash, leak or hang, and a new attach succeeds.

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/driver/port_conservation.hpp"
#include "tests/support/two_ports.hpp"

namespace {

/// Counts down to the nothrow allocation that fails; negative disables the failure.
std::int64_t allocations_left = -1;

bool allocation_fails() {
  if (allocations_left < 0) return false;
  return allocations_left-- == 0;
}

}  // namespace

// The core uses nothrow new only.
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  return allocation_fails() ? nullptr : std::malloc(n);
}
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
  return allocation_fails() ? nullptr : std::malloc(n);
}
void* operator new(std::size_t n) {
  if (void* p = std::malloc(n == 0 ? 1 : n)) return p;
  std::abort();
}
void* operator new[](std::size_t n) {
  return ::operator new(n);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}

namespace hni::test {
namespace {

/// A card that returns all ones from its n-th access on, and a host whose n-th DMA allocation
/// fails.
class FailingIo : public PlainIo {
 public:
  using PlainIo::PlainIo;
  std::uint32_t read32(Site site, RegAddr reg) {
    return removed() ? ~0U : PlainIo::read32(site, reg);
  }
  void write32(RegAddr reg, std::uint32_t value) {
    if (!removed()) PlainIo::write32(reg, value);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    if (allocation_fails()) return std::nullopt;
    return PlainIo::dma_alloc(bytes);
  }

  std::int64_t accesses = 0;
  std::int64_t removed_at = -1;

 private:
  bool removed() {
    const std::int64_t n = accesses++;
    return removed_at >= 0 && n >= removed_at;
  }
};

using World = TwoPortsOver<FailingIo>;

PortConfig small_config() {
  PortConfig config;
  config.queues = 2;
  config.queue = {.tx_ring = 64, .rx_ring = 64, .header_ring = 64, .payload_ring = 64};
  config.spare_fragments = 64;
  return config;
}

/// Attaches, starts, sends up to twenty frames each way, stops and detaches. Bounded in virtual
/// time whatever fails.
void live(World& world) {
  (void)world.up(small_config(), 8s);
  for (std::uint32_t i = 0; i < 20; ++i) {
    for (unsigned side = 0; side < 2; ++side) {
      auto& port = *world.ports[side];
      if (port.state() == PortState::kDetached) continue;
      Packet packet;
      const auto frame =
          make_frame(100 + 400 * i, i, side == 0 ? kMacB : kMacA, side == 0 ? kMacA : kMacB);
      if (fill(port, packet, frame) &&
          port.tx_burst(QueueId{0}, std::span(&packet, 1), world.now) == 0)
        port.release(packet);
    }
    world.advance();
    for (auto& port : world.ports) {
      for (std::uint16_t q = 0; q < 2; ++q) {
        std::array<Packet, 8> got;
        const std::uint32_t n = port->rx_burst(QueueId{q}, got, world.now);
        for (std::uint32_t k = 0; k < n; ++k) port->release(got[k]);
      }
    }
  }
  for (auto& port : world.ports) port->stop(world.now);
  world.run_until([&] { return false; }, 2ms);
  for (auto& port : world.ports) port->detach(world.now);
}

bool both_detached(const World& world) {
  return world.ports[0]->state() == PortState::kDetached &&
         world.ports[1]->state() == PortState::kDetached;
}

void expect_clean_end(World& world, std::int64_t n) {
  for (auto& port : world.ports) port->detach(world.now);
  ASSERT_TRUE(world.run_until(
      [&] {
        for (auto& port : world.ports) {
          if (port->state() == PortState::kGone) port->detach(world.now);
        }
        return both_detached(world);
      },
      60s))
      << "n = " << n << ": " << to_string(world.ports[0]->state()) << ", "
      << to_string(world.ports[1]->state());
  EXPECT_EQ(world.cards[0]->dma.mappings(), 0U) << "n = " << n;
  EXPECT_EQ(world.cards[1]->dma.mappings(), 0U) << "n = " << n;
}

void expect_fresh_attach_works(World& world, std::int64_t n) {
  for (auto& io : world.ios) io->removed_at = -1;
  allocations_left = -1;
  ASSERT_TRUE(world.up(small_config()))
      << "n = " << n << ": " << to_string(world.ports[0]->state()) << ": "
      << world.ports[0]->error().text();
  world.ports[0]->detach(world.now);
  world.ports[1]->detach(world.now);
  expect_clean_end(world, n);
}

TEST(PortSweep, SurpriseRemovalAtEveryAccessIsHandled) {
  std::int64_t accesses = 0;
  {
    World world;
    live(world);
    expect_clean_end(world, -1);
    accesses = world.ios[0]->accesses;
  }
  ASSERT_GT(accesses, 1000);
  for (std::int64_t n = 0; n < accesses; ++n) {
    World world;
    world.ios[0]->removed_at = n;
    live(world);
    expect_clean_end(world, n);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
    // A removal after the last read cannot be detected.
    if (world.ports[0]->device().gone()) {
      EXPECT_EQ(world.ports[0]->error().code, ErrorCode::kCardGone) << "n = " << n;
    } else {
      EXPECT_GE(n, accesses - 100);
    }
    if (n % 50 == 0) expect_fresh_attach_works(world, n);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST(PortSweep, FailureOfEveryAllocationIsHandled) {
  for (std::int64_t n = 0;; ++n) {
    World world;
    allocations_left = n;
    const auto result = world.ports[0]->attach(TwoPorts::config_for(0, small_config()), world.now);
    const bool reached = allocations_left < 0;
    allocations_left = -1;
    if (!reached) {
      EXPECT_TRUE(result);
      EXPECT_GT(n, 10);
      break;
    }
    ASSERT_FALSE(result) << "n = " << n;
    EXPECT_EQ(result.error().code, ErrorCode::kNoMemory) << "n = " << n;
    EXPECT_EQ(world.ports[0]->state(), PortState::kDetached);
    EXPECT_EQ(world.cards[0]->dma.mappings(), 0U) << "n = " << n;
    expect_fresh_attach_works(world, n);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

}  // namespace
}  // namespace hni::test
