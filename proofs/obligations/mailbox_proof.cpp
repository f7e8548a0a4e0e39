// SPDX-License-Identifier: Apache-2.0
// Mailbox itself with both rings, over firmware with arbitrary responses. The card fixes their
// size at 16, so the state space is finite: the search continues until no new state is found, and
// the result holds for operations in any order and number. Each write is checked against what the
// firmware may observe, and each call against the required state, result, counters and reports.
#include <map>
#include <memory>
#include <string>

#include "proofs/obligations/contracts.hpp"
#include "proofs/obligations/mailbox_world.hpp"
#include "tests/support/private_member.hpp"

namespace hni::proofs {

HNI_PRIVATE_MEMBER(MailboxCountersOf, &Box::counters_);
HNI_PRIVATE_MEMBER(MailboxErrorOf, &Box::error_);
HNI_PRIVATE_MEMBER(MailboxGiveUpOf, &Box::give_up_);
HNI_PRIVATE_MEMBER(MailboxNextPollOf, &Box::next_poll_);
HNI_PRIVATE_MEMBER(MailboxInterruptOf, &Box::interrupt_enabled_);
HNI_PRIVATE_MEMBER(MailboxRelaxedOf, &Box::relaxed_ordering_);
HNI_PRIVATE_MEMBER(MailboxTypesOf, &Box::tx_types_);
HNI_PRIVATE_MEMBER(MailboxStateOf, &Box::state_);
HNI_PRIVATE_MEMBER(MailboxRxOf, &Box::rx_);
HNI_PRIVATE_MEMBER(MailboxTxOf, &Box::tx_);

namespace {

/// The driver's reaction to a message, above the mailbox.
enum class Reaction : std::uint8_t {
  kNone,
  kSend,
  kSendAgain,
  kShutdown,
  kAbort,
  kShutdownWhenSent,  ///< when a sent message completes, not on a received one
  kAbortWhenSent,
};

struct Handler {
  FirmwareClient& firmware;
  Box& box;
  Reaction reaction;

