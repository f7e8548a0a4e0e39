// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/action_rule.hpp"

#include <fmt/format.h>

#include <charconv>

namespace hni::speclib {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool parse_number(std::string_view text, std::uint64_t& value) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto result =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// Returns the index of the register that a condition names, seen from register `from`, or the size
// of the list if there is none.
std::size_t find_register(const Card& card, const Register& from, std::string_view name) {
  for (std::size_t i = 0; i < card.registers.size(); ++i) {
    const Register& reg = card.registers[i];
    if (reg.node->parent == from.node->parent && reg.node->name == name) return i;
  }
  for (std::size_t i = 0; i < card.registers.size(); ++i) {
    if (card.registers[i].name == name || rdl::path_of(*card.registers[i].node) == name) return i;
  }
  return card.registers.size();
}

// Returns what is wrong with the condition of register `index`, or an empty string. On success
// appends the rule.
std::string resolve(Card& card, std::size_t index) {
  const Register& target = card.registers[index];
  std::vector<ConditionTerm> terms;
  if (!parse_condition(target.when, terms)) {
    return fmt::format("'{}' does not follow REGISTER.FIELD == N && ...", target.when);
  }
  ActionRule rule;
  rule.name = target.name;
  rule.text = target.when_text;
  rule.target = index;
  rule.condition = card.registers.size();
  for (const ConditionTerm& term : terms) {
    const std::size_t dot = term.left.rfind('.');
    if (dot == std::string_view::npos) return fmt::format("'{}' names no field", term.left);
    const std::size_t found = find_register(card, target, term.left.substr(0, dot));
    if (found == card.registers.size()) {
      return fmt::format("no register '{}' is known", term.left.substr(0, dot));
    }
    if (rule.condition != card.registers.size() && rule.condition != found) {
      return "all terms of one condition must be of one register";
    }
    rule.condition = found;
    const Field* field = nullptr;
    for (const Field& candidate : card.registers[found].fields) {
      if (candidate.name == term.left.substr(dot + 1)) field = &candidate;
    }
    if (field == nullptr) {
      return fmt::format("'{}' has no field '{}'", card.registers[found].name,
                         term.left.substr(dot + 1));
    }
    if (((term.value << field->lsb) & ~field->mask()) != 0) {
      return fmt::format("{} does not fit '{}'", term.value, term.left);
    }
    rule.mask |= static_cast<std::uint32_t>(field->mask());
    rule.value |= static_cast<std::uint32_t>(term.value << field->lsb);
  }
  const Register& condition = card.registers[rule.condition];
  if (!condition.dims.empty() && condition.dims.size() > target.dims.size()) {
    return fmt::format("'{}' has more array dimensions than '{}'", condition.name, target.name);
  }
  card.rules.push_back(std::move(rule));
  return {};
}

}  // namespace

bool parse_condition(std::string_view text, std::vector<ConditionTerm>& terms) {
  for (;;) {
    const std::size_t joint = text.find("&&");
    const std::string_view term = text.substr(0, joint);
    const std::size_t equal = term.find("==");
    if (equal == std::string_view::npos) return false;
    ConditionTerm out;
    out.left = trim(term.substr(0, equal));
    if (out.left.empty() || !parse_number(trim(term.substr(equal + 2)), out.value)) return false;
    terms.push_back(out);
    if (joint == std::string_view::npos) return true;
    text.remove_prefix(joint + 2);
  }
}

void resolve_action_rules(rdl::Compilation& compilation, Card& card) {
  for (std::size_t i = 0; i < card.registers.size(); ++i) {
    if (card.registers[i].when.empty()) continue;
    const std::string problem = resolve(card, i);
    if (problem.empty()) continue;
    compilation.diagnostics.add(
        "action-condition", card.registers[i].node->span,
        fmt::format("the condition of '{}' cannot be used: {}", card.registers[i].name, problem),
        "correct hni_when");
  }
}

}  // namespace hni::speclib
