// SPDX-License-Identifier: Apache-2.0
// Text of an XML document, one element on a line, and the words that SVD and IP-XACT share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hni::speclib {

class XmlWriter {
 public:
  // `prefix` is put in front of every element's name ("ipxact:").
  explicit XmlWriter(std::string_view prefix = {}) : prefix_(prefix) {}

  // Adds a line as it is.
  void raw(std::string_view text);
  void open(std::string_view tag) { raw(begin(tag)), ++depth_; }
  void close(std::string_view tag);
  // For an element with attributes that raw() has opened.
  void indent() { ++depth_; }
  // Adds an element; the text is escaped, and control bytes become blanks.
  void line(std::string_view tag, std::string_view text);
  void comment(std::string_view text);
  std::string take() { return std::move(out_); }

  static std::string escaped(std::string_view text);

 private:
  std::string begin(std::string_view tag) const;

  std::string prefix_;
  std::size_t depth_ = 0;
  std::string out_;
};

// Converts the standard's access words (SystemRDL 9.6.1); CMSIS-SVD and IP-XACT use the same ones.
const char* xml_access(std::string_view sw);
// Converts `onwrite`; null if it is empty.
const char* xml_write_effect(std::string_view onwrite);
// Converts `onread`; null if it is empty.
const char* xml_read_effect(std::string_view onread);

}  // namespace hni::speclib
