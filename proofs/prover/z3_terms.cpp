// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/z3_terms.hpp"

#include <cstdlib>

namespace hni::proofs {
namespace {

bool is_leaf(Op op) {
  return op == Op::kConstant || op == Op::kInput || op == Op::kArray;
}

unsigned arity(Op op) {
  switch (op) {
    case Op::kConstant:
    case Op::kInput:
    case Op::kArray:
      return 0;
    case Op::kNot:
    case Op::kZeroExtend:
    case Op::kSignExtend:
    case Op::kTruncate:
      return 1;
    case Op::kIfThenElse:
    case Op::kStore:
      return 3;
    default:
      return 2;
  }
}

}  // namespace

z3::sort Z3Terms::sort_of(unsigned width) {
  return width == 0 ? context_.bool_sort() : context_.bv_sort(width);
}

z3::expr Z3Terms::operator()(Term t) {
  std::vector<Term> pending{t};
  while (!pending.empty()) {
    const Term next = pending.back();
    const Node& n = arena()[next];
    const Term operands[] = {n.a, n.b, n.c};
    bool ready = true;
    if (!known_.contains(next.id)) {
      for (unsigned i = 0; i < arity(n.op); ++i) {
        if (!known_.contains(operands[i].id)) {
          pending.push_back(operands[i]);
          ready = false;
        }
      }
    }
    if (!ready) continue;
    pending.pop_back();
    if (!known_.contains(next.id)) known_.emplace(next.id, build(next));
  }
  return known_.at(t.id);
}

z3::expr Z3Terms::leaf(const Node& n, Term t) {
  if (n.op == Op::kConstant) {
    return n.width == 0 ? context_.bool_val(n.value != 0)
                        : context_.bv_val(static_cast<std::uint64_t>(n.value), n.width);
  }
  const char* name = arena().name(t).c_str();
  if (n.op == Op::kInput) return context_.constant(name, sort_of(n.width));
  return context_.constant(name, context_.array_sort(sort_of(n.index_width), sort_of(n.width)));
}

z3::expr Z3Terms::build(Term t) {
  const Node& n = arena()[t];
  if (is_leaf(n.op)) return leaf(n, t);
  const z3::expr a = known_.at(n.a.id);
  const bool boolean = a.is_bool();
  if (arity(n.op) == 1) {
    const unsigned from = boolean ? 0 : a.is_bv() ? a.get_sort().bv_size() : 0;
    switch (n.op) {
      case Op::kNot:
        return boolean ? !a : ~a;
      case Op::kZeroExtend:
        return z3::zext(a, n.width - from);
      case Op::kSignExtend:
        return z3::sext(a, n.width - from);
      default:
        return a.extract(n.width - 1, 0);
    }
  }
  const z3::expr b = known_.at(n.b.id);
  switch (n.op) {
    case Op::kAdd:
      return a + b;
    case Op::kSub:
      return a - b;
    case Op::kMul:
      return a * b;
    case Op::kUdiv:
      return z3::udiv(a, b);
    case Op::kUrem:
      return z3::urem(a, b);
    case Op::kSdiv:
      return a / b;
    case Op::kSrem:
      return z3::srem(a, b);
    case Op::kAnd:
      return boolean ? a && b : a & b;
    case Op::kOr:
      return boolean ? a || b : a | b;
    case Op::kXor:
      return boolean ? a != b : a ^ b;
    case Op::kShl:
      return z3::shl(a, b);
    case Op::kLshr:
      return z3::lshr(a, b);
    case Op::kAshr:
      return z3::ashr(a, b);
    case Op::kEqual:
      return a == b;
    case Op::kUnsignedLess:
      return z3::ult(a, b);
    case Op::kUnsignedLessEqual:
      return z3::ule(a, b);
    case Op::kSignedLess:
      return a < b;
    case Op::kSignedLessEqual:
      return a <= b;
    case Op::kSelect:
      return z3::select(a, b);
    case Op::kIfThenElse:
      return z3::ite(a, b, known_.at(n.c.id));
    case Op::kStore:
      return z3::store(a, b, known_.at(n.c.id));
    default:
      std::abort();
  }
}

}  // namespace hni::proofs
