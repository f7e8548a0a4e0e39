// SPDX-License-Identifier: Apache-2.0
#include "fuzz/engine/fuzz_main.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "fuzz/script/target.hpp"
#include "fuzz/seeds/seeds.hpp"
#include "fuzz/worlds/recorded.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;
using Arguments = std::span<char* const>;

std::optional<Bytes> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return std::nullopt;
  }
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

bool write_file(const fs::path& path, std::span<const std::uint8_t> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (out) return true;
  std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return false;
}

/// The target of that name, or of the folder that a corpus file lies in.
const Target* target_of(std::string_view name) {
  if (const Target* target = find_target(name)) return target;
  const fs::path path(name);
  if (const Target* target = find_target(path.parent_path().filename().string())) return target;
  std::fprintf(stderr, "no target '%.*s'; `list` names them\n", static_cast<int>(name.size()),
               name.data());
  return nullptr;
}

/// TARGET FILE, or FILE in a folder that is named like its target.
struct TargetAndFile {
  const Target* target = nullptr;
  fs::path file;
};
TargetAndFile target_and_file(Arguments arguments) {
  if (arguments.empty()) return {};
  const fs::path file(arguments.back());
  return {
      target_of(arguments.size() > 1 ? std::string(arguments[0]) : fs::absolute(file).string()),
      file};
}

int list(Arguments) {
  for (const Target* target : targets())
    std::printf("%-12s %s\n", std::string(target->name).c_str(),
                std::string(target->text).c_str());
  return 0;
}

int show(Arguments arguments) {
  const auto [target, file] = target_and_file(arguments);
  const auto bytes = target != nullptr ? read_file(file) : std::nullopt;
  if (!bytes) return 2;
  if (target->ops.empty()) {
    for (std::size_t i = 0; i < bytes->size(); ++i)
      std::printf("%02x%s", (*bytes)[i], i % 16 == 15 ? "\n" : " ");
    std::printf("\n");
  } else {
    std::fputs(script_to_text(decode_script(*bytes, target->ops), target->ops).c_str(), stdout);
  }
  return 0;
}

int build(Arguments arguments) {
  if (arguments.size() != 3) return 2;
  const Target* target = target_of(arguments[0]);
  const auto text = target != nullptr ? read_file(arguments[1]) : std::nullopt;
  if (!text) return 2;
  const ParsedScript parsed =
      script_from_text({reinterpret_cast<const char*>(text->data()), text->size()}, target->ops);
  if (!parsed.error.empty()) {
    std::fprintf(stderr, "%s: %s\n", arguments[1], parsed.error.c_str());
    return 2;
  }
  return write_file(arguments[2], encode_script(parsed.script, target->ops)) ? 0 : 2;
}

/// Runs an input in a process of its own: 0 if it ends well.
int run_apart(const Target& target, const Bytes& bytes, bool quiet) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    if (quiet && std::freopen("/dev/null", "w", stderr) == nullptr) _exit(3);
    run_target(target, bytes.data(), bytes.size(), InputLength::kWhole);
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return status;
}

/// A file named *.script is text, as the proofs write it; any other is the bytes of a script.
std::optional<Bytes> script_bytes(const Target& target, const fs::path& file) {
  const auto content = read_file(file);
  if (!content || file.extension() != ".script") return content;
  const ParsedScript parsed = script_from_text(
      {reinterpret_cast<const char*>(content->data()), content->size()}, target.ops);
  if (parsed.error.empty()) return encode_script(parsed.script, target.ops);
  std::fprintf(stderr, "%s: %s\n", file.c_str(), parsed.error.c_str());
  return std::nullopt;
}

int replay(Arguments arguments) {
  const auto [target, file] = target_and_file(arguments);
  const auto bytes = target != nullptr ? script_bytes(*target, file) : std::nullopt;
  if (!bytes) return 2;
  if (!target->ops.empty() && bytes->size() <= target->max_bytes)
    std::fputs(script_to_text(decode_script(*bytes, target->ops), target->ops).c_str(), stdout);
  const bool good = run_apart(*target, *bytes, false) == 0;
  std::printf("%s\n", good ? "no finding" : "finding");
  return good ? 0 : 1;
}

/// Removes what is not needed: halves, then quarters, ... then single operations (or bytes).
Bytes minimise(const Target& target, Bytes bytes) {
  const bool scripts = !target.ops.empty();
  std::vector<Op> script = scripts ? decode_script(bytes, target.ops) : std::vector<Op>{};
  const auto size = [&] { return scripts ? script.size() : bytes.size(); };
  for (std::size_t part = std::max<std::size_t>(size() / 2, 1);; part /= 2) {
    for (std::size_t at = 0; at < size();) {
      const auto count = static_cast<std::ptrdiff_t>(std::min(part, size() - at));
      const auto first = static_cast<std::ptrdiff_t>(at);
      std::vector<Op> fewer = script;
      Bytes shorter = bytes;
      if (scripts) {
        fewer.erase(fewer.begin() + first, fewer.begin() + first + count);
        shorter = encode_script(fewer, target.ops);
      } else {
        shorter.erase(shorter.begin() + first, shorter.begin() + first + count);
      }
      if (run_apart(target, shorter, true) != 0) {
        script = std::move(fewer);
        bytes = std::move(shorter);
      } else {
        at += part;
      }
    }
    if (part == 1) return bytes;
  }
}

