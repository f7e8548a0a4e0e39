// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RxFilter: what the port receives and which queue gets it [device 14]: addresses, promiscuous
/// modes, hash and indirection tables, flow rules, timestamp rules, and the entries of a
/// management controller (BMC) that shares the port.
///
/// Settings may change at any time. They reach the device immediately while the filter is started,
/// otherwise at start(). They survive a device reset: reprogram() writes everything again.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "driver/filter/classifier_tables.hpp"
#include "driver/filter/flow_rules.hpp"
#include "driver/filter/mac_table.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

inline constexpr std::uint32_t kRssEntries = 256;  ///< entries of an indirection table
inline constexpr std::uint32_t kRssContexts = 2;   ///< indirection tables of the device
inline constexpr std::uint32_t kRssKeyBytes = 54;  ///< 425 bits; the rest of the last byte is 0
inline constexpr std::uint32_t kRssKeyWords = 14;  ///< 32-bit words of the key

/// Queue by the low byte of the hash value.
using RssTable = std::array<std::uint8_t, kRssEntries>;
/// A hash key, first byte first, as `ethtool -x` shows it.
using RssKey = std::array<std::uint8_t, kRssKeyBytes>;

/// The verification key of Microsoft's RSS specification, repeated from its start. For tests and
/// benchmarks; a port that faces untrusted networks needs a random one.
inline constexpr RssKey kDefaultRssKey{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 0x6d, 0x5a,
    0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0x80};

/// Number of a flow rule, 0 .. 47, as `ethtool -n` shows it.
enum class RuleId : std::uint8_t {};

/// Report of the addresses to the firmware while a BMC is present [device 6.8].
struct AddressReport {
  static constexpr std::uint32_t kMaxAddresses = 8;   ///< addresses per kind
  std::array<MacAddress, kMaxAddresses> unicast{};    ///< unicast addresses of the host
  std::array<MacAddress, kMaxAddresses> multicast{};  ///< multicast addresses of the host
  std::uint32_t unicast_count = 0;                    ///< number of valid unicast addresses
  std::uint32_t multicast_count = 0;                  ///< number of valid multicast addresses
  std::uint32_t flags = 0;                            ///< spec::MAC_SYNC_RX_FLAGS
};

/// Receive filter of one port.
template <DeviceIo Io, class Obs = NullObserver>
class RxFilter {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device

  /// Creates a stopped filter with default settings.
  /// @param device must outlive it
  explicit RxFilter(D& device) : device_(&device), writer_(device) {
    for (std::uint32_t t = 0; t < kFlowTypes; ++t)
      hash_fields_[t] = default_hash_fields(FlowType{static_cast<std::uint8_t>(t)});
  }

  // Life cycle

  /// Writes everything and enables reception [device 9 steps 11 to 12]. The queues must be ready.
  void start() {
    running_ = true;
    write_rss();
    apply();
  }

  /// Stops reception by the host [device 18]. A BMC continues to receive.
  void stop() {
    if (!running_) return;
    running_ = false;
    writer_.sync(bmc_only_tables());
    if (!bmc_.present) device_->write(rmi_config(false));
  }

  /// Handles a device reset, which cleared the tables: writes everything if the filter is started.
  void reprogram() {
    forget();
    if (running_) start();
  }

  /// Invalidates all shadows; required before the first start after an attach.
  void forget() {
    writer_.forget();
    rss_known_ = false;
  }

  /// Handles a firmware crash: writes address and rule entries again, the rest stays [device 6.2].
  void rewrite_rules() {
    writer_.forget();
    if (running_) apply();
  }

  // Addresses

