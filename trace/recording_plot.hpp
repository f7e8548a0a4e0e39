// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `hni trace plot`: draws a recording as one self-contained HTML file, with a heat map of latency
/// over time and a graph of the occupancy per ring.

#include <cstdint>
#include <istream>
#include <string>
#include <tl/expected.hpp>

namespace hni::trace {

/// Reads the recording twice, so `in` must be seekable. Returns the page, or what is wrong.
tl::expected<std::string, std::string> plot_recording(std::istream& in);

/// 1500 as "1.5 ms".
std::string duration_text(std::uint64_t us);

}  // namespace hni::trace
