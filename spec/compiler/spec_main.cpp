// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/spec_main.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "spec/compiler/card.hpp"
#include "spec/compiler/embedded.hpp"
#include "spec/compiler/emit.hpp"
#include "spec/compiler/query.hpp"
#include "tools/hni/words.hpp"

namespace hni::speclib {
namespace {

constexpr int kDone = 0;
// Errors in the spec, no match, a difference, or an output that cannot be written.
constexpr int kFailed = 1;
constexpr int kBadUse = 2;

// A compiled spec; the card only if requested.
struct Loaded {
  std::unique_ptr<rdl::Compilation> compilation;
  std::unique_ptr<Card> card;
};

enum class Want { kModel, kCard };

// Returns null after the errors were printed. An empty path selects the embedded spec. What was
// loaded is never freed: for a large map that would take a tenth of the program's time.
const Loaded* load(const std::string& path, const rdl::Options& options, Want want = Want::kCard) {
  static auto* const all = new std::vector<std::unique_ptr<Loaded>>;
  Loaded& loaded = *all->emplace_back(std::make_unique<Loaded>());
  loaded.compilation = path.empty() ? rdl::compile(kEmbeddedTop, read_embedded, {}, options)
                                    : rdl::compile(path, rdl::read_file, {}, options);
  if (want == Want::kCard) loaded.card = read_card(*loaded.compilation);
  const rdl::Diagnostics& diagnostics = loaded.compilation->diagnostics;
  const std::string text = diagnostics.render(loaded.compilation->sources);
  std::fputs(text.c_str(), stderr);
  if (diagnostics.empty()) return &loaded;
  fmt::print(stderr, "{} error{}\n", diagnostics.total(), diagnostics.total() == 1 ? "" : "s");
  return nullptr;
}

// Does not touch a file that already contains the text, so that nothing is rebuilt needlessly.
bool write_file(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  const bool same_size = std::filesystem::file_size(path, error) == text.size() && !error;
  if (same_size && std::filesystem::is_regular_file(path, error) &&
      rdl::read_file(path.string()) == text)
    return true;
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return true;
  fmt::print(stderr, "cannot write {}: {}\n", path.string(), std::strerror(errno));
  // Removes the partial file, so that a build cannot use it.
  if (std::filesystem::is_regular_file(path, error)) std::filesystem::remove(path, error);
  return false;
}

int report_lost_output() {
  fmt::print(stderr, "cannot write to standard output: {}\n", std::strerror(errno));
  std::clearerr(stdout);
  return kFailed;
}

int put(const std::string& text, const std::string& output) {
  if (output.empty() || output == "-") {
    const bool good = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                      std::fflush(stdout) == 0;
    return good ? kDone : report_lost_output();
  }
  return write_file(output, text) ? kDone : kFailed;
}

int run_compile(const Loaded& loaded, const std::string& folder) {
  if (folder == "-") {
    fmt::print(stderr, "compile writes several files: give -o a folder\n");
    return kBadUse;
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!std::filesystem::is_directory(folder, error)) {
    fmt::print(stderr, "cannot write to {}: it is not a folder\n", folder);
    return kFailed;
  }
  const Card& card = *loaded.card;
  const auto files = card.plain ? plain_output_files() : output_files();
  for (const OutputFile& file : files) {
    const std::string name = (card.plain ? card.name : std::string()) + file.name;
    if (!write_file(std::filesystem::path(folder) / name, file.emit(card))) return kFailed;
  }
  return kDone;
}

int run_decode(const Card& card, const std::vector<std::string>& words) {
  const Answer answer = decode(card, words);
  if (answer.problem.empty()) return put(answer.text, {});
  fmt::print(stderr, "{}\n", answer.problem);
  return kFailed;
}

int run_find(const Card& card, const std::vector<std::string>& words) {
  const std::string text = find_words(card, words);
  if (!text.empty()) return put(text, {});
  fmt::print(stderr, "nothing has {}: try a part of the name\n",
             words.size() == 1 ? fmt::format("'{}'", words[0]) : "all of these words");
  return kFailed;
}

int run_diff(const std::string& before, const std::string& after, const rdl::Options& options) {
  const Loaded* a = load(before, options);
  const Loaded* b = load(after, options);
  if (!a || !b) return kBadUse;
  const std::string text = diff(*a->card, *b->card);
  return put(text, {}) == kDone && text.empty() ? kDone : kFailed;
}

// The subcommands that convert one spec to one text.
struct Writer {
  const char* name;
  const char* help;
  Want want;
  std::string (*emit)(const Loaded&);
};

constexpr Writer kWriters[] = {
    {"dump", "print the elaborated model as lines", Want::kModel,
     [](const Loaded& l) { return emit_dump(l.compilation->model); }},
    {"json", "print the elaborated model as JSON (schema: spec/README.md)", Want::kCard,
     [](const Loaded& l) { return emit_json(*l.card); }},
    {"html", "print the data sheet as one page", Want::kCard,
     [](const Loaded& l) { return emit_html(*l.card); }},
    {"c-header", "print a plain C header with the Linux driver's names", Want::kCard,
     [](const Loaded& l) { return emit_c_header(*l.card); }},
    {"structs", "print C structures over the registers, with offset assertions", Want::kCard,
     [](const Loaded& l) { return emit_c_structs(*l.card); }},
    {"markdown", "print the map as Markdown", Want::kCard,
     [](const Loaded& l) { return emit_markdown(*l.card); }},
    {"svd", "print the map as CMSIS-SVD", Want::kCard,
     [](const Loaded& l) { return emit_svd(*l.card); }},
    {"ipxact", "print the map as IP-XACT (IEEE 1685-2014)", Want::kCard,
     [](const Loaded& l) { return emit_ipxact(*l.card); }},
    {"python", "print the map as a Python module", Want::kCard,
     [](const Loaded& l) { return emit_python(*l.card); }},
    {"print", "print the model as SystemRDL again", Want::kModel,
     [](const Loaded& l) { return emit_rdl(*l.compilation); }},
    {"dictionary", "print a dictionary for AFL++ and libFuzzer", Want::kCard,
     [](const Loaded& l) { return emit_fuzz_dictionary(*l.card); }},
    {"bpftrace", "print register and message names for bpftrace programs", Want::kCard,
     [](const Loaded& l) { return emit_bpftrace(*l.card); }},
    {"c-header-check", "print static_asserts that compare the C and the C++ constants",
     Want::kCard, [](const Loaded& l) { return emit_c_header_check(*l.card); }},
};

int run_writer(const Writer& writer, const std::string& source, const rdl::Options& options,
               const std::string& output) {
  const Loaded* loaded = load(source, options, writer.want);
  return loaded ? put(writer.emit(*loaded), output) : kFailed;
}

// Splits "NAME=TEXT" or "NAME" into a pair.
std::vector<std::pair<std::string, std::string>> split_definitions(
    const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& word : words) {
    const std::size_t equal = word.find('=');
    out.emplace_back(word.substr(0, equal),
                     equal == std::string::npos ? std::string() : word.substr(equal + 1));
  }
  return out;
}

bool is_name(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') &&
         std::all_of(text.begin(), text.end(), good);
}

// What is wrong with an option, and what to do; empty if nothing is. A shell makes an empty word of
// a variable that is not set: it must not mean the spec that was built in.
std::string wrong_option(const CLI::App& app, const rdl::Options& options,
                         const std::vector<std::string>& defines,
                         const std::vector<std::string>& parameters) {
  for (const CLI::App* command : app.get_subcommands()) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& word : option->results()) {
        if (word.empty()) {
          return fmt::format("{} is empty: give it a value or leave it out", option->get_name());
        }
      }
    }
  }
  for (const std::string& folder : options.include_folders) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) {
      return fmt::format("-I '{}' is not a folder: correct the path", folder);
    }
  }
  for (const auto& [flag, words] : {std::pair{'D', &defines}, std::pair{'P', &parameters}}) {
    for (const std::string& word : *words) {
      const std::size_t equal = word.find('=');
      if (!is_name(std::string_view(word).substr(0, equal))) {
        return fmt::format("-{} '{}' has no name in front: write NAME=VALUE", flag, word);
      }
      if (flag == 'P' && equal == std::string::npos) {
        return fmt::format("-P '{}' has no value: write NAME=VALUE", word);
      }
    }
  }
  return {};
}

