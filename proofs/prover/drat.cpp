// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/drat.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <sstream>
#include <stdexcept>

namespace hni::proofs {
namespace {

constexpr std::size_t kNoClause = ~std::size_t{0};

class Checker {
 public:
  explicit Checker(const Cnf& formula) {
    grow(formula.variables);
    for (const Clause& clause : formula.clauses) add(clause);
  }

  bool refuted() const { return refuted_; }
  /// Returns how often a clause was looked at: time, independent of the machine.
  std::uint64_t visits() const { return visits_; }

  /// Returns whether the clause may be added: by RUP, or by RAT on its first literal.
  bool allowed(const Clause& clause) {
    for (const int l : clause) grow(std::abs(l));
    if (refuted_ || follows(clause)) return true;
    if (clause.empty()) return false;
    const int pivot = clause.front();
    for (std::size_t id = 0; id < clauses_.size(); ++id) {
      const Clause& other = clauses_[id];
      ++visits_;
      if (!active_[id] || std::find(other.begin(), other.end(), -pivot) == other.end()) continue;
      Clause resolvent = clause;
      bool tautology = false;
      for (const int l : other) {
        if (l == -pivot) continue;
        tautology = tautology || std::find(clause.begin(), clause.end(), -l) != clause.end();
        resolvent.push_back(l);
      }
      if (!tautology && !follows(resolvent)) return false;
    }
    return true;
  }

  void add(const Clause& given) {
    Clause clause = given;
    std::sort(clause.begin(), clause.end());
    clause.erase(std::unique(clause.begin(), clause.end()), clause.end());
    for (const int l : clause) grow(std::abs(l));
    const std::size_t id = clauses_.size();
    by_literals_[clause].push_back(id);
    // The two watched literals are the first ones: literals that are not false.
    std::partition(clause.begin(), clause.end(), [&](int l) { return value(l) >= 0; });
    clauses_.push_back(clause);
    active_.push_back(true);
    const auto open =
        std::count_if(clause.begin(), clause.end(), [&](int l) { return value(l) >= 0; });
    if (clause.size() > 1) {
      watches_[index(clause[0])].push_back(id);
      watches_[index(clause[1])].push_back(id);
    }
    if (open == 0) {
      refuted_ = true;
    } else if (open == 1 && value(clause[0]) == 0) {
      assign(clause[0], id);
      refuted_ = refuted_ || !propagate();
    }
  }

  /// Deletes a clause, unless a permanent assignment depends on it: keeping it is sound.
  void remove(const Clause& given) {
    Clause clause = given;
    std::sort(clause.begin(), clause.end());
    clause.erase(std::unique(clause.begin(), clause.end()), clause.end());
    const auto found = by_literals_.find(clause);
    if (found == by_literals_.end() || found->second.empty()) return;
    const std::size_t id = found->second.back();
    const bool reason = std::any_of(clause.begin(), clause.end(), [&](int l) {
      return value(l) > 0 && reason_[static_cast<std::size_t>(std::abs(l))] == id;
    });
    if (reason) return;
    found->second.pop_back();
    active_[id] = false;
  }

 private:
  static std::size_t index(int l) {
    return 2 * static_cast<std::size_t>(std::abs(l)) + (l < 0 ? 1U : 0U);
  }
  /// 1 true, -1 false, 0 unassigned.
  int value(int l) const {
    const int v = values_[static_cast<std::size_t>(std::abs(l))];
    return l < 0 ? -v : v;
  }
  void grow(int variable) {
    const auto n = static_cast<std::size_t>(variable) + 1;
    if (n <= values_.size()) return;
    values_.resize(n);
    reason_.resize(n, kNoClause);
    watches_.resize(2 * n);
  }
  void assign(int l, std::size_t reason) {
    values_[static_cast<std::size_t>(std::abs(l))] = static_cast<std::int8_t>(l < 0 ? -1 : 1);
    reason_[static_cast<std::size_t>(std::abs(l))] = reason;
    trail_.push_back(l);
  }

  /// Returns whether assuming the negation of every literal leads to a conflict.
  bool follows(const Clause& clause) {
    const std::size_t mark = trail_.size();
    bool conflict = false;
    for (const int l : clause) {
      if (value(l) > 0) conflict = true;
      if (value(l) == 0) assign(-l, kNoClause);
    }
    conflict = conflict || !propagate();
    while (trail_.size() > mark) {
      values_[static_cast<std::size_t>(std::abs(trail_.back()))] = 0;
      trail_.pop_back();
    }
    done_ = mark;
    return conflict;
  }

