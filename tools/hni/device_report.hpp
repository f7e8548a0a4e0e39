// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The reports of `hni device` about its cards, and the parsers of its small text options.

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/hni/log_queue.hpp"
#include "tools/hni/problem.hpp"
#include "vfio_user/card_server.hpp"
#include "vfio_user/external_firmware.hpp"

namespace hni::tools {

/// Frames, clients, and rule violations of the driver.
nlohmann::json card_json(device::vfio_user::CardServer& server);
std::string card_text(device::vfio_user::CardServer& server);

/// Traffic between the card and firmware in another process.
nlohmann::json firmware_json(const device::vfio_user::ExternalFirmware& firmware);
std::string firmware_text(const device::vfio_user::ExternalFirmware& firmware);

/// One line of JSON about one event.
std::string event_line(const std::string& socket, const std::string& text);

/// The line that replaces dropped lines.
LogQueue::DropNotice drop_notice(bool json);

/// Parses "02:00:00:00:00:01": a unicast address that is not zero.
Outcome<std::array<std::uint8_t, 6>> parse_mac(const std::string& text);

}  // namespace hni::tools
