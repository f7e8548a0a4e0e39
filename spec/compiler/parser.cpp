// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/parser.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/parser_impl.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {

bool parse(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics, const ParseLimits& limits) {
  return Parser(tokens, ast, diagnostics, limits).run();
}

const Expr* parse_constant(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics,
                           const ParseLimits& limits) {
  return Parser(tokens, ast, diagnostics, limits).run_constant();
}

bool Parser::run() {
  if (ast_.properties.items.empty()) ast_.properties = standard_properties();
  scopes_.emplace_back();
  scopes_.back().definition = &ast_.root;
  while (now().kind != TokenKind::kEnd) {
    if (!parse_item()) return false;
  }
  return diagnostics_.empty();
}

const Expr* Parser::run_constant() {
  scopes_.emplace_back();
  scopes_.back().definition = &ast_.root;
  const Expr* value = parse_expression();
  if (value == nullptr || now().kind == TokenKind::kEnd) return value;
  unexpected("the end of the value");
  return nullptr;
}

bool Parser::fail(const char* code, Span span, std::string message, std::string remedy) {
  // The stream ends after its own error, which has already been reported.
  if (tokens_.failed()) return false;
  diagnostics_.add(code, span, std::move(message), std::move(remedy));
  return false;
}

void Parser::warn(const char* code, Span span, std::string message, std::string remedy) {
  diagnostics_.warn(code, span, std::move(message), std::move(remedy));
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
  // The caret belongs after the unterminated statement, not on the next line.
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
  if (now().kind != TokenKind::kName) {
    return unexpected(fmt::format("a name for {}", what).c_str());
  }
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

namespace {

std::int32_t find_parameter(const Definition& definition, std::string_view name) {
  for (std::size_t i = 0; i < definition.parameters.size(); ++i) {
    if (definition.parameters[i].name == name) return static_cast<std::int32_t>(i);
  }
  return -1;
}

}  // namespace

bool Parser::declare_instance(Instantiation instance) {
  Definition& parent = here();
  if (parent.find_instance(instance.name) >= 0 || find_parameter(parent, instance.name) >= 0) {
    fail("duplicate-name", instance.span,
         fmt::format("'{}' stands twice in the same component", instance.name),
         "rename one of the two");
  }
  instance.definition->used = true;
  parent.instances.push_back(std::move(instance));
  return true;
}

// In the innermost component everything is visible; from outer ones only parameters and signals.
bool Parser::lookup_element(std::string_view name, Span span, const Definition*& owner,
                            std::int32_t& parameter, std::int32_t& instance) {
  bool innermost = true;
  bool parameters_visible = true;
  bool beyond = false;  // an instance of that name exists that cannot be named from here
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    owner = scope->definition;
    parameter = parameters_visible ? find_parameter(*owner, name) : -1;
    if (parameter >= 0) return true;
    instance = owner->find_instance(name);
    if (instance >= 0) {
      const Instantiation& found = owner->instances[static_cast<std::size_t>(instance)];
      if (innermost || found.definition->component == Component::kSignal) return true;
      beyond = true;
    }
    if (scope->hides_parameters) parameters_visible = false;
    innermost = false;
  }
  if (beyond) {
    return fail("undefined-name", span,
                fmt::format("'{}' is an instance of a component further out", name),
                "assign from that component: inner->property = " + std::string(name));
  }
  return fail("undefined-name", span, fmt::format("no parameter or instance '{}' is known", name),
              "correct the name, or declare it above");
}

// Constructs of the standard that this compiler does not support.
bool Parser::parse_refused() {
  if (is_keyword("constraint")) {
    return unsupported(now().span, "'constraint'", "state the limit in `desc`");
  }
  return true;
}

std::optional<InstanceType> Parser::take_instance_type() {
  if (!is_instance_type()) return std::nullopt;
  const InstanceType type =
      is_keyword("external") ? InstanceType::kExternal : InstanceType::kInternal;
  next();
  return type;
}

