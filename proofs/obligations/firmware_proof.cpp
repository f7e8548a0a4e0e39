// SPDX-License-Identifier: Apache-2.0
// FirmwareClient, the conversation above the mailbox: when the card may access memory, and what
// the owner may rely on. The mailbox below is arbitrary behaviour that satisfies the mailbox's
// contract; the firmware sends anything. From each state each call runs with all possible results,
// and with each stored point of time either passed or in the future, until no new state is found.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "proofs/obligations/contracts.hpp"
#include "proofs/prover/choices.hpp"
#include "proofs/prover/harness.hpp"
#include "tests/support/private_member.hpp"

namespace hni::proofs {
namespace {

struct Below {
  Choices choices;
  bool vanished = false;
  bool silent = false;          ///< the firmware sends nothing
  std::uint32_t under_way = 0;  ///< messages that the firmware has not received
  unsigned gates_shut = 0;      ///< how often DMA was disabled on a present card
};
Below* below = nullptr;

/// The card; only its presence matters here.
struct FirmwareIo {
  std::uint32_t read32(Site, RegAddr) {
    below->vanished = below->vanished || below->choices.flip();
    return below->vanished ? kAllOnes : 0;
  }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site, const std::uint64_t*) { return 0; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(DmaSpan) {}
};

/// One message of each kind that changes the state of the conversation, and of each kind that does
/// not.
const std::vector<std::vector<std::byte>>& messages() {
  static const auto all = [] {
    std::vector<std::vector<std::byte>> made;
    SmallMessage into;
    const auto add = [&](std::span<const std::byte> bytes) {
      made.emplace_back(bytes.begin(), bytes.end());
    };
    const auto one = [&](FwMessage type, std::uint16_t id, std::uint32_t value) {
      add(TlvBuilder(into, type).u32(id, value).finish());
    };
    one(FwMessage::FW_CAP_RESP, fw::FW_CAP_RESP::VERSION, kLogFirmwareVersion);
    one(FwMessage::FW_CAP_RESP, fw::FW_CAP_RESP::VERSION, kMinFirmwareVersion);
    one(FwMessage::FW_CAP_RESP, fw::FW_CAP_RESP::VERSION, 1);  // too old
    one(FwMessage::OWNERSHIP_RESP, fw::OWNERSHIP_RESP::TIME, 5);
    one(FwMessage::HEARTBEAT_RESP, fw::HEARTBEAT_RESP::UPTIME, 9);
    one(FwMessage::HEARTBEAT_RESP, fw::HEARTBEAT_RESP::UPTIME, 1);  // it restarted
    one(FwMessage::TSENE_READ_RESP, fw::TSENE_READ_RESP::THERM, 1);
    add(encode_plain(into, FwMessage::FW_START_UPGRADE_RESP));
    add(TlvBuilder(into, FwMessage::FW_WRITE_CHUNK_REQ)
            .u32(fw::FW_WRITE_CHUNK_REQ::OFFSET, 0)
            .u32(fw::FW_WRITE_CHUNK_REQ::LENGTH, 4)
            .finish());
    add(encode_plain(into, FwMessage::FW_FINISH_UPGRADE_REQ));
    add(std::vector<std::byte>(4, std::byte{0xff}));
    return made;
  }();
  return all;
}
constexpr auto kRefusable =
    std::to_array({FwMessage::HOST_CAP_REQ, FwMessage::OWNERSHIP_REQ, FwMessage::HEARTBEAT_REQ,
                   FwMessage::TSENE_READ_REQ, FwMessage::FW_START_UPGRADE_REQ});

}  // namespace
}  // namespace hni::proofs

namespace hni {

/// Any behaviour that mailbox_moves() allows.
template <>
class Mailbox<proofs::FirmwareIo, NullObserver> {
 public:
  using State = MailboxState;
  using D = CheckedIo<proofs::FirmwareIo, NullObserver>;
  using Call = proofs::Call;
  static constexpr Duration kBringUpTime = std::chrono::seconds(10);

