// SPDX-License-Identifier: Apache-2.0
// The receive filter: for any settings of an application, in any order, the card's classifier must
// treat each frame as the settings require. The oracle runs the emulated card's classifier on the
// registers that the driver wrote and compares it with a simple interpretation of the settings.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "device/classifier.hpp"
#include "device/parser.hpp"
#include "driver/filter/rx_filter.hpp"
#include "fuzz/oracles/filter_model.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/run_script.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/world_arena.hpp"

namespace hni::fuzz {
namespace {

enum class FilterOp : std::uint8_t {
  kMac,
  kBroadcast,
  kPromiscuous,
  kAllMulticast,
  kUnicast,
  kMulticast,
  kBmc,
  kQueues,
  kTable,
  kHash,
  kKey,
  kAddRule,
  kRemoveRule,
  kStop,
  kStart,
  kReprogram,
  kRewrite,
  kFrame,
  kRule,
  kFlow,
  kTimestamps,
};

constexpr auto kOps = std::to_array<OpInfo>({
    {"mac", ArgKind::kNumber, "number", "", 0, "the port's address"},
    {"broadcast", ArgKind::kNumber, "on", "", 0, ""},
    {"promiscuous", ArgKind::kNumber, "on", "", 0, ""},
    {"all_multicast", ArgKind::kNumber, "on", "", 0, ""},
    {"unicast", ArgKind::kNumber, "count", "first", 0, "further addresses"},
    {"multicast", ArgKind::kNumber, "count", "first", 0, "groups"},
    {"bmc", ArgKind::kNumber, "bits", "first", 0, "1 present, 2 all-multicast"},
    {"queues", ArgKind::kNumber, "count", "", 0, ""},
    {"table", ArgKind::kNumber, "context", "queue", 0, "an indirection table"},
    {"hash", ArgKind::kNumber, "type", "fields", 0, "types from 128 on are discarded, too"},
    {"key", ArgKind::kNumber, "byte", "", 0, ""},
    {"add_rule", ArgKind::kNumber, "kind", "port", 1, "a rule for UDP or TCP over IPv4"},
    {"remove_rule", ArgKind::kNumber, "number", "", 0,
     "from 128 on: counted among those that there are"},
    {"stop", ArgKind::kNone, "", "", 0, ""},
    {"start", ArgKind::kNone, "", "", 0, ""},
    {"reprogram", ArgKind::kNone, "", "", 0, "after a card reset"},
    {"rewrite", ArgKind::kNone, "", "", 0, "after a firmware crash"},
    {"frame", ArgKind::kNumber, "kind", "to", 1, "a frame, and the judgement"},
    {"rule", ArgKind::kNumber, "type_action_queue", "ports_mac", 2,
     "a rule of any type, its addresses and prefixes"},
    {"flow", ArgKind::kNumber, "kind", "ports", 2,
     "a frame of any shape: IPv4, IPv6, IPv6 in IPv6, none; and the judgement"},
    {"timestamps", ArgKind::kNumber, "mode", "", 0, ""},
});

/// Registers that only the classifier reads.
class ClassifierIo {
 public:
  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr reg, std::uint32_t value) {
    ++writes;
    if (reg.bar == Bar::kBar0 && device::Classifier::owns(reg.byte_offset))
      classifier.changed(reg.byte_offset, value);
  }
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(DmaSpan) {}
  device::Classifier classifier;
  std::uint64_t writes = 0;
};

MacAddress unicast(std::uint32_t n) {
  return {2, 0, 0, 0, static_cast<std::uint8_t>(n >> 8 & 0xff), static_cast<std::uint8_t>(n)};
}
MacAddress multicast(std::uint32_t n) {
  return {3, 0, 0, 0, static_cast<std::uint8_t>(n >> 8 & 0xff), static_cast<std::uint8_t>(n)};
}

class Run {
 public:
  Run() : device_(io_, observer_), filter_(device_) {
    (void)filter_.set_mac(unicast(0));
    (void)filter_.set_queue_count(4);
    filter_.start();
  }

  void op(const Op& op) {
    change(op);
    report();
  }

