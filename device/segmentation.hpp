// SPDX-License-Identifier: Apache-2.0
#pragma once
// Transmit offloads on a gathered packet [device 12.5]: checksum offload, and
// segmentation of TCP and UDP.
//
// Segments are made in place. The payload of segment i lies at header + i * MSS; its headers are
// written just before it, over payload of earlier segments, which have left by then. So no payload
// byte is copied, and a segment that the wire did not take can be offered again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

/// Completes the checksum that REQ_CSO asks for: the field holds the pseudo-header sum; everything
/// from the start of L4 to the end of the packet is added and the complement stored. A result of 0
/// is stored as 0xffff, except with TCE_CSO_CTRL.TCP_ZERO_CSUM for a field at TCP's offset.
/// False: the field is not inside the packet; nothing was changed.
bool apply_checksum_offload(std::span<std::byte> packet, spec::TWD_META meta,
                            spec::TCE_CSO_CTRL ctrl);

class Segmenter {
 public:
  /// Starts on one packet. False: the header lengths of `meta` contradict each other, the L4 type
  /// or the packet's length, or MSS is 0; the packet must not be sent.
  /// `packet` is changed by next(); it must stay in place until done().
  bool begin(std::span<std::byte> packet, spec::TWD_META meta, spec::TCE_LSO_CTRL ctrl);

  /// Builds segment number index() and returns it. Calling it again builds the same bytes.
  std::span<std::byte> build();
  /// The built segment has left.
  void advance() { ++index_; }

  bool done() const { return index_ >= count_; }
  std::uint32_t count() const { return count_; }
  std::uint32_t index() const { return index_; }
  std::size_t header_bytes() const { return header_bytes_; }

 private:
  bool lengths_fit(spec::TWD_META meta, std::size_t packet_bytes) const;
  void patch_l3(std::byte* segment, std::size_t bytes) const;
  void patch_l4(std::byte* segment, std::size_t bytes) const;
  std::uint32_t flags_to_clear() const;

  static constexpr std::size_t kMaxHeaderBytes = 2 * (63 + 255 + 255) + 4 * 15;

  std::array<std::byte, kMaxHeaderBytes> header_{};
  std::span<std::byte> packet_{};
  spec::TCE_LSO_CTRL ctrl_{};
  std::uint32_t l3_type_ = 0;
  std::uint32_t l4_type_ = 0;
  std::size_t outer_offset_ = 0;
  std::size_t inner_offset_ = 0;
  std::size_t l4_offset_ = 0;
  std::size_t header_bytes_ = 0;
  std::size_t mss_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t index_ = 0;
};

}  // namespace hni::device
