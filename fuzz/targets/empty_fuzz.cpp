// SPDX-License-Identifier: Apache-2.0
// The empty harness: decodes the script and does nothing. Its speed is the upper bound of all
// targets.
#include "fuzz/worlds/ring_script.hpp"

namespace hni::fuzz {
namespace {

void run(const std::uint8_t* data, std::size_t size) {
  ScriptReader reader(data, size, kRingOps);
  std::uint64_t sum = 0;
  for (Op op; reader.next(op);) sum += op.b;
  work().events += sum & 1;
}

}  // namespace

const Target& empty_target() {
  static constexpr Target kTarget{"empty", "nothing: the speed limit of the engine", kRingOps, run,
                                  32768};
  return kTarget;
}

}  // namespace hni::fuzz
