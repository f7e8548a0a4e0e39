// SPDX-License-Identifier: Apache-2.0
#include "fuzz/script/finding.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include "driver/core/input_sites.hpp"
#include "fuzz/script/run_context.hpp"

namespace hni::fuzz {

namespace {

void print_context() {
  std::fprintf(stderr, "context:");
  const auto part = [](const char* name, std::string_view text) {
    if (!text.empty())
      std::fprintf(stderr, " %s=%.*s", name, static_cast<int>(text.size()), text.data());
  };
  // A model's reason identifies a mistake better than the way in which a script caused it.
  if (!run_context.cause.empty()) {
    part("cause", run_context.cause);
  } else {
    part("operation", run_context.operation);
    if (run_context.site >= 0)
      part("site", kSites[static_cast<std::size_t>(run_context.site)].name);
    part("event", run_context.event);
  }
  std::fprintf(stderr, "\n");
}

}  // namespace

bool oracles_on() {
  static const bool on = std::getenv("HNI_FUZZ_ABLATE") == nullptr;
  return on;
}

void finding(std::string_view oracle, std::string_view detail, std::uint64_t a, std::uint64_t b) {
  if (!oracles_on()) throw AblatedFinding{};
  std::fprintf(stderr, "finding: %.*s: %.*s (0x%" PRIx64 ", 0x%" PRIx64 ")\n",
               static_cast<int>(oracle.size()), oracle.data(), static_cast<int>(detail.size()),
               detail.data(), a, b);
  print_context();
  std::fflush(stderr);
  std::abort();
}

}  // namespace hni::fuzz