 private:
  void change(const Op& op) {
    const bool on = op.a % 2 != 0;
    switch (static_cast<FilterOp>(op.kind)) {
      case FilterOp::kMac:
        // 254 and 255 are not valid addresses of a port.
        return static_cast<void>(filter_.set_mac(op.a == 255   ? kZeroMac
                                                 : op.a == 254 ? multicast(1)
                                                               : unicast(op.a)));
      case FilterOp::kBroadcast:
        return static_cast<void>(filter_.set_broadcast(on));
      case FilterOp::kPromiscuous:
        return static_cast<void>(filter_.set_promiscuous(on));
      case FilterOp::kAllMulticast:
        return static_cast<void>(filter_.set_all_multicast(on));
      case FilterOp::kUnicast:
        return list(op, false);
      case FilterOp::kMulticast:
        return list(op, true);
      case FilterOp::kBmc: {
        BmcConfig bmc{.present = on, .all_multicast = (op.a & 2) != 0};
        // Bit 2: the same address four times.
        for (std::uint32_t i = 0; i < 4; ++i)
          bmc.addresses[i] = bmc_mac(op.b, (op.a & 4) != 0 ? 0 : i);
        if (filter_.set_bmc(bmc)) bmc_ = bmc;
        return;
      }
      case FilterOp::kFrame:
        return frame(op);
      case FilterOp::kFlow:
        return flow(op);
      default:
        return more(op);
    }
  }

  /// The report to the firmware names each address once, and sets a flag if one is omitted.
  void report() {
    const auto sync = filter_.take_address_report();
    if (!sync) return;
    using Flags = spec::MAC_SYNC_RX_FLAGS;
    const auto says = [&](Flags f) { return (sync->flags & raw(f)) != 0; };
    const auto named = [](const auto& list, std::uint32_t count, const MacAddress& mac) {
      return std::find(list.begin(), list.begin() + count, mac) != list.begin() + count;
    };
    const MacFilter& own = filter_.filter();
    for (const MacList* list : {&own.unicast, &own.multicast})
      for (const MacAddress& mac : list->all())
        if (!is_multicast(mac))
          require(says(Flags::PROMISC) || named(sync->unicast, sync->unicast_count, mac), "filter",
                  "an address is missing in the firmware's report", mac[4], mac[5]);
        else
          require(says(Flags::ALLMULTI) || says(Flags::PROMISC) || mac == kBroadcastMac ||
                      named(sync->multicast, sync->multicast_count, mac),
                  "filter", "a group is missing in the firmware's report", mac[4], mac[5]);
  }

  void more(const Op& op) {
    switch (static_cast<FilterOp>(op.kind)) {
      case FilterOp::kQueues:
        return static_cast<void>(filter_.set_queue_count(op.a % 130U));
      case FilterOp::kTable: {
        RssTable table;
        table.fill(static_cast<std::uint8_t>(op.b & 0xff));
        const std::uint32_t context = op.a % 3U;
        if (filter_.set_rss_table(context, table)) set_tables_[context] = table;
        return;
      }
      case FilterOp::kHash:
        return static_cast<void>(
            filter_.set_hash_fields(FlowType{static_cast<std::uint8_t>(op.a % kFlowTypes)},
                                    op.b | (op.a >= 128 ? kHashDiscard : HashFields{})));
      case FilterOp::kKey: {
        RssKey key;
        key.fill(op.a);
        return static_cast<void>(filter_.set_rss_key(key));
      }
      case FilterOp::kAddRule:
        return add_rule(op);
      case FilterOp::kRule:
        return any_rule(op);
      case FilterOp::kTimestamps:
        return static_cast<void>(filter_.set_timestamps(static_cast<RxTimestamps>(op.a % 5)));
      case FilterOp::kRemoveRule:
        return remove_rule(op.a);
      case FilterOp::kStop:
        return filter_.stop();
      case FilterOp::kStart:
        return filter_.start();
      case FilterOp::kReprogram:
        // The card loses its tables, and the filter is notified.
        io_.classifier.reset();
        return filter_.reprogram();
      case FilterOp::kRewrite:
        return filter_.rewrite_rules();
      default:
        return;
    }
  }

