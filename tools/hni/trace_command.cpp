// SPDX-License-Identifier: Apache-2.0
// `hni trace`: runs one of the bpftrace programs on a driver.

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "tools/hni/commands.hpp"
#include "tools/hni/fd.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/text_view.hpp"
#include "tools/hni/trace_output.hpp"
#include "tools/hni/trace_target.hpp"
#include "tools/hni/words.hpp"
#include "trace/recording_perfetto.hpp"
#include "trace/recording_plot.hpp"

namespace hni::tools {
namespace {

namespace fs = std::filesystem;

struct TraceOptions {
  std::string tool;
  std::vector<std::string> words;  ///< a file to plot, or a command to run
  int pid = 0;
  bool json = false;
  bool perfetto = false;
  std::string output;
  std::string bpftrace = "bpftrace";
};

Outcome<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return system_problem(path);
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> tools() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(trace_folder(), error)) {
    if (entry.path().extension() == ".bt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Returns the line "// NAME: what it shows" of a program.
std::string summary(const std::string& tool) {
  std::ifstream in(trace_folder() + "/" + tool + ".bt");
  const std::string begin = "// " + tool + ": ";
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(begin)) return line.substr(begin.size());
  }
  return "";
}

int list(bool json) {
  if (json) {
    for (const std::string& tool : tools())
      fmt::print("{}\n", Json{{"tool", tool}, {"shows", summary(tool)}}.dump());
    return kExitDone;
  }
  fmt::print("Tools, for `hni trace TOOL`; see `man hni-trace-TOOL` for details:\n");
  for (const std::string& tool : tools()) fmt::print("  {:<11}{}\n", tool, summary(tool));
  fmt::print("  {:<11}a recording as a picture\n", "plot");
  return kExitDone;
}

/// Creates an unnamed file that children open as /proc/PID/fd/N.
Outcome<Fd> nameless_file(const char* what, const std::string& text) {
  Fd file(::memfd_create(what, MFD_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return system_problem(what);
  return file;
}

std::string path_of(const Fd& file) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), file.get());
}

/// bpftrace splits its command at each space and has no quoting.
Outcome<std::string> command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (word.empty() || word.find_first_of(" \"'") != std::string::npos) {
      return problem(
          fmt::format("bpftrace cannot pass the word '{}': start the command yourself, and use "
                      "--pid",
                      word),
          kExitUsage);
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line;
}

/// Returns the program with the binary's path in its probes.
Outcome<Fd> program_for(const std::string& tool, const TraceTarget& target) {
  auto text = read_text(trace_folder() + "/" + tool + ".bt");
  if (!text) return tl::unexpected(text.error());
  const std::string any = "usdt:*:";
  const std::string ours = "usdt:" + target.binary + ":";
  for (auto at = text->find(any); at != std::string::npos; at = text->find(any, at + 1))
    text->replace(at, any.size(), ours);
  return nameless_file("program", *text);
}

/// bpftrace and its two output pipes.
class Tracer {
 public:
  static constexpr int kResultsFd = 3;
  static constexpr const char* kResults = "/dev/fd/3";

  ~Tracer() {
    if (pid_ == 0) return;
    (void)::kill(pid_, SIGTERM);
    (void)::waitpid(pid_, nullptr, 0);
  }

  Outcome<> start(const TraceOptions& options, const TraceTarget& target) {
    for (const char* tool : {"events", "mailbox", "record", "refused", "timeline"})
      immediate_ = immediate_ || options.tool == tool;
    auto program = program_for(options.tool, target);
    if (!program) return tl::unexpected(program.error());
    program_ = std::move(*program);
    std::vector<std::string> line{options.bpftrace, "-f", options.json ? "json" : "text", "-o",
                                  kResults};
    if (target.pid != 0) {
      line.insert(line.end(), {"-p", std::to_string(target.pid)});
    } else {
      auto command = command_line(target.command);
      if (!command) return tl::unexpected(command.error());
      line.insert(line.end(), {"-c", *command});
    }
    line.push_back(path_of(program_));
    return spawn(line);
  }