  void message(std::span<const std::byte> bytes, Time now) {
    firmware.judge(kBadLength, bytes.size() == firmware.answers.length);
    const std::byte* const shared = pages[kMailboxRx].data();
    firmware.judge(kPageInUse, bytes.data() < shared || bytes.data() >= shared + sizeof pages[0]);
    firmware.judge(kWrongMessage, firmware.last_received < kMailboxSlots &&
                                      bytes.front() == mark_at(firmware.last_received));
    firmware.last_received = kMailboxSlots;
    if (reaction == Reaction::kSend) (void)send(box, now);
    if (reaction == Reaction::kShutdown) box.shutdown(now);
    if (reaction == Reaction::kAbort) box.abort(ErrorCode::kNotRunning);
  }
  void sent(std::uint16_t type, bool refused, Time now) {
    firmware.judge(kWrongMessage, firmware.last_sent < kMailboxSlots &&
                                      type == type_at(firmware.last_sent) &&
                                      refused == firmware.answers.failed);
    firmware.last_sent = kMailboxSlots;
    if (reaction == Reaction::kSendAgain) (void)send(box, now);
    if (reaction == Reaction::kShutdownWhenSent) box.shutdown(now);
    if (reaction == Reaction::kAbortWhenSent) box.abort(ErrorCode::kNotRunning);
  }
  static Result<> send(Box& box, Time now) {
    return box.send(message_at(box.tx_ring().window.tail), now);
  }
};

struct Operation {
  enum class Kind : std::uint8_t { kStart, kSend, kStep, kInterrupt, kEnable, kShutdown, kAbort };
  Kind kind = Kind::kStep;
  Time now{};
  Answers answers;
  Reaction reaction = Reaction::kNone;
  bool gone_before = false;  ///< the driver has already detected the removal of the card
};

std::vector<Operation> all_operations() {
  using Kind = Operation::Kind;
  std::vector<Operation> all;
  for (const Kind kind : {Kind::kStart, Kind::kSend, Kind::kEnable, Kind::kShutdown, Kind::kAbort})
    all.push_back({kind, {}, {}, {}});
  all.push_back({Kind::kShutdown, Time{} + Box::kPollTime, {}, {}});
  for (const Kind kind :
       {Kind::kStart, Kind::kSend, Kind::kStep, Kind::kInterrupt, Kind::kShutdown})
    all.push_back({kind, {}, {.gone = true}, {}, true});
  all.push_back({Kind::kStep, Time{} + Box::kPollTime, {.gone = true}, {}});
  all.push_back({Kind::kStep, Time{} + Box::kDrainTime + Box::kPollTime, {}, {}});
  for (const Time now : {Time{}, Time{} + Box::kPollTime, Time{} + Box::kDrainTime}) {
    all.push_back({Kind::kStep, now, {.raised = true}, {}});
    all.push_back({Kind::kStep, now, {}, {}});
    all.push_back({Kind::kStep, now, {.complete = {1, 1}}, {}});
  }
  for (const std::uint32_t length : {0U, 3U, 4U, 4096U, 4097U, 65535U})
    all.push_back({Kind::kStep, {}, {.complete = {1, 0}, .length = length}, {}});
  for (const bool failed : {false, true}) {
    all.push_back({Kind::kStep, {}, {.complete = {0, 1}, .failed = failed}, {}});
    all.push_back({Kind::kInterrupt, {}, {.complete = {99, 99}, .failed = failed}, {}});
  }
  for (const Reaction r : {Reaction::kSend, Reaction::kShutdown, Reaction::kAbort})
    for (const Kind kind : {Kind::kStep, Kind::kInterrupt})
      all.push_back({kind, {}, {.complete = {2, 0}}, r});
  all.push_back({Kind::kStep, {}, {.complete = {0, 99}}, Reaction::kSendAgain});
  for (const Reaction r : {Reaction::kShutdownWhenSent, Reaction::kAbortWhenSent})
    all.push_back({Kind::kStep, {}, {.complete = {1, 2}}, r});
  all.push_back({Kind::kStep, {}, {.complete = {9, 9}, .gone = true}, {}});
  all.push_back({Kind::kStep, {}, {.complete = {1, 0}, .gone_at_length = true}, {}});
  all.push_back({Kind::kInterrupt, {}, {.raised = true}, {}});
  return all;
}

/// A mailbox and its firmware, at one point of time.
struct Moment {
  Box box;
  FirmwareClient firmware;
  Time began{};  ///< start time of the current or last wait for the firmware
};

std::string key_of(const Moment& m) {
  const auto tx = m.box.tx_ring().window, rx = m.box.rx_ring().window;
  std::string key;
  for (const std::uint32_t n :
       {static_cast<std::uint32_t>(m.box.state()), tx.head, tx.tail, rx.head, rx.tail,
        std::uint32_t{m.firmware.shared.gate[0]}, std::uint32_t{m.firmware.shared.gate[1]},
        std::uint32_t{m.firmware.shared.unmasked}})
    key += std::to_string(n) + ",";
  return key + std::to_string(m.box.deadline().count()) + "," + std::to_string(m.began.count());
}

/// All members of the mailbox that a later call may read, except state and rings, which are in the
/// key: two moments of one key must have the same. (Counters and the error are only written; their
/// values in a search are arbitrary ones.)
std::string members_of(const Moment& m) {
  const bool waits = m.box.deadline() != Time::max();
  std::string all = m.box.*member(MailboxInterruptOf{}) ? "interrupt" : "";
  if (waits) {
    all += "," + std::to_string((m.box.*member(MailboxGiveUpOf{})).count());
    all += "," + std::to_string((m.box.*member(MailboxNextPollOf{})).count());
  }
  if (m.box.state() == MailboxState::kWaitFirmware)
    all += m.box.*member(MailboxRelaxedOf{}) ? ",relaxed" : "";
  for (const std::uint32_t slot : m.firmware.shared.owned[kMailboxTx])
    all += "," + std::to_string((m.box.*member(MailboxTypesOf{}))[slot]);
  return all;
}

/// Driver and firmware agree on the owner of each descriptor.
bool same_ownership(const Moment& m) {
  const auto same = [&](const MailboxRing<std::uint32_t>& ring, std::uint32_t mailbox) {
    const auto& owned = m.firmware.shared.owned[mailbox];
    return owned.size() == ring.used() && (owned.empty() || owned.front() == ring.oldest());
  };
  return same(m.box.tx_ring(), kMailboxTx) && same(m.box.rx_ring(), kMailboxRx);
}

using Kind = Operation::Kind;
static_assert(Box::kDrainTime == Box::kBringUpTime);

constexpr unsigned raw_state(MailboxState state) {
  return static_cast<unsigned>(state);
}
bool waits(MailboxState state) {
  return state == MailboxState::kWaitFirmware || state == MailboxState::kDraining;
}
bool is_quiet(MailboxState state) {
  return state == MailboxState::kDown || state == MailboxState::kFailed;
}

/// Returns whether step() or interrupt() performs work in this state.
bool works(const Moment& from, const Operation& o) {
  const MailboxState state = from.box.state();
  if (o.kind == Kind::kInterrupt)
    return state == MailboxState::kReady && from.firmware.shared.unmasked;
  if (o.kind != Kind::kStep || is_quiet(state)) return false;
  return state != MailboxState::kWaitFirmware || o.now >= from.box.deadline();
}

/// A second description of the state after an operation. `left`: messages that the firmware has
/// not completed.
MailboxState expected_state(const Moment& from, const Operation& o, std::uint32_t left) {
  using State = MailboxState;
  const State state = from.box.state();
  const bool gone = o.answers.gone;
  const Time end = from.began + Box::kDrainTime;
  if (o.kind == Kind::kStart) return is_quiet(state) && !gone ? State::kWaitFirmware : state;
  if (o.kind == Kind::kAbort) return is_quiet(state) ? state : State::kFailed;
  if (o.kind == Kind::kShutdown) {
    if (state == State::kDraining) return state;
    return state == State::kReady && left != 0 && !gone ? State::kDraining : State::kDown;
  }
  if (!works(from, o)) return state;
  if (gone) return State::kFailed;
  if (state != State::kWaitFirmware && o.reaction == Reaction::kAbort) return State::kFailed;
  if (state != State::kWaitFirmware && o.reaction == Reaction::kShutdown)
    return left == 0 ? State::kDown : State::kDraining;
  if (state == State::kWaitFirmware)
    return o.answers.raised ? State::kReady : o.now >= end ? State::kFailed : state;
  return state == State::kDraining && (left == 0 || o.now >= end) ? State::kDown : state;
}

Call call_of(Kind kind) {
  switch (kind) {
    case Kind::kStart:
      return Call::kStart;
    case Kind::kStep:
      return Call::kStep;
    case Kind::kInterrupt:
      return Call::kInterrupt;
    case Kind::kShutdown:
      return Call::kShutdown;
    case Kind::kAbort:
      return Call::kAbort;
    case Kind::kSend:
    case Kind::kEnable:
      break;
  }
  return Call::kOther;
}

/// The contract on which the proof of the code above the mailbox relies: the transitions of the
/// call, after those caused by the handler.
bool keeps_contract(MailboxState from, const Operation& o, bool gone, MailboxState to) {
  std::vector<MailboxState> before{from};
  const auto also = [&](Call call) {
    for (const MailboxState state : mailbox_moves(call, from, gone)) before.push_back(state);
  };
  if (o.reaction == Reaction::kShutdown) also(Call::kShutdown);
  if (o.reaction == Reaction::kAbort) also(Call::kAbort);
  return std::ranges::any_of(before, [&](MailboxState state) {
    return is_among(mailbox_moves(call_of(o.kind), state, gone), to);
  });
}

/// The expected results of start() and send().
std::optional<ErrorCode> expected_error(const Moment& from, const Operation& o) {
  const MailboxState state = from.box.state();
  if (o.kind == Kind::kStart && !is_quiet(state)) return ErrorCode::kRequestPending;
  if (o.gone_before) return ErrorCode::kCardGone;
  if (o.kind == Kind::kStart) return std::nullopt;
  if (state != MailboxState::kReady) return ErrorCode::kNotRunning;
  if (from.box.sends_under_way() == kMailboxSlots - 1) return ErrorCode::kMailboxFull;
  return std::nullopt;
}

struct Search {
  std::size_t moments = 0;
  std::bitset<kRules> broken;
  std::set<MailboxState> states;
  bool valid = true, owned = true, open_as_said = true, bounded = true, contract_kept = true;
  bool state_right = true, answer_right = true, counted = true, masked = true,
       deadline_right = true, reset = true;
  bool taken = true, left_alone = true, heard = true, one_state = true;
  std::uint32_t most = 0;
  std::optional<ErrorCode> answer;

