// SPDX-License-Identifier: Apache-2.0
// Firmware with arbitrary responses that checks each write of the mailbox against what it may
// observe.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "driver/core/observer.hpp"
#include "driver/firmware/mailbox.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
// Each proof that includes this file has its own copy.
namespace {

constexpr std::uint32_t kPageBytes = kMailboxPageBytes;
// One additional page, which must never be accessed.
alignas(8) std::array<std::array<std::byte, (kMailboxSlots + 1) * kPageBytes>, 2> pages;
constexpr std::byte kUnused{0xaa};
constexpr std::array<std::uint64_t, 2> kPageAddress{0x100000, 0x200000};

/// Violations that must never occur.
enum Rule : unsigned {
  kOwnedTouched,  // writing a descriptor that the firmware owns while DMA is enabled
  kTooMany,       // giving the firmware all 16 descriptors
  kNoStop,        // publishing without a stop descriptor after it
  kUnordered,     // publishing before the message is visible
  kTorn,          // changing the high half of a descriptor under a valid low half
  kGateShut,      // publishing while DMA is disabled
  kWrongPage,     // a descriptor that refers to another slot's page
  kNotOldest,     // reading a descriptor that is not the oldest one that the firmware owns
  kReadTwice,     // reading a word of the firmware twice for one decision
  kPageInUse,     // copying a page that the firmware may write
  kBadLength,     // bytes outside the page, or a length that differs from the firmware's
  kWrongMessage,  // passing a message to the handler that is not the completed one
  kUnsettled,     // reclaiming descriptors before DMA is known to be disabled
  kNoRegister,    // writing a register that does not belong to the mailbox
  kDirtyPage,     // publishing a page with stale bytes after its message
  kOtherVector,   // writing an interrupt register for another vector
  kBadGate,       // writing an enable register with bits other than those of the reference
  kUntold,        // reporting to the observer something that did not happen
  kRules
};
constexpr struct {
  const char* property;
  const char* text;
} kRuleText[kRules] = {
    {"I3", "no descriptor of the firmware is written"},
    {"I2", "at most 15 descriptors are the firmware's"},
    {"I5", "the slot after a published descriptor is a stop"},
    {"I5", "stop and high half are visible before the low half"},
    {"I5", "a high half changes only under an invalid, visible low half"},
    {"S4", "nothing is published while the gate is shut"},
    {"I1", "a descriptor names the page of its slot"},
    {"I4", "only the oldest descriptor of the firmware is looked at"},
    {"I8", "each word of the firmware is read once"},
    {"I3", "no page is copied that the firmware may write, and messages are handed on as copies"},
    {"I1", "what is copied has the firmware's length and lies in the page"},
    {"I4", "each message comes back once, in order"},
    {"S4", "descriptors are reclaimed only while DMA is disabled"},
    {"S4", "no other register is written"},
    {"I4", "the message is published, with zeros after it"},
    {"S4", "only vector 0 is masked, cleared and taken out of the automatic clearing"},
    {"S4", "the gates are opened and shut with the bits of the reference"},
    {"F", "each descriptor and each message is reported to the observer once"},
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

/// The firmware's responses during one call of the driver.
struct Answers {
  std::array<std::uint32_t, 2> complete{};  ///< number of completions, per mailbox
  bool failed = false;                      ///< with FW_ERR
  std::uint32_t length = 4;                 ///< lengths of received messages
  bool raised = false;                      ///< vector 0
  bool gone = false;                        ///< the card is removed
  bool gone_at_length = false;              ///< the card is removed when a length is read
};

/// The message type that is sent through a slot, derived from the bits of the slot number.
constexpr std::uint16_t type_at(std::uint32_t slot) {
  return static_cast<std::uint16_t>(0x500U | (slot + 1U));
}
/// A message of that type; the bits above the type are arbitrary.
constexpr std::array<std::byte, 4> message_at(std::uint32_t slot) {
  return {std::byte(slot + 1U), std::byte{0xf5}, std::byte{0}, std::byte{0}};
}
/// The first byte of the message that is received through a slot.
constexpr std::byte mark_at(std::uint32_t slot) {
  return std::byte(0x40U + slot);
}

/// The registers that driver and firmware share, as the firmware sees them; initially stale.
struct Shared {
  std::array<std::array<std::uint32_t, kMailboxSlots>, 2> low{}, high{};
  std::array<std::deque<std::uint32_t>, 2> owned;  ///< published slots, oldest first
  std::array<bool, 2> gate{}, settled{true, true};

  Shared() {
    for (std::uint32_t m = 0; m < 2; ++m) {
      low[m].fill(kStale);
      high[m].fill(kStale);
    }
  }
  /// The firmware skips all descriptors and stops at slot 0 [device 4.3].
  bool is_reset(std::uint32_t m) const {
    bool reset = !gate[m] && owned[m].empty() && low[m][0] == 0;
    for (std::uint32_t s = 0; s < kMailboxSlots; ++s)
      reset = reset && high[m][s] == 0 && (s == 0 || low[m][s] == kMailboxSkip);
    return reset;
  }
  static constexpr std::uint32_t kStale = 0x5aa50002;
  bool unmasked = false;  ///< vector 0
};

/// Ring, slot: a descriptor that was published or reclaimed. Bytes, type: a message that was sent.
using Pair = std::pair<std::uint32_t, std::uint32_t>;

/// The effects of one call of the driver, as seen by the firmware and the observer.
struct Events {
  std::vector<Pair> published, completed, sent;
  std::vector<std::uint64_t> refused;  ///< lengths
  bool operator==(const Events&) const = default;
};

/// The mailbox's observer.
struct Reporter : NullObserver {
  Events traced;
  /// a report with a wrong queue, ring size or limit, or for several slots at once
  bool odd = false;

  void ring_posted(QueueId queue, RingKind ring, std::uint32_t slot, std::uint32_t n,
                   std::uint32_t mask) {
    traced.published.push_back(place(queue, ring, slot, n, mask));
  }
  void ring_completed(QueueId queue, RingKind ring, std::uint32_t slot, std::uint32_t n,
                      std::uint32_t mask) {
    traced.completed.push_back(place(queue, ring, slot, n, mask));
  }
  void message_sent(std::uint16_t type, std::uint32_t bytes, Time) {
    traced.sent.emplace_back(bytes, type);
  }
  void input_refused(Site site, std::uint64_t value, std::uint64_t limit) {
    if (site != Site::kMailboxLength) return;
    traced.refused.push_back(value);
    odd = odd || limit != kPageBytes;
  }

 private:
  Pair place(QueueId queue, RingKind ring, std::uint32_t slot, std::uint32_t n,
             std::uint32_t mask) {
    odd = odd || raw(queue) != 0 || n != 1 || mask != kMailboxSlots - 1 ||
          (ring != RingKind::kMailboxTx && ring != RingKind::kMailboxRx);
    return {ring == RingKind::kMailboxTx ? kMailboxTx : kMailboxRx, slot};
  }
};

/// Firmware and judge.
class FirmwareClient {
 public:
  /// More messages than both rings hold, several times over.
  static constexpr unsigned kMaxWrites = 4096;

  Shared shared;
  Answers answers;
  std::bitset<kRules> broken;
  unsigned reads = 0;   ///< of descriptors
  unsigned writes = 0;  ///< of any register
  std::uint32_t last_sent = kMailboxSlots;
  std::uint32_t last_received = kMailboxSlots;
  bool relaxed = false;  ///< what the driver was started with
  Events seen;
  MailboxCounters counted;  ///< expected increments of the counters in this call
  unsigned sends_invalidated = 0;
  bool cleared = false;  ///< cause of vector 0, before any descriptor was read

  /// Starts a call of the driver.
  void begin(const Answers& a) {
    answers = a;
    reads = writes = 0;
    last_sent = last_received = kMailboxSlots;
    pending_ = {2, 0};
    seen = {};
    counted = {};
    cleared = false;
    sends_invalidated = 0;
  }

  std::uint32_t read32(Site site, RegAddr reg) {
    if (answers.gone) return ~0U;
    if (site == Site::kIntrStatus) {
      judge(kNoRegister, reg == spec::INTR_STATUS::at(0));
      return answers.raised ? 1U : 0U;
    }
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
    if (++writes > kMaxWrites) {
      conclude("I7", "each call writes a bounded number of words", false);
      end_path();
    }
    if (reg == spec::PUL_OB_TLP_HDR_AW_CFG::at()) return write_gate(value);
    if (reg == spec::PUL_OB_TLP_HDR_AR_CFG::at()) return read_gate(value);
    const auto at = slot_at(reg);
    if (!at) return interrupt_register(reg, value);
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
    judge(kReadTwice, slot == uncopied_);
    uncopied_ = kMailboxSlots;
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    const unsigned m = allocated_++ % 2;
    pages[m].fill(kUnused);
    return DmaSpan{pages[m].data(), DmaAddr{kPageAddress[m]}, bytes};
  }
  void dma_free(DmaSpan) {}

  void judge(Rule rule, bool kept) {
    if (!kept) broken.set(rule);
  }

 private:
  /// Vector 0 keeps its cause until it is cleared; all others clear automatically.
  void interrupt_register(RegAddr reg, std::uint32_t value) {
    const bool mode = reg == spec::INTR_SW_AC_MODE::at(0);
    const bool masks = reg == spec::INTR_MASK_SET::at(0);
    const bool unmasks = reg == spec::INTR_MASK_CLEAR::at(0);
    judge(kNoRegister, mode || masks || unmasks || reg == spec::INTR_CLEAR::at(0));
    judge(kOtherVector, value == (mode ? ~1U : 1U));
    if (reg == spec::INTR_CLEAR::at(0)) cleared = cleared || reads == 0;
    if (masks) shared.unmasked = false;
    if (unmasks) shared.unmasked = true;
  }
  void write_gate(std::uint32_t value) {
    const std::uint32_t attributes = relaxed ? 2 : 0;
    const auto open = spec::PUL_OB_TLP_HDR_AW_CFG{}.set_BME(1).set_RDE_ATTR(attributes);
    judge(kBadGate, value == spec::PUL_OB_TLP_HDR_AW_CFG{open}.set_TQM_ATTR(attributes).raw ||
                        value == spec::PUL_OB_TLP_HDR_AW_CFG{}.set_FLUSH(1).set_FLUSH_MODE(1).raw);
    gate(kMailboxRx, spec::PUL_OB_TLP_HDR_AW_CFG{value}.BME() != 0);
  }
  void read_gate(std::uint32_t value) {
    const std::uint32_t attributes = relaxed ? 2 : 0;
    const auto open = spec::PUL_OB_TLP_HDR_AR_CFG{}.set_BME(1).set_TDE_ATTR(attributes);
    judge(kBadGate, value == spec::PUL_OB_TLP_HDR_AR_CFG{open}
                                 .set_RQM_ATTR(attributes)
                                 .set_TQM_ATTR(attributes)
                                 .raw ||
                        value == spec::PUL_OB_TLP_HDR_AR_CFG{}.set_FLUSH(1).raw);
    gate(kMailboxTx, spec::PUL_OB_TLP_HDR_AR_CFG{value}.BME() != 0);
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
    seen.completed.emplace_back(at.mailbox, at.slot);
    at.mailbox == kMailboxTx ? complete_sent(at.slot) : complete_received(at.slot);
    return 2U | (answers.failed ? 4U : 0U);
  }

  void complete_sent(std::uint32_t slot) {
    last_sent = slot;
    counted.send_refused += answers.failed ? 1U : 0U;
  }

  /// The firmware writes its message and arbitrary bytes after it.
  void complete_received(std::uint32_t slot) {
    length_at_ = slot;
    std::memset(pages[kMailboxRx].data() + slot * kPageBytes, std::to_integer<int>(mark_at(slot)),
                kPageBytes);
    const std::uint32_t n = answers.length;
    if (answers.failed) {
      ++counted.receive_failed;
    } else if (n == 0) {
      ++counted.receive_empty;
    } else if (n < kMailboxHeaderBytes || n > kPageBytes) {
      ++counted.receive_bad;
      seen.refused.push_back(n);
    } else {
      ++counted.received;
      last_received = uncopied_ = slot;
    }
  }

  /// Checks for the expected message followed by zeros only, then overwrites the page with stale
  /// bytes, as in use.
  void look_at_page(std::uint32_t m, std::uint32_t slot, std::uint32_t bytes) {
    std::byte* page = pages[m].data() + slot * kPageBytes;
    const auto message = message_at(slot);
    if (m == kMailboxTx) {
      judge(kDirtyPage, std::memcmp(page, message.data(), message.size()) == 0);
      std::memset(page, 0, message.size());
      judge(kDirtyPage, page[kPageBytes] == kUnused && (slot == 0 || page[-1] == kUnused));
      seen.sent.emplace_back(bytes, type_at(slot));
      ++counted.sent;
    }
    judge(kDirtyPage, page[0] == std::byte{0} && std::memcmp(page, page + 1, kPageBytes - 1) == 0);
    std::memset(page, std::to_integer<int>(kUnused), kPageBytes);
  }

  std::uint32_t read_high(const Slot& at) {
    judge(kReadTwice, at.mailbox == kMailboxRx && length_at_ == at.slot);
    length_at_ = kMailboxSlots;
    answers.gone = answers.gone || answers.gone_at_length;
    if (answers.gone) return ~0U;
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
    if (!publishes && m == kMailboxTx) ++sends_invalidated;
    if (!publishes) return;
    owned.push_back(at.slot);
    pending_ = {2, 0};
    judge(kTooMany, owned.size() < kMailboxSlots);
    judge(kNoStop, shared.low[m][stop] == 0 && !owns(m, stop));
    judge(kUnordered,
          visible(spec::MBX_DESC_LO::at(m, stop)) && visible(spec::MBX_DESC_HI::at(m, at.slot)));
    judge(kGateShut, shared.gate[m]);
    seen.published.emplace_back(m, at.slot);
    const spec::MBX_DESC whole{std::uint64_t{shared.high[m][at.slot]} << 32 | value};
    judge(kWrongPage, whole.ADDR_8() << 3 == kPageAddress[m] + at.slot * kPageBytes &&
                          whole.LEN() == (m == kMailboxTx ? message_at(0).size() : kPageBytes) &&
                          whole.EOM() == (m == kMailboxTx ? 1U : 0U));
    look_at_page(m, at.slot, static_cast<std::uint32_t>(whole.LEN()));
  }

  void write_high(const Slot& at, std::uint32_t value) {
    judge(kOwnedTouched, !owns(at.mailbox, at.slot));
    judge(kTorn, (shared.low[at.mailbox][at.slot] & 3U) != 1U &&
                     visible(spec::MBX_DESC_LO::at(at.mailbox, at.slot)));
    shared.high[at.mailbox][at.slot] = value;
  }

  using Key = std::pair<std::uint32_t, std::uint32_t>;
  std::set<std::uint32_t> unseen_;  ///< written, but possibly not visible to the firmware yet
  Key pending_{2, 0};
  std::uint32_t length_at_ = kMailboxSlots;
  std::uint32_t uncopied_ = kMailboxSlots;  ///< the slot of a message that was not copied yet
  unsigned allocated_ = 0;
};

using Box = Mailbox<FirmwareClient, Reporter>;

}  // namespace
}  // namespace hni::proofs