  explicit Mailbox(D& device) : device_(&device) {}
  Result<> allocate() { return {}; }
  void release() {}
  Result<> start(Time, bool) {
    if (state_ != State::kDown && state_ != State::kFailed)
      return fail(ErrorCode::kRequestPending);
    move(Call::kStart);
    if (state_ != State::kWaitFirmware) return fail(ErrorCode::kCardGone);
    return {};
  }
  Result<> send(std::span<const std::byte>, Time) {
    if (state_ != State::kReady) return fail(ErrorCode::kNotRunning);
    if (device_->gone() || flip()) return fail(ErrorCode::kMailboxFull);
    return {};
  }
  template <class Handler>
  void step(Time now, Handler& handler) {
    deliver(now, handler);
    device_->flush();
    move(Call::kStep);
  }
  template <class Handler>
  void interrupt(Time now, Handler& handler) {
    if (state_ != State::kReady) return;
    deliver(now, handler);
    device_->flush();
    move(Call::kInterrupt);
  }
  void enable_interrupt() {}
  void shutdown(Time) { move(Call::kShutdown); }
  void abort(ErrorCode) { move(Call::kAbort); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Error error() const { return {}; }
  [[nodiscard]] Time deadline() const { return {}; }
  /// Whether a completion failed since the last query: arbitrary.
  [[nodiscard]] const MailboxCounters& counters() const {
    if (flip()) ++counters_.send_refused;
    return counters_;
  }
  [[nodiscard]] std::uint32_t sends_under_way() const { return proofs::below->under_way; }
  [[nodiscard]] bool is_valid() const { return true; }

 private:
  static bool flip() { return proofs::below->choices.flip(); }

  /// Nothing, one message, or one send failure. Several events at once are modelled as several
  /// calls at the same time.
  template <class Handler>
  void deliver(Time now, Handler& handler) {
    if (!proofs::gates_open(state_) || proofs::below->silent) return;
    const auto& all = proofs::messages();
    const unsigned what = proofs::below->choices.pick(
        static_cast<unsigned>(1 + all.size() + proofs::kRefusable.size()));
    if (what == 0) return;
    if (what <= all.size()) return handler.message(all[what - 1], now);
    const FwMessage refused = proofs::kRefusable[what - 1 - all.size()];
    handler.sent(static_cast<std::uint16_t>(refused), true, now);
  }

  void move(Call call) {
    const auto moves = proofs::mailbox_moves(call, state_, device_->gone());
    const State to = moves[proofs::below->choices.pick(static_cast<unsigned>(moves.size()))];
    if (proofs::gates_open(state_) && !proofs::gates_open(to) && !device_->gone())
      ++proofs::below->gates_shut;
    state_ = to;
  }

  D* device_;
  State state_ = State::kDown;
  mutable MailboxCounters counters_;
};

}  // namespace hni

namespace hni::proofs {
namespace {
using AnyFirmware = FirmwareClient<FirmwareIo, NullObserver>;
}  // namespace

HNI_PRIVATE_MEMBER(StateMember, &AnyFirmware::state_);
HNI_PRIVATE_MEMBER(Box, &AnyFirmware::mailbox_);
HNI_PRIVATE_MEMBER(WantOwnership, &AnyFirmware::want_ownership_);
HNI_PRIVATE_MEMBER(AnswerPending, &AnyFirmware::answer_pending_);
HNI_PRIVATE_MEMBER(QuestionSent, &AnyFirmware::request_sent_);
HNI_PRIVATE_MEMBER(AskAgain, &AnyFirmware::ask_again_);
HNI_PRIVATE_MEMBER(Expected, &AnyFirmware::capabilities_expected_);
HNI_PRIVATE_MEMBER(Hinted, &AnyFirmware::capabilities_hinted_);
HNI_PRIVATE_MEMBER(LogsOn, &AnyFirmware::logs_on_);
HNI_PRIVATE_MEMBER(HistoryAsked, &AnyFirmware::history_asked_);
HNI_PRIVATE_MEMBER(Slots, &AnyFirmware::slots_);
HNI_PRIVATE_MEMBER(Flash, &AnyFirmware::flash_session_);
HNI_PRIVATE_MEMBER(GiveUp, &AnyFirmware::give_up_);
HNI_PRIVATE_MEMBER(NextPoll, &AnyFirmware::next_poll_);
HNI_PRIVATE_MEMBER(NextLook, &AnyFirmware::next_look_);
HNI_PRIVATE_MEMBER(NextRefresh, &AnyFirmware::next_refresh_);
HNI_PRIVATE_MEMBER(NextRetry, &AnyFirmware::next_retry_);
HNI_PRIVATE_MEMBER(WatchDeadline, &AnyFirmware::watch_deadline_);

namespace {

enum class Action : std::uint8_t {
  kStart,
  kStep,
  kInterrupt,
  kTake,
  kRelease,
  kRecover,
  kStop,
  kAbandon,
  kAskSensors,
  kAskFlash,
  kAskCapabilities,
  kCount,
};

Call call_of(Action action) {
  switch (action) {
    case Action::kStart:
      return Call::kStart;
    case Action::kStep:
      return Call::kStep;
    case Action::kInterrupt:
      return Call::kInterrupt;
    case Action::kRecover:
      return Call::kRecover;
    case Action::kStop:
      return Call::kShutdown;
    case Action::kAbandon:
      return Call::kAbort;
    default:
      return Call::kOther;
  }
}

struct Moment {
  AnyFirmware firmware;
  bool gone = false;
};

/// All state that determines what happens next, except points of time, which are arbitrary.
/// Omitted are values that are only counted, reported or returned.
using Key = std::array<std::uint8_t, 22>;
Key key_of(const Moment& m) {
  const AnyFirmware& f = m.firmware;
  const FlashSession& flash = f.*member(Flash{});
  const std::uint32_t version = f.capabilities().running.version;
  // The slot of a request has no influence.
  auto slots = f.*member(Slots{});
  std::ranges::sort(slots, {}, [](const auto& slot) { return slot.request; });
  Key key;
  std::size_t at = 0;
  for (const auto value : {raw(f.state()), raw(f.ownership()), raw(f.crash_cause()),
                           raw(f.mailbox().state()), raw(slots[0].request), raw(slots[1].request),
                           raw(slots[2].request), raw(slots[3].request), raw(flash.state())})
    key[at++] = value;
  for (const bool value :
       {m.gone, f.*member(WantOwnership{}), f.*member(AnswerPending{}), f.*member(QuestionSent{}),
        f.*member(AskAgain{}), f.*member(Expected{}), f.*member(Hinted{}), f.*member(LogsOn{}),
        f.*member(HistoryAsked{}), version >= kMinFirmwareVersion, version >= kLogFirmwareVersion})
    key[at++] = value ? 1 : 0;
  key[at++] = static_cast<std::uint8_t>(flash.progress().done);
  key[at] = static_cast<std::uint8_t>(f.uptime_ms());
  return key;
}

struct Search {
  std::size_t calls = 0;
  std::map<Key, Moment> moments;
  std::set<FirmwareState> states;
  std::string example;     ///< the call that led to another state
  bool kept = true;        ///< each call led to a state that the contract allows
  bool same_gates = true;  ///< DMA is enabled when the contract requires it
  bool shut_late = true;   ///< DMA was disabled only by a call that the contract allows to do so

