// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One driver with the fault injector on the emulated card, in virtual time, and a link partner
/// that records received frames and sends numbered frames.

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "device/firmware.hpp"
#include "device/link.hpp"
#include "driver/io/in_process_card.hpp"
#include "driver/port.hpp"
#include "fuzz/fault/fault_injector.hpp"
#include "fuzz/oracles/conservation.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/event_observer.hpp"

namespace hni::fuzz {

using namespace std::chrono_literals;

/// A frame whose content depends on its number only: addresses, a local Ethertype, the number,
/// then bytes from a generator.
class NumberedFrames {
 public:
  static constexpr std::size_t kShortest = 60;
  static constexpr MacAddress kHost{0x02, 0, 0, 0, 0, 0x0a};
  static constexpr MacAddress kPeer{0x02, 0, 0, 0, 0, 0x0b};

  /// Returns the bytes of frame `number`, made of its low bits.
  static std::span<const std::byte> make(std::uint32_t number, std::size_t bytes, bool to_host,
                                         std::vector<std::byte>& into) {
    into.resize(bytes);
    std::memcpy(into.data(), (to_host ? kHost : kPeer).data(), 6);
    std::memcpy(into.data() + 6, (to_host ? kPeer : kHost).data(), 6);
    into[12] = std::byte{0x88};
    into[13] = std::byte{0xb5};
    for (unsigned i = 0; i < 4; ++i)
      into[14 + i] = static_cast<std::byte>(number >> (8 * i) & 0xff);
    std::uint32_t x = number * 2654435761U + 1;
    for (std::size_t i = 18; i < bytes; ++i) {
      x = x * 1664525U + 1013904223U;
      into[i] = static_cast<std::byte>(x >> 24);
    }
    return into;
  }
  /// Returns the number of the frame if it equals a generated one byte for byte.
  static std::optional<std::uint32_t> number_of(std::span<const std::byte> frame, bool to_host,
                                                std::vector<std::byte>& scratch) {
    if (frame.size() < 18) return std::nullopt;
    std::uint32_t number = 0;
    for (unsigned i = 0; i < 4; ++i)
      number |= std::to_integer<std::uint32_t>(frame[14 + i]) << 8 * i;
    (void)make(number, frame.size(), to_host, scratch);
    if (std::memcmp(frame.data(), scratch.data(), frame.size()) != 0) return std::nullopt;
    return number;
  }
};

/// The link partner. Frames of the card are checked immediately; frames for the card are queued
/// here.
class PeerWire final : public device::Wire {
 public:
  bool transmit(std::span<const std::byte> frame, std::uint64_t) override {
    if (!takes) return false;
    ++sent;
    const auto number = NumberedFrames::number_of(frame, false, scratch_);
    if (!number || *number < next_number) {
      ++wrong;
    } else {
      next_number = *number + 1;
    }
    return true;
  }
  void set_pause(bool on) override { paused_ = on; }
  bool peer_pause() const override { return pausing; }
  bool link() const override { return plugged; }
  unsigned poll(device::FrameSink& sink, std::uint64_t now_ns, unsigned budget) override {
    unsigned n = 0;
    for (; n < budget && !waiting.empty() && !paused_; ++n) {
      const auto [number, bytes] = waiting.front();
      waiting.pop_front();
      sink.receive(NumberedFrames::make(number, bytes, true, scratch_), now_ns);
    }
    return n;
  }

  struct Waiting {
    std::uint32_t number;
    std::uint32_t bytes;
  };
  std::deque<Waiting> waiting;
  bool takes = true;
  bool pausing = false;
  bool plugged = true;
  std::uint64_t sent = 0;
  std::uint64_t wrong = 0;  ///< frames that the application did not send, or out of order
  std::uint32_t next_number = 0;

 private:
  bool paused_ = false;
  std::vector<std::byte> scratch_;
};

/// An observer that requests every detail, as a tracer does, or none.
struct Watcher : EventObserver {
  bool wants_receive_details() const { return listens; }
  bool wants_completions() const { return listens; }
  bool wants_sent_packets() const { return listens; }
  bool listens = true;
};

class SimPort {
 public:
  using Io = FaultInjector<io::InProcess>;
  using Obs = Watcher;
  using P = Port<Io, Obs>;
  static constexpr QueueId kQueue{0};

  SimPort() : card(device::CardConfig{}, wire), hostile(card.io), port(hostile, watcher) {}

  static PortConfig usual() {
    PortConfig c;
    c.mac = NumberedFrames::kHost;
    c.queues = 1;
    c.queue = {.tx_ring = 64, .rx_ring = 64, .header_ring = 64, .payload_ring = 64};
    c.spare_fragments = 64;
    return c;
  }

  /// Runs one step and advances the time by `step`.
  void advance(Duration step) {
    card.card.tick(static_cast<std::uint64_t>(now.count()));
    for (int turn = 0; turn < 64 && card.card.run(256); ++turn) {
    }
    hostile.accesses = 0;
    card.vectors.take([&](Vector v) {
      if (!lose_interrupts) port.interrupt(v, now);
    });
    if (now >= port.deadline()) step_port();
    require(hostile.accesses < kMaxAccesses, "steps", "a step of the port does not end",
            hostile.accesses);
    work().events += hostile.accesses;
    now += step;
  }

