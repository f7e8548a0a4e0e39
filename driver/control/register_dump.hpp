// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The register dump in the layout of `ethtool -d` for fbnic, version 1 [device 2.1, 21], so that
/// ethtool's decoder reads it: twenty sections, each its first and last word index and then its
/// registers. The last section, the classifier's memory, is dumped entry by entry.
///
/// About 151,000 reads: a caller splits it into pieces. Reading clears the FEC counters, so read
/// the statistics before.

#include <array>
#include <cstdint>
#include <span>

#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

inline constexpr std::uint32_t kDumpVersion = 1;  ///< version of the layout

namespace dump_detail {

/// A section: word indices of BAR0, both inclusive.
struct Section {
  std::uint32_t first;  ///< word index
  std::uint32_t last;   ///< word index
  /// @return registers in the section
  [[nodiscard]] constexpr std::uint32_t words() const { return last - first + 1; }
};

/// All sections, in their order in the dump.
inline constexpr auto kSections = std::to_array<Section>({
    {0x00000, 0x0005f},  // INTR
    {0x00400, 0x007fe},  // INTR_CQ
    {0x00800, 0x00873},  // QM_TX
    {0x00c00, 0x00c34},  // QM_RX
    {0x04000, 0x04050},  // TCE
    {0x04200, 0x0421f},  // TCE_RAM
    {0x04400, 0x0443f},  // TMI
    {0x04800, 0x0480d},  // PTP
    {0x08000, 0x081b1},  // RXB
    {0x08400, 0x0856b},  // RPC
    {0x0c000, 0x0c020},  // FAB
    {0x0c400, 0x0c452},  // MASTER
    {0x10000, 0x10668},  // PCS
    {0x10800, 0x108c8},  // RSFEC
    {0x11000, 0x11028},  // MAC_MAC
    {0x11800, 0x1184e},  // SIG
    {0x2442e, 0x279d7},  // PCIE_SS_COMPHY
    {0x31000, 0x310ea},  // PUL_USER
    {0x40000, 0x5ffff},  // QUEUE
    {0x08800, 0x08f1f},  // RPC_RAM
});
/// number of the classifier's section
inline constexpr std::size_t kRpcRam = kSections.size() - 1;

/// A table of the classifier: `entries` times `words`, and the distances between them.
struct Table {
  std::uint32_t entries;       ///< number of entries
  std::uint32_t words;         ///< per entry
  std::uint32_t base;          ///< word index
  std::uint32_t entry_stride;  ///< words
  std::uint32_t word_stride;   ///< words
};

/// Describes a table by its register.
/// @param entries entries
/// @param words words per entry
/// @return the table
template <class Reg>
constexpr Table tcam(std::uint32_t entries, std::uint32_t words) {
  const std::uint32_t base = Reg::at(0, 0).byte_offset;
  return {entries, words, base / 4, (Reg::at(0, 1).byte_offset - base) / 4,
          (Reg::at(1, 0).byte_offset - base) / 4};
}

/// Tables of the classifier. An action entry has two words less than the layout, which shows words
/// of the next table there. For an RSS entry the layout shows both tables side by side (Linux 7.3
/// reads other blocks there [trust-boundary A20]).
inline constexpr auto kRpcRamTables = std::to_array<Table>({
    tcam<spec::RPC_TCAM_ACT>(64, 14),
    tcam<spec::RPC_TCAM_MACDA>(32, 4),
    tcam<spec::RPC_TCAM_OUTER_IPSRC>(8, 9),
    tcam<spec::RPC_TCAM_OUTER_IPDST>(8, 9),
    tcam<spec::RPC_TCAM_IPSRC>(8, 9),
    tcam<spec::RPC_TCAM_IPDST>(8, 9),
    tcam<spec::RPC_RSS_TBL>(256, 2),
});

/// @return words of the classifier's section
constexpr std::uint32_t rpc_ram_words() {
  std::uint32_t n = 0;
  for (const Table& t : kRpcRamTables) n += t.entries * t.words;
  return n;
}
static_assert(rpc_ram_words() == kSections[kRpcRam].words());

/// @return words of a whole dump
constexpr std::uint32_t total_words() {
  std::uint32_t n = 0;
  for (const Section& s : kSections) n += 2 + s.words();
  return n;
}

/// Returns the word index of a word of the classifier's section.
/// @param n number of the word, < rpc_ram_words()
/// @return word index in BAR0
constexpr std::uint32_t rpc_ram_word(std::uint32_t n) {
  const Table* t = kRpcRamTables.data();
  for (; n >= t->entries * t->words; ++t) n -= t->entries * t->words;
  return t->base + n / t->words * t->entry_stride + n % t->words * t->word_stride;
}

}  // namespace dump_detail

/// Words of a whole dump.
inline constexpr std::uint32_t kDumpWords = dump_detail::total_words();

/// A register dump in progress.
template <DeviceIo Io, class Obs = NullObserver>
class RegisterDump {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device
  /// Creates a dump at its start.
  /// @param device must outlive it
  explicit RegisterDump(D& device) : device_(&device) {}

  /// Starts over.
  void start() {
    section_ = 0;
    at_ = 0;
  }
  /// @return true once all words were read
  [[nodiscard]] bool done() const { return section_ == dump_detail::kSections.size(); }

  /// Reads the next words of the dump.
  /// @param out filled from the front
  /// @return number of words; kCardGone on a surprise removal, the words read before it are valid
  Result<std::size_t> read(std::span<std::uint32_t> out) {
    std::size_t n = 0;
    while (n < out.size() && !done()) {
      const dump_detail::Section& s = dump_detail::kSections[section_];
      out[n++] = at_ == 0 ? s.first : at_ == 1 ? s.last : read_word(s, at_ - 2);
      if (device_->gone()) return fail(ErrorCode::kCardGone, n - 1);
      if (++at_ == 2 + s.words()) {
        ++section_;
        at_ = 0;
      }
    }
    return n;
  }

 private:
  std::uint32_t read_word(const dump_detail::Section& s, std::uint32_t n) {
    const std::uint32_t word =
        section_ == dump_detail::kRpcRam ? dump_detail::rpc_ram_word(n) : s.first + n;
    return device_->read_at(Site::kDump, {Bar::kBar0, 4 * word});
  }

  D* device_;
  std::size_t section_ = 0;
  std::uint32_t at_ = 0;  // position in the section, including its two header words
};

}  // namespace hni
