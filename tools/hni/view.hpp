// SPDX-License-Identifier: Apache-2.0
#pragma once

/// State of a Testbed as JSON: the live lines of `hni run -j` and the responses of `hni port`
/// consist of these.

#include <nlohmann/json.hpp>

#include "tools/hni/accounting.hpp"
#include "tools/hni/testbed.hpp"

namespace hni::tools {

using Json = nlohmann::ordered_json;

/// Totals of one node since the start; the difference of two of them is a rate.
struct Totals {
  std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0, drops = 0;
};
Totals totals_of(Testbed& testbed, unsigned index);

Json drops_json(const Drops& drops);
/// Returns the figures of the live table.
Json live_json(Testbed& testbed, unsigned index, const Totals& before, double seconds);

Json stats_json(Testbed& testbed, unsigned index);
Json link_json(Testbed& testbed, unsigned index);
Json rings_json(Testbed& testbed, unsigned index);
Json firmware_json(Testbed& testbed, unsigned index);
Json balances_json(const std::vector<Balance>& balances);

/// "25.7.25.2"
std::string version_text(std::uint32_t version);

}  // namespace hni::tools
