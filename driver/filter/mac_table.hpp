// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Assignment of destination addresses to MACDA TCAM entries [device 14.4]. A pure function of the
/// configuration and of the previous table, so that addresses that stay keep their entry.
///
/// Multicast addresses fill entries from 5 upwards, further unicast addresses from 29 downwards,
/// and a boundary separates them: with a BMC the unicast rules match every entry whose index has
/// all bits of the boundary set. Linux always uses boundary 24; the other three are those for
/// which this comparison holds, too (INTERPRETATION: the device accepts any position). A list that
/// does not fit overflows: the host then receives all unicast or all multicast frames.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "driver/filter/classifier_tables.hpp"

namespace hni {

/// A list of addresses of bounded size. No table of the device holds more.
struct MacList {
  std::array<MacAddress, kMacEntries> at{};  ///< the first `count` are valid
  std::uint32_t count = 0;                   ///< number of addresses
  bool unicast_lost = false;    ///< addresses were cut off, among them a unicast address
  bool multicast_lost = false;  ///< addresses were cut off, among them a multicast address

  /// Makes an empty list.
  constexpr MacList() = default;
  /// Copies addresses; those beyond kMacEntries are cut off and recorded.
  /// @param macs addresses
  explicit constexpr MacList(std::span<const MacAddress> macs)
      : count(static_cast<std::uint32_t>(std::min<std::size_t>(macs.size(), kMacEntries))) {
    std::copy_n(macs.begin(), count, at.begin());
    for (const MacAddress& lost : macs.subspan(count))
      (is_multicast(lost) ? multicast_lost : unicast_lost) = true;
  }
  /// @return the addresses
  [[nodiscard]] constexpr std::span<const MacAddress> all() const {
    return std::span(at).first(count);
  }
  /// Searches for an address.
  /// @param mac address
  /// @return true if the list holds it
  [[nodiscard]] constexpr bool contains(const MacAddress& mac) const {
    const auto macs = all();
    return std::find(macs.begin(), macs.end(), mac) != macs.end();
  }
};

/// The management controller that shares the port, from the firmware's capabilities [device 6.1].
struct BmcConfig {
  bool present = false;                   ///< a BMC shares the port
  bool all_multicast = false;             ///< the BMC receives all multicast
  std::array<MacAddress, 4> addresses{};  ///< zero addresses are unused
};

/// What the host is to receive.
struct MacFilter {
  MacAddress host{};           ///< the port's own address
  bool broadcast = true;       ///< receive broadcasts
  bool promiscuous = false;    ///< receive everything
  bool all_multicast = false;  ///< receive all multicast
  MacList unicast{};           ///< in addition to `host`
  MacList multicast{};         ///< in addition to broadcast
};

inline constexpr std::uint32_t kDefaultBoundary = 24;  ///< the boundary that Linux uses
/// All boundaries, the usual one first. Each is a run of 1 bits at the top of a five-bit index.
inline constexpr std::array<std::uint32_t, 4> kBoundaries{24, 16, 28, 30};
static_assert(std::all_of(kBoundaries.begin(), kBoundaries.end(), [](std::uint32_t b) {
  for (std::uint32_t n = 0; n < kMacEntries; ++n)
    if ((n >= b) != ((n & b) == b)) return false;
  return true;
}));

/// An assignment of addresses to entries.
struct MacTable {
  std::array<MacEntry, kMacEntries> entries{};  ///< entries of the MACDA TCAM
  std::uint32_t boundary = kDefaultBoundary;    ///< first unicast entry
  bool unicast_overflow = false;                ///< a unicast address has no entry: promiscuous
  bool multicast_overflow = false;  ///< a multicast address has no entry: all multicast
  bool rule_overflow = false;  ///< a flow rule's address has no entry: the table must not be used
  std::uint32_t bmc_refused = 0;  ///< BMC addresses that the host uses, or without room

  /// Finds the entry that matches exactly one address.
  /// @param mac address
  /// @return its index; nullopt if no entry matches
  [[nodiscard]] constexpr std::optional<std::uint32_t> find(const MacAddress& mac) const {
    for (std::uint32_t n = 0; n < kMacEntries; ++n)
      if (entries[n].used() && entries[n].value == mac && entries[n].ignore == kZeroMac) return n;
    return std::nullopt;
  }
};

/// Builds a MacTable.
class MacTableBuilder {
 public:
  /// Starts a table; the arguments must outlive the builder.
  /// @param filter what the host is to receive
  /// @param bmc the management controller
  /// @param previous the table before
  MacTableBuilder(const MacFilter& filter, const BmcConfig& bmc, const MacTable& previous)
      : filter_(filter), bmc_(bmc), previous_(previous) {}