  void run() {
    Reporter observer;
    FirmwareClient firmware;
    CheckedIo<FirmwareClient, Reporter> device(firmware, observer);
    Box box(device);
    (void)box.allocate();
    // Members that are not part of the state key start with values from earlier use.
    box.*member(MailboxCountersOf{}) = {11, 12, 13, 14, 15, 16, 17};  // so that = is not +=
    box.*member(MailboxErrorOf{}) = {ErrorCode::kBadArgument, 99};
    box.*member(MailboxRelaxedOf{}) = true;
    (box.*member(MailboxTypesOf{})).fill(0xabc);
    std::map<std::string, std::string> seen;
    std::deque<Moment> open;
    const std::vector<Operation> operations = all_operations();
    open.push_back({box, firmware, {}});
    seen.emplace(key_of(open.back()), members_of(open.back()));
    while (!open.empty() && sound()) {
      const Moment from = std::move(open.back());
      open.pop_back();
      for (const Operation& operation : operations) {
        device.revive();
        box = from.box;
        firmware = from.firmware;
        firmware.begin(operation.answers);
        if (operation.gone_before) device.flush();
        observer.traced = {};
        answer = std::nullopt;
        apply(operation, box, firmware);
        const bool begins = box.state() != from.box.state() && waits(box.state());
        const Moment now{box, firmware, begins ? operation.now : from.began};
        Operation happened = operation;
        happened.answers.gone = firmware.answers.gone;
        look(now, happened);
        compare(from, now, happened);
        if (!happened.answers.gone)
          firmware.judge(kUntold, observer.traced == firmware.seen && !observer.odd);
        broken |= firmware.broken;
        if (happened.answers.gone) continue;
        const std::string members = members_of(now);
        const auto [known, fresh] = seen.emplace(key_of(now), members);
        one_state = one_state && known->second == members;
        if (fresh) open.push_back(now);
      }
    }
    moments = seen.size();
  }