bool Parser::parse_item() {
  if (!parse_refused()) return false;
  if (now().kind == TokenKind::kKeyword) {
    if (is_keyword("enum")) return parse_enum();
    if (is_keyword("struct") || is_keyword("abstract")) return parse_struct();
    if (is_keyword("property")) return parse_property_definition();
    if (is_keyword("default")) return parse_default();
    if (is_keyword("alias")) return parse_type_use(std::nullopt);
    const auto type = take_instance_type();
    if (type && (now().kind == TokenKind::kName || is_keyword("alias"))) {
      return parse_type_use(type);
    }
    if (component_of(now().text)) return parse_definition_and_instances(type);
    if (type) return unexpected("a component");
    if (is_keyword("posedge") || is_keyword("negedge") || is_keyword("bothedge") ||
        is_keyword("level") || is_keyword("nonsticky")) {
      return parse_interrupt_modifier(Place::kLocal);
    }
    // sw, hw, rclr and others are reserved words that also name properties
    return parse_assignment();
  }
  if (now().kind != TokenKind::kName) return unexpected("a definition or a property");
  const Token& second = tokens_.ahead();
  const bool use = second.kind == TokenKind::kName || second.kind == TokenKind::kKeyword ||
                   (second.kind == TokenKind::kPunct && second.text == "#");
  if (use) return parse_type_use(std::nullopt);
  const bool dynamic = second.kind == TokenKind::kPunct &&
                       (second.text == "." || second.text == "->" || second.text == "[");
  return dynamic ? parse_dynamic() : parse_assignment();
}

bool Parser::allowed_here(Component component, Span span, bool instance) {
  const auto set = [](std::initializer_list<Component> list) {
    ComponentSet out = 0;
    for (const Component c : list) out = static_cast<ComponentSet>(out | set_of(c));
    return out;
  };
  using enum Component;
  const Component outer = here().component;
  ComponentSet allowed = 0;
  if (at_top()) {
    allowed = instance ? set({kSignal}) : kAllComponents;
  } else if (outer == kAddrmap) {
    allowed = instance ? set({kAddrmap, kRegfile, kReg, kMem, kSignal}) : kAllComponents;
  } else if (outer == kRegfile) {
    allowed = instance ? set({kRegfile, kReg, kSignal}) : set({kField, kRegfile, kReg, kSignal});
  } else if (outer == kReg) {
    allowed = set({kField, kSignal});
  } else if (outer == kMem) {
    allowed = instance ? set({kReg}) : set({kReg, kField});
  } else if (outer == kField) {
    allowed = set({kSignal});
  }
  if ((allowed & set_of(component)) != 0) return true;
  const std::string what = with_article(component_name(component));
  if (at_top()) {
    return fail("misplaced", span,
                fmt::format("an instance of {} cannot stand at the top level", what),
                "put it into an addrmap; name the top addrmap before {");
  }
  return fail("misplaced", span,
              fmt::format("{} cannot {} in {}", what, instance ? "stand" : "be defined",
                          with_article(component_name(outer))),
              "move it to a component that may hold it");
}

bool Parser::parse_definition_and_instances(std::optional<InstanceType> type) {
  const Span begin = now().span;
  if (!allowed_here(*component_of(now().text), begin, false)) return false;
  const Definition* definition = parse_definition();
  if (definition == nullptr) return false;
  if (!parse_refused()) return false;
  if (is_instance_type() && !type) type = take_instance_type();
  const bool has_instances =
      now().kind == TokenKind::kName || now().kind == TokenKind::kKeyword || is("#");
  if (has_instances) return parse_instances(*definition, type, -1);
  if (definition->name.empty()) {
    return fail("syntax", definition->span, "this component has neither type nor instance name",
                "name the type before { or the instance after }");
  }
  if (type) return unexpected("an instance name");
  return expect_semicolon("the definition");
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
  if (!is("{") && !take_name(definition.name, definition.span, "a type")) return nullptr;
  if (definition.name.empty() && at_top() && *component == Component::kAddrmap) {
    fail("misplaced", begin, "an addrmap at the top level needs a name",
         "write addrmap name { ... };");
    return nullptr;
  }
  scopes_.emplace_back();
  scopes_.back().definition = &definition;
  scopes_.back().defaults = definition.defaults;
  const bool good = (!is("#") || parse_parameters(definition)) && parse_body(definition);
  scopes_.pop_back();
  if (!good) return nullptr;
  if (!definition.name.empty()) {
    declare_type(definition.name, {&definition, nullptr, nullptr, definition.span});
    if (at_top() && definition.component == Component::kAddrmap) ast_.roots.push_back(&definition);
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

}  // namespace hni::rdl
