// SPDX-License-Identifier: Apache-2.0
#include "trace/words.hpp"

#include <array>

#include "driver/core/observer.hpp"
#include "driver/firmware/firmware_client.hpp"
#include "driver/port_config.hpp"
#include "trace/ring_history.hpp"

namespace hni::trace {
namespace {

constexpr auto kDropReasons = std::to_array<const char*>(
    {"MAC error", "truncated", "card input", "queue reset", "not describable"});
static_assert(kDropReasons.size() == static_cast<std::size_t>(DropReason::kCount));

/// Returns the word for a number of a table.
std::string word(std::string_view table, std::size_t number) {
  static const std::vector<WordTable> tables = word_tables();
  for (const WordTable& t : tables) {
    if (t.name == table && number < t.words.size()) return t.words[number];
  }
  return std::to_string(number);
}

std::string hex(std::uint64_t value) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string out;
  do {
    out.insert(out.begin(), kDigits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + out;
}

}  // namespace

std::vector<WordTable> word_tables() {
  std::vector<WordTable> tables{
      {"ring", "rings", {"TWQ0", "TWQ1", "TCQ", "HPQ", "PPQ", "RCQ", "mailbox RX", "mailbox TX"}},
      {"drop", "reasons of a drop", {kDropReasons.begin(), kDropReasons.end()}},
      {"step",
       "recovery steps",
       {"queue reset", "card reset", "starvation kick", "transmit hang", "firmware crash"}},
      {"state", "states of a port", {}},
      {"error", "errors", {}},
      {"site", "input sites", {}}};
  for (unsigned s = 0; s <= static_cast<unsigned>(PortState::kFailed); ++s)
    tables[3].words.emplace_back(to_string(static_cast<PortState>(s)));
#define HNI_X(id, text) tables[4].words.emplace_back(std::string_view(#id).substr(1));
  HNI_ERRORS(HNI_X)
#undef HNI_X
  for (const SiteInfo& site : kSites) tables[5].words.emplace_back(site.name);
  return tables;
}

std::string describe_event(const Event& e) {
  switch (e.kind) {
    case EventKind::kQueueReset:
      return "reset of queue " + std::to_string(e.queue);
    case EventKind::kState:
      return "port " + word("state", e.ring);
    case EventKind::kDropped:
      return "packet dropped on queue " + std::to_string(e.queue) + ": " + word("drop", e.slot);
    case EventKind::kRefused:
      return "refused: " + word("site", e.slot) + " = " + hex(e.word);
    case EventKind::kLink:
      return e.slot != 0 ? "link up, " + std::to_string(e.count) + " Mbit/s" : "link down";
    case EventKind::kMessageSent:
      return "firmware message sent, type " + hex(e.slot);
    case EventKind::kMessageReceived:
      return "firmware message received, type " + hex(e.slot);
    default:
      return {};
  }
}

}  // namespace hni::trace