  /// Forwards the output of bpftrace until it ends; returns its exit status.
  int run(TraceOutput& output, std::FILE* to) {
    std::array<pollfd, 3> ends{pollfd{out_.get(), POLLIN, 0}, pollfd{err_.get(), POLLIN, 0},
                               pollfd{signals_.get(), POLLIN, 0}};
    std::array<std::string, 2> rest;
    int status = 0;
    // The traced command has the pipes, too, and may leave a child that keeps them open.
    bool ended = false;
    for (bool quiet = false; (ends[0].fd >= 0 || ends[1].fd >= 0) && !(ended && quiet);) {
      ended = ended || ::waitpid(pid_, &status, WNOHANG) == pid_;
      const int ready = ::poll(ends.data(), ends.size(), ended ? 0 : 100);
      quiet = ready == 0;
      for (unsigned i = 0; ready > 0 && i < 2; ++i) {
        if (ends[i].revents == 0) continue;
        if (!read_some(ends[i].fd, rest[i])) ends[i].fd = -1;
        hand_on_lines(i == 0, rest[i], output, to);
      }
      if (ready > 0 && ends[2].revents != 0) note_request();
      if (!ended) ask_to_end();
      report_silence();
      std::fflush(to);
    }
    for (unsigned i = 0; i < 2; ++i) {
      if (!rest[i].empty()) hand_on(i == 0, rest[i], output, to);
    }
    const std::string last = output.end();
    std::fwrite(last.data(), 1, last.size(), to);
    if (!ended) status = wait_for_end();
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// It was attached and had nothing to print.
  [[nodiscard]] bool saw_nothing() const { return attached_ && !results_; }
  /// It did not end on request, so its results are incomplete.
  [[nodiscard]] bool forced() const { return asked_ >= kMaxAsked; }

 private:
  static bool read_some(int fd, std::string& to) {
    std::array<char, 65536> bytes;
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) return true;
    if (n > 0) to.append(bytes.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  // ---- Its end

  static constexpr unsigned kMaxAsked = 30;
  static constexpr Duration kAskPeriod = std::chrono::seconds(1);

  /// SIGINT, SIGTERM or SIGHUP arrived.
  void note_request() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    if (end_requested_) return;
    end_requested_ = true;
    // Ctrl-C reached bpftrace, too: it has a second before the signal is repeated.
    const bool terminal = info.ssi_signo == SIGINT && info.ssi_code == SI_KERNEL;
    next_ask_ = monotonic_now() + (terminal ? kAskPeriod : Duration::zero());
  }
  /// True while a SIGINT ends it in an orderly way. While it prints its results, a SIGINT kills
  /// it.
  [[nodiscard]] bool catches_interrupts() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigCgt:"))
        return (std::strtoull(line.c_str() + 7, nullptr, 16) >> (SIGINT - 1) & 1) != 0;
    }
    return false;
  }
  /// A SIGINT can be lost, so it is sent until bpftrace reacts, but not more often than a fixed
  /// limit.
  void ask_to_end() {
    if (!end_requested_ || monotonic_now() < next_ask_) return;
    next_ask_ = monotonic_now() + kAskPeriod;
    ++asked_;
    if (asked_ >= kMaxAsked) {
      (void)::kill(pid_, asked_ == kMaxAsked ? SIGTERM : SIGKILL);
    } else if (!attached_ || catches_interrupts()) {
      (void)::kill(pid_, SIGINT);
    }
  }
  /// It closed its outputs, so it must exit now or is killed.
  int wait_for_end() {
    int status = 0;
    for (int look = 0; look < 200; ++look) {
      if (::waitpid(pid_, &status, WNOHANG) == pid_) return status;
      (void)::usleep(50'000);
    }
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, &status, 0);
    return status;
  }

  /// An empty result is not the same as a tracer that was never attached.
  void report_silence() {
    if (!attached_ || results_ || reported_silence_ || monotonic_now() < silent_until_) return;
    reported_silence_ = true;
    fmt::print(stderr, "hni trace: attached; {}\n",
               immediate_ ? "nothing so far" : "the results come at the end");
  }

  void hand_on_lines(bool out, std::string& text, TraceOutput& output, std::FILE* to) {
    std::size_t begin = 0;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
      hand_on(out, text.substr(begin, end - begin), output, to);
      begin = end + 1;
    }
    text.erase(0, begin);
  }

  void hand_on(bool out, const std::string& line, TraceOutput& output, std::FILE* to) {
    if (out && !attached_ &&
        line.find("Attaching ") + line.find("attached_probes") != 2 * std::string::npos) {
      attached_ = true;
      silent_until_ = monotonic_now() + std::chrono::seconds(2);
    } else if (out && !line.empty()) {
      results_ = true;
    }
    if (out) {
      const std::string text = output.line(line);
      std::fwrite(text.data(), 1, text.size(), to);
    } else if (TraceOutput::matters(line)) {
      fmt::print(stderr, "{}\n", line);
    }
  }

  Outcome<> spawn(const std::vector<std::string>& line) {
    int out[2];
    int err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
      return system_problem("pipe");
    out_ = Fd(out[0]);
    err_ = Fd(err[0]);
    const Fd out_end(out[1]);
    const Fd err_end(err[1]);
    sigset_t stops;
    sigset_t before;
    sigemptyset(&stops);
    for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&stops, s);
    (void)::sigprocmask(SIG_BLOCK, &stops, &before);
    signals_ = Fd(::signalfd(-1, &stops, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!signals_) return system_problem("signals");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) {
      pid_ = 0;
      return system_problem("fork");
    }
    if (pid_ != 0) {
      return {};
    }
    (void)::sigprocmask(SIG_SETMASK, &before, nullptr);
    // Makes the child die with this process, because probes are detached with the process that
    // attached them.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    // The traced command shares bpftrace's standard output and error, so results use a separate
    // descriptor.
    (void)::dup2(out_end.get(), kResultsFd);
    (void)::dup2(err_end.get(), STDOUT_FILENO);
    (void)::dup2(err_end.get(), STDERR_FILENO);
    // Sized for rings of many queues and bursts of events; an existing setting takes precedence.
    (void)::setenv("BPFTRACE_MAP_KEYS_MAX", "16384", 0);
    (void)::setenv("BPFTRACE_PERF_RB_PAGES", "4096", 0);
    std::vector<char*> arguments;
    for (const std::string& word : line) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    (void)::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

  Fd program_;
  Fd out_;
  Fd err_;
  Fd signals_;
  pid_t pid_ = 0;
  bool end_requested_ = false;
  unsigned asked_ = 0;
  Time next_ask_{};
  bool attached_ = false;
  bool results_ = false;
  bool reported_silence_ = false;
  bool immediate_ = false;  ///< the program prints each event immediately
  Time silent_until_{};
};

