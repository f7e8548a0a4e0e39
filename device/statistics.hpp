// SPDX-License-Identifier: Apache-2.0
// Every counter of the card outside the queue blocks, and which register shows which counter
// [device 10.7, 14.9, 15, 16].
//
// The counters are plain members that the engines add to. Register reads are live: a 64-bit pair
// changes only between register accesses, so the driver's high-low-high protocol always succeeds.
// Only the FEC and symbol counters clear on read. Counters are not writable.
//
// Lengths: `bytes` is the frame without FCS as the rest of the card sees it; the MAC counters and
// all length classes count it with its 4 FCS bytes, as RMON does. INTERPRETATION (no source
// settles it).
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

struct HardwareCounters {
  struct MacRx {
    std::uint64_t xoff, bytes, align_error, too_long, received_ok, bad_fcs, if_in_errors,
        multicast, broadcast, undersize, oversize, jabber, fragment, control_frames;
    std::array<std::uint64_t, kMacLengthClasses> length;
  } mac_rx{};
  struct MacTx {
    std::uint64_t xoff, bytes, transmitted_ok, if_out_errors, multicast, broadcast, control_frames;
    std::array<std::uint64_t, kMacLengthClasses> length;
  } mac_tx{};
  /// Transmit MAC interface: what it dropped (TMI_DROP_CTRL), timestamps, jumbo classes.
  struct Tmi {
    std::uint64_t drop_bytes;
    std::uint32_t drop_frames, illegal_ptp_requests, good_ptp_ts, bad_ptp_ts;
    std::array<std::uint64_t, kJumboLengthClasses> jumbo;
  } tmi{};
  /// Transmit traffic engine drops: credit/metadata, malformed frame, towards the BMC.
  struct TteDrop {
    std::uint64_t bytes;
    std::uint32_t frames;
  };
  TteDrop tti_cm{}, tti_frame{}, tbi{};
  struct Rpc {
    std::uint32_t tcp_opt_err, unknown_ethertype, ipv4_frag, ipv6_frag, ipv4_esp, ipv6_esp,
        unknown_ext_hdr, out_of_hdr_err, ovr_size_err;
    std::array<std::uint64_t, kJumboLengthClasses> jumbo;
  } rpc{};
  /// RX buffer, one a FIFO (0 multicast, 3 to BMC, 4 to host, 6 BMC to host).
  struct RxbFifo {
    std::uint64_t drop_bytes, truncated_bytes;
    std::uint32_t drop_frames, truncated_frames, trans_pause, trans_drop, trans_ecn, level;
  };
  std::array<RxbFifo, 8> rxb_fifo{};
  /// RX buffer, one an enqueue source (0 network).
  struct RxbEnqueue {
    std::uint64_t bytes;
    std::uint32_t frames, integrity_err, mac_err, parser_err, frame_err;
  };
  std::array<RxbEnqueue, 4> rxb_enqueue{};
  /// RX buffer, one a dequeue destination (0 host).
  struct RxbDequeue {
    std::uint64_t interface_bytes, buffer_bytes;
    std::uint32_t interface_frames, buffer_frames;
  };
  std::array<RxbDequeue, 4> rxb_dequeue{};
  std::array<std::uint32_t, 4> pause_storms{};  ///< RXB_INTR_PS_COUNT
  /// What the card asked of the host's memory; one TLP is counted an access (INTERPRETATION).
  struct Pcie {
    std::uint64_t read_tlp, read_dword, write_tlp, write_dword, completion_tlp, completion_dword,
        no_completion_credit, no_tag, no_np_credit;
  } pcie{};
  /// Clear on read, in two 16-bit halves: reading the low half latches the high one.
  struct ClearOnRead {
    std::uint32_t value = 0;
    std::uint16_t latched_high = 0;
  };
  ClearOnRead fec_corrected{}, fec_uncorrected{};
  std::array<ClearOnRead, 4> symbol_errors{};

  enum class Cast : std::uint8_t { kUnicast, kMulticast, kBroadcast };
  /// How a frame's destination address is counted. A frame shorter than 6 bytes is unicast.
  static Cast cast_of(std::span<const std::byte> frame);

  /// One good frame left / entered through the MAC.
  void tx_frame(std::size_t bytes, Cast cast);
  void rx_frame(std::size_t bytes, Cast cast);
  /// What the parser found; RPC counters.
  void rx_parsed(const ParsedFrame& frame);
  void dma_read(std::size_t bytes);
  void dma_write(std::size_t bytes);

  /// The value behind a counter register, nothing when `addr` is not one. May clear (FEC only).
  std::optional<std::uint32_t> read(spec::RegAddr addr);
  /// True when `addr` is a counter register; such a register ignores writes.
  static bool owns(spec::RegAddr addr);
  void reset() { *this = HardwareCounters{}; }
};

}  // namespace hni::device
