// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Runs inputs in processes of their own, and makes failing ones smaller.

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
  std::string output;  ///< what the run printed on standard error, at most 64 KiB
};
/// Runs an input to its end, in a process of its own. It fails after 60 s, too.
Outcome run_apart(const Target& target, const Bytes& bytes);

/// What a run failed of, without numbers and addresses: equal for equal causes.
std::string cause_of(const Outcome& outcome);

/// The smallest input found that fails of the same cause: without operations (or bytes) that are
/// not needed, then with as many arguments as possible zero.
Bytes minimise(const Target& target, Bytes bytes, const std::string& cause);

}  // namespace hni::fuzz