  /// Sets the port's own address.
  /// @param mac unicast, not zero
  /// @return kBadArgument, kTableFull
  Result<> set_mac(const MacAddress& mac) {
    if (mac == kZeroMac || is_multicast(mac)) return fail(ErrorCode::kBadArgument);
    return change(filter_.host, mac);
  }
  /// Sets reception of broadcasts.
  /// @param on true: receive
  /// @return kTableFull
  Result<> set_broadcast(bool on) { return change(filter_.broadcast, on); }
  /// Sets reception of everything.
  /// @param on true: receive
  /// @return kTableFull
  Result<> set_promiscuous(bool on) { return change(filter_.promiscuous, on); }
  /// Sets reception of all multicast.
  /// @param on true: receive
  /// @return kTableFull
  Result<> set_all_multicast(bool on) { return change(filter_.all_multicast, on); }
  /// Sets further unicast addresses. A list that does not fit makes the port promiscuous. A
  /// multicast address is handled as if it was in the other list.
  /// @param macs replaces the list
  /// @return kTableFull
  Result<> set_unicast(std::span<const MacAddress> macs) {
    return change(filter_.unicast, MacList(macs));
  }
  /// Sets multicast addresses. A list that does not fit enables all multicast.
  /// @param macs replaces the list
  /// @return kTableFull
  Result<> set_multicast(std::span<const MacAddress> macs) {
    return change(filter_.multicast, MacList(macs));
  }
  /// Sets the management controller, from the firmware's capabilities.
  /// @param bmc its addresses
  /// @return kTableFull if its all-multicast entry would displace a flow rule's address
  Result<> set_bmc(const BmcConfig& bmc) {
    auto done = change(bmc_, bmc);
    if (done) mac_sync_due_ = bmc.present;
    return done;
  }

  /// @return the port's own address
  [[nodiscard]] const MacAddress& mac() const { return filter_.host; }
  /// @return what the host is to receive
  [[nodiscard]] const MacFilter& filter() const { return filter_; }
  /// @return the assignment of addresses to entries
  [[nodiscard]] const MacTable& mac_table() const { return macs_; }
  /// @return true while started
  [[nodiscard]] bool running() const { return running_; }

  /// Fetches the report for the firmware, once after each change; only while a BMC is present.
  /// @return nullopt if none is due
  [[nodiscard]] std::optional<AddressReport> take_address_report() {
    if (!mac_sync_due_ || !running_) return std::nullopt;
    mac_sync_due_ = false;
    return address_report();
  }

  // Hashing

  /// Sets the number of queues. Indirection tables that were not set spread over all of them.
  /// @param queues 1 .. 128
  /// @return kBadQueueCount, or kBadArgument if a table or rule names a queue that would no longer
  ///     exist
  Result<> set_queue_count(std::uint32_t queues) {
    if (queues == 0 || queues > kMaxQueues) return fail(ErrorCode::kBadQueueCount, queues);
    for (std::uint32_t c = 0; c < kRssContexts; ++c)
      if (table_set_[c])
        for (const std::uint8_t queue : tables_[c])
          if (queue >= queues) return fail(ErrorCode::kBadArgument, queue);
    for (const auto& rule : rules_)
      if (rule && !rule->is_valid(queues)) return fail(ErrorCode::kBadArgument, rule->queue);
    queues_ = queues;
    for (std::uint32_t c = 0; c < kRssContexts; ++c)
      if (!table_set_[c]) spread(c);
    return apply_rss();
  }

