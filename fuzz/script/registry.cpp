// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "fuzz/script/target.hpp"

namespace hni::fuzz {

std::span<const Target* const> targets() {
#define HNI_X(name) &name##_target(),
  static const auto kAll = std::to_array<const Target*>({HNI_FUZZ_TARGETS(HNI_X)});
#undef HNI_X
  return kAll;
}

const Target* find_target(std::string_view name) {
  for (const Target* target : targets())
    if (target->name == name) return target;
  return nullptr;
}

}  // namespace hni::fuzz
