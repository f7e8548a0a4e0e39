// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Runs inputs in separate processes, and minimises failing ones.

#include <string>

#include "fuzz/engine/fuzz_input.hpp"

namespace hni::fuzz {

/// Whether AddressSanitizer is part of this program.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kHasSanitizers = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kHasSanitizers = true;
#else
inline constexpr bool kHasSanitizers = false;
#endif
#else
inline constexpr bool kHasSanitizers = false;
#endif

struct Outcome {
  bool fails = false;
  std::string output;  ///< standard error of the run, at most 64 KiB
};
/// Runs an input to completion in a separate process. A run of more than 60 s counts as a failure.
Outcome run_apart(const Target& target, const Bytes& bytes);

/// Returns the cause of a failure without numbers and addresses, so that equal causes compare
/// equal.
std::string cause_of(const Outcome& outcome);

/// Returns the smallest input found that fails with the same cause: first operations (or bytes)
/// that are not needed are removed, then arguments are set to zero.
Bytes minimise(const Target& target, Bytes bytes, const std::string& cause);

}  // namespace hni::fuzz
