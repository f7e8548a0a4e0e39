// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/bit_blast.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

namespace hni::proofs {
namespace {

/// A literal: a variable's number, negative when negated. Variable 1 is true.
using Lit = int;
using Word = std::vector<Lit>;  ///< lowest bit first; a Bool has one bit
constexpr Lit kTrue = 1;

class Blaster {
 public:
  Blaster() { formula_.clauses.push_back({kTrue}); }

  void require_one_of(const std::vector<Lit>& any) { add(any); }
  Lit boolean(Term t) { return word(t).front(); }
  Lit both(Lit a, Lit b) {
    if (a > b) std::swap(a, b);
    if (a == b || b == kTrue) return a;
    if (a == -b || a == -kTrue || b == -kTrue) return -kTrue;
    if (a == kTrue) return b;
    Lit& out = ands_[{a, b}];
    if (out != 0) return out;
    out = fresh();
    add({-out, a});
    add({-out, b});
    add({out, -a, -b});
    return out;
  }
  Cnf done() { return std::move(formula_); }

 private:
  struct Read {
    Word index, value;
  };

  Lit fresh() { return ++formula_.variables; }
  void add(const Clause& clause) { formula_.clauses.push_back(clause); }

  // Gates.
  Lit either(Lit a, Lit b) { return -both(-a, -b); }
  Lit differ(Lit a, Lit b) {
    // The sign is moved to the result, so that equal gates are found.
    const bool negated = (a < 0) != (b < 0);
    a = std::abs(a);
    b = std::abs(b);
    if (a > b) std::swap(a, b);
    const Lit plain = a == b ? -kTrue : a == kTrue ? -b : differ_plain(a, b);
    return negated ? -plain : plain;
  }
  Lit differ_plain(Lit a, Lit b) {
    Lit& out = xors_[{a, b}];
    if (out != 0) return out;
    out = fresh();
    add({-out, a, b});
    add({-out, -a, -b});
    add({out, -a, b});
    add({out, a, -b});
    return out;
  }
  Lit choose(Lit c, Lit a, Lit b) {
    if (c == kTrue || a == b) return a;
    if (c == -kTrue) return b;
    if (c < 0) return choose(-c, b, a);
    if (a == -b) return differ(c, b);
    if (a == kTrue || a == c) return either(c, b);
    if (a == -kTrue || a == -c) return both(-c, b);
    if (b == kTrue || b == -c) return either(-c, a);
    if (b == -kTrue || b == c) return both(c, a);
    Lit& out = choices_[{c, a, b}];
    if (out != 0) return out;
    out = fresh();
    add({-c, -a, out});
    add({-c, a, -out});
    add({c, -b, out});
    add({c, b, -out});
    add({-a, -b, out});
    add({a, b, -out});
    return out;
  }
  Lit majority(Lit a, Lit b, Lit c) {
    if (a == b) return a;
    if (a == -b) return c;
    if (a == c) return a;
    if (a == -c) return b;
    if (b == c) return b;
    if (b == -c) return a;
    for (const auto& [known, x, y] :
         {std::array{a, b, c}, std::array{b, a, c}, std::array{c, a, b}}) {
      if (known == kTrue) return either(x, y);
      if (known == -kTrue) return both(x, y);
    }
    std::array<Lit, 3> key{a, b, c};
    std::sort(key.begin(), key.end());
    Lit& out = majorities_[key];
    if (out != 0) return out;
    out = fresh();
    for (const auto& [x, y] : {std::pair{a, b}, std::pair{a, c}, std::pair{b, c}}) {
      add({-x, -y, out});
      add({x, y, -out});
    }
    return out;
  }

