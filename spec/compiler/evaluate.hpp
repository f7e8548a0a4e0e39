// SPDX-License-Identifier: Apache-2.0
// Values of expressions. As in SystemVerilog, an expression has the width of its widest operand
// and wraps there: 8'hff + 8'h1 is 0. A number without a size has 64 bits.
#pragma once

#include <vector>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// The parameter values of one instance, chained to those of the enclosing instances.
struct Environment {
  const Definition* definition = nullptr;
  const Environment* outer = nullptr;
  std::vector<Value> values;  // one per parameter; of kind kNone if it has no value
};

class Evaluator {
 public:
  Evaluator(Model* model, Diagnostics& diagnostics) : model_(model), diagnostics_(diagnostics) {}

  // Evaluates an expression whose type the parser has checked. Returns false after a diagnostic.
  // References remain unresolved: their `node` is null.
  bool evaluate(const Expr& expr, const Environment* env, Value& value);
  // Evaluates a number of at most 64 bits, for addresses, bits and dimensions.
  bool number(const Expr& expr, const Environment* env, std::uint64_t& value);
  bool numeric(const Expr& expr, const Environment* env, Bits& value);
  // Converts a number or boolean to the representation of `type` (a number or a boolean).
  void convert(Value& value, ValueType type) const;
  Value make_number(const Bits& bits, unsigned width);

 private:
  bool fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
    return false;
  }
  bool parameter(const Expr& expr, const Environment* env, Value& value);
  bool list(const Expr& expr, const Environment* env, Value& value);
  bool structure(const Expr& expr, const Environment* env, Value& value);
  bool reference(const Expr& expr, const Environment* env, Value& value);
  bool index(const Expr& expr, const Environment* env, Value& value);
  bool text(const Expr& expr, const Environment* env, std::string& out);
  // Returns the self-determined width of an expression.
  bool width_of(const Expr& expr, const Environment* env, unsigned& width);
  bool repeated_width(const Expr& expr, const Environment* env, unsigned& width);
  bool count(const Expr& expr, const Environment* env, unsigned limit, unsigned& value);
  // Returns the value in a context of `width` bits.
  bool in_width(const Expr& expr, const Environment* env, unsigned width, Bits& value);
  bool unary(const Expr& expr, const Environment* env, unsigned width, Bits& value);
  bool binary(const Expr& expr, const Environment* env, unsigned width, Bits& value);
  bool compare(const Expr& expr, const Environment* env, Bits& value);
  bool arithmetic(const Expr& expr, const Bits& a, const Bits& b, unsigned width, Bits& value);
  bool concatenate(const Expr& expr, const Environment* env, Bits& value);
  bool cast_width(const Expr& expr, const Environment* env, Bits& value);

  // Limits the work per expression, as widths that depend on values are computed repeatedly.
  class Step {
   public:
    explicit Step(Evaluator& evaluator) : evaluator_(evaluator) {
      if (evaluator_.depth_++ == 0) evaluator_.steps_ = 0;
    }
    ~Step() { --evaluator_.depth_; }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    bool allowed(const Expr& expr);

   private:
    Evaluator& evaluator_;
  };

  Model* model_;  // null if only constant numbers are evaluated
  Diagnostics& diagnostics_;
  unsigned depth_ = 0;
  std::size_t steps_ = 0;
};

// Returns the value of a number that depends on no parameter.
bool evaluate_constant(const Expr& expr, Diagnostics& diagnostics, Bits& value);

}  // namespace hni::rdl
