// SPDX-License-Identifier: Apache-2.0
// Recursive-descent parser for the SystemRDL 2.0 subset that spec/README.md states.
//
// Constructs of the standard outside of the subset are refused by name ("unsupported"), so that a
// missing feature never looks like a typing error. A syntax error ends the parse: what follows it
// would only be guesses. Nesting is limited, so no input exhausts the stack.
#pragma once

#include <vector>

#include "spec/compiler/ast.hpp"
#include "spec/compiler/lexer.hpp"

namespace hni::rdl {

struct ParseLimits {
  unsigned component_depth = 32;
  unsigned expression_depth = 64;
  std::size_t definitions = 2u << 20;
};

// Fills `ast`. False if there was an error. The sources of the tokens must outlive the Ast.
bool parse(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics,
           const ParseLimits& limits = {});

}  // namespace hni::rdl
