// SPDX-License-Identifier: Apache-2.0
// Why a wire could not be opened: a kind to decide on, and one line for a person.
#pragma once

#include <cstdint>
#include <string>

namespace hni::device {

enum class WireErrorKind : std::uint8_t {
  kBadName,        ///< no interface can have this name
  kNameInUse,      ///< the interface exists and is taken, or is no TAP
  kNoPrivilege,    ///< CAP_NET_ADMIN is missing (or the file's permissions forbid it)
  kNotAvailable,   ///< the kernel offers no TAP (/dev/net/tun is missing)
  kCannotOpen,     ///< a file could not be opened or created
  kBrokenFile,     ///< not a capture file
  kWrongLinkType,  ///< a capture of something other than Ethernet
  kSystem,         ///< any other refusal of the system
};

struct WireError {
  WireErrorKind kind = WireErrorKind::kSystem;
  std::string text;  ///< one line, names the interface or file
};

}  // namespace hni::device
