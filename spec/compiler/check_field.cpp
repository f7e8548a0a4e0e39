// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/check_field.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

bool given(const Node& node, Prop id) {
  return property(node, id) != nullptr;
}

class FieldChecker {
 public:
  FieldChecker(const Node& field, Diagnostics& diagnostics)
      : field_(field), diagnostics_(diagnostics), sw_(sw_access(field)), hw_(hw_access(field)) {}
  void run() {
    reset();
    encoding();
    access();
    side_effects();
    single_pulse();
    write_enables();
    interrupt();
    sticky();
    counter();
  }

 private:
  void fail(const char* code, std::string message, std::string remedy) {
    diagnostics_.add(code, field_.span, std::move(message), std::move(remedy));
  }
  void reset();
  void encoding();
  void access();
  void side_effects();
  void single_pulse();
  void write_enables();
  void interrupt();
  void sticky();
  void counter();
  void counter_width(Prop id);
  bool implements_storage() const;

  const Node& field_;
  Diagnostics& diagnostics_;
  std::string_view sw_;
  std::string_view hw_;
};

void FieldChecker::reset() {
  const Value* value = property(field_, kPropReset);
  if (value == nullptr || value->kind != Value::Kind::kNumber) return;
  if (value->bits().length() <= field_.width()) return;
  diagnostics_.add("reset-width", property_span(field_, "reset"),
                   fmt::format("the reset value {} of '{}' needs more than its {} bits",
                               value->hex(), field_.name, field_.width()),
                   "correct the value or the bits");
}

void FieldChecker::encoding() {
  const Value* value = property(field_, kPropEncode);
  if (value == nullptr) return;
  const EnumDef& def = *value->enumeration;
  for (std::size_t i = 0; i < def.values.size(); ++i) {
    if (Bits(def.values[i]).length() <= field_.width()) continue;
    fail("enumerator-width",
         fmt::format("'{}' of '{}' is {} and does not fit the {} bits of '{}'",
                     def.members[i].name, def.name, def.values[i], field_.width(), field_.name),
         "widen the field or correct the enumerator");
    return;
  }
}

void FieldChecker::access() {
  if (hw_ == "rw1" || hw_ == "w1" || sw_ == "na" || (sw_ == "w" && hw_ == "w")) {
    fail("access", fmt::format("sw={} with hw={} has no meaning for '{}'", sw_, hw_, field_.name),
         "software must have access, and hardware cannot have w1");
  }
}

void FieldChecker::side_effects() {
  if (!on_read(field_).empty() && !can_read(sw_)) {
    fail("side-effect-access",
         fmt::format("'{}' has onread={} but software cannot read it", field_.name,
                     on_read(field_)),
         "let sw be r or rw, or remove onread");
  }
  if (!on_write(field_).empty() && !can_write(sw_)) {
    fail("side-effect-access",
         fmt::format("'{}' has onwrite={} but software cannot write it", field_.name,
                     on_write(field_)),
         "let sw be w or rw, or remove onwrite");
  }
  const bool user = on_read(field_) == "ruser" || on_write(field_) == "wuser";
  if (user && !is_external(field_)) {
    fail("side-effect-access",
         fmt::format("'{}' has a user-defined side effect in an internal register", field_.name),
         "make the register external or choose a standard side effect");
  }
}

void FieldChecker::single_pulse() {
  if (!flag(field_, kPropSinglePulse)) return;
  if (!can_write(sw_)) {
    fail("side-effect-access",
         fmt::format("'{}' is singlepulse but software cannot write it", field_.name),
         "let sw be w or rw, or remove singlepulse");
  }
  const auto reset = reset_number(field_);
  if (field_.width() != 1 || !reset || *reset != 0) {
    fail("side-effect-access",
         fmt::format("'{}' is singlepulse: it needs one bit and the reset value 0", field_.name),
         "write name[n:n] = 0");
  }
  if (on_write(field_) == "woclr" || on_write(field_) == "wclr") {
    fail("side-effect-access",
         fmt::format("'{}' is singlepulse and onwrite={}: it could never be 1", field_.name,
                     on_write(field_)),
         "remove one of the two");
  }
}

// Table 12 (SystemRDL 9.4.1), and other reasons for which a field stores its value.
bool FieldChecker::implements_storage() const {
  if (can_write(sw_) || hw_ == "rw" || !on_read(field_).empty()) return true;
  const bool hw_writes = can_write(hw_);
  if (hw_writes && (flag(field_, kPropWe) || flag(field_, kPropWel))) return true;
  for (const Prop id :
       {kPropHwSet, kPropHwClr, kPropCounter, kPropIntr, kPropStickyBit, kPropSticky}) {
    if (flag(field_, id)) return true;
  }
  return false;
}

void FieldChecker::write_enables() {
  for (const Prop id : {kPropWe, kPropWel}) {
    if (!flag(field_, id)) continue;
    if (hw_ != "rw" && hw_ != "w") {
      fail("write-enable",
           fmt::format("'{}' has a hardware write enable but hw={}", field_.name, hw_),
           "let hw be w or rw, or remove we or wel");
    } else if (!implements_storage() && field_.parent->alias_of == nullptr) {
      fail("write-enable",
           fmt::format("'{}' has a hardware write enable but stores nothing", field_.name),
           "give it storage, or remove we or wel");
    }
  }
  for (const Prop id : {kPropSwWe, kPropSwWel}) {
    if (!flag(field_, id) || (sw_ != "r" && sw_ != "na")) continue;
    fail("write-enable",
         fmt::format("'{}' has a software write enable but sw={}", field_.name, sw_),
         "let sw be rw, or remove swwe or swwel");
  }
  if (given(field_, kPropNext) && !can_write(hw_)) {
    fail("write-enable", fmt::format("'{}' has next but hw={}", field_.name, hw_),
         "let hw be w or rw, or remove next");
  }
}