Outcome<int> trace(TraceOptions& options) {
  const auto known = tools();
  if (known.empty()) return problem("no programs in " + trace_folder());
  if (std::find(known.begin(), known.end(), options.tool) == known.end()) {
    auto names = known;
    names.emplace_back("plot");
    return problem(unknown("tool", options.tool, names), kExitUsage);
  }
  if (options.pid != 0 && !options.words.empty())
    return problem("--pid and a command exclude each other", kExitUsage);
  options.bpftrace = find_program(options.bpftrace);
  if (auto r = check_machine(options.bpftrace); !r) return tl::unexpected(r.error());
  auto target = find_target(options.pid, options.words);
  if (!target) return tl::unexpected(target.error());
  std::FILE* to = stdout;
  if (!options.output.empty() && options.output != "-")
    to = std::fopen(options.output.c_str(), "we");
  if (to == nullptr) return system_problem(options.output);
  Tracer tracer;
  if (auto r = tracer.start(options, *target); !r) return tl::unexpected(r.error());
  if (target->pid != 0) fmt::print(stderr, "hni trace: process {}; Ctrl-C ends\n", target->pid);
  using Extra = TraceOutput::Extra;
  TraceOutput output(options.json,
                     options.tool == "registers" ? Extra::kRegisters
                     : options.tool == "top"     ? Extra::kTop
                                                 : Extra::kNone,
                     LiveScreen::of(::fileno(to)));
  const int status = tracer.run(output, to);
  const bool written = std::fflush(to) == 0 && std::ferror(to) == 0;
  if (to != stdout && std::fclose(to) != 0) return system_problem(options.output);
  if (!written) return problem("the results could not be written");
  if (tracer.forced())
    return problem(
        "bpftrace did not end when it was asked to and was killed: results are missing");
  if (status == 0 && tracer.saw_nothing())
    fmt::print(stderr, "hni trace: attached, and nothing happened\n");
  if (status != 0) return problem(fmt::format("bpftrace ended with status {}", status));
  return kExitDone;
}