  /// Addresses of its own, groups, the host's addresses, or a mix; selected by bits 15:14.
  static MacAddress bmc_mac(std::uint32_t first, std::uint32_t i) {
    const std::uint32_t n = (first & 0x3fffU) + i;
    switch (first >> 14) {
      case 0:
        return unicast(0x8000U | n);
      case 1:
        return multicast(n);
      case 2:
        return unicast(n);
      default:
        return i == 0 ? multicast(n) : i == 1 ? kZeroMac : i == 2 ? kBroadcastMac : unicast(n);
    }
  }

  void list(const Op& op, bool groups) {
    std::array<MacAddress, 40> macs;
    const std::uint32_t count = op.a % 41U;
    for (std::uint32_t i = 0; i < count; ++i)
      macs[i] = groups ? multicast((op.b + i) & 0xffffU) : unicast((op.b + i) & 0x7fffU);
    // From 208 on: the last three are the port's own, broadcast, and one that the wildcard of
    // groups covers.
    if (op.a >= 208 && count >= 3) {
      macs[count - 3] = filter_.mac();
      macs[count - 2] = kBroadcastMac;
      macs[count - 1] = {1, 0, 0, 0, 0, 0};
    }
    const std::span<const MacAddress> all = std::span(macs).first(count);
    (void)(groups ? filter_.set_multicast(all) : filter_.set_unicast(all));
  }

  void add_rule(const Op& op) {
    FlowRule rule;
    rule.type = op.a & 1 ? FlowType::kTcp4 : FlowType::kUdp4;
    rule.action = static_cast<FlowAction>(op.a >> 1 & 3);
    rule.queue = static_cast<std::uint8_t>(op.a >> 3 & 7);
    rule.rss_context = op.a >> 6 & 1;
    rule.destination_port = {op.b, 0xffff};
    if ((op.value & 1) != 0) {
      rule.source = IpMatch::v4(address(static_cast<std::uint32_t>(op.value)),
                                static_cast<unsigned>(op.value >> 1 & 63));
    }
    if ((op.a & 128) != 0) rule.source_port = {static_cast<std::uint16_t>(op.value >> 16), 0xff00};
    add(rule);
  }
  /// A frame that matches a rule is classified when the rule is added and when it is removed.
  void add(const FlowRule& rule) {
    if (filter_.add_rule(rule)) judge(rules_.fitting(rule, filter_.mac()));
  }
  void remove_rule(std::uint32_t number) {
    std::uint32_t n = number % 50;
    if (number >= 128) n = rules_.used(number - 128);
    const RuleId id{static_cast<std::uint8_t>(n)};
    if (filter_.rule(id) == nullptr) return static_cast<void>(filter_.remove_rule(id));
    const FlowRule rule = *filter_.rule(id);
    if (filter_.remove_rule(id)) judge(rules_.fitting(rule, filter_.mac()));
  }

  static std::array<std::uint8_t, 4> address(std::uint32_t value) {
    return {10, 0, static_cast<std::uint8_t>(value >> 8 & 7),
            static_cast<std::uint8_t>(value >> 11 & 7)};
  }

  /// Addresses that only rules use.
  static MacAddress rule_mac(std::uint32_t n, bool group) {
    return group ? multicast(0x7000U | (n & 31)) : unicast(0x7000U | (n & 31));
  }

  /// A rule with any valid fields, and sometimes with invalid ones. Value: bit 0 outer, bits 2:1
  /// RSS context. For source and destination, from bits 3 and 16 on, one bit for presence, six for
  /// the prefix and six for the address. Bits 29 and 30: a mask that exceeds an IPv4 address.
  void any_rule(const Op& op) {
    FlowRule rule;
    rule.type = FlowType{static_cast<std::uint8_t>(op.a & 7)};
    rule.action = static_cast<FlowAction>(op.a >> 3 & 3);
    rule.queue = static_cast<std::uint8_t>(op.a >> 5);
    rule.outer = (op.value & 1) != 0;
    rule.rss_context = op.value >> 1 & 3;
    rule.source = ip_match(op.value >> 3, is_ip6(rule.type));
    rule.destination = ip_match(op.value >> 16, is_ip6(rule.type));
    if ((op.value >> 29 & 1) != 0) rule.source.mask[0] = 0xff;
    if ((op.value >> 30 & 1) != 0) rule.destination.mask[0] = 0xff;
    const std::uint32_t b = op.b;
    if ((b & 8) != 0) rule.destination_port = {static_cast<std::uint16_t>(80 + (b & 7)), 0xffff};
    if ((b & 16) != 0) rule.source_port = {static_cast<std::uint16_t>(b >> 5 & 7), 0x0007};
    if ((b & 0x100) != 0)
      rule.mac = (b & 0x8000) == 0   ? rule_mac(b >> 9, (b & 0x4000) != 0)
                 : (b & 0x4000) == 0 ? kZeroMac
                                     : MacAddress{1, 0, 0, 0, 0, 0};
    add(rule);
  }
  static IpMatch ip_match(std::uint64_t bits, bool v6) {
    if ((bits & 1) == 0) return {};
    const auto prefix = static_cast<unsigned>(bits >> 1 & 63);
    const IpAddress at = small_address(bits >> 7, v6);
    if (v6) return IpMatch::v6(at, 96 + prefix);
    return IpMatch::v4({at[12], at[13], at[14], at[15]}, prefix);
  }

