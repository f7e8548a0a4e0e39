// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/term.hpp"

#include <cstdio>
#include <cstdlib>

namespace hni::proofs {
namespace {

bool is_comparison(Op op) {
  return op == Op::kEqual || op == Op::kUnsignedLess || op == Op::kUnsignedLessEqual ||
         op == Op::kSignedLess || op == Op::kSignedLessEqual;
}

[[noreturn]] void broken(const char* what) {
  std::fprintf(stderr, "term: %s\n", what);
  std::abort();
}

const char* smt_name(Op op, bool boolean) {
  switch (op) {
    case Op::kAdd:
      return "bvadd";
    case Op::kSub:
      return "bvsub";
    case Op::kMul:
      return "bvmul";
    case Op::kUdiv:
      return "bvudiv";
    case Op::kUrem:
      return "bvurem";
    case Op::kSdiv:
      return "bvsdiv";
    case Op::kSrem:
      return "bvsrem";
    case Op::kAnd:
      return boolean ? "and" : "bvand";
    case Op::kOr:
      return boolean ? "or" : "bvor";
    case Op::kXor:
      return boolean ? "xor" : "bvxor";
    case Op::kNot:
      return boolean ? "not" : "bvnot";
    case Op::kShl:
      return "bvshl";
    case Op::kLshr:
      return "bvlshr";
    case Op::kAshr:
      return "bvashr";
    case Op::kEqual:
      return "=";
    case Op::kUnsignedLess:
      return "bvult";
    case Op::kUnsignedLessEqual:
      return "bvule";
    case Op::kSignedLess:
      return "bvslt";
    case Op::kSignedLessEqual:
      return "bvsle";
    case Op::kIfThenElse:
      return "ite";
    case Op::kSelect:
      return "select";
    case Op::kStore:
      return "store";
    default:
      broken("operation without an SMT-LIB name");
  }
}

std::string sort_of(const Node& n) {
  const auto bit_vector = [](unsigned width) {
    return width == 0 ? std::string("Bool") : "(_ BitVec " + std::to_string(width) + ")";
  };
  if (n.is_array()) return "(Array " + bit_vector(n.index_width) + " " + bit_vector(n.width) + ")";
  return bit_vector(n.width);
}

std::string literal(unsigned width, std::uint64_t value) {
  if (width == 0) return value != 0 ? "true" : "false";
  return "(_ bv" + std::to_string(value) + " " + std::to_string(width) + ")";
}

}  // namespace

Arena& arena() {
  static Arena instance;
  return instance;
}

std::size_t Arena::Hash::operator()(const Node& n) const {
  std::size_t h = static_cast<std::size_t>(n.op) * 131 + n.width;
  for (const std::uint64_t part : {n.value, std::uint64_t{n.a.id}, std::uint64_t{n.b.id},
                                   std::uint64_t{n.c.id}, std::uint64_t{n.index_width}}) {
    h = (h ^ part) * 0x9e3779b97f4a7c15ULL;
    h ^= h >> 29;
  }
  return h;
}

Arena::Arena() {
  clear();
}

void Arena::clear() {
  nodes_.clear();
  names_.clear();
  ids_.clear();
  constant(0, 0);  // id 0
}

Term Arena::intern(const Node& node) {
  const auto [it, added] = ids_.try_emplace(node, static_cast<std::uint32_t>(nodes_.size()));
  if (added) nodes_.push_back(node);
  return {it->second};
}

Term Arena::constant(unsigned width, std::uint64_t value) {
  Node n;
  n.width = width;
  n.value = value & mask_of(width);
  return intern(n);
}

Term Arena::named(Op op, unsigned width, unsigned index_width, const std::string& name) {
  std::uint64_t index = 0;
  while (index < names_.size() && names_[index] != name) ++index;
  if (index == names_.size()) names_.push_back(name);
  Node n;
  n.op = op;
  n.width = width;
  n.index_width = index_width;
  n.value = index;
  return intern(n);
}

Term Arena::input(unsigned width, const std::string& name) {
  return named(Op::kInput, width, 0, name);
}

Term Arena::array(unsigned index_width, unsigned element_width, const std::string& name) {
  return named(Op::kArray, element_width, index_width, name);
}

Term Arena::simplified(Op op, Term a, Term b) const {
  // Only the Boolean connectives, which keeps path conditions readable.
  if (op == Op::kAnd) {
    if (is_false(a) || is_false(b)) return {0};
    if (is_true(a)) return b;
    if (is_true(b) || a == b) return a;
  } else if (op == Op::kOr) {
    if (is_true(a) || is_true(b)) return is_true(a) ? a : b;
    if (is_false(a)) return b;
    if (is_false(b) || a == b) return a;
  } else if (op == Op::kNot && nodes_[a.id].op == Op::kNot) {
    return nodes_[a.id].a;
  }
  return {~std::uint32_t{0}};
}

Term Arena::apply(Op op, unsigned width, Term a, Term b) {
  const bool unary = op == Op::kNot;
  if (is_constant(a) && (unary || is_constant(b))) {
    const std::uint64_t x = nodes_[a.id].value;
    const std::uint64_t y = unary ? 0 : nodes_[b.id].value;
    return constant(is_comparison(op) ? 0 : width, evaluate(op, width, x, y));
  }
  if (nodes_[a.id].width != width || (!unary && nodes_[b.id].width != width)) {
    broken("operands of different widths");
  }
  if (width == 0) {
    const Term simple = simplified(op, a, b);
    if (simple.id != ~std::uint32_t{0}) return simple;
  }
  if (a == b && op == Op::kEqual) return yes();
  Node n;
  n.op = op;
  n.width = is_comparison(op) ? 0 : width;
  n.a = a;
  n.b = b;
  return intern(n);
}

Term Arena::convert(Op op, unsigned to, Term a) {
  const unsigned from = nodes_[a.id].width;
  if (is_constant(a)) return constant(to, evaluate(op, to, nodes_[a.id].value, from));
  Node n;
  n.op = op;
  n.width = to;
  n.a = a;
  return intern(n);
}

Term Arena::if_then_else(Term condition, Term a, Term b) {
  if (is_constant(condition)) return is_true(condition) ? a : b;
  if (a == b) return a;
  Node n;
  n.op = Op::kIfThenElse;
  n.width = nodes_[a.id].width;
  n.index_width = nodes_[a.id].index_width;
  n.a = condition;
  n.b = a;
  n.c = b;
  return intern(n);
}

Term Arena::select(Term array, Term index) {
  Node n;
  n.op = Op::kSelect;
  n.width = nodes_[array.id].width;
  n.a = array;
  n.b = index;
  return intern(n);
}

Term Arena::store(Term array, Term index, Term element) {
  Node n = nodes_[array.id];
  n.op = Op::kStore;
  n.value = 0;
  n.a = array;
  n.b = index;
  n.c = element;
  return intern(n);
}

std::uint64_t Valuation::operator()(Term t) {
  // Iterative, because terms of long runs are deep.
  std::vector<Term> pending{t};
  while (!pending.empty()) {
    const Term next = pending.back();
    const Node& n = arena()[next];
    bool ready = true;
    if (!known_.contains(next.id) && n.op != Op::kInput && n.op != Op::kConstant &&
        n.op != Op::kSelect) {
      for (const Term operand : {n.a, n.b, n.c}) {
        if (!known_.contains(operand.id)) {
          pending.push_back(operand);
          ready = false;
        }
      }
    }
    if (!ready) continue;
    pending.pop_back();
    if (!known_.contains(next.id)) known_[next.id] = compute(next);
  }
  return known_[t.id];
}

std::uint64_t Valuation::compute(Term t) {
  const Node& n = arena()[t];
  switch (n.op) {
    case Op::kConstant:
      return n.value;
    case Op::kInput:
    case Op::kSelect:
      return leaf_(t) & mask_of(n.width);
    case Op::kIfThenElse:
      return known_[n.a.id] != 0 ? known_[n.b.id] : known_[n.c.id];
    case Op::kZeroExtend:
    case Op::kSignExtend:
    case Op::kTruncate:
      return evaluate(n.op, n.width, known_[n.a.id], arena()[n.a].width);
    case Op::kArray:
    case Op::kStore:
      return 0;
    default:
      return evaluate(n.op, arena()[n.a].width, known_[n.a.id], known_[n.b.id]);
  }
}

std::string SmtWriter::use(Term t) {
  std::vector<Term> pending{t};
  while (!pending.empty()) {
    const Term next = pending.back();
    if (names_.contains(next.id)) {
      pending.pop_back();
      continue;
    }
    const Node& n = arena()[next];
    bool ready = true;
    if (n.op != Op::kConstant && n.op != Op::kInput && n.op != Op::kArray) {
      for (const Term operand : {n.a, n.b, n.c}) {
        if (!names_.contains(operand.id)) {
          pending.push_back(operand);
          ready = false;
        }
      }
    }
    if (!ready) continue;
    pending.pop_back();
    names_[next.id] = define(next);
  }
  return names_[t.id];
}

std::string SmtWriter::define(Term t) {
  const Node& n = arena()[t];
  if (n.is_array() || n.op == Op::kSelect) uses_arrays_ = true;
  if (n.op == Op::kConstant) return literal(n.width, n.value);
  if (n.op == Op::kInput || n.op == Op::kArray) {
    const std::string name = "|" + arena().name(t) + "|";
    text_ += "(declare-const " + name + " " + sort_of(n) + ")\n";
    return name;
  }
  const std::string a = names_[n.a.id];
  std::string body;
  if (n.op == Op::kTruncate) {
    body = "((_ extract " + std::to_string(n.width - 1) + " 0) " + a + ")";
  } else if (n.op == Op::kZeroExtend || n.op == Op::kSignExtend) {
    const std::string extra = std::to_string(n.width - arena()[n.a].width);
    const char* kind = n.op == Op::kZeroExtend ? "zero_extend " : "sign_extend ";
    body = std::string("((_ ") + kind + extra + ") " + a + ")";
  } else {
    const bool boolean = arena()[n.a].width == 0 && !arena()[n.a].is_array();
    body = std::string("(") + smt_name(n.op, boolean) + " " + a;
    if (n.op != Op::kNot) body += " " + names_[n.b.id];
    if (n.op == Op::kIfThenElse || n.op == Op::kStore) body += " " + names_[n.c.id];
    body += ")";
  }
  const std::string name = "t" + std::to_string(t.id);
  text_ += "(define-fun " + name + " () " + sort_of(n) + " " + body + ")\n";
  return name;
}

}  // namespace hni::proofs
