// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The classes of values that replace original ones, and the record of the classes that were tried
/// at each input site.

#include <array>
#include <cstdint>
#include <string_view>

#include "driver/core/input_sites.hpp"
#include "fuzz/script/run_context.hpp"

namespace hni::fuzz {

enum class ValueClass : std::uint8_t {
  kHonest,
  kZero,
  kMax,        ///< all bits of the field
  kLow,        ///< the smallest value that the rule allows
  kBelowLow,   ///< one less than kLow
  kHigh,       ///< the largest valid value
  kAboveHigh,  ///< one more than kHigh
  kStale,      ///< the previous value
  kRandom,     ///< from the script
  kFresh,      ///< a different value at each read
};
inline constexpr auto kClassNames = std::to_array<std::string_view>(
    {"honest", "zero", "max", "low", "below", "high", "above", "stale", "random", "fresh"});
inline constexpr std::size_t kClassCount = kClassNames.size();

constexpr ValueClass value_class(std::uint32_t number) {
  return static_cast<ValueClass>(number % kClassCount);
}

/// The classes that were tried at each site since the process started. The corpus test reads it.
struct SiteRecord {
  std::array<std::array<std::uint64_t, kClassCount>, kSiteCount> count{};
  void note(Site site, ValueClass c) {
    run_context.site = static_cast<std::int16_t>(site);
    ++count[static_cast<std::size_t>(site)][static_cast<std::size_t>(c)];
  }
};
inline SiteRecord& site_record() {
  static SiteRecord record;
  return record;
}

/// The valid values of a field, as far as the injector knows them.
struct Range {
  std::uint64_t honest = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t stale = 0;
  std::uint64_t mask = ~std::uint64_t{0};
};

/// Returns a value of class `c`, within `range.mask`.
constexpr std::uint64_t faulty_value(ValueClass c, const Range& range, std::uint64_t random) {
  const auto value = [&]() -> std::uint64_t {
    switch (c) {
      case ValueClass::kHonest:
        return range.honest;
      case ValueClass::kZero:
        return 0;
      case ValueClass::kMax:
        return range.mask;
      case ValueClass::kLow:
        return range.low;
      case ValueClass::kBelowLow:
        return range.low - 1;
      case ValueClass::kHigh:
        return range.high;
      case ValueClass::kAboveHigh:
        return range.high + 1;
      case ValueClass::kStale:
        return range.stale;
      case ValueClass::kRandom:
        return random;
      case ValueClass::kFresh:
        return range.honest ^ (random | 1);
    }
    return range.honest;
  };
  return value() & range.mask;
}

}  // namespace hni::fuzz
