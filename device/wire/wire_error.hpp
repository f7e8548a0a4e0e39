// SPDX-License-Identifier: Apache-2.0
/// Why a wire could not be opened: an error code and a one-line message.
#pragma once

#include <cstdint>
#include <string>

namespace hni::device {

/// Kinds of errors.
enum class WireErrorKind : std::uint8_t {
  kBadName,        ///< not a valid interface name
  kNameInUse,      ///< the interface exists and is in use, or is not a TAP
  kNoPrivilege,    ///< CAP_NET_ADMIN is missing (or the file's permissions forbid it)
  kNotAvailable,   ///< the kernel has no TAP (/dev/net/tun is missing)
  kCannotOpen,     ///< a file could not be opened or created
  kBrokenFile,     ///< not a capture file
  kWrongLinkType,  ///< a capture with a link type other than Ethernet
  kSystem,         ///< any other system error
};

/// Why a wire could not be opened.
struct WireError {
  /// Kind.
  WireErrorKind kind = WireErrorKind::kSystem;
  /// One line that names the interface or file.
  std::string text;
};

}  // namespace hni::device
