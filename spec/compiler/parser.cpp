// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/parser.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/parser_impl.hpp"

namespace hni::rdl {

const char* component_name(Component component) {
  static constexpr const char* kNames[kComponentCount] = {"addrmap", "regfile", "reg", "field",
                                                          "mem"};
  return kNames[static_cast<std::size_t>(component)];
}

std::optional<Component> component_of(std::string_view word) {
  for (std::size_t i = 0; i < kComponentCount; ++i) {
    const auto component = static_cast<Component>(i);
    if (word == component_name(component)) return component;
  }
  return std::nullopt;
}

bool parse(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics, const ParseLimits& limits) {
  return Parser(tokens, ast, diagnostics, limits).run();
}

bool Parser::run() {
  scopes_.emplace_back();
  while (now().kind != TokenKind::kEnd) {
    if (!parse_item()) return false;
  }
  return diagnostics_.empty();
}

bool Parser::fail(const char* code, Span span, std::string message, std::string remedy) {
  // That the stream ends after its own error is no news.
  if (tokens_.failed()) return false;
  diagnostics_.add(code, span, std::move(message), std::move(remedy));
  return false;
}

bool Parser::unsupported(Span span, const std::string& what, const std::string& instead) {
  return fail("unsupported", span, fmt::format("{} is not supported", what), instead);
}

bool Parser::unexpected(const char* wanted) {
  const Token& token = now();
  if (token.kind == TokenKind::kEnd) {
    return fail("syntax", token.span, fmt::format("the input ends where {} is needed", wanted),
                "complete the last definition");
  }
  return fail("syntax", token.span,
              fmt::format("'{}' stands where {} is needed", token.text.substr(0, 40), wanted),
              "correct this line, or the end of the one before");
}

bool Parser::expect(std::string_view punct, const char* after) {
  if (accept(punct)) return true;
  return unexpected(fmt::format("'{}' after {}", punct, after).c_str());
}

bool Parser::expect_semicolon(const char* after) {
  if (accept(";")) return true;
  // The caret belongs behind the statement that lacks its end, not on the next line.
  Span span = tokens_.previous();
  span.begin = span.end > span.begin ? span.end - 1 : span.begin;
  return fail("missing-semicolon", span, fmt::format("a semicolon is missing after {}", after),
              "put ; here");
}

bool Parser::take_name(std::string_view& name, Span& span, const char* what) {
  span = now().span;
  if (now().kind == TokenKind::kKeyword) {
    return fail("reserved-word", span,
                fmt::format("'{}' is a reserved word and cannot name {}", now().text, what),
                fmt::format("choose another name or escape it: \\{}", now().text));
  }
  if (now().kind != TokenKind::kName)
    return unexpected(fmt::format("a name for {}", what).c_str());
  name = now().text;
  next();
  return true;
}

const Parser::Named* Parser::lookup(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->types.find(name);
    if (found != scope->types.end()) return &found->second;
  }
  return nullptr;
}

bool Parser::declare_type(std::string_view name, Named entry) {
  if (scopes_.back().types.emplace(name, entry).second) return true;
  fail("duplicate-name", entry.span, fmt::format("the type '{}' is defined twice here", name),
       "rename or remove one of the two");
  return true;
}

bool Parser::declare_element(std::string_view name, Span span) {
  constexpr std::size_t kFew = 12;
  Scope& scope = scopes_.back();
  bool fresh = false;
  if (scope.many.empty()) {
    fresh = std::find(scope.elements.begin(), scope.elements.end(), name) == scope.elements.end();
    scope.elements.push_back(name);
    if (scope.elements.size() > kFew) {
      scope.many.insert(scope.elements.begin(), scope.elements.end());
    }
  } else {
    fresh = scope.many.insert(name).second;
  }
  if (fresh) return true;
  fail("duplicate-name", span, fmt::format("'{}' stands twice in the same component", name),
       "rename one of the two");
  return true;
}

// Constructs that the standard has and this compiler does not.
bool Parser::parse_refused() {
  static constexpr std::pair<std::string_view, const char*> kRefused[] = {
      {"signal", "describe the effect in `desc`"},
      {"struct", "use user-defined properties of plain types"},
      {"abstract", "use user-defined properties of plain types"},
      {"constraint", "state the limit in `desc` or as an action"},
      {"alias", "give the second view a register of its own"},
      {"bothedge", "interrupt modifiers are not part of this map"},
      {"posedge", "interrupt modifiers are not part of this map"},
      {"negedge", "interrupt modifiers are not part of this map"},
      {"level", "interrupt modifiers are not part of this map"},
      {"nonsticky", "interrupt modifiers are not part of this map"},
  };
  for (const auto& [word, instead] : kRefused) {
    if (is_keyword(word)) return unsupported(now().span, fmt::format("'{}'", word), instead);
  }
  return true;
}