  /// Advances until `done`, at most `limit` of virtual time; skips to the next deadline.
  template <class Done>
  bool run_until(Done&& done, Duration limit) {
    const Time end = now + limit;
    while (now < end) {
      if (done()) return true;
      const auto next = std::min(static_cast<std::uint64_t>(port.deadline().count()),
                                 card.card.next_deadline_ns());
      const auto at = static_cast<std::uint64_t>(now.count());
      const std::uint64_t jump = next > at ? next - at : 0;
      advance(Duration(std::clamp<std::uint64_t>(jump, 10'000, 50'000'000)));
    }
    return done();
  }

  // ---- The application

  void attach() { (void)port.attach(config, now); }

  /// Sends one numbered frame; true if the port accepted it.
  bool send(std::size_t bytes) {
    const auto frame = NumberedFrames::make(next_sent, bytes, false, scratch_);
    Packet packet;
    if (!port.allocate(packet, static_cast<std::uint32_t>(frame.size()))) return false;
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
      std::memcpy(port.data(packet.segments[i]), frame.data() + at, packet.segments[i].length);
      at += packet.segments[i].length;
    }
    if (port.tx_burst(kQueue, std::span(&packet, 1), now) == 0) {
      port.release(packet);
      return false;
    }
    ++next_sent;
    return true;
  }

  /// Receives up to 8 packets. Each must be a frame that the peer sent, in order, unless receive
  /// faults were injected.
  std::uint32_t receive() {
    if (port.state() == PortState::kDetached) return 0;
    if (port.queues() == 0) return 0;
    const std::uint64_t resets = port.recoveries().queue_resets + starts_;
    if (resets != resets_seen_) {
      resets_seen_ = resets;
      faults_seen_ = hostile.receive_faults;
    }
    std::array<Packet, 8> packets;
    const std::uint32_t n = port.rx_burst(kQueue, packets, now);
    const bool trusted = faults_seen_ == hostile.receive_faults;
    for (std::uint32_t i = 0; i < n; ++i) {
      bytes_.clear();
      for (std::uint32_t s = 0; s < packets[i].segment_count; ++s) {
        const Segment& segment = packets[i].segments[s];
        require(segment.offset + segment.length <= kFragmentBytes, "geometry",
                "a segment outside of its fragment", segment.offset, segment.length);
        const std::byte* data = port.data(segment);
        bytes_.insert(bytes_.end(), data, data + segment.length);
      }
      require(bytes_.size() == packets[i].length, "geometry", "length and segments differ",
              bytes_.size(), packets[i].length);
      const auto number = NumberedFrames::number_of(bytes_, true, scratch_);
      if (trusted && !card_was_reset) {
        require(number.has_value(), "payload", "bytes that were not sent", packets[i].length);
        require(*number >= next_received, "payload", "a packet twice or out of order", *number,
                next_received);
      }
      if (number && *number >= next_received) next_received = *number + 1;
      port.release(packets[i]);
    }
    return n;
  }
  /// The peer sends one frame.
  void inject(std::size_t bytes) {
    if (wire.waiting.size() < 64)
      wire.waiting.push_back({next_injected++, static_cast<std::uint32_t>(bytes)});
  }
  void started() { ++starts_; }

  PortConfig config = usual();
  PeerWire wire;
  io::InProcessCard card;
  Io hostile;
  Obs watcher;
  P port;
  Time now{1s};
  bool lose_interrupts = false;
  bool card_was_reset = false;
  std::uint32_t next_sent = 0;
  std::uint32_t next_injected = 0;
  std::uint32_t next_received = 0;

 private:
  /// Statistics take about 600 register reads, up to three times per snapshot; the rest is link
  /// and setup.
  static constexpr std::uint64_t kMaxAccesses = 20'000;

  /// While DMA is enabled, a queue may be reclaimed only after the card reported it idle. One
  /// queue only, so that its poll is the last one.
  void step_port() {
    const bool waits = waits_for_idle();
    port.step(now);
    if (waits && !waits_for_idle() && may_take_back_idle_only())
      require((hostile.last_idle & 1) != 0, "ownership", "a queue that is not idle is reclaimed",
              hostile.last_idle);
  }
  bool waits_for_idle() {
    return port.queues() == 1 && may_take_back_idle_only() &&
           std::as_const(port).pair(kQueue).state() == PairState::kQuiescing;
  }
  bool may_take_back_idle_only() const {
    const PortState s = port.state();
    return s == PortState::kRunning || s == PortState::kStopping || s == PortState::kReady;
  }

  std::uint64_t starts_ = 0;
  std::uint64_t resets_seen_ = 0;
  std::uint64_t faults_seen_ = 0;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> scratch_;
};

}  // namespace hni::fuzz
