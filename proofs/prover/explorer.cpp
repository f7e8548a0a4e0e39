// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/explorer.hpp"

#include <z3++.h>

#include <algorithm>
#include <cstdlib>

#include "proofs/prover/z3_terms.hpp"

namespace hni::proofs {
namespace {

Explorer* running = nullptr;

const char* name_of(Defect kind) {
  switch (kind) {
    case Defect::kSignedOverflow:
      return "signed overflow";
    case Defect::kShiftCount:
      return "shift count out of range";
    case Defect::kDivideByZero:
      return "division by zero";
    case Defect::kDivideOverflow:
      return "quotient out of range";
    case Defect::kImplicitNarrowing:
      return "implicit narrowing changes a value";
    case Defect::kExplicitNarrowing:
      return "cast changes a value";
    case Defect::kSignChange:
      return "negative value converted to unsigned";
  }
  return "?";
}

}  // namespace

struct Explorer::Backend {
  z3::context context;
  z3::solver solver{context, "QF_ABV"};
  Z3Terms terms{context};
};

Explorer::Explorer(ExploreOptions options)
    : options_(std::move(options)), backend_(std::make_unique<Backend>()) {}
Explorer::~Explorer() = default;

Explorer& Explorer::current() {
  if (running == nullptr) std::abort();  // a symbolic decision outside a proof
  return *running;
}

Exploration Explorer::explore(void (*harness)()) {
  running = this;
  do {
    position_ = 0;
    followed_ = 0;
    literals_.clear();
    events_.clear();
    reads_.clear();
    path_ = arena().yes();
    modular_casts_ = false;
    summarizing_ = false;
    backend_->solver.push();
    try {
      harness();
      cover("end");
      ++result_.paths;
    } catch (const PathEnds&) {
    }
    backend_->solver.pop();
    if (result_.paths > options_.max_paths) limit("too many paths");
  } while (!result_.refuted && backtrack());
  running = nullptr;
  return std::move(result_);
}

void Explorer::limit(const char* what) {
  running = nullptr;
  throw ExplorationLimit(what);
}

/// Selects the next path: the deepest decision with an unexplored side takes that side.
bool Explorer::backtrack() {
  while (!decisions_.empty() && !decisions_.back().other_side_open) decisions_.pop_back();
  if (decisions_.empty()) return false;
  decisions_.back().value = !decisions_.back().value;
  decisions_.back().other_side_open = false;
  return true;
}

bool Explorer::next_outcome() {
  auto& open = summary_decisions_;
  while (!open.empty() && !open.back().other_side_open) open.pop_back();
  if (open.empty()) return false;
  open.back().value = !open.back().value;
  open.back().other_side_open = false;
  return true;
}

void Explorer::follow(Term literal) {
  literals_.push_back(literal);
  path_ = arena().both(path_, literal);
}

bool Explorer::feasible(Term condition) {
  for (; followed_ < literals_.size(); ++followed_) {
    backend_->solver.add(backend_->terms(literals_[followed_]));
  }
  z3::expr_vector extra(backend_->context);
  extra.push_back(backend_->terms(condition));
  const z3::check_result answer = backend_->solver.check(extra);
  if (answer == z3::unknown) limit("feasibility of a branch unknown");
  return answer == z3::sat;
}

bool Explorer::decide(Term condition) {
  if (arena().is_constant(condition)) return arena().is_true(condition);
  if (summarizing_) return decide_in_summary(condition);
  if (position_ >= options_.max_decisions) limit("too many decisions on one path");
  const Term opposite = arena().logical_not(condition);
  if (position_ == decisions_.size()) {
    ++result_.decisions;
    Decision fresh;
    fresh.value = feasible(condition);
    fresh.other_side_open = fresh.value && feasible(opposite);
    if (!fresh.other_side_open) {
      claim("explored", fresh.value ? condition : opposite, "the other side of a branch");
    }
    decisions_.push_back(fresh);
  }
  const bool value = decisions_[position_++].value;
  follow(value ? condition : opposite);
  return value;
}

bool Explorer::decide_in_summary(Term condition) {
  if (summary_position_ >= options_.max_decisions) limit("too many decisions in a summary");
  if (summary_position_ == summary_decisions_.size()) {
    summary_decisions_.push_back({true, true});
  }
  const bool value = summary_decisions_[summary_position_++].value;
  const Term literal = value ? condition : arena().logical_not(condition);
  summary_path_ = arena().both(summary_path_, literal);
  path_ = arena().both(path_, literal);
  return value;
}

void Explorer::assume(const std::string& name, Term condition) {
  auto& names = result_.assumptions;
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  if (name == options_.dropped_assumption || arena().is_true(condition)) return;
  if (arena().is_false(condition)) throw PathEnds{};
  if (!feasible(condition)) {
    claim("explored", arena().logical_not(condition), "a path that an assumption ends");
    throw PathEnds{};
  }
  follow(condition);
}

void Explorer::claim(const std::string& property, Term goal, const std::string& what) {
  // Paths share prefixes, so the same claim is made repeatedly.
  if (result_.refuted || !claimed_.emplace(path_.id, goal.id, property + what).second) return;
  result_.claims.push_back({path_, goal, property, what, events_});
  if (!options_.stop_at_refutation || property == "explored") return;
  const Term fails = arena().logical_not(goal);
  result_.refuted = feasible(summarizing_ ? arena().both(summary_path_, fails) : fails);
}

void Explorer::conclude(const std::string& property, Term goal, const std::string& what) {
  claim(property, goal, what);
  if (result_.refuted) throw PathEnds{};
}

void Explorer::defect(Defect kind, Term condition) {
  if (kind == Defect::kExplicitNarrowing && modular_casts_) return;
  claim("I6", condition, name_of(kind));
}

void Explorer::cover(const std::string& label) {
  auto& paths = result_.labels[label];
  if (std::find(paths.begin(), paths.end(), path_) == paths.end()) paths.push_back(path_);
}

void Explorer::event(Event event) {
  result_.arbitrary =
      result_.arbitrary || event.kind == Event::Kind::kInput || event.kind == Event::Kind::kCard;
  events_.push_back(std::move(event));
}

}  // namespace hni::proofs
