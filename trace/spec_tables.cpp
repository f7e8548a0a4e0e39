// SPDX-License-Identifier: Apache-2.0
#include "trace/spec_tables.hpp"

#include <fmt/format.h>

#include "spec/compiler/card.hpp"
#include "spec/compiler/embedded.hpp"
#include "spec/compiler/query.hpp"

namespace hni::trace {
namespace {

using speclib::Card;

const Card& card() {
  static const auto compilation = rdl::compile(speclib::kEmbeddedTop, speclib::read_embedded);
  static const auto read = speclib::read_card(*compilation);
  return *read;
}

std::string messages() {
  std::string out;
  for (const auto& m : card().messages)
    out += fmt::format("  @message_name[{:#x}] = \"{}\";\n", m.id, m.name);
  return out;
}

/// X_RESP responds to X_REQ; only the capabilities' names differ.
std::string replies() {
  std::string out;
  for (const auto& reply : card().messages) {
    const std::string name(reply.name);
    if (!name.ends_with("_RESP")) continue;
    std::string request = name.substr(0, name.size() - 4) + "REQ";
    if (name == "FW_CAP_RESP") request = "HOST_CAP_REQ";
    for (const auto& asked : card().messages) {
      if (asked.name == request)
        out += fmt::format("  @reply_to[{:#x}] = {:#x};\n", reply.id, asked.id);
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> spec_table(const std::string& name) {
  if (name == "message") return messages();
  if (name == "reply") return replies();
  return std::nullopt;
}

}  // namespace hni::trace
