// SPDX-License-Identifier: Apache-2.0
// Recursive-descent parser for SystemRDL 2.0. It resolves names, checks the type of every
// expression and every assignment, and therefore also finds errors in definitions that are never
// instantiated.
//
// Constructs of the standard that this compiler does not support (spec/README.md lists them) are
// reported as "unsupported", so that a missing feature never looks like a typing error. A syntax
// error ends the parse, as later diagnostics would only be guesses. Nesting is limited, so that no
// input exhausts the stack.
#pragma once

#include <vector>

#include "spec/compiler/ast.hpp"
#include "spec/compiler/lexer.hpp"

namespace hni::rdl {

struct ParseLimits {
  unsigned component_depth = 32;
  unsigned expression_depth = 64;
  unsigned expression_size = 2000;  // operators of one expression
  std::size_t parameters = 1000;    // of a definition, and members of a struct
  std::size_t properties = 2000;    // that a source defines
  std::size_t definitions = 2u << 20;
};

// Fills `ast`. Returns false if there was an error. The sources of the tokens must outlive the
// Ast.
bool parse(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics,
           const ParseLimits& limits = {});

// Parses one constant expression, for a parameter of the command line. Returns null on an error.
const Expr* parse_constant(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics,
                           const ParseLimits& limits = {});

}  // namespace hni::rdl
