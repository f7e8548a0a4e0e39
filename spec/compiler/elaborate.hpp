// SPDX-License-Identifier: Apache-2.0
// From definitions to a tree of instances: parameters and expressions evaluated, properties
// assigned, references resolved (elaborate.cpp, shape.cpp); then bits and addresses (place.cpp).
#pragma once

#include <utility>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// Which addrmap is elaborated, and values for its parameters.
struct TopChoice {
  std::string name;  // empty: every addrmap of the top level that nothing instantiates
  std::vector<std::pair<std::string, const Expr*>> parameters;
};

// Fills the model. False if there was an error; roots without errors are in the model then, too.
bool elaborate(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits,
               const TopChoice& top);

// Gives bits to fields, addresses and sizes to everything else, and removes what is not present.
bool place(Node& root, Diagnostics& diagnostics, const Limits& limits);

}  // namespace hni::rdl