 private:
  /// No rule has been violated so far.
  bool sound() const {
    return broken.none() && valid && owned && open_as_said && bounded && contract_kept &&
           state_right && answer_right && counted && masked && deadline_right && reset && taken &&
           left_alone && heard && one_state;
  }

  void apply(const Operation& o, Box& box, FirmwareClient& firmware) {
    Handler handler{firmware, box, o.reaction};
    switch (o.kind) {
      case Kind::kStart:
        return keep(box.start(o.now, false));
      case Kind::kSend:
        return keep(Handler::send(box, o.now));
      case Kind::kStep:
        return box.step(o.now, handler);
      case Kind::kInterrupt:
        firmware.shared.unmasked = false;  // a vector that fired stays masked [device 3.2]
        return box.interrupt(o.now, handler);
      case Kind::kEnable:
        return box.enable_interrupt();
      case Kind::kShutdown:
        return box.shutdown(o.now);
      case Kind::kAbort:
        return box.abort(ErrorCode::kNotRunning);
    }
  }

  /// A reaction to a sent message happens only if one was completed.
  static Operation as_happened(Operation o, const FirmwareClient& firmware) {
    const bool sent = std::ranges::any_of(firmware.seen.completed,
                                          [](const Pair& p) { return p.first == kMailboxTx; });
    if (o.reaction == Reaction::kShutdownWhenSent)
      o.reaction = sent ? Reaction::kShutdown : Reaction::kNone;
    if (o.reaction == Reaction::kAbortWhenSent)
      o.reaction = sent ? Reaction::kAbort : Reaction::kNone;
    return o;
  }

