// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The probe list as data, made from probes.def: what documentation, golden tests and the program
/// that prints every event are written from; and the words for the numbers that probes carry.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trace/words.hpp"

namespace hni::trace {

struct ProbeArgument {
  std::string name;
  std::string unit;    ///< or what the number means; may be empty
  unsigned bytes = 0;  ///< as <sys/sdt.h> tells it to a tracer
  bool is_signed = false;
};

struct ProbeInfo {
  std::string name;  ///< object__verb
  std::vector<ProbeArgument> arguments;
  std::string when;
};

/// All probes, in the order of probes.def.
std::vector<ProbeInfo> probe_list();

}  // namespace hni::trace
