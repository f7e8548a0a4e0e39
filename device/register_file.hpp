// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Raw storage of both register BARs, and the generic behaviour that the spec defines for every
/// word: access masks, write-one-to-clear, write-one-to-set, clear-on-read, single-pulse bits, and
/// the counts for unknown, read-only and partly modelled registers and for actions that the spec
/// forbids. Registers with behaviour of their own (queues, interrupts, link, counters, clock) are
/// handled by their modules; the card still reports every access to this class.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/events.hpp"
#include "openhni/spec/device_table.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

inline constexpr std::uint32_t kBar0Bytes = 0x200000;  ///< bytes of BAR 0 [device 1]
inline constexpr std::uint32_t kBar4Bytes = 0x20000;   ///< bytes of BAR 4 [device 1]
/// the storage ends with the last register
inline constexpr std::uint32_t kBar0StoredBytes = 0x180000;

/// Register storage of one card.
class RegisterFile {
 public:
  /// Allocates the storage. The first one of a process also builds what all share: the word index
  /// and the reset values, from spec::registers().
  RegisterFile();

  /// Resets every word. Events are kept.
  void reset();

  /// Reads without side effects; 0 outside the storage.
  /// @param at address
  /// @return the word
  std::uint32_t peek(spec::RegAddr at) const {
    const Bank& bank = bank_of(at.bar);
    const std::uint32_t word = at.byte_offset / 4;
    return word < bank.words ? bank.shown[word / kPageWords][word % kPageWords] : 0;
  }
  /// Writes without side effects; ignored outside the storage.
  /// @param at address
  /// @param value the word
  void poke(spec::RegAddr at, std::uint32_t value) {
    Bank& bank = bank_of(at.bar);
    const std::uint32_t word = at.byte_offset / 4;
    if (word >= bank.words) return;
    std::uint32_t* const own = bank.own.get() + word / kPageWords * kPageWords;
    if (bank.shown[word / kPageWords] != own) [[unlikely]]
      take_page(bank, word / kPageWords);
    own[word % kPageWords] = value;
  }

  /// Reads a typed register without side effects: `regs.peek<spec::RPC_RMI_CONFIG>().ENABLE()`,
  /// `regs.peek<spec::RPC_TCAM_ACT>(word, entry).raw`.
  /// @param index array indices
  /// @return the register
  template <class REG, class... Index>
  REG peek(Index... index) const {
    REG out{};
    out.raw = peek(REG::at(static_cast<std::uint32_t>(index)...));
    return out;
  }
  /// Writes a typed register without side effects.
  /// @param value the register
  /// @param index array indices
  template <class REG, class... Index>
  void poke(REG value, Index... index) {
    poke(REG::at(static_cast<std::uint32_t>(index)...), value.raw);
  }

  /// Counts what a read means (unknown, partly modelled).
  /// @param at address
  /// @return true if the word is known
  bool note_read(spec::RegAddr at) {
    const unsigned info = info_of(at);
    return shared_.access[info].ordinary_read || note_unusual_read(at, info);
  }
  /// Counts what a write means (unknown, read-only, partly modelled, forbidden action).
  /// @param at address
  /// @param value the word
  /// @return true if the word is known
  bool note_write(spec::RegAddr at, std::uint32_t value) {
    const unsigned info = info_of(at);
    return shared_.access[info].ordinary_write || note_unusual_write(at, value, info);
  }

  /// Reads with the generic behaviour (clear-on-read), after note_read().
  /// @param at address
  /// @return the word
  std::uint32_t read(spec::RegAddr at);
  /// Writes with the generic behaviour (write mask, W1C, W1S, single pulse), after note_write().
  /// @param at address
  /// @param value the word
  /// @return the word that is stored
  std::uint32_t write(spec::RegAddr at, std::uint32_t value);

