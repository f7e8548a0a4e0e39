// SPDX-License-Identifier: Apache-2.0
// Seeds for the targets with text input: recordings, and requests to a running hni run.
#include "fuzz/seeds/seed_maker.hpp"

namespace hni::fuzz {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

void recording_seeds(SeedMaker& to) {
  const auto add = [&](const char* name, std::string_view text) {
    to.add_bytes("recording", name, bytes_of(text));
  };
  add("in-order", "1 0 P 0 0 0 0 4 3f\n2 999 C 0 0 0 0 4 3f\n3 1000 C 0 0 0 4 4 3f\n3 end\n");
  // Regressions: each of these was once drawn incorrectly or outside the arrays.
  add("last-time-smaller",
      "1 0 P 0 0 0 0 4 3f\n2 1000 C 0 0 0 0 4 3f\n3 999 C 0 0 0 4 4 3f\n3 end\n");
  add("time-before-the-first",
      "1 100000 P 0 0 0 0 4 3f\n2 5 P 0 0 0 4 4 3f\n3 200000 C 0 0 0 0 4 3f\n3 end\n");
  add("time-far-ahead",
      "1 0 P 0 0 0 0 4 3f\n2 9000000000000 P 0 0 0 4 4 3f\n3 10 C 0 0 0 0 4 3f\n3 end\n");
  add("time-near-ahead",
      "1 0 P 0 0 0 0 4 3f\n2 300000 P 0 0 0 4 4 3f\n3 300000 C 0 0 0 0 8 3f\n"
      "4 100000 C 0 0 0 0 4 3f\n4 end\n");
  add("poll-without-bound", "1 5 R 0 0 ffffffff ffffffff\n1 end\n");
  add("out-of-order", "3 9 C 0 0 3 0 3f 3f\n1 1 L 0 4\n2 5 P 0 0 3 0 3f 3f\n3 end\n");
  add("every-kind",
      "1 0 L 0 4\n2 1 U 0 1 100000\n3 2 M 0 14\n4 3 N 0 15\n5 4 P 0 0 3 0 20 3f\n"
      "6 5 S 0 0 1 3c 0\n7 6 P 0 0 0 0 2 3f\n8 7 W 0 0 5 0 8000000000000000\n"
      "9 8 W 0 0 5 1 e000000000000000\na\n");
  add("events",
      "1 0 L 0 4\n2 1 U 0 1 100000\n3 2 M 0 14\n4 3 N 0 15\n5 4 P 0 0 3 0 20 3f\n"
      "6 5 S 0 0 1 3c 0\n7 6 W 0 0 5 0 8000000000000000\n8 7 W 0 0 5 1 e000000000000000\n"
      "9 8 R 0 0 20 1\n10 9 D 0 0 3\n11 10 X 0 7 ff\n12 11 Q 0 0\n12 end\n");
  add("no-end", "1 0 P 0 0 0 0 4 3f\n");
  add("lost", "1 0 P 0 0 0 0 4 3f\n5 0 P 0 0 0 0 4 3f\n5 end\n");
}

/// The first byte is the length of the pieces.
void control_seeds(SeedMaker& to) {
  const auto add = [&](const char* name, const std::string& text) {
    to.add_bytes("control", name, bytes_of("\x07" + text + "\n"));
  };
  add("stats", R"({"verb":"stats","port":"hni0"})");
  add("list", R"({"verb":"list"})");
  add("registers", R"({"verb":"regs","port":"hni1","reads":[[0,1048576],[4,12]]})");
  add("bad-registers", R"({"verb":"regs","reads":[[0,-4],["a"],{}]})");
  add("inject", R"({"verb":"inject","port":"hni1","site":"rcd_header_length","value":0})");
  add("number-too-large", R"({"verb":"inject","value":4294967296})");
  add("not-an-object", "[1,2]");
  add("not-json", "no json");
  // A nesting of 50,000 levels once crashed the process, because copies recurse.
  add("deep", R"({"verb":"regs","reads":)" + std::string(50'000, '['));
  add("escapes", R"({"verb":"\u001b]0;x\u0007","port":"\ud83d\ude00"})");
}

}  // namespace

void text_seeds(SeedMaker& to) {
  control_seeds(to);
  recording_seeds(to);
}

}  // namespace hni::fuzz
