// SPDX-License-Identifier: Apache-2.0
// `hni port`: requests to a running `hni run`.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tools/hni/commands.hpp"
#include "tools/hni/control.hpp"
#include "tools/hni/open_metrics.hpp"
#include "tools/hni/register_names.hpp"
#include "tools/hni/text_view.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

struct PortOptions {
  std::vector<std::string> words;
  int run = 0;
  std::optional<std::uint32_t> count;  ///< faults
  bool list_sites = false;
  bool json = false;
  bool open_metrics = false;
  bool verbose = false;
  bool all = false;
};

/// Removes what is 0 from objects, and objects that become empty. An empty object that was there
/// from the start stays: it means none.
void remove_zeros(Json& value) {
  if (value.is_array()) {
    for (Json& entry : value) remove_zeros(entry);
    return;
  }
  if (!value.is_object()) return;
  for (auto at = value.begin(); at != value.end();) {
    const bool had = at->is_object() && !at->empty();
    remove_zeros(*at);
    const bool zero = at->is_number() && *at == 0;
    at = zero || (had && at->empty()) ? value.erase(at) : std::next(at);
  }
}

Outcome<RunningLab> choose(int pid) {
  const std::vector<RunningLab> labs = running_labs();
  if (labs.empty()) return problem("no `hni run` is running: start one first");
  if (pid == 0 && labs.size() == 1) return labs.front();
  std::vector<std::string> pids;
  for (const RunningLab& testbed : labs) {
    if (testbed.pid == pid) return testbed;
    pids.push_back(std::to_string(testbed.pid));
  }
  if (pid != 0)
    return problem(fmt::format("unknown run {}: there are {}", pid, fmt::join(pids, ", ")));
  return problem(fmt::format("{} instances are running: select one with --pid {}", pids.size(),
                             fmt::join(pids, "|")),
                 kExitUsage);
}

void print(const Json& answer, bool json) {
  if (json) {
    fmt::print("{}\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", as_text(answer));
  }
}

/// Handles stats, link, rings, fw.
Outcome<> show(const std::string& verb, const PortOptions& options) {
  const auto testbed = choose(options.run);
  if (!testbed) return tl::unexpected(testbed.error());
  if (options.words.size() > 1)
    return problem(fmt::format("unexpected argument '{}'", options.words[1]), kExitUsage);
  const std::string port = options.words.empty() ? "" : options.words.front();
  auto answer = ask(testbed->path, {verb, port, {}, {}, {}, {}});
  if (!answer) return tl::unexpected(answer.error());
  if (verb == "stats" && !options.json && !options.open_metrics && !options.all)
    remove_zeros((*answer)["ports"]);
  if (options.open_metrics) {
    fmt::print("{}", open_metrics((*answer)["ports"]));
    return {};
  }
  print((*answer)["ports"], options.json);
  return {};
}

Outcome<> list(const PortOptions& options) {
  Json rows = Json::array();
  for (const RunningLab& testbed : running_labs()) {
    const auto answer = ask(testbed.path, {"list", {}, {}, {}, {}, {}});
    if (!answer && ::access(testbed.path.c_str(), F_OK) != 0) continue;  // it ended meanwhile
    if (!answer) {
      rows.push_back({{"run", testbed.pid},
                      {"port", "?"},
                      {"state", "does not answer"},
                      {"link_up", false},
                      {"speed_mbps", 0}});
      continue;
    }
    for (const Json& port : (*answer)["ports"]) {
      rows.push_back({{"run", testbed.pid},
                      {"port", port["port"]},
                      {"state", port["state"]},
                      {"link_up", port["link_up"]},
                      {"speed_mbps", port["speed_mbps"]}});
    }
  }
  print(rows, options.json);
  return {};
}

/// Handles inject PORT SITE VALUE.
Outcome<> inject(const PortOptions& options) {
  if (options.list_sites) {
    for (const SiteInfo& site : kSites) fmt::print("{:<19}{}\n", site.name, site.limit);
    return {};
  }
  if (options.words.size() != 3)
    return problem("PORT, SITE and VALUE are needed: --list-sites prints the sites", kExitUsage);
  const auto testbed = choose(options.run);
  if (!testbed) return tl::unexpected(testbed.error());
  const std::string& text = options.words[2];
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (end == text.c_str() || *end != '\0')
    return problem(fmt::format("invalid number '{}'", text), kExitUsage);
  if (value > 0xffffffffU)
    return problem("invalid value: must be a number of at most 32 bits", kExitUsage);
  const auto answer = ask(testbed->path, {"inject",
                                          options.words[0],
                                          options.words[1],
                                          static_cast<std::uint32_t>(value),
                                          options.count,
                                          {}});
  if (!answer) return tl::unexpected(answer.error());
  print((*answer)["ports"], options.json);
  return {};
}

