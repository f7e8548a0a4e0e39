// SPDX-License-Identifier: Apache-2.0
// Questions about the card: what does this address or value mean, where does a word occur, what
// changed between two specs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/compiler/card.hpp"

namespace hni::speclib {

// A register element that an address hits.
struct Hit {
  const Register* reg = nullptr;
  std::vector<std::uint32_t> indices;  // outermost first
  std::uint32_t byte_offset = 0;       // of the element
};

// The element that holds byte `offset` of a BAR. Empty if no register is there.
std::optional<Hit> find_address(const Card& card, unsigned bar, std::uint64_t offset);

// The register or layout of a name, with or without FBNIC_ and array indices: "INTR_STATUS[3]",
// "FBNIC_QUEUE_TWQ0_CTL", "TWD_META". Empty text if nothing has this name.
std::string decode_name(const Card& card, std::string_view name,
                        std::optional<std::uint64_t> value);
std::string decode_address(const Card& card, unsigned bar, std::uint64_t offset,
                           std::optional<std::uint64_t> value);

// One line for everything whose name or description holds `word`, letter case ignored.
std::string find_word(const Card& card, std::string_view word);

// The card's meaning as sorted facts: what it is about, and what holds of it. Names, addresses,
// bits, access, resets, enumerators, messages and actions count; descriptions do not.
std::map<std::string, std::string> facts_of(const Card& card);
// "+ fact", "- fact", "~ fact: old -> new". Empty if both mean the same.
std::string diff(const Card& before, const Card& after);

}  // namespace hni::speclib