  void keep(const Result<>& result) {
    if (!result) answer = result.error().code;
  }

  /// Compares the effects of an operation with the required ones.
  void compare(const Moment& from, const Moment& now, const Operation& given) {
    const Operation o = as_happened(given, now.firmware);
    const MailboxState was = from.box.state(), is = now.box.state();
    const bool silent = o.reaction == Reaction::kNone || o.reaction == Reaction::kSend;
    const FirmwareClient& firmware = now.firmware;
    std::uint32_t left =
        from.box.sends_under_way() + static_cast<std::uint32_t>(firmware.counted.sent);
    for (const Pair& p : firmware.seen.completed) left -= p.first == kMailboxTx ? 1U : 0U;
    state_right = state_right && is == expected_state(from, o, left);
    contract_kept = contract_kept && keeps_contract(was, o, o.answers.gone, is);
    if (o.kind == Kind::kStart || o.kind == Kind::kSend)
      answer_right = answer_right && answer == expected_error(from, o);
    const bool failed = is == MailboxState::kFailed && was != MailboxState::kFailed;
    const bool drained = was == MailboxState::kDraining && is == MailboxState::kDown;
    if (failed && silent) {
      const bool silence = was == MailboxState::kWaitFirmware && !o.answers.gone;
      const auto why = o.kind == Kind::kAbort ? ErrorCode::kNotRunning
                       : silence              ? ErrorCode::kFirmwareSilent
                                              : ErrorCode::kCardGone;
      answer_right = answer_right && now.box.error().code == why && now.box.error().detail == 0;
    }
    if (silent && !o.answers.gone) {
      MailboxCounters expected = firmware.counted;
      expected.lost_at_shutdown = failed || drained ? left : 0;
      counted = counted && same_steps(from.box.counters(), expected, now.box.counters());
    }
    if (o.answers.gone) {
      const MailboxCounters &a = from.box.counters(), &b = now.box.counters();
      counted = counted && a.receive_bad == b.receive_bad && a.receive_empty == b.receive_empty;
      return;
    }
    heard =
        heard && firmware.last_sent == kMailboxSlots && firmware.last_received == kMailboxSlots;
    if (o.kind == Kind::kShutdown && (is_quiet(was) || was == MailboxState::kDraining))
      left_alone = left_alone && firmware.writes == 0;
    const Shared& shared = firmware.shared;
    const auto& completed = firmware.seen.completed;
    const auto received = std::count_if(completed.begin(), completed.end(),
                                        [](const Pair& p) { return p.first == kMailboxRx; });
    if (silent && works(from, o) && was != MailboxState::kWaitFirmware) {
      taken = taken && (firmware.answers.complete[kMailboxTx] == 0 || left == 0) &&
              (firmware.answers.complete[kMailboxRx] == 0 || received == kMailboxSlots);
    }
    if (was != is && (is == MailboxState::kWaitFirmware || is_quiet(is)))
      reset = reset && shared.is_reset(kMailboxTx) && shared.is_reset(kMailboxRx);
    if (was == is && is == MailboxState::kWaitFirmware && works(from, o))
      reset = reset && firmware.sends_invalidated == kMailboxSlots;
    // A wait is checked again 20 ms later; the driver owns the vector only while it is ready.
    const bool looked = was != is || works(from, o);
    if (!waits(is))
      deadline_right = deadline_right && now.box.deadline() == Time::max();
    else if (looked)
      deadline_right = deadline_right && now.box.deadline() == o.now + Box::kPollTime;
    const bool enables = o.kind == Kind::kEnable && is == MailboxState::kReady;
    const bool keeps = from.firmware.shared.unmasked && is == MailboxState::kReady;
    masked = masked && firmware.shared.unmasked == (enables || keeps);
    if (works(from, o) && o.kind == Kind::kStep && was != MailboxState::kWaitFirmware) return;
    if (works(from, o)) masked = masked && (!o.answers.raised || firmware.cleared);
  }