  void run() {
    Below here;
    below = &here;
    FirmwareIo io;
    NullObserver observer;
    CheckedIo<FirmwareIo, NullObserver> device(io, observer);
    std::deque<const Moment*> open;
    const auto add = [&](Moment&& moment) {
      const auto [at, fresh] = moments.try_emplace(key_of(moment), std::move(moment));
      if (fresh) open.push_back(&at->second);
    };
    add({AnyFirmware(device), false});
    while (!open.empty()) {
      const Moment& from = *open.front();
      open.pop_front();
      states.insert(from.firmware.state());
      for (std::uint8_t action = 0; action < static_cast<std::uint8_t>(Action::kCount); ++action) {
        here.choices = {};
        do {
          device.revive();
          here.vanished = from.gone;
          here.gates_shut = 0;
          if (from.gone) device.flush();
          Moment now = from;
          const bool restarts = take(Action{action}, now.firmware);
          now.gone = device.gone();
          ++calls;
          judge(from, now, Action{action}, restarts);
          add(std::move(now));
        } while (here.choices.advance());
      }
    }
    below = nullptr;
  }

 private:
  static constexpr Time kNow = std::chrono::hours(1);

  /// The last result of recovery_restarts_mailbox(), if it was called.
  static bool take(Action action, AnyFirmware& f) {
    static constexpr std::array<std::byte, 4> kImage{};
    switch (action) {
      case Action::kStart:
        (void)f.start(kNow);
        break;
      case Action::kStep:
        set_times(f);
        f.step(kNow);
        break;
      case Action::kInterrupt:
        set_times(f);
        f.interrupt(kNow);
        break;
      case Action::kTake:
      case Action::kRelease:
        (void)f.take_ownership(action == Action::kTake, kNow);
        break;
      case Action::kRecover: {
        below->under_way = below->choices.pick(2);
        const bool restarts = f.recovery_restarts_mailbox();
        (void)f.recover(kNow);
        return restarts;
      }
      case Action::kStop:
        f.stop(kNow);
        break;
      case Action::kAbandon:
        f.abandon();
        break;
      case Action::kAskSensors:
        (void)f.request_sensors(kNow);
        (void)f.poll_sensors();
        break;
      case Action::kAskFlash:
        (void)f.request_flash(FlashSection::kBoot1, kImage, kNow);
        (void)f.poll_flash();
        break;
      case Action::kAskCapabilities:
        (void)f.refresh_capabilities(kNow);
        break;
      case Action::kCount:
        break;
    }
    return true;
  }

