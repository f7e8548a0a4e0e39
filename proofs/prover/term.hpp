// SPDX-License-Identifier: Apache-2.0
// Terms of bit-vector logic, the values of symbolic integers.
//
// Terms live in one arena and are shared (equal terms have equal ids), so that a harness that is
// executed once per path builds the same terms each time. Constants are folded with evaluate();
// apart from that the arena performs almost no simplification, so that little has to be trusted.
// to_smtlib() writes the terms for the solvers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proofs/prover/bits.hpp"

namespace hni::proofs {

/// A handle. Id 0 is the Bool constant false.
struct Term {
  std::uint32_t id = 0;
  friend bool operator==(Term, Term) = default;
};

struct Node {
  Op op = Op::kConstant;
  unsigned width = 0;        ///< width of the value; for arrays, of the elements
  unsigned index_width = 0;  ///< arrays only
  std::uint64_t value = 0;   ///< constants: the value; inputs and arrays: index into names()
  Term a, b, c;
  bool is_array() const { return index_width != 0; }
  friend bool operator==(const Node&, const Node&) = default;
};

class Arena {
 public:
  Arena();

  Term constant(unsigned width, std::uint64_t value);
  /// Returns the free variable of that name. The same name yields the same variable.
  Term input(unsigned width, const std::string& name);
  Term array(unsigned index_width, unsigned element_width, const std::string& name);

  /// Builds an operation, with arguments as for evaluate(); the operand of a conversion is `a`.
  Term apply(Op op, unsigned width, Term a, Term b);
  Term convert(Op op, unsigned to, Term a);
  Term if_then_else(Term condition, Term a, Term b);
  Term select(Term array, Term index);
  Term store(Term array, Term index, Term element);

  Term logical_not(Term a) { return apply(Op::kNot, 0, a, {}); }
  Term both(Term a, Term b) { return apply(Op::kAnd, 0, a, b); }
  Term either(Term a, Term b) { return apply(Op::kOr, 0, a, b); }
  Term yes() { return constant(0, 1); }
  Term no() { return constant(0, 0); }

  const Node& operator[](Term t) const { return nodes_[t.id]; }
  const std::string& name(Term t) const { return names_[nodes_[t.id].value]; }
  bool is_constant(Term t) const { return nodes_[t.id].op == Op::kConstant; }
  bool is_true(Term t) const { return is_constant(t) && nodes_[t.id].value != 0; }
  bool is_false(Term t) const { return is_constant(t) && nodes_[t.id].value == 0; }
  std::size_t size() const { return nodes_.size(); }

  /// Forgets everything.
  void clear();

 private:
  struct Hash {
    std::size_t operator()(const Node& n) const;
  };
  Term intern(const Node& node);
  Term named(Op op, unsigned width, unsigned index_width, const std::string& name);
  Term simplified(Op op, Term a, Term b) const;

  std::vector<Node> nodes_;
  std::vector<std::string> names_;
  std::unordered_map<Node, std::uint32_t, Hash> ids_;
};

/// Returns the arena of this process.
Arena& arena();

/// Computes the values of all terms under an assignment of the inputs. `leaf` returns the value of
/// inputs and selects.
class Valuation {
 public:
  explicit Valuation(std::function<std::uint64_t(Term)> leaf) : leaf_(std::move(leaf)) {}
  std::uint64_t operator()(Term t);

 private:
  std::uint64_t compute(Term t);
  std::function<std::uint64_t(Term)> leaf_;
  std::unordered_map<std::uint32_t, std::uint64_t> known_;
};

/// Writes the declarations and definitions that some terms need, each once.
class SmtWriter {
 public:
  /// Returns the name or literal of the term; appends the definitions that it needs to text().
  std::string use(Term t);
  const std::string& text() const { return text_; }
  bool uses_arrays() const { return uses_arrays_; }

 private:
  std::string define(Term t);
  std::string text_;
  bool uses_arrays_ = false;
  std::unordered_map<std::uint32_t, std::string> names_;
};

}  // namespace hni::proofs
