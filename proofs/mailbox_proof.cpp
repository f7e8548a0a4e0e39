// SPDX-License-Identifier: Apache-2.0
// Mailbox itself, both rings, over a firmware that answers in every way. The card fixes their size
// at 16, so the states are finite: the search goes on until there is no new one, and what holds
// holds for operations in any order and number. Each write is judged by what the firmware may see.
#include "driver/mailbox.hpp"

#include <bitset>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proofs/harness.hpp"

namespace hni::proofs {
namespace {

constexpr std::uint32_t kPageBytes = kMailboxPageBytes;
alignas(8) std::array<std::array<std::byte, kMailboxSlots * kPageBytes>, 2> pages;
constexpr std::array<std::uint64_t, 2> kPageAddress{0x100000, 0x200000};

/// What must never happen.
enum Rule : unsigned {
  kOwnedTouched,  // a descriptor of the firmware is written while the gate is open
  kTooMany,       // 16 are the firmware's
  kNoStop,        // published without a stop behind it
  kUnordered,     // published before what it needs is visible
  kTorn,          // the high half of a descriptor changes under a valid low half
  kGateShut,      // published while the card may not touch the pages
  kWrongPage,     // a descriptor names another slot's page
  kNotOldest,     // a descriptor is read that is not the oldest of the firmware's
  kReadTwice,     // a word of the firmware is read twice for one decision
  kPageInUse,     // a page is copied that the firmware may write
  kBadLength,     // bytes outside of the page, or another length than the firmware's
  kWrongMessage,  // the handler is told of another message than the completed one
  kUnsettled,     // descriptors are taken away before the gate is known to be shut
  kNoRegister,    // a write to a register that the mailbox has no business with
  kRules
};
constexpr struct {
  const char* property;
  const char* text;
} kRuleText[kRules] = {
    {"I3", "no descriptor of the firmware is written"},
    {"I2", "at most 15 descriptors are the firmware's"},
    {"I5", "the slot behind a published descriptor is a stop"},
    {"I5", "stop and high half are visible before the low half"},
    {"I5", "a high half changes only under an invalid, visible low half"},
    {"S4", "nothing is published while the gate is shut"},
    {"I1", "a descriptor names the page of its slot"},
    {"I4", "only the oldest descriptor of the firmware is looked at"},
    {"I8", "each word of the firmware is read once"},
    {"I3", "no page is copied that the firmware may write"},
    {"I1", "what is copied has the firmware's length and lies in the page"},
    {"I4", "each message comes back once, in order"},
    {"S4", "descriptors are taken away only behind a shut gate"},
    {"S4", "no other register is written"},
};

struct Slot {
  std::uint32_t mailbox, slot;
  bool high;
};

std::optional<Slot> slot_at(RegAddr reg) {
  static const auto all = [] {
    std::map<std::uint32_t, Slot> map;
    for (std::uint32_t m = 0; m < 2; ++m) {
      for (std::uint32_t s = 0; s < kMailboxSlots; ++s) {
        map[spec::MBX_DESC_LO::at(m, s).byte_offset] = {m, s, false};
        map[spec::MBX_DESC_HI::at(m, s).byte_offset] = {m, s, true};
      }
    }
    return map;
  }();
  const auto found = all.find(reg.byte_offset);
  if (reg.bar != spec::MBX_DESC_LO::at(0, 0).bar || found == all.end()) return std::nullopt;
  return found->second;
}

/// How the firmware answers in one call of the driver.
struct Answers {
  std::array<std::uint32_t, 2> complete{};  ///< how many, by mailbox
  bool failed = false;                      ///< with FW_ERR
  std::uint32_t length = 4;                 ///< of received messages
  bool raised = false;                      ///< vector 0
  bool gone = false;                        ///< the card vanished
};

/// The registers that both share, as the firmware sees them.
struct Shared {
  std::array<std::array<std::uint32_t, kMailboxSlots>, 2> low{}, high{};
  std::array<std::deque<std::uint32_t>, 2> owned;  ///< published, oldest first
  std::array<bool, 2> gate{}, settled{true, true};
};

/// Firmware and judge.
class Firmware {
 public:
  Shared shared;
  Answers answers;
  std::bitset<kRules> broken;
  unsigned reads = 0;  ///< of descriptors
  std::uint32_t last_sent = kMailboxSlots;

  /// A call of the driver begins.
  void begin(const Answers& a) {
    answers = a;
    reads = 0;
    last_sent = kMailboxSlots;
    pending_ = {2, 0};
  }