/// Draws a recording as a page, or converts it to trace events.
Outcome<int> plot(const TraceOptions& options) {
  if (options.words.size() != 1) return problem("plot needs one recording: FILE", kExitUsage);
  const std::string& path = options.words[0];
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error))
    return problem(path + ": not a regular file: record into one with -o FILE");
  std::ifstream in(path, std::ios::binary);
  if (!in) return system_problem(path);
  std::ofstream file;
  const bool to_file = !options.output.empty() && options.output != "-";
  if (to_file) file.open(options.output, std::ios::binary);
  if (to_file && !file) return system_problem(options.output);
  std::ostream& out = to_file ? file : std::cout;
  if (options.perfetto) {
    const std::string wrong = trace::write_perfetto(in, out);
    if (!wrong.empty()) return problem(path + ": " + wrong);
  } else {
    const auto page = trace::plot_recording(in);
    if (!page) return problem(path + ": " + page.error());
    out << *page;
  }
  out.flush();
  if (to_file) file.close();
  if (!out) return system_problem(to_file ? options.output : "standard output");
  return kExitDone;
}

}  // namespace

int trace_command(int argc, char** argv) {
  TraceOptions options;
  CLI::App app{
      "Traces a running driver with bpftrace, without restarting it. Without TOOL: the "
      "list of tools. After --: a command that is started, traced from its beginning, and ends "
      "the tracing; its output goes to standard error.",
      "hni trace"};
  app.add_option("TOOL", options.tool, "what to show; `plot FILE` draws a recording");
  app.add_option("FILE", options.words, "the recording to plot")->expected(0, 1);
  app.add_option("-p,--pid,--run", options.pid,
                 "the process (default: the only running `hni run`)");
  app.add_flag("-j,--json", options.json, "JSON, one object a line");
  app.add_flag("--perfetto", options.perfetto,
               "plot: Chrome trace events, for ui.perfetto.dev, instead of a picture");
  app.add_option("-o,--output", options.output,
                 "write the results into this file (-: standard output)");
  app.add_option("--bpftrace", options.bpftrace, "bpftrace to use, 0.17 to 0.23")
      ->envname("HNI_BPFTRACE")
      ->capture_default_str();
  // Options after -- belong to the command.
  char** const dashes = std::find_if(
      argv, argv + argc, [](const char* word) { return std::string_view(word) == "--"; });
  if (const auto status = parse(app, "hni trace", static_cast<int>(dashes - argv), argv))
    return *status;
  if (options.tool.empty()) return list(options.json);
  if (dashes != argv + argc) options.words.assign(dashes + 1, argv + argc);
  const auto status = options.tool == "plot" ? plot(options) : trace(options);
  return status ? *status : complain("hni trace", status.error());
}

}  // namespace hni::tools
