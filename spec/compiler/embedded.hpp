// SPDX-License-Identifier: Apache-2.0
// The SystemRDL source at build time, embedded so that `hni spec` works anywhere.
#pragma once

#include <optional>
#include <string>

namespace hni::speclib {

inline constexpr const char* kEmbeddedTop = "fbnic.rdl";

// A FileReader (source.hpp) over the embedded files. Returns nothing for other names.
std::optional<std::string> read_embedded(const std::string& name);

}  // namespace hni::speclib
