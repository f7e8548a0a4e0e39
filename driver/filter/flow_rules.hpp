// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Flow rules and hash rules as entries of the action TCAM [device 14.2 to 14.6]. Pure functions
/// from configuration to table entries; rx_filter.hpp combines them.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "driver/filter/classifier_tables.hpp"
#include "driver/filter/mac_table.hpp"
#include "openhni/spec/enums.hpp"

namespace hni {

/// Packet types that hash rules and flow rules distinguish, most specific first [device 14.6].
enum class FlowType : std::uint8_t { kUdp6, kUdp4, kTcp6, kTcp4, kIp6, kIp4, kEther };
inline constexpr std::uint32_t kFlowTypes = 7;  ///< number of flow types

/// Tests for IPv6.
/// @param t flow type
/// @return true for the IPv6 types
constexpr bool is_ip6(FlowType t) {
  return t == FlowType::kUdp6 || t == FlowType::kTcp6 || t == FlowType::kIp6;
}
/// Tests for L4 ports.
/// @param t flow type
/// @return true for UDP and TCP
constexpr bool has_ports(FlowType t) {
  return t <= FlowType::kTcp4;
}

/// Hash input of a flow type: bits of action word 1, and one that discards the type.
using HashFields = std::uint32_t;
inline constexpr HashFields kHashIpSource = raw(spec::RSS_FIELD::IP_SRC);  ///< source address
/// destination address
inline constexpr HashFields kHashIpDestination = raw(spec::RSS_FIELD::IP_DST);
inline constexpr HashFields kHashPortSource = raw(spec::RSS_FIELD::L4_SRC);  ///< source port
/// destination port
inline constexpr HashFields kHashPortDestination = raw(spec::RSS_FIELD::L4_DST);
inline constexpr HashFields kHashMac = raw(spec::RSS_FIELD::L2_DA);  ///< destination MAC address
/// IPv6 flow label, inner and outer.
inline constexpr HashFields kHashFlowLabel =
    raw(spec::RSS_FIELD::IV6_FL_LBL) | raw(spec::RSS_FIELD::OV6_FL_LBL);
inline constexpr HashFields kHashDiscard = 1U << 16;  ///< drop packets of this type

inline constexpr HashFields kHashIp = kHashIpSource | kHashIpDestination;  ///< both addresses
inline constexpr HashFields kHashPorts = kHashPortSource | kHashPortDestination;  ///< both ports

/// Returns the fields that a flow type may hash.
/// @param t flow type
/// @return field bits
constexpr HashFields allowed_hash_fields(FlowType t) {
  const HashFields any = kHashMac | kHashDiscard;
  if (t == FlowType::kEther) return any;
  const HashFields ip = any | kHashIp | kHashFlowLabel;
  return has_ports(t) ? ip | kHashPorts : ip;
}
/// Returns the initial fields: TCP by addresses and ports, other IP by addresses.
/// @param t flow type
/// @return field bits
constexpr HashFields default_hash_fields(FlowType t) {
  if (t == FlowType::kEther) return kHashMac;
  const bool tcp = t == FlowType::kTcp4 || t == FlowType::kTcp6;
  return tcp ? kHashIp | kHashPorts : kHashIp;
}

/// Which received packets get a timestamp. The device selects by packet type only, so more packets
/// than those of PTP are timestamped.
enum class RxTimestamps : std::uint8_t { kNone, kAll, kUdp, kNonIp, kUdpAndNonIp };

/// Decides whether a flow type is timestamped.
/// @param mode setting
/// @param t flow type
/// @return true if it is
constexpr bool is_stamped(RxTimestamps mode, FlowType t) {
  if (mode == RxTimestamps::kAll) return true;
  const bool both = mode == RxTimestamps::kUdpAndNonIp;
  if (t == FlowType::kEther) return both || mode == RxTimestamps::kNonIp;
  const bool udp = t == FlowType::kUdp4 || t == FlowType::kUdp6;
  return udp && (both || mode == RxTimestamps::kUdp);
}

/// An IP address to compare with. IPv4 occupies the last 4 bytes.
struct IpMatch {
  std::array<std::uint8_t, 16> address{};  ///< network byte order
  std::array<std::uint8_t, 16> mask{};     ///< a 1 bit is compared

