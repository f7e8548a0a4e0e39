// SPDX-License-Identifier: Apache-2.0
// Every register write of bring-up, teardown and queue recovery is a legal action of the spec. The
// unmodified driver runs on a card that records the writes, checks each write against the spec's
// rules, and answers the driver's queries (is it idle? does management run? has it completed?) in
// every possible way. The state space is finite, and the search continues until no new state is
// found, so the result holds for operations in any order and number.
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "driver/control/setup.hpp"
#include "driver/queues/queue_pair.hpp"
#include "openhni/spec/device_table.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
namespace {

/// The register, and the element of it, at an address.
struct Place {
  std::uint16_t reg = 0;
  std::uint32_t element = 0;
};
using Key = std::pair<spec::Bar, std::uint32_t>;

std::uint32_t elements_of(const spec::RegInfo& r) {
  std::uint32_t n = 1;
  for (unsigned d = 0; d < r.dim_count; ++d) n *= r.dims[d].count;
  return n;
}

std::uint32_t address_of(const spec::RegInfo& r, std::uint32_t element) {
  std::uint32_t at = r.byte_offset;
  for (unsigned d = r.dim_count; d-- > 0;) {
    at += element % r.dims[d].count * r.dims[d].stride_bytes;
    element /= r.dims[d].count;
  }
  return at;
}

const std::map<Key, Place>& places() {
  static const std::map<Key, Place> all = [] {
    std::map<Key, Place> map;
    const auto list = spec::registers();
    for (std::uint16_t i = 0; i < list.size(); ++i) {
      for (std::uint32_t e = 0; e < elements_of(list[i]); ++e)
        map[{list[i].bar, address_of(list[i], e)}] = {i, e};
    }
    return map;
  }();
  return all;
}

/// Returns the number of the BAR0 register whose first element is at the address.
std::uint16_t register_at(std::uint32_t offset) {
  return places().at({spec::Bar::kBar0, offset}).reg;
}

/// A card that only stores registers and checks writes.
class CheckingCard {
 public:
  std::vector<std::string> broken;  ///< violated rules, in the order of their violation
  bool idle = false;                ///< values of the idle registers
  std::map<Key, std::uint32_t> registers;
  std::set<std::uint32_t>
      ran;  ///< control registers of queues that ran and have not been idle since
  std::set<std::pair<std::uint16_t, std::uint32_t>> written;  ///< register, element
  std::set<std::pair<std::uint16_t, std::uint32_t>>
      read_by_rules;  ///< registers that rules have read

  std::uint32_t read32(Site site, RegAddr reg) {
    if (site == Site::kIdle) return idle ? ~0U : 0U;
    return value({reg.bar, reg.byte_offset});
  }

  void write32(RegAddr reg, std::uint32_t value_written) {
    const Key key{reg.bar, reg.byte_offset};
    const auto place = places().find(key);
    if (place == places().end()) {
      broken.push_back("write to an address that is no register");
      return;
    }
    judge(place->second, value_written);
    check_control(place->second, key, value_written);
    registers[key] = value_written;
    written.emplace(place->second.reg, place->second.element);
  }

  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t* word, std::uint64_t v) { *word = v; }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    memory_.push_back(std::make_unique<std::uint64_t[]>(bytes / 8));
    next_ += kBlock;
    return DmaSpan{reinterpret_cast<std::byte*>(memory_.back().get()), DmaAddr{next_}, bytes};
  }
  void dma_free(DmaSpan) {}

  /// Returns whether a rule reads the register or it is one of the control registers.
  bool decides(const Key& key) const {
    const auto place = places().find(key);
    if (place == places().end()) return true;
    for (const spec::ActionRule& rule : spec::action_rules())
      if (rule.cond_reg == place->second.reg) return true;
    for (const std::uint32_t control : kControls)
      if (spec::registers()[place->second.reg].byte_offset == control) return true;
    return false;
  }
  std::uint64_t* words_at(DmaAddr address) { return memory_.at(raw(address) / kBlock - 1).get(); }

  std::uint32_t value(const Key& key) const {
    const auto known = registers.find(key);
    if (known != registers.end()) return known->second;
    const auto place = places().find(key);
    return place == places().end()
               ? 0
               : static_cast<std::uint32_t>(spec::registers()[place->second.reg].reset);
  }

 private:
  void judge(const Place& at, std::uint32_t value_written) {
    for (const spec::ActionRule& rule : spec::action_rules()) {
      if (rule.reg != at.reg || (rule.on_nonzero_only && value_written == 0)) continue;
      const spec::RegInfo& condition = spec::registers()[rule.cond_reg];
      const std::uint32_t element = condition.dim_count == 0 ? 0 : at.element;
      const std::uint32_t now = value({condition.bar, address_of(condition, element)});
      read_by_rules.emplace(rule.cond_reg, element);
      if ((now & rule.cond_mask) != rule.cond_value)
        broken.push_back(std::string(rule.name) + ": " + rule.text);
    }
  }

  /// The protocol rules of a queue's RESET and ENABLE bits.
  void check_control(const Place& at, const Key& key, std::uint32_t value_written) {
    for (const std::uint32_t control : kControls) {
      if (key.first != spec::Bar::kBar0 || spec::registers()[at.reg].byte_offset != control)
        continue;
      const std::uint32_t now = value(key);
      const bool reset = (value_written & 1U) != 0, enable = (value_written & 2U) != 0;
      if (reset && (now & 2U) != 0) broken.push_back("RESET of a queue that runs");
      if (reset && ran.contains(key.second))
        broken.push_back("RESET of a queue that was not seen idle");
      if (enable && (now & 2U) == 0 && (now & 1U) == 0)
        broken.push_back("ENABLE of a queue that is not in RESET");
      if (enable) ran.insert(key.second);
    }
  }

  static constexpr std::uint64_t kBlock = 0x100000;
  static constexpr std::uint32_t kControls[] = {
      spec::QUEUE_TWQ0_CTL::kByteOffset, spec::QUEUE_TWQ1_CTL::kByteOffset,
      spec::QUEUE_TCQ_CTL::kByteOffset, spec::QUEUE_BDQ_CTL::kByteOffset,
      spec::QUEUE_RCQ_CTL::kByteOffset};
  std::vector<std::unique_ptr<std::uint64_t[]>> memory_;
  std::uint64_t next_ = 0;
};