  /// Requests an entry for the address of a flow rule. Call for all of them before build().
  /// @param mac address
  void want_for_rule(const MacAddress& mac) { want(mac, kOwnRule); }

  /// Builds the table.
  /// @return the table; check rule_overflow
  [[nodiscard]] MacTable build() {
    // Both lists may contain unicast and multicast addresses.
    for (const MacList* list : {&filter_.unicast, &filter_.multicast}) {
      for (const MacAddress& mac : list->all())
        want(mac, is_multicast(mac) ? kOwnMulticast : kOwnUnicast);
      table_.unicast_overflow |= list->unicast_lost;
      table_.multicast_overflow |= list->multicast_lost;
    }
    table_.boundary = choose_boundary();
    place_fixed();
    place_wanted();
    place_bmc();
    place_wildcards();
    return table_;
  }

 private:
  struct Wanted {
    MacAddress mac{};
    std::uint8_t owners = 0;
    bool placed = false;
  };
  struct Range {
    std::uint32_t first, last;  // last is exclusive
  };

  void want(const MacAddress& mac, MacOwner owner) {
    for (Wanted& w : std::span(wanted_).first(wanted_count_)) {
      if (w.mac != mac) continue;
      w.owners |= owner;
      return;
    }
    if (wanted_count_ < wanted_.size()) wanted_[wanted_count_++] = {mac, owner};
  }

  [[nodiscard]] bool is_fixed(const MacAddress& mac) const {
    return mac == kBroadcastMac || mac == filter_.host;
  }
  // Whether the host uses the address in a list or in a rule, with or without an entry.
  [[nodiscard]] bool is_hosts(const MacAddress& mac) const {
    return mac == filter_.host ||
           std::ranges::any_of(std::span(wanted_).first(wanted_count_),
                               [&](const Wanted& w) { return w.mac == mac; });
  }
  [[nodiscard]] bool bmc_takes_all_multicast() const { return bmc_.present && bmc_.all_multicast; }
  [[nodiscard]] Range unicast_range(std::uint32_t boundary) const { return {boundary, kMacHost}; }
  [[nodiscard]] Range multicast_range(std::uint32_t boundary) const {
    return {kMacMulticast, boundary - (bmc_takes_all_multicast() ? 1 : 0)};
  }

  // Returns whether all wanted addresses with one of `owners` fit around boundary `b`.
  [[nodiscard]] bool fits(std::uint32_t b, std::uint8_t owners) const {
    std::uint32_t unicast = 0, multicast = 0;
    for (const Wanted& w : std::span(wanted_).first(wanted_count_))
      if ((w.owners & owners) != 0 && !is_fixed(w.mac))
        ++(is_multicast(w.mac) ? multicast : unicast);
    const Range u = unicast_range(b), m = multicast_range(b);
    return unicast <= u.last - u.first && multicast <= m.last - m.first;
  }

  // The first boundary with room for everything, or at least for the rules: a list may overflow,
  // an existing rule must not lose its address.
  [[nodiscard]] std::uint32_t choose_boundary() const {
    constexpr std::uint8_t kAnybody = 0xff;
    for (const std::uint8_t owners : {kAnybody, std::uint8_t{kOwnRule}})
      for (const std::uint32_t b : kBoundaries)
        if (fits(b, owners)) return b;
    return kDefaultBoundary;
  }

  void place_fixed() {
    table_.entries[kMacHost] = {filter_.host, kZeroMac, kOwnUnicast};
    MacEntry& broadcast = table_.entries[kMacBroadcast];
    broadcast.value = kBroadcastMac;
    if (filter_.broadcast) broadcast.owners |= kOwnBroadcast;
    if (bmc_.present) broadcast.owners |= kOwnBmc;
    for (Wanted& w : std::span(wanted_).first(wanted_count_)) {
      if (!is_fixed(w.mac)) continue;
      table_.entries[w.mac == kBroadcastMac ? kMacBroadcast : kMacHost].owners |= w.owners;
      w.placed = true;
    }
    if (!broadcast.used()) broadcast = {};
  }

  // Rules first. Addresses with an entry keep it if possible; then the new ones get free entries.
  void place_wanted() {
    for (const bool rules : {true, false})
      for (const bool keep : {true, false})
        for (Wanted& w : std::span(wanted_).first(wanted_count_))
          if (!w.placed && ((w.owners & kOwnRule) != 0) == rules) place(w, keep);
  }

