// SPDX-License-Identifier: Apache-2.0
// Seeds for the receive filter; classifier_fuzz.cpp says what the bits mean.
#include <array>

#include "fuzz/seed_maker.hpp"

namespace hni::fuzz {
namespace {

struct RuleText {
  unsigned type = 6;
  unsigned ports_mac = 0;
  bool outer = false;
  int source = -1;  ///< length of the prefix; behind 96 bits of an IPv6 address
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

}  // namespace

void rule_seeds(SeedMaker& to) {
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
    // A full table in the middle of which the one that must come first has no place left.
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
