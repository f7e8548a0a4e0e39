// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/spec_main.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "spec/compiler/card.hpp"
#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

constexpr int kDone = 0;
constexpr int kBadSpec = 1;
constexpr int kBadUse = 2;

// A compiled spec with its card; empty after the errors were printed.
struct Loaded {
  std::unique_ptr<rdl::Compilation> compilation;
  std::unique_ptr<Card> card;
};

std::optional<Loaded> load(const std::string& path) {
  Loaded loaded;
  loaded.compilation = rdl::compile(path);
  loaded.card = read_card(*loaded.compilation);
  if (loaded.card != nullptr) return loaded;
  const std::string text = loaded.compilation->diagnostics.render(loaded.compilation->sources);
  std::fputs(text.c_str(), stderr);
  fmt::print(stderr, "{}: {} errors\n", path, loaded.compilation->diagnostics.total());
  return std::nullopt;
}

// Leaves a file alone that holds the text already, so that nothing is rebuilt for nothing.
bool write_file(const std::filesystem::path& path, const std::string& text) {
  const auto old = rdl::read_file(path.string());
  if (old && *old == text) return true;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return true;
  fmt::print(stderr, "cannot write {}\n", path.string());
  return false;
}

int put(const std::string& text, const std::string& output) {
  if (output.empty() || output == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kDone;
  }
  return write_file(output, text) ? kDone : kBadUse;
}

int run_compile(const Loaded& loaded, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (const auto& [name, text] : emit_all(*loaded.card)) {
    if (!write_file(std::filesystem::path(folder) / name, text)) return kBadUse;
  }
  return kDone;
}

}  // namespace

int spec_main(int argc, char** argv) {
  CLI::App app{"The register spec: compile it, look things up in it, compare two of it."};
  app.require_subcommand(1);
  std::string source;
  std::string output;
  const auto with_source = [&](CLI::App* command) {
    command->add_option("source", source, "SystemRDL file")->required();
    command->add_option("-o,--output", output, "file or folder to write");
    return command;
  };
  auto* compile = with_source(app.add_subcommand("compile", "write all generated files"));
  auto* dump = with_source(app.add_subcommand("dump", "print the elaborated model as lines"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadUse;
  }
  const auto loaded = load(source);
  if (!loaded) return kBadSpec;
  if (compile->parsed()) return run_compile(*loaded, output.empty() ? "." : output);
  if (dump->parsed()) return put(emit_dump(loaded->compilation->model), output);
  return kBadUse;
}

}  // namespace hni::speclib
