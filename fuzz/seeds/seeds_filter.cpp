// SPDX-License-Identifier: Apache-2.0
// Seeds for the receive filter; classifier_fuzz.cpp documents the bits.
#include <array>

#include "fuzz/seeds/seed_maker.hpp"

namespace hni::fuzz {
namespace {

struct RuleText {
  unsigned type = 6;
  unsigned ports_mac = 0;
  bool outer = false;
  int source = -1;  ///< prefix length; counted after 96 bits for an IPv6 address
  int destination = -1;
  std::uint64_t more = 0;
  unsigned action = 0;

  [[nodiscard]] std::string line() const {
    const auto match = [](int prefix, unsigned at) {
      return prefix < 0 ? std::uint64_t{0}
                        : (1ULL | static_cast<std::uint64_t>(prefix) << 1) << at;
    };
    const std::uint64_t value =
        (outer ? 1U : 0U) | match(source, 3) | match(destination, 16) | more;
    return "rule type_action_queue=" + std::to_string(type | action << 3 | 1U << 5) +
           " ports_mac=" + std::to_string(ports_mac) + " value=" + std::to_string(value) + "\n";
  }
};

using Lines = std::initializer_list<const char*>;

std::string lines(Lines text) {
  std::string all;
  for (const char* line : text) all += std::string(line) + "\n";
  return all;
}

/// Combinations of settings that reach a branch only together.
void setting_seeds(SeedMaker& to) {
  const std::string frames =
      "frame kind=0 to=80 value=0x1\nframe kind=1 to=80 value=0x5\n"
      "frame kind=2 to=80 value=0x5\nframe kind=3 to=80\nframe kind=9 to=80 value=0x0\n";
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("classifier", name, text + frames);
  };
  add("rewritten-while-stopped", lines({"stop", "rewrite", "start"}));
  add("rules-rewritten", RuleText{.type = 1, .source = 24}.line() + lines({"rewrite"}));
  add("no-queue", lines({"queues count=0"}));
  add("fewer-queues-than-the-table-names",
      lines({"table context=0 queue=3", "table context=1 queue=1", "queues count=2",
             "queues count=4", "queues count=8"}));
  add("fewer-queues-than-a-rule-names",
      RuleText{.type = 1, .action = 1}.line() + RuleText{.type = 0}.line() +
          lines({"add_rule kind=18 port=80 value=0x0", "queues count=1", "queues count=2",
                 "queues count=3"}));
  add("fields-that-a-type-has-not", lines({"hash type=6 fields=65535", "hash type=4 fields=65535",
                                           "hash type=0 fields=65535", "hash type=6 fields=0"}));
  for (const char* type : {"hash type=132 fields=0", "hash type=131 fields=0",
                           "hash type=129 fields=0", "hash type=128 fields=0"})
    add("discarded-" + std::string(type + 10, type + 13),
        lines({type, "bmc bits=1 first=9", type, "bmc bits=0"}));
  for (unsigned type = 128; type < 135; ++type)
    add("type-discarded-" + std::to_string(type % 7),
        "hash type=" + std::to_string(type) + " fields=0\n" + frames + lines({"bmc bits=1"}));
  add("rules-that-there-are-not", lines({"remove_rule number=48", "remove_rule number=49"}));
  // All group entries are taken by rules, so that the controller's wildcard does not fit.
  std::string groups;
  for (unsigned n = 0; n < 32; ++n)
    groups += RuleText{.type = 6, .ports_mac = 0x4100 | n << 9}.line();
  add("no-room-for-the-controller", groups + lines({"bmc bits=3 first=9", "bmc bits=1 first=9"}));
  add("many-addresses-beside-a-controller",
      lines({"bmc bits=1 first=9", "unicast count=20 first=1", "multicast count=20 first=1",
             "promiscuous on=1", "all_multicast on=1", "unicast count=4 first=1",
             "multicast count=12 first=1", "promiscuous on=0", "all_multicast on=0",
             "unicast count=5 first=1", "unicast count=9 first=1"}));
  add("one-address-four-times", lines({"bmc bits=5 first=9", "bmc bits=7 first=16393"}));
  add("groups-of-a-controller-and-promiscuous",
      lines({"promiscuous on=1", "bmc bits=1 first=16393", "promiscuous on=0"}));
  add("the-wildcard-as-a-group",
      lines({"all_multicast on=1", "multicast count=3 first=9", "multicast count=208 first=9",
             "all_multicast on=0", "unicast count=209 first=9", "promiscuous on=1"}));
  // The last group entry is the wildcard when the controller requests all groups.
  add("the-wildcard-as-the-last-group",
      lines({"multicast count=226 first=9", "bmc bits=3 first=9", "bmc bits=1 first=9",
             "multicast count=225 first=9", "bmc bits=3 first=9", "multicast count=227 first=9",
             "bmc bits=1 first=9", "multicast count=226 first=9"}));
  add("more-addresses-than-a-report-holds",
      lines({"unicast count=7 first=1", "bmc bits=1 first=9", "unicast count=9 first=1",
             "unicast count=14 first=1"}));
  add("the-wildcard-in-a-rule",
      lines({"all_multicast on=1"}) + RuleText{.type = 6, .ports_mac = 0xc100}.line());
  add("prefix-longer-than-an-address", RuleText{.type = 1, .source = 63}.line() +
                                           RuleText{.type = 0, .source = 63}.line() +
                                           lines({"add_rule kind=16 port=80 value=0x7f"}));
  add("mask-beyond-a-destination",
      RuleText{.type = 1, .destination = 24, .more = 1ULL << 30}.line());
  add("address-of-a-frame-that-has-none",
      RuleText{.type = 6, .destination = 24}.line() + RuleText{.type = 6, .source = 24}.line());
  // Each one sorts between the ones before it.
  const auto prefixes = [](std::initializer_list<int> lengths, unsigned type) {
    std::string all;
    for (const int length : lengths) all += RuleText{.type = type, .source = length}.line();
    return all;
  };
  add("prefix-between-two", prefixes({8, 32, 16, 24, 12, 28, 20}, 1));
  add("prefix-between-two-of-ipv6", prefixes({1, 32, 16, 24, 12, 28, 20}, 0));
  // Same position and value with another mask: only while stopped are no other changes in between.
  const std::string gone = "stop\nremove_rule number=47\n";
  add("another-mask-of-a-port",
      RuleText{.type = 1}.line() + gone + RuleText{.type = 1, .ports_mac = 16}.line() + "start\n");
  add("another-mask-of-an-address", RuleText{.type = 1, .source = 16}.line() + gone +
                                        RuleText{.type = 1, .source = 24}.line() + "start\n");
}

}  // namespace