  std::uint32_t read32(Site site, RegAddr reg) {
    if (answers.gone) return ~0U;
    if (site == Site::kIntrStatus) return answers.raised ? 1U : 0U;
    const auto at = slot_at(reg);
    if (site == Site::kPresence) {
      if (at) unseen_.clear();
      if (!at) shared.settled = {!shared.gate[0], !shared.gate[1]};
      return 0;
    }
    if (!at) return 0;
    ++reads;
    return at->high ? read_high(*at) : read_low(*at);
  }

  void write32(RegAddr reg, std::uint32_t value) {
    if (reg == spec::PUL_OB_TLP_HDR_AW_CFG::at())
      return gate(kMailboxRx, spec::PUL_OB_TLP_HDR_AW_CFG{value}.BME() != 0);
    if (reg == spec::PUL_OB_TLP_HDR_AR_CFG::at())
      return gate(kMailboxTx, spec::PUL_OB_TLP_HDR_AR_CFG{value}.BME() != 0);
    const auto at = slot_at(reg);
    if (!at) return judge(kNoRegister, is_interrupt(reg));
    at->high ? write_high(*at, value) : write_low(*at, value);
    unseen_.insert(reg.byte_offset);
  }

  std::uint64_t load64(Site, const std::uint64_t*) { return 0; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    const auto offset = static_cast<std::uint32_t>(from - pages[kMailboxRx].data());
    const std::uint32_t slot = offset / kPageBytes;
    judge(kBadLength, offset % kPageBytes == 0 && n == answers.length && n <= kPageBytes);
    judge(kPageInUse, !owns(kMailboxRx, slot));
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    const unsigned m = allocated_++ % 2;
    return DmaSpan{pages[m].data(), DmaAddr{kPageAddress[m]}, bytes};
  }
  void dma_free(DmaSpan) {}

  void judge(Rule rule, bool kept) {
    if (!kept) broken.set(rule);
  }

 private:
  static bool is_interrupt(RegAddr reg) {
    return reg == spec::INTR_MASK_SET::at(0) || reg == spec::INTR_MASK_CLEAR::at(0) ||
           reg == spec::INTR_SW_AC_MODE::at(0) || reg == spec::INTR_CLEAR::at(0);
  }
  bool owns(std::uint32_t mailbox, std::uint32_t slot) const {
    const auto& owned = shared.owned[mailbox];
    return std::find(owned.begin(), owned.end(), slot) != owned.end();
  }
  bool visible(RegAddr reg) const { return !unseen_.contains(reg.byte_offset); }

  void gate(std::uint32_t mailbox, bool open) {
    shared.gate[mailbox] = open;
    shared.settled[mailbox] = false;
  }

  std::uint32_t read_low(const Slot& at) {
    auto& owned = shared.owned[at.mailbox];
    judge(kNotOldest, !owned.empty() && owned.front() == at.slot);
    judge(kReadTwice, pending_ != Key{at.mailbox, at.slot});
    if (answers.complete[at.mailbox] == 0 || owned.empty()) {
      pending_ = {at.mailbox, at.slot};
      return shared.low[at.mailbox][at.slot];
    }
    --answers.complete[at.mailbox];
    owned.pop_front();
    if (at.mailbox == kMailboxTx) last_sent = at.slot;
    if (at.mailbox == kMailboxRx) length_at_ = at.slot;
    return 2U | (answers.failed ? 4U : 0U);
  }

  std::uint32_t read_high(const Slot& at) {
    judge(kReadTwice, at.mailbox == kMailboxRx && length_at_ == at.slot);
    length_at_ = kMailboxSlots;
    return answers.length << 16;
  }

  void write_low(const Slot& at, std::uint32_t value) {
    const std::uint32_t m = at.mailbox, stop = (at.slot + 1) % kMailboxSlots;
    auto& owned = shared.owned[m];
    const bool publishes = (value & 3U) == 1U;
    const bool was_owned = owns(m, at.slot);
    if (was_owned && !publishes) {
      judge(kUnsettled, !shared.gate[m] && shared.settled[m]);
      std::erase(owned, at.slot);
    }
    judge(kOwnedTouched, !was_owned || (!publishes && !shared.gate[m]));
    shared.low[m][at.slot] = value;
    if (!publishes) return;
    owned.push_back(at.slot);
    pending_ = {2, 0};
    judge(kTooMany, owned.size() < kMailboxSlots);
    judge(kNoStop, shared.low[m][stop] == 0 && !owns(m, stop));
    judge(kUnordered,
          visible(spec::MBX_DESC_LO::at(m, stop)) && visible(spec::MBX_DESC_HI::at(m, at.slot)));
    judge(kGateShut, shared.gate[m]);
    const spec::MBX_DESC whole{std::uint64_t{shared.high[m][at.slot]} << 32 | value};
    judge(kWrongPage, whole.ADDR_8() << 3 == kPageAddress[m] + at.slot * kPageBytes &&
                          whole.LEN() <= kPageBytes && whole.LEN() >= kMailboxHeaderBytes);
  }

