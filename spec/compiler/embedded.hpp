// SPDX-License-Identifier: Apache-2.0
// The SystemRDL source as it was when the program was built, so that `hni spec` answers anywhere.
#pragma once

#include <optional>
#include <string>

namespace hni::speclib {

inline constexpr const char* kEmbeddedTop = "fbnic.rdl";

// A FileReader (source.hpp) over the built-in files. Empty for a name that is none of them.
std::optional<std::string> read_embedded(const std::string& name);

}  // namespace hni::speclib
