// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `hni trace plot`: a recording as a picture. Per queue a heat map of latency over time and the
/// occupancy of its rings, as one self-contained HTML file.

#include <string>
#include <string_view>

#include "tools/hni/problem.hpp"

namespace hni::tools {

Outcome<std::string> plot_recording(std::string_view recording);

}  // namespace hni::tools
