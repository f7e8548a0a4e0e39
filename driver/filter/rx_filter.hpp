// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RxFilter: what the port receives and which queue gets it [device 14]: addresses,
/// promiscuous modes, hash and indirection tables, flow rules, timestamp rules, and the entries of
/// a management controller (BMC) that shares the port.
///
/// Configuration may change at any time; it reaches the card at once while the filter is started,
/// else with start(). It survives a card reset: reprogram() writes everything again.

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

inline constexpr std::uint32_t kRssEntries = 256;  ///< of an indirection table
inline constexpr std::uint32_t kRssContexts = 2;   ///< indirection tables of the card
inline constexpr std::uint32_t kRssKeyBytes = 54;  ///< 425 bits; the rest of the last byte is 0
inline constexpr std::uint32_t kRssKeyWords = 14;

using RssTable = std::array<std::uint8_t, kRssEntries>;  ///< queue of each hash value's low byte
using RssKey =
    std::array<std::uint8_t, kRssKeyBytes>;  ///< first byte first, as `ethtool -x` shows

/// The verification key of Microsoft's RSS specification, continued from its start. Good for tests
/// and benchmarks; a port that faces strangers sets a random one.
inline constexpr RssKey kDefaultRssKey{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 0x6d, 0x5a,
    0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0x80};

/// Number of a flow rule, 0 .. 47, as `ethtool -n` shows.
enum class RuleId : std::uint8_t {};

/// What the firmware is told about the addresses while a BMC is present [device 6.8].
struct AddressReport {
  static constexpr std::uint32_t kMaxAddresses = 8;
  std::array<MacAddress, kMaxAddresses> unicast{};
  std::array<MacAddress, kMaxAddresses> multicast{};
  std::uint32_t unicast_count = 0;
  std::uint32_t multicast_count = 0;
  std::uint32_t flags = 0;  ///< spec::MAC_SYNC_RX_FLAGS
};

template <DeviceIo Io, class Obs = NullObserver>
class RxFilter {
 public:
  using D = CheckedIo<Io, Obs>;

  explicit RxFilter(D& device) : device_(&device), writer_(device) {
    for (std::uint32_t t = 0; t < kFlowTypes; ++t)
      hash_fields_[t] = default_hash_fields(FlowType{static_cast<std::uint8_t>(t)});
  }

  // Life cycle

  /// Writes everything and lets frames in [device 9 steps 11 and 12]. The queues must be ready.
  void start() {
    running_ = true;
    write_rss();
    apply();
  }

  /// Keeps frames from the host [device 18]. With a BMC its frames go on.
  void stop() {
    if (!running_) return;
    running_ = false;
    writer_.sync(bmc_only_tables());
    if (!bmc_.present) device_->write(rmi_config(false));
  }

  /// After a card reset: what the card held is gone. Writes everything if the filter is started.
  void reprogram() {
    forget();
    if (running_) start();
  }

  /// Nothing is known of what the card holds: before the first start after an attach.
  void forget() {
    writer_.forget();
    rss_known_ = false;
  }

  /// After a firmware crash: address and rule entries are written again, the rest stays
  /// [device 6.2].
  void rewrite_rules() {
    writer_.forget();
    if (running_) apply();
  }

  // Addresses

  /// The port's own address.
  Result<> set_mac(const MacAddress& mac) {
    if (mac == kZeroMac || is_multicast(mac)) return fail(ErrorCode::kBadArgument);
    return change(filter_.host, mac);
  }
  Result<> set_broadcast(bool on) { return change(filter_.broadcast, on); }
  Result<> set_promiscuous(bool on) { return change(filter_.promiscuous, on); }
  Result<> set_all_multicast(bool on) { return change(filter_.all_multicast, on); }
  /// Further unicast addresses; a list that does not fit makes the port promiscuous. An address of
  /// the other kind is heard as if the other list had it.
  Result<> set_unicast(std::span<const MacAddress> macs) {
    return change(filter_.unicast, MacList(macs));
  }
  /// Multicast groups; a list that does not fit lets all of them in.
  Result<> set_multicast(std::span<const MacAddress> macs) {
    return change(filter_.multicast, MacList(macs));
  }
  /// The management controller, from the firmware's capabilities. Fails only if its all-multicast
  /// entry would take the place of a flow rule's address.
  Result<> set_bmc(const BmcConfig& bmc) {
    mac_sync_due_ = bmc.present;
    return change(bmc_, bmc);
  }

