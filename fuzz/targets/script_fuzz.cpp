// SPDX-License-Identifier: Apache-2.0
// The text form of scripts on arbitrary bytes: either refused with a line number, or parsed, and
// then printing and parsing again yields the same script. The list of operations has an argument
// of each kind.
#include <algorithm>
#include <array>
#include <string>

#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {
namespace {

constexpr auto kOps = std::to_array<OpInfo>({
    {"plain", ArgKind::kNone, "", "", 0, ""},
    {"number", ArgKind::kNumber, "n", "m", 0, ""},
    {"class", ArgKind::kClass, "class", "random", 1, ""},
    {"site", ArgKind::kSite, "site", "", 2, ""},
    {"wide", ArgKind::kNumber, "", "at", 2, ""},
});

void check_round_trip(const std::vector<Op>& script) {
  const std::string text = script_to_text(script, kOps);
  const ParsedScript again = script_from_text(text, kOps);
  require(again.error.empty(), "text", "what was printed is refused", text.size());
  require(again.script.size() == script.size(), "text", "another number of operations",
          again.script.size(), script.size());
  require(script_to_text(again.script, kOps) == text, "text",
          "what was printed means another script");
  const auto bytes = encode_script(again.script, kOps);
  require(script_to_text(decode_script(bytes, kOps), kOps) == text, "text",
          "bytes and text mean different scripts", bytes.size());
  std::array<std::uint8_t, 64> small{};
  const std::size_t length = encode_into(again.script, kOps, small);
  require(length == std::min(bytes.size(), small.size()), "text", "another length", length,
          bytes.size());
  require(std::equal(small.begin(), small.begin() + static_cast<std::ptrdiff_t>(length),
                     bytes.begin()),
          "text", "the beginning of a script is encoded in another way");
}

void run(const std::uint8_t* data, std::size_t size) {
  const ParsedScript parsed = script_from_text({reinterpret_cast<const char*>(data), size}, kOps);
  ++work().events;
  if (parsed.error.empty()) {
    check_round_trip(parsed.script);
  } else {
    require(parsed.error.starts_with("line "), "text", "refused without its line");
    require(parsed.error.size() <= size + 100, "text", "a message without end",
            parsed.error.size());
  }
  check_round_trip(decode_script({data, size}, kOps));
}

}  // namespace

const Target& script_target() {
  static constexpr Target kTarget{
      "script", "the text form of scripts, there and back", {}, run, 4096};
  return kTarget;
}

}  // namespace hni::fuzz
