// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The report of `hni device` about a wire that consists of capture files: how much was played,
/// what was skipped and why, and whether the output is complete.

#include <nlohmann/json.hpp>
#include <string>

#include "device/wire/pcap.hpp"

namespace hni::tools {

nlohmann::json wire_json(device::PcapWire& wire);
std::string wire_text(device::PcapWire& wire);

/// Completes the output. Returns one line that states what is wrong with a file, or an empty text.
std::string wire_problem(device::PcapWire& wire);

}  // namespace hni::tools