int min(Arguments arguments) {
  if (arguments.size() < 2) return 2;
  const auto [target, file] = target_and_file(arguments.first(arguments.size() - 1));
  const auto bytes = target != nullptr ? read_file(file) : std::nullopt;
  if (!bytes) return 2;
  if (run_apart(*target, *bytes, true) == 0) {
    std::fprintf(stderr, "%s has no finding\n", file.c_str());
    return 2;
  }
  const Bytes small = minimise(*target, *bytes);
  std::printf("%zu bytes of %zu\n", small.size(), bytes->size());
  return write_file(arguments.back(), small) ? 0 : 2;
}

/// A script from a recording of a live driver, and its replay.
int record(Arguments arguments) {
  if (arguments.size() < 2 || arguments.size() > 4) return 2;
  const auto text = read_file(arguments[0]);
  if (!text) return 2;
  const auto number = [&](std::size_t i) {
    return i < arguments.size() ? static_cast<unsigned>(std::atoi(arguments[i])) : 0U;
  };
  const auto events =
      trace::read_recording({reinterpret_cast<const char*>(text->data()), text->size()});
  if (!events) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], events.error().c_str());
    return 2;
  }
  const auto recorded = script_of(*events, number(2), number(3));
  if (!recorded) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], recorded.error().c_str());
    return 2;
  }
  const Target& target = *find_target("traffic");
  if (!write_file(arguments[1], encode_script(recorded->script, target.ops))) return 2;
  const std::string difference = replay_exactly(*recorded);
  if (!difference.empty()) {
    std::printf("%s\n", difference.c_str());
    return 1;
  }
  std::printf("%zu completions replayed, each as recorded; no finding\n", recorded->words.size());
  return 0;
}

int seeds(Arguments arguments) {
  if (arguments.size() != 1) return 2;
  const fs::path folder(arguments[0]);
  for (const Seed& seed : make_seeds()) {
    fs::create_directories(folder / seed.target);
    if (!write_file(folder / seed.target / seed.name, seed.bytes)) return 2;
  }
  return 0;
}

/// How fast files run, without an engine: SECONDS of processor time, so that other work beside it
/// does not count.
int speed(Arguments arguments) {
  if (arguments.size() < 2) return 2;
  const auto bytes = read_file(arguments[1]);
  const Target* target = find_target(arguments[0]);
  if (!bytes || target == nullptr) return 2;
  const double seconds = arguments.size() > 2 ? std::strtod(arguments[2], nullptr) : 1.0;
  const std::clock_t begin = std::clock();
  work().events = 0;
  std::uint64_t runs = 0;
  double spent = 0;
  while (spent < seconds) {
    for (int i = 0; i < 64; ++i) run_target(*target, bytes->data(), bytes->size());
    runs += 64;
    spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  }
  std::printf("%-12s %6zu bytes %12.0f exec/s %14.0f events/s\n", arguments[0], bytes->size(),
              static_cast<double>(runs) / spent, static_cast<double>(work().events) / spent);
  return 0;
}

/// Commands that other programs carry out: fuzz/<name>.sh of the source tree.
int run_script(const char* name, Arguments arguments) {
  const char* root = std::getenv("HNI_SOURCE");
  const fs::path path = fs::path(root != nullptr ? root : HNI_FUZZ_SOURCE) / "fuzz" / name;
  std::vector<char*> line;
  std::string program = path.string();
  line.push_back(program.data());
  line.insert(line.end(), arguments.begin(), arguments.end());
  line.push_back(nullptr);
  execv(program.c_str(), line.data());
  std::fprintf(stderr, "cannot run %s\n", program.c_str());
  return 2;
}

int campaign(Arguments arguments) {
  return run_script("campaign/campaign.py", arguments);
}
int cover(Arguments arguments) {
  return run_script("campaign/cover.sh", arguments);
}
int bugs(Arguments arguments) {
  return run_script("bugs/run.py", arguments);
}

struct Command {
  std::string_view name;
  int (*run)(Arguments);
  const char* usage;
};

constexpr Command kCommands[] = {
    {"list", list, "list                              the targets"},
    {"show", show, "show [TARGET] FILE                a script as text"},
    {"build", build, "build TARGET TEXT FILE            a script from text"},
    {"replay", replay, "replay [TARGET] FILE              runs it, shows what it does"},
    {"min", min, "min [TARGET] FILE SMALLER         removes what the finding does not need"},
    {"record", record, "record RECORDING SCRIPT [PORT [QUEUE]]  a script from hni trace record"},
    {"seeds", seeds, "seeds FOLDER                      writes the systematic corpus"},
    {"speed", speed, "speed TARGET FILE [SECONDS]       runs a second, without an engine"},
    {"run", campaign, "run [--time S] [--jobs N] [TARGET...]  a campaign of all engines"},
    {"cover", cover, "cover FOLDER                      coverage of the corpus, as HTML"},
    {"bugs", bugs, "bugs [--time S] [NAME...]         the seeded bugs"},
};

}  // namespace

std::vector<std::string> fuzz_commands() {
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  return names;
}

int fuzz_main(int argc, char** argv) {
  const Arguments arguments(argv, static_cast<std::size_t>(std::max(argc, 0)));
  const std::string_view word = arguments.size() > 1 ? arguments[1] : "";
  for (const Command& command : kCommands) {
    if (command.name != word) continue;
    const int code = command.run(arguments.subspan(2));
    if (code == 2) std::fprintf(stderr, "usage: %s %s\n", arguments[0], command.usage);
    return code;
  }
  const bool asked = word == "--help" || word == "-h";
  std::FILE* to = asked ? stdout : stderr;
  std::fprintf(to, "usage: %s COMMAND\n", arguments.empty() ? "fuzz" : arguments[0]);
  for (const Command& command : kCommands) std::fprintf(to, "  %s\n", command.usage);
  return asked ? 0 : 2;
}

}  // namespace hni::fuzz
