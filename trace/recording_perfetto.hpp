// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `hni trace plot --perfetto`: writes a recording as Chrome trace events (the JSON format of
/// chrome://tracing), which ui.perfetto.dev opens.

#include <istream>
#include <ostream>
#include <string>

namespace hni::trace {

/// Converts while reading. Returns an empty text, or what is wrong with the recording; the output
/// is then incomplete.
std::string write_perfetto(std::istream& in, std::ostream& out);

}  // namespace hni::trace