  /// Sets an indirection table.
  /// @param context 0 or 1
  /// @param table queue by the low byte of the hash
  /// @return kBadArgument
  Result<> set_rss_table(std::uint32_t context, const RssTable& table) {
    if (context >= kRssContexts) return fail(ErrorCode::kBadArgument, kRssContexts);
    for (const std::uint8_t queue : table)
      if (queue >= queues_) return fail(ErrorCode::kBadArgument, queue);
    tables_[context] = table;
    table_set_[context] = true;
    return apply_rss();
  }
  /// Restores the even spread over all queues.
  /// @param context 0 or 1
  /// @return kBadArgument
  Result<> reset_rss_table(std::uint32_t context) {
    if (context >= kRssContexts) return fail(ErrorCode::kBadArgument, kRssContexts);
    table_set_[context] = false;
    spread(context);
    return apply_rss();
  }
  /// Sets the hash key.
  /// @param key first byte first
  /// @return success
  Result<> set_rss_key(const RssKey& key) {
    key_ = key;
    return apply_rss();
  }
  /// Sets the hash input of a flow type.
  /// @param type flow type
  /// @param fields allowed_hash_fields() or fewer
  /// @return kBadArgument
  Result<> set_hash_fields(FlowType type, HashFields fields) {
    if ((fields & ~allowed_hash_fields(type)) != 0) return fail(ErrorCode::kBadArgument, fields);
    return change(hash_fields_[raw(type)], fields);
  }
  /// Sets which packets get a timestamp.
  /// @param mode setting
  /// @return success
  Result<> set_timestamps(RxTimestamps mode) { return change(timestamps_, mode); }

  /// Returns an indirection table.
  /// @param context 0 or 1
  /// @return the table
  [[nodiscard]] const RssTable& rss_table(std::uint32_t context) const {
    return tables_[context % kRssContexts];
  }
  /// @return the hash key
  [[nodiscard]] const RssKey& rss_key() const { return key_; }
  /// Returns the hash input of a flow type.
  /// @param type flow type
  /// @return field bits
  [[nodiscard]] HashFields hash_fields(FlowType type) const { return hash_fields_[raw(type)]; }
  /// @return which packets get a timestamp
  [[nodiscard]] RxTimestamps timestamps() const { return timestamps_; }
  /// @return number of queues
  [[nodiscard]] std::uint32_t queue_count() const { return queues_; }

  // Flow rules

  /// Adds a rule; nothing changes on an error.
  /// @param rule the rule
  /// @return its number; kBadArgument if the device cannot express it; kTableFull beyond 48 rules,
  ///     eight distinct addresses in one of the four IP tables, or the MACDA table
  Result<RuleId> add_rule(const FlowRule& rule) {
    if (!rule.is_valid(queues_)) return fail(ErrorCode::kBadArgument);
    for (std::uint32_t n = kMaxRules; n-- > 0;) {
      if (rules_[n]) continue;
      rules_[n] = rule;
      if (const auto done = apply(); !done) {
        rules_[n].reset();
        return tl::unexpected(done.error());
      }
      return RuleId{static_cast<std::uint8_t>(n)};
    }
    return fail(ErrorCode::kTableFull, kMaxRules);
  }
  /// Removes a rule.
  /// @param id its number
  /// @return kNotFound
  Result<> remove_rule(RuleId id) {
    if (raw(id) >= kMaxRules || !rules_[raw(id)]) return fail(ErrorCode::kNotFound, raw(id));
    rules_[raw(id)].reset();
    return apply();
  }
  /// Looks a rule up.
  /// @param id its number
  /// @return null if there is none
  [[nodiscard]] const FlowRule* rule(RuleId id) const {
    if (raw(id) >= kMaxRules || !rules_[raw(id)]) return nullptr;
    return &*rules_[raw(id)];
  }
  /// @return number of rules
  [[nodiscard]] std::uint32_t rule_count() const {
    return static_cast<std::uint32_t>(std::count_if(
        rules_.begin(), rules_.end(), [](const auto& rule) { return rule.has_value(); }));
  }

  /// @return what the device's tables hold, for display and for the invariant
  [[nodiscard]] const ClassifierTables& shadow() const { return writer_.shadow(); }

 private:
  static constexpr std::uint32_t kRmiOverhead = 20;  // bytes between frames on the wire

  static spec::RPC_RMI_CONFIG rmi_config(bool on) {
    auto config = spec::RPC_RMI_CONFIG{}.set_OH_BYTES(kRmiOverhead);
    if (on) config.set_MTU(kMaxFrameBytes).set_ENABLE(1);
    return config;
  }