  // ---- The judgement

  void frame(const Op& op) {
    Flow flow;
    const auto number = static_cast<std::uint32_t>(op.value & 0x7fff);
    switch (op.a % 4U) {
      case 0:
        flow.to = filter_.mac();
        break;
      case 1:
        flow.to = one_of(filter_.filter().unicast, op, unicast(number));
        break;
      case 2:
        flow.to = one_of(filter_.filter().multicast, op, multicast(number));
        break;
      default:
        flow.to = kBroadcastMac;
        break;
    }
    flow.tcp = (op.a & 4) != 0;
    const auto source = address(static_cast<std::uint32_t>(op.value));
    std::copy(source.begin(), source.end(), flow.source.begin() + 12);
    flow.destination = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 99};
    flow.source_port = static_cast<std::uint16_t>(op.value >> 16);
    flow.destination_port = op.b;
    judge(flow);
    ++work().events;
  }

  /// Kind: bits 1:0 the destination as in frame(), 2 TCP, 3 an address that the application
  /// configured, 5:4 shape, 6 to an address of a rule. Value: as in any_rule().
  void flow(const Op& op) {
    Flow flow;
    const auto number = static_cast<std::uint32_t>(op.value >> 32 & 0x7fff);
    const bool group = op.a % 4U == 2;
    if (op.a % 4U == 0) flow.to = filter_.mac();
    if (op.a % 4U == 3) flow.to = kBroadcastMac;
    if (op.a % 4U == 1) flow.to = one_of(filter_.filter().unicast, op, unicast(number));
    if (group) flow.to = one_of(filter_.filter().multicast, op, multicast(number));
    if ((op.a & 0x40) != 0) flow.to = rule_mac(number, group);
    flow.tcp = (op.a & 4) != 0;
    flow.shape = static_cast<Shape>(op.a >> 4 & 3);
    flow.source = small_address(op.value >> 10, flow.is_v6());
    flow.destination = small_address(op.value >> 23, flow.is_v6());
    flow.outer_source = small_address(op.value >> 50, true);
    flow.outer_destination = small_address(op.value >> 56, true);
    flow.destination_port = static_cast<std::uint16_t>(80 + (op.b & 7));
    flow.source_port = op.b >> 5 & 7;
    judge(flow);
    ++work().events;
  }

  /// Kind bit 3: an address that the application configured, which detects a table that is too
  /// small.
  static MacAddress one_of(const MacList& list, const Op& op, const MacAddress& other) {
    return (op.a & 8) != 0 && list.count != 0 ? list.at[op.value % list.count] : other;
  }

