// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FaultInjector: a DeviceIo wrapper that injects faults. Values of the inner device are changed
/// at the sites, in the classes and as often as a script requests; all others are forwarded
/// unchanged. It can also remove the device (all ones) and make DMA allocations fail.

#include <array>
#include <bit>
#include <cstdint>
#include <functional>

#include "driver/io/pass_through.hpp"
#include "fuzz/fault/message_faults.hpp"
#include "fuzz/script/field_faults.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/enums.hpp"

namespace hni::fuzz {

/// Position of a site of kind kField in a ring word, and the words that have it.
struct RingField {
  Site site;
  Site word;
  std::uint8_t type;  ///< type of the word; kAnyType for all
  std::uint8_t shift;
  std::uint8_t bits;
};
inline constexpr std::uint8_t kAnyType = 0xff;

/// Describes a field by its bits: `mask` is a word of the spec with the field set to all ones.
template <class Type>
constexpr RingField ring_field(Site site, Site word, Type type, std::uint64_t mask) {
  return {site, word, static_cast<std::uint8_t>(type),
          static_cast<std::uint8_t>(std::countr_zero(mask)),
          static_cast<std::uint8_t>(std::popcount(mask))};
}
/// The bits of a field of a word layout.
#define HNI_FIELD_MASK(layout, field) spec::layout{}.set_##field(~std::uint64_t{0}).raw
inline constexpr auto kRingFields = std::to_array<RingField>({
    ring_field(Site::kTcdHead, Site::kTcqWord, spec::TCD_TYPE::TYPE0,
               HNI_FIELD_MASK(TCD_TYPE0, HEAD0)),
    ring_field(Site::kTcdTimestamp, Site::kTcqWord, spec::TCD_TYPE::TYPE1,
               HNI_FIELD_MASK(TCD_TYPE1, TS)),
    ring_field(Site::kTcdType, Site::kTcqWord, kAnyType, HNI_FIELD_MASK(TCD, TYPE)),
    ring_field(Site::kRcdHeaderId, Site::kRcqWord, spec::RCD_TYPE::HDR_AL,
               HNI_FIELD_MASK(RCD_HDR_AL, BUFF_ID)),
    ring_field(Site::kRcdHeaderLength, Site::kRcqWord, spec::RCD_TYPE::HDR_AL,
               HNI_FIELD_MASK(RCD_HDR_AL, LEN)),
    ring_field(Site::kRcdHeaderOffset, Site::kRcqWord, spec::RCD_TYPE::HDR_AL,
               HNI_FIELD_MASK(RCD_HDR_AL, OFF)),
    ring_field(Site::kRcdPayloadId, Site::kRcqWord, spec::RCD_TYPE::PAY_AL,
               HNI_FIELD_MASK(RCD_PAY_AL, BUFF_ID)),
    ring_field(Site::kRcdPayloadLength, Site::kRcqWord, spec::RCD_TYPE::PAY_AL,
               HNI_FIELD_MASK(RCD_PAY_AL, LEN)),
    ring_field(Site::kRcdPayloadOffset, Site::kRcqWord, spec::RCD_TYPE::PAY_AL,
               HNI_FIELD_MASK(RCD_PAY_AL, OFF)),
    ring_field(Site::kRcdGrammar, Site::kRcqWord, kAnyType, HNI_FIELD_MASK(RCD, TYPE)),
    ring_field(Site::kRcdOptMeta, Site::kRcqWord, spec::RCD_TYPE::OPT_META,
               HNI_FIELD_MASK(RCD_OPT_META, OPT_TYPE)),
    // All that is neither phase nor type.
    ring_field(Site::kRcdMeta, Site::kRcqWord, spec::RCD_TYPE::META,
               ~(HNI_FIELD_MASK(RCD, DONE) | HNI_FIELD_MASK(RCD, TYPE))),
});

template <DeviceIo Inner>
class FaultInjector : public io::PassThrough<Inner> {
 public:
  using Base = io::PassThrough<Inner>;
  using Base::Base;

  /// Arms faults: after `after` unchanged values, the next `count` values of `site` get class `c`.
  void order(Site site, ValueClass c, std::uint32_t count, std::uint64_t random,
             std::uint32_t after = 0) {
    Order& o = orders_[index(site)];
    o.c = c;
    o.count = count;
    o.after = after;
    o.random = random;
  }
  /// Returns the faults of `site` that are still pending.
  [[nodiscard]] std::uint32_t ordered(Site site) const { return orders_[index(site)].count; }
  /// Disarms all faults and restores a removed device.
  void behave() {
    for (Order& o : orders_) o.count = 0;
    gone = false;
    vanish_in = 0;
    allocations_before = allocations_to_fail = 0;
  }

