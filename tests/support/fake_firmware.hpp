// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FakeFirmware: a DeviceIo that consists of nothing but the mailbox of [device 4] and scripted
/// responses. It shares no code with device/, so that a misreading of the reference there cannot
/// mask one in the driver. Accesses to unmapped memory, and accesses while DMA is disabled, are
/// counted.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "driver/core/device_io.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::test {

using Bytes = std::vector<std::byte>;

/// Builds a message from 32-bit words, as the reference prints them.
inline Bytes words(std::initializer_list<std::uint32_t> list) {
  Bytes out;
  for (const std::uint32_t word : list)
    for (unsigned shift = 0; shift < 32; shift += 8)
      out.push_back(static_cast<std::byte>(word >> shift & 0xff));
  return out;
}

inline std::uint32_t word_at(const Bytes& bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4 && offset + i < bytes.size(); ++i)
    value |= std::to_integer<std::uint32_t>(bytes[offset + i]) << 8 * i;
  return value;
}

inline constexpr std::uint32_t kVersionWord = 0x19071902;  // 25.7.25.2

class FakeFirmware {
 public:
  // ---- DeviceIo
  std::uint32_t read32(Site, RegAddr reg) {
    ++reads;
    if (!present) return 0xffffffff;
    if (reg.bar == Bar::kBar4) return *mailbox_word(reg.byte_offset);
    if (reg == spec::INTR_STATUS::at(0)) return cause ? 1 : 0;
    if (reg == spec::MASTER_SPARE_0::at()) return 0;
    return 0;
  }
  void write32(RegAddr reg, std::uint32_t value) {
    if (!present) return;
    writes.emplace_back(reg, value);
    if (reg.bar == Bar::kBar4) {
      *mailbox_word(reg.byte_offset) = value;
      const std::uint32_t offset = reg.byte_offset - 0x18000;
      if (offset >= 0x80 && offset % 8 == 0 && alive) cause = true;
      walk();
    } else if (reg == spec::INTR_CLEAR::at(0) && (value & 1) != 0) {
      cause = false;
    } else if (reg == spec::INTR_MASK_SET::at(0) && (value & 1) != 0) {
      masked = true;
    } else if (reg == spec::INTR_MASK_CLEAR::at(0) && (value & 1) != 0) {
      masked = false;
    } else if (reg == spec::PUL_OB_TLP_HDR_AW_CFG::at()) {
      write_gate = value;
    } else if (reg == spec::PUL_OB_TLP_HDR_AR_CFG::at()) {
      read_gate = value;
    }
  }
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t* word, std::uint64_t value) { *word = value; }
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    if (before_copy) before_copy();
    std::memcpy(to, from, n);
    if (after_copy) after_copy(const_cast<std::byte*>(from), n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t n) {
    if (allocations_left == 0) return std::nullopt;
    --allocations_left;
    auto memory = std::make_unique<std::byte[]>(n);
    const DmaSpan span{memory.get(), DmaAddr{next_iova}, n};
    next_iova += n + 0x10000;
    mapped.emplace(raw(span.iova), std::make_pair(std::move(memory), n));
    return span;
  }
  void dma_free(DmaSpan span) {
    if (mapped.erase(raw(span.iova)) == 0) ++bad_frees;
  }

  // ---- The firmware's side
  // Pops every message that the host has published, in ring order.
  void run() {
    while (alive && !frozen) {
      auto& desc = mailbox[1][tx_head];
      if ((desc[0] & 3) != 1) break;
      const std::uint64_t raw_desc = std::uint64_t{desc[1]} << 32 | desc[0];
      Bytes message(raw_desc >> 48);
      if (!dma(raw_desc & 0x3ffffffffff8, message, false)) return;
      const bool refuse = fail_next > 0;
      if (refuse) --fail_next;
      desc[0] |= refuse ? 6 : 2;
      tx_head = (tx_head + 1) % 16;
      cause = true;
      received.push_back(message);
      if (!refuse) answer(message);
    }
    while (alive && !outbox.empty() && deliver(outbox.front())) outbox.pop_front();
  }
  /// Queues a message; it is sent as soon as a descriptor is free.
  void send(const Bytes& message) { outbox.push_back(message); }

  /// Writes one message into the oldest free receive descriptor. Returns false if there is none.
  bool deliver(const Bytes& message, std::optional<std::uint32_t> claimed_length = {}) {
    auto& desc = mailbox[0][rx_head];
    if ((desc[0] & 3) != 1) return false;
    const std::uint64_t raw_desc = std::uint64_t{desc[1]} << 32 | desc[0];
    Bytes copy = message;
    if (!dma(raw_desc & 0x3ffffffffff8, copy, true)) return false;
    const auto length = claimed_length.value_or(static_cast<std::uint32_t>(message.size()));
    desc[1] = (desc[1] & 0x3fff) | 0x4000 | length << 16;
    desc[0] |= rx_error ? 6 : 2;
    rx_head = (rx_head + 1) % 16;
    cause = true;
    return true;
  }

  /// Simulates a firmware restart: uptime restarts and the ring heads are reset.
  void reboot() {
    uptime_ms = 0;
    tx_head = rx_head = 0;
    outbox.clear();
  }

  /// Responds from the script first, then with the defaults.
  void answer(const Bytes& message) {
    const std::uint32_t type = word_at(message, 0) & 0xfff;
    if (script && script(type, message)) return;
    const auto low = static_cast<std::uint32_t>(uptime_ms);
    const auto high = static_cast<std::uint32_t>(uptime_ms >> 32);
    switch (type) {
      case 0x10:
        return send(capabilities);
      case 0x12:
        return send(words({0x00048013, 0x000c0001, low, high}));
      case 0x14:
        return send(words({0x00048015, 0x000c0000, low, high}));
      case 0x00:
        return send(message);
      case 0x3c:
        return send(words({0x0005803d, 0x00080000, 42'000, 0x00080001, 750}));
      default:
        return;
    }
  }

  [[nodiscard]] bool interrupt_pending() const { return cause && !masked && present; }
  /// Counts the messages of one type that the host sent.
  [[nodiscard]] std::vector<Bytes> sent_of(std::uint32_t type) const {
    std::vector<Bytes> found;
    for (const Bytes& message : received)
      if ((word_at(message, 0) & 0xfff) == type) found.push_back(message);
    return found;
  }
  std::byte* memory_at(std::uint64_t iova, std::size_t n) {
    for (auto& [base, block] : mapped)
      if (iova >= base && iova + n <= base + block.second)
        return block.first.get() + (iova - base);
    return nullptr;
  }

  // Configuration and counters.
  bool present = true;  ///< false: every register reads as all ones
  bool alive = true;    ///< false: neither reads the mailbox nor raises interrupts
  bool frozen = false;  ///< raises interrupts but reads no message
  bool rx_error = false;
  unsigned fail_next = 0;
  std::uint64_t uptime_ms = 5000;
  Bytes capabilities = words(
      {0x00078011, 0x00080000, kVersionWord, 0x0008000a, 0x00000004, 0x0008000b, 0x00000002});
  std::function<bool(std::uint32_t, const Bytes&)> script;
  std::function<void()> before_copy;
  std::function<void(std::byte*, std::size_t)> after_copy;
  unsigned allocations_left = 1000;

  bool cause = false;
  bool masked = true;
  std::uint32_t write_gate = 0;
  std::uint32_t read_gate = 0;
  unsigned tx_head = 0;
  unsigned rx_head = 0;
  std::array<std::array<std::array<std::uint32_t, 2>, 16>, 2> mailbox{};
  std::vector<std::pair<RegAddr, std::uint32_t>> writes;
  std::vector<Bytes> received;
  std::deque<Bytes> outbox;
  std::uint64_t reads = 0;
  unsigned dma_faults = 0;
  unsigned bad_frees = 0;
  std::map<std::uint64_t, std::pair<std::unique_ptr<std::byte[]>, std::size_t>> mapped;
  std::uint64_t next_iova = 0x1'0000'0000;

 private:
  std::uint32_t* mailbox_word(std::uint32_t byte_offset) {
    const std::uint32_t offset = byte_offset - 0x18000;
    if (offset >= 0x100) return &scratch_;
    return &mailbox[offset / 0x80][offset % 0x80 / 8][offset % 8 / 4];
  }
  /// Advances the head past all descriptors with both completion bits [device 4.3]. A descriptor
  /// that the firmware completed itself precedes the head and is not visited again.
  void walk() {
    if (!alive) return;
    unsigned* heads[2] = {&rx_head, &tx_head};
    for (unsigned m = 0; m < 2; ++m)
      for (unsigned n = 0; n < 16 && (mailbox[m][*heads[m]][0] & 3) == 3; ++n)
        *heads[m] = (*heads[m] + 1) % 16;
  }
  bool dma(std::uint64_t iova, Bytes& bytes, bool to_host) {
    const std::uint32_t gate = to_host ? write_gate : read_gate;
    std::byte* host = memory_at(iova, bytes.size());
    if ((gate & 0x40000) == 0 || host == nullptr) {
      ++dma_faults;
      return false;
    }
    if (to_host) {
      std::memcpy(host, bytes.data(), bytes.size());
    } else {
      std::memcpy(bytes.data(), host, bytes.size());
    }
    return true;
  }

  std::uint32_t scratch_ = 0;
};

}  // namespace hni::test