  /// Either an event arrives at the same time, or time passes without an event; both together
  /// equal two calls in sequence.
  static void set_times(AnyFirmware& f) {
    below->silent = below->choices.flip();
    const auto passed = [] {
      return below->silent && below->choices.flip() ? Time{} : Time::max();
    };
    f.*member(NextLook{}) = below->silent ? Time::max() : Time{};
    for (Time AnyFirmware::*const time :
         {member(GiveUp{}), member(NextPoll{}), member(NextRefresh{}), member(NextRetry{}),
          member(WatchDeadline{})})
      f.*time = passed();
    const Time deadline = passed();
    for (auto& slot : f.*member(Slots{})) slot.deadline = deadline;
  }

  static std::string describe(FirmwareState from, FirmwareState to, Action action, bool gone) {
    return "state " + std::to_string(static_cast<int>(from)) + ", call " +
           std::to_string(static_cast<int>(action)) + (gone ? ", the card is removed" : "") +
           ": state " + std::to_string(static_cast<int>(to));
  }

  void judge(const Moment& from, const Moment& now, Action action, bool restarts) {
    const FirmwareState was = from.firmware.state(), is = now.firmware.state();
    const auto moves = firmware_moves(call_of(action), was, now.gone, restarts);
    if (kept && !is_among(moves, is)) example = describe(was, is, action, now.gone);
    kept = kept && is_among(moves, is);
    if (now.gone) return;
    same_gates = same_gates && gates_open(is) == gates_open(now.firmware.mailbox().state());
    const bool may_shut = gates_open(was) && !gates_open(is);
    shut_late = shut_late && (below->gates_shut == 0 || may_shut);
  }
};

}  // namespace

HNI_PROVE(firmware_life,
          "For all messages of the firmware and all calls of the owner: each call of the "
          "conversation leads to a state that the contract allows, DMA is enabled exactly in the "
          "states that state so, and is disabled only by the calls that may do so: never while "
          "the conversation is ready and continues (S4).") {
  must_cover("down", "mailbox", "capabilities", "ready", "stopping", "failed");
  Search found;
  found.run();
  const std::pair<FirmwareState, const char*> names[] = {
      {FirmwareState::kDown, "down"},
      {FirmwareState::kWaitMailbox, "mailbox"},
      {FirmwareState::kWaitCapabilities, "capabilities"},
      {FirmwareState::kReady, "ready"},
      {FirmwareState::kStopping, "stopping"},
      {FirmwareState::kFailed, "failed"}};
  for (const auto& [state, name] : names)
    if (found.states.contains(state)) cover(name);
  searched(found.moments.size(), "states");
  note(std::to_string(found.moments.size()) + " states, " + std::to_string(found.calls) +
       " calls");
  if (!found.kept) note(found.example);
  conclude("S4", "each call leads where the contract says", found.kept);
  conclude("S4", "the gates are open in the states that say so", found.same_gates);
  conclude("S4", "the gates are shut by no other call", found.shut_late);
}

HNI_REFUTE(mailbox_closed_behind_the_owners_back, "S4",
           "Known mistake: the mailbox is closed, which disables DMA, while the conversation "
           "reports that it is ready.") {
  Below here;
  below = &here;
  FirmwareIo io;
  NullObserver observer;
  CheckedIo<FirmwareIo, NullObserver> device(io, observer);
  AnyFirmware firmware(device);
  firmware.*member(StateMember{}) = FirmwareState::kReady;
  (firmware.*member(Box{})).shutdown({});
  conclude("S4", "the gates are open in the states that say so",
           gates_open(firmware.state()) == gates_open(firmware.mailbox().state()));
  below = nullptr;
}

}  // namespace hni::proofs