bool Parser::parse_item() {
  if (!parse_refused()) return false;
  if (now().kind == TokenKind::kKeyword) {
    if (is_keyword("enum")) return parse_enum();
    if (is_keyword("property")) return parse_property_definition();
    if (is_keyword("default")) return parse_default();
    bool external = false;
    if (is_keyword("external") || is_keyword("internal")) {
      external = is_keyword("external");
      next();
      if (now().kind == TokenKind::kName) return parse_type_use(external);
    }
    if (component_of(now().text)) return parse_definition_and_instances(external);
    return parse_assignment();  // sw, hw, rclr and others are reserved and name properties too
  }
  if (now().kind != TokenKind::kName) return unexpected("a definition or a property");
  const Token& second = tokens_.ahead();
  const bool use = second.kind == TokenKind::kName || second.kind == TokenKind::kKeyword ||
                   (second.kind == TokenKind::kPunct && second.text == "#");
  return use ? parse_type_use(false) : parse_assignment();
}

bool Parser::parse_definition_and_instances(bool external) {
  const Definition* definition = parse_definition();
  if (definition == nullptr) return false;
  if (is_keyword("external") || is_keyword("internal")) {
    external = is_keyword("external");
    next();
  }
  if (!parse_refused()) return false;
  if (now().kind != TokenKind::kName && now().kind != TokenKind::kKeyword && !is("#")) {
    if (definition->name.empty()) {
      return fail("syntax", definition->span, "this component has neither type nor instance name",
                  "name the type before { or the instance after }");
    }
    return expect_semicolon("the definition");
  }
  return parse_instances(*definition, external);
}

Definition* Parser::parse_definition() {
  const Span begin = now().span;
  const auto component = component_of(now().text);
  next();
  if (scopes_.size() > limits_.component_depth) {
    fail("too-deep", begin, "components are nested too deeply",
         fmt::format("at most {} levels are supported", limits_.component_depth));
    return nullptr;
  }
  if (ast_.definitions.size() >= limits_.definitions) {
    fail("too-large", begin, "the input has too many definitions", "use arrays, or split the map");
    return nullptr;
  }
  Definition& definition = ast_.definitions.emplace_back();
  definition.component = *component;
  definition.span = begin;
  definition.outer = scopes_.back().definition;
  definition.defaults = scopes_.back().defaults;
  if (!is("{") && !is("#")) {
    if (!take_name(definition.name, definition.span, "a type")) return nullptr;
  }
  scopes_.emplace_back();
  scopes_.back().definition = &definition;
  scopes_.back().defaults = definition.defaults;
  const bool good = (!is("#") || parse_parameters(definition)) && parse_body(definition);
  scopes_.pop_back();
  if (!good) return nullptr;
  if (!definition.name.empty()) {
    declare_type(definition.name, {&definition, nullptr, definition.span});
    if (scopes_.size() == 1 && definition.component == Component::kAddrmap) {
      ast_.roots.push_back(&definition);
    }
  }
  return &definition;
}

bool Parser::parse_body(Definition& definition) {
  if (!expect("{", component_name(definition.component))) return false;
  while (!is("}")) {
    if (now().kind == TokenKind::kEnd) {
      return fail("syntax", definition.span, "the body of this component never ends",
                  "close it with };");
    }
    if (!parse_item()) return false;
  }
  next();
  return true;
}

bool Parser::parse_parameters(Definition& definition) {
  next();
  if (!expect("(", "#")) return false;
  do {
    ParameterDef parameter;
    if (!parse_value_type(parameter.type)) return false;
    if (is("[")) return unsupported(now().span, "a parameter array", "pass single values");
    if (!take_name(parameter.name, parameter.span, "a parameter")) return false;
    if (accept("=")) {
      parameter.default_value = parse_expression();
      if (parameter.default_value == nullptr) return false;
    }
    declare_element(parameter.name, parameter.span);
    definition.parameters.push_back(parameter);
  } while (accept(","));
  return expect(")", "the parameters");
}

bool Parser::parse_type_use(bool external) {
  const Named* named = lookup(now().text);
  if (named == nullptr) {
    return fail("undefined-name", now().span,
                fmt::format("no type '{}' is defined before this line", now().text),
                "define it above, or correct the name");
  }
  if (named->definition == nullptr) {
    return fail("undefined-name", now().span,
                fmt::format("'{}' is an enumeration and cannot be instantiated", now().text),
                "use it with encode");
  }
  next();
  if (is_keyword("external") || is_keyword("internal")) {
    external = is_keyword("external");
    next();
  }
  return parse_instances(*named->definition, external);
}

bool Parser::parse_parameter_values(std::vector<ParameterValue>& values) {
  next();
  if (!expect("(", "#")) return false;
  do {
    ParameterValue value;
    if (!expect(".", "( or ,")) return false;
    if (!take_name(value.name, value.span, "a parameter")) return false;
    if (!expect("(", "the parameter's name")) return false;
    value.value = parse_expression();
    if (value.value == nullptr || !expect(")", "the parameter's value")) return false;
    values.push_back(value);
  } while (accept(","));
  return expect(")", "the parameter values");
}

