// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/recorded.hpp"

#include <algorithm>
#include <array>

#include "fuzz/worlds/ring_script.hpp"

namespace hni::fuzz {
namespace {

using trace::Event;
using trace::EventKind;

constexpr std::uint8_t kRunning = 4;       // PortState::kRunning
constexpr std::uint32_t kMaxPackets = 16;  // of one poll_rx
constexpr std::uint64_t kDone = spec::RCD{}.set_DONE(1).raw;

class Converter {
 public:
  Converter(unsigned port, unsigned queue) : port_(port), queue_(queue) {}

  /// Returns why the recording cannot be converted, or an empty string.
  std::string take(const Event& e) {
    if (e.port != port_) return {};
    if (e.kind == EventKind::kState) {
      if (e.ring == kRunning) begin_life();
      return {};
    }
    if (e.queue != queue_ || e.ring > static_cast<std::uint8_t>(RingKind::kRcq)) return {};
    switch (e.kind) {
      case EventKind::kCompletion:
        return completion(e);
      case EventKind::kReceivePoll:
        // Each packet has at least one completion, which also bounds the script's length.
        if (e.count > received_words_) return "a poll delivered packets without completions";
        received_words_ -= e.count;
        poll_rx(e.count);
        return {};
      case EventKind::kTransmitPoll:
        add(RingOp::kPollTx, 63, 0, 0);
        return {};
      case EventKind::kSent:
        send(e);
        return {};
      case EventKind::kPosted:
        return e.mask == RingWorld::kSize - 1 ? "" : "a ring that does not have 64 slots";
      case EventKind::kQueueReset:
        begin_life();
        return {};
      default:
        return {};
    }
  }
  RecordedScript end() {
    flush();
    return std::move(out_);
  }

 private:
  void add(RingOp what, std::uint8_t a, std::uint16_t b, std::uint64_t value) {
    // The traffic target uses the whole list in its order.
    out_.script.push_back({static_cast<std::uint8_t>(what), a, b, value});
  }
  /// A poll that detects a fault, or consumes half a packet, reports no work.
  void flush() {
    poll_rx(0);
    add(RingOp::kPollTx, 63, 0, 0);
  }
  void begin_life() {
    if (!out_.script.empty()) {
      flush();
      add(RingOp::kReset, 0, 0, 0);
    }
    next_ = {};
  }
  void poll_rx(std::uint32_t work) {
    for (std::uint32_t n = 0; n <= work; n += kMaxPackets)
      add(RingOp::kPollRx, kMaxPackets - 1, 0, 0);
  }
  std::string completion(const Event& e) {
    const bool rx = e.ring == static_cast<std::uint8_t>(RingKind::kRcq);
    std::uint64_t& next = next_[rx ? 0 : 1];
    const bool lap_bit = (next / RingWorld::kSize) % 2 == 0;
    if (e.slot != next % RingWorld::kSize || ((e.word & kDone) != 0) != lap_bit)
      return "the queue was not recorded from its start";
    ++next;
    if (rx) ++received_words_;
    out_.words.push_back({rx, e.slot, e.word});
    add(rx ? RingOp::kRxWord : RingOp::kTxWord, 0, 0, e.word);
    return {};
  }
  void send(const Event& e) {
    const bool plain = e.ring == static_cast<std::uint8_t>(RingKind::kTwq1);
    const std::uint32_t bytes = e.count / std::max(e.slot, 1U);
    add(plain ? RingOp::kSendPlain : RingOp::kSend, static_cast<std::uint8_t>(e.slot),
        static_cast<std::uint16_t>(std::clamp(bytes, 1U, 4032U)), 0);
  }

  unsigned port_;
  unsigned queue_;
  std::array<std::uint64_t, 2> next_{};  // completions since the rings were zeroed: RCQ, TCQ
  std::uint64_t received_words_ = 0;     ///< not yet accounted for by the work of a poll
  RecordedScript out_;
};

}  // namespace

tl::expected<RecordedScript, std::string> script_of(trace::RecordingReader& recording,
                                                    unsigned port, unsigned queue) {
  Converter converter(port, queue);
  while (const auto event = recording.next()) {
    std::string wrong = converter.take(*event);
    if (!wrong.empty()) return tl::unexpected<std::string>(std::move(wrong));
  }
  if (!recording.error().empty()) return tl::unexpected<std::string>(recording.error());
  RecordedScript recorded = converter.end();
  if (recorded.words.empty())
    return tl::unexpected<std::string>("no completions of that port and queue");
  return recorded;
}

std::string replay_exactly(const RecordedScript& recorded) {
  std::vector<ReadWord> tape;
  const Target& target = *find_target("traffic");
  const auto bytes = encode_script(recorded.script, target.ops);
  word_tape() = &tape;
  run_target(target, bytes.data(), bytes.size(), InputLength::kWhole);
  word_tape() = nullptr;
  // A read of a slot that the card has not written yet returns the other phase; all other reads
  // must return the recorded words, in order, ring by ring.
  for (const bool rx : {true, false}) {
    std::size_t at = 0;
    const auto next = [&] {
      while (at < recorded.words.size() && recorded.words[at].rx != rx) ++at;
    };
    next();
    for (const ReadWord& read : tape) {
      if (read.rx != rx || at == recorded.words.size()) continue;
      const ReadWord& expected = recorded.words[at];
      if (read.slot == expected.slot && read.word == expected.word) {
        ++at;
        next();
      } else if (read.slot != expected.slot || ((read.word ^ expected.word) & kDone) == 0) {
        return "completion " + std::to_string(at) + " was not read as recorded";
      }
    }
    if (at != recorded.words.size()) return "completion " + std::to_string(at) + " was never read";
  }
  return {};
}

}  // namespace hni::fuzz
