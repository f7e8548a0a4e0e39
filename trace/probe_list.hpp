// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The probe list as data, generated from probes.def, from which the documentation, the golden
/// tests and the program that prints every event are written; and the names for the numbers that
/// probes carry.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trace/words.hpp"

namespace hni::trace {

struct ProbeArgument {
  std::string name;
  std::string unit;    ///< or the meaning of the number; may be empty
  unsigned bytes = 0;  ///< type as <sys/sdt.h> declares it to a tracer
  bool is_signed = false;
};

struct ProbeInfo {
  std::string name;  ///< object__verb
  std::vector<ProbeArgument> arguments;
  std::string when;
};

/// Returns all probes, in the order of probes.def.
std::vector<ProbeInfo> probe_list();

}  // namespace hni::trace
