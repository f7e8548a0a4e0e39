// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The script formats that a card alone can play against a driver (fault/fault_script_player.hpp).

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "fuzz/script/port_ops.hpp"
#include "fuzz/script/ring_ops.hpp"

namespace hni::fuzz {

struct ScriptFormat {
  std::string_view name;  ///< name of the target, and of its folder in corpus/
  OpList ops;
  std::uint32_t max_bytes;
};

inline constexpr auto kScriptFormats = std::to_array<ScriptFormat>({
    {"port", kPortOps, kMaxPortScriptBytes},
    {"traffic", kTrafficScript.ops, kMaxRingScriptBytes},
    {"rx", kRxScript.ops, kMaxRingScriptBytes},
    {"tx", kTxScript.ops, kMaxRingScriptBytes},
});

/// Returns the format of that name, or nullptr.
constexpr const ScriptFormat* find_format(std::string_view name) {
  const auto found = std::ranges::find(kScriptFormats, name, &ScriptFormat::name);
  return found == kScriptFormats.end() ? nullptr : &*found;
}

}  // namespace hni::fuzz
