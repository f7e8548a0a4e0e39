// SPDX-License-Identifier: Apache-2.0
#include "fuzz/script/operation_list.hpp"

#include <sstream>

namespace hni::fuzz {

std::string list_operations(const Target& target) {
  std::ostringstream text;
  text << "target " << target.name << ' '
       << (!target.ops.empty()        ? "script"
           : target.mutate != nullptr ? "message"
                                      : "bytes")
       << ' ' << target.max_bytes << '\n';
  for (const OpInfo& op : target.ops)
    text << "op " << static_cast<unsigned>(op.a_kind) << ' ' << unsigned{op.value_words} << '\n';
  return text.str();
}

bool read_operations(std::string_view text, OperationList& list) {
  std::istringstream in{std::string(text)};
  std::string word, name, form;
  if (!(in >> word >> name >> form >> list.max_bytes) || word != "target") return false;
  list.messages = form == "message";
  unsigned kind = 0, words = 0;
  while (in >> word) {
    if (word != "op" || !(in >> kind >> words) || words > 2 || list.ops.size() == 256)
      return false;
    if (kind > static_cast<unsigned>(ArgKind::kSite)) return false;
    OpInfo op;
    op.a_kind = static_cast<ArgKind>(kind);
    op.value_words = static_cast<std::uint8_t>(words);
    list.ops.push_back(op);
  }
  return list.messages || !list.ops.empty() || form == "bytes";
}

}  // namespace hni::fuzz
