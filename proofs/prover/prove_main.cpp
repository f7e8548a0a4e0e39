// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/prove_main.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "proofs/prover/changed.hpp"
#include "proofs/prover/job_pool.hpp"
#include "proofs/prover/report.hpp"
#include "spec/compiler/sort_stable.hpp"
#include "tools/hni/words.hpp"

namespace hni::proofs {

std::vector<Obligation>& obligations() {
  static std::vector<Obligation> all;
  return all;
}

Registration::Registration(const Obligation& obligation) {
  obligations().push_back(obligation);
}

namespace {

struct Options {
  std::vector<std::string> names;
  std::string solver = "both";
  std::string json_file, html_file, junit_file, sarif_file, script_folder, changed_since;
  RunOptions run;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  double max_cpu = 0;  ///< seconds for one obligation; 0: not looked at
  bool list = false;
  bool first_defect = false;
  bool mutants = false;
  bool coverage = false;
  bool explore = false;
};

std::vector<Obligation> selected(const std::vector<std::string>& names) {
  std::vector<Obligation> chosen;
  for (const Obligation& o : obligations()) {
    const bool wanted =
        names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& n) {
          return std::string(o.name).find(n) != std::string::npos;
        });
    if (wanted) chosen.push_back(o);
  }
  std::sort(chosen.begin(), chosen.end(), [](const Obligation& a, const Obligation& b) {
    return std::string(a.name) < std::string(b.name);
  });
  return chosen;
}

/// The work queue: each obligation and, once its assumptions are known, the obligation without
/// each of them.
class Campaign {
 public:
  Campaign(std::vector<Obligation> chosen, RunOptions options) : options_(std::move(options)) {
    for (const Obligation& o : chosen) entries_.push_back({o, {}, {}, false});
  }

  bool next(FarmTask& task) {
    if (!drops_.empty()) {
      const std::size_t index = drops_.back().first;
      const std::string name = drops_.back().second;
      drops_.pop_back();
      const Obligation o = entries_[index].obligation;
      task.work = [o, name, options = options_] {
        return to_json(decide_without(o, name, options));
      };
      task.finish = [this, index, name](const std::string& text) { dropped(index, name, text); };
      return true;
    }
    if (started_ == entries_.size()) return false;
    const std::size_t index = started_++;
    const Obligation o = entries_[index].obligation;
    task.work = [o, options = options_] { return to_json(decide(o, options)); };
    task.finish = [this, index](const std::string& text) { decided(index, text); };
    return true;
  }

  const std::vector<Entry>& entries() const { return entries_; }

 private:
  void decided(std::size_t index, const std::string& text) {
    Entry& entry = entries_[index];
    entry.finished = !text.empty();
    if (entry.finished) entry.report = report_from_json(text);
    if (entry.report.ok && entry.obligation.expect == Expect::kHolds) {
      for (const std::string& a : entry.report.assumptions) drops_.emplace_back(index, a);
    }
    ++done_;
    show(entry);
  }

  void dropped(std::size_t index, const std::string& assumption, const std::string& text) {
    Report report;
    if (!text.empty()) report = report_from_json(text);
    if (text.empty())
      report.why = "without assumption '" + assumption + "': did not finish in time";
    entries_[index].dropped.push_back(report);
    show(entries_[index]);
  }

  void show(const Entry& entry) const {
    if (isatty(STDERR_FILENO) == 0) return;
    std::fprintf(stderr, "\r\033[K%zu of %zu  %s%s", done_, entries_.size(), entry.obligation.name,
                 entry.report.ok ? "" : "  FAILED");
    if (done_ == entries_.size() && drops_.empty()) std::fprintf(stderr, "\r\033[K");
  }

  RunOptions options_;
  std::vector<Entry> entries_;
  std::vector<std::pair<std::size_t, std::string>> drops_;
  std::size_t started_ = 0, done_ = 0;
};

