// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/ring_script.hpp"

namespace hni::fuzz {

const Target& rx_target() {
  static constexpr Target kTarget =
      ring_target<kRxScript, true>("rx",
                                   "receive rings: completions with one faulty field, against a "
                                   "reference model of every word");
  return kTarget;
}

}  // namespace hni::fuzz
