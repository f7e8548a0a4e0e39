// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The registry of fuzz targets. To add one: a line here, and `fuzz/<name>_fuzz.cpp` that defines
/// `const Target& <name>_target()`; build, corpus replay, smoke run and `hni fuzz` follow.

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
  X(pldm)

struct Target {
  std::string_view name;
  std::string_view text;  ///< what it attacks, and what it checks
  OpList ops;             ///< empty: the input is not a script but bytes
  /// Runs one input to its end. Does not return if an oracle is broken.
  void (*run)(const std::uint8_t* data, std::size_t size) = nullptr;
  std::uint32_t max_bytes = 4096;  ///< longer inputs only cost time
  bool finds_nothing = true;       ///< false: built to be broken, to check the engines
  /// Changes an input that is no script in its own way; nullptr: nothing knows better than bytes.
  std::size_t (*mutate)(std::uint8_t* data, std::size_t size, std::size_t max_size,
                        std::uint32_t seed) = nullptr;
};

#define HNI_X(name) const Target& name##_target();
HNI_FUZZ_TARGETS(HNI_X)
#undef HNI_X

/// All of them. In a program that holds one target only (fuzz/engine/engine_entry.cpp) this is not
/// linked.
std::span<const Target* const> targets();
/// nullptr if there is none of that name.
const Target* find_target(std::string_view name);

/// What happened while scripts ran; the speed figures divide by it.
struct Work {
  std::uint64_t events = 0;  ///< completions, messages or register words that a card produced
};
inline Work& work() {
  static Work total;
  return total;
}

/// Runs a target on bytes; longer ones are cut, unless they are a file that somebody names.
enum class InputLength : std::uint8_t { kCut, kWhole };
void run_target(const Target& target, const std::uint8_t* data, std::size_t size,
                InputLength how = InputLength::kCut);

}  // namespace hni::fuzz
