// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The classifier's tables as the driver wants them, and the writer that brings the card to that
/// state [device 14]. The wanted tables are computed anew after each change of
/// configuration; the writer keeps a shadow of what it wrote and writes differences only. After a
/// card reset the shadow is forgotten and everything is written again. Nothing is ever read back
/// from the card.

#include <array>
#include <cstdint>
#include <optional>

#include "driver/core/checked_io.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

using MacAddress = std::array<std::uint8_t, 6>;  ///< network byte order

inline constexpr MacAddress kZeroMac{};
inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr bool is_multicast(const MacAddress& mac) {
  return (mac[0] & 1U) != 0;
}

inline constexpr std::uint32_t kActionEntries = 64;
inline constexpr std::uint32_t kActionWords = 11;
inline constexpr std::uint32_t kMacEntries = 32;
inline constexpr std::uint32_t kIpEntries = 8;
inline constexpr std::uint32_t kTceEntries = 8;

// Fixed places in the MACDA TCAM [device 14.4].
inline constexpr std::uint32_t kMacBmc = 0;  ///< four entries
inline constexpr std::uint32_t kMacBroadcast = 4;
inline constexpr std::uint32_t kMacMulticast = 5;  ///< first; up to the boundary
inline constexpr std::uint32_t kMacHost = 30;
inline constexpr std::uint32_t kMacPromiscuous = 31;

// Fixed places in the action TCAM [device 14.6].
inline constexpr std::uint32_t kActionBmc = 0;
inline constexpr std::uint32_t kActionBmcMulticast = 1;
inline constexpr std::uint32_t kActionRules = 2;  ///< first of the user's rules
inline constexpr std::uint32_t kMaxRules = 48;
inline constexpr std::uint32_t kActionRss = 50;  ///< 7 rules for unicast, 7 for the rest

/// Who wants a MACDA entry; an entry without an owner is not used.
enum MacOwner : std::uint8_t {
  kOwnBmc = 1,
  kOwnBroadcast = 2,
  kOwnMulticast = 4,
  kOwnUnicast = 8,
  kOwnAllMulticast = 16,
  kOwnPromiscuous = 32,
  kOwnRule = 64,
};

/// A destination address; a 1 bit in `ignore` matches anything.
struct MacEntry {
  MacAddress value{};
  MacAddress ignore{};
  std::uint8_t owners = 0;

  [[nodiscard]] constexpr bool used() const { return owners != 0; }
  [[nodiscard]] constexpr bool same_match(const MacEntry& o) const {
    return used() == o.used() && value == o.value && ignore == o.ignore;
  }
};

/// A source or destination address of IP; IPv4 lies in the last four bytes and ignores the others.
struct IpEntry {
  std::array<std::uint8_t, 16> value{};
  std::array<std::uint8_t, 16> ignore{};
  std::uint8_t version = 0;  ///< 4 or 6; 0 is not used

  [[nodiscard]] constexpr bool used() const { return version != 0; }
  friend constexpr bool operator==(const IpEntry&, const IpEntry&) = default;
};

enum class IpTable : std::uint8_t { kOuterSource, kOuterDestination, kSource, kDestination };
inline constexpr std::uint32_t kIpTables = 4;

/// One rule: what must match, and the two action words.
struct ActionEntry {
  bool used = false;
  spec::RPC_ACT_TBL0 action{};
  spec::RPC_ACT_TBL1 hash{};
  std::array<std::uint16_t, kActionWords> value{};
  std::array<std::uint16_t, kActionWords> ignore{};

  [[nodiscard]] constexpr bool same_match(const ActionEntry& o) const {
    return used == o.used && value == o.value && ignore == o.ignore;
  }
  [[nodiscard]] constexpr bool same_action(const ActionEntry& o) const {
    return action.raw == o.action.raw && hash.raw == o.hash.raw;
  }
};

// What rules compare [device 14.3]. Action word 0 holds four look-up results of four bits each:
// index 2:0, valid 3.
inline constexpr std::uint16_t kIpIndexMask = spec::TCAM_ACT_WORD0{}.set_IPSRC_IDX(7).raw;
inline constexpr std::uint16_t kIpValid = spec::TCAM_ACT_WORD0{}.set_IPSRC_VALID(1).raw;

/// Position of a table's four bits in action word 0.
constexpr unsigned ip_shift(IpTable table) {
  constexpr std::array<unsigned, kIpTables> kShifts{8, 12, 0, 4};  // outer tables above inner ones
  return kShifts[raw(table)];
}
static_assert(spec::TCAM_ACT_WORD0{}.set_OUTER_IPDST_IDX(7).raw ==
              std::uint32_t{kIpIndexMask} << ip_shift(IpTable::kOuterDestination));

