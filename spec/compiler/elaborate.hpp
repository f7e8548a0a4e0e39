// SPDX-License-Identifier: Apache-2.0
// From definitions to instances: evaluates parameters and properties, builds the tree, places
// fields and registers as the standard says, then checks the result (check.hpp).
#pragma once

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// Fills `model` from `ast`. False if there was an error.
bool elaborate(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits);

// Places the children of every node below `root` and computes sizes. False after an error that
// makes the layout meaningless.
bool place(Node& root, Diagnostics& diagnostics, const Limits& limits);

}  // namespace hni::rdl
