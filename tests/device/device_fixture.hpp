// SPDX-License-Identifier: Apache-2.0
#pragma once
// A card in isolation: a recording wire, a counting interrupt sink, one block of host memory, and
// minimal driver code to run queues by hand. It uses no code of driver/, so that a fault there
// cannot mask one in the card.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "device/card.hpp"
#include "device/dma_memory.hpp"
#include "device/link.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

using Bytes = std::vector<std::byte>;

/// A wire whose peer is the test.
class TestWire final : public Wire {
 public:
  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override {
    if (!accept) {
      ++refused;
      return false;
    }
    sent.emplace_back(frame.begin(), frame.end());
    sent_at.push_back(now_ns);
    return true;
  }
  void set_pause(bool on) override {
    pause = on;
    if (on) ++pauses;
  }
  bool peer_pause() const override { return peer_paused; }
  bool link() const override { return plugged; }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override {
    unsigned count = 0;
    while (count < budget && !waiting.empty() && !pause) {
      sink.receive(waiting.front(), now_ns);
      waiting.pop_front();
      ++count;
    }
    return count;
  }

  std::vector<Bytes> sent;
  std::vector<std::uint64_t> sent_at;
  std::deque<Bytes> waiting;
  bool accept = true;
  bool peer_paused = false;
  bool plugged = true;
  bool pause = false;
  unsigned pauses = 0;
  unsigned refused = 0;
};

class TestSink final : public InterruptSink {
 public:
  void msix(std::uint16_t vector) override {
    fired.push_back(vector);
    ++count[vector];
  }
  std::vector<std::uint16_t> fired;
  unsigned count[256] = {};
};

/// Host memory, mapped for the card as one region at kFirstIova.
class TestMemory {
 public:
  static constexpr std::uint64_t kFirstIova = 0x1234'0000'0000 & ((1ull << 46) - 1);
  static constexpr std::size_t kBytes = 24u << 20;

  explicit TestMemory(DmaMemory& dma)
      : cpu_(static_cast<std::byte*>(::operator new (kBytes, std::align_val_t{4096}))) {
    std::memset(cpu_, 0, kBytes);
    dma.map({kFirstIova, kBytes, cpu_});
  }
  ~TestMemory() { ::operator delete (cpu_, std::align_val_t{4096}); }
  TestMemory(const TestMemory&) = delete;
  TestMemory& operator=(const TestMemory&) = delete;

  std::uint64_t alloc(std::size_t bytes, std::size_t align = 4096) {
    used_ = (used_ + align - 1) / align * align;
    const std::uint64_t iova = kFirstIova + used_;
    used_ += bytes;
    return iova;
  }
  std::byte* at(std::uint64_t iova) { return cpu_ + (iova - kFirstIova); }
  std::uint64_t word(std::uint64_t iova) {
    std::uint64_t value;
    std::memcpy(&value, at(iova), sizeof value);
    return value;
  }
  void set_word(std::uint64_t iova, std::uint64_t value) {
    std::memcpy(at(iova), &value, sizeof value);
  }

 private:
  std::byte* cpu_;
  std::size_t used_ = 0;
};

struct TestCard {
  explicit TestCard(const CardConfig& config = {}) : card(config, dma, sink, wire) {
    write(spec::PUL_OB_TLP_HDR_AW_CFG::at(), 1u << 18);
    write(spec::PUL_OB_TLP_HDR_AR_CFG::at(), 1u << 18);
    write(spec::TCE_LSO_CTRL::at(), 0x0a011209);
    write(spec::SIG_MAC_IN0::at(), 0);
    write(spec::MAC_COMMAND_CONFIG::at(), 0x00000813);
  }

