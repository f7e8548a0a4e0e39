// SPDX-License-Identifier: Apache-2.0
/// Every counter of the card outside the queue blocks, and the mapping from registers to counters
/// [device 10.7, 14.9, 15, 16].
///
/// The counters are plain members that the engines increment. Register reads are live: a 64-bit
/// pair changes only between register accesses, so the driver's high-low-high protocol always
/// succeeds. Only the FEC and symbol counters clear on read. Counters are not writable.
///
/// Lengths: `bytes` is the frame without FCS, as in the rest of the card; the MAC counters and all
/// length classes include the 4 FCS bytes, as RMON does. INTERPRETATION (no source settles it).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "device/parser.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

/// Length classes of the MAC: 64, 65-127, 128-255, 256-511, 512-1023, 1024-1518, 1519-max.
inline constexpr std::size_t kMacLengthClasses = 7;
/// Length classes of RPC (Rx) and TMI (Tx): 1519-2047, -4095, -8191, -9216, 9217-max.
inline constexpr std::size_t kJumboLengthClasses = 5;

/// All counters, named as their registers.
struct HardwareCounters {
  /// Receive MAC.
  struct MacRx {
    ///@{
    /// Named as the MAC_STAT_RX registers; frames unless named bytes.
    std::uint64_t xoff, bytes, align_error, too_long, received_ok, bad_fcs, if_in_errors,
        multicast, broadcast, undersize, oversize, jabber, fragment, control_frames;
    std::array<std::uint64_t, kMacLengthClasses> length;
    ///@}
  } mac_rx{};  ///< receive MAC
  /// Transmit MAC.
  struct MacTx {
    ///@{
    /// Named as the MAC_STAT_TX registers; frames unless named bytes.
    std::uint64_t xoff, bytes, transmitted_ok, if_out_errors, multicast, broadcast, control_frames;
    std::array<std::uint64_t, kMacLengthClasses> length;
    ///@}
  } mac_tx{};  ///< transmit MAC
  /// Transmit MAC interface: drops (TMI_DROP_CTRL), timestamps, jumbo length classes.
  struct Tmi {
    ///@{
    /// Named as the TMI registers.
    std::uint64_t drop_bytes;
    std::uint32_t drop_frames, illegal_ptp_requests, good_ptp_ts, bad_ptp_ts;
    std::array<std::uint64_t, kJumboLengthClasses> jumbo;
    ///@}
  } tmi{};  ///< transmit MAC interface
  /// Drops of the transmit traffic engine.
  struct TteDrop {
    ///@{
    /// Bytes and frames dropped.
    std::uint64_t bytes;
    std::uint32_t frames;
    ///@}
  };
  ///@{
  /// Drops for credit or metadata, of malformed frames, and towards the BMC.
  TteDrop tti_cm{}, tti_frame{}, tbi{};
  ///@}
  /// Receive parser and classifier.
  struct Rpc {
    ///@{
    /// Named as the RPC_CNTR and RPC_STAT registers; frames.
    std::uint32_t tcp_opt_err, unknown_ethertype, ipv4_frag, ipv6_frag, ipv4_esp, ipv6_esp,
        unknown_ext_hdr, out_of_hdr_err, ovr_size_err;
    std::array<std::uint64_t, kJumboLengthClasses> jumbo;
    ///@}
  } rpc{};  ///< receive parser and classifier
  /// A FIFO of the RX buffer (0 multicast, 3 to BMC, 4 to host, 6 BMC to host).
  struct RxbFifo {
    ///@{
    /// Named as the registers of an RXB FIFO; the level is in 64-byte units.
    std::uint64_t drop_bytes, truncated_bytes;
    std::uint32_t drop_frames, truncated_frames, trans_pause, trans_drop, trans_ecn, level;
    ///@}
  };
  std::array<RxbFifo, 8> rxb_fifo{};  ///< by FIFO
  /// An enqueue source of the RX buffer (0 network).
  struct RxbEnqueue {
    ///@{
    /// Named as the RXB registers of an enqueue source.
    std::uint64_t bytes;
    std::uint32_t frames, integrity_err, mac_err, parser_err, frame_err;
    ///@}
  };
  std::array<RxbEnqueue, 4> rxb_enqueue{};  ///< by source
  /// A dequeue destination of the RX buffer (0 host).
  struct RxbDequeue {
    ///@{
    /// Named as the RXB registers of a dequeue destination.
    std::uint64_t interface_bytes, buffer_bytes;
    std::uint32_t interface_frames, buffer_frames;
    ///@}
  };
  std::array<RxbDequeue, 4> rxb_dequeue{};  ///< by destination
  /// RXB_INTR_PS_COUNT.
  std::array<std::uint32_t, 4> pause_storms{};
  /// Accesses to host memory; one TLP is counted per access (INTERPRETATION).
  struct Pcie {
    ///@{
    /// Named as the PUL_USER registers.
    std::uint64_t read_tlp, read_dword, write_tlp, write_dword, completion_tlp, completion_dword,
        no_completion_credit, no_tag, no_np_credit;
    ///@}
  } pcie{};  ///< accesses to host memory
  /// A counter that clears on read, in two 16-bit halves: reading the low half latches the high
  /// one.
  struct ClearOnRead {
    /// Events since the last read.
    std::uint32_t value = 0;
    /// High half at the last read of the low one.
    std::uint16_t latched_high = 0;
  };
  ///@{
  /// FEC blocks.
  ClearOnRead fec_corrected{}, fec_uncorrected{};
  ///@}
  /// PCS symbol errors per lane.
  std::array<ClearOnRead, 4> symbol_errors{};

  /// Kinds of destination addresses.
  enum class Cast : std::uint8_t { kUnicast, kMulticast, kBroadcast };
  /// Determines the kind of a frame's destination address.
  /// @param frame the bytes
  /// @return kUnicast if shorter than 6 bytes
  static Cast cast_of(std::span<const std::byte> frame) {
    if (frame.size() < 6 || (frame[0] & std::byte{1}) == std::byte{0}) return Cast::kUnicast;
    return group_of(frame);
  }

  /// Counts a good frame that the MAC sent.
  /// @param bytes length without FCS
  /// @param cast kind of its destination address
  void tx_frame(std::size_t bytes, Cast cast);
  /// Counts a good frame that the MAC received.
  /// @param bytes length without FCS
  /// @param cast kind of its destination address
  void rx_frame(std::size_t bytes, Cast cast);
  /// Updates the RPC counters.
  /// @param frame the parsed frame
  void rx_parsed(const ParsedFrame& frame);
  /// Counts a DMA read.
  /// @param bytes its size
  void dma_read(std::size_t bytes);
  /// Counts a DMA write.
  /// @param bytes its size
  void dma_write(std::size_t bytes);

  /// Reads a counter register; clears FEC and symbol counters.
  /// @param addr address
  /// @return nullopt if it is not a counter register
  std::optional<std::uint32_t> read(spec::RegAddr addr);
  /// Tests for a counter register; such a register ignores writes.
  /// @param addr address
  /// @return true if it is one
  static bool owns(spec::RegAddr addr);
  /// Zeroes all counters.
  void reset() { *this = HardwareCounters{}; }

  /// Distinguishes the group addresses.
  /// @param frame at least 6 bytes, to a group
  /// @return kMulticast or kBroadcast
  static Cast group_of(std::span<const std::byte> frame);
};

}  // namespace hni::device
