// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/ring_script.hpp"

#include <algorithm>

namespace hni::fuzz {
namespace {

class Interpreter {
 public:
  explicit Interpreter(RingWorld& world) : world_(world), card_(world) {}

  void begin() {
    world_.begin();
    card_.reset();
    resets_ = 0;
  }
  void end() { world_.end(); }
  /// Returns whether the script ends here. A reset costs as much as ten other operations, and all
  /// of them leave the same state, so scripts with many would only take time.
  [[nodiscard]] bool done() const { return resets_ >= kMaxResets && !run_context.whole; }

  void run(RingOp what, const Op& op) {
    if (what <= RingOp::kRelease) {
      receive(what, op);
    } else {
      transmit(what, op);
    }
    // Resets a faulted queue immediately, as the port does.
    if (world_.pair.faulted()) reset();
  }

 private:
  void receive(RingOp what, const Op& op) {
    const ValueClass c = value_class(op.a);
    RingCard::FieldFaults faults{.random = op.b};
    switch (what) {
      case RingOp::kReceive:
        return card_.receive(op.a % 32 + 1U, op.b & 0xfffU, op.b >> 12);
      case RingOp::kPollRx:
        return world_.poll_rx(op.a % 16 + 1U, op.b != 0);
      case RingOp::kHeader:
        return static_cast<void>(card_.header(faults, op.b));
      case RingOp::kHeaderId:
        faults.id = c;
        return static_cast<void>(card_.header(faults, op.b));
      case RingOp::kHeaderOffset:
        faults.offset = c;
        return static_cast<void>(card_.header(faults, op.b & 0xffU));
      case RingOp::kHeaderLength:
        faults.length = c;
        return static_cast<void>(card_.header(faults, op.b & 0xffU));
      case RingOp::kPayload:
        return static_cast<void>(card_.payload(faults, op.b));
      case RingOp::kPayloadId:
        faults.id = c;
        return static_cast<void>(card_.payload(faults, op.b));
      case RingOp::kPayloadOffset:
        faults.offset = c;
        return static_cast<void>(card_.payload(faults, op.b & 0xffU));
      case RingOp::kPayloadLength:
        faults.length = c;
        return static_cast<void>(card_.payload(faults, op.b & 0xffU));
      case RingOp::kOptMeta:
        return opt_meta(c, op.b);
      case RingOp::kMeta:
        return meta(op);
      case RingOp::kSkip:
        return card_.skip(op.a % 2 == 0, op.b % 64U);
      case RingOp::kRxWord:
        return card_.put_rx(op.value);
      case RingOp::kRxWordClass:
        site_record().note(Site::kRcqWord, c);
        return card_.put_rx(word_of(c, card_.last_rx(), op.b));
      case RingOp::kRxRepeat:
        for (unsigned i = 0; i <= op.a % 8U; ++i) card_.put_rx(card_.last_rx());
        return;
      case RingOp::kRxEarly:
        return card_.put_rx_early(op.value);
      case RingOp::kScribbleBuffers:
        world_.io.buffer_words[op.a % 2][op.b % RingWorld::kSize] = op.value;
        return;
      case RingOp::kRelease:
        for (unsigned i = 0; i <= op.a % 16U; ++i) world_.release_oldest();
        return;
      default:
        return;
    }
  }

  void transmit(RingOp what, const Op& op) {
    const ValueClass c = value_class(op.a);
    switch (what) {
      case RingOp::kSend:
        return world_.send(0, op.a % (kMaxSegments + 1),
                           std::clamp<std::uint32_t>(op.b & 0xfffU, 1, 4032), op.b >> 13);
      case RingOp::kSendPlain:
        return world_.send(1, op.a % (kMaxSegments + 1),
                           std::clamp<std::uint32_t>(op.b & 0xfffU, 1, 4032), 0);
      case RingOp::kPollTx:
        return world_.poll_tx(op.a % 64 + 1U);
      case RingOp::kConfirm:
        if (card_.room_tx()) card_.confirm(op.b % 2, op.a % 64 + 1U);
        return;
      case RingOp::kHead:
        return card_.put_head(0, c, op.b, 1);
      case RingOp::kHead1:
        return card_.put_head(1, c, op.b, 1);
      case RingOp::kStamp:
        return stamp(c, op.b);
      case RingOp::kTcdType: {
        site_record().note(Site::kTcdType, c);
        const std::uint64_t type = faulty_value(c, {.high = 1, .stale = 1, .mask = 3}, op.b);
        return card_.put_tx(spec::TCD{op.b}.set_TYPE(type).raw);
      }
      case RingOp::kTxWord:
        return card_.put_tx(op.value);
      case RingOp::kTxWordClass:
        site_record().note(Site::kTcqWord, c);
        return card_.put_tx(word_of(c, card_.last_tx(), op.b));
      case RingOp::kTxRepeat:
        for (unsigned i = 0; i <= op.a % 8U; ++i) card_.put_tx(card_.last_tx());
        return;
      case RingOp::kTxEarly:
        return card_.put_tx_early(op.value);
      case RingOp::kScribbleWork:
        world_.io.work_words[op.a % 2][op.b % RingWorld::kSize] = op.value;
        return;
      case RingOp::kForgetStamps:
        return world_.forget_stamps();
      case RingOp::kTakeStamps:
        for (unsigned i = 0; i <= op.a % 16U; ++i) (void)world_.pair.tx.next_timestamp();
        return;
      case RingOp::kForward:
        for (unsigned i = 0; i <= op.a % 16U; ++i) world_.forward(op.b % 2);
        return;
      case RingOp::kBurst:
      case RingOp::kBurstPlain:
        return burst(what == RingOp::kBurst ? 0 : 1, op);
      case RingOp::kAnswer:
        return card_.answer(op.b % 2, op.a % 64 + 1U);
      case RingOp::kReset:
        return reset();
      case RingOp::kFresh:
        site_record().note(Site::kRcqWord, ValueClass::kFresh);
        site_record().note(Site::kTcqWord, ValueClass::kFresh);
        world_.io.fresh = op.value;
        return;
      default:
        return;
    }
  }

