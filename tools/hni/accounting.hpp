// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Accounting: where every packet and every buffer of a Testbed is. Each balance is an equation whose
/// two sides are counted at different places.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/hni/testbed.hpp"

namespace hni::tools {

struct Balance {
  std::string what;  ///< both sides in words
  std::uint64_t left = 0;
  std::uint64_t right = 0;
  [[nodiscard]] bool holds() const { return left == right; }
};

/// Packets that ended somewhere between the two ends, by reason; only reasons that occurred.
using Drops = std::vector<std::pair<std::string, std::uint64_t>>;

/// Of frames that side `index` received or should have received.
Drops receive_drops(Testbed& testbed, unsigned index);
/// Of packets that side `index` sent.
Drops transmit_drops(Testbed& testbed, unsigned index);
std::uint64_t total(const Drops& drops);

/// The balances of a lab that is quiet. Reads the cards' counters.
std::vector<Balance> packet_balances(Testbed& testbed);
/// Where the fragments of each port are, of a lab that is quiet.
std::vector<Balance> buffer_balances(const Testbed& testbed);

}  // namespace hni::tools
