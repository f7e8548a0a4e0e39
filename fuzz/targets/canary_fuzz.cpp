// SPDX-License-Identifier: Apache-2.0
// A target with two planted bugs: an oracle that fails after a sequence of three operations, and
// an access beyond an array that only a sanitizer detects. An engine that does not find both
// within seconds is broken.
#include <array>

#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {
namespace {

constexpr auto kOps = std::to_array<OpInfo>({
    {"open", ArgKind::kNumber, "key", "", 0, "the first step"},
    {"turn", ArgKind::kNumber, "", "angle", 0, "the second, with the right angle"},
    {"enter", ArgKind::kNone, "", "", 0, "the third breaks the oracle"},
    {"index", ArgKind::kNumber, "", "at", 0, "reads an array; beyond its end from 4096 on"},
});

void run(const std::uint8_t* data, std::size_t size) {
  ScriptReader reader(data, size, kOps);
  int step = 0;
  auto* array = new std::uint8_t[4096]();
  std::uint64_t sum = 0;
  for (Op op; reader.next(op);) {
    if (op.kind == 0 && op.a == 0x5a) step = 1;
    if (op.kind == 1 && step == 1 && op.b == 90) step = 2;
    require(!(op.kind == 2 && step == 2), "canary", "the door is open");
    if (op.kind == 3) sum += static_cast<volatile std::uint8_t*>(array)[op.b % 4112];
  }
  work().events += sum;
  delete[] array;
}

}  // namespace

const Target& canary_target() {
  static constexpr Target kTarget{
      "canary", "two planted bugs that every engine must find", kOps, run, 256, false};
  return kTarget;
}

}  // namespace hni::fuzz
