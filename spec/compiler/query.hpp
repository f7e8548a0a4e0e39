// SPDX-License-Identifier: Apache-2.0
// Questions about a map: what does this address or value mean, where does a word occur, what
// changed between two of them.
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
  std::uint64_t byte_offset = 0;       // of the element
};

// The element that holds byte `offset` of a space. Empty if no register is there.
std::optional<Hit> find_address(const Card& card, unsigned bar, std::uint64_t offset);

// What was asked for, or what is wrong with the question ("what is wrong: what to do").
struct Answer {
  std::string text;
  std::string problem;
};

// The words behind `hni spec decode`: a place and perhaps a value. A place is a space with a byte
// offset ("BAR0 0x188"), with a word index ("BAR0 word 0x62"), either without the space where
// there is one only, or a name: of a register with array indices ("INTR_STATUS[3]"), of a field or
// Linux mask, of a descriptor layout or a family of them. Letter case and FBNIC_ do not count.
Answer decode(const Card& card, const std::vector<std::string>& words);

// The same for one name. Empty text if nothing has this name.
std::string decode_name(const Card& card, std::string_view name,
                        std::optional<std::uint64_t> value);
std::string decode_address(const Card& card, unsigned bar, std::uint64_t offset,
                           std::optional<std::uint64_t> value);

// One line for everything that every word occurs in: as a part of a name (with or without FBNIC_
// and _MASK) or description, or as its address or word index. Letter case does not count. Exact
// names come first, then parts of names, then descriptions.
std::string find_words(const Card& card, const std::vector<std::string>& words);

// The map's meaning as sorted facts: what it is about, and what holds of it. Every property counts
// but `name` and `desc`.
std::map<std::string, std::string> facts_of(const Card& card);
// "+ fact", "- fact", "~ fact: old -> new". Empty if both mean the same.
std::string diff(const Card& before, const Card& after);

// Shared by the above.
std::string lower(std::string_view text);
std::string bits_text(const Field& field);
std::string first_sentence(std::string_view text);
std::optional<std::uint64_t> parse_number(std::string_view text);
// "NAME[1][2]" as name and indices. False if the brackets are damaged.
bool split_indices(std::string_view text, std::string_view& name,
                   std::vector<std::uint32_t>& indices);

}  // namespace hni::speclib
