// SPDX-License-Identifier: Apache-2.0
#include "trace/manual.hpp"

#include <fmt/format.h>

#include "trace/probe_list.hpp"
#include "trace/program.hpp"

namespace hni::trace {
namespace {

constexpr const char* kIntroduction =
    "Provider hni. Each probe has a semaphore: its arguments are computed only while a tracer\n"
    "is attached; an unattached probe costs one comparison. Arguments are in registers or are\n"
    "constants (constraint nr), so that every reader of USDT notes understands them. Unsigned\n"
    "unless said otherwise; the first is always the port, 0 for hni0, and then come queue and\n"
    "slot or vector of what has them. What takes time is a pair of probes, __start and __done.\n";

std::string type_of(const ProbeArgument& a) {
  return fmt::format("{}{}", a.is_signed ? "s" : "u", a.bytes * 8);
}

/// Escapes text that troff would take for a command or an escape.
std::string troff(std::string_view text) {
  std::string out;
  if (!text.empty() && (text[0] == '.' || text[0] == '\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

bool is_example(std::string_view line) {
  return line.starts_with("   ");
}

std::string section(const Section& s) {
  std::string out;
  bool example = false;
  for (const std::string& line : s.lines) {
    if (is_example(line) != example) {
      out += example ? ".fi\n.RE\n" : ".RS 2\n.nf\n";
      example = !example;
    }
    if (line.empty()) {
      out += example ? "\n" : ".PP\n";
    } else {
      out += troff(example ? std::string_view(line).substr(4) : std::string_view(line)) + "\n";
    }
  }
  if (example) out += ".fi\n.RE\n";
  return out;
}

}  // namespace

std::string probes_markdown() {
  std::string out =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
      "<!-- Written by hni-trace-gen probes-md from driver/core/probes.def; a test compares them. "
      "-->\n"
      "# Probes\n\n";
  out += kIntroduction;
  out +=
      "`hni trace` has a program for each common question; `hni trace events` prints every "
      "event.\n";
  for (const ProbeInfo& probe : probe_list()) {
    out += fmt::format("\n## {}\n\n{}{}.\n\n", probe.name,
                       static_cast<char>(std::toupper(static_cast<unsigned char>(probe.when[0]))),
                       probe.when.substr(1));
    out += "| | type | argument | |\n|---|---|---|---|\n";
    for (std::size_t i = 0; i < probe.arguments.size(); ++i) {
      const ProbeArgument& a = probe.arguments[i];
      out += fmt::format("| arg{} | {} | {} | {} |\n", i, type_of(a), a.name, a.unit);
    }
  }
  out += "\n# Numbers\n\nWhat the numbers in the arguments mean; the tools print the words.\n";
  for (const WordTable& table : word_tables()) {
    out += fmt::format("\n## {}\n\n", table.what);
    for (std::size_t i = 0; i < table.words.size(); ++i)
      out += fmt::format("{}{} {}", i == 0 ? "" : ", ", i, table.words[i]);
    out += "\n";
  }
  return out;
}

std::string probes_manual() {
  std::string out =
      ".TH HNI\\-PROBES 7 \"\" openhni\n.SH NAME\n"
      "hni\\-probes \\- the USDT probes of a running openhni driver\n.SH DESCRIPTION\n";
  out += troff(kIntroduction);
  out += ".SH PROBES\n";
  for (const ProbeInfo& probe : probe_list()) {
    out += fmt::format(".TP\n.B {}\n{}.\n", troff(probe.name), troff(probe.when));
    for (std::size_t i = 0; i < probe.arguments.size(); ++i) {
      const ProbeArgument& a = probe.arguments[i];
      out += fmt::format(".br\narg{} {} {}{}\n", i, type_of(a), troff(a.name),
                         a.unit.empty() ? "" : ": " + troff(a.unit));
    }
  }
  out += ".SH NUMBERS\n";
  for (const WordTable& table : word_tables()) {
    out += fmt::format(".TP\n.B {}\n", table.what);
    for (std::size_t i = 0; i < table.words.size(); ++i)
      out += fmt::format("{} {}{}\n", i, troff(table.words[i]),
                         i + 1 == table.words.size() ? "" : ",");
  }
  return out + ".SH SEE ALSO\nhni\\-trace(8), bpftrace(8)\n";
}

std::string overview_manual(const std::vector<std::string>& programs) {
  std::string out =
      ".TH HNI\\-TRACE 8 \"\" openhni\n.SH NAME\n"
      "hni\\-trace \\- inspect a running openhni driver with bpftrace\n.SH SYNOPSIS\n"
      ".B hni trace\n.br\n"
      ".B hni trace TOOL\n[\\-\\-pid PID] [\\-\\-json] [\\-\\-output FILE] [\\-\\- "
      "COMMAND...]\n.br\n"
      ".B hni trace plot FILE\n[\\-\\-output PICTURE]\n"
      ".SH DESCRIPTION\n"
      "Attaches one of the tools below to a driver, without restarting it: to the process PID, "
      "or\n"
      "to the only running\n.BR \"hni run\" ,\n"
      "or to COMMAND, which is started, traced from its beginning, and ends the tracing. "
      "Ctrl\\-C\n"
      "ends it too. What a tool counted is printed at the end. COMMAND's output goes to standard\n"
      "error. With \\-\\-json each line is an object as bpftrace writes it.\n.PP\n"
      "plot draws what the record tool wrote as one HTML file: latency over time, and how full "
      "the\n"
      "rings were.\n.PP\n"
      "Tracing needs root, a kernel with BPF and uprobes, and bpftrace 0.17 to 0.23. When the\n"
      "tracer ends or is killed, the kernel takes its probes out of the driver.\n.SH TOOLS\n";
  for (const std::string& program : programs) {
    const ToolText text = tool_text(program);
    out += fmt::format(".TP\n.B {}\n{}\n", troff(text.name), troff(text.summary));
  }
  return out +
         ".SH ENVIRONMENT\n.TP\n.B HNI_BPFTRACE\nbpftrace to use\n.TP\n"
         ".B HNI_TRACE_PROGRAMS\nfolder of the programs\n.TP\n"
         ".B BPFTRACE_MAP_KEYS_MAX, BPFTRACE_PERF_RB_PAGES\nas bpftrace has them; 16384 and 4096 "
         "if not set\n"
         ".SH SEE ALSO\nhni\\-probes(7), bpftrace(8)\n";
}

std::string tool_manual(std::string_view program) {
  const ToolText text = tool_text(program);
  if (text.name.empty()) return {};
  std::string upper = text.name;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string out =
      fmt::format(".TH HNI\\-TRACE\\-{0} 8 \"\" openhni\n.SH NAME\nhni\\-trace\\-{1} \\- {2}\n",
                  troff(upper), troff(text.name), troff(text.summary));
  out += fmt::format(
      ".SH SYNOPSIS\n.B hni trace {}\n[\\-\\-pid PID] [\\-\\-json] [\\-\\- COMMAND...]\n",
      troff(text.name));
  for (const Section& s : text.sections) {
    if (!s.title.empty()) out += ".SH " + s.title + "\n";
    out += section(s);
  }
  return out + ".SH SEE ALSO\nhni\\-trace(8), hni\\-probes(7), bpftrace(8)\n";
}

}  // namespace hni::trace
