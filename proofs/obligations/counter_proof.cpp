// SPDX-License-Identifier: Apache-2.0
// Widening of the card's counters, and extension of its short timestamps.
#include "driver/control/clock.hpp"
#include "driver/control/statistics.hpp"
#include "proofs/obligations/rings.hpp"

namespace hni::proofs {

HNI_PROVE(narrow_counter_widened,
          "A widened 32-bit counter grows by exactly what the card counted since the last "
          "reading, if that was less than one "
          "wrap (I6).") {
  const auto counted_before = input<std::uint64_t>("counted by the card, last reading");
  const auto counted_now = input<std::uint64_t>("counted by the card, this reading");
  const auto value = input<std::uint64_t>("value");
  // Modulo 2^64, so that the claim also holds across a wrap of the card's counter.
  assume("less than one wrap between two readings", counted_now - counted_before <= 0xffffffffU);
  // The card reports the low half of its counter.
  WideCounter<Word, Wide> counter{value, static_cast<Word>(counted_before & 0xffffffffU)};
  counter.advance(static_cast<Word>(counted_now & 0xffffffffU));
  show("value", counter.value);
  conclude("F", "the value grows by what was counted",
           counter.value == value + (counted_now - counted_before));
  conclude("F", "the next difference begins here",
           counter.last == static_cast<Word>(counted_now & 0xffffffffU));
}

HNI_PROVE(wide_counter_continued,
          "A 64-bit counter grows by exactly what the card counted, across any wrap (I6).") {
  const auto before = input<std::uint64_t>("last reading");
  const auto now = input<std::uint64_t>("this reading");
  const auto value = input<std::uint64_t>("value");
  WideCounter<Wide, Wide> counter{value, before};
  counter.advance(now);
  conclude("F", "the value grows by the difference modulo 2^64",
           counter.value - value == now - before);
  conclude("F", "the next difference begins here", counter.last == now);
}

HNI_PROVE(counter_rebased,
          "The card's value at a reset counts as zero: the counter is unchanged, and the next "
          "difference starts there.") {
  const auto shown = input<std::uint32_t>("reading at the reset");
  const auto later = input<std::uint32_t>("next reading");
  const auto value = input<std::uint64_t>("value");
  WideCounter<Word, Wide> counter{value, input<std::uint32_t>("last reading")};
  counter.rebase(shown);
  conclude("F", "the value stays", counter.value == value);
  counter.advance(later);
  conclude("F", "only what came later counts", counter.value == value + Wide(Word(later - shown)));
}

HNI_PROVE(stamp_extended,
          "A 40-bit timestamp is extended to the only time at or after the base, and less than "
          "2^40 ns later, that has these bits.") {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kStampBits) - 1;
  const auto base = input<std::uint64_t>("base");
  const auto moment = input<std::uint64_t>("moment");
  assume("the moment is less than 2^40 ns after the base", moment - base <= kMask);
  const Wide stamp = moment & kMask;
  conclude("F", "the moment comes back", extend_stamp<Wide>(base, stamp) == moment);
}

HNI_REFUTE(counter_read_after_a_wrap, "F",
           "A 32-bit counter that is read after more than one wrap loses 2^32 events.") {
  const auto before = input<std::uint64_t>("counted by the card, last reading");
  const auto now = input<std::uint64_t>("counted by the card, this reading");
  WideCounter<Word, Wide> counter{Wide(0), static_cast<Word>(before & 0xffffffffU)};
  counter.advance(static_cast<Word>(now & 0xffffffffU));
  conclude("F", "the value grows by what was counted", counter.value == now - before);
}

}  // namespace hni::proofs