int print_list(const std::vector<Obligation>& chosen) {
  for (const Obligation& o : chosen) {
    std::printf("%-44s %s%s\n", o.name, o.expect == Expect::kRefuted ? "(must be refuted) " : "",
                o.requirement);
  }
  return 0;
}

/// For mutants: finds the first obligation that breaks, in the order in which they were named
/// (whole names). Small rings come first, because most mutants fail there. Returns 1 if one
/// breaks, 3 if none does but one is undecided.
int find_counterexample(std::vector<Obligation> chosen, const Options& options) {
  const auto rank = [&](const Obligation& o) {
    return std::find(options.names.begin(), options.names.end(), o.name) - options.names.begin();
  };
  const auto named = static_cast<std::ptrdiff_t>(options.names.size());
  std::erase_if(chosen, [&](const Obligation& o) {
    return o.expect == Expect::kRefuted || (named != 0 && rank(o) == named);
  });
  sort_stable(chosen, [&](const Obligation& a, const Obligation& b) { return rank(a) < rank(b); });
  std::string undecided;
  for (const bool small_sizes : {true, false}) {
    std::vector<Obligation> larger;
    for (const Obligation& o : chosen) {
      const Finding found = first_defect(o, small_sizes, options.run);
      if (!found.complete) larger.push_back(o);
      if (found.what.empty()) continue;
      const std::string broken = std::string(o.name) + ": " + found.what;
      if (!found.what.starts_with("undecided: ")) {
        std::printf("%s\n", broken.c_str());
        return 1;
      }
      if (undecided.empty()) undecided = broken;
    }
    chosen = larger;
  }
  if (!undecided.empty()) std::printf("%s\n", undecided.c_str());
  return undecided.empty() ? 0 : 3;
}

/// Returns the nearest folder at or above `from` that contains `what`.
std::optional<std::filesystem::path> above(std::filesystem::path from, const char* what) {
  while (!std::filesystem::exists(from / what)) {
    if (!from.has_relative_path()) return std::nullopt;
    from = from.parent_path();
  }
  return from;
}

/// Runs all paths of every harness in this process without asking the solvers, for coverage.
int explore_only(const std::vector<Obligation>& chosen, const std::vector<std::string>& names) {
  for (const Obligation& o : chosen) {
    if (!names.empty() && std::find(names.begin(), names.end(), o.name) == names.end()) continue;
    arena().clear();
    try {
      (void)Explorer(ExploreOptions{}).explore(o.harness);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", o.name, error.what());
      return 1;
    }
  }
  return 0;
}

