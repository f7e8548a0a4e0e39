// SPDX-License-Identifier: Apache-2.0
// The results of a whole run, and their output formats.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "proofs/prover/runner.hpp"

namespace hni::proofs {

struct Entry {
  Obligation obligation;
  Report report;                ///< verdict of the obligation itself
  std::vector<Report> dropped;  ///< one per assumption
  bool finished = false;

  /// Returns whether the obligation holds (or is refuted, if it must be) and every assumption is
  /// needed.
  bool ok() const;
  /// Returns the first problem, in one line.
  std::string why() const;
  /// Processor time in seconds: the obligation, its witnesses, and each run without an assumption.
  double cpu_seconds() const;
};

struct Summary {
  std::size_t held = 0;  ///< proved: by every solver that was queried
  /// contain arbitrary values, but every claim is an identity of terms
  std::size_t evaluated = 0;
  std::size_t searched = 0;  ///< hold in every state of a search
  std::uint64_t states = 0;  ///< of these searches
  std::size_t refuted = 0;   ///< known mistakes
  std::size_t failed = 0, assumptions = 0;
  std::uint64_t questions = 0, certified = 0;
  double solver_ms = 0;
  bool ok() const { return failed == 0; }
};
/// "80 proved, ...": the line that every output and the README contain.
std::string in_words(const Summary& summary);
Summary summarize(const std::vector<Entry>& entries);

/// Returns the properties without a negative obligation; there must be none.
std::vector<std::string> properties_without_negative(const std::vector<Entry>& entries);

void print_table(std::FILE* out, const std::vector<Entry>& entries);
void print_failures(std::FILE* out, const std::vector<Entry>& entries);
std::string html_page(const std::vector<Entry>& entries);
std::string json_document(const std::vector<Entry>& entries);
std::string junit_document(const std::vector<Entry>& entries);
std::string sarif_document(const std::vector<Entry>& entries);

/// Returns the path that a file of this build has in the repository.
std::string repository_path(const std::string& file);

}  // namespace hni::proofs