  template <class T>
  Result<> change(T& setting, const T& value) {
    const T old = std::exchange(setting, value);
    auto done = apply();
    if (!done) setting = old;
    return done;
  }

  // Computes the tables anew and, if started, writes them. Nothing changes on an error.
  Result<> apply() {
    ClassifierTables want{};
    const MacTable macs = build_macs();
    if (macs.rule_overflow) return fail(ErrorCode::kTableFull, kMacEntries);
    want.mac = macs.entries;
    if (!build_ip(want)) return fail(ErrorCode::kTableFull, kIpEntries);
    build_actions(want, macs.boundary);
    if (macs.bmc_refused > macs_.bmc_refused)
      device_->refuse(Site::kAttributeValue, macs.bmc_refused, 0);
    macs_ = macs;
    ip_ = want.ip;
    if (!running_) return {};
    if (writer_.sync(want) && bmc_.present) mac_sync_due_ = true;
    return {};
  }

  [[nodiscard]] MacTable build_macs() const {
    MacTableBuilder builder(filter_, bmc_, macs_);
    for (const auto& rule : rules_)
      if (rule && rule->mac) builder.want_for_rule(*rule->mac);
    return builder.build();
  }

  // Builds the IP tables of all rules; false if one of them is full.
  [[nodiscard]] bool build_ip(ClassifierTables& want) const {
    for (std::uint32_t t = 0; t < kIpTables; ++t) {
      const auto table = IpTable{static_cast<std::uint8_t>(t)};
      const bool outer = table == IpTable::kOuterSource || table == IpTable::kOuterDestination;
      const bool source = table == IpTable::kSource || table == IpTable::kOuterSource;
      flow_detail::IpEntries wanted{};
      std::size_t count = 0;
      for (const auto& rule : rules_) {
        if (!rule || rule->outer != outer) continue;
        const IpMatch& match = source ? rule->source : rule->destination;
        if (match.any()) continue;
        const IpEntry entry = flow_detail::ip_entry(match, is_ip6(rule->type));
        if (std::find(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(count),
                      entry) != wanted.begin() + static_cast<std::ptrdiff_t>(count))
          continue;
        if (count == kIpEntries) return false;
        wanted[count++] = entry;
      }
      want.ip[t] = flow_detail::place_ip(std::span(wanted).first(count), ip_[t]);
    }
    return true;
  }

  void build_actions(ClassifierTables& want, std::uint32_t boundary) const {
    if (bmc_.present) {
      want.action[kActionBmc] = bmc_rule();
      const bool host_shares = (want.mac[boundary - 1].owners & kOwnAllMulticast) != 0;
      if (bmc_.all_multicast && !host_shares)
        want.action[kActionBmcMulticast] = bmc_multicast_rule(boundary);
    }
    for (std::uint32_t n = 0; n < kMaxRules; ++n)
      if (rules_[n])
        want.action[kActionRules + n] =
            flow_rule_entry(*rules_[n], want, hash_fields_[raw(rules_[n]->type)]);
    for (std::uint32_t i = bmc_.present ? 0 : kFlowTypes; i < 2 * kFlowTypes; ++i) {
      const FlowType type{static_cast<std::uint8_t>(i % kFlowTypes)};
      want.action[kActionRss + i] =
          hash_rule(type, i < kFlowTypes, bmc_, boundary, hash_fields_[raw(type)],
                    is_stamped(timestamps_, type));
    }
  }

  [[nodiscard]] ClassifierTables bmc_only_tables() const {
    ClassifierTables want{};
    if (!bmc_.present) return want;
    for (std::uint32_t n = 0; n < kMacEntries; ++n) {
      if ((macs_.entries[n].owners & kOwnBmc) == 0) continue;
      want.mac[n] = macs_.entries[n];
      want.mac[n].owners = kOwnBmc;
    }
    want.action[kActionEntries - 1] = bmc_only_rule();
    return want;
  }

