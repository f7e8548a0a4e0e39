// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The bpftrace programs: parses their header comments and inserts the tables of names.
///
/// A program is a file trace/NAME.bt. Its header comment starts with a line `NAME: what it shows`,
/// followed by sections, each under a title line in capital letters. In its code two comment lines
/// are placeholders for statements, because bpftrace 0.17 supports neither functions nor more than
/// one BEGIN:
///
///     // +names ring site      fills the maps @ring_name and @site_name
///     // -names ring site      clears them, so that they are not printed at the end
///
/// The tables are those of word_tables() and of spec_table().

#include <string>
#include <string_view>
#include <vector>

namespace hni::trace {

struct Section {
  std::string title;  ///< empty: before the first title
  std::vector<std::string> lines;
};

struct ToolText {
  std::string name;
  std::string summary;
  std::vector<Section> sections;
};

/// Parses the header comment of a program; the name is empty if it has none.
ToolText tool_text(std::string_view program);

/// Returns the program with its tables filled in; empty if it has no header comment.
std::string complete_program(std::string_view program);

/// Returns a program that prints every event of every probe.
std::string events_program();

}  // namespace hni::trace
