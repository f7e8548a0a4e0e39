// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The bpftrace programs: what their header comments say, and how the tables of names get in.
///
/// A program is a file trace/NAME.bt. Its header comment begins with a line `NAME: what it shows`
/// and goes on in sections, each under a line in capital letters. In its code two comment lines
/// stand for statements, because bpftrace 0.17 knows neither functions nor more than one BEGIN:
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

/// What the header comment of a program says; an empty name if it has none.
ToolText tool_text(std::string_view program);

/// The program with its tables filled in; empty if it has no header comment.
std::string complete_program(std::string_view program);

/// A program that prints every event of every probe.
std::string events_program();

}  // namespace hni::trace