  /// Returns the software-writable bits of a word.
  /// @param at address
  /// @return mask; 0 if the word is unknown
  std::uint32_t write_mask(spec::RegAddr at) const;
  /// Tests whether the spec names a word.
  /// @param at address
  /// @return true if so
  bool known(spec::RegAddr at) const;
  /// Returns the name of a word's register.
  /// @param at address
  /// @return null if it is unknown
  const char* name(spec::RegAddr at) const;

  /// @return the event counts, mutable
  CardEvents& events() { return events_; }
  /// @return the event counts
  const CardEvents& events() const { return events_; }

 private:
  static constexpr std::uint32_t kPageWords = 1024;
  static_assert(kBar0StoredBytes / 4 % kPageWords == 0 && kBar4Bytes / 4 % kPageWords == 0);

  /// The constant part of a BAR.
  struct Plan {
    std::vector<std::uint32_t> reset;
    std::vector<std::uint16_t> info;  // index into spec::registers() plus 1; 0 = unknown
    std::vector<std::uint8_t> high;   // 1: the upper half of a 64-bit register
  };
  struct Rule {
    std::uint16_t index = 0;       // into spec::action_rules()
    bool same_shape = false;       // both registers have the same array dimensions
    bool on_nonzero_only = false;  // as spec::ActionRule
    spec::RegAddr condition{};     // with the same shape: of the first element
    std::uint32_t first_byte = 0;  // of the written register
    std::uint32_t cond_mask = 0;   // as spec::ActionRule
    std::uint32_t cond_value = 0;  // as spec::ActionRule
  };
  /// Access masks of one 32-bit word, from the register's description.
  struct WordMasks {
    std::uint32_t read = 0, write = 0, w1c = 0, w1s = 0, clear_on_read = 0, pulse = 0;
  };
  /// What accesses need of a register's description, in little memory.
  struct Access {
    bool ordinary_read = true;         // a read counts nothing
    bool ordinary_write = true;        // a write counts nothing and has no rules
    bool only_name = false;            // known only by name
    bool read_only = false;            // no writable bit
    std::array<WordMasks, 2> masks{};  // low and high word
  };
  struct Shared {
    std::array<Plan, 2> plans;
    std::vector<std::vector<Rule>> rules;  // by register: conditions of a legal write
    std::vector<Access> access;            // by register plus 1; [0]: unknown
  };
  /// Values of a BAR. A page that was not written since the reset is read from the plan. A driver
  /// writes few pages, so neither a new card nor a reset has to copy all reset values.
  struct Bank {
    const Plan* plan = nullptr;
    std::uint32_t words = 0;
    std::vector<const std::uint32_t*> shown;  // a page of `plan->reset` or of `own`
    std::unique_ptr<std::uint32_t[]>
        own;  // `words` words; unused where `shown` is the plan's page
  };

  static const Shared& shared();
  static Access access_of(const spec::RegInfo& reg, bool has_rules);
  static void take_page(Bank& bank, std::uint32_t page);

  Bank& bank_of(spec::Bar bar) { return banks_[bar == spec::Bar::kBar0 ? 0 : 1]; }
  const Bank& bank_of(spec::Bar bar) const { return banks_[bar == spec::Bar::kBar0 ? 0 : 1]; }
  unsigned info_of(spec::RegAddr at) const {
    const Bank& bank = bank_of(at.bar);
    const std::uint32_t word = at.byte_offset / 4;
    return (at.byte_offset & 3) == 0 && word < bank.words ? bank.plan->info[word] : 0;
  }
  const WordMasks& masks_of(spec::RegAddr at) const {
    const unsigned info = info_of(at);
    const bool high = info != 0 && bank_of(at.bar).plan->high[at.byte_offset / 4] != 0;
    return shared_.access[info].masks[high ? 1 : 0];
  }
  bool note_unusual_read(spec::RegAddr at, unsigned info);
  bool note_unusual_write(spec::RegAddr at, std::uint32_t value, unsigned info);

  std::span<const spec::RegInfo> registers_;
  std::span<const spec::ActionRule> action_rules_;
  const Shared& shared_;
  std::array<Bank, 2> banks_;
  CardEvents events_;
};

}  // namespace hni::device