  /// Returns false on a conflict.
  bool propagate() {
    while (done_ < trail_.size()) {
      const int now_false = -trail_[done_++];
      std::vector<std::size_t>& list = watches_[index(now_false)];
      std::size_t kept = 0;
      for (std::size_t i = 0; i < list.size(); ++i) {
        const std::size_t id = list[i];
        ++visits_;
        if (!active_[id]) continue;
        Clause& c = clauses_[id];
        if (c[0] == now_false) std::swap(c[0], c[1]);
        list[kept++] = id;
        if (value(c[0]) > 0) continue;
        const auto other =
            std::find_if(c.begin() + 2, c.end(), [&](int l) { return value(l) >= 0; });
        if (other != c.end()) {
          std::iter_swap(c.begin() + 1, other);
          watches_[index(c[1])].push_back(id);
          --kept;
        } else if (value(c[0]) < 0) {
          for (++i; i < list.size(); ++i) list[kept++] = list[i];
          list.resize(kept);
          return false;
        } else {
          assign(c[0], id);
        }
      }
      list.resize(kept);
    }
    return true;
  }

  std::vector<Clause> clauses_;
  std::vector<bool> active_;
  std::map<Clause, std::vector<std::size_t>> by_literals_;
  std::vector<std::vector<std::size_t>> watches_;
  std::vector<std::int8_t> values_;
  std::vector<std::size_t> reason_;
  std::vector<int> trail_;
  std::size_t done_ = 0;
  bool refuted_ = false;
  std::uint64_t visits_ = 0;
};

/// Parses the literals of a line up to the terminating 0; returns false if the line is malformed.
bool read_literals(std::istringstream& words, Clause& clause) {
  clause.clear();
  for (long l = 0; words >> l;) {
    if (l == 0) return true;
    if (std::labs(l) > 100'000'000) return false;
    clause.push_back(static_cast<int>(l));
  }
  return false;
}

}  // namespace

Cnf read_dimacs(const std::string& text) {
  Cnf formula;
  std::istringstream lines(text);
  bool header = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == 'c') continue;
    std::istringstream words(line);
    std::string p, cnf;
    std::size_t clauses = 0;
    if (line[0] == 'p') {
      header = static_cast<bool>(words >> p >> cnf >> formula.variables >> clauses) &&
               cnf == "cnf" && formula.variables >= 0 && formula.variables <= 100'000'000;
      if (!header) throw std::runtime_error("no DIMACS header: " + line);
      continue;
    }
    Clause clause;
    if (!header || !read_literals(words, clause))
      throw std::runtime_error("no DIMACS clause: " + line);
    formula.clauses.push_back(clause);
  }
  if (!header) throw std::runtime_error("no DIMACS header");
  return formula;
}

DratVerdict check_drat(const Cnf& formula, const std::string& proof, std::uint64_t budget) {
  DratVerdict verdict;
  Checker checker(formula);
  std::istringstream lines(proof);
  std::size_t number = 0;
  for (std::string line; !checker.refuted() && std::getline(lines, line);) {
    ++number;
    if (line.empty() || line[0] == 'c') continue;
    const bool deletes = line[0] == 'd';
    std::istringstream words(deletes ? line.substr(1) : line);
    Clause clause;
    if (!read_literals(words, clause)) {
      verdict.why = "line " + std::to_string(number) + " of the proof is not a step";
      return verdict;
    }
    if (deletes) {
      checker.remove(clause);
      continue;
    }
    if (!checker.allowed(clause)) {
      verdict.why = "line " + std::to_string(number) + " of the proof does not follow";
      return verdict;
    }
    ++verdict.steps;
    checker.add(clause);
    if (checker.visits() > budget) {
      verdict.over_budget = true;
      verdict.why = "its proof of " + std::to_string(proof.size()) + " bytes is over the budget";
      return verdict;
    }
  }
  verdict.accepted = checker.refuted();
  if (!verdict.accepted) verdict.why = "the proof ends without the empty clause";
  return verdict;
}

}  // namespace hni::proofs