// Action word 1: the destination address that was found, and the packet's type.
constexpr std::uint16_t mac_index(std::uint32_t n) {
  return static_cast<std::uint16_t>(spec::TCAM_ACT_WORD1{}.set_L2_MACDA_IDX(n).raw);
}
inline constexpr std::uint16_t kMacIndexMask = mac_index(kMacEntries - 1);
inline constexpr std::uint16_t kMacValid = spec::TCAM_ACT_WORD1{}.set_L2_MACDA_VALID(1).raw;
inline constexpr std::uint16_t kIpIsV6 = spec::TCAM_ACT_WORD1{}.set_IP_IS_V6(1).raw;
inline constexpr std::uint16_t kIpPresent = spec::TCAM_ACT_WORD1{}.set_IP_VALID(1).raw;
inline constexpr std::uint16_t kOuterIpPresent = spec::TCAM_ACT_WORD1{}.set_OUTER_IP_VALID(1).raw;
inline constexpr std::uint16_t kL4IsUdp = spec::TCAM_ACT_WORD1{}.set_L4_IS_UDP(1).raw;
inline constexpr std::uint16_t kL4Present = spec::TCAM_ACT_WORD1{}.set_L4_VALID(1).raw;

struct ClassifierTables {
  std::array<MacEntry, kMacEntries> mac{};
  std::array<std::array<IpEntry, kIpEntries>, kIpTables> ip{};
  std::array<ActionEntry, kActionEntries> action{};

  /// Every rule that compares the index of a look-up names an entry that is used. A rule that does
  /// not could never match, or match what the next user of the entry wants.
  [[nodiscard]] constexpr bool is_valid() const {
    for (const ActionEntry& a : action) {
      if (!a.used) continue;
      for (std::uint32_t t = 0; t < kIpTables; ++t) {
        const unsigned shift = ip_shift(IpTable{static_cast<std::uint8_t>(t)});
        if ((a.ignore[0] >> shift & kIpValid) != 0) continue;
        if (!ip[t][a.value[0] >> shift & kIpIndexMask].used()) return false;
      }
      const bool whole_mac_index = (a.ignore[1] & kMacIndexMask) == 0;
      if (whole_mac_index && !mac[spec::TCAM_ACT_WORD1{a.value[1]}.L2_MACDA_IDX()].used())
        return false;
    }
    return true;
  }
};

template <DeviceIo Io, class Obs = NullObserver>
class ClassifierWriter {
 public:
  using D = CheckedIo<Io, Obs>;
  explicit ClassifierWriter(D& device) : device_(&device) {}

  /// The card was reset, or somebody else used it: nothing is known about its tables.
  void forget() {
    known_ = false;
    shadow_ = {};
    tce_ = {};
  }

  /// Brings the card from the shadow to `want`. Rules that change what they match are taken out
  /// first and put back last, so that no rule ever looks at an entry that means something else.
  /// Returns true when the MACDA TCAM changed.
  bool sync(const ClassifierTables& want) {
    for (std::uint32_t n = kActionEntries; n-- > 0;)
      if (!known_ || (shadow_.action[n].used && !shadow_.action[n].same_match(want.action[n])))
        clear<spec::RPC_TCAM_ACT>(n, kActionWords + 1, shadow_.action[n]);

    bool mac_changed = false;
    for (std::uint32_t n = kMacEntries; n-- > 0;) mac_changed |= sync_mac(n, want.mac[n]);
    sync_ip<spec::RPC_TCAM_OUTER_IPSRC>(IpTable::kOuterSource, want);
    sync_ip<spec::RPC_TCAM_OUTER_IPDST>(IpTable::kOuterDestination, want);
    sync_ip<spec::RPC_TCAM_IPSRC>(IpTable::kSource, want);
    sync_ip<spec::RPC_TCAM_IPDST>(IpTable::kDestination, want);

    for (std::uint32_t n = 0; n < kActionEntries; ++n) sync_action(n, want.action[n]);
    sync_tce(want);
    known_ = true;
    return mac_changed;
  }

  /// BMC addresses that did not fit into the eight entries of the transmit side.
  [[nodiscard]] std::uint32_t tce_overflow() const { return tce_overflow_; }
  [[nodiscard]] const ClassifierTables& shadow() const { return shadow_; }

 private:
  static constexpr std::uint32_t kValidate = spec::TCAM_VALIDATE{}.set_VALIDATE(1).raw;

  template <class Reg, class Entry>
  void clear(std::uint32_t n, std::uint32_t words, Entry& shadow) {
    for (std::uint32_t w = 0; w < words; ++w) device_->template write_word<Reg>(0, w, n);
    shadow = Entry{};
  }

  // Value in the low half, mask in the high half.
  static constexpr std::uint32_t match(std::uint32_t value, std::uint32_t ignore) {
    return spec::RPC_TCAM_ACT{}.set_VALUE(value).set_MASK(ignore).raw;
  }

  // 16 bits of an address as a big-endian number, counted from its end.
  template <std::size_t N>
  static constexpr std::uint32_t half_word(const std::array<std::uint8_t, N>& bytes,
                                           std::uint32_t w) {
    const std::size_t at = N - 2 - 2 * std::size_t{w};
    return static_cast<std::uint32_t>(bytes[at]) << 8 | bytes[at + 1];
  }

