// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of one card and their connections; private to card.cpp and card_registers.cpp.

#include <cstdint>
#include <optional>
#include <span>

#include "device/card.hpp"
#include "device/card_context.hpp"
#include "device/firmware.hpp"
#include "device/firmware_backend.hpp"
#include "device/mailbox_protocol_checker.hpp"
#include "device/queue_block.hpp"
#include "device/rx_engine.hpp"
#include "device/tx_engine.hpp"

namespace hni::device {

struct Card::Core final : FrameSink, FirmwarePort {
  Core(const CardConfig& card_config, DmaMemory& dma, InterruptSink& sink, Wire& wire);

  // Registers (card_registers.cpp).
  std::uint32_t read(spec::RegAddr at);
  void write(spec::RegAddr at, std::uint32_t value);

  void tick(std::uint64_t now_ns);
  bool run(unsigned budget);
  void reset(ResetKind kind);
  std::uint64_t next_deadline_ns() const;

  // FrameSink: the MAC's receive side.
  bool receive(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  bool has_room(std::span<const std::byte> frame) override;

  // FirmwarePort.
  std::uint32_t mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half) override;
  void set_mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half,
                        std::uint32_t value) override;
  bool dma_read(std::uint64_t iova, std::span<std::byte> into) override;
  bool dma_write(std::uint64_t iova, std::span<const std::byte> from) override;
  void raise_vector0() override { interrupts.set_software(0, 1); }
  void set_pcs_in(std::uint32_t in0, std::uint32_t in1) override;

  bool firmware_write(spec::RegAddr at, std::uint32_t value);
  std::uint32_t read_bar4(spec::RegAddr at);
  std::uint32_t read_interrupts(std::uint32_t word) const;
  void write_interrupts(std::uint32_t word, std::uint32_t value);
  std::uint32_t read_completion_interrupts(std::uint32_t word) const;
  void write_completion_interrupts(std::uint32_t word, std::uint32_t value);
  std::optional<std::uint32_t> read_idle(std::uint32_t word);
  void write_bar4(spec::RegAddr at, std::uint32_t value);
  void write_rx_buffer(std::uint32_t byte_offset, std::uint32_t value);
  void advance(std::uint64_t now_ns);
  void update_link_cause();

  CardConfig config;
  RegisterFile regs;
  InterruptBlock interrupts;
  InterruptModerator moderation;
  LinkModel link;
  PtpClock clock;
  Classifier classifier;
  TxClassifier tx_classifier;
  HardwareCounters stats;
  CardContext context;
  TxEngine tx;
  RxEngine rx;
  QueueBlock queues;
  MailboxProtocolChecker mailbox_watch;
  Firmware firmware;
  FirmwareBackend* peer = nullptr;  ///< nullptr: `firmware` answers
};

}  // namespace hni::device
