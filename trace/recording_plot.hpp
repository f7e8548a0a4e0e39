// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `hni trace plot`: a recording as a picture. Per ring a heat map of latency over time and a
/// graph of its occupancy, as one HTML file that needs nothing else.

#include <cstdint>
#include <istream>
#include <string>
#include <tl/expected.hpp>

namespace hni::trace {

/// Reads the recording twice, so `in` must be seekable. The page, or what is wrong.
tl::expected<std::string, std::string> plot_recording(std::istream& in);

/// 1500 as "1.5 ms".
std::string duration_text(std::uint64_t us);

}  // namespace hni::trace
