// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Keeps the last event that the driver reported, to distinguish findings by it.

#include "driver/core/observer.hpp"
#include "fuzz/script/run_context.hpp"

namespace hni::fuzz {

struct EventObserver : NullObserver {
  void input_refused(Site site, std::uint64_t /*value*/, std::uint64_t /*limit*/) {
    run_context.event = site_name(site);
  }
  void recovery_step(RecoveryStep step, std::uint64_t /*cause*/, Time) {
    switch (step) {
      case RecoveryStep::kQueueReset:
        run_context.event = "queue_reset";
        break;
      case RecoveryStep::kCardReset:
        run_context.event = "card_reset";
        break;
      case RecoveryStep::kStarvationKick:
        run_context.event = "starvation_kick";
        break;
      case RecoveryStep::kTransmitHang:
        run_context.event = "transmit_hang";
        break;
      case RecoveryStep::kFirmwareCrash:
        run_context.event = "firmware_crash";
        break;
    }
  }
};

}  // namespace hni::fuzz
