// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/xml_writer.hpp"

#include <fmt/format.h>

#include <utility>

#include "spec/compiler/value_text.hpp"

namespace hni::speclib {

std::string XmlWriter::escaped(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string XmlWriter::begin(std::string_view tag) const {
  return fmt::format("<{}{}>", prefix_, tag);
}

void XmlWriter::raw(std::string_view text) {
  out_.append(depth_, ' ');
  out_ += text;
  out_ += '\n';
}

void XmlWriter::close(std::string_view tag) {
  --depth_;
  raw(fmt::format("</{}{}>", prefix_, tag));
}

void XmlWriter::line(std::string_view tag, std::string_view text) {
  raw(fmt::format("<{0}{1}>{2}</{0}{1}>", prefix_, tag, escaped(text)));
}

// "--" must not occur in a comment.
void XmlWriter::comment(std::string_view text) {
  std::string plain = escaped(text);
  for (std::size_t at = 0; (at = plain.find("--", at)) != std::string::npos;) plain[at + 1] = ' ';
  raw(fmt::format("<!-- {} -->", plain));
}

const char* xml_access(std::string_view sw) {
  if (sw == "r") return "read-only";
  if (sw == "w") return "write-only";
  if (sw == "w1") return "writeOnce";
  return sw == "rw1" ? "read-writeOnce" : "read-write";
}

const char* xml_write_effect(std::string_view onwrite) {
  static constexpr std::pair<std::string_view, const char*> kEffects[] = {
      {"woclr", "oneToClear"}, {"woset", "oneToSet"}, {"wot", "oneToToggle"},
      {"wzc", "zeroToClear"},  {"wzs", "zeroToSet"},  {"wzt", "zeroToToggle"},
      {"wclr", "clear"},       {"wset", "set"},       {"wuser", "modify"},
  };
  for (const auto& [word, effect] : kEffects) {
    if (onwrite == word) return effect;
  }
  return nullptr;
}

const char* xml_read_effect(std::string_view onread) {
  if (onread.empty()) return nullptr;
  return onread == "rclr" ? "clear" : onread == "rset" ? "set" : "modify";
}

}  // namespace hni::speclib
