// SPDX-License-Identifier: Apache-2.0
#pragma once
// Raw storage of both register BARs, and the generic behaviour that the register spec gives every
// word: access masks, write-one-to-clear, write-one-to-set, clear-on-read, single-pulse bits, and
// the counted events for unknown, read-only and partly modelled registers and for actions that the
// spec forbids. Registers with behaviour of their own (queues, interrupts, link, counters, clock)
// are handled by their modules; the card still asks this class to note every access.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/events.hpp"
#include "openhni/spec/device_table.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

/// BAR sizes [device 1]. Storage ends with the last register.
inline constexpr std::uint32_t kBar0Bytes = 0x200000;
inline constexpr std::uint32_t kBar4Bytes = 0x20000;
inline constexpr std::uint32_t kBar0StoredBytes = 0x180000;

class RegisterFile {
 public:
  /// The only place that allocates. The first one of a process builds what all of them share: the
  /// word index and the reset values, from spec::registers().
  RegisterFile();

  /// Every word gets its reset value. Events are kept.
  void reset();

  /// Raw access without side effects. Offsets outside the storage read 0 and swallow writes.
  std::uint32_t peek(spec::RegAddr at) const {
    const Bank& bank = bank_of(at.bar);
    const std::uint32_t word = at.byte_offset / 4;
    return word < bank.words ? bank.shown[word / kPageWords][word % kPageWords] : 0;
  }
  void poke(spec::RegAddr at, std::uint32_t value) {
    Bank& bank = bank_of(at.bar);
    const std::uint32_t word = at.byte_offset / 4;
    if (word >= bank.words) return;
    std::uint32_t* const own = bank.own.get() + word / kPageWords * kPageWords;
    if (bank.shown[word / kPageWords] != own) [[unlikely]]
      take_page(bank, word / kPageWords);
    own[word % kPageWords] = value;
  }

  /// Typed raw access: `regs.peek<spec::RPC_RMI_CONFIG>().ENABLE()`,
  /// `regs.peek<spec::RPC_TCAM_ACT>(word, entry).raw`.
  template <class REG, class... Index>
  REG peek(Index... index) const {
    REG out{};
    out.raw = peek(REG::at(static_cast<std::uint32_t>(index)...));
    return out;
  }
  template <class REG, class... Index>
  void poke(REG value, Index... index) {
    poke(REG::at(static_cast<std::uint32_t>(index)...), value.raw);
  }

  /// Counts what an access means (unknown, read-only, partly modelled, forbidden action). True
  /// when the word is known.
  bool note_read(spec::RegAddr at);
  bool note_write(spec::RegAddr at, std::uint32_t value);

  /// The generic behaviour, after note_read / note_write. read() applies clear-on-read; write()
  /// applies the write mask, W1C, W1S and single-pulse bits, and returns the value that is stored
  /// afterwards.
  std::uint32_t read(spec::RegAddr at);
  std::uint32_t write(spec::RegAddr at, std::uint32_t value);

  /// Software-writable bits of a word (0 for unknown ones).
  std::uint32_t write_mask(spec::RegAddr at) const;
  bool known(spec::RegAddr at) const;
  const char* name(spec::RegAddr at) const;

  CardEvents& events() { return events_; }
  const CardEvents& events() const { return events_; }

 private:
  static constexpr std::uint32_t kPageWords = 1024;
  static_assert(kBar0StoredBytes / 4 % kPageWords == 0 && kBar4Bytes / 4 % kPageWords == 0);

  /// What never changes of a BAR.
  struct Plan {
    std::vector<std::uint32_t> reset;
    std::vector<std::uint16_t> info;  // index into spec::registers() plus 1; 0 = unknown
    std::vector<std::uint8_t> high;   // 1: the upper half of a 64-bit register
  };
  struct Rule {
    std::uint16_t index = 0;  // into spec::action_rules()
    bool same_shape = false;  // both registers have the same array dimensions
  };
  struct Shared {
    std::array<Plan, 2> plans;
    std::vector<std::vector<Rule>> rules;  // by register: what a write to it must meet
  };
  /// Values of a BAR. A page that was not written since the reset is shown from the plan: a driver
  /// touches few of them, so neither a new card nor a reset has to copy them all.
  struct Bank {
    const Plan* plan = nullptr;
    std::uint32_t words = 0;
    std::vector<const std::uint32_t*> shown;  // a page of `plan->reset` or of `own`
    std::unique_ptr<std::uint32_t[]>
        own;  // `words`; those of a page that is not shown mean nothing
  };
  /// Access masks of one 32-bit word, cut out of the register's description.
  struct WordMasks {
    std::uint32_t read = 0, write = 0, w1c = 0, w1s = 0, clear_on_read = 0, pulse = 0;
  };

  static const Shared& shared();
  static void take_page(Bank& bank, std::uint32_t page);

  Bank& bank_of(spec::Bar bar) { return banks_[bar == spec::Bar::kBar0 ? 0 : 1]; }
  const Bank& bank_of(spec::Bar bar) const { return banks_[bar == spec::Bar::kBar0 ? 0 : 1]; }
  unsigned info_of(spec::RegAddr at) const;
  WordMasks masks_of(spec::RegAddr at) const;
  void check_rules(unsigned reg, spec::RegAddr at, std::uint32_t value);

  std::span<const spec::RegInfo> registers_;
  std::span<const spec::ActionRule> action_rules_;
  const Shared& shared_;
  std::array<Bank, 2> banks_;
  CardEvents events_;
};

}  // namespace hni::device
