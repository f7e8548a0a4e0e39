// SPDX-License-Identifier: Apache-2.0
// Path exploration by re-execution.
//
// A harness is an ordinary function. Whenever it (or the driver code in it) branches on a symbolic
// condition, the explorer takes one feasible side, remembers the other, and runs the harness again
// for it, until no side is left. Along each path it collects
//   claims    conditions that must hold on this path: conclusions, and the checks of the symbolic
//             integer
//   labels    places that some path must reach (so that the harness is not vacuous)
// A side that Z3 finds infeasible is not taken, and its infeasibility becomes a claim of its own;
// so does that of a path which an assumption ends. The final question, asked of both solvers, so
// covers every run and does not rest on the exploration.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "proofs/prover/symbolic.hpp"
#include "proofs/prover/term.hpp"

namespace hni::proofs {

/// A record of the run up to a claim, for display.
struct Event {
  enum class Kind : std::uint8_t { kInput, kCard, kShow, kNote };
  Kind kind = Kind::kNote;
  std::string name;
  Term value;
  bool is_signed = false;
};

/// `path` implies `goal`.
struct Claim {
  Term path;
  Term goal;
  std::string property;  ///< "I2", "I6" for checks of the integer, "explored" for sides not taken
  std::string what;
  std::vector<Event> events;
};

struct ExploreOptions {
  std::string dropped_assumption;   ///< the harness runs as if this assumption were absent
  bool stop_at_refutation = false;  ///< stop at the first refuted claim
  /// rings of at most 8 slots only: a quick check before the full one
  bool small_sizes = false;
  std::uint32_t max_paths = 20000;
  std::uint32_t max_decisions = 2000;  ///< on one path
};

/// A limit of the exploration was exceeded: nothing is proved.
class ExplorationLimit : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Exploration {
  std::vector<Claim> claims;
  std::map<std::string, std::vector<Term>> labels;  ///< the paths that reached each label
  std::vector<std::string> assumptions;             ///< input names, in order of first use
  std::uint32_t paths = 0;                          ///< that ran to the end
  std::uint32_t decisions = 0;
  bool refuted = false;    ///< only with stop_at_refutation: the last claim fails
  bool sized = false;      ///< the obligation covers rings of more than one size
  bool arbitrary = false;  ///< it contains arbitrary values
  /// For a search through states of compiled code: the number of states, and their kind.
  std::uint64_t searched = 0;
  std::string searched_what;
};

class Explorer {
 public:
  explicit Explorer(ExploreOptions options);
  ~Explorer();
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  Exploration explore(void (*harness)());

  /// Returns the running explorer; there is one at a time.
  static Explorer& current();

  // The interface for harnesses (through harness.hpp) and for the integer.
  bool decide(Term condition);
  void assume(const std::string& name, Term condition);
  void conclude(const std::string& property, Term goal, const std::string& what);
  void defect(Defect kind, Term condition);
  void cover(const std::string& label);
  /// Announces a label that some run must reach.
  void expect_label(const std::string& label) { result_.labels[label]; }
  void event(Event event);
  /// Reports that the harness runs compiled code over plain values and visited `count` states.
  void searched(std::uint64_t count, const std::string& what) {
    result_.searched += count;
    result_.searched_what = what;
  }
  /// Returns how often a value of the card was read at a site, on this path.
  unsigned& reads_of(const std::string& site) { return reads_[site]; }
  /// Returns the condition that a piece of code computes, as one term instead of one path per
  /// outcome.
  template <class F>
  Term summarize(F&& compute);

  bool small_sizes() {
    result_.sized = true;
    return options_.small_sizes;
  }

  /// Explicit narrowing counts as a defect unless the harness declares that wrapping is intended.
  void allow_modular_casts(bool allowed) { modular_casts_ = allowed; }

 private:
  struct Decision {
    bool value = true;
    bool other_side_open = false;
  };
  struct Backend;

  void claim(const std::string& property, Term goal, const std::string& what);
  bool decide_in_summary(Term condition);
  bool next_outcome();
  bool backtrack();
  void follow(Term literal);
  bool feasible(Term condition);
  [[noreturn]] void limit(const char* what);

  ExploreOptions options_;
  Exploration result_;
  std::unique_ptr<Backend> backend_;
  std::vector<Decision> decisions_;
  std::size_t position_ = 0;    ///< decisions made on this path
  std::size_t followed_ = 0;    ///< literals asserted in the solver
  std::vector<Term> literals_;  ///< the path so far
  Term path_;                   ///< their conjunction
  std::vector<Event> events_;
  std::map<std::string, unsigned> reads_;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::string>> claimed_;
  bool modular_casts_ = false;

  // Innermost summary, when one is being made.
  bool summarizing_ = false;
  Term summary_path_;
  std::vector<Decision> summary_decisions_;
  std::size_t summary_position_ = 0;
};

/// Thrown to end a path: its assumptions cannot hold, or the harness needs no later part.
struct PathEnds {};

template <class F>
Term Explorer::summarize(F&& compute) {
  Arena& terms = arena();
  if (summarizing_) return terms.constant(0, static_cast<bool>(compute()) ? 1 : 0);
  const Term outer = path_;
  Term result = terms.no();
  summary_decisions_.clear();
  do {
    summarizing_ = true;
    summary_position_ = 0;
    summary_path_ = terms.yes();
    path_ = outer;
    const bool outcome = static_cast<bool>(compute());
    summarizing_ = false;
    if (outcome) result = terms.either(result, summary_path_);
  } while (next_outcome());
  path_ = outer;
  return result;
}

/// The back end of the symbolic integer that builds terms and forks paths.
struct SolverBits {
  using Bits = Term;
  static Term constant(unsigned width, std::uint64_t value) {
    return arena().constant(width, value);
  }
  template <Op kOp>
  static Term apply(unsigned width, Term a, Term b = {}) {
    return arena().apply(kOp, width, a, b);
  }
  template <Op kOp>
  static Term apply(unsigned width, Term a, unsigned /*operand width*/) {
    static_assert(kOp == Op::kZeroExtend || kOp == Op::kSignExtend || kOp == Op::kTruncate);
    return arena().convert(kOp, width, a);
  }
  static Term if_then_else(unsigned, Term condition, Term a, Term b) {
    return arena().if_then_else(condition, a, b);
  }
  static bool decide(Term condition) {
    if (arena().is_constant(condition)) return arena().is_true(condition);
    return Explorer::current().decide(condition);
  }
  static void check(Defect defect, Term condition) {
    if (!arena().is_true(condition)) Explorer::current().defect(defect, condition);
  }
};

template <class T>
using Sym = Integer<T, SolverBits>;

}  // namespace hni::proofs