bool is_port_name(const std::string& word) {
  return word.size() == 4 && word.starts_with("hni") && word[3] >= '0' && word[3] <= '9';
}

/// Reads the registers that `names` select, in pieces.
Outcome<Json> read_all(const std::string& path, const std::string& port,
                       const std::vector<RegisterElement>& elements) {
  constexpr std::size_t kPiece = 4096;
  Json values = Json::array();
  for (std::size_t at = 0; at < elements.size(); at += kPiece) {
    Question question{"regs", port, {}, {}, {}, {}};
    for (std::size_t i = at; i < std::min(at + kPiece, elements.size()); ++i)
      question.reads.push_back({elements[i].bar, elements[i].byte_offset});
    const auto answer = ask(path, question);
    if (!answer) return answer;
    for (const Json& value : (*answer)["ports"][0]["values"]) values.push_back(value);
  }
  return values;
}

Outcome<> show_registers(const PortOptions& options) {
  std::string port = "hni0";
  std::vector<std::string> names;
  for (const std::string& word : options.words) {
    if (is_port_name(word)) {
      port = word;
    } else {
      names.push_back(word);
    }
  }
  const auto testbed = choose(options.run);
  if (!testbed) return tl::unexpected(testbed.error());
  const RegisterNames registers;
  const auto elements = registers.find(names);
  if (!elements) return tl::unexpected(elements.error());
  const auto values = read_all(testbed->path, port, *elements);
  if (!values) return tl::unexpected(values.error());

  Json out = Json::object();
  for (std::size_t i = 0; i < values->size(); ++i) {
    const auto value = (*values)[i].get<std::uint32_t>();
    // Without names: show the registers that differ from an idle card instead of thousands of
    // zeros.
    if (names.empty() && value == 0) continue;
    if (options.json) {
      out[(*elements)[i].name] = value;
    } else if (options.verbose) {
      fmt::print("{}\n", registers.decode((*elements)[i].name, value));
    } else {
      fmt::print("{:<40} {:#010x}\n", (*elements)[i].name, value);
    }
  }
  if (options.json) fmt::print("{}\n", Json{{"port", port}, {"registers", out}}.dump());
  return {};
}

}  // namespace

int port_command(int argc, char** argv) {
  PortOptions options;
  CLI::App app{"Ask the ports of a running `hni run`.", "hni port"};
  app.require_subcommand(0, 1);
  const auto verb = [&](const char* name, const char* help) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->add_flag("-j,--json", options.json, "print JSON");
    return sub;
  };
  const auto with_port = [&](CLI::App* sub) {
    sub->add_option("PORT", options.words, "hni0 or hni1; both if omitted");
    sub->add_option("-p,--pid,--run", options.run, "the `hni run`, if there are several");
    return sub;
  };
  verb("list", "the ports that are there");
  CLI::App* stats = with_port(
      verb("stats", "packets, drops by reason, counters of driver and card that are not zero"));
  stats->add_flag("-a,--all", options.all, "those that are zero, too, as in the JSON");
  stats->add_flag("--openmetrics", options.open_metrics, "print OpenMetrics text");
  with_port(verb("link", "speed, FEC, pause"));
  with_port(verb("rings", "heads, tails, and where the buffers are"));
  with_port(verb("fw", "firmware versions, heartbeat, sensors"));
  CLI::App* regs = verb("regs", "registers by name");
  regs->add_option("NAME", options.words,
                   "register names or patterns ('QUEUE_TWQ0*[0]'), and hni0 or hni1; without "
                   "names all that are not zero");
  regs->add_option("-p,--pid,--run", options.run, "the `hni run`, if there are several");
  regs->add_flag("-v,--verbose", options.verbose, "decode the fields");
  CLI::App* injector = verb("inject",
                            "inject a fault until the driver refuses it: the card reports VALUE "
                            "at the input site SITE (`man hni-probes` names them)");
  injector
      ->add_option("WHAT", options.words,
                   "PORT SITE VALUE: hni0 or hni1, an input site, at most 32 bits")
      ->expected(0, 3);
  injector->add_flag("--list-sites", options.list_sites,
                     "print the input sites and the rule of each");
  injector->add_option("-p,--pid,--run", options.run, "the `hni run`, if there are several");
  injector->add_option("--count", options.count,
                       "replace this many values, refused or not; 0 removes the fault");
  with_port(verb("go", "start a run that waits with --hold"));
  if (const auto status = parse(app, "hni port", argc, argv)) return *status;
  if (app.get_subcommands().empty()) {
    fmt::print(stderr, "{}", app.help());
    return kExitUsage;
  }
  const std::string name = app.get_subcommands().front()->get_name();
  const auto done = name == "list"     ? list(options)
                    : name == "regs"   ? show_registers(options)
                    : name == "inject" ? inject(options)
                                       : show(name, options);
  return done ? kExitDone : complain("hni port " + name, done.error());
}

}  // namespace hni::tools
