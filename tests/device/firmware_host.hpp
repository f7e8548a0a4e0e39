// SPDX-License-Identifier: Apache-2.0
// A host for firmware tests: mailbox words, a flat DMA memory, and the same ring discipline as the
// Linux driver [device 4]. It records every access by the firmware.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

#include "device/firmware.hpp"
#include "device/fw_tlv.hpp"

namespace hni::test {

class FirmwareHost final : public device::FirmwarePort {
 public:
  static constexpr std::uint64_t kBase = 0x10'0000;
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kPages = 64;  // 0..15 receive, 16..31 transmit

  // FirmwarePort
  std::uint32_t mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half) override {
    if (tear && mailbox == 1 && half == 1)
      words[1][descriptor][0] ^= 4;  // the host is in the middle of rewriting it
    return words[mailbox][descriptor][half];
  }
  void set_mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half,
                        std::uint32_t value) override {
    words[mailbox][descriptor][half] = value;
  }
  bool dma_read(std::uint64_t iova, std::span<std::byte> into) override {
    std::byte* at = memory_at(iova, into.size());
    if (at == nullptr || reads_blocked) return false;
    if (!into.empty()) std::memcpy(into.data(), at, into.size());
    return true;
  }
  bool dma_write(std::uint64_t iova, std::span<const std::byte> from) override {
    std::byte* at = memory_at(iova, from.size());
    if (at == nullptr || writes_blocked) return false;
    std::memcpy(at, from.data(), from.size());
    return true;
  }
  void raise_vector0() override { ++interrupts; }
  void set_pcs_in(std::uint32_t in0, std::uint32_t in1) override { pcs = {in0, in1}; }

  // The driver's side.
  void write(unsigned mailbox, unsigned descriptor, unsigned half, std::uint32_t value) {
    words[mailbox][descriptor][half] = value;
    firmware->mailbox_written(mailbox, descriptor, half, now_ns);
  }
  void reset_ring(unsigned mailbox) {
    write(mailbox, 0, 0, 0);
    write(mailbox, 0, 1, 0);
    for (unsigned d = 15; d > 0; --d) {
      write(mailbox, d, 0, 3);
      write(mailbox, d, 1, 0);
    }
    (mailbox == 0 ? rx_head : tx_head) = 0;
    (mailbox == 0 ? rx_tail : tx_tail) = 0;
  }
  void publish(unsigned mailbox, unsigned slot, std::uint64_t raw) {
    write(mailbox, (slot + 1) % 16, 0, 0);
    write(mailbox, slot, 1, static_cast<std::uint32_t>(raw >> 32));
    write(mailbox, slot, 0, static_cast<std::uint32_t>(raw));
  }
  void post_receive() {
    const std::uint64_t iova = kBase + rx_tail * kPage;
    publish(0, rx_tail, std::uint64_t{4096} << 48 | iova | 1);
    rx_tail = (rx_tail + 1) % 16;
  }
  void bring_up() {
    reset_ring(0);
    reset_ring(1);
    for (unsigned i = 0; i < 15; ++i) post_receive();
  }
  /// Publishes `message` as a request and returns its slot.
  unsigned send(std::span<const std::byte> message) {
    const unsigned slot = tx_tail;
    const std::uint64_t iova = kBase + (16 + slot) * kPage;
    std::memcpy(memory_at(iova, message.size()), message.data(), message.size());
    const std::uint64_t eom = std::uint64_t{1} << 46;
    publish(1, slot, std::uint64_t{message.size()} << 48 | eom | iova | 1);
    tx_tail = (tx_tail + 1) % 16;
    return slot;
  }
  unsigned send_words(std::initializer_list<std::uint32_t> message) {
    const std::vector<std::uint32_t> copy(message);
    return send(std::as_bytes(std::span{copy}));
  }
  /// Pops the next completed receive descriptor and recycles its buffer. Returns an empty message
  /// if there is none or if FW_ERR is set.
  std::vector<std::byte> receive() {
    const std::uint64_t raw = descriptor(0, rx_head);
    if ((raw & 2) == 0) return {};
    const std::byte* at = memory_at(raw & 0x3ffffffffff8, raw >> 48);
    std::vector<std::byte> message;
    if (at != nullptr)
      message.assign(at, at + (raw >> 48));  // a test may have corrupted the address
    if ((raw & 4) != 0) ++receive_errors;
    rx_head = (rx_head + 1) % 16;
    post_receive();
    return message;
  }
  std::vector<std::uint32_t> receive_words() {
    const std::vector<std::byte> bytes = receive();
    std::vector<std::uint32_t> out(bytes.size() / 4);
    std::memcpy(out.data(), bytes.data(), out.size() * 4);
    return out;
  }
  std::uint64_t descriptor(unsigned mailbox, unsigned d) const {
    return std::uint64_t{words[mailbox][d][1]} << 32 | words[mailbox][d][0];
  }
  std::byte* memory_at(std::uint64_t iova, std::size_t bytes) {
    if (iova < kBase || bytes > memory.size() || iova - kBase > memory.size() - bytes) {
      ++refused;
      return nullptr;
    }
    return memory.data() + (iova - kBase);
  }

  device::Firmware* firmware = nullptr;
  std::uint64_t now_ns = 0;
  std::uint32_t words[2][16][2]{};
  std::vector<std::byte> memory = std::vector<std::byte>(kPages * kPage);
  std::array<std::uint32_t, 2> pcs{};
  unsigned rx_head = 0, rx_tail = 0, tx_head = 0, tx_tail = 0;
  unsigned interrupts = 0, receive_errors = 0;
  std::uint64_t refused = 0;
  bool reads_blocked = false, writes_blocked = false, tear = false;
};

}  // namespace hni::test
