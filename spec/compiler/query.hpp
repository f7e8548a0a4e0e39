// SPDX-License-Identifier: Apache-2.0
// Queries on a map: the meaning of an address or value, the occurrences of a word, the differences
// between two maps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/compiler/card.hpp"

namespace hni::speclib {

// The element of a register that contains an address.
struct Hit {
  const Register* reg = nullptr;
  std::vector<std::uint32_t> indices;  // outermost first
  std::uint64_t byte_offset = 0;       // of the element
};

// Returns the element that contains byte `offset` of a space. Empty if there is no register.
std::optional<Hit> find_address(const Card& card, unsigned bar, std::uint64_t offset);

// The result of a query, or what is wrong with it ("what is wrong: what to do").
struct Answer {
  std::string text;
  std::string problem;
};

// Handles the arguments of `hni spec decode`: a location and optionally a value. A location is a
// space with a byte offset ("BAR0 0x188") or with a word index ("BAR0 word 0x62"), in both cases
// without the space if there is only one, or a name: of a register with array indices
// ("INTR_STATUS[3]"), of a field or Linux mask, of a descriptor layout or a family of them. Letter
// case and FBNIC_ are ignored.
Answer decode(const Card& card, const std::vector<std::string>& words);

// The same for one name. Returns an empty text if there is no such name.
std::string decode_name(const Card& card, std::string_view name,
                        std::optional<std::uint64_t> value);
std::string decode_address(const Card& card, unsigned bar, std::uint64_t offset,
                           std::optional<std::uint64_t> value);

// Returns one line per object that matches every word: as a part of its name (with or without
// FBNIC_ and _MASK) or description, or as its address or word index. Letter case is ignored. Exact
// names come first, then parts of names, then descriptions.
std::string find_words(const Card& card, const std::vector<std::string>& words);

// Returns the map's meaning as sorted facts, each with its subject and statement. Every property
// counts except `name` and `desc`.
std::map<std::string, std::string> facts_of(const Card& card);
// Returns "+ fact", "- fact", "~ fact: old -> new"; empty if both maps have the same meaning.
std::string diff(const Card& before, const Card& after);

// Shared by the above.
std::string lower(std::string_view text);
std::string bits_text(const Field& field);
std::string first_sentence(std::string_view text);
std::optional<std::uint64_t> parse_number(std::string_view text);
// Parses "NAME[1][2]" to name and indices. Returns false if the brackets are malformed.
bool split_indices(std::string_view text, std::string_view& name,
                   std::vector<std::uint32_t>& indices);

}  // namespace hni::speclib
