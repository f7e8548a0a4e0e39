// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reports of `hni device --script`. The player itself is in fuzz/; in a build without it scripts
/// cannot be loaded.

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>

#include "fuzz/fault/fault_script_player.hpp"

namespace hni::tools {

using ScriptLoader =
    std::function<tl::expected<std::unique_ptr<fuzz::FaultScriptPlayer>, std::string>(
        const std::string& file, fuzz::FaultScriptPlayer::OnInject heard)>;

/// "fault 3: rcd_header_id reports 0xffff instead of 0x12 (operation 5)"
std::string fault_text(const fuzz::InjectedFault& fault);
/// The same as one JSON object, with the card's socket.
std::string fault_line(const std::string& socket, const fuzz::InjectedFault& fault);

nlohmann::json script_json(const fuzz::ScriptReport& report);
/// One or two lines, indented like the report of a card.
std::string script_text(const fuzz::ScriptReport& report);

}  // namespace hni::tools