using Pair = QueuePair<CheckingCard, NullObserver>;

enum class Step : std::uint8_t {
  kEnable,
  kFill,
  kSend,
  kPollTx,
  kPollRx,
  kHoldPackets,
  kDropPackets,
  kDisable,
  kLookBusy,      ///< one early read of the idle registers: still busy
  kLookBusyHalf,  ///< after half of the deadline
  kLookBusyEnd,   ///< at the deadline
  kLookIdle,
  kCloseAndReclaim,  ///< reclaims disabled and stuck queues, after DMA was disabled
  kProgram,          ///< reprograms the whole card, as after a reset
  kCardTransmits,    ///< one completion for all posted descriptors
  kCardReceives,     ///< the completions of one frame
  kCardBreaksARule,  ///< on each queue a completion that the driver refuses
  kCount,
};

/// A port with one queue pair, and the operations of its owner.
class Life {
 public:
  explicit Life(bool plain_ring, QueueId queue = QueueId{0}) {
    const auto packets = card.dma_alloc(64 * kFragmentBytes);
    (void)pool_.init(*packets, 0);
    QueueConfig config;
    config.tx_ring = config.rx_ring = config.header_ring = config.payload_ring = kRing;
    config.plain_ring = plain_ring;
    (void)pair.allocate(queue, Vector{2}, config);
  }

  /// Returns false if the owner never performs this operation in the present state
  /// (driver/port_life.hpp).
  bool apply(Step op) {
    const Time start{};
    const PairState state = pair.state();
    bool discard = false;
    switch (op) {
      case Step::kEnable:
        if (state != PairState::kOff) return false;
        pair.enable();
        transmitted_ = received_ = 0;
        unpolled_tx_ = unpolled_rx_ = false;
        return true;
      case Step::kFill:
        if (state != PairState::kRunning) return false;
        pair.fill();
        return true;
      case Step::kSend:
        send();
        return true;
      case Step::kPollTx:
        if (pair.tx.poll(4) != 0) unpolled_tx_ = false;
        return true;
      case Step::kCardTransmits:
        return transmit(spec::TCD_TYPE0{}.set_HEAD0(pair.tx.ring().window.tail).raw);
      case Step::kCardReceives:
        return receive();
      case Step::kCardBreaksARule:
        if (!transmit(spec::TCD{}.set_TYPE(2).raw)) return false;
        return unpolled_rx_ || complete_rx(spec::RCD_META{}.set_TYPE(3).raw);
      case Step::kPollRx:
        poll_rx();
        return true;
      case Step::kHoldPackets:
        pair.set_wait_for_buffers(true);
        return true;
      case Step::kDropPackets:
        pair.set_wait_for_buffers(false);
        return true;
      case Step::kDisable:
        pair.disable(start);
        return true;
      case Step::kLookBusy:
        return look(start, false);
      case Step::kLookBusyHalf:
        return look(start + Pair::kIdleDeadline / 2, false);
      case Step::kLookBusyEnd:
        return look(start + Pair::kIdleDeadline / 2, false) &&
               look(start + Pair::kIdleDeadline, false);
      case Step::kLookIdle:
        return look(start, true);
      case Step::kCloseAndReclaim:
        if (state != PairState::kStuck && state != PairState::kOff) return false;
        card.ran.clear();  // the wait timed out and DMA was disabled
        pair.reclaim();
        QueueSetup<CheckingCard, NullObserver>(device).drop_at_mac(discard);
        return true;
      case Step::kProgram:
        return Setup<CheckingCard, NullObserver>(device).program({}).has_value();
      case Step::kCount:
        break;
    }
    return false;
  }