  [[nodiscard]] const MacAddress& mac() const { return filter_.host; }
  [[nodiscard]] const MacFilter& filter() const { return filter_; }
  [[nodiscard]] const MacTable& mac_table() const { return macs_; }
  [[nodiscard]] bool running() const { return running_; }

  /// What to tell the firmware, once after each change; only while a BMC is present.
  [[nodiscard]] std::optional<AddressReport> take_address_report() {
    if (!mac_sync_due_ || !running_) return std::nullopt;
    mac_sync_due_ = false;
    return address_report();
  }

  // Hashing

  /// Queues of the port, 1 .. 128. Indirection tables that nobody set spread over all of them;
  /// fails if a table or rule names a queue that would be gone.
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

  Result<> set_rss_table(std::uint32_t context, const RssTable& table) {
    if (context >= kRssContexts) return fail(ErrorCode::kBadArgument, kRssContexts);
    for (const std::uint8_t queue : table)
      if (queue >= queues_) return fail(ErrorCode::kBadArgument, queue);
    tables_[context] = table;
    table_set_[context] = true;
    return apply_rss();
  }
  /// Back to an even spread over all queues.
  Result<> reset_rss_table(std::uint32_t context) {
    if (context >= kRssContexts) return fail(ErrorCode::kBadArgument, kRssContexts);
    table_set_[context] = false;
    spread(context);
    return apply_rss();
  }
  Result<> set_rss_key(const RssKey& key) {
    key_ = key;
    return apply_rss();
  }
  Result<> set_hash_fields(FlowType type, HashFields fields) {
    if ((fields & ~allowed_hash_fields(type)) != 0) return fail(ErrorCode::kBadArgument, fields);
    return change(hash_fields_[raw(type)], fields);
  }
  Result<> set_timestamps(RxTimestamps mode) { return change(timestamps_, mode); }

  [[nodiscard]] const RssTable& rss_table(std::uint32_t context) const {
    return tables_[context % kRssContexts];
  }
  [[nodiscard]] const RssKey& rss_key() const { return key_; }
  [[nodiscard]] HashFields hash_fields(FlowType type) const { return hash_fields_[raw(type)]; }
  [[nodiscard]] RxTimestamps timestamps() const { return timestamps_; }
  [[nodiscard]] std::uint32_t queue_count() const { return queues_; }

  // Flow rules

  /// Adds a rule. Fails without a change if the card cannot express it, or if a table is full: 48
  /// rules, eight different addresses in each of four IP tables, the MACDA table.
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
  Result<> remove_rule(RuleId id) {
    if (raw(id) >= kMaxRules || !rules_[raw(id)]) return fail(ErrorCode::kNotFound, raw(id));
    rules_[raw(id)].reset();
    return apply();
  }
  /// The rule, or nothing.
  [[nodiscard]] const FlowRule* rule(RuleId id) const {
    if (raw(id) >= kMaxRules || !rules_[raw(id)]) return nullptr;
    return &*rules_[raw(id)];
  }
  [[nodiscard]] std::uint32_t rule_count() const {
    return static_cast<std::uint32_t>(std::count_if(
        rules_.begin(), rules_.end(), [](const auto& rule) { return rule.has_value(); }));
  }

  /// What the card's tables hold now, for display and for the invariant.
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

  // Computes the tables anew and, if started, brings the card there. On failure nothing changes.
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

  // The IP tables of all rules; false if one of them is full.
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

  // Key bytes as the card takes them: first byte in the top bits, nothing below bit 425.
  [[nodiscard]] std::uint32_t key_word(std::uint32_t n) const {
    std::uint32_t word = 0;
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::uint32_t at = 4 * n + i;
      word = word << 8 | (at < kRssKeyBytes ? key_[at] : 0U);
    }
    constexpr std::uint32_t kLastBits = 0xff800000;
    return n + 1 == kRssKeyWords ? word & kLastBits : word;
  }

  // Only what changed is written; the default action drops what no rule wants [device 14.2].
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