  // Circuits.
  static Word constant(unsigned width, std::uint64_t value) {
    Word out;
    for (unsigned i = 0; i < std::max(width, 1U); ++i)
      out.push_back((value >> i & 1U) != 0 ? kTrue : -kTrue);
    return out;
  }
  static Word inverted(Word a) {
    for (Lit& l : a) l = -l;
    return a;
  }
  template <class Gate>
  static Word bitwise(const Word& a, const Word& b, const Gate& gate) {
    Word out;
    for (std::size_t i = 0; i < a.size(); ++i) out.push_back(gate(a[i], b[i]));
    return out;
  }
  Word sum(const Word& a, const Word& b, Lit carry) {
    Word out;
    for (std::size_t i = 0; i < a.size(); ++i) {
      out.push_back(differ(differ(a[i], b[i]), carry));
      carry = majority(a[i], b[i], carry);
    }
    return out;
  }
  Word difference(const Word& a, const Word& b) { return sum(a, inverted(b), kTrue); }
  Word chosen(Lit c, const Word& a, const Word& b) {
    return bitwise(a, b, [&](Lit x, Lit y) { return choose(c, x, y); });
  }
  Word negated_if(Lit c, const Word& a) {
    return chosen(c, difference(constant(static_cast<unsigned>(a.size()), 0), a), a);
  }
  Word product(const Word& a, const Word& b) {
    Word out = constant(static_cast<unsigned>(a.size()), 0), shifted = a;
    for (const Lit bit : b) {
      Word addend;
      for (const Lit l : shifted) addend.push_back(both(l, bit));
      out = sum(out, addend, -kTrue);
      shifted.insert(shifted.begin(), -kTrue);
      shifted.pop_back();
    }
    return out;
  }
  /// Returns quotient and remainder; division by zero as SMT-LIB defines it.
  std::pair<Word, Word> divided(const Word& a, const Word& b) {
    Word quotient(a.size(), -kTrue), rest(a.size() + 1, -kTrue), divisor = b;
    divisor.push_back(-kTrue);
    for (std::size_t i = a.size(); i-- > 0;) {
      rest.insert(rest.begin(), a[i]);
      rest.pop_back();
      quotient[i] = -less(rest, divisor);
      rest = chosen(quotient[i], difference(rest, divisor), rest);
    }
    rest.pop_back();
    return {quotient, rest};
  }
  Lit equal(const Word& a, const Word& b) {
    Lit out = kTrue;
    for (std::size_t i = 0; i < a.size(); ++i) out = both(out, -differ(a[i], b[i]));
    return out;
  }
  Lit less(const Word& a, const Word& b) {
    Lit out = -kTrue;
    for (std::size_t i = 0; i < a.size(); ++i) out = choose(differ(a[i], b[i]), b[i], out);
    return out;
  }
  /// Compares as two's complement: the sign bits are inverted.
  Lit signed_less(Word a, Word b) {
    a.back() = -a.back();
    b.back() = -b.back();
    return less(a, b);
  }
  /// `left`: towards higher bits. Counts of at least the width leave only `fill`.
  Word shifted(const Word& a, const Word& count, bool left, Lit fill) {
    const std::size_t n = a.size();
    Word out = a;
    Lit all = -kTrue;
    for (std::size_t bit = 0; bit < count.size(); ++bit) {
      if (bit >= 63 || (std::size_t{1} << bit) >= n) {
        all = either(all, count[bit]);
        continue;
      }
      const std::size_t by = std::size_t{1} << bit;
      Word moved(n, fill);
      for (std::size_t i = 0; i < n; ++i) {
        if (left && i >= by) moved[i] = out[i - by];
        if (!left && i + by < n) moved[i] = out[i + by];
      }
      out = chosen(count[bit], moved, out);
    }
    return chosen(all, Word(n, fill), out);
  }

  /// An element of an array: the last one stored at that index, or a variable that is equal for
  /// equal indices.
  Word element(Term array, const Word& index) {
    const Node n = arena()[array];
    if (n.op == Op::kStore) {
      const Word stored = word(n.c), below = element(n.a, index);
      return chosen(equal(word(n.b), index), stored, below);
    }
    if (n.op == Op::kIfThenElse)
      return chosen(boolean(n.a), element(n.b, index), element(n.c, index));
    std::vector<Read>& reads = reads_[array.id];
    for (const Read& r : reads)
      if (r.index == index) return r.value;
    Word value;
    for (unsigned i = 0; i < std::max(n.width, 1U); ++i) value.push_back(fresh());
    for (const Read& r : reads) {
      const Lit same = equal(r.index, index);
      if (same == -kTrue) continue;
      for (std::size_t i = 0; i < value.size(); ++i) {
        add({-same, -value[i], r.value[i]});
        add({-same, value[i], -r.value[i]});
      }
    }
    reads.push_back({index, value});
    return value;
  }

