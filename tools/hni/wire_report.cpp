// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/wire_report.hpp"

#include <fmt/format.h>

namespace hni::tools {

nlohmann::json wire_json(device::PcapWire& wire) {
  nlohmann::json j = nlohmann::json::object();
  if (const device::PcapReader* const in = wire.input()) {
    const device::PcapLeftOut& left_out = in->left_out();
    j["played"] = wire.played();
    j["whole"] = wire.finished() && in->broken().empty();
    j["left_out"] = {{"cut", left_out.cut},
                     {"undersized", left_out.undersized},
                     {"oversized", left_out.oversized}};
    if (!in->broken().empty()) j["broken"] = in->broken();
  }
  if (const device::PcapWriter* const out = wire.output()) {
    j["recorded"] = out->frames();
    j["lost"] = out->lost();
  }
  return j;
}

std::string wire_text(device::PcapWire& wire) {
  std::string text;
  if (const device::PcapReader* const in = wire.input()) {
    text += fmt::format("  the capture: {} frames played{}\n", wire.played(),
                        wire.finished() ? "" : ", more to come");
    if (in->left_out().total() != 0) text += fmt::format("  {}\n", in->left_out().text());
    if (!in->broken().empty()) text += fmt::format("  {}\n", in->broken());
  }
  if (const device::PcapWriter* const out = wire.output())
    text += fmt::format("  recorded: {} frames, {} lost\n", out->frames(), out->lost());
  return text;
}

std::string wire_problem(device::PcapWire& wire) {
  if (device::PcapWriter* const out = wire.output(); out != nullptr && !out->flush())
    return "--wire: " + out->error();
  const device::PcapReader* const in = wire.input();
  return in == nullptr || in->broken().empty() ? std::string() : "--wire: " + in->broken();
}

}  // namespace hni::tools
