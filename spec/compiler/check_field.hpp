// SPDX-License-Identifier: Apache-2.0
// Rules about the properties of one component: fields (check_field.cpp), their references
// (check_reference.cpp), signals, aliases and user-defined properties. Chapters are those of the
// SystemRDL 2.0 standard. Private to check.cpp.
#pragma once

#include <vector>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

void check_field(const Model& model, const Node& field, Diagnostics& diagnostics);
// References of a field: widths, presence, and what they refer to.
void check_references(const Model& model, const Node& field, Diagnostics& diagnostics);
// SystemRDL 5.2.2.1: donttest and dontcompare.
void check_tests(const Node& node, Diagnostics& diagnostics);
// SystemRDL 8.2.1: resets have a polarity, and there is one per kind and level.
void check_signals(const std::vector<Node*>& signals, Diagnostics& diagnostics);
// SystemRDL 10.5.1: an alias has a subset of the primary register's fields, which may differ only
// in access.
void check_alias(const Model& model, const Node& reg, Diagnostics& diagnostics);
// SystemRDL 15.1.1: componentwidth; and 5.3.1: referenced components are present.
void check_user_properties(const Model& model, const Node& node, Diagnostics& diagnostics);

// Returns the line that assigns a property, or the instance if it comes from elsewhere.
Span property_span(const Node& node, std::string_view name);

}  // namespace hni::rdl