  /// All state that determines what can happen next.
  std::string state() const {
    std::string text =
        std::to_string(static_cast<int>(pair.state())) + (pair.faulted() ? "f" : "-");
    text += std::to_string(pair.tx.outstanding()) + "," +
            std::to_string(pair.rx.headers().window.used()) + "," +
            std::to_string(pair.rx.payloads().window.used()) + ":" +
            std::to_string(card.ran.size()) + (pair.tx.faulted() ? "t" : "-") +
            (unpolled_tx_ ? "t" : "-") + (unpolled_rx_ ? "r" : "-") +
            (pair.tx.stopped() ? "s" : "-");
    // Doorbells have no influence: no rule reads one, and each enable() starts at slot 0.
    for (const auto& [key, value] : card.registers)
      if (card.decides(key))
        text += "," + std::to_string(key.second) + "=" + std::to_string(value);
    return text;
  }

  /// While the card may still write to memory, no buffer of the pair may be free.
  bool memory_is_safe() const {
    const std::uint32_t lent = pair.rx.headers().window.used() + pair.rx.payloads().window.used();
    return pool_.page_count() - pool_.free_pages() >= lent;
  }

  CheckingCard card;
  NullObserver observer;
  CheckedIo<CheckingCard, NullObserver> device{card, observer};

 private:
  FragmentPool pool_;

 public:
  Pair pair{device, pool_};

 private:
  bool look(Time now, bool idle) {
    if (pair.state() != PairState::kQuiescing) return false;
    bool discard = false;
    card.idle = idle;
    pair.step_quiesce(now, discard);
    if (idle) card.ran.clear();
    QueueSetup<CheckingCard, NullObserver>(device).drop_at_mac(discard);
    return true;
  }

  void send() {
    if (pair.tx.outstanding() != 0) return;
    const auto fragment = pool_.take(1);
    if (!fragment) return;
    Packet packet;
    packet.length = 64;
    packet.segment_count = 1;
    packet.segments[0] = {*fragment, 0, 64};
    if (pair.tx.burst({&packet, 1}) == 0) pool_.put(packet);
  }

  void poll_rx() {
    std::array<Packet, 1> out;
    const std::uint64_t before = pair.rx.counters().doorbells;
    if (pair.rx.poll(out) != 0) pool_.put(out[0]);
    if (pair.rx.counters().doorbells != before || pair.rx.faulted()) unpolled_rx_ = false;
  }

  // The card: one completion or frame that has not been polled yet.
  bool transmit(std::uint64_t word) {
    if (pair.state() != PairState::kRunning || unpolled_tx_) return false;
    write(pair.tx.completion_address(), transmitted_, word);
    return unpolled_tx_ = true;
  }
  bool complete_rx(std::uint64_t word) {
    write(pair.rx.completion_address(), received_, word);
    return unpolled_rx_ = true;
  }
  bool receive() {
    const auto& ring = pair.rx.headers().window;
    if (pair.state() != PairState::kRunning || unpolled_rx_ || ring.empty()) return false;
    const auto header = spec::RCD_HDR_AL{}.set_BUFF_ID(ring.head).set_OFF(128).set_LEN(64);
    (void)complete_rx(spec::RCD_HDR_AL{header}.set_PAGE_FIN(1).raw);
    return complete_rx(spec::RCD_META{}.set_TYPE(3).raw);
  }
  /// DONE alternates with each lap.
  void write(DmaAddr ring, std::uint32_t& count, std::uint64_t word) {
    card.words_at(ring)[count % kRing] =
        spec::RCD{word}.set_DONE(count / kRing % 2 == 0 ? 1 : 0).raw;
    ++count;
  }
  static constexpr std::uint32_t kRing = 8;
  std::uint32_t transmitted_ = 0, received_ = 0;  ///< completions since enable()
  bool unpolled_tx_ = false, unpolled_rx_ = false;
};

