// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/ring_script.hpp"

namespace hni::fuzz {

const Target& traffic_target() {
  static constexpr Target kTarget = ring_target<kTrafficScript, true>(
      "traffic",
      "both directions on one pool: what is received is sent on while "
      "the card is faulty in both");
  return kTarget;
}

}  // namespace hni::fuzz
