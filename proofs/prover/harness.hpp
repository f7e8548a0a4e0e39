// SPDX-License-Identifier: Apache-2.0
// The vocabulary of proofs. A proof consists of four blocks: inputs, assumptions, call,
// conclusions.
//
//   HNI_PROVE(work_ring_post, "Posting to a ring that is not full keeps the ring valid (I1, I2).")
//   {
//     auto ring = any_work_ring();                                           // inputs
//     assume("the ring is valid", [&] { return ring.is_valid(); });          // assumptions
//     const auto slot = ring.post();                                         // call
//     conclude("I1", "slot in bounds", slot <= ring.mask);                   // conclusions
//   }
//
// HNI_REFUTE states a known mistake: the named property must fail, otherwise the prover cannot
// detect it. Assumptions have names, and each of them must be needed: the runner drops one at a
// time and expects a refutation.
#pragma once

#include <string>
#include <vector>

#include "proofs/prover/explorer.hpp"

namespace hni::proofs {

enum class Expect : std::uint8_t { kHolds, kRefuted };

struct Obligation {
  const char* name;
  const char* requirement;
  Expect expect;
  const char* property;  ///< for kRefuted: the property that must fail
  void (*harness)();
  const char* file;
};

/// Returns all linked obligations, by name.
std::vector<Obligation>& obligations();

struct Registration {
  explicit Registration(const Obligation& obligation);
};

namespace detail {
template <class X>
Term condition_of(const X& x) {
  if constexpr (std::is_invocable_v<X>) {
    return Explorer::current().summarize(x);
  } else {
    return Sym<bool>(x).bits();
  }
}
template <class T>
Sym<T> logged(Event::Kind kind, const std::string& name) {
  const Term t = arena().input(detail::kWidth<T>, name);
  Explorer::current().event({kind, name, t, std::is_signed_v<T>});
  return Sym<T>::from_bits(t);
}
}  // namespace detail

/// Returns an arbitrary value of T. The same name yields the same value.
template <class T>
Sym<T> input(const std::string& name) {
  return detail::logged<T>(Event::Kind::kInput, name);
}

/// Returns an arbitrary value that the card chooses at an input site. Every call yields a new one,
/// because the card may change its memory between two reads.
template <class T>
Sym<T> nondet_read(const std::string& site) {
  unsigned& count = Explorer::current().reads_of(site);
  const std::string name = "card " + site + (count == 0 ? "" : " #" + std::to_string(count + 1));
  ++count;
  return detail::logged<T>(Event::Kind::kCard, name);
}

/// `condition` is a Sym<bool>, a bool, or code that computes one (it may fork inside and is turned
/// into one condition).
template <class C>
void assume(const std::string& name, const C& condition) {
  Explorer::current().assume(name, detail::condition_of(condition));
}

template <class C>
void conclude(const char* property, const std::string& what, const C& condition) {
  Explorer::current().conclude(property, detail::condition_of(condition), what);
}

/// Announces labels that some run must reach; the end of the harness is always one of them.
template <class... Labels>
void must_cover(const Labels&... labels) {
  (Explorer::current().expect_label(labels), ...);
}
/// Marks the label as reached by this run.
inline void cover(const std::string& label) {
  Explorer::current().cover(label);
}

/// Ends the run here. For loops: once the state at the start of the next iteration is known to
/// satisfy the loop invariant again, that iteration behaves like an arbitrary first one.
[[noreturn]] inline void end_path() {
  throw PathEnds{};
}

/// Declares that the harness does not reason about arbitrary values: it ran compiled code over
/// plain ones and examined `count` of `what`. Reported separately from what the solvers prove.
inline void searched(std::uint64_t count, const std::string& what) {
  Explorer::current().searched(count, what);
}

/// Displays a value in counterexamples.
template <class T>
void show(const std::string& name, const Integer<T, SolverBits>& value) {
  Explorer::current().event({Event::Kind::kShow, name, value.bits(), std::is_signed_v<T>});
}
inline void note(const std::string& text) {
  Explorer::current().event({Event::Kind::kNote, text, {}, false});
}

}  // namespace hni::proofs

#define HNI_OBLIGATION(name, requirement, expect, property)                                  \
  static void hni_harness_##name();                                                          \
  static const ::hni::proofs::Registration hni_registration_##name{                          \
      ::hni::proofs::Obligation{#name, requirement, ::hni::proofs::Expect::expect, property, \
                                &hni_harness_##name, __FILE__}};                             \
  static void hni_harness_##name()
#define HNI_PROVE(name, requirement) HNI_OBLIGATION(name, requirement, kHolds, "")
#define HNI_REFUTE(name, property, mistake) HNI_OBLIGATION(name, mistake, kRefuted, property)