  [[nodiscard]] AddressReport address_report() const {
    AddressReport sync;
    const auto flag = [&](spec::MAC_SYNC_RX_FLAGS f) { sync.flags |= raw(f); };
    using Flags = spec::MAC_SYNC_RX_FLAGS;
    for (std::uint32_t n = kMacEntries; n-- > 0;) {
      const MacEntry& e = macs_.entries[n];
      if ((e.owners & kOwnPromiscuous) != 0) flag(Flags::PROMISC);
      if ((e.owners & kOwnAllMulticast) != 0) flag(Flags::ALLMULTI);
      if ((e.owners & kOwnBroadcast) != 0) flag(Flags::BROADCAST);
      if ((e.owners & kOwnUnicast) == 0) continue;
      if (sync.unicast_count == AddressReport::kMaxAddresses) {
        flag(Flags::PROMISC);
      } else {
        sync.unicast[sync.unicast_count++] = e.value;
      }
    }
    for (const MacEntry& e : macs_.entries) {
      if ((e.owners & kOwnMulticast) == 0) continue;
      if (sync.multicast_count == AddressReport::kMaxAddresses) {
        flag(Flags::ALLMULTI);
      } else {
        sync.multicast[sync.multicast_count++] = e.value;
      }
    }
    return sync;
  }

  void spread(std::uint32_t context) {
    for (std::uint32_t i = 0; i < kRssEntries; ++i)
      tables_[context][i] = static_cast<std::uint8_t>(i % queues_);
  }

  Result<> apply_rss() {
    if (running_) write_rss();
    return {};
  }

  // Word of the key in the device's layout: first byte in the top bits, nothing below bit 425.
  [[nodiscard]] std::uint32_t key_word(std::uint32_t n) const {
    std::uint32_t word = 0;
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t at = 4 * n + i;
      word = word << 8 | (at < kRssKeyBytes ? key_[at] : 0U);
    }
    constexpr std::uint32_t kLastBits = 0xff800000;
    return n + 1 == kRssKeyWords ? word & kLastBits : word;
  }

  // Writes only what changed; the default action drops packets without a matching rule
  // [device 14.2].
  void write_rss() {
    for (std::uint32_t i = 0; i < kRssEntries; ++i)
      for (std::uint32_t c = 0; c < kRssContexts; ++c)
        if (!rss_known_ || written_tables_[c][i] != tables_[c][i])
          device_->write(spec::RPC_RSS_TBL{tables_[c][i]}, c, i);
    written_tables_ = tables_;
    for (std::uint32_t n = 0; n < kRssKeyWords; ++n)
      if (!rss_known_ || written_key_[n] != key_word(n)) {
        written_key_[n] = key_word(n);
        device_->write(spec::RPC_RSS_KEY{written_key_[n]}, n);
      }
    rss_known_ = true;
    device_->write(spec::RPC_ACT_TBL0_DEFAULT{spec::RPC_ACT_TBL0{}.set_DROP(1).raw});
    device_->flush();
    device_->write(spec::RPC_ACT_TBL1_DEFAULT{});
    device_->write(rmi_config(true));
  }

  D* device_;
  ClassifierWriter<Io, Obs> writer_;
  bool running_ = false;
  bool rss_known_ = false;
  bool mac_sync_due_ = false;

  MacFilter filter_{};
  BmcConfig bmc_{};
  MacTable macs_{};
  std::array<flow_detail::IpEntries, kIpTables> ip_{};
  std::array<std::optional<FlowRule>, kMaxRules> rules_{};

  std::uint32_t queues_ = 1;
  std::array<RssTable, kRssContexts> tables_{};
  std::array<bool, kRssContexts> table_set_{};
  RssKey key_ = kDefaultRssKey;
  std::array<HashFields, kFlowTypes> hash_fields_{};
  RxTimestamps timestamps_ = RxTimestamps::kNone;
  std::array<RssTable, kRssContexts> written_tables_{};
  std::array<std::uint32_t, kRssKeyWords> written_key_{};
};

}  // namespace hni
