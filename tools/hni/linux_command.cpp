// SPDX-License-Identifier: Apache-2.0
// `hni linux`: the unmodified Linux driver on our cards, as an unprivileged process.

#include <fmt/format.h>
#include <sys/wait.h>
#include <termios.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tools/hni/cleanup_process.hpp"
#include "tools/hni/commands.hpp"
#include "tools/hni/uml_machine.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

constexpr std::size_t kMaxCards = 8;

struct Choice {
  LinuxOptions machine;
  std::string version = "7.3";
  std::string source;
  std::string fragment;
  bool no_kasan = false;
  bool gcov = false;
  bool only_if_built = false;
  std::string keep;
};

void add_options(CLI::App& app, Choice& c) {
  LinuxOptions& o = c.machine;
  app.add_option("--kernel", c.version, "Debian's linux-source of this version")
      ->capture_default_str();
  app.add_option("--source", c.source, "a Linux tree of your own in place of Debian's");
  app.add_option("--kernel-config", c.fragment, "a file with more options for its configuration");
  app.add_flag(
      "--kasan,!--no-kasan", [&c](std::int64_t on) { c.no_kasan = on < 0; },
      "with KASAN and UBSAN (default)");
  app.add_flag("--gcov", c.gcov, "line coverage of fbnic: *.gcda in the folder of --keep");
  app.add_flag("--only-if-built", c.only_if_built, "do not build; status 77 if that is needed");
  app.add_option("--exec", o.command, "run this in the guest's shell; its status is ours");
  app.add_option("--wire", o.wires,
                 "what the card's port is plugged into, as for `hni device`; several: several "
                 "cards. Without it two cards are on one cable, the second in the network "
                 "namespace 'far' at 10.99.0.1");
  app.add_option("--script", o.scripts,
                 "a fault script, as for `hni device`; one per card, 'none' for none");
  app.add_option("--script-at", o.script_at,
                 "the scripts begin when the guest writes this number to "
                 "/sys/kernel/um-ext-time/bc-message (with --time-travel)");
  app.add_flag("--time-travel", o.virtual_time,
               "virtual time: repeatable, and nothing waits; not for a shell");
  app.add_option("--rate", o.rate_mbit, "Mbit/s of the cable between two cards")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--firmware-delay", o.firmware_delay_us,
                 "microseconds that each card's firmware takes for an answer")
      ->check(CLI::Range(0, 10'000'000));
  app.add_option("--memory", o.memory_mib, "of the guest, in MiB")
      ->capture_default_str()
      ->check(CLI::Range(64, 16'384));
  app.add_option("--append", o.append, "one more word for the kernel's command line");
  app.add_flag("!--no-up", o.interfaces_up, "leave eth0 down");
  app.add_option("--timeout", o.timeout_s, "seconds of real time until the guest is ended")
      ->check(CLI::Range(0.0, 1e9));
  app.add_option("--log", o.log, "write the kernel's log into this file");
  app.add_option("--keep", c.keep, "leave the folder of the run (coverage, status) here");
  app.add_flag("-j,--json", o.json, "print a summary per card, as JSON, on standard error");
  app.add_flag("-q,--quiet", o.quiet, "do not print the faults that were injected");
}

Outcome<> check(const Choice& c) {
  const LinuxOptions& o = c.machine;
  const std::size_t cards = o.wires.empty() ? 2 : o.wires.size();
  if (cards > kMaxCards)
    return problem(fmt::format("--wire: at most {} cards", kMaxCards), kExitUsage);
  if (o.scripts.size() > cards)
    return problem(
        fmt::format("{} --script but {} cards: at most one per card", o.scripts.size(), cards),
        kExitUsage);
  if (o.script_at != 0 && !o.virtual_time)
    return problem("--script-at without --time-travel: add --time-travel", kExitUsage);
  if (o.virtual_time && o.command.empty())
    return problem("--time-travel without --exec: a shell needs real time", kExitUsage);
  if (o.virtual_time && !o.wires.empty())
    return problem("--time-travel with --wire: another process is not on virtual time",
                   kExitUsage);
  if (o.command.find('\0') != std::string::npos || o.append.find(' ') != std::string::npos)
    return problem("--append: one word", kExitUsage);
  return {};
}

/// Quotes a word for the shell.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Returns the folder of tools/linux/build, which builds what is missing and reports failures
/// itself.
Outcome<std::string> build(const Choice& c) {
  // Next to this program if it is installed, otherwise in the source tree.
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto installed = self.parent_path() / "linux";
  const std::string tools =
      std::filesystem::exists(installed / "build", error) ? installed.string() : HNI_LINUX_TOOLS;
  std::string line = quoted(tools + "/build") + " --kernel " + quoted(c.version);
  if (!c.source.empty()) line += " --source " + quoted(c.source);
  if (!c.fragment.empty()) line += " --kernel-config " + quoted(c.fragment);
  if (c.no_kasan) line += " --no-kasan";
  if (c.gcov) line += " --gcov";
  if (c.only_if_built) line += " --only-if-built";
  std::FILE* const pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) return system_problem("tools/linux/build");
  std::string folder;
  std::array<char, 512> buffer;
  while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr)
    folder += buffer.data();
  const int status = ::pclose(pipe);
  if (status != 0) return problem("", WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailed);
  while (!folder.empty() && folder.back() == '\n') folder.pop_back();
  return folder;
}

