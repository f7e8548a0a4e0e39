// SPDX-License-Identifier: Apache-2.0
// The rules that a placed tree must satisfy: nothing overlaps, fields fit, side effects have the
// access that they require, word indices match addresses. All violations are reported, not only
// the first.
#pragma once

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// Returns false if there was a violation.
bool check(const Model& model, Diagnostics& diagnostics);

}  // namespace hni::rdl
