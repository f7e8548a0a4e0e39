// SPDX-License-Identifier: Apache-2.0
// A driver and a card without shared memory: each access of the card is a request message.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "device/wire/cable.hpp"
#include "driver/io/in_process_card.hpp"
#include "driver/io/pass_through.hpp"
#include "driver/port.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;

/// The host's memory and the responder for it.
class Host final : public device::RemoteMemory {
 public:
  bool fetch(std::uint64_t iova, std::span<std::byte> into) override {
    ++fetches;
    std::byte* const at = locate(iova, into.size());
    if (at != nullptr) std::memcpy(into.data(), at, into.size());
    return at != nullptr;
  }
  bool store(std::uint64_t iova, std::span<const std::byte> from) override {
    ++stores;
    std::byte* const at = locate(iova, from.size());
    if (at != nullptr) std::memcpy(at, from.data(), from.size());
    return at != nullptr;
  }
  std::byte* locate(std::uint64_t iova, std::size_t bytes) const {
    for (const DmaSpan& span : spans) {
      if (iova >= raw(span.iova) && iova - raw(span.iova) + bytes <= span.bytes)
        return span.cpu + (iova - raw(span.iova));
    }
    return nullptr;
  }

  std::vector<DmaSpan> spans;
  std::uint64_t fetches = 0;
  std::uint64_t stores = 0;
};

/// Memory that the driver allocates is not directly accessible to the card.
class RemoteIo : public io::PassThrough<io::InProcess> {
 public:
  RemoteIo(io::InProcess& inner, device::DmaMemory& dma, Host& host)
      : PassThrough(inner), dma_(&dma), host_(&host) {}
  /// Once an access is answered, all earlier writes of the card are visible to the host.
  std::uint32_t read32(Site site, RegAddr reg) {
    const std::uint32_t value = PassThrough::read32(site, reg);
    dma_->flush();
    return value;
  }
  void write32(RegAddr reg, std::uint32_t value) {
    PassThrough::write32(reg, value);
    dma_->flush();
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    auto span = PassThrough::dma_alloc(bytes);
    if (!span || !dma_->unmap(raw(span->iova), span->bytes) ||
        !dma_->map_remote(raw(span->iova), span->bytes, true)) {
      return std::nullopt;
    }
    host_->spans.push_back(*span);
    return span;
  }

 private:
  device::DmaMemory* dma_;
  Host* host_;
};

class RemoteMemoryTest : public testing::Test {
 protected:
  RemoteMemoryTest() : card_({}, wire_), io_(card_.io, card_.dma, host_), port_(io_) {
    card_.dma.set_remote(host_);
  }
  template <class Done>
  bool turn_until(Done&& done) {
    for (int turn = 0; turn < 100'000; ++turn) {
      const auto at = static_cast<std::uint64_t>(now_.count());
      card_.card.tick(at);
      while (card_.card.run(64)) {
      }
      (void)wire_.poll(card_.card, at, 64);
      card_.dma.flush();
      card_.vectors.take([&](Vector v) { port_.interrupt(v, now_); });
      if (now_ >= port_.deadline()) port_.step(now_);
      if (done()) return true;
      now_ += 100us;
    }
    return false;
  }

  device::Loopback wire_;
  Host host_;
  io::InProcessCard card_;
  RemoteIo io_;
  Port<RemoteIo> port_;
  Time now_{1s};
};

TEST_F(RemoteMemoryTest, FramesOfAllLengthsComeBackByteForByte) {
  PortConfig config;
  config.mac = {2, 0, 0, 0, 0, 1};
  config.queue = {.tx_ring = 64, .rx_ring = 64, .header_ring = 64, .payload_ring = 64};
  ASSERT_TRUE(port_.attach(config, now_));
  port_.start(now_);
  ASSERT_TRUE(turn_until([&] { return port_.link_up(); }));
  (void)port_.filter().set_promiscuous(true);
  std::uint32_t back = 0;
  for (std::uint32_t bytes = 60; bytes < 9700; bytes += 137) {
    Packet packet;
    ASSERT_TRUE(port_.allocate(packet, bytes));
    std::uint32_t at = 0;
    for (std::uint32_t s = 0; s < packet.segment_count; ++s) {
      for (std::uint32_t i = 0; i < packet.segments[s].length; ++i, ++at)
        port_.data(packet.segments[s])[i] =
            at < 12 ? std::byte{2} : static_cast<std::byte>(at * 7 + bytes);
    }
    ASSERT_EQ(1u, port_.tx_burst(QueueId{0}, std::span(&packet, 1), now_));
    Packet got;
    ASSERT_TRUE(
        turn_until([&] { return port_.rx_burst(QueueId{0}, std::span(&got, 1), now_) == 1; }));
    ASSERT_EQ(bytes, got.length);
    at = 0;
    std::uint32_t wrong = 0;
    for (std::uint32_t s = 0; s < got.segment_count; ++s) {
      for (std::uint32_t i = 0; i < got.segments[s].length; ++i, ++at) {
        const auto wanted = at < 12 ? std::byte{2} : static_cast<std::byte>(at * 7 + bytes);
        wrong += port_.data(got.segments[s])[i] == wanted ? 0U : 1U;
      }
    }
    EXPECT_EQ(0u, wrong) << bytes;
    port_.release(got);
    ++back;
  }
  EXPECT_EQ(71u, back);
  EXPECT_EQ(0u, card_.dma.refused());
  EXPECT_LT(0u, host_.stores);
  port_.detach(now_);
  EXPECT_TRUE(turn_until([&] { return port_.state() == PortState::kDetached; }));
  for (const SiteInfo& site : kSites)
    EXPECT_EQ(0u, port_.refused()[static_cast<std::size_t>(site.id)]) << site.name;
}

}  // namespace
}  // namespace hni