bool Parser::parse_instances(const Definition& definition, bool external) {
  std::vector<ParameterValue> values;
  if (is("#") && !parse_parameter_values(values)) return false;
  Definition* parent = scopes_.back().definition;
  if (parent == nullptr) {
    return fail("misplaced", now().span, "an instance cannot stand at the top level",
                "put it into an addrmap; name the top addrmap before {");
  }
  do {
    if (!parse_refused()) return false;
    Instantiation inst;
    inst.definition = &definition;
    inst.parameters = values;
    inst.external = external;
    if (!take_name(inst.name, inst.span, "an instance")) return false;
    if (!parse_instance_suffix(inst)) return false;
    definition.used = true;
    declare_element(inst.name, inst.span);
    parent->instances.push_back(std::move(inst));
  } while (accept(","));
  return expect_semicolon("the instance");
}

bool Parser::parse_brackets(Instantiation& inst) {
  while (is("[")) {
    const Span open = now().span;
    next();
    const Expr* first = parse_expression();
    if (first == nullptr) return false;
    if (accept(":")) {
      if (inst.msb != nullptr || !inst.dims.empty()) {
        return fail("syntax", open, "a bit range stands alone", "keep one [msb:lsb]");
      }
      inst.msb = first;
      inst.lsb = parse_expression();
      if (inst.lsb == nullptr) return false;
    } else if (inst.msb != nullptr) {
      return fail("syntax", open, "a bit range stands alone", "keep one [msb:lsb]");
    } else {
      inst.dims.push_back(first);
    }
    if (!expect("]", "the range or dimension")) return false;
  }
  return true;
}

bool Parser::parse_instance_suffix(Instantiation& inst) {
  if (!parse_brackets(inst)) return false;
  const std::pair<std::string_view, const Expr**> parts[] = {
      {"=", &inst.reset}, {"@", &inst.address}, {"+=", &inst.stride}, {"%=", &inst.align}};
  for (const auto& [sign, slot] : parts) {
    if (!accept(sign)) continue;
    *slot = parse_expression();
    if (*slot == nullptr) return false;
  }
  return true;
}

bool Parser::parse_assignment_value(Assignment& assignment) {
  if (is("[")) {
    return unsupported(now().span, "an assignment to one element of an array",
                       "assign to the whole array, or give the element its own instance");
  }
  if (!accept("=")) return expect_semicolon("the property");
  if (assignment.property == "encode") {
    const Named* named = lookup(now().text);
    if (now().kind != TokenKind::kName || named == nullptr || named->enumeration == nullptr) {
      return fail("undefined-name", now().span,
                  fmt::format("no enumeration '{}' is defined before this line", now().text),
                  "define the enum above, or correct the name");
    }
    assignment.enumeration = named->enumeration;
    next();
  } else {
    assignment.value = parse_expression();
    if (assignment.value == nullptr) return false;
  }
  return expect_semicolon("the property");
}

bool Parser::parse_dynamic(Assignment& assignment) {
  assignment.target.push_back({assignment.property, assignment.span});
  for (;;) {
    if (is("[")) {
      return unsupported(now().span, "an assignment to one element of an array",
                         "assign to the whole array, or give the element its own instance");
    }
    if (accept("->")) break;
    if (!expect(".", "the instance name")) return false;
    PathStep step;
    if (!take_name(step.name, step.span, "an instance")) return false;
    assignment.target.push_back(step);
  }
  if (now().kind != TokenKind::kName && now().kind != TokenKind::kKeyword) {
    return unexpected("a property");
  }
  assignment.property = now().text;
  assignment.span = now().span;
  next();
  return true;
}

bool Parser::parse_assignment() {
  Assignment assignment;
  assignment.property = now().text;
  assignment.span = now().span;
  next();
  if (is(".") || is("->") || is("[")) {
    if (!parse_dynamic(assignment)) return false;
  }
  if (!parse_assignment_value(assignment)) return false;
  Definition* parent = scopes_.back().definition;
  if (parent == nullptr) {
    return fail("misplaced", assignment.span, "a property cannot be assigned at the top level",
                "put it into a component, or write default before it");
  }
  parent->assignments.push_back(std::move(assignment));
  return true;
}

bool Parser::parse_default() {
  next();
  Assignment assignment;
  if (now().kind != TokenKind::kName && now().kind != TokenKind::kKeyword) {
    return unexpected("a property");
  }
  assignment.property = now().text;
  assignment.span = now().span;
  next();
  if (!parse_assignment_value(assignment)) return false;
  ast_.defaults.push_back({std::move(assignment), scopes_.back().defaults});
  scopes_.back().defaults = &ast_.defaults.back();
  return true;
}

}  // namespace hni::rdl