/// Mutation and coverage runs need the sources, because they are scripts among them, and the build
/// folder of this program.
int run_script(const Options& options, const char* script) {
  const auto tree = above(std::filesystem::current_path(), script);
  const auto build = above(std::filesystem::read_symlink("/proc/self/exe").parent_path(),
                           "proofs/libhni_prover.a");
  if (!tree || !build) {
    std::fprintf(
        stderr,
        "cannot find %s and its build: run hni prove of a build folder inside the source tree\n",
        script);
    return 2;
  }
  std::vector<std::string> arguments{(*tree / script).string(), "--build", build->string(),
                                     "--jobs", std::to_string(options.jobs)};
  arguments.insert(arguments.end(), options.names.begin(), options.names.end());
  std::vector<char*> pointers;
  for (std::string& a : arguments) pointers.push_back(a.data());
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/// A counterexample that the fuzzer can replay is written to a file; if a folder was named, so is
/// the run that refutes a known mistake.
void write_scripts(const Options& options, const std::vector<Entry>& entries) {
  for (const Entry& e : entries) {
    if (e.report.script.empty() || (e.ok() && options.script_folder.empty())) continue;
    const auto file = std::filesystem::path(options.script_folder) /
                      (std::string(e.obligation.name) + ".script");
    std::ofstream(file) << e.report.script;
    std::printf("  on the real driver: hni fuzz replay %s %s\n", e.report.script_target.c_str(),
                file.c_str());
  }
}

/// Writes a whole file, or to standard output for "-". Prints a message and returns false on
/// failure.
bool write_file(const std::string& file, const std::string& text) {
  if (file.empty()) return true;
  if (file == "-") return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  std::ofstream out(file);
  if ((out << text).flush()) return true;
  std::fprintf(stderr, "cannot write '%s': name a file in a folder that exists and is writable\n",
               file.c_str());
  return false;
}

/// Reports how many `unsat` results rest on a proof that was checked here, and which do not.
void print_certified(std::FILE* out, const std::vector<Entry>& entries) {
  std::uint64_t asked = 0, certified = 0;
  for (const Entry& e : entries) {
    certified += e.report.certified;
    asked += e.report.certified + e.report.uncertified.size();
    for (const std::string& why : e.report.uncertified)
      std::fprintf(out, "not certified: %s: %s\n", e.obligation.name, why.c_str());
  }
  std::fprintf(out,
               "%llu of %llu questions certified: refuted by CaDiCaL, its DRAT proof checked\n",
               static_cast<unsigned long long>(certified), static_cast<unsigned long long>(asked));
}

/// The processor time of each obligation: the whole, the largest, and those beyond the limit.
bool print_cpu(std::FILE* out, const Options& options, const std::vector<Entry>& entries) {
  double total = 0;
  const Entry* largest = &entries.front();
  bool within = true;
  for (const Entry& e : entries) {
    total += e.cpu_seconds();
    if (e.cpu_seconds() > largest->cpu_seconds()) largest = &e;
    if (options.max_cpu == 0 || e.cpu_seconds() <= options.max_cpu) continue;
    within = false;
    std::fprintf(out, "%s took %.1f s of processor time: the limit is %.0f s\n", e.obligation.name,
                 e.cpu_seconds(), options.max_cpu);
  }
  std::fprintf(out, "%.1f s of processor time; the largest is %s with %.1f s\n", total,
               largest->obligation.name, largest->cpu_seconds());
  return within;
}

int conclude_run(const Options& options, const std::vector<Entry>& entries, double seconds) {
  const bool to_stdout = options.json_file == "-" || options.html_file == "-" ||
                         options.junit_file == "-" || options.sarif_file == "-";
  std::FILE* const words = to_stdout ? stderr : stdout;
  print_table(words, entries);
  print_failures(words, entries);
  write_scripts(options, entries);
  bool complete = true;
  if (options.names.empty()) {
    for (const std::string& p : properties_without_negative(entries)) {
      std::fprintf(words, "property %s has no negative obligation\n", p.c_str());
      complete = false;
    }
  }
  const Summary s = summarize(entries);
  std::fprintf(words, "\n%s; %.1f s\n", in_words(s).c_str(), seconds);
  complete = print_cpu(words, options, entries) && complete;
  if (options.run.certify) print_certified(words, entries);
  bool written = write_file(options.json_file, json_document(entries));
  written = write_file(options.html_file, html_page(entries)) && written;
  written = write_file(options.junit_file, junit_document(entries)) && written;
  written = write_file(options.sarif_file, sarif_document(entries)) && written;
  return s.ok() && complete && written ? 0 : 1;
}

}  // namespace

