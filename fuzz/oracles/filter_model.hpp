// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The meaning of a flow rule in the simplest form, and frames to test it with.

#include <array>
#include <cstdint>
#include <span>

#include "driver/filter/flow_rules.hpp"

namespace hni::fuzz {

/// The network headers of a frame.
enum class Shape : std::uint8_t { kIp4, kIp6, kIp6InIp6, kNoIp };

/// Addresses as in IpMatch: IPv4 lies in the last 4 bytes.
using IpAddress = std::array<std::uint8_t, 16>;

/// Returns 10.0.x.y or fd00::x.y, of six bits: few values, so that rules and frames match often.
constexpr IpAddress small_address(std::uint64_t bits, bool v6) {
  IpAddress a{};
  a[v6 ? 0 : 12] = v6 ? 0xfd : 10;
  a[14] = static_cast<std::uint8_t>(bits & 7);
  a[15] = static_cast<std::uint8_t>(bits >> 3 & 7);
  return a;
}

struct Flow {
  MacAddress to{};
  Shape shape = Shape::kIp4;
  bool tcp = false;
  IpAddress source{};
  IpAddress destination{};
  IpAddress outer_source{};
  IpAddress outer_destination{};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;

  [[nodiscard]] bool is_v6() const { return shape == Shape::kIp6 || shape == Shape::kIp6InIp6; }
  [[nodiscard]] FlowType type() const {
    if (shape == Shape::kNoIp) return FlowType::kEther;
    if (is_v6()) return tcp ? FlowType::kTcp6 : FlowType::kUdp6;
    return tcp ? FlowType::kTcp4 : FlowType::kUdp4;
  }
};

using FlowFrame = std::array<std::byte, 128>;

class FlowFrameWriter {
 public:
  explicit FlowFrameWriter(const Flow& flow) {
    put(flow.to);
    put(std::array<std::uint8_t, 6>{2, 0, 0, 0, 9, 9});
    if (flow.shape == Shape::kNoIp) {
      put16(0x88b5);
      return;
    }
    const std::uint8_t protocol = flow.tcp ? 6 : 17;
    if (flow.shape == Shape::kIp4) {
      put16(0x0800);
      put16(0x4500);
      put16(114);
      put16(0);
      put16(0);
      put16(static_cast<std::uint16_t>(64U << 8 | protocol));
      put16(0);
      put(std::span(flow.source).last(4));
      put(std::span(flow.destination).last(4));
    } else {
      put16(0x86dd);
      if (flow.shape == Shape::kIp6InIp6) ip6(41, 74, flow.outer_source, flow.outer_destination);
      const std::uint16_t payload = flow.shape == Shape::kIp6InIp6 ? 34 : 74;
      ip6(protocol, payload, flow.source, flow.destination);
    }
    put16(flow.source_port);
    put16(flow.destination_port);
    if (flow.tcp) {
      at_ += 8;
      put16(0x5000);
    } else {
      put16(30);
    }
  }
  [[nodiscard]] const FlowFrame& frame() const { return frame_; }

 private:
  void put(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t b : bytes) frame_[at_++] = std::byte{b};
  }
  void put16(std::uint16_t value) {
    put(std::array{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 255)});
  }
  void ip6(std::uint8_t next, std::uint16_t payload, const IpAddress& from, const IpAddress& to) {
    put16(0x6000);
    put16(0);
    put16(payload);
    put16(static_cast<std::uint16_t>(next << 8 | 64));
    put(from);
    put(to);
  }

  FlowFrame frame_{};
  std::size_t at_ = 0;
};

/// All rules of a filter; determines which one applies to a frame.
template <class Filter>
class RuleModel {
 public:
  explicit RuleModel(const Filter& filter) : filter_(&filter) {}