  void place(Wanted& w, bool keep) {
    const bool multicast = is_multicast(w.mac);
    const Range range =
        multicast ? multicast_range(table_.boundary) : unicast_range(table_.boundary);
    const auto n = keep ? kept_place(w.mac, range) : free_place(range, !multicast);
    if (n) {
      table_.entries[*n] = {w.mac, kZeroMac, w.owners};
      w.placed = true;
    } else if (!keep) {
      note_overflow(w);
    }
  }

  void note_overflow(const Wanted& w) {
    if ((w.owners & kOwnUnicast) != 0) table_.unicast_overflow = true;
    if ((w.owners & kOwnMulticast) != 0) table_.multicast_overflow = true;
    if ((w.owners & kOwnRule) != 0) table_.rule_overflow = true;
  }

  [[nodiscard]] std::optional<std::uint32_t> kept_place(const MacAddress& mac, Range r) const {
    const auto n = previous_.find(mac);
    if (n && *n >= r.first && *n < r.last && !table_.entries[*n].used()) return n;
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::uint32_t> free_place(Range r, bool from_the_end) const {
    for (std::uint32_t i = r.first; i < r.last; ++i) {
      const std::uint32_t n = from_the_end ? r.last - 1 - (i - r.first) : i;
      if (!table_.entries[n].used()) return n;
    }
    return std::nullopt;
  }

  // The last entry of a group that the host receives by its wildcard anyway.
  [[nodiscard]] std::optional<std::uint32_t> covered_place(Range r) const {
    for (std::uint32_t n = r.last; n-- > r.first;)
      if (table_.entries[n].owners == kOwnMulticast) return n;
    return std::nullopt;
  }

  // Assigns the BMC's own addresses. One that the host also uses would divert the host's frames to
  // the BMC, so it is refused [trust-boundary A80].
  void place_bmc() {
    if (!bmc_.present) return;
    for (const MacAddress& mac : bmc_.addresses) {
      if (mac == kZeroMac || mac == kBroadcastMac) continue;
      if (!is_multicast(mac) && is_hosts(mac)) {
        ++table_.bmc_refused;
        continue;
      }
      if (const auto n = table_.find(mac)) {
        table_.entries[*n].owners |= kOwnBmc;
        continue;
      }
      // An address in the BMC's region goes to the BMC only, so a group shares the host's range if
      // the host receives all multicast. The region has an entry for each of the BMC's addresses.
      static_assert(std::tuple_size_v<decltype(bmc_.addresses)> == kMacBroadcast - kMacBmc);
      const Range own{kMacBmc, kMacBroadcast}, shared = multicast_range(table_.boundary);
      const bool share = is_multicast(mac) && host_takes_all_multicast();
      auto n = free_place(share ? shared : own, false);
      if (!n) {  // the own region always has room, so this is the shared one
        n = covered_place(shared);
        table_.multicast_overflow |= n.has_value();
      }
      if (n) {
        table_.entries[*n] = {mac, kZeroMac, kOwnBmc};
      } else {
        ++table_.bmc_refused;
      }
    }
  }

  [[nodiscard]] bool host_takes_all() const {
    return filter_.promiscuous || table_.unicast_overflow;
  }
  [[nodiscard]] bool host_takes_all_multicast() const {
    return filter_.all_multicast || table_.multicast_overflow || host_takes_all();
  }

  void place_wildcards() {
    constexpr MacAddress kGroupBit{0x01, 0, 0, 0, 0, 0};
    constexpr MacAddress kAllButGroupBit{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (bmc_takes_all_multicast()) {
      std::uint8_t owners = kOwnBmc;
      if (host_takes_all_multicast()) owners |= kOwnAllMulticast;
      table_.entries[table_.boundary - 1] = {kGroupBit, kAllButGroupBit, owners};
    }
    MacEntry& last = table_.entries[kMacPromiscuous];
    if (host_takes_all()) {
      last = {kZeroMac, kBroadcastMac, kOwnPromiscuous};
    } else if (host_takes_all_multicast() && !bmc_takes_all_multicast()) {
      last = {kGroupBit, kAllButGroupBit, kOwnAllMulticast};
    }
  }

  const MacFilter& filter_;
  const BmcConfig& bmc_;
  const MacTable& previous_;
  std::array<Wanted, kMaxRules + 2 * kMacEntries> wanted_{};
  std::size_t wanted_count_ = 0;
  MacTable table_{};
};

}  // namespace hni
