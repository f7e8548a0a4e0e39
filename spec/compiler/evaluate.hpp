// SPDX-License-Identifier: Apache-2.0
// Values of expressions. Numbers are 64-bit unsigned and wrap, as SystemRDL's longint unsigned
// does.
#pragma once

#include <utility>
#include <vector>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// Parameter values in force in one definition, chained to those of the definition around it.
struct Environment {
  const Definition* definition = nullptr;
  const Environment* outer = nullptr;
  std::vector<std::pair<std::string_view, Value>> values;
  const Value* find(std::string_view name) const;
};

class Evaluator {
 public:
  Evaluator(Model& model, Diagnostics& diagnostics) : model_(model), diagnostics_(diagnostics) {}

  // Boolean, number or string. False (and a diagnostic) if it has no such value.
  bool evaluate(const Expr& expr, const Environment* env, Value& value);
  bool number(const Expr& expr, const Environment* env, std::uint64_t& value);
  // The value of a property, checked against its type. `node` is where the property stands:
  // references count from there.
  bool property_value(const Expr& expr, const PropertyInfo& info, const Node& node,
                      const Environment* env, Value& value);
  // Evaluates one parameter, given or by default, into `env`.
  bool bind(const ParameterDef& parameter, const ParameterValue* given, const Environment& outer,
            Environment& env);

 private:
  bool fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
    return false;
  }
  bool scalar(const Expr& expr, const PropertyInfo& info, const Node& node, const Environment* env,
              Value& value);
  bool reference(const Expr& expr, const Node& node, Value& value);
  bool scoped(const Expr& expr, Value& value);
  bool unary(const Expr& expr, const Environment* env, Value& value);
  bool binary(const Expr& expr, const Environment* env, Value& value);
  bool arithmetic(const Expr& expr, const Value& left, const Value& right, Value& value);

  Model& model_;
  Diagnostics& diagnostics_;
};

}  // namespace hni::rdl