void FieldChecker::interrupt() {
  if (flag(field_, kPropIntr)) return;
  static constexpr std::pair<Prop, const char*> kOnly[] = {{kPropEnable, "enable"},
                                                           {kPropMask, "mask"},
                                                           {kPropHaltEnable, "haltenable"},
                                                           {kPropHaltMask, "haltmask"}};
  for (const auto& [id, name] : kOnly) {
    if (!given(field_, id)) continue;
    fail("interrupt-property",
         fmt::format("'{}' has '{}' but is not an interrupt", field_.name, name),
         "add intr, or remove the property");
  }
}

void FieldChecker::sticky() {
  for (const Prop id : {kPropSticky, kPropStickyBit}) {
    if (!flag(field_, id)) continue;
    const char* name = id == kPropSticky ? "sticky" : "stickybit";
    if (!can_write(hw_)) {
      fail("sticky", fmt::format("'{}' is {} but hw={}", field_.name, name, hw_),
           "let hw be w or rw");
    }
    if (flag(field_, kPropWe) || flag(field_, kPropWel)) {
      fail("sticky", fmt::format("'{}' is {} and has a hardware write enable", field_.name, name),
           "remove we or wel: a sticky field decides by its value");
    }
  }
  const Value* edge = property(field_, kPropIntrType);
  if (flag(field_, kPropSticky) && edge != nullptr && *edge->text != "level" &&
      flag(field_, kPropIntr)) {
    fail("sticky",
         fmt::format("'{}' is sticky but its interrupt is edge-sensitive ({})", field_.name,
                     *edge->text),
         "use stickybit");
  }
}

void FieldChecker::counter_width(Prop id) {
  const Value* value = property(field_, id);
  if (value == nullptr) return;
  if (value->number >= 1 && value->number <= field_.width()) return;
  fail(
      "counter",
      fmt::format("'{}' counts by {} bits but has {}", field_.name, value->number, field_.width()),
      "use 1 to the field's width");
}

void FieldChecker::counter() {
  static constexpr Prop kOnly[] = {kPropIncr,         kPropIncrValue,     kPropIncrWidth,
                                   kPropIncrSaturate, kPropIncrThreshold, kPropOverflow,
                                   kPropDecr,         kPropDecrValue,     kPropDecrWidth,
                                   kPropDecrSaturate, kPropUnderflow};
  const bool any =
      std::any_of(std::begin(kOnly), std::end(kOnly), [&](Prop id) { return given(field_, id); });
  if (any && !flag(field_, kPropCounter)) {
    fail("counter", fmt::format("'{}' has a counter's property but is not a counter", field_.name),
         "add counter, or remove the property");
  }
  counter_width(kPropIncrWidth);
  counter_width(kPropDecrWidth);
  const auto absent = [&](Prop id) {
    const Value* value = property(field_, id);
    return value == nullptr || (value->kind == Value::Kind::kBoolean && value->number == 0);
  };
  if ((given(field_, kPropOverflow) && !absent(kPropIncrSaturate)) ||
      (given(field_, kPropUnderflow) && !absent(kPropDecrSaturate))) {
    fail("counter", fmt::format("'{}' saturates: it never overflows or underflows", field_.name),
         "remove one of the two properties");
  }
  for (const Prop id : {kPropIncrValue, kPropDecrValue}) {
    const Value* value = property(field_, id);
    if (value == nullptr || value->kind != Value::Kind::kNumber) continue;
    if (value->bits().length() <= field_.width()) continue;
    fail("counter",
         fmt::format("'{}' counts by {}, which does not fit its {} bits", field_.name,
                     value->decimal(), field_.width()),
         "correct the value");
  }
}

// Returns donttest and dontcompare as a mask over the field's bits; for other components 0 or 1.
Bits test_mask(const Node& node, Prop id) {
  const Value* value = property(node, id);
  if (value == nullptr) return {};
  if (value->kind != Value::Kind::kBoolean) return value->bits();
  if (!value->is_true()) return {};
  return node.component == Component::kField ? Bits(0).invert(node.width()) : Bits(1);
}

}  // namespace

void check_field(const Model& model, const Node& field, Diagnostics& diagnostics) {
  FieldChecker(field, diagnostics).run();
  check_tests(field, diagnostics);
  check_references(model, field, diagnostics);
}

void check_tests(const Node& node, Diagnostics& diagnostics) {
  const Bits test = test_mask(node, kPropDontTest);
  const Bits compare = test_mask(node, kPropDontCompare);
  const bool field = node.component == Component::kField;
  const unsigned width = field ? node.width() : 1;
  if (field && (test.length() > width || compare.length() > width)) {
    diagnostics.add(
        "test-mask", node.span,
        fmt::format("donttest or dontcompare of '{}' exceeds its {} bits", node.name, width),
        "correct the mask");
  }
  const bool both = field ? !(test & compare).is_zero() : !test.is_zero() && !compare.is_zero();
  if (!both) return;
  diagnostics.add("test-mask", node.span,
                  fmt::format("'{}' has donttest and dontcompare for the same bits", node.name),
                  "set one of the two");
}

}  // namespace hni::rdl