  void write_high(const Slot& at, std::uint32_t value) {
    judge(kOwnedTouched, !owns(at.mailbox, at.slot));
    judge(kTorn, (shared.low[at.mailbox][at.slot] & 3U) != 1U &&
                     visible(spec::MBX_DESC_LO::at(at.mailbox, at.slot)));
    shared.high[at.mailbox][at.slot] = value;
  }

  using Key = std::pair<std::uint32_t, std::uint32_t>;
  std::set<std::uint32_t> unseen_;  ///< written, perhaps not yet visible to the firmware
  Key pending_{2, 0};
  std::uint32_t length_at_ = kMailboxSlots;
  unsigned allocated_ = 0;
};

using Box = Mailbox<Firmware, NullObserver>;

/// What the driver does above the mailbox when a message comes.
enum class Reaction : std::uint8_t { kNone, kSend, kShutdown, kAbort };

struct Handler {
  Firmware& firmware;
  Box& box;
  Reaction reaction;

  void message(std::span<const std::byte> bytes, Time now) {
    firmware.judge(kBadLength, bytes.size() == firmware.answers.length);
    if (reaction == Reaction::kSend) send(box, now);
    if (reaction == Reaction::kShutdown) box.shutdown(now);
    if (reaction == Reaction::kAbort) box.abort(ErrorCode::kNotRunning);
  }
  void sent(std::uint16_t type, bool refused, Time) {
    firmware.judge(kWrongMessage,
                   type == firmware.last_sent + 1U && refused == firmware.answers.failed);
    firmware.last_sent = kMailboxSlots;
  }
  /// The type is the number of the slot that the message goes to, and one.
  static void send(Box& box, Time now) {
    const std::uint32_t slot = box.tx_ring().ring.tail;
    const std::array<std::byte, 4> bytes{std::byte(slot + 1U)};
    (void)box.send(bytes, now);
  }
};

struct Operation {
  enum class Kind : std::uint8_t { kStart, kSend, kStep, kInterrupt, kEnable, kShutdown, kAbort };
  Kind kind = Kind::kStep;
  Time now{};
  Answers answers;
  Reaction reaction = Reaction::kNone;
};

std::vector<Operation> all_operations() {
  using Kind = Operation::Kind;
  std::vector<Operation> all;
  for (const Kind kind : {Kind::kStart, Kind::kSend, Kind::kEnable, Kind::kShutdown, Kind::kAbort})
    all.push_back({kind, {}, {}, {}});
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
    all.push_back({Kind::kStep, {}, {.complete = {2, 0}}, r});
  all.push_back({Kind::kStep, {}, {.complete = {9, 9}, .gone = true}, {}});
  return all;
}

/// A mailbox and its firmware, at one moment.
struct Moment {
  Box box;
  Firmware firmware;
};

std::string key_of(const Moment& m) {
  const auto tx = m.box.tx_ring().ring, rx = m.box.rx_ring().ring;
  std::string key;
  for (const std::uint32_t n :
       {static_cast<std::uint32_t>(m.box.state()), tx.head, tx.tail, rx.head, rx.tail,
        std::uint32_t{m.firmware.shared.gate[0]}, std::uint32_t{m.firmware.shared.gate[1]}})
    key += std::to_string(n) + ",";
  return key + std::to_string(m.box.deadline().count());
}

/// The driver's word for who owns what is the firmware's.
bool same_ownership(const Moment& m) {
  const auto same = [&](const MailboxRing<std::uint32_t>& ring, std::uint32_t mailbox) {
    const auto& owned = m.firmware.shared.owned[mailbox];
    return owned.size() == ring.used() && (owned.empty() || owned.front() == ring.oldest());
  };
  return same(m.box.tx_ring(), kMailboxTx) && same(m.box.rx_ring(), kMailboxRx);
}

struct Search {
  std::size_t moments = 0;
  std::bitset<kRules> broken;
  std::set<MailboxState> states;
  bool valid = true, owned = true, quiet_is_shut = true, bounded = true;
  std::uint32_t most = 0;

  void run() {
    NullObserver observer;
    Firmware firmware;
    Door<Firmware, NullObserver> door(firmware, observer);
    Box box(door);
    (void)box.allocate();
    std::set<std::string> seen;
    std::deque<Moment> open;
    const std::vector<Operation> operations = all_operations();
    open.push_back({box, firmware});
    seen.insert(key_of(open.back()));
    while (!open.empty() && sound()) {
      const Moment from = std::move(open.back());
      open.pop_back();
      for (const Operation& operation : operations) {
        door.revive();
        box = from.box;
        firmware = from.firmware;
        apply(operation, box, firmware);
        const Moment now{box, firmware};
        look(now, operation);
        if (!operation.answers.gone && seen.insert(key_of(now)).second) open.push_back(now);
      }
    }
    moments = seen.size();
  }

