// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What `hni device` reports of a wire that is capture files: how much was played, what was left
/// out and why, and whether the output is whole.

#include <nlohmann/json.hpp>
#include <string>

#include "device/wire/pcap.hpp"

namespace hni::tools {

nlohmann::json wire_json(device::PcapWire& wire);
std::string wire_text(device::PcapWire& wire);

/// Completes the output. Not empty: one line that says what is wrong with a file.
std::string wire_problem(device::PcapWire& wire);

}  // namespace hni::tools
