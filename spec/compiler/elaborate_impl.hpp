// SPDX-License-Identifier: Apache-2.0
// The elaborator's class, shared by elaborate.cpp (instances and properties) and shape.cpp
// (arrays, bits, references). Private to them.
#pragma once

#include "spec/compiler/elaborate.hpp"
#include "spec/compiler/evaluate.hpp"
#include "spec/compiler/parser_impl.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {

class Elaborator {
 public:
  Elaborator(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits)
      : ast_(ast),
        model_(model),
        diagnostics_(diagnostics),
        limits_(limits),
        evaluator_(&model, diagnostics) {}
  bool run(const TopChoice& top);

 private:
  bool fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
    return false;
  }
  bool choose_roots(const TopChoice& top, std::vector<const Definition*>& chosen);
  bool check_given(const TopChoice& top, const std::vector<const Definition*>& chosen);
  bool build_root_signals(const Environment& env);
  bool build_root(const Definition& definition, const TopChoice& top, const Environment& outer);
  Node* build(const Definition& definition, std::string_view name, Span span, Node* parent,
              const Environment& env);
  Node* instantiate(const Instantiation& inst, Node* parent, const Environment& outer);
  bool fill(Node& node, const Environment& env);
  bool bind(const ParameterDef& parameter, const Expr* given, const Environment& outer,
            Environment& env);
  bool bind_parameters(const Instantiation& inst, const Environment& outer, Environment& env);
  bool assign(Node& node, const Assignment& assignment, const Environment& env);
  bool property_value(const Assignment& assignment, const PropertyInfo& info,
                      const Environment& env, Value& value);
  bool apply_defaults(Node& node, const Environment& env);
  Node* descend(Node* at, const Assignment& assignment);

  bool shape(const Instantiation& inst, Node& node, const Environment& outer);
  bool shape_field(const Instantiation& inst, Node& node, const Environment& outer);
  bool field_range(const Instantiation& inst, Node& node, const Environment& outer,
                   std::uint64_t& width);
  bool shape_signal(const Instantiation& inst, Node& node, const Environment& outer);
  bool shape_array(const Instantiation& inst, Node& node, const Environment& outer);
  bool shape_dims(const Instantiation& inst, Node& node, const Environment& outer);
  bool resolve_references();
  bool resolve(Node& node, const Value& value);
  bool resolve_one(Node& node, Reference& reference);

  const Ast& ast_;
  Model& model_;
  Diagnostics& diagnostics_;
  const Limits& limits_;
  Evaluator evaluator_;
};

// Returns the instance or signal of that name in a node, or null. Uses the node's definition.
Node* find_child(const Node& node, std::string_view name);

}  // namespace hni::rdl