  /// Returns the matching rule with the lowest number.
  [[nodiscard]] const FlowRule* rule_for(const Flow& flow) const {
    for (std::uint32_t n = 0; n < kMaxRules; ++n) {
      const FlowRule* rule = at(n);
      if (rule != nullptr && matches(*rule, flow)) return rule;
    }
    return nullptr;
  }
  /// Returns the number of an existing rule, the `n`-th cyclically from the lowest; 0 without
  /// rules.
  [[nodiscard]] std::uint32_t used(std::uint32_t n) const {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < kMaxRules; ++i) count += at(i) != nullptr;
    if (count == 0) return 0;
    std::uint32_t i = 0;
    for (n %= count; at(i) == nullptr || n-- != 0; ++i) {
    }
    return i;
  }
  /// Returns a frame that matches `rule`; to address `host` if the rule names none.
  static Flow fitting(const FlowRule& rule, const MacAddress& host) {
    Flow flow;
    flow.to = rule.mac.value_or(host);
    flow.tcp = rule.type == FlowType::kTcp4 || rule.type == FlowType::kTcp6;
    flow.shape = rule.type == FlowType::kEther ? Shape::kNoIp
                 : rule.outer                  ? Shape::kIp6InIp6
                 : is_ip6(rule.type)           ? Shape::kIp6
                                               : Shape::kIp4;
    (rule.outer ? flow.outer_source : flow.source) = rule.source.address;
    (rule.outer ? flow.outer_destination : flow.destination) = rule.destination.address;
    flow.source_port = rule.source_port.port;
    flow.destination_port = rule.destination_port.port;
    return flow;
  }
  /// Returns whether a rule names this address, so that the card must accept it.
  [[nodiscard]] bool names(const MacAddress& mac) const {
    for (std::uint32_t n = 0; n < kMaxRules; ++n)
      if (at(n) != nullptr && at(n)->mac == mac) return true;
    return false;
  }

 private:
  [[nodiscard]] const FlowRule* at(std::uint32_t n) const {
    return filter_->rule(RuleId{static_cast<std::uint8_t>(n)});
  }

  [[nodiscard]] bool matches(const FlowRule& rule, const Flow& flow) const {
    if (rule.type == FlowType::kEther) return !rule.mac || *rule.mac == flow.to;
    if (flow.shape == Shape::kNoIp || is_ip6(rule.type) != flow.is_v6()) return false;
    if (has_ports(rule.type) && rule.type != flow.type()) return false;
    if (rule.outer && flow.shape != Shape::kIp6InIp6) return false;
    return port(rule.source_port, flow.source_port) &&
           port(rule.destination_port, flow.destination_port) &&
           address(rule, &FlowRule::source, rule.outer ? flow.outer_source : flow.source) &&
           address(rule, &FlowRule::destination,
                   rule.outer ? flow.outer_destination : flow.destination);
  }
  static bool port(const PortMatch& match, std::uint16_t port) {
    return ((match.port ^ port) & match.mask) == 0;
  }

  /// The card reports the longest matching address of all rules: only rules with that one apply.
  [[nodiscard]] bool address(const FlowRule& rule, IpMatch FlowRule::*field,
                             const IpAddress& address) const {
    const IpMatch& match = rule.*field;
    if (match.any()) return true;
    if (!covers(match, address)) return false;
    for (std::uint32_t n = 0; n < kMaxRules; ++n) {
      const FlowRule* other = at(n);
      if (other == nullptr || other->outer != rule.outer) continue;
      if (is_ip6(other->type) != is_ip6(rule.type)) continue;
      const IpMatch& longer = other->*field;
      if (bits(longer) > bits(match) && covers(longer, address)) return false;
    }
    return true;
  }
  static bool covers(const IpMatch& match, const IpAddress& address) {
    for (std::size_t i = 0; i < address.size(); ++i)
      if (((match.address[i] ^ address[i]) & match.mask[i]) != 0) return false;
    return true;
  }
  static unsigned bits(const IpMatch& match) {
    unsigned n = 0;
    for (const std::uint8_t b : match.mask) n += static_cast<unsigned>(std::popcount(b));
    return n;
  }

  const Filter* filter_;
};

}  // namespace hni::fuzz
