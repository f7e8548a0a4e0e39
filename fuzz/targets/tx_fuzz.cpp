// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/ring_script.hpp"

namespace hni::fuzz {

const Target& tx_target() {
  static constexpr Target kTarget = ring_target<kTxScript, false>(
      "tx",
      "transmit rings: heads, timestamps and types that lie, against "
      "a reference model of every word");
  return kTarget;
}

}  // namespace hni::fuzz
