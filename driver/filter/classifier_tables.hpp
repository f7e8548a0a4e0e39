// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The classifier's tables as configured, and the writer that brings the device to that state
/// [device 14]. The tables are computed anew after each change of configuration; the writer keeps
/// a shadow of what it wrote and writes differences only. After a device reset the shadow is
/// invalid and everything is written again. Nothing is read back from the device.

#include <array>
#include <cstdint>
#include <optional>

#include "driver/core/checked_io.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

using MacAddress = std::array<std::uint8_t, 6>;  ///< network byte order

inline constexpr MacAddress kZeroMac{};  ///< no address
/// the broadcast address
inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
/// Tests for a multicast or broadcast address.
/// @param mac address
/// @return true if its group bit is set
constexpr bool is_multicast(const MacAddress& mac) {
  return (mac[0] & 1U) != 0;
}

inline constexpr std::uint32_t kActionEntries = 64;  ///< entries of the action TCAM
inline constexpr std::uint32_t kActionWords = 11;    ///< words of an action entry
inline constexpr std::uint32_t kMacEntries = 32;     ///< entries of the MACDA TCAM
inline constexpr std::uint32_t kIpEntries = 8;       ///< entries of each IP table
inline constexpr std::uint32_t kTceEntries = 8;      ///< entries of the transmit side's TCAM

inline constexpr std::uint32_t kMacBmc = 0;        ///< first of four entries of the BMC
inline constexpr std::uint32_t kMacBroadcast = 4;  ///< broadcast
/// first multicast entry; they end at the boundary
inline constexpr std::uint32_t kMacMulticast = 5;
inline constexpr std::uint32_t kMacHost = 30;         ///< the port's own address
inline constexpr std::uint32_t kMacPromiscuous = 31;  ///< wildcard

inline constexpr std::uint32_t kActionBmc = 0;           ///< the BMC's addresses
inline constexpr std::uint32_t kActionBmcMulticast = 1;  ///< the BMC's all-multicast entry
inline constexpr std::uint32_t kActionRules = 2;         ///< first flow rule
inline constexpr std::uint32_t kMaxRules = 48;           ///< flow rules
/// first of 7 hash rules for unicast and 7 for all other frames
inline constexpr std::uint32_t kActionRss = 50;

/// Why a MACDA entry exists, as a bit mask; an entry without an owner is unused.
enum MacOwner : std::uint8_t {
  kOwnBmc = 1,            ///< BMC
  kOwnBroadcast = 2,      ///< broadcast
  kOwnMulticast = 4,      ///< a multicast address of the host
  kOwnUnicast = 8,        ///< a unicast address of the host
  kOwnAllMulticast = 16,  ///< all multicast for the host
  kOwnPromiscuous = 32,   ///< everything for the host
  kOwnRule = 64,          ///< a flow rule
};

/// An entry of the MACDA TCAM.
struct MacEntry {
  MacAddress value{};       ///< address to match
  MacAddress ignore{};      ///< a 1 bit matches anything
  std::uint8_t owners = 0;  ///< MacOwner bits

  /// @return true if the entry is in use
  [[nodiscard]] constexpr bool used() const { return owners != 0; }
  /// Compares what is matched, not the owners.
  /// @param o entry
  /// @return true if equal
  [[nodiscard]] constexpr bool same_match(const MacEntry& o) const {
    return used() == o.used() && value == o.value && ignore == o.ignore;
  }
};

/// An entry of an IP table; IPv4 occupies the last four bytes and ignores the others.
struct IpEntry {
  std::array<std::uint8_t, 16> value{};   ///< address to match
  std::array<std::uint8_t, 16> ignore{};  ///< a 1 bit matches anything
  std::uint8_t version = 0;               ///< 4 or 6; 0: unused

  /// @return true if the entry is in use
  [[nodiscard]] constexpr bool used() const { return version != 0; }
  /// Compares all members.
  /// @return true if equal
  friend constexpr bool operator==(const IpEntry&, const IpEntry&) = default;
};

/// The IP tables.
enum class IpTable : std::uint8_t { kOuterSource, kOuterDestination, kSource, kDestination };
inline constexpr std::uint32_t kIpTables = 4;  ///< number of IP tables

/// An entry of the action TCAM: what must match, and the two action words.
struct ActionEntry {
  bool used = false;                                 ///< the entry is in use
  spec::RPC_ACT_TBL0 action{};                       ///< what happens to the packet
  spec::RPC_ACT_TBL1 hash{};                         ///< fields of the hash
  std::array<std::uint16_t, kActionWords> value{};   ///< words to match
  std::array<std::uint16_t, kActionWords> ignore{};  ///< a 1 bit matches anything

