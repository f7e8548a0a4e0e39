// SPDX-License-Identifier: Apache-2.0
#pragma once
/// State that the engines of one card share. The card owns everything; the engines hold a
/// reference.

#include <array>
#include <cstdint>

#include "device/classifier.hpp"
#include "device/descriptor_ring.hpp"
#include "device/dma_memory.hpp"
#include "device/host_interposer.hpp"
#include "device/interrupts.hpp"
#include "device/link.hpp"
#include "device/moderation.hpp"
#include "device/ptp_clock.hpp"
#include "device/register_file.hpp"
#include "device/statistics.hpp"
#include "device/wire.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

inline constexpr unsigned kQueueBlocks = 128;  ///< queue blocks of the card [device 11]

/// What the engines of one card share.
struct CardContext {
  DmaMemory& dma;                        ///< host memory
  Wire& wire;                            ///< the port
  RegisterFile& regs;                    ///< register storage
  InterruptBlock& interrupts;            ///< interrupt block
  InterruptModerator& moderation;        ///< interrupt moderation
  LinkModel& link;                       ///< MAC and PCS
  PtpClock& clock;                       ///< PTP clock
  Classifier& classifier;                ///< receive classifier
  TxClassifier& tx_classifier;           ///< transmit classifier
  HardwareCounters& stats;               ///< hardware counters
  FrameSink& own_port;                   ///< the card's receive side, for MAC loopback
  std::uint64_t now_ns = 0;              ///< virtual time
  std::uint64_t tx_paused_until_ns = 0;  ///< end of the last PAUSE frame of the peer
  HostInterposer* interposer = nullptr;  ///< null: none installed

  /// @return counts of what the card detected
  CardEvents& events() { return regs.events(); }

  /// @return true if DMA reads are enabled (bus mastering, AR) [device 4.3]
  bool may_read_host() const { return regs.peek<spec::PUL_OB_TLP_HDR_AR_CFG>().BME() != 0; }
  /// @return true if DMA writes are enabled (bus mastering, AW) [device 4.3]
  bool may_write_host() const { return regs.peek<spec::PUL_OB_TLP_HDR_AW_CFG>().BME() != 0; }
};

}  // namespace hni::device
