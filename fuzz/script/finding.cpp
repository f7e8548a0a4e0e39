// SPDX-License-Identifier: Apache-2.0
#include "fuzz/script/finding.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace hni::fuzz {

bool oracles_on() {
  static const bool on = std::getenv("HNI_FUZZ_ABLATE") == nullptr;
  return on;
}

void finding(std::string_view oracle, std::string_view detail, std::uint64_t a, std::uint64_t b) {
  if (!oracles_on()) throw AblatedFinding{};
  std::fprintf(stderr, "finding: %.*s: %.*s (0x%" PRIx64 ", 0x%" PRIx64 ")\n",
               static_cast<int>(oracle.size()), oracle.data(), static_cast<int>(detail.size()),
               detail.data(), a, b);
  std::fflush(stderr);
  std::abort();
}

}  // namespace hni::fuzz