int run(int argc, char** argv) {
  CLI::App app{"The register spec: compile it, look things up in it, compare two of it."};
  app.require_subcommand(1);
  std::string source;
  std::string output;
  std::string other;
  std::vector<std::string> words;
  std::vector<std::string> defines;
  std::vector<std::string> parameters;
  rdl::Options options;
  const auto with_options = [&](CLI::App* command) {
    const auto list = [&](const char* name, std::vector<std::string>& values, const char* help) {
      command->add_option(name, values, help)->allow_extra_args(false);
    };
    command->add_option("--top", options.top,
                        "the addrmap to elaborate (default: every one "
                        "that nothing instantiates)");
    list("-I,--include", options.include_folders, "folder to search for `include files");
    list("-D,--define", defines, "define a macro of the preprocessor: NAME or NAME=TEXT");
    list("-P,--param", parameters, "set a parameter of the top: NAME=VALUE");
    return command;
  };
  const auto with_source = [&](CLI::App* command) {
    command->add_option("source", source, "SystemRDL file (default: the built-in spec)");
    command->add_option("-o,--output", output, "file or folder to write (- is standard output)");
    return with_options(command);
  };
  auto* compile = with_source(app.add_subcommand("compile", "write all generated files"));
  for (const Writer& writer : kWriters) with_source(app.add_subcommand(writer.name, writer.help));
  auto* decode =
      with_options(app.add_subcommand("decode", "explain a register, descriptor or value"));
  decode
      ->add_option(
          "what", words,
          "<name> [value], <space> <byte offset> [value] or <space> word <index> [value]; "
          "a space is BAR0, BAR4 or the name of a map")
      ->required();
  decode->add_option("-s,--spec", source, "SystemRDL file (default: the built-in spec)");
  auto* find = with_options(app.add_subcommand("find", "list everything that a word occurs in"));
  find->add_option("words", words,
                   "parts of names or descriptions, an address or the index of a word")
      ->required();
  find->add_option("-s,--spec", source, "SystemRDL file (default: the built-in spec)");
  auto* compare = with_options(app.add_subcommand("diff", "list what differs between two specs"));
  compare->add_option("before", source, "SystemRDL file")->required();
  compare->add_option("after", other, "SystemRDL file")->required();
  if (const auto status = tools::parse(app, "hni spec", argc, argv)) return *status;
  const std::string wrong = wrong_option(app, options, defines, parameters);
  if (!wrong.empty()) {
    fmt::print(stderr, "hni-spec: {}\n", wrong);
    return kBadUse;
  }
  options.defines = split_definitions(defines);
  options.parameters = split_definitions(parameters);
  if (compare->parsed()) return run_diff(source, other, options);
  for (const Writer& writer : kWriters) {
    if (app.got_subcommand(writer.name)) return run_writer(writer, source, options, output);
  }
  const Loaded* loaded = load(source, options);
  if (!loaded) return kFailed;
  if (compile->parsed()) return run_compile(*loaded, output.empty() ? "." : output);
  if (decode->parsed()) return run_decode(*loaded->card, words);
  if (find->parsed()) return run_find(*loaded->card, words);
  return kBadUse;
}

}  // namespace

int spec_main(int argc, char** argv) {
  const int status = run(argc, argv);
  errno = 0;
  std::cout.flush();  // the help of CLI11
  return std::cout ? status : report_lost_output();
}

}  // namespace hni::speclib