  static bool same_steps(const MailboxCounters& from, const MailboxCounters& step,
                         const MailboxCounters& to) {
    const auto a = counter_values(from), b = counter_values(step), sum = counter_values(to);
    bool same = true;
    for (std::size_t i = 0; i < sum.size(); ++i) same = same && a[i] + b[i] == sum[i];
    return same;
  }

  void look(const Moment& now, const Operation& operation) {
    const MailboxState state = now.box.state();
    states.insert(state);
    most = std::max(most, now.box.sends_under_way());
    valid = valid && now.box.is_valid() &&
            (!(now.box.*member(MailboxInterruptOf{})) || state == MailboxState::kReady);
    bounded = bounded && now.firmware.reads <= 16U + 2U * kMailboxSlots;
    if (operation.answers.gone) return;  // nothing can be written to a removed card
    owned = owned && same_ownership(now);
    for (const bool gate : now.firmware.shared.gate)
      open_as_said = open_as_said && gate == gates_open(state);
  }
};

}  // namespace

HNI_PROVE(mailbox_life,
          "In every state that any sequence of calls and of responses of the firmware can reach, "
          "both mailbox rings are valid, no descriptor or page of the firmware is accessed, each "
          "word is read once and each call is bounded, messages are delivered once and in order, "
          "and DMA is disabled when the mailbox is down (I1 to I5, I7, I8, S4).") {
  must_cover("down", "waiting", "ready", "draining", "failed", "full");
  Search found;
  found.run();
  const std::pair<MailboxState, const char*> names[] = {{MailboxState::kDown, "down"},
                                                        {MailboxState::kWaitFirmware, "waiting"},
                                                        {MailboxState::kReady, "ready"},
                                                        {MailboxState::kDraining, "draining"},
                                                        {MailboxState::kFailed, "failed"}};
  for (const auto& [state, name] : names) {
    if (found.states.contains(state)) cover(name);
  }
  if (found.most == kMailboxSlots - 1) cover("full");
  searched(found.moments, "states");
  for (unsigned rule = 0; rule < kRules; ++rule)
    conclude(kRuleText[rule].property, kRuleText[rule].text, !found.broken.test(rule));
  conclude("I2",
           "both rings are valid in every state, and vector 0 is enabled only while messages flow",
           found.valid);
  conclude("I3", "driver and firmware agree on who owns what", found.owned);
  conclude("S4",
           "the gates are open exactly while messages flow or drain, so shut in every state in "
           "which the pages may be freed",
           found.open_as_said);
  conclude("S4", "each call leads to a state that the code above is proved with",
           found.contract_kept);
  conclude("I7", "each call reads a bounded number of words", found.bounded);
  conclude("F", "each call leads to the state that it has to", found.state_right);
  conclude("F", "each call gives the answer that it has to", found.answer_right);
  conclude("F", "the counters say what happened", found.counted);
  conclude("F",
           "vector 0 is unmasked exactly while messages flow and it was enabled, and its "
           "cause is cleared before anything is looked at",
           found.masked);
  conclude("F", "a wait is looked at again after its poll time", found.deadline_right);
  conclude("F", "each look takes what the firmware completed, 16 received messages at most",
           found.taken);
  conclude("F", "each completed message is handed on", found.heard);
  conclude("F", "what is over, or ends already, is not ended again", found.left_alone);
  conclude("S4",
           "a wait begins, and messages end, with both rings reset, whatever was in them; the "
           "firmware is poked with each look",
           found.reset);
}

HNI_PROVE(mailbox_arguments,
          "A message is accepted exactly if it has 4 to 4096 bytes, a multiple of four; a mailbox "
          "without pages does not start; relaxed ordering is requested exactly if it is enabled "
          "(F, S4).") {
  must_cover("taken", "refused");
  searched(2 * 13, "calls");
  for (const bool relaxed : {false, true}) {
    Reporter observer;
    FirmwareClient firmware;
    CheckedIo<FirmwareClient, Reporter> device(firmware, observer);
    Box box(device);
    firmware.relaxed = relaxed;
    const auto early = box.start({}, relaxed);
    conclude("F", "no pages, no start", !early && early.error().code == ErrorCode::kNoMemory);
    (void)box.allocate();
    (void)box.start({}, relaxed);
    firmware.begin({.raised = true});
    Handler handler{firmware, box, Reaction::kNone};
    box.step(Time{} + Box::kPollTime, handler);
    conclude("S4", "it is ready, and every write was legal",
             box.state() == MailboxState::kReady && firmware.broken.none());
    for (const std::size_t bytes : std::initializer_list<std::size_t>{0, 1, 3, 4, 5, 6, 7, 8, 4092,
                                                                      4095, 4096, 4097, 4100}) {
      const std::vector<std::byte> message(bytes, std::byte{1});
      const std::uint32_t under_way = box.sends_under_way();
      const auto sent = box.send(message, {});
      const bool fits = bytes >= 4 && bytes <= 4096 && bytes % 4 == 0;
      cover(fits ? "taken" : "refused");
      conclude("F", "taken exactly by the rule",
               sent.has_value() == fits && box.sends_under_way() == under_way + (fits ? 1U : 0U));
      if (!sent)
        conclude("F", "the error says so, and how many bytes it had",
                 sent.error().code == ErrorCode::kBadArgument && sent.error().detail == bytes);
    }
  }
}

HNI_PROVE(
    mailbox_validity,
    "A mailbox is valid exactly if both rings are and, while messages flow, all receive pages "
    "are posted (I2).") {
  must_cover("valid", "not valid");
  Reporter observer;
  FirmwareClient firmware;
  CheckedIo<FirmwareClient, Reporter> device(firmware, observer);
  Box box(device);
  std::uint64_t states = 0;
  bool right = true;
  const auto in_range = [](std::uint32_t head, std::uint32_t tail) {
    return head < kMailboxSlots && tail < kMailboxSlots;
  };
  for (std::uint32_t head = 0; head <= kMailboxSlots; ++head) {
    for (std::uint32_t tail = 0; tail <= kMailboxSlots; ++tail) {
      for (const bool rx : {false, true}) {
        for (unsigned state = 0; state <= raw_state(MailboxState::kFailed); ++state, ++states) {
          member(MailboxStateOf{}, box) = static_cast<MailboxState>(state);
          member(MailboxRxOf{}, box).window = {rx ? head : 3, rx ? tail : 2, kMailboxSlots - 1};
          member(MailboxTxOf{}, box).window = {rx ? 4 : head, rx ? 9 : tail, kMailboxSlots - 1};
          const bool full = !rx || (tail + 1) % kMailboxSlots == head;
          const bool flows = static_cast<MailboxState>(state) == MailboxState::kReady;
          const bool expected = in_range(head, tail) && (full || !flows);
          cover(expected ? "valid" : "not valid");
          right = right && box.is_valid() == expected;
        }
      }
    }
  }
  searched(states, "states");
  conclude("I2", "valid exactly by the rule", right);
}

HNI_REFUTE(mailbox_published_low_half_first, "I5",
           "Known mistake: the low half of a descriptor, which is the doorbell, is written before "
           "its high half.") {
  FirmwareClient firmware;
  firmware.shared.gate = {true, true};
  firmware.write32(spec::MBX_DESC_LO::at(kMailboxTx, 1), 0);
  firmware.write32(spec::MBX_DESC_LO::at(kMailboxTx, 0), 1);
  firmware.write32(spec::MBX_DESC_HI::at(kMailboxTx, 0), 4U << 16);
  conclude("I5", kRuleText[kUnordered].text, !firmware.broken.test(kUnordered));
  conclude("I5", kRuleText[kTorn].text, !firmware.broken.test(kTorn));
}

HNI_REFUTE(mailbox_taken_away_behind_an_open_gate, "S4",
           "Known mistake: descriptors are invalidated while the firmware may still use them.") {
  FirmwareClient firmware;
  firmware.shared.gate = {true, true};
  firmware.shared.owned[kMailboxTx] = {0};
  firmware.write32(spec::MBX_DESC_LO::at(kMailboxTx, 0), kMailboxSkip);
  conclude("S4", kRuleText[kUnsettled].text, !firmware.broken.test(kUnsettled));
}

}  // namespace hni::proofs
