// SPDX-License-Identifier: Apache-2.0
// The spec compiler on arbitrary bytes: it must return a model or diagnostics, and an accepted
// model must survive every writer and be unchanged after a round trip through the RDL writer.
// Includes resolve to a single in-memory file, so the include machinery is tested without a disk.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"
#include "spec/compiler/card.hpp"
#include "spec/compiler/emit.hpp"

namespace hni::fuzz {
namespace {

hni::rdl::Limits small_limits() {
  hni::rdl::Limits limits;
  limits.lex.total_bytes = 1u << 20;
  limits.lex.tokens = 1u << 16;
  limits.nodes = 1u << 14;
  limits.parse.definitions = 1u << 14;
  return limits;
}

void run(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const hni::rdl::FileReader reader = [&](const std::string& path) -> std::optional<std::string> {
    if (path == "top.rdl") return text;
    return path == "other.rdl" ? std::optional("reg other { field {} F[3:0]; };") : std::nullopt;
  };
  const auto compilation = hni::rdl::compile("top.rdl", reader, small_limits());
  const auto card = hni::speclib::read_card(*compilation);
  if (card == nullptr) {
    require(!compilation->diagnostics.render(compilation->sources).empty(), "spec",
            "refused without a word");
    return;
  }
  for (const auto& file : hni::speclib::output_files()) file.emit(*card);
  hni::speclib::emit_json(*card);
  hni::speclib::emit_html(*card);
  const std::string printed = hni::speclib::emit_rdl(*compilation);
  const auto again = hni::rdl::compile("printed.rdl", [&](const std::string&) { return printed; });
  require(again->ok, "spec", "what was printed is not accepted");
  require(hni::speclib::emit_dump(again->model) == hni::speclib::emit_dump(compilation->model),
          "spec", "what was printed means something else");
}

}  // namespace

const Target& spec_parser_target() {
  static constexpr Target kTarget{"spec_parser", "the spec compiler on any bytes", {}, run, 65536};
  return kTarget;
}

}  // namespace hni::fuzz
