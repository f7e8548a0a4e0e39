// SPDX-License-Identifier: Apache-2.0
#include "trace/probe_list.hpp"

#include <array>
#include <type_traits>

#include "driver/core/observer.hpp"
#include "driver/firmware/firmware_client.hpp"
#include "driver/port_config.hpp"

namespace hni::trace {
namespace {

struct Shape {
  unsigned bytes;
  bool is_signed;
};

/// Determines the types of a probe's arguments from the same expressions that the probe uses.
class Shapes {
 public:
  template <class... Arguments>
  static std::vector<Shape> of(const Arguments&...) {
    return {Shape{sizeof(Arguments), std::is_signed_v<Arguments>}...};
  }
  template <class... Parameters>
  std::vector<Shape> with(std::vector<Shape> (Shapes::*probe)(Parameters...) const) const {
    return (this->*probe)(Parameters{}...);
  }
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  std::vector<Shape> function parameters const {                       \
    return of arguments;                                               \
  }
#include "driver/core/probes.def"
#undef HNI_PROBE

 private:
  std::uint32_t port_ = 0;
};

/// Splits "port, length (bytes)" into names and units; commas within parentheses do not separate.
/// Returns nothing if their number differs from that of the probe's arguments.
std::vector<ProbeArgument> arguments_of(std::string_view names, const std::vector<Shape>& shapes) {
  std::vector<ProbeArgument> arguments(1);
  bool in_unit = false;
  for (const char c : names) {
    ProbeArgument& last = arguments.back();
    if (c == '(') {
      in_unit = true;
    } else if (c == ')') {
      in_unit = false;
    } else if (c == ',' && !in_unit) {
      arguments.emplace_back();
    } else if (in_unit) {
      last.unit += c;
    } else if (c != ' ') {
      last.name += c;
    }
  }
  if (arguments.size() != shapes.size()) return {};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    arguments[i].bytes = shapes[i].bytes;
    arguments[i].is_signed = shapes[i].is_signed;
  }
  return arguments;
}

}  // namespace

std::vector<ProbeInfo> probe_list() {
  const Shapes shapes;
  std::vector<ProbeInfo> list;
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  list.push_back({#probe, arguments_of(names, shapes.with(&Shapes::function)), when});
#include "driver/core/probes.def"
#undef HNI_PROBE
  return list;
}

}  // namespace hni::trace