  std::uint32_t read(spec::RegAddr at) { return card.read(at); }
  void write(spec::RegAddr at, std::uint32_t value) { card.write(at, value); }
  void run() {
    while (card.run(64)) {
    }
  }
  /// Steers every frame to queue `q` without classification; `hint` 1, 2 or 4 requests L2, L3 or
  /// L4.
  void receive_to(unsigned q, std::uint32_t hint = 4, std::uint32_t flags = 0) {
    write(spec::RPC_ACT_TBL0_DEFAULT::at(), 1u << 1 | 1u << 4 | q << 8 | hint << 16 | flags);
    write(spec::RPC_RMI_CONFIG::at(), 0x260e1014);
  }

  DmaMemory dma;
  TestMemory memory{dma};
  TestSink sink;
  TestWire wire;
  Card card;
  std::uint64_t now = 0;
};

inline std::uint32_t log2_of(std::uint32_t entries) {
  std::uint32_t bits = 0;
  while ((1u << bits) < entries) ++bits;
  return bits & 0xf;
}

/// One work queue and its completion queue, driven by hand. `second` selects TWQ1.
struct TestTx {
  TestTx(TestCard& t, unsigned queue, std::uint32_t ring_entries = 64, bool second = false,
         std::uint32_t completion_entries = 64)
      : test(t), q(queue), entries(ring_entries), tcq_entries(completion_entries), twq1(second) {
    ring = test.memory.alloc(std::size_t{entries} * 8);
    tcq = test.memory.alloc(std::size_t{tcq_entries} * 8);
    enable();
  }
  void enable() {
    using namespace spec;
    test.write(QUEUE_TCQ_CTL::at(q), 1);
    test.write(QUEUE_TIM_CTL::at(q), 2 + q);
    const auto set = [&](RegAddr ctl, RegAddr bal, RegAddr bah, RegAddr size, std::uint64_t iova,
                         std::uint32_t count) {
      test.write(ctl, 1);
      test.write(bal, static_cast<std::uint32_t>(iova));
      test.write(bah, static_cast<std::uint32_t>(iova >> 32));
      test.write(size, log2_of(count));
      test.write(ctl, 2);
    };
    if (twq1) {
      set(QUEUE_TWQ1_CTL::at(q), QUEUE_TWQ1_BAL::at(q), QUEUE_TWQ1_BAH::at(q),
          QUEUE_TWQ1_SIZE::at(q), ring, entries);
    } else {
      set(QUEUE_TWQ0_CTL::at(q), QUEUE_TWQ0_BAL::at(q), QUEUE_TWQ0_BAH::at(q),
          QUEUE_TWQ0_SIZE::at(q), ring, entries);
    }
    set(QUEUE_TCQ_CTL::at(q), QUEUE_TCQ_BAL::at(q), QUEUE_TCQ_BAH::at(q), QUEUE_TCQ_SIZE::at(q),
        tcq, tcq_entries);
    tail = 0;
    done = 0;
  }
  void put(std::uint64_t raw) {
    test.memory.set_word(ring + std::uint64_t{tail} * 8, raw);
    tail = (tail + 1) % entries;
  }
  void put_al(std::uint64_t iova, std::size_t bytes, bool last) {
    put(spec::TWD_AL{}
            .set_ADDR(iova)
            .set_LEN(bytes)
            .set_TYPE(
                static_cast<std::uint64_t>(last ? spec::TWD_TYPE::LAST_AL : spec::TWD_TYPE::AL))
            .raw);
  }
  /// Copies `bytes` to newly allocated host memory and returns their address.
  std::uint64_t place(std::span<const std::byte> bytes) {
    const std::uint64_t iova = test.memory.alloc(bytes.size() + 1, 64);
    std::memcpy(test.memory.at(iova), bytes.data(), bytes.size());
    return iova;
  }
  static spec::TWD_META meta() { return spec::TWD_META{}.set_DEST_MAC(1).set_REQ_COMPLETION(1); }
  /// Posts META and one LAST_AL descriptor.
  void post(std::span<const std::byte> frame, spec::TWD_META m = meta()) {
    put(m.raw);
    put_al(place(frame), frame.size(), true);
  }
  void ring_doorbell() {
    test.write(twq1 ? spec::QUEUE_TWQ1_TAIL::at(q) : spec::QUEUE_TWQ0_TAIL::at(q), tail);
  }
  void send(std::span<const std::byte> frame, spec::TWD_META m = meta()) {
    post(frame, m);
    ring_doorbell();
    test.run();
  }
  /// Returns the next completion that the card has written (by its phase bit), or 0. Does not
  /// acknowledge it.
  std::uint64_t next_completion() {
    const std::uint64_t raw = test.memory.word(tcq + std::uint64_t{done % tcq_entries} * 8);
    const bool first_lap = (done / tcq_entries) % 2 == 0;
    if ((raw >> 63 != 0) != first_lap) return 0;
    ++done;
    return raw | 1ull << 63;
  }
  void acknowledge() { test.write(spec::QUEUE_TCQ_HEAD::at(q), done % tcq_entries); }