void rule_seeds(SeedMaker& to) {
  setting_seeds(to);
  // All shapes, UDP and TCP, to the port's own address and to those of rules.
  std::string flows;
  for (unsigned kind = 0; kind < 64; kind += 4)
    if ((kind & 8) == 0) flows += "flow kind=" + std::to_string(kind) + " ports=0 value=0x0\n";
  flows += "flow kind=65 ports=0 value=0x0\nflow kind=66 ports=0 value=0x0\n";
  const auto add = [&](const std::string& name, const std::string& rules) {
    to.add("classifier", name, rules + flows + "stop\n" + rules + "start\n" + flows);
  };
  constexpr std::array<const char*, 8> kTypes{"udp6", "udp4", "tcp6",  "tcp4",
                                              "ip6",  "ip4",  "ether", "none"};
  for (unsigned type = 0; type < 8; ++type) {
    const std::string name = std::string("rule-of-") + kTypes[type];
    add(name, RuleText{.type = type}.line());
    add(name + "-by-ports", RuleText{.type = type, .ports_mac = 0x18}.line());
    add(name + "-by-addresses", RuleText{.type = type, .source = 30, .destination = 8}.line());
    add(name + "-in-outer", RuleText{.type = type, .outer = true, .source = 30}.line());
    add(name + "-by-mac", RuleText{.type = type, .ports_mac = 0x100}.line());
    add(name + "-to-the-second-table", RuleText{.type = type, .more = 2, .action = 2}.line());
  }
  add("rule-of-ether-by-group", RuleText{.ports_mac = 0x4100}.line());
  add("rule-of-ether-by-mac-zero", RuleText{.ports_mac = 0x8100}.line());
  add("rule-to-a-third-table", RuleText{.more = 4, .action = 2}.line());
  add("rule-with-an-action-that-is-none", RuleText{.action = 3}.line());
  add("rule-of-ip4-with-a-longer-mask",
      RuleText{.type = 5, .source = 8, .more = 1ULL << 29}.line());
  for (const unsigned type : {4U, 5U}) {
    const std::string ip = kTypes[type];
    std::string inwards;
    std::string outwards;
    std::string nine;
    for (int prefix = 24; prefix <= 32; ++prefix) {
      inwards += RuleText{.type = type, .source = prefix}.line();
      outwards += RuleText{.type = type, .destination = 56 - prefix}.line();
      nine +=
          RuleText{
              .type = type, .source = 32, .more = static_cast<std::uint64_t>(prefix - 24) << 10}
              .line();
    }
    add("prefixes-ever-longer-of-" + ip, inwards);
    add("prefixes-ever-shorter-of-" + ip, outwards);
    add("nine-addresses-of-" + ip, nine);
    // A full table in which there is no free entry for the one that must come first.
    add("prefixes-between-others-of-" + ip, nine +
                                                "remove_rule number=45\nremove_rule number=40\n" +
                                                RuleText{.type = type, .source = 28}.line() +
                                                RuleText{.type = type, .source = 20}.line());
  }
  add("rules-of-both-versions",
      RuleText{.type = 5, .source = 8}.line() + RuleText{.type = 4, .source = 8}.line() +
          RuleText{.type = 5, .source = 16}.line() + RuleText{.type = 4, .source = 16}.line());
  std::string macs;
  for (unsigned n = 0; n < 32; ++n)
    macs += RuleText{.ports_mac = 0x100 | n << 9}.line() +
            RuleText{.ports_mac = 0x4100 | n << 9}.line();
  add("rules-with-more-macs-than-the-table-holds", macs);
  add("rule-by-mac-beside-lists", "unicast count=40 first=3\nmulticast count=40 first=3\n" +
                                      RuleText{.ports_mac = 0x100}.line() +
                                      RuleText{.ports_mac = 0x4100}.line());
  std::string rules;
  for (unsigned n = 0; n < 49; ++n) rules += RuleText{.type = n % 7}.line();
  add("more-rules-than-the-table-holds", rules);
  for (unsigned mode = 0; mode < 5; ++mode)
    add("timestamps-" + std::to_string(mode), "timestamps mode=" + std::to_string(mode) + "\n");
  add("rule-that-is-none", "remove_rule number=48\nremove_rule number=3\n");
  add("queues-fewer-than-a-rule-names",
      RuleText{.type = 4}.line() + "queues count=1\nqueues count=129\n");
  to.add("classifier", "port-address-that-is-none", "mac number=255\nmac number=254\n" + flows);
  const std::string groups = "multicast count=5 first=3\n";
  for (const std::string bits : {"1", "3"})
    for (const std::string first : {"16387", "16484", "32771", "32768", "49155"})
      for (const std::string wide : {"all_multicast on=0\n", "all_multicast on=1\n"})
        add("controller-" + bits + "-of-" + first + (wide[17] == '1' ? "-and-all-groups" : ""),
            wide + groups + "unicast count=5 first=3\nbmc bits=" + bits + " first=" + first +
                "\nmulticast count=40 first=3\nbmc bits=" + bits + " first=" + first + "\n");
  add("controller-finds-no-room",
      "multicast count=40 first=3\nunicast count=40 first=3\nbmc bits=3 first=16484\n");
  add("controller-and-rules", "bmc bits=3 first=9\nbroadcast on=1\nall_multicast on=1\n" +
                                  RuleText{.ports_mac = 0x4100}.line());
}

}  // namespace hni::fuzz