 private:
  /// Nothing is broken so far.
  bool sound() const { return broken.none() && valid && owned && quiet_is_shut && bounded; }

  void apply(const Operation& o, Box& box, Firmware& firmware) {
    using Kind = Operation::Kind;
    firmware.begin(o.answers);
    Handler handler{firmware, box, o.reaction};
    switch (o.kind) {
      case Kind::kStart:
        return static_cast<void>(box.start(o.now, false));
      case Kind::kSend:
        return Handler::send(box, o.now);
      case Kind::kStep:
        return box.step(o.now, handler);
      case Kind::kInterrupt:
        return box.interrupt(o.now, handler);
      case Kind::kEnable:
        return box.enable_interrupt();
      case Kind::kShutdown:
        return box.shutdown(o.now);
      case Kind::kAbort:
        return box.abort(ErrorCode::kNotRunning);
    }
  }

  void look(const Moment& now, const Operation& operation) {
    const MailboxState state = now.box.state();
    const bool quiet = state == MailboxState::kDown || state == MailboxState::kFailed;
    broken |= now.firmware.broken;
    states.insert(state);
    most = std::max(most, now.box.sends_under_way());
    valid = valid && now.box.is_valid();
    bounded = bounded && now.firmware.reads <= 16U + 2U * kMailboxSlots;
    if (operation.answers.gone) return;  // nothing can be written to a card that is gone
    owned = owned && same_ownership(now);
    if (quiet)
      quiet_is_shut =
          quiet_is_shut && !now.firmware.shared.gate[0] && !now.firmware.shared.gate[1];
  }
};

}  // namespace

HNI_PROVE(mailbox_life,
          "In every state that any sequence of calls and of answers of the firmware can reach, "
          "both mailbox rings are valid, no descriptor or page of the firmware is touched, each "
          "word is read once and each call is bounded, messages come back once and in order, "
          "and the gates are shut when the mailbox is down (I1 to I5, I7, I8, S4).") {
  must_reach("down", "waiting", "ready", "draining", "failed", "full");
  Search found;
  found.run();
  const std::pair<MailboxState, const char*> names[] = {{MailboxState::kDown, "down"},
                                                        {MailboxState::kWaitFirmware, "waiting"},
                                                        {MailboxState::kReady, "ready"},
                                                        {MailboxState::kDraining, "draining"},
                                                        {MailboxState::kFailed, "failed"}};
  for (const auto& [state, name] : names) {
    if (found.states.contains(state)) reach(name);
  }
  if (found.most == kMailboxSlots - 1) reach("full");
  note(std::to_string(found.moments) + " states");
  for (unsigned rule = 0; rule < kRules; ++rule)
    conclude(kRuleText[rule].property, kRuleText[rule].text, !found.broken.test(rule));
  conclude("I2", "both rings are valid in every state", found.valid);
  conclude("I3", "driver and firmware agree on who owns what", found.owned);
  conclude("S4", "the gates are shut in every state in which the pages may be freed",
           found.quiet_is_shut);
  conclude("I7", "each call reads a bounded number of words", found.bounded);
}

HNI_REFUTE(mailbox_published_low_half_first, "I5",
           "Known mistake: the low half of a descriptor, which is the doorbell, is written before "
           "its high half.") {
  Firmware firmware;
  firmware.shared.gate = {true, true};
  firmware.write32(spec::MBX_DESC_LO::at(kMailboxTx, 1), 0);
  firmware.write32(spec::MBX_DESC_LO::at(kMailboxTx, 0), 1);
  firmware.write32(spec::MBX_DESC_HI::at(kMailboxTx, 0), 4U << 16);
  conclude("I5", kRuleText[kUnordered].text, !firmware.broken.test(kUnordered));
  conclude("I5", kRuleText[kTorn].text, !firmware.broken.test(kTorn));
}

HNI_REFUTE(mailbox_taken_away_behind_an_open_gate, "S4",
           "Known mistake: descriptors are invalidated while the firmware may still use them.") {
  Firmware firmware;
  firmware.shared.gate = {true, true};
  firmware.shared.owned[kMailboxTx] = {0};
  firmware.write32(spec::MBX_DESC_LO::at(kMailboxTx, 0), kMailboxSkip);
  conclude("S4", kRuleText[kUnsettled].text, !firmware.broken.test(kUnsettled));
}

}  // namespace hni::proofs