  std::uint32_t read32(Site site, RegAddr reg) {
    ++accesses;
    count_down();
    if (gone) return ~0U;
    const std::uint32_t honest = Base::read32(site, reg);
    const Site as = orders_[index(Site::kMailboxLength)].count != 0 && site == Site::kMailboxHigh
                        ? Site::kMailboxLength
                        : site;
    const unsigned shift = as == Site::kMailboxLength ? 16 : 0;
    const auto said = static_cast<std::uint32_t>(changed(as, honest, 32 - shift, shift));
    if (site == Site::kIdle) last_idle = said;
    return said;
  }
  void write32(RegAddr reg, std::uint32_t value) {
    ++accesses;
    count_down();
    if (!gone) Base::write32(reg, value);
  }
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    ++accesses;
    std::uint64_t value = Base::load64(site, word);
    const auto type = static_cast<std::uint8_t>(spec::RCD{value}.TYPE());
    if (spec::RCD{value}.set_DONE(0).raw != 0) {
      for (const RingField& field : kRingFields) {
        if (field.word != site || (field.type != kAnyType && field.type != type)) continue;
        value = changed(field.site, value, field.bits, field.shift);
      }
    }
    value = changed(site, value, 64, 0);
    return value;
  }
  void copy_in(Site site, std::byte* to, const std::byte* from, std::size_t n) {
    Base::copy_in(site, to, from, n);
    const std::span<std::byte> message(to, n);
    for (const SiteInfo& info : kSites) {
      if (info.kind != SiteKind::kMessage) continue;
      Order& o = orders_[index(info.id)];
      if (o.count == 0) continue;
      const auto random = static_cast<std::uint32_t>(o.random);
      const auto place = message_place(info.id, message, random);
      if (!place) continue;
      const auto said = [&] { return message_word(message, place->at, place->bytes); };
      const std::uint64_t honest = said();
      (void)put_fault_in_message(info.id, o.c, random, o.stale, message);
      told(info.id, o, honest & place->mask, said() & place->mask);
    }
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    if (allocations_before != 0) {
      --allocations_before;
    } else if (allocations_to_fail != 0) {
      --allocations_to_fail;
      return std::nullopt;
    }
    return Base::dma_alloc(bytes);
  }

  /// Called per injected fault: the site, the original value, the value in its place.
  std::function<void(Site, std::uint64_t honest, std::uint64_t said)> on_fault;
  bool gone = false;            ///< removed: all reads return all ones, writes have no effect
  std::uint32_t vanish_in = 0;  ///< removed after this many register accesses; 0: never
  std::uint32_t allocations_before = 0;  ///< allocations that still succeed
  std::uint32_t allocations_to_fail = 0;
  std::uint64_t accesses = 0;
  std::uint32_t last_idle = ~0U;      ///< last value of an idle register that the driver read
  std::uint64_t faults = 0;           ///< values that were changed
  std::uint64_t receive_faults = 0;   ///< among these, in receive completions
  std::uint64_t transmit_faults = 0;  ///< among these, in transmit completions

 private:
  struct Order {
    ValueClass c{};
    std::uint32_t count = 0;
    std::uint32_t after = 0;
    std::uint64_t random = 0;
    std::uint64_t stale = 0;  ///< previous value of the site
  };
  static constexpr std::size_t index(Site site) { return static_cast<std::size_t>(site); }

  void count_down() {
    if (vanish_in != 0 && --vanish_in == 0) gone = true;
  }

  /// Returns bits [shift, shift + bits) of `word` after the faults of `site`.
  std::uint64_t changed(Site site, std::uint64_t word, unsigned bits, unsigned shift) {
    Order& o = orders_[index(site)];
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (1ULL << bits) - 1;
    const std::uint64_t honest = word >> shift & mask;
    if (o.count == 0 || o.after != 0) [[likely]] {
      if (o.count != 0) --o.after;
      o.stale = honest;
      return word;
    }
    const Range range{
        .honest = honest, .low = honest, .high = honest, .stale = o.stale, .mask = mask};
    const std::uint64_t value =
        faulty_value(o.c, range, o.random + (o.c == ValueClass::kFresh ? o.count : 0));
    told(site, o, honest, value);
    if (site == Site::kRcqWord || (site >= Site::kRcdHeaderId && site <= Site::kRcdMeta))
      ++receive_faults;
    if (site >= Site::kTcqWord && site <= Site::kTcdType) ++transmit_faults;
    return (word & ~(mask << shift)) | value << shift;
  }
  void told(Site site, Order& o, std::uint64_t honest, std::uint64_t said) {
    --o.count;
    ++faults;
    if (on_fault) on_fault(site, honest, said);
    site_record().note(site, o.c);
  }

  std::array<Order, kSiteCount> orders_{};
};

}  // namespace hni::fuzz
