// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Transmit offloads on a gathered packet [device 12.5]: checksum offload, and segmentation of TCP
/// and UDP.
///
/// Segments are built in place. The payload of segment i is at header + i * MSS; its headers are
/// written immediately before it, over payload of earlier segments, which have been sent by then.
/// So no payload byte is copied, and a segment that the wire did not accept can be offered again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

/// Completes the checksum that REQ_CSO requests: the field holds the pseudo-header sum; everything
/// from the start of L4 to the end of the packet is added and the complement stored. A result of 0
/// is stored as 0xffff, except with TCE_CSO_CTRL.TCP_ZERO_CSUM for a field at TCP's offset.
/// @param packet changed in place
/// @param meta its metadata
/// @param ctrl TCE_CSO_CTRL
/// @return false, without a change, if the field is not inside the packet
bool apply_checksum_offload(std::span<std::byte> packet, spec::TWD_META meta,
                            spec::TCE_CSO_CTRL ctrl);

/// Segmentation of one packet.
class Segmenter {
 public:
  /// Starts a packet. It must not be sent if this fails.
  /// @param packet changed by build(); must stay in place until done()
  /// @param meta its metadata
  /// @param ctrl TCE_LSO_CTRL
  /// @return false if the header lengths of `meta` contradict each other, the L4 type or the
  ///     packet's length, or MSS is 0
  bool begin(std::span<std::byte> packet, spec::TWD_META meta, spec::TCE_LSO_CTRL ctrl);

  /// Builds segment number index(); repeatable.
  /// @return its bytes
  std::span<std::byte> build();
  /// Moves to the next segment after the built one was sent.
  void advance() { ++index_; }

  /// @return true after the last segment
  bool done() const { return index_ >= count_; }
  /// @return number of segments
  std::uint32_t count() const { return count_; }
  /// @return number of the current segment
  std::uint32_t index() const { return index_; }
  /// @return bytes of the headers of each segment
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
