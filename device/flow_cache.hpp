// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Remembers what parser and classifier decided about frames with equal headers.
///
/// A frame of usual form (untagged Ethernet; IPv4 without options or IPv6 without extension
/// headers; not a fragment; TCP without options or with a timestamp only, or UDP; consistent
/// lengths) is compared by every header byte that can influence the decision: addresses, types,
/// ports, traffic class, flow label, header length. The bytes that differ from packet to packet
/// (lengths, identification, hop limit, sequence numbers, checksums) are not compared; what depends
/// on them is computed for each frame. Other frames are parsed and classified each time.
///
/// The cache holds for one version of the classifier's tables: any write to them changes the
/// version. A cached decision is therefore always what parser and classifier would decide.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "device/classifier.hpp"
#include "device/parser.hpp"
#include "device/rx_fifo.hpp"

namespace hni::device {

/// A frame of usual form, ready to be looked up.
struct UsualFrame {
  /// The header bytes that decide, in place; all others are 0.
  std::array<std::uint64_t, 8> key;
  /// Begin of the transport header.
  std::uint16_t l4_offset;
  /// End of the datagram by its IP length.
  std::uint16_t payload_end;
  /// UDP, otherwise TCP.
  bool udp;
  /// IPv6, otherwise IPv4.
  bool v6;
};

/// Tests for the usual form.
/// @param frame bytes without FCS
/// @param usual set if it has the form
/// @return true if so; the parser would then find TCP or UDP and no error in the headers, except
///     possibly wrong checksums
bool usual_form(std::span<const std::byte> frame, UsualFrame& usual);

/// Checksums of one frame.
struct FrameSums {
  std::uint16_t l2_csum = 0;  ///< as ParsedFrame::l2_csum
  bool l4_verified = false;   ///< as ParsedFrame::l4_checksum_verified
};
/// Computes the checksums of a frame of usual form, as the parser does.
/// @param frame bytes without FCS
/// @param usual from usual_form()
/// @return the checksums
FrameSums sums_of(std::span<const std::byte> frame, const UsualFrame& usual);

/// What the receive path needs to know about a frame.
struct RxVerdict {
  RxFrameInfo info;      ///< description; the timestamp is not set
  bool to_host = false;  ///< the host receives it
  bool to_bmc = false;   ///< the BMC receives it

  /// Creates an empty verdict.
  RxVerdict() = default;
  /// Combines the results of parser and classifier.
  /// @param parsed the frame
  /// @param decision about it
  RxVerdict(const ParsedFrame& parsed, const Decision& decision);
};

/// The cache of one card: direct-mapped.
class FlowCache {
 public:
  static constexpr std::size_t kEntries = 256;  ///< a power of two

  /// Allocates an empty cache.
  FlowCache() : entries_(std::make_unique<std::array<Entry, kEntries>>()) {}

  /// Looks up a flow.
  /// @param usual the frame
  /// @param version version of the classifier's tables
  /// @return the verdict about an earlier frame with equal headers, or null. Its timestamp, length
  ///     and checksums belong to that earlier frame: the caller replaces them.
  const RxVerdict* find(const UsualFrame& usual, std::uint64_t version) const {
    const Entry& entry = (*entries_)[slot_of(usual)];
    if (entry.version != version) return nullptr;
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < 6; ++i) difference |= entry.key[i] ^ usual.key[i];
    // The EtherType is in the first words, so both frames are IPv6 if these are equal.
    if (usual.v6) difference |= (entry.key[6] ^ usual.key[6]) | (entry.key[7] ^ usual.key[7]);
    return difference == 0 ? &entry.verdict : nullptr;
  }

  /// Remembers a verdict; replaces the flow of the same slot.
  /// @param usual the frame
  /// @param version version of the classifier's tables, not 0
  /// @param verdict of parser and classifier
  void remember(const UsualFrame& usual, std::uint64_t version, const RxVerdict& verdict) {
    Entry& entry = (*entries_)[slot_of(usual)];
    entry.version = version;
    entry.key = usual.key;
    entry.verdict = verdict;
  }

 private:
  struct Entry {
    std::uint64_t version = 0;  // 0: empty
    std::array<std::uint64_t, 8> key{};
    RxVerdict verdict;
  };

  // Multiplicative hashing of addresses and ports.
  static std::size_t slot_of(const UsualFrame& usual) {
    const std::uint64_t mixed =
        usual.v6 ? usual.key[5] ^ usual.key[6] ^ usual.key[7] << 32 : usual.key[3] ^ usual.key[4];
    return static_cast<std::size_t>((mixed ^ mixed >> 29) * 0x9e3779b97f4a7c15ull >> 56);
  }
  static_assert(kEntries == 256);

  std::unique_ptr<std::array<Entry, kEntries>> entries_;
};

}  // namespace hni::device