  bool sync_mac(std::uint32_t n, const MacEntry& want) {
    constexpr std::uint32_t kWords = 3;
    MacEntry& shadow = shadow_.mac[n];
    if (known_ && shadow.same_match(want)) {
      shadow.owners = want.owners;
      return false;
    }
    if (!want.used()) {
      clear<spec::RPC_TCAM_MACDA>(n, kWords + 1, shadow);
      return true;
    }
    if (!known_ || shadow.used()) device_->template write_word<spec::RPC_TCAM_MACDA>(0, kWords, n);
    for (std::uint32_t w = 0; w < kWords; ++w)
      device_->template write_word<spec::RPC_TCAM_MACDA>(
          match(half_word(want.value, w), half_word(want.ignore, w)), w, n);
    device_->flush();
    device_->template write_word<spec::RPC_TCAM_MACDA>(kValidate, kWords, n);
    shadow = want;
    return true;
  }

  template <class Reg>
  void sync_ip(IpTable table, const ClassifierTables& want) {
    constexpr std::uint32_t kWords = 8;
    const auto t = static_cast<std::size_t>(table);
    const bool inner = table == IpTable::kSource || table == IpTable::kDestination;
    for (std::uint32_t n = kIpEntries; n-- > 0;) {
      IpEntry& shadow = shadow_.ip[t][n];
      const IpEntry& entry = want.ip[t][n];
      if (known_ && shadow == entry) continue;
      if (!entry.used()) {
        clear<Reg>(n, kWords + 1, shadow);
        continue;
      }
      if (!known_ || shadow.used()) device_->template write_word<Reg>(0, kWords, n);
      for (std::uint32_t w = 0; w < kWords; ++w)
        device_->template write_word<Reg>(
            match(half_word(entry.value, w), half_word(entry.ignore, w)), w, n);
      device_->flush();
      const std::uint32_t is_v6 = inner && entry.version == 6 ? 1 : 0;
      device_->template write_word<Reg>(kValidate | is_v6, kWords, n);
      shadow = entry;
    }
  }

  void sync_action(std::uint32_t n, const ActionEntry& want) {
    ActionEntry& shadow = shadow_.action[n];
    if (!want.used) return;
    if (!shadow.used || !shadow.same_action(want)) {
      device_->write(want.action, n);
      device_->write(want.hash, n);
    }
    if (!shadow.used) {
      for (std::uint32_t w = 0; w < kActionWords; ++w)
        device_->template write_word<spec::RPC_TCAM_ACT>(match(want.value[w], want.ignore[w]), w,
                                                         n);
      device_->flush();
      device_->template write_word<spec::RPC_TCAM_ACT>(kValidate, kActionWords, n);
    }
    shadow = want;
  }

  // The transmit side copies or redirects frames for the BMC: its table lists the BMC's addresses,
  // with value and mask the other way round than everywhere else [device 14.7].
  void sync_tce(const ClassifierTables& want) {
    std::array<MacEntry, kTceEntries> entries{};
    std::uint32_t used = 0;
    tce_overflow_ = 0;
    for (const MacEntry& e : want.mac) {
      if ((e.owners & kOwnBmc) == 0) continue;
      if (used == kTceEntries) {
        ++tce_overflow_;
      } else {
        entries[used++] = e;
      }
    }
    sync_tce_destinations(entries);
    for (std::uint32_t n = 0; n < kTceEntries; ++n) {
      if (known_ && tce_[n].same_match(entries[n])) continue;
      write_tce(n, entries[n]);
      tce_[n] = entries[n];
    }
  }

  void sync_tce_destinations(const std::array<MacEntry, kTceEntries>& entries) {
    constexpr std::uint32_t kToMac = 1, kToBmc = 2;
    std::uint32_t map = 0;
    for (std::uint32_t n = 0; n < kTceEntries; ++n)
      if (entries[n].used())
        map |= (kToBmc | (is_multicast(entries[n].value) ? kToMac : 0)) << (4 * n);
    if (known_ && map == tce_map_) return;
    device_->write(spec::TCE_TCAM_IDX2DEST_MAP{map});
    tce_map_ = map;
  }

  void write_tce(std::uint32_t n, const MacEntry& entry) {
    constexpr std::uint32_t kWords = 3;
    device_->write(spec::TCE_RAM_TCAM3{}, n);
    for (std::uint32_t w = 0; w < kWords; ++w) {
      const auto word = spec::TCE_RAM_TCAM{}
                            .set_MASK(half_word(entry.ignore, w))
                            .set_VALUE(half_word(entry.value, w));
      device_->write(word, w, n);
    }
    if (!entry.used()) return;
    device_->flush();
    device_->write(spec::TCE_RAM_TCAM3{}.set_DEST_MASK(7).set_MCQ_MASK(1).set_VALIDATE(1), n);
  }

  D* device_;
  bool known_ = false;
  ClassifierTables shadow_{};
  std::array<MacEntry, kTceEntries> tce_{};
  std::uint32_t tce_map_ = 0;
  std::uint32_t tce_overflow_ = 0;
};

}  // namespace hni
