// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The CheckedIo: all that the rest of the core sees of a card. It turns registers into typed values
/// whose fields are untrusted, runs the "is the card gone?" protocol, counts refused input by site
/// and tells the observer.

#include <array>
#include <cstdint>

#include "driver/core/device_io.hpp"
#include "driver/core/observer.hpp"
#include "driver/core/untrusted.hpp"
#include "driver/core/words.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

inline constexpr std::uint32_t kAllOnes = 0xffffffffU;

template <DeviceIo Io, class Obs = NullObserver>
class CheckedIo {
 public:
  using Word32 = Untrusted<std::uint32_t>;
  using Word64 = Untrusted<std::uint64_t>;
  using Words = HostWords;

  CheckedIo(Io& device_io, Obs& observer) : io(device_io), obs(observer) {}

  Io& io;
  Obs& obs;

  /// Reads register Reg (array indices in `at`) under the name `site`.
  template <class Reg, class... Index>
  [[nodiscard]] typename Reg::template of<Word32> read(Site site, Index... at) {
    return {Word32(read_at(site, Reg::at(static_cast<std::uint32_t>(at)...)))};
  }

  /// Writes the whole register; reserved bits are masked off.
  template <class Reg, class... Index>
  void write(const Reg& value, Index... at) {
    write_at(Reg::at(static_cast<std::uint32_t>(at)...), value.to_write());
  }

  /// Writes `word` as it is, reserved bits included.
  template <class Reg, class... Index>
  void write_word(std::uint32_t word, Index... at) {
    write_at(Reg::at(static_cast<std::uint32_t>(at)...), word);
  }

  /// One read of the register at `reg`. All ones is checked against a register that never reads
  /// all ones; if that is all ones too, the card is gone for good [device 2].
  [[nodiscard]] std::uint32_t read_at(Site site, RegAddr reg) {
    if (gone_) return kAllOnes;
    const std::uint32_t value = io.read32(site, reg);
    obs.reg_read(reg, value);
    if (value == kAllOnes) [[unlikely]]
      check_presence(reg);
    return value;
  }

  void write_at(RegAddr reg, std::uint32_t value) {
    if (gone_) return;
    obs.reg_written(reg, value);
    io.write32(reg, value);
  }

  /// Orders all earlier writes to BAR0 before anything later.
  void flush() { (void)read_at(Site::kPresence, spec::MASTER_SPARE_0::at()); }
  /// The same for BAR4.
  void flush_mailbox() { (void)read_at(Site::kPresence, spec::MBX_DESC_LO::at(0, 0)); }

  /// Doorbells do not go through the presence check: writes to a vanished card vanish.
  void doorbell(RegAddr reg, std::uint32_t value) {
    obs.reg_written(reg, value);
    io.write32(reg, value);
  }

  [[nodiscard]] Word64 load(Site site, const std::uint64_t* word) {
    return Word64(io.load64(site, word));
  }

  /// Tells the observer the `count` completions of a ring of `size` words that lie before `end`:
  /// what a poll consumed. Only the report reads them again, nothing is decided by it.
  [[gnu::cold, gnu::noinline]] void trace_completions(QueueId queue, RingKind ring,
                                                      const std::uint64_t* words,
                                                      std::uint32_t end, std::uint32_t count,
                                                      std::uint32_t size) {
    const Site site = ring == RingKind::kTcq ? Site::kTcqWord : Site::kRcqWord;
    for (; count != 0; --count) {
      const std::uint32_t slot = (end - count) & (size - 1);
      obs.completion_read(queue, ring, slot, io.load64(site, words + slot));
    }
  }

  /// A value of the card that broke its rule: counted and told. The caller carries out the
  /// reaction.
  [[gnu::cold]] void refuse(Site site, std::uint64_t value, std::uint64_t limit) {
    ++refused_[static_cast<std::size_t>(site)];
    obs.input_refused(site, value, limit);
  }

  /// Sticky until revive(): the card answered all ones twice.
  [[nodiscard]] bool gone() const { return gone_; }
  void revive() { gone_ = false; }

  [[nodiscard]] const std::array<std::uint64_t, kSiteCount>& refused() const { return refused_; }

 private:
  [[gnu::cold]] void check_presence(RegAddr reg) {
    const RegAddr witness =
        reg.bar == Bar::kBar0 ? spec::MASTER_SPARE_0::at() : spec::MBX_DESC_LO::at(0, 0);
    if (reg == witness || io.read32(Site::kPresence, witness) == kAllOnes) {
      gone_ = true;
      refuse(Site::kPresence, kAllOnes, 0);
    }
  }

  bool gone_ = false;
  std::array<std::uint64_t, kSiteCount> refused_{};
};

}  // namespace hni
