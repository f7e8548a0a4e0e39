// SPDX-License-Identifier: Apache-2.0
// Elaborates definitions to a tree of instances: evaluates parameters and expressions, assigns
// properties, resolves references (elaborate.cpp, shape.cpp), then assigns bits and addresses
// (place.cpp).
#pragma once

#include <utility>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// Selects the elaborated addrmap and values for its parameters.
struct TopChoice {
  std::string name;  // empty: every top-level addrmap that is not instantiated
  std::vector<std::pair<std::string, const Expr*>> parameters;
};

// Fills the model. Returns false if there was an error; roots without errors are in the model even
// then.
bool elaborate(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits,
               const TopChoice& top);

// Assigns bits to fields, and addresses and sizes to everything else, and removes absent
// components.
bool place(Node& root, Diagnostics& diagnostics, const Limits& limits);

}  // namespace hni::rdl