int prove_main(int argc, char** argv) {
  Options options;
  CLI::App app{"Proves the ring invariants and the other obligations with Z3 and cvc5.",
               "hni prove"};
  app.add_option("NAME", options.names, "only obligations whose name contains this");
  app.add_option("--solver", options.solver, "z3, cvc5 or both")
      ->check(CLI::IsMember({"z3", "cvc5", "both"}));
  app.add_option("-j,--json", options.json_file, "write the results to this file as JSON");
  app.add_option("--html", options.html_file,
                 "write one page: what is proved, under which assumptions");
  app.add_option("--junit", options.junit_file, "write the results as JUnit XML (-: to stdout)");
  app.add_option("--sarif", options.sarif_file, "write what failed as SARIF (-: to stdout)");
  app.add_flag("--certified", options.run.certify,
               "also refute each question with CaDiCaL and check its DRAT proof; one without is a "
               "failure");
  app.add_option(
      "--cache", options.run.cache_folder,
      "remember the solvers' answers in this folder, by the whole question and version");
  app.add_option(
      "--changed", options.changed_since,
      "only obligations that include a file changed since this revision (in the source tree)");
  app.add_option("--smt2", options.run.smt2_folder,
                 "write every question as SMT-LIB into this folder");
  app.add_option(
      "--scripts", options.script_folder,
      "folder for counterexamples as scripts, those of the known mistakes too (default: "
      "here, without them)");
  app.add_option("--jobs", options.jobs, "processes at once (all cores)")
      ->check(CLI::Range(1, 256));
  app.add_option("--timeout", options.run.timeout_ms,
                 "milliseconds for one question to one solver");
  app.add_option("--max-cpu", options.max_cpu,
                 "fail if an obligation takes more seconds of processor time than this")
      ->check(CLI::PositiveNumber);
  app.add_flag("--list", options.list, "show the obligations and their requirements");
  app.add_flag("--first-defect", options.first_defect,
               "stop at the first broken obligation (for mutants)");
  app.add_flag(
      "--mutants", options.mutants,
      "mutate the proved code (NAME: a part of a header's name): each mutant must be refuted");
  app.add_flag("--coverage", options.coverage,
               "measure which lines and branches of the proved code the obligations run (NAME: a "
               "part of a header's name)");
  app.add_flag("--explore", options.explore,
               "run every path and ask nothing (NAME: a whole name)");
  if (const auto status = tools::parse(app, "hni prove", argc, argv)) return *status;
  if (options.mutants) return run_script(options, "proofs/mutation/mutate");
  if (options.coverage) return run_script(options, "proofs/coverage/measure");
  std::vector<Obligation> chosen = selected(options.names);
  if (!options.changed_since.empty()) {
    const auto tree = above(std::filesystem::current_path(), "proofs/obligations");
    const auto changed = tree ? changed_files(*tree, options.changed_since)
                              : std::optional<std::set<std::string>>();
    if (!changed) {
      std::fprintf(stderr,
                   "cannot compare with '%s': run in the source tree, with a revision of it\n",
                   options.changed_since.c_str());
      return 2;
    }
    std::erase_if(chosen, [&](const Obligation& o) {
      return !depends_on(*tree, repository_path(o.file), *changed);
    });
    if (chosen.empty()) {
      std::printf("no obligation depends on what changed since %s\n",
                  options.changed_since.c_str());
      return 0;
    }
  }
  if (chosen.empty()) {
    std::fprintf(stderr, "hni prove: no obligation of that name; see hni prove --list\n");
    return 2;
  }
  if (options.list) return print_list(chosen);
  if (options.first_defect) return find_counterexample(chosen, options);
  if (options.explore) return explore_only(chosen, options.names);
  options.run.solvers = options.solver == "z3"     ? Solvers::kZ3
                        : options.solver == "cvc5" ? Solvers::kCvc5
                                                   : Solvers::kBoth;
  for (const std::string& folder :
       {options.run.smt2_folder, options.script_folder, options.run.cache_folder}) {
    std::error_code error;
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    if (!error) continue;
    std::fprintf(stderr, "cannot make folder '%s': %s\n", folder.c_str(), error.message().c_str());
    return 2;
  }
  if (!options.run.cache_folder.empty()) {
    options.run.z3_version = "z3 " + versions().z3;
    options.run.cvc5_version = versions().cvc5;
  }
  const auto start = std::chrono::steady_clock::now();
  Campaign campaign(chosen, options.run);
  JobPool(options.jobs, 4 * options.run.timeout_ms).run([&](FarmTask& task) {
    return campaign.next(task);
  });
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return conclude_run(options, campaign.entries(), seconds);
}

}  // namespace hni::proofs
