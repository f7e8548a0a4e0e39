// SPDX-License-Identifier: Apache-2.0
// hni-trace-gen: writes the files that are derived from the probe list and from the header
// comments of the bpftrace programs. Run by the build.

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <iterator>
#include <span>

#include "trace/manual.hpp"
#include "trace/probe_list.hpp"
#include "trace/program.hpp"

namespace hni::trace {
namespace {

std::string read_file(const char* path) {
  std::ifstream in(path);
  if (!in) {
    fmt::print(stderr, "hni-trace-gen: cannot read {}\n", path);
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Prints the ELF notes of a binary with all probes, as the golden test expects them.
std::string notes() {
  std::string out;
  for (const ProbeInfo& probe : probe_list()) {
    out += "hni " + probe.name + " semaphore";
    for (const ProbeArgument& a : probe.arguments)
      out += fmt::format(" {}{}", a.is_signed ? "-" : "", a.bytes);
    out += '\n';
  }
  return out;
}

int usage() {
  fmt::print(stderr,
             "usage: hni-trace-gen OUTPUT probes-md | probes-man | notes | events |\n"
             "       program FILE.bt | man FILE.bt | overview FILE.bt...\n");
  return 2;
}

int generate(const char* output, std::span<char* const> words) {
  const std::string what = words[0];
  std::string out;
  if (what == "probes-md" && words.size() == 1) {
    out = probes_markdown();
  } else if (what == "probes-man" && words.size() == 1) {
    out = probes_manual();
  } else if (what == "notes" && words.size() == 1) {
    out = notes();
  } else if (what == "events" && words.size() == 1) {
    out = events_program();
  } else if (what == "program" && words.size() == 2) {
    out = complete_program(read_file(words[1]));
  } else if (what == "overview") {
    std::vector<std::string> programs;
    for (const char* path : words.subspan(1)) programs.push_back(read_file(path));
    out = overview_manual(programs);
  } else if (what == "man" && words.size() == 2) {
    out = tool_manual(read_file(words[1]));
  } else {
    return usage();
  }
  if (out.empty()) {
    fmt::print(stderr, "hni-trace-gen: {} is not a program with a header comment\n", words[1]);
    return 1;
  }
  std::ofstream file(output);
  file << out;
  file.close();
  if (file) return 0;
  fmt::print(stderr, "hni-trace-gen: cannot write {}\n", output);
  return 1;
}

}  // namespace
}  // namespace hni::trace

int main(int argc, char** argv) {
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  return argc < 3 ? hni::trace::usage() : hni::trace::generate(argv[1], words.subspan(2));
}
