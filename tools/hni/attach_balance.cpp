// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/attach_balance.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/hni/view.hpp"

namespace hni::tools {
namespace {

std::uint64_t excess(std::uint64_t of, std::uint64_t over) {
  return of - std::min(of, over);
}

std::string text_of(const char* what, const Drops& drops) {
  std::string out;
  for (const auto& [reason, count] : drops)
    out += fmt::format("  {} {}: {}\n", count, what, reason);
  return out;
}

}  // namespace

bool AttachBalance::compared() const {
  return recoveries.card_resets == 0 && recoveries.queue_resets == 0 &&
         queues.tx.reclaimed_packets == 0 && queues.rx.card_input == 0;
}

std::uint64_t AttachBalance::seen_by_driver() const {
  return queues.rx.packets + queues.rx.mac_errors + queues.rx.truncated + queues.rx.card_input +
         queues.rx.reset_drops + total(card_rx_drops);
}

std::uint64_t AttachBalance::lost_sent() const {
  return excess(queues.tx.completed_packets, seen_by_card());
}

std::uint64_t AttachBalance::lost_received() const {
  return excess(card_received, seen_by_driver());
}

Drops AttachBalance::transmit_drops() const {
  Drops drops;
  add(drops, "not a valid frame", above.refused);
  add(drops, "not sent when the run ended", above.held);
  add(drops, "not describable", queues.tx.invalid_packets);
  add(drops, "reclaimed at a reset", queues.tx.reclaimed_packets);
  add(drops, "not completed", queues.outstanding);
  drops.insert(drops.end(), card_tx_drops.begin(), card_tx_drops.end());
  if (!compared())
    add(drops, "completed, and the card's count of it lost in a reset", lost_sent());
  return drops;
}

Drops AttachBalance::receive_drops() const {
  Drops drops = card_rx_drops;
  add_driver_drops(drops, queues.rx);
  if (!compared()) add(drops, "accepted by the card, and lost in a reset", lost_received());
  add(drops, "interface full or down", above.dropped);
  return drops;
}

std::vector<Balance> AttachBalance::balances() const {
  std::vector<Balance> out = {
      {"read = sent + refused + held", above.read, above.sent + above.refused + above.held},
      {"sent = completed + not describable + reclaimed + outstanding", above.sent,
       queues.tx.completed_packets + queues.tx.invalid_packets + queues.tx.reclaimed_packets +
           queues.outstanding},
      {"received = received by the driver", above.received, queues.rx.packets}};
  if (!compared()) return out;
  out.push_back({"completed = transmitted by the card + dropped in the card",
                 queues.tx.completed_packets, seen_by_card()});
  out.push_back(
      {"accepted by the card = received by the driver + drops", card_received, seen_by_driver()});
  return out;
}

bool AttachBalance::accounted() const {
  const auto all = balances();
  return std::all_of(all.begin(), all.end(), [](const Balance& b) { return b.holds(); });
}

nlohmann::json AttachBalance::json() const {
  return {{"read", above.read},
          {"sent", above.sent},
          {"completed", queues.tx.completed_packets},
          {"received", above.received},
          {"delivered", above.received - above.dropped},
          {"card", {{"transmitted", card_sent}, {"accepted", card_received}}},
          {"tx_drops", drops_json(transmit_drops())},
          {"rx_drops", drops_json(receive_drops())},
          {"recoveries",
           {{"card_resets", recoveries.card_resets},
            {"queue_resets", recoveries.queue_resets},
            {"firmware_crashes", recoveries.firmware_crashes},
            {"tx_hangs", recoveries.tx_hangs},
            {"rx_stalls", recoveries.rx_stalls}}},
          {"compared_with_card", compared()},
          {"balances", balances_json(balances())},
          {"accounted", accounted()}};
}

std::string AttachBalance::text() const {
  std::string out = fmt::format("  {} completed, {} transmitted and {} accepted by the card\n",
                                queues.tx.completed_packets, card_sent, card_received);
  out += text_of("not sent", transmit_drops());
  out += text_of("not received", receive_drops());
  if (recoveries.card_resets != 0 || recoveries.queue_resets != 0)
    out += fmt::format("  {} resets of the card, {} of queues\n", recoveries.card_resets,
                       recoveries.queue_resets);
  for (const Balance& b : balances()) {
    if (!b.holds())
      out += fmt::format("accounting mismatch: {}: {} and {}\n", b.what, b.left, b.right);
  }
  return out + fmt::format("accounted: {}\n", accounted() ? "yes" : "no");
}

}  // namespace hni::tools
