// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the engines of one card share. Everything is owned by the card; the engines hold a
// reference.

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

/// Queue blocks of the card [device 11].
inline constexpr unsigned kQueueBlocks = 128;

struct CardContext {
  DmaMemory& dma;
  Wire& wire;
  RegisterFile& regs;
  InterruptBlock& interrupts;
  InterruptModerator& moderation;
  LinkModel& link;
  PtpClock& clock;
  Classifier& classifier;
  TxClassifier& tx_classifier;
  HardwareCounters& stats;
  FrameSink& own_port;  ///< the card's receive side, for MAC loopback
  std::uint64_t now_ns = 0;
  HostInterposer* interposer = nullptr;  ///< nullptr: nobody listens

  CardEvents& events() { return regs.events(); }

  /// The two DMA gates [device 4.3]: bus mastering for reads (AR) and writes (AW).
  bool may_read_host() const { return regs.peek<spec::PUL_OB_TLP_HDR_AR_CFG>().BME() != 0; }
  bool may_write_host() const { return regs.peek<spec::PUL_OB_TLP_HDR_AW_CFG>().BME() != 0; }
};

}  // namespace hni::device