/// A folder for this run, removed at its end.
class RunFolder {
 public:
  RunFolder() {
    const char* const tmp = std::getenv("TMPDIR");
    std::string name = std::string(tmp != nullptr ? tmp : "/tmp") + "/hni-linux-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The guest's console sets our terminal to raw mode, and a kernel that dies does not restore it.
class SavedTerminal {
 public:
  SavedTerminal() : saved_(::tcgetattr(STDIN_FILENO, &settings_) == 0) {}
  SavedTerminal(const SavedTerminal&) = delete;
  SavedTerminal& operator=(const SavedTerminal&) = delete;
  ~SavedTerminal() {
    if (saved_) (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings_);
  }

 private:
  termios settings_{};
  bool saved_;
};

Outcome<int> run(Choice& c) {
  auto kernel = build(c);
  if (!kernel) return tl::unexpected(kernel.error());
  c.machine.kernel = *kernel;
  const RunFolder folder;
  if (folder.path().empty()) return system_problem("a folder for this run");
  c.machine.directory = folder.path();
  // Registers everything that a run creates, folders after their contents, in case this process is
  // killed.
  auto cleanup = CleanupProcess::spawn();
  if (!cleanup) return tl::unexpected(cleanup.error());
  for (const char* name :
       {"time", "initramfs", "command", "ready", "status", "hni/pid", "hni/mconsole", "hni"})
    cleanup->remember_own(folder.path() + "/" + name);
  for (std::size_t card = 0; card < kMaxCards; ++card)
    cleanup->remember_own(fmt::format("{}/card{}", folder.path(), card));
  cleanup->remember_own(folder.path());
  LinuxResult result;
  {
    const SavedTerminal terminal;
    UmlMachine machine(c.machine, fuzz::FaultScriptPlayer::load);
    auto end = machine.run();
    if (!end) return tl::unexpected(end.error());
    result = std::move(*end);
  }
  if (!c.keep.empty()) {
    std::error_code error;
    std::filesystem::create_directories(c.keep, error);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      if (entry.is_regular_file() && !entry.is_symlink())
        std::filesystem::copy_file(entry.path(), c.keep / entry.path().filename(),
                                   std::filesystem::copy_options::overwrite_existing, error);
    }
    if (error) return problem("--keep '" + c.keep + "': " + error.message());
  }
  if (result.status) return *result.status;
  const int status = complain("hni linux", Problem{result.why});
  for (const std::string& line : result.last_lines) fmt::print(stderr, "  {}\n", line);
  return status;
}

}  // namespace

int linux_command(int argc, char** argv) {
  Choice choice;
  CLI::App app{
      "Boots a Linux kernel with its own fbnic driver on our cards, as a process of this user, "
      "and runs a command or a shell in it. The first time the kernel is built.",
      "hni linux"};
  add_options(app, choice);
  if (const auto status = parse(app, "hni linux", argc, argv)) return *status;
  if (const auto good = check(choice); !good) return complain("hni linux", good.error());
  const auto status = run(choice);
  if (status) return *status;
  // An empty text: tools/linux/build has already reported the reason.
  return status.error().text.empty() ? status.error().status
                                     : complain("hni linux", status.error());
}

}  // namespace hni::tools