  void burst(unsigned q, const Op& op) {
    world_.burst(q, op.a % 16 + 1U, op.a / 16 + 1U,
                 std::clamp<std::uint32_t>(op.b & 0xfffU, 1, 4032), q == 0 ? op.b >> 13 : 0);
  }

  void reset() {
    ++resets_;
    world_.reset_pair();
    card_.reset();
  }

  static std::uint64_t word_of(ValueClass c, std::uint64_t last, std::uint16_t random) {
    const std::uint64_t spread = random * 0x9e3779b97f4a7c15ULL;
    return faulty_value(c, {.honest = last, .low = last, .high = last, .stale = last}, spread);
  }

  void opt_meta(ValueClass c, std::uint16_t time) {
    if (c != ValueClass::kHonest) site_record().note(Site::kRcdOptMeta, c);
    const std::uint64_t type = faulty_value(c, {.high = 0, .stale = 1, .mask = 0xff}, time);
    card_.put_rx(spec::RCD_OPT_META{}
                     .set_TYPE(2)
                     .set_OPT_TYPE(type)
                     .set_TS_VALID(time & 1)
                     .set_TS(time)
                     .raw);
  }

  void meta(const Op& op) {
    const auto errors = spec::RCD_META{}
                            .set_ERR_MAC_EOP(op.a & 1)
                            .set_ERR_TRUNCATED_FRAME(op.a >> 1 & 1)
                            .set_ERR_PARSER(op.a >> 2 & 1);
    card_.put_rx(spec::RCD_META{errors}.set_TYPE(3).set_RSS_HASH(op.b).raw);
  }

  void stamp(ValueClass c, std::uint16_t status) {
    if (c != ValueClass::kHonest) site_record().note(Site::kTcdTimestamp, c);
    const std::uint64_t time = faulty_value(
        c, {.honest = 1000, .high = (1ULL << 40) - 2, .stale = 1, .mask = (1ULL << 40) - 1},
        status);
    card_.put_tx(spec::TCD_TYPE1{}
                     .set_TYPE(1)
                     .set_TS(time)
                     .set_STATUS_TS_INVALID(status & 1)
                     .set_STATUS_ILLEGAL_TS_REQ(status >> 1 & 1)
                     .raw);
  }

  static constexpr std::uint32_t kMaxResets = 3;

  RingWorld& world_;
  RingCard card_;
  std::uint32_t resets_ = 0;
};

/// Both worlds are built at the first run, so that no later run looks different to an engine.
template <bool kReceives>
Interpreter& interpreter(bool big_pages) {
  static RingWorld small_world(0, kReceives);
  static RingWorld big_world(2, kReceives);
  static Interpreter small(small_world);
  static Interpreter big(big_world);
  return big_pages ? big : small;
}

}  // namespace

void run_rings(const std::uint8_t* data, std::size_t size, OpList ops,
               std::span<const RingOp> meaning, bool receives) {
  ScriptReader reader(data, size, ops);
  Op op;
  if (!reader.next(op)) return;
  const bool big_pages = meaning[op.kind] == RingOp::kBigPages;
  Interpreter& rings = receives ? interpreter<true>(big_pages) : interpreter<false>(big_pages);
  rings.begin();
  do {
    rings.run(meaning[op.kind], op);
  } while (!rings.done() && reader.next(op));
  rings.end();
}

}  // namespace hni::fuzz