struct Search {
  std::size_t states = 0;
  std::set<PairState> reached;
  std::vector<std::string> broken;
  bool memory_safe = true, transmitted = false, received = false, faulted = false;
  std::set<std::pair<std::uint16_t, std::uint32_t>> written, read_by_rules;
};

/// Searches every state that any sequence of operations (except `except`) reaches. A state is
/// restored by repeating its operations.
Search search(bool plain_ring, Step except, QueueId queue = QueueId{0}) {
  Search found;
  std::set<std::string> seen;
  std::vector<std::vector<Step>> open{{}};
  while (!open.empty()) {
    const std::vector<Step> path = open.back();
    open.pop_back();
    for (std::uint8_t op = 0; op <= static_cast<std::uint8_t>(Step::kCount); ++op) {
      if (op == static_cast<std::uint8_t>(except) && except != Step::kCount) continue;
      Life life(plain_ring, queue);
      for (const Step before : path) (void)life.apply(before);
      if (op != static_cast<std::uint8_t>(Step::kCount) && !life.apply(Step{op})) continue;
      found.broken.insert(found.broken.end(), life.card.broken.begin(), life.card.broken.end());
      found.memory_safe = found.memory_safe && life.memory_is_safe();
      found.written.insert(life.card.written.begin(), life.card.written.end());
      found.read_by_rules.insert(life.card.read_by_rules.begin(), life.card.read_by_rules.end());
      found.reached.insert(life.pair.state());
      found.transmitted = found.transmitted || life.pair.tx.counters().completed_packets != 0;
      found.received = found.received || life.pair.rx.counters().packets != 0;
      found.faulted = found.faulted || (life.pair.tx.faulted() && life.pair.rx.faulted());
      if (!seen.insert(life.state()).second || op == static_cast<std::uint8_t>(Step::kCount))
        continue;
      open.push_back(path);
      open.back().push_back(Step{op});
    }
  }
  found.states = seen.size();
  return found;
}

void prove_life(bool plain_ring, Step except) {
  must_cover("off", "running", "quiescing", "stuck", "transmitted", "received", "faulted");
  const Search found = search(plain_ring, except);
  if (found.transmitted) cover("transmitted");
  if (found.received) cover("received");
  if (found.faulted) cover("faulted");
  // Returns whether only the setup writes the register.
  if (found.written.contains({register_at(spec::QM_TQS_MTU_CTL0::kByteOffset), 0}))
    cover("programmed");
  const std::pair<PairState, const char*> names[] = {{PairState::kOff, "off"},
                                                     {PairState::kRunning, "running"},
                                                     {PairState::kQuiescing, "quiescing"},
                                                     {PairState::kStuck, "stuck"}};
  for (const auto& [state, name] : names) {
    if (found.reached.contains(state)) cover(name);
  }
  searched(found.states, "states");
  for (const std::string& rule : std::set<std::string>(found.broken.begin(), found.broken.end()))
    note(rule);
  conclude("S4", "every write is a legal action in every reachable state", found.broken.empty());
  conclude("S4", "no posted buffer of a queue is free", found.memory_safe);
}

}  // namespace

HNI_PROVE(
    actions_of_a_queue_pair,
    "Each register write is a legal action, in whatever order a queue pair is enabled, filled, "
    "used, disabled, waited for and reclaimed, and whatever the idle registers report (S4).") {
  prove_life(false, Step::kProgram);
}

HNI_PROVE(actions_of_a_queue_pair_with_plain_ring, "The same with work queue 1 in use (S4).") {
  prove_life(true, Step::kProgram);
}

HNI_PROVE(actions_of_recovery,
          "The same when the card is programmed again, as after a reset, at any time and in any "
          "order with all other operations (S4).") {
  must_cover("programmed");
  prove_life(true, Step::kCount);
}

