// SPDX-License-Identifier: Apache-2.0
#pragma once

/// CheckedIo: the driver core's only access to a device. It turns registers into typed values
/// whose fields are untrusted, detects a removed device, counts refused input by site and reports
/// accesses to the observer.

#include <array>
#include <cstdint>

#include "driver/core/device_io.hpp"
#include "driver/core/observer.hpp"
#include "driver/core/untrusted.hpp"
#include "driver/core/words.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// What every read of a removed device returns.
inline constexpr std::uint32_t kAllOnes = 0xffffffffU;

/// Device access of one port.
template <DeviceIo Io, class Obs = NullObserver>
class CheckedIo {
 public:
  using Word32 = Untrusted<std::uint32_t>;  ///< a 32-bit value that the device controls
  using Word64 = Untrusted<std::uint64_t>;  ///< a 64-bit value that the device controls
  using Words = HostWords;                  ///< word types of the queue classes

  /// Binds an I/O backend to an observer; both must outlive it.
  /// @param device_io backend
  /// @param observer called on each access
  CheckedIo(Io& device_io, Obs& observer) : io(device_io), obs(observer) {}

  Io& io;    ///< the backend
  Obs& obs;  ///< the observer

  /// Reads one register.
  /// @param site input site that the value is accounted to
  /// @param at array indices of the register
  /// @return the register; its fields are untrusted
  template <class Reg, class... Index>
  [[nodiscard]] typename Reg::template of<Word32> read(Site site, Index... at) {
    return {Word32(read_at(site, Reg::at(static_cast<std::uint32_t>(at)...)))};
  }

  /// Writes one register; reserved bits are written as 0.
  /// @param value register value
  /// @param at array indices of the register
  template <class Reg, class... Index>
  void write(const Reg& value, Index... at) {
    write_at(Reg::at(static_cast<std::uint32_t>(at)...), value.to_write());
  }

  /// Writes one register including its reserved bits.
  /// @param word 32-bit value
  /// @param at array indices of the register
  template <class Reg, class... Index>
  void write_word(std::uint32_t word, Index... at) {
    write_at(Reg::at(static_cast<std::uint32_t>(at)...), word);
  }

  /// Reads the register at an address. If the value is all ones, a second register that never
  /// holds all ones is read; all ones there too means that the device was removed [device 2].
  /// @param site input site that the value is accounted to
  /// @param reg address
  /// @return the value; all ones without an access once removed
  [[nodiscard]] std::uint32_t read_at(Site site, RegAddr reg) {
    if (gone_) return kAllOnes;
    const std::uint32_t value = io.read32(site, reg);
    obs.reg_read(reg, value);
    if (value == kAllOnes) [[unlikely]]
      check_presence(reg);
    return value;
  }

  /// Writes the register at an address; no access once the device was removed.
  /// @param reg address
  /// @param value 32-bit value
  void write_at(RegAddr reg, std::uint32_t value) {
    if (gone_) return;
    obs.reg_written(reg, value);
    io.write32(reg, value);
  }

  /// Flushes posted writes to BAR0 by a read.
  void flush() { (void)read_at(Site::kPresence, spec::MASTER_SPARE_0::at()); }
  /// Flushes posted writes to BAR4 by a read.
  void flush_mailbox() { (void)read_at(Site::kPresence, spec::MBX_DESC_LO::at(0, 0)); }

  /// Writes a doorbell without the presence check: a write to a removed device has no effect.
  /// @param reg address of the doorbell
  /// @param value new head or tail
  void doorbell(RegAddr reg, std::uint32_t value) {
    obs.reg_written(reg, value);
    io.write32(reg, value);
  }

  /// Loads a descriptor word once.
  /// @param site input site that the value is accounted to
  /// @param word address in DMA memory
  /// @return the untrusted value
  [[nodiscard]] Word64 load(Site site, const std::uint64_t* word) {
    return Word64(io.load64(site, word));
  }

  /// Reports the completions that a poll consumed to the observer. Reads them again, for the
  /// report only.
  /// @param queue queue pair
  /// @param ring kTcq or kRcq
  /// @param words the ring
  /// @param end slot after the last completion
  /// @param count completions consumed
  /// @param size slots of the ring, a power of two
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

  /// Counts and reports a value that violated its limit. The reaction is up to the caller.
  /// @param site input site
  /// @param value offending value
  /// @param limit the limit that it violated
  [[gnu::cold]] void refuse(Site site, std::uint64_t value, std::uint64_t limit) {
    ++refused_[static_cast<std::size_t>(site)];
    obs.input_refused(site, value, limit);
  }

  /// @return true once the device answered all ones twice; sticky until revive()
  [[nodiscard]] bool gone() const { return gone_; }
  /// Ends the removed state, for an attach to a new device.
  void revive() { gone_ = false; }

  /// @return number of refused values per input site
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
