// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Structs of counters, each made from one list: the list gives the members of the struct, and the
/// names and meanings under which tools show them. To add a counter, add a line to its list.
///
/// A list is a macro `HNI_FOO_COUNTERS(X)` with a line `X(member, "meaning")` per counter; the
/// struct is `struct FooCounters { HNI_COUNTER_STRUCT(FooCounters, HNI_FOO_COUNTERS) };`.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hni {

/// A counter of the struct `Counters`.
template <class Counters>
struct CounterInfo {
  std::string_view name;           ///< name of the member
  std::string_view meaning;        ///< what is counted
  std::uint64_t Counters::*value;  ///< the member
};

#define HNI_COUNTER_MEMBER(name, meaning) std::uint64_t name = 0;
#define HNI_COUNTER_INFO(name, meaning) {#name, meaning, &Self::name},
/// The body of a struct of counters: a member per line of `LIST`, and list().
#define HNI_COUNTER_STRUCT(NAME, LIST)                                      \
  LIST(HNI_COUNTER_MEMBER)                                                  \
  /** @return the counters, in the order of the members */                  \
  static constexpr auto list() {                                            \
    using Self = NAME;                                                      \
    return std::to_array<hni::CounterInfo<Self>>({LIST(HNI_COUNTER_INFO)}); \
  }

/// Number of counters of a struct.
template <class Counters>
inline constexpr std::size_t kCountersOf = Counters::list().size();

/// Returns the values of all counters.
/// @param counters struct of counters
/// @return the values, in the order of the list
template <class Counters>
constexpr std::array<std::uint64_t, kCountersOf<Counters>> counter_values(
    const Counters& counters) {
  std::array<std::uint64_t, kCountersOf<Counters>> values{};
  std::size_t i = 0;
  for (const auto& counter : Counters::list()) values[i++] = counters.*counter.value;
  return values;
}

/// Adds all counters.
/// @param sum increased
/// @param counters added to `sum`
template <class Counters>
constexpr void add_counters(Counters& sum, const Counters& counters) {
  for (const auto& counter : Counters::list()) sum.*counter.value += counters.*counter.value;
}

/// Returns what was counted since `earlier`.
/// @param now newer counters
/// @param earlier older counters of the same object
/// @return the differences
template <class Counters>
constexpr Counters counted_since(Counters now, const Counters& earlier) {
  for (const auto& counter : Counters::list()) now.*counter.value -= earlier.*counter.value;
  return now;
}

}  // namespace hni