  TestCard& test;
  unsigned q;
  std::uint32_t entries;
  std::uint32_t tcq_entries;
  bool twq1;
  std::uint64_t ring = 0;
  std::uint64_t tcq = 0;
  std::uint32_t tail = 0;
  std::uint32_t done = 0;
};

/// One receive queue with header buffers, payload buffers and completions.
struct TestRx {
  struct Options {
    std::uint32_t rcq_entries = 64;
    std::uint32_t hpq_entries = 64;
    std::uint32_t ppq_entries = 64;
    std::uint32_t ctl0 = 0x0c0a0000;  // headroom 192, tailroom 320, drop immediately
    std::uint32_t max_header = 1536;
    bool fill = true;
  };
  TestRx(TestCard& t, unsigned queue) : TestRx(t, queue, Options{}) {}
  TestRx(TestCard& t, unsigned queue, Options o) : test(t), q(queue), options(o) {
    hpq = test.memory.alloc(std::size_t{o.hpq_entries} * 8);
    ppq = test.memory.alloc(std::size_t{o.ppq_entries} * 8);
    rcq = test.memory.alloc(std::size_t{o.rcq_entries} * 8);
    for (std::uint32_t i = 0; i < o.hpq_entries; ++i) header.push_back(test.memory.alloc(4096));
    for (std::uint32_t i = 0; i < o.ppq_entries; ++i) payload.push_back(test.memory.alloc(4096));
    enable();
    if (o.fill) {
      post_headers(o.hpq_entries - 1);
      post_payloads(o.ppq_entries - 1);
    }
  }
  void enable() {
    using namespace spec;
    const auto base = [&](RegAddr bal, RegAddr bah, RegAddr size, std::uint64_t iova,
                          std::uint32_t count) {
      test.write(bal, static_cast<std::uint32_t>(iova));
      test.write(bah, static_cast<std::uint32_t>(iova >> 32));
      test.write(size, log2_of(count));
    };
    test.write(QUEUE_BDQ_CTL::at(q), 1);
    base(QUEUE_BDQ_HPQ_BAL::at(q), QUEUE_BDQ_HPQ_BAH::at(q), QUEUE_BDQ_HPQ_SIZE::at(q), hpq,
         options.hpq_entries);
    base(QUEUE_BDQ_PPQ_BAL::at(q), QUEUE_BDQ_PPQ_BAH::at(q), QUEUE_BDQ_PPQ_SIZE::at(q), ppq,
         options.ppq_entries);
    test.write(QUEUE_BDQ_CTL::at(q), 0x40000002);
    test.write(QUEUE_RDE_CTL0::at(q), options.ctl0);
    test.write(QUEUE_RDE_CTL1::at(q), options.max_header << 12);
    test.write(QUEUE_RCQ_CTL::at(q), 1);
    base(QUEUE_RCQ_BAL::at(q), QUEUE_RCQ_BAH::at(q), QUEUE_RCQ_SIZE::at(q), rcq,
         options.rcq_entries);
    test.write(QUEUE_RIM_CTL::at(q), 2 + q);
    test.write(QUEUE_RCQ_CTL::at(q), 2);
    header_tail = payload_tail = done = 0;
  }
  /// Buffer ids differ from slot numbers, so that a card that returns slot numbers is caught.
  static std::uint64_t header_id(std::uint32_t slot) { return 0x4000 + slot; }
  static std::uint64_t payload_id(std::uint32_t slot) { return 0x8000 + slot; }
  void post_headers(std::uint32_t count) {
    for (; count != 0; --count, header_tail = (header_tail + 1) % options.hpq_entries) {
      test.memory.set_word(
          hpq + 8ull * header_tail,
          spec::BD{}.set_ADDR_4K(header[header_tail] >> 12).set_ID(header_id(header_tail)).raw);
    }
    test.write(spec::QUEUE_BDQ_HPQ_TAIL::at(q), header_tail);
  }
  void post_payloads(std::uint32_t count) {
    for (; count != 0; --count, payload_tail = (payload_tail + 1) % options.ppq_entries) {
      test.memory.set_word(ppq + 8ull * payload_tail, spec::BD{}
                                                          .set_ADDR_4K(payload[payload_tail] >> 12)
                                                          .set_ID(payload_id(payload_tail))
                                                          .raw);
    }
    test.write(spec::QUEUE_BDQ_PPQ_TAIL::at(q), payload_tail);
  }
  bool deliver(std::span<const std::byte> frame) { return test.card.receive(frame, test.now); }
  /// Returns the next completion that the card has written (by its phase bit), or 0; DONE is
  /// normalised to 1.
  std::uint64_t next_completion() {
    const std::uint64_t raw = test.memory.word(rcq + 8ull * (done % options.rcq_entries));
    const bool first_lap = (done / options.rcq_entries) % 2 == 0;
    if ((raw >> 63 != 0) != first_lap) return 0;
    ++done;
    return raw | 1ull << 63;
  }
  void acknowledge() { test.write(spec::QUEUE_RCQ_HEAD::at(q), done % options.rcq_entries); }