  /// @return true if nothing is compared
  [[nodiscard]] constexpr bool any() const {
    return std::all_of(mask.begin(), mask.end(), [](std::uint8_t b) { return b == 0; });
  }
  /// Makes an IPv4 match.
  /// @param address network byte order
  /// @param prefix length, 0 .. 32
  /// @return the match
  static constexpr IpMatch v4(std::array<std::uint8_t, 4> address, unsigned prefix) {
    IpMatch m;
    std::copy(address.begin(), address.end(), m.address.begin() + 12);
    for (unsigned bit = 0; bit < prefix && bit < 32; ++bit)
      m.mask[12 + bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    return m;
  }
  /// Makes an IPv6 match.
  /// @param address network byte order
  /// @param prefix length, 0 .. 128
  /// @return the match
  static constexpr IpMatch v6(const std::array<std::uint8_t, 16>& address, unsigned prefix) {
    IpMatch m{address, {}};
    for (unsigned bit = 0; bit < prefix && bit < 128; ++bit)
      m.mask[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    return m;
  }
};

/// An L4 port to compare with.
struct PortMatch {
  std::uint16_t port = 0;  ///< host byte order
  std::uint16_t mask = 0;  ///< a 1 bit is compared
};

/// What a flow rule does.
enum class FlowAction : std::uint8_t {
  kQueue,  ///< deliver to `queue`
  kDrop,   ///< drop
  kHash,   ///< deliver by the indirection table of `rss_context`
};

/// A user's rule. Rules precede hash rules. Of two matching rules the one with the lower number
/// wins; numbers are assigned from the highest free one down.
struct FlowRule {
  FlowType type = FlowType::kEther;  ///< packet type to match
  bool outer = false;                ///< kIp6 only: IPv6 in IPv6, compare the outer addresses
  IpMatch source{};                  ///< source address
  IpMatch destination{};             ///< destination address
  PortMatch source_port{};           ///< source port
  PortMatch destination_port{};      ///< destination port
  std::optional<MacAddress> mac{};   ///< destination MAC address; kEther only
  FlowAction action = FlowAction::kQueue;  ///< what to do
  std::uint8_t queue = 0;                  ///< for kQueue
  std::uint8_t rss_context = 0;            ///< 0 or 1; for kHash

  /// Checks that the device can express the rule.
  /// @param queues number of queues
  /// @return true if it can
  [[nodiscard]] constexpr bool is_valid(std::uint32_t queues) const {
    if (type > FlowType::kEther || rss_context > 1) return false;
    if (action > FlowAction::kHash) return false;
    if (action == FlowAction::kQueue && queue >= queues) return false;
    if (outer && type != FlowType::kIp6) return false;
    if (mac && (type != FlowType::kEther || *mac == kZeroMac)) return false;
    if (!has_ports(type) && (source_port.mask | destination_port.mask) != 0) return false;
    if (type == FlowType::kEther) return source.any() && destination.any();
    if (is_ip6(type)) return true;
    const auto is_v4 = [](const IpMatch& m) {
      return std::all_of(m.mask.begin(), m.mask.begin() + 12, [](auto b) { return b == 0; });
    };
    return is_v4(source) && is_v4(destination);
  }
};

namespace flow_detail {

/// Returns the bits of action word 1 that describe a flow type.
/// @param t flow type
/// @return bits
constexpr std::uint16_t type_bits(FlowType t) {
  std::uint16_t bits = 0;
  if (t != FlowType::kEther) bits |= kIpPresent;
  if (is_ip6(t)) bits |= kIpIsV6;
  if (has_ports(t)) bits |= kL4Present;
  if (t == FlowType::kUdp4 || t == FlowType::kUdp6) bits |= kL4IsUdp;
  return bits;
}

/// Makes the action word of a delivery.
/// @param destinations spec::ACT_DEST bits
/// @return action word
constexpr spec::RPC_ACT_TBL0 deliver(std::uint32_t destinations) {
  return spec::RPC_ACT_TBL0{}.set_DEST(destinations).set_DMA_HINT(raw(spec::DMA_HINT::L4));
}
/// @return action word of a drop
constexpr spec::RPC_ACT_TBL0 drop() {
  return spec::RPC_ACT_TBL0{}.set_DROP(1).set_DMA_HINT(raw(spec::DMA_HINT::L4));
}
/// Makes the hash word.
/// @param fields field bits
/// @return hash word
constexpr spec::RPC_ACT_TBL1 hash_word(HashFields fields) {
  return spec::RPC_ACT_TBL1{}.set_RSS_ENA(fields & ~kHashDiscard);
}

/// @return an entry that compares nothing yet
constexpr ActionEntry match_all() {
  ActionEntry entry;
  entry.used = true;
  entry.ignore.fill(0xffff);
  return entry;
}

/// Adds bits to what an entry compares.
/// @param entry entry under construction
/// @param word word number
/// @param value value to match
/// @param bits bits to compare
constexpr void compare(ActionEntry& entry, std::size_t word, std::uint16_t value,
                       std::uint16_t bits) {
  entry.value[word] = static_cast<std::uint16_t>(entry.value[word] | (value & bits));
  entry.ignore[word] = static_cast<std::uint16_t>(entry.ignore[word] & ~bits);
}

/// Converts a match to an entry of an IP table.
/// @param match address and mask
/// @param v6 true: IPv6
/// @return the entry
constexpr IpEntry ip_entry(const IpMatch& match, bool v6) {
  IpEntry entry;
  for (std::size_t i = 0; i < 16; ++i) {
    entry.value[i] = static_cast<std::uint8_t>(match.address[i] & match.mask[i]);
    entry.ignore[i] = static_cast<std::uint8_t>(~match.mask[i]);
  }
  entry.version = v6 ? 6 : 4;
  return entry;
}

/// Counts the compared bits.
/// @param e entry
/// @return number of bits
constexpr unsigned compared_bits(const IpEntry& e) {
  unsigned n = 0;
  for (const std::uint8_t b : e.ignore) n += 8U - static_cast<unsigned>(std::popcount(b));
  return n;
}

/// Tests whether `a` is more specific than `b`: every address that matches `a` matches `b`, but
/// not the reverse. The device would never report `a` after `b`.
/// @param a entry
/// @param b entry
/// @return true if `a` must come first
constexpr bool must_precede(const IpEntry& a, const IpEntry& b) {
  if (a.version != b.version || a.ignore == b.ignore) return false;
  for (std::size_t i = 0; i < 16; ++i) {
    const unsigned care_b = ~b.ignore[i] & 0xffU;
    if ((a.ignore[i] & care_b) != 0) return false;
    if (((a.value[i] ^ b.value[i]) & care_b) != 0) return false;
  }
  return true;
}

using IpEntries = std::array<IpEntry, kIpEntries>;  ///< one IP table

/// Checks that no entry hides a later one.
/// @param table the table
/// @return true if so
constexpr bool is_ordered(const IpEntries& table) {
  for (std::size_t i = 0; i < kIpEntries; ++i)
    for (std::size_t j = i + 1; j < kIpEntries; ++j)
      if (table[i].used() && table[j].used() && must_precede(table[j], table[i])) return false;
  return true;
}

/// Sort order of place_ip(): IPv6 before IPv4, longer prefixes first.
/// @param a entry
/// @param b entry
/// @return true if `a` comes first
constexpr bool goes_before(const IpEntry& a, const IpEntry& b) {
  if (a.version != b.version) return a.version > b.version;
  return compared_bits(a) > compared_bits(b);
}

/// Arranges entries so that none hides another. Entries of `previous` keep their position if
/// possible; otherwise the longest masks come first, IPv6 from the top and IPv4 from the bottom.
/// @param wanted distinct entries, at most eight
/// @param previous the table before
/// @return the table
constexpr IpEntries place_ip(std::span<const IpEntry> wanted, const IpEntries& previous) {
  IpEntries table{};
  for (std::size_t n = 0; n < kIpEntries; ++n)
    if (std::find(wanted.begin(), wanted.end(), previous[n]) != wanted.end())
      table[n] = previous[n];

  bool fits = true;
  for (const IpEntry& e : wanted) {
    if (std::find(table.begin(), table.end(), e) != table.end()) continue;
    bool placed = false;
    for (std::size_t i = 0; i < kIpEntries && !placed; ++i) {
      const std::size_t n = e.version == 6 ? i : kIpEntries - 1 - i;
      if (table[n].used()) continue;
      table[n] = e;
      placed = is_ordered(table);
      if (!placed) table[n] = {};
    }
    fits &= placed;
  }
  if (fits) return table;

  // Stable insertion sort of at most eight entries.
  IpEntries sorted{};
  std::size_t count = 0;
  for (const IpEntry& e : wanted) {
    std::size_t at = count++;
    for (; at > 0 && goes_before(e, sorted[at - 1]); --at) sorted[at] = sorted[at - 1];
    sorted[at] = e;
  }
  return sorted;
}

}  // namespace flow_detail

/// Builds the hash rule of a flow type.
/// @param t flow type
/// @param unicast true: one of the seven rules that exist only with a BMC and match only entries
///     at or above the boundary
/// @param bmc the management controller
/// @param boundary first unicast entry of the MACDA TCAM
/// @param fields hash input
/// @param stamped true: timestamp the packets
/// @return the entry
constexpr ActionEntry hash_rule(FlowType t, bool unicast, const BmcConfig& bmc,
                                std::uint32_t boundary, HashFields fields, bool stamped) {
  std::uint32_t destinations = 0;
  if ((fields & kHashDiscard) == 0) destinations |= raw(spec::ACT_DEST::HOST);
  if (!unicast && bmc.present) destinations |= raw(spec::ACT_DEST::BMC);

  ActionEntry entry = flow_detail::match_all();
  entry.action = destinations == 0 ? flow_detail::drop() : flow_detail::deliver(destinations);
  if (destinations != 0 && stamped) entry.action.set_TS_ENA(1);
  entry.hash = flow_detail::hash_word(fields);
  // Only 1 bits are compared, so more specific types such as UDP precede IP.
  std::uint16_t bits = kMacValid | flow_detail::type_bits(t);
  if (unicast) bits |= mac_index(boundary);
  flow_detail::compare(entry, 1, bits, bits);
  return entry;
}

/// Builds the rule for the BMC's own region of the MACDA TCAM, entries 0 to 3.
/// @return the entry
constexpr ActionEntry bmc_rule() {
  ActionEntry entry = flow_detail::match_all();
  entry.action = spec::RPC_ACT_TBL0{}.set_DEST(raw(spec::ACT_DEST::BMC));
  flow_detail::compare(entry, 1, kMacValid, kMacValid | mac_index(0x1c));
  return entry;
}

/// Builds the rule for the BMC's all-multicast entry, which delivers to the BMC only.
/// @param boundary first unicast entry of the MACDA TCAM
/// @return the entry
constexpr ActionEntry bmc_multicast_rule(std::uint32_t boundary) {
  ActionEntry entry = flow_detail::match_all();
  entry.action = spec::RPC_ACT_TBL0{}.set_DEST(raw(spec::ACT_DEST::BMC));
  flow_detail::compare(entry, 1, kMacValid | mac_index(boundary - 1), kMacValid | kMacIndexMask);
  return entry;
}

/// Builds the rule that remains while the host is down and a BMC is present: everything goes to
/// the BMC [device 18].
/// @return the entry
constexpr ActionEntry bmc_only_rule() {
  ActionEntry entry = flow_detail::match_all();
  entry.action = spec::RPC_ACT_TBL0{}.set_DEST(raw(spec::ACT_DEST::BMC));
  flow_detail::compare(entry, 1, kMacValid, kMacValid);
  return entry;
}

/// Builds the entry of a user's rule.
/// @param rule the rule
/// @param tables must already hold the addresses of the rule
/// @param fields hash input of the flow type
/// @return the entry
constexpr ActionEntry flow_rule_entry(const FlowRule& rule, const ClassifierTables& tables,
                                      HashFields fields) {
  using namespace flow_detail;
  ActionEntry entry = match_all();
  entry.hash = hash_word(fields);
  if (rule.action == FlowAction::kDrop) {
    entry.action = drop();
  } else {
    entry.action = deliver(raw(spec::ACT_DEST::HOST));
    if (rule.action == FlowAction::kQueue) entry.action.set_Q_SEL(1).set_Q_ID(rule.queue);
    if (rule.action == FlowAction::kHash) entry.action.set_RSS_CTXT_ID(rule.rss_context);
  }

  std::uint16_t compared = kMacValid;
  if (rule.type != FlowType::kEther) compared |= kIpPresent | kIpIsV6;
  if (has_ports(rule.type)) compared |= kL4Present | kL4IsUdp;
  compare(entry, 1, kMacValid | type_bits(rule.type), compared);
  if (rule.outer) compare(entry, 1, kOuterIpPresent, kOuterIpPresent);

  if (rule.mac) {
    for (std::uint32_t n = 0; n < kMacEntries; ++n)
      if (tables.mac[n].used() && tables.mac[n].value == *rule.mac &&
          tables.mac[n].ignore == kZeroMac)
        compare(entry, 1, mac_index(n), kMacIndexMask);
  }

  const auto compare_ip = [&](const IpMatch& match, IpTable table) {
    if (match.any()) return;
    const auto& entries = tables.ip[raw(table)];
    const auto at = std::find(entries.begin(), entries.end(), ip_entry(match, is_ip6(rule.type)));
    const auto n = static_cast<unsigned>(at - entries.begin());
    const unsigned shift = ip_shift(table);
    compare(entry, 0, static_cast<std::uint16_t>((n | kIpValid) << shift),
            static_cast<std::uint16_t>((kIpIndexMask | kIpValid) << shift));
  };
  compare_ip(rule.source, rule.outer ? IpTable::kOuterSource : IpTable::kSource);
  compare_ip(rule.destination, rule.outer ? IpTable::kOuterDestination : IpTable::kDestination);

  compare(entry, 3, rule.source_port.port, rule.source_port.mask);
  compare(entry, 4, rule.destination_port.port, rule.destination_port.mask);
  return entry;
}

}  // namespace hni
