// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/replay_script.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace hni::proofs {
namespace {

/// The ring values of the run, by the names that the harnesses use.
struct Run {
  const Counterexample& values;

  std::uint64_t get(std::initializer_list<const char*> names, std::uint64_t otherwise) const {
    for (std::size_t i = 0; i < values.claim.events.size(); ++i) {
      for (const char* name : names) {
        if (values.claim.events[i].name == name) return values.values[i];
      }
    }
    return otherwise;
  }

  /// The card's words at a site, in the order in which they were read.
  std::vector<std::uint64_t> words(const std::string& site) const {
    std::vector<std::uint64_t> found;
    for (std::size_t i = 0; i < values.claim.events.size(); ++i) {
      const Event& event = values.claim.events[i];
      const std::string prefix = "card " + site;
      if (event.kind == Event::Kind::kCard && event.name.starts_with(prefix))
        found.push_back(values.values[i]);
    }
    return found;
  }
};

std::string word_line(const char* operation, std::uint64_t value) {
  char line[64];
  std::snprintf(line, sizeof line, "%s value=0x%llx\n", operation,
                static_cast<unsigned long long>(value));
  return line;
}

/// Packets of one segment take two slots of work queue 0.
std::string tx_state(const Run& run) {
  const std::uint64_t mask = run.get({"mask"}, 63);
  const std::uint64_t head = run.get({"head", "head0"}, 0) & mask;
  const std::uint64_t used = (run.get({"tail", "tail0"}, 0) - head) & mask;
  std::string text;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(head / 2, 32); ++i) {
    text += "send segments=1 length=64\nconfirm packets=1\npoll_tx budget=16\n";
  }
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(used / 2, 31); ++i)
    text += "send segments=1 length=64\n";
  return text;
}

std::string rx_state(const Run& run) {
  const std::uint64_t mask = run.get({"mask"}, 63);
  const std::uint64_t head = run.get({"head", "headers head"}, 0) & mask;
  std::string text;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(head, 64); ++i) {
    text += "receive packets=1 length=64\npoll_rx budget=1\nrelease packets=1\n";
  }
  return text;
}

}  // namespace

std::optional<ReplayScript> replay_script(const std::string& obligation,
                                          const Counterexample& counterexample) {
  const Run run{counterexample};
  std::string words;
  for (const std::uint64_t word : run.words("tcq_word")) words += word_line("tx_word", word);
  for (const std::uint64_t head : run.words("tcd_head"))
    words += word_line("tx_word", head & 0xffff);
  if (!words.empty()) {
    return ReplayScript{"tx", "# counterexample of " + obligation + "\n" + tx_state(run) + words +
                                  "poll_tx budget=16\n"};
  }
  for (const std::uint64_t word : run.words("rcq_word")) words += word_line("rx_word", word);
  for (const std::uint64_t id : run.words("rcd_header_id")) {
    // A header of 64 bytes at the first position of a fragment, in the named buffer.
    words +=
        word_line("rx_word", (id & 0xffff) | std::uint64_t{64} << 16 | std::uint64_t{256} << 32);
  }
  if (words.empty()) return std::nullopt;
  return ReplayScript{"rx", "# counterexample of " + obligation + "\n" + rx_state(run) + words +
                                "poll_rx budget=1\n"};
}

}  // namespace hni::proofs