  /// Iterative, because terms of long runs are deep. (Chains of stores are short.)
  const Word& word(Term t) {
    std::vector<Term> pending{t};
    while (!pending.empty()) {
      const Term next = pending.back();
      if (words_.contains(next.id)) {
        pending.pop_back();
        continue;
      }
      const Node n = arena()[next];
      bool ready = true;
      for (const Term operand : operands(n)) {
        if (words_.contains(operand.id) || arena()[operand].is_array()) continue;
        pending.push_back(operand);
        ready = false;
      }
      if (!ready) continue;
      pending.pop_back();
      Word out = built(n);
      words_.emplace(next.id, std::move(out));
    }
    return words_.at(t.id);
  }
  static std::vector<Term> operands(const Node& n) {
    switch (n.op) {
      case Op::kConstant:
      case Op::kInput:
      case Op::kArray:
        return {};
      case Op::kNot:
      case Op::kZeroExtend:
      case Op::kSignExtend:
      case Op::kTruncate:
        return {n.a};
      case Op::kIfThenElse:
      case Op::kStore:
        return {n.a, n.b, n.c};
      default:
        return {n.a, n.b};
    }
  }

  Word built(const Node& n) {
    const std::size_t width = std::max(n.width, 1U);
    if (n.op == Op::kConstant) return constant(n.width, n.value);
    if (n.op == Op::kInput) {
      Word out;
      while (out.size() < width) out.push_back(fresh());
      return out;
    }
    if (n.op == Op::kSelect) return element(n.a, word(n.b));
    const Word a = word(n.a);
    switch (n.op) {
      case Op::kNot:
        return inverted(a);
      case Op::kZeroExtend:
      case Op::kSignExtend:
      case Op::kTruncate: {
        Word out = a;
        out.resize(width, n.op == Op::kSignExtend ? a.back() : -kTrue);
        return out;
      }
      case Op::kIfThenElse:
        return chosen(a.front(), word(n.b), word(n.c));
      default:
        return of_two(n.op, a, word(n.b));
    }
  }
  Word of_two(Op op, const Word& a, const Word& b) {
    switch (op) {
      case Op::kAdd:
        return sum(a, b, -kTrue);
      case Op::kSub:
        return difference(a, b);
      case Op::kMul:
        return product(a, b);
      case Op::kUdiv:
        return divided(a, b).first;
      case Op::kUrem:
        return divided(a, b).second;
      case Op::kSdiv: {
        const auto [quotient, rest] = divided(negated_if(a.back(), a), negated_if(b.back(), b));
        return negated_if(differ(a.back(), b.back()), quotient);
      }
      case Op::kSrem: {
        const auto [quotient, rest] = divided(negated_if(a.back(), a), negated_if(b.back(), b));
        return negated_if(a.back(), rest);
      }
      case Op::kAnd:
        return bitwise(a, b, [&](Lit x, Lit y) { return both(x, y); });
      case Op::kOr:
        return bitwise(a, b, [&](Lit x, Lit y) { return either(x, y); });
      case Op::kXor:
        return bitwise(a, b, [&](Lit x, Lit y) { return differ(x, y); });
      case Op::kShl:
        return shifted(a, b, true, -kTrue);
      case Op::kLshr:
        return shifted(a, b, false, -kTrue);
      case Op::kAshr:
        return shifted(a, b, false, a.back());
      case Op::kEqual:
        return {equal(a, b)};
      case Op::kUnsignedLess:
        return {less(a, b)};
      case Op::kUnsignedLessEqual:
        return {-less(b, a)};
      case Op::kSignedLess:
        return {signed_less(a, b)};
      case Op::kSignedLessEqual:
        return {-signed_less(b, a)};
      default:
        std::abort();
    }
  }

  Cnf formula_{1, {}};
  std::map<std::pair<Lit, Lit>, Lit> ands_, xors_;
  std::map<std::array<Lit, 3>, Lit> choices_, majorities_;
  std::unordered_map<std::uint32_t, Word> words_;
  std::unordered_map<std::uint32_t, std::vector<Read>> reads_;
};

}  // namespace

Cnf refutation_cnf(const std::vector<Claim>& claims) {
  Blaster blaster;
  std::vector<Lit> failures;
  for (const Claim& claim : claims) {
    const Lit path = blaster.boolean(claim.path);
    failures.push_back(blaster.both(path, -blaster.boolean(claim.goal)));
  }
  blaster.require_one_of(failures);
  return blaster.done();
}

std::string dimacs(const Cnf& formula) {
  std::string text = "p cnf " + std::to_string(formula.variables) + " " +
                     std::to_string(formula.clauses.size()) + "\n";
  for (const Clause& clause : formula.clauses) {
    for (const int l : clause) text += std::to_string(l) + " ";
    text += "0\n";
  }
  return text;
}

}  // namespace hni::proofs
