// SPDX-License-Identifier: Apache-2.0
#pragma once

/// HelpFormatter: CLI11's help, wrapped to terminals of 80 columns.

#include <CLI/CLI.hpp>
#include <string>

namespace hni::tools {

inline constexpr std::size_t kHelpColumns = 79;

/// Wraps the lines of `help` at blanks. Continuation lines are indented to the text of their line:
/// after the first gap of two blanks, or four columns.
inline std::string fold_help(const std::string& help) {
  std::string out;
  for (std::size_t begin = 0; begin < help.size();) {
    const std::size_t end = std::min(help.find('\n', begin), help.size());
    std::string line = help.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t first = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t gap = line.find("  ", first);
    std::size_t indent = gap == std::string::npos ? first + 4 : line.find_first_not_of(' ', gap);
    if (indent > kHelpColumns / 2) indent = first + 4;
    while (line.size() > kHelpColumns) {
      const std::size_t cut = line.rfind(' ', kHelpColumns);
      if (cut == std::string::npos || cut <= indent) break;
      out += line.substr(0, line.find_last_not_of(' ', cut) + 1) + '\n';
      line = std::string(indent, ' ') + line.substr(cut + 1);
    }
    out += line + '\n';
  }
  return out;
}

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    return fold_help(CLI::Formatter::make_help(app, name, mode));
  }
};

/// Applies this help format to `app` and all its subcommands.
inline void fold_help_of(CLI::App& app) {
  app.formatter(std::make_shared<HelpFormatter>());
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) fold_help_of(*sub);
}

}  // namespace hni::tools
