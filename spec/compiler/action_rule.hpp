// SPDX-License-Identifier: Apache-2.0
// Converts the text of hni_when to action rules. Grammar: REGISTER.FIELD == N, joined with &&, all
// of one register. The register is looked up first in the regfile of the written one, then by its
// full Linux name.
#pragma once

#include "spec/compiler/card.hpp"

namespace hni::speclib {

// Appends to card.rules; reports problems to the compilation's diagnostics.
void resolve_action_rules(rdl::Compilation& compilation, Card& card);

// Splits a condition into (left side, number) terms. Returns false if the text does not follow the
// grammar.
struct ConditionTerm {
  std::string_view left;
  std::uint64_t value = 0;
};
bool parse_condition(std::string_view text, std::vector<ConditionTerm>& terms);

}  // namespace hni::speclib
