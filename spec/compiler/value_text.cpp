// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/value_text.hpp"

#include <algorithm>

namespace hni::speclib {

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string valid_utf8(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size();) {
    const auto byte = static_cast<unsigned char>(out[i]);
    std::size_t length = 1;
    if (byte >= 0xc2 && byte < 0xe0) length = 2;
    if (byte >= 0xe0 && byte < 0xf0) length = 3;
    if (byte >= 0xf0 && byte < 0xf5) length = 4;
    bool good = byte < 0x80 || (length > 1 && i + length <= out.size());
    for (std::size_t j = 1; good && j < length; ++j) {
      good = (static_cast<unsigned char>(out[i + j]) & 0xc0) == 0x80;
    }
    if (!good) out[i] = '?';
    i += good ? length : 1;
  }
  return out;
}

namespace {

std::string list_text(const std::vector<rdl::Value>& items) {
  std::string out = "{";
  for (const rdl::Value& item : items) out += (out.size() > 1 ? ", " : "") + value_text(item);
  return out + "}";
}

}  // namespace

std::string value_text(const rdl::Value& value) {
  using Kind = rdl::Value::Kind;
  switch (value.kind) {
    case Kind::kNone:
      return "-";
    case Kind::kBoolean:
      return value.number != 0 ? "true" : "false";
    case Kind::kNumber:
      return value.decimal();
    case Kind::kString:
      return one_line(*value.text);
    case Kind::kKeyword:
      return *value.text;
    case Kind::kEncoding:
      return std::string(value.enumeration->name);
    case Kind::kEnumerator: {
      const auto& values = value.enumeration->values;
      const auto at = std::find(values.begin(), values.end(), value.number) - values.begin();
      return std::string(value.enumeration->name) +
             "::" + std::string(value.enumeration->members[static_cast<std::size_t>(at)].name);
    }
    case Kind::kRef:
      return rdl::reference_text(*value.reference);
    case Kind::kList:
      return list_text(*value.list);
    case Kind::kStruct:
      return list_text(value.structure->members);
  }
  return {};
}

}  // namespace hni::speclib