  void judge(const Flow& flow) {
    for (std::uint32_t c = 0; c < kRssContexts; ++c)
      require(!set_tables_[c] || *set_tables_[c] == filter_.rss_table(c), "filter",
              "an indirection table that the application set is lost", c);
    const FlowFrameWriter writer(flow);
    const auto decision = io_.classifier.classify(device::parse_frame(writer.frame()));
    const FlowRule* rule = rules_.rule_for(flow);
    if (!filter_.running()) {
      require(!decision.to_host(), "filter", "a frame for a stopped port");
      return;
    }
    const bool wanted = is_wanted(flow.to) || rules_.names(flow.to);
    const bool other = may_be_wanted(flow.to);
    // With a management controller the host receives its groups and broadcasts, too.
    const bool shared = bmc_.present && is_multicast(flow.to);
    if (!wanted && !other && !shared && rule == nullptr)
      require(!decision.to_host(), "filter", "an unwanted frame", flow.to[5]);
    if (!wanted) return;
    // The controller must not receive frames that only the host accepts.
    if (!is_multicast(flow.to) && is_named(flow.to))
      require(!decision.to_bmc(), "filter", "the controller receives the host's frames",
              flow.to[4], flow.to[5]);
    if (rule != nullptr) return judge_rule(*rule, decision);
    const FlowType type = flow.type();
    if ((filter_.hash_fields(type) & kHashDiscard) != 0) {
      require(!decision.to_host(), "filter", "a discarded type", raw(type));
      return;
    }
    require(decision.to_host(), "filter", "a wanted frame is dropped", flow.to[0], flow.to[5]);
    require(decision.queue < filter_.queue_count(), "filter", "a queue that does not exist",
            decision.queue);
    if (decision.hash_valid)
      require(decision.queue == filter_.rss_table(0)[decision.hash & 0xff], "filter",
              "another queue than the table's", decision.queue, decision.hash);
    require(decision.timestamp == is_stamped(filter_.timestamps(), type), "filter",
            "a timestamp without a request, or none", raw(type), raw(filter_.timestamps()));
  }

  void judge_rule(const FlowRule& rule, const device::Decision& decision) const {
    if (rule.action == FlowAction::kDrop) {
      require(!decision.to_host(), "filter", "a rule does not drop");
    } else if (rule.action == FlowAction::kQueue) {
      require(decision.to_host() && decision.queue == rule.queue, "filter",
              "a rule's queue is not used", decision.queue, rule.queue);
    } else {
      require(decision.to_host(), "filter", "a rule drops");
      if (decision.hash_valid)
        require(decision.queue == filter_.rss_table(rule.rss_context)[decision.hash & 0xff],
                "filter", "another queue than the rule's table's", decision.queue);
    }
  }

  /// The settings contain this address; either list may hold any.
  bool is_named(const MacAddress& to) const {
    const MacFilter& f = filter_.filter();
    return to == f.host || f.unicast.contains(to) || f.multicast.contains(to);
  }
  /// The settings contain this address, or accept all of its kind.
  bool is_wanted(const MacAddress& to) const {
    const MacFilter& f = filter_.filter();
    if (is_named(to)) return true;
    if (to == kBroadcastMac) return f.broadcast || f.promiscuous;
    if (is_multicast(to)) return f.all_multicast || f.promiscuous;
    return f.promiscuous && !is_bmc(to);
  }
  /// An address of the management controller, in its exclusive part of the table.
  bool is_bmc(const MacAddress& to) const {
    return bmc_.present && std::count(bmc_.addresses.begin(), bmc_.addresses.end(), to) != 0;
  }
  /// Like is_wanted(), but also true if an address list overflowed and its entry accepts more.
  bool may_be_wanted(const MacAddress& to) const {
    if (is_wanted(to)) return true;
    const auto& entries = filter_.mac_table().entries;
    return std::any_of(entries.begin(), entries.end(), [&](const MacEntry& e) {
      const bool wide = (e.owners & (kOwnPromiscuous | kOwnAllMulticast)) != 0;
      return wide && (is_multicast(to) || (e.owners & kOwnPromiscuous) != 0);
    });
  }

  ClassifierIo io_;
  NullObserver observer_;
  CheckedIo<ClassifierIo> device_;
  RxFilter<ClassifierIo> filter_;
  RuleModel<RxFilter<ClassifierIo>> rules_{filter_};
  BmcConfig bmc_;
  std::array<std::optional<RssTable>, kRssContexts> set_tables_{};
};

void run(const std::uint8_t* data, std::size_t size) {
  static RestoredWorld<Run> world;
  world.run([](Run&) {}, [&](Run& run) { run_script(run, data, size, kOps, 256); });
}

}  // namespace

const Target& classifier_target() {
  static constexpr Target kTarget{"classifier",
                                  "filter, rules and hashing, judged by the card's classifier "
                                  "against a plain reading of the settings",
                                  kOps, run, 2048};
  return kTarget;
}

}  // namespace hni::fuzz