  /// Compares what is matched.
  /// @param o entry
  /// @return true if equal
  [[nodiscard]] constexpr bool same_match(const ActionEntry& o) const {
    return used == o.used && value == o.value && ignore == o.ignore;
  }
  /// Compares the action words.
  /// @param o entry
  /// @return true if equal
  [[nodiscard]] constexpr bool same_action(const ActionEntry& o) const {
    return action.raw == o.action.raw && hash.raw == o.hash.raw;
  }
};

// Action word 0 holds four lookup results of four bits each: index 2:0, valid 3 [device 14.3].

/// index of an IP lookup
inline constexpr std::uint16_t kIpIndexMask = spec::TCAM_ACT_WORD0{}.set_IPSRC_IDX(7).raw;
/// index of an IP lookup
inline constexpr std::uint16_t kIpValid = spec::TCAM_ACT_WORD0{}.set_IPSRC_VALID(1).raw;

/// Returns the position of a table's four bits in action word 0.
/// @param table IP table
/// @return shift
constexpr unsigned ip_shift(IpTable table) {
  constexpr std::array<unsigned, kIpTables> kShifts{8, 12, 0, 4};  // outer tables above inner ones
  return kShifts[raw(table)];
}
static_assert(spec::TCAM_ACT_WORD0{}.set_OUTER_IPDST_IDX(7).raw ==
              std::uint32_t{kIpIndexMask} << ip_shift(IpTable::kOuterDestination));

/// Encodes a MACDA index.
/// @param n entry
/// @return bits of action word 1
constexpr std::uint16_t mac_index(std::uint32_t n) {
  return static_cast<std::uint16_t>(spec::TCAM_ACT_WORD1{}.set_L2_MACDA_IDX(n).raw);
}
/// mask of the MACDA index
inline constexpr std::uint16_t kMacIndexMask = mac_index(kMacEntries - 1);
/// a destination address matched
inline constexpr std::uint16_t kMacValid = spec::TCAM_ACT_WORD1{}.set_L2_MACDA_VALID(1).raw;
/// the inner IP header is IPv6
inline constexpr std::uint16_t kIpIsV6 = spec::TCAM_ACT_WORD1{}.set_IP_IS_V6(1).raw;
/// there is an IP header
inline constexpr std::uint16_t kIpPresent = spec::TCAM_ACT_WORD1{}.set_IP_VALID(1).raw;
/// there is an outer IP header
inline constexpr std::uint16_t kOuterIpPresent = spec::TCAM_ACT_WORD1{}.set_OUTER_IP_VALID(1).raw;
/// the L4 header is UDP
inline constexpr std::uint16_t kL4IsUdp = spec::TCAM_ACT_WORD1{}.set_L4_IS_UDP(1).raw;
/// there is an L4 header
inline constexpr std::uint16_t kL4Present = spec::TCAM_ACT_WORD1{}.set_L4_VALID(1).raw;

/// The configured tables.
struct ClassifierTables {
  std::array<MacEntry, kMacEntries> mac{};                      ///< destination addresses
  std::array<std::array<IpEntry, kIpEntries>, kIpTables> ip{};  ///< by IpTable
  std::array<ActionEntry, kActionEntries> action{};             ///< rules

  /// Checks that every rule that compares a lookup index names a used entry. Otherwise the rule
  /// never matches, or matches what the entry's next user configures.
  /// @return true if all rules are sound
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

/// Writes the tables to a device.
template <DeviceIo Io, class Obs = NullObserver>
class ClassifierWriter {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device
  /// Creates a writer with an invalid shadow.
  /// @param device must outlive it
  explicit ClassifierWriter(D& device) : device_(&device) {}

  /// Invalidates the shadow: the device was reset or had another owner, so its tables are unknown.
  void forget() {
    known_ = false;
    shadow_ = {};
    tce_ = {};
  }

  /// Brings the device from the shadow to `want`. A rule whose match changes is removed first and
  /// written last, so that no rule ever refers to an entry with a different meaning.
  /// @param want tables to write
  /// @return true if the MACDA TCAM changed
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

  /// @return BMC addresses that exceeded the eight entries of the transmit side
  [[nodiscard]] std::uint32_t tce_overflow() const { return tce_overflow_; }
  /// @return what was written last
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

  // Returns 16 bits of an address as a big-endian number; word 0 is the last.
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

  // The transmit side copies or redirects frames for the BMC. Its table lists the BMC's addresses,
  // with value and mask swapped compared with all other tables [device 14.7].
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
