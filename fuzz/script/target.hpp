// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The registry of fuzz targets. To add one: a line here, and `fuzz/targets/<name>_fuzz.cpp` that
/// defines `const Target& <name>_target()`; build, corpus replay, smoke run and `hni fuzz` follow.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "fuzz/script/script.hpp"

namespace hni::fuzz {

// X(name)
#define HNI_FUZZ_TARGETS(X) \
  X(empty)                  \
  X(canary)                 \
  X(tx)                     \
  X(rx)                     \
  X(traffic)                \
  X(tlv)                    \
  X(mailbox)                \
  X(port)                   \
  X(classifier)             \
  X(statistics)             \
  X(card)                   \
  X(vfio_user)              \
  X(vhost_user)             \
  X(spec_parser)            \
  X(script)                 \
  X(pcap)                   \
  X(pldm)                   \
  X(recording)              \
  X(control)

struct Target {
  std::string_view name;
  std::string_view text;  ///< what it attacks and what it checks
  OpList ops;             ///< empty: the input is raw bytes, not a script
  /// Runs one input to completion. Does not return if an oracle fails.
  void (*run)(const std::uint8_t* data, std::size_t size) = nullptr;
  std::uint32_t max_bytes = 4096;  ///< longer inputs only take more time
  bool finds_nothing = true;       ///< false: contains planted bugs, to check the engines
  /// Mutates raw input in a target-specific way; null: the engine's mutator is used.
  std::size_t (*mutate)(std::uint8_t* data, std::size_t size, std::size_t max_size,
                        std::uint32_t seed) = nullptr;
};

#define HNI_X(name) const Target& name##_target();
HNI_FUZZ_TARGETS(HNI_X)
#undef HNI_X

/// All targets. Not linked into a program with a single target (fuzz/engine/engine_entry.cpp).
std::span<const Target* const> targets();
/// Finds a target by name; null if there is none.
const Target* find_target(std::string_view name);

/// Counts of events while scripts ran, for the speed figures.
struct Work {
  std::uint64_t events = 0;  ///< completions, messages or register words that a card produced
};
inline Work& work() {
  static Work total;
  return total;
}

/// Runs a target on bytes; longer inputs are truncated, unless they are an explicitly named file.
enum class InputLength : std::uint8_t { kCut, kWhole };
void run_target(const Target& target, const std::uint8_t* data, std::size_t size,
                InputLength how = InputLength::kCut);

}  // namespace hni::fuzz