  /// One packet, assembled from its completions as the driver does it.
  struct Packet {
    Bytes bytes;
    std::vector<std::uint64_t> completions;
    spec::RCD_META meta{};
    bool complete = false;
  };
  Packet next_packet() {
    Packet packet;
    while (const std::uint64_t raw = next_completion()) {
      packet.completions.push_back(raw);
      const auto type = static_cast<spec::RCD_TYPE>(spec::RCD{raw}.TYPE());
      if (type == spec::RCD_TYPE::META) {
        packet.meta.raw = raw;
        packet.complete = true;
        break;
      }
      if (type == spec::RCD_TYPE::OPT_META) continue;
      const spec::RCD_HDR_AL al{raw};
      const bool is_header = type == spec::RCD_TYPE::HDR_AL;
      const std::size_t slot = al.BUFF_ID() - (is_header ? header_id(0) : payload_id(0));
      const std::byte* from = test.memory.at((is_header ? header : payload).at(slot)) + al.OFF();
      packet.bytes.insert(packet.bytes.end(), from, from + al.LEN());
    }
    return packet;
  }

  TestCard& test;
  unsigned q;
  Options options;
  std::uint64_t hpq = 0, ppq = 0, rcq = 0;
  std::vector<std::uint64_t> header, payload;
  std::uint32_t header_tail = 0, payload_tail = 0, done = 0;
};

/// A frame of `bytes` bytes with an Ethertype that no parser knows (0x88b5) and content derived
/// from `seed`.
inline Bytes plain_frame(std::size_t bytes, unsigned seed = 1) {
  Bytes frame(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    frame[i] = static_cast<std::byte>(seed * 37 + i * 11 + i / 251);
  const unsigned head[14] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5};
  for (std::size_t i = 0; i < 14 && i < bytes; ++i) frame[i] = static_cast<std::byte>(head[i]);
  return frame;
}

}  // namespace hni::device