HNI_PROVE(actions_stay_in_their_queue,
          "A queue pair writes only registers of its own number, and no register that a rule "
          "reads; the legality of its writes depends only on registers of its own number, and on "
          "registers that no queue pair writes. What holds for one pair therefore holds for all "
          "of them at once, in any order (S4).") {
  const std::uint16_t shared = register_at(spec::TMI_DROP_CTRL::kByteOffset);
  for (const std::uint32_t number : {0U, 5U, 127U}) {
    const Search found = search(true, Step::kProgram, QueueId{static_cast<std::uint16_t>(number)});
    searched(found.states, "states");
    conclude("S4", "every write is a legal action in every reachable state", found.broken.empty());
    const auto own = [&](const std::pair<std::uint16_t, std::uint32_t>& place) {
      const spec::RegInfo& r = spec::registers()[place.first];
      return r.dim_count == 1 && r.dims[0].count == kMaxQueues && place.second == number;
    };
    bool writes_own = true, read_own = true;
    for (const auto& place : found.written)
      writes_own = writes_own && (own(place) || place.first == shared);
    for (const auto& place : found.read_by_rules)
      read_own = read_own && (own(place) || !found.written.contains(place));
    conclude("S4", "it writes registers of its own number, and the drop at the MAC", writes_own);
    conclude("S4", "no rule about it asks for what another pair writes", read_own);
    conclude("S4", "no rule asks for the drop at the MAC",
             !found.read_by_rules.contains({shared, 0}));
  }
}

HNI_PROVE(actions_of_the_mailbox_are_its_own,
          "No rule of the spec about other registers reads one that the mailbox writes, and no "
          "rule is about one of its registers: the mailbox and the queues and setup never "
          "interfere; the mailbox's own writes are covered by mailbox_life (S4).") {
  const std::set<std::uint16_t> mailbox{register_at(spec::PUL_OB_TLP_HDR_AW_CFG::kByteOffset),
                                        register_at(spec::PUL_OB_TLP_HDR_AR_CFG::kByteOffset),
                                        register_at(spec::INTR_MASK_SET::kByteOffset),
                                        register_at(spec::INTR_MASK_CLEAR::kByteOffset),
                                        register_at(spec::INTR_SW_AC_MODE::kByteOffset),
                                        register_at(spec::INTR_CLEAR::kByteOffset)};
  bool apart = true;
  searched(spec::action_rules().size(), "rules of the spec");
  for (const spec::ActionRule& rule : spec::action_rules()) {
    const bool of_bar4 = spec::registers()[rule.reg].bar == spec::MBX_DESC_LO::at(0, 0).bar ||
                         spec::registers()[rule.cond_reg].bar == spec::MBX_DESC_LO::at(0, 0).bar;
    if (of_bar4 || mailbox.contains(rule.reg) || mailbox.contains(rule.cond_reg)) {
      apart = false;
      note(rule.name);
    }
  }
  conclude("S4", "no rule joins the mailbox with other registers", apart);
}

HNI_PROVE(actions_of_the_setup,
          "Programming the card, for the first time and again, with and without management "
          "traffic that already flows, makes only legal register writes (S4).") {
  must_cover("fresh", "management runs", "again");
  searched(4, "runs of the set-up");
  for (const bool management : {false, true}) {
    CheckingCard card;
    NullObserver observer;
    CheckedIo<CheckingCard, NullObserver> device(card, observer);
    if (management) {
      card.registers[{spec::Bar::kBar0, spec::RPC_RMI_CONFIG::kByteOffset}] =
          spec::RPC_RMI_CONFIG{}.set_ENABLE(1).raw;
    }
    Setup<CheckingCard, NullObserver> setup(device);
    for (unsigned round = 0; round < 2; ++round) {
      const bool done = setup.program({}).has_value();
      conclude("S4", "it ends well", done && setup.management_running() == management);
      conclude("S4", "every write is a legal action", card.broken.empty());
      for (const std::string& rule : card.broken) note(rule);
      cover(round == 1 ? "again" : management ? "management runs" : "fresh");
    }
  }
}

HNI_REFUTE(base_written_while_enabled, "S4",
           "Known mistake: the base of a ring is written while its queue is enabled.") {
  CheckingCard card;
  NullObserver observer;
  CheckedIo<CheckingCard, NullObserver> device(card, observer);
  device.write(spec::QUEUE_TCQ_CTL{}.set_ENABLE(1), 0);
  device.write(spec::QUEUE_TCQ_BAL{}, 0);
  conclude("S4", "every write is a legal action", card.broken.empty());
}

HNI_REFUTE(reset_without_waiting_for_idle, "S4",
           "Known mistake: a queue is reset as soon as it was disabled, while the card may still "
           "write [trust-boundary A16].") {
  Life life(false);
  (void)life.apply(Step::kEnable);
  (void)life.apply(Step::kDisable);
  life.pair.reclaim();
  (void)life.apply(Step::kEnable);
  conclude("S4", "every write is a legal action", life.card.broken.empty());
}

}  // namespace hni::proofs
