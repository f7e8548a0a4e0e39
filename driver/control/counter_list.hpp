// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The list of the device's counters [device 16, 10.7]. To add one, add a line; the order in a
/// block is the order in which Linux shows them.
///
/// Columns: enumerator, block, kind, name ('%' stands for the index), register of the counter or
/// of its low half.

#include <array>
#include <cstdint>
#include <string_view>

#include "driver/core/device_io.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// Width and behaviour of a counter.
enum class CounterKind : std::uint8_t {
  kNarrow,       ///< 32 bits
  kWide,         ///< 64 bits, in two registers
  kLevel,        ///< a level, not a counter: the value itself
  kClearOnRead,  ///< two halves of 16 bits; a read clears them
};

/// Counters that are shown together. All counters of a block have the same number of elements.
enum class CounterBlock : std::uint8_t {
  kFixed,      ///< one of each per device
  kEnqueue,    ///< receive buffer, input side
  kFifo,       ///< receive FIFOs
  kDequeue,    ///< receive buffer, output side
  kQueue,      ///< queue pairs
  kPhy,        ///< PCS lanes
  kFec,        ///< forward error correction
  kMac,        ///< MAC
  kControl,    ///< MAC control frames
  kPause,      ///< pause frames
  kRmon,       ///< frame sizes (RMON)
  kPcie,       ///< PCI Express
  kOther,      ///< read by Linux, shown as part of other counters
  kOtherFifo,  ///< the same, of the receive FIFOs
};

/// Returns the number of elements of a block's counters.
/// @param block the block
/// @return elements
constexpr std::uint32_t block_elements(CounterBlock block) {
  switch (block) {
    case CounterBlock::kEnqueue:
    case CounterBlock::kDequeue:
    case CounterBlock::kPhy:
      return 4;
    case CounterBlock::kFifo:
    case CounterBlock::kOtherFifo:
      return 8;
    case CounterBlock::kQueue:
      return 128;
    default:
      return 1;
  }
}

// clang-format off
#define HNI_COUNTERS(X) \
  X(kTtiCmDropFrames, kFixed, kNarrow, "tti_cm_drop_frames", TCE_TTI_CM_DROP_PKTS)               \
  X(kTtiCmDropBytes, kFixed, kWide, "tti_cm_drop_bytes", TCE_TTI_CM_DROP_BYTE_L)                 \
  X(kTtiFrameDropFrames, kFixed, kNarrow, "tti_frame_drop_frames", TCE_TTI_FRAME_DROP_PKTS)      \
  X(kTtiFrameDropBytes, kFixed, kWide, "tti_frame_drop_bytes", TCE_TTI_FRAME_DROP_BYTE_L)        \
  X(kTtiTbiDropFrames, kFixed, kNarrow, "tti_tbi_drop_frames", TCE_TBI_DROP_PKTS)                \
  X(kTtiTbiDropBytes, kFixed, kWide, "tti_tbi_drop_bytes", TCE_TBI_DROP_BYTE_L)                  \
  X(kPtpIllegalRequests, kFixed, kNarrow, "ptp_illegal_req", TMI_ILLEGAL_PTP_REQS)               \
  X(kPtpGoodTimestamps, kFixed, kNarrow, "ptp_good_ts", TMI_GOOD_PTP_TS)                         \
  X(kPtpBadTimestamps, kFixed, kNarrow, "ptp_bad_ts", TMI_BAD_PTP_TS)                            \
  X(kRpcUnknownEtherType, kFixed, kNarrow, "rpc_unkn_etype", RPC_CNTR_UNKN_ETYPE)                \
  X(kRpcUnknownExtHeader, kFixed, kNarrow, "rpc_unkn_ext_hdr", RPC_CNTR_UNKN_EXT_HDR)            \
  X(kRpcIpv4Fragments, kFixed, kNarrow, "rpc_ipv4_frag", RPC_CNTR_IPV4_FRAG)                     \
  X(kRpcIpv6Fragments, kFixed, kNarrow, "rpc_ipv6_frag", RPC_CNTR_IPV6_FRAG)                     \
  X(kRpcIpv4Esp, kFixed, kNarrow, "rpc_ipv4_esp", RPC_CNTR_IPV4_ESP)                             \
  X(kRpcIpv6Esp, kFixed, kNarrow, "rpc_ipv6_esp", RPC_CNTR_IPV6_ESP)                             \
  X(kRpcTcpOptionErrors, kFixed, kNarrow, "rpc_tcp_opt_err", RPC_CNTR_TCP_OPT_ERR)               \
  X(kRpcOutOfHeaderErrors, kFixed, kNarrow, "rpc_out_of_hdr_err", RPC_CNTR_OUT_OF_HDR_ERR)       \
  X(kEnqueueIntegrityErrors, kEnqueue, kNarrow, "rxb_integrity_err%", RXB_INTEGRITY_ERR)         \
  X(kEnqueueMacErrors, kEnqueue, kNarrow, "rxb_mac_err%", RXB_MAC_ERR)                           \
  X(kEnqueueParserErrors, kEnqueue, kNarrow, "rxb_parser_err%", RXB_PARSER_ERR)                  \
  X(kEnqueueFrameErrors, kEnqueue, kNarrow, "rxb_frm_err%", RXB_FRM_ERR)                         \
  X(kEnqueueFrames, kEnqueue, kNarrow, "rxb_drbo%_frames", RXB_DRBO_FRM_CNT_SRC)                 \
  X(kEnqueueBytes, kEnqueue, kWide, "rxb_drbo%_bytes", RXB_DRBO_BYTE_CNT_SRC_L)               \
  X(kFifoTransDrops, kFifo, kNarrow, "rxb_fifo%_drop", RXB_TRANS_DROP_STS)                       \
  X(kFifoDroppedFrames, kFifo, kNarrow, "rxb_fifo%_dropped_frames", RXB_DROP_FRMS_STS)           \
  X(kFifoEcn, kFifo, kNarrow, "rxb_fifo%_ecn", RXB_TRANS_ECN_STS)                                \
  X(kFifoLevel, kFifo, kLevel, "rxb_fifo%_level", RXB_PBUF_FIFO_LEVEL)                           \
  X(kDequeueInterfaceFrames, kDequeue, kNarrow, "rxb_intf%_frames", RXB_INTF_FRM_CNT_DST)        \
  X(kDequeueInterfaceBytes, kDequeue, kWide, "rxb_intf%_bytes", RXB_INTF_BYTE_CNT_DST_L)      \
  X(kDequeueBufferFrames, kDequeue, kNarrow, "rxb_pbuf%_frames", RXB_PBUF_FRM_CNT_DST)           \
  X(kDequeueBufferBytes, kDequeue, kWide, "rxb_pbuf%_bytes", RXB_PBUF_BYTE_CNT_DST_L)         \
  X(kQueueErrors, kQueue, kNarrow, "rde_%_pkt_err", QUEUE_RDE_PKT_ERR_CNT)                       \
  X(kQueueCqDrops, kQueue, kNarrow, "rde_%_pkt_cq_drop", QUEUE_RDE_CQ_DROP_CNT)                  \
  X(kQueueBdqDrops, kQueue, kNarrow, "rde_%_pkt_bdq_drop", QUEUE_RDE_BDQ_DROP_CNT)               \
  X(kSymbolErrors, kPhy, kClearOnRead,                                                           \
    "eth-phy-SymbolErrorDuringCarrier-lane%", PCS_SYMBLERR_LO)                                   \
  X(kFecCorrected, kFec, kClearOnRead, "fec-corrected_blocks", RSFEC_CCW_LO)                     \
  X(kFecUncorrectable, kFec, kClearOnRead, "fec-uncorrectable_blocks", RSFEC_NCCW_LO)            \
  X(kMacTxFrames, kMac, kWide, "eth-mac-FramesTransmittedOK", MAC_STAT_TX_TRANSMITTED_OK_L)      \
  X(kMacRxFrames, kMac, kWide, "eth-mac-FramesReceivedOK", MAC_STAT_RX_RECEIVED_OK_L)            \
  X(kMacRxBadFcs, kMac, kWide,                                                                   \
    "eth-mac-FrameCheckSequenceErrors", MAC_STAT_RX_PACKET_BAD_FCS_L)                            \
  X(kMacRxAlignmentErrors, kMac, kWide, "eth-mac-AlignmentErrors", MAC_STAT_RX_ALIGN_ERROR_L)    \
  X(kMacTxBytes, kMac, kWide, "eth-mac-OctetsTransmittedOK", MAC_STAT_TX_BYTE_COUNT_L)           \
  X(kMacTxErrors, kMac, kWide,                                                                   \
    "eth-mac-FramesLostDueToIntMACXmitError", MAC_STAT_TX_IFOUTERRORS_L)                         \
  X(kMacRxBytes, kMac, kWide, "eth-mac-OctetsReceivedOK", MAC_STAT_RX_BYTE_COUNT_L)              \
  X(kMacRxErrors, kMac, kWide,                                                                   \
    "eth-mac-FramesLostDueToIntMACRcvError", MAC_STAT_RX_IFINERRORS_L)                           \
  X(kMacTxMulticast, kMac, kWide, "eth-mac-MulticastFramesXmittedOK", MAC_STAT_TX_MULTICAST_L)   \
  X(kMacTxBroadcast, kMac, kWide, "eth-mac-BroadcastFramesXmittedOK", MAC_STAT_TX_BROADCAST_L)   \
  X(kMacRxMulticast, kMac, kWide, "eth-mac-MulticastFramesReceivedOK", MAC_STAT_RX_MULTICAST_L)  \
  X(kMacRxBroadcast, kMac, kWide, "eth-mac-BroadcastFramesReceivedOK", MAC_STAT_RX_BROADCAST_L)  \
  X(kMacRxTooLong, kMac, kWide, "eth-mac-FrameTooLongErrors", MAC_STAT_RX_TOOLONG_L)             \
  X(kControlTx, kControl, kWide,                                                                 \
    "eth-ctrl-MACControlFramesTransmitted", MAC_STAT_TX_CONTROL_FRAMES_L)                        \
  X(kControlRx, kControl, kWide,                                                                 \
    "eth-ctrl-MACControlFramesReceived", MAC_STAT_RX_CONTROL_FRAMES_L)                           \
  X(kPauseTx, kPause, kWide, "tx_pause_frames", MAC_STAT_TX_XOFF_STB_L)                          \
  X(kPauseRx, kPause, kWide, "rx_pause_frames", MAC_STAT_RX_XOFF_STB_L)                          \
  X(kPauseStorms, kPause, kNarrow, "tx_pause_storm_events", RXB_INTR_PS_COUNT)                   \
  X(kRmonUndersize, kRmon, kWide, "rmon-etherStatsUndersizePkts", MAC_STAT_RX_UNDERSIZE_L)       \
  X(kRmonOversize, kRmon, kWide, "rmon-etherStatsOversizePkts", MAC_STAT_RX_OVERSIZE_L)          \
  X(kRmonFragments, kRmon, kWide, "rmon-etherStatsFragments", MAC_STAT_RX_FRAGMENT_L)            \
  X(kRmonJabbers, kRmon, kWide, "rmon-etherStatsJabbers", MAC_STAT_RX_JABBER_L)                  \
  X(kRmonRx64, kRmon, kWide,                                                                  \
    "rmon-rx-etherStatsPkts64Octets", MAC_STAT_RX_PACKET_64_BYTES_L)                             \
  X(kRmonRx65, kRmon, kWide,                                                                 \
    "rmon-rx-etherStatsPkts65to127Octets", MAC_STAT_RX_PACKET_65_127_BYTES_L)                    \
  X(kRmonRx128, kRmon, kWide,                                                                \
    "rmon-rx-etherStatsPkts128to255Octets", MAC_STAT_RX_PACKET_128_255_BYTES_L)                  \
  X(kRmonRx256, kRmon, kWide,                                                                \
    "rmon-rx-etherStatsPkts256to511Octets", MAC_STAT_RX_PACKET_256_511_BYTES_L)                  \
  X(kRmonRx512, kRmon, kWide,                                                                \
    "rmon-rx-etherStatsPkts512to1023Octets", MAC_STAT_RX_PACKET_512_1023_BYTES_L)                \
  X(kRmonRx1024, kRmon, kWide,                                                               \
    "rmon-rx-etherStatsPkts1024to1518Octets", MAC_STAT_RX_PACKET_1024_1518_BYTES_L)              \
  X(kRmonRx1519, kRmon, kWide,                                                               \
    "rmon-rx-etherStatsPkts1519to2047Octets", RPC_STAT_RX_PACKET_1519_2047_BYTES_L)              \
  X(kRmonRx2048, kRmon, kWide,                                                               \
    "rmon-rx-etherStatsPkts2048to4095Octets", RPC_STAT_RX_PACKET_2048_4095_BYTES_L)              \
  X(kRmonRx4096, kRmon, kWide,                                                               \
    "rmon-rx-etherStatsPkts4096to8191Octets", RPC_STAT_RX_PACKET_4096_8191_BYTES_L)              \
  X(kRmonRx8192, kRmon, kWide,                                                               \
    "rmon-rx-etherStatsPkts8192to9216Octets", RPC_STAT_RX_PACKET_8192_9216_BYTES_L)              \
  X(kRmonRx9217, kRmon, kWide,                                                               \
    "rmon-rx-etherStatsPkts9217to9742Octets", RPC_STAT_RX_PACKET_9217_MAX_BYTES_L)               \
  X(kRmonTx64, kRmon, kWide,                                                                  \
    "rmon-tx-etherStatsPkts64Octets", MAC_STAT_TX_PACKET_64_BYTES_L)                             \
  X(kRmonTx65, kRmon, kWide,                                                                 \
    "rmon-tx-etherStatsPkts65to127Octets", MAC_STAT_TX_PACKET_65_127_BYTES_L)                    \
  X(kRmonTx128, kRmon, kWide,                                                                \
    "rmon-tx-etherStatsPkts128to255Octets", MAC_STAT_TX_PACKET_128_255_BYTES_L)                  \
  X(kRmonTx256, kRmon, kWide,                                                                \
    "rmon-tx-etherStatsPkts256to511Octets", MAC_STAT_TX_PACKET_256_511_BYTES_L)                  \
  X(kRmonTx512, kRmon, kWide,                                                                \
    "rmon-tx-etherStatsPkts512to1023Octets", MAC_STAT_TX_PACKET_512_1023_BYTES_L)                \
  X(kRmonTx1024, kRmon, kWide,                                                               \
    "rmon-tx-etherStatsPkts1024to1518Octets", MAC_STAT_TX_PACKET_1024_1518_BYTES_L)              \
  X(kRmonTx1519, kRmon, kWide,                                                               \
    "rmon-tx-etherStatsPkts1519to2047Octets", TMI_STAT_TX_PACKET_1519_2047_BYTES_L)              \
  X(kRmonTx2048, kRmon, kWide,                                                               \
    "rmon-tx-etherStatsPkts2048to4095Octets", TMI_STAT_TX_PACKET_2048_4095_BYTES_L)              \
  X(kRmonTx4096, kRmon, kWide,                                                               \
    "rmon-tx-etherStatsPkts4096to8191Octets", TMI_STAT_TX_PACKET_4096_8191_BYTES_L)              \
  X(kRmonTx8192, kRmon, kWide,                                                               \
    "rmon-tx-etherStatsPkts8192to9216Octets", TMI_STAT_TX_PACKET_8192_9216_BYTES_L)              \
  X(kRmonTx9217, kRmon, kWide,                                                               \
    "rmon-tx-etherStatsPkts9217to9742Octets", TMI_STAT_TX_PACKET_9217_MAX_BYTES_L)               \
  X(kPcieRdTlp, kPcie, kWide, "ob_rd_tlp", PUL_USER_OB_RD_TLP_CNT_31_0)                          \
  X(kPcieRdDword, kPcie, kWide, "ob_rd_dword", PUL_USER_OB_RD_DWORD_CNT_31_0)                    \
  X(kPcieWrTlp, kPcie, kWide, "ob_wr_tlp", PUL_USER_OB_WR_TLP_CNT_31_0)                          \
  X(kPcieWrDword, kPcie, kWide, "ob_wr_dword", PUL_USER_OB_WR_DWORD_CNT_31_0)                    \
  X(kPcieCplTlp, kPcie, kWide, "ob_cpl_tlp", PUL_USER_OB_CPL_TLP_CNT_31_0)                       \
  X(kPcieCplDword, kPcie, kWide, "ob_cpl_dword", PUL_USER_OB_CPL_DWORD_CNT_31_0)                 \
  X(kPcieRdNoTag, kPcie, kWide, "ob_rd_no_tag", PUL_USER_OB_RD_DBG_CNT_TAG_31_0)                 \
  X(kPcieRdNoCplCredit, kPcie, kWide,                                                            \
    "ob_rd_no_cpl_cred", PUL_USER_OB_RD_DBG_CNT_CPL_CRED_31_0)                                   \
  X(kPcieRdNoNpCredit, kPcie, kWide, "ob_rd_no_np_cred", PUL_USER_OB_RD_DBG_CNT_NP_CRED_31_0)    \
  X(kTmiDropFrames, kOther, kNarrow, "tmi_drop_frames", TMI_DROP_PKTS)                           \
  X(kTmiDropBytes, kOther, kWide, "tmi_drop_bytes", TMI_DROP_BYTE_L)                             \
  X(kRpcOversizeErrors, kOther, kNarrow, "rpc_ovr_size_err", RPC_CNTR_OVR_SIZE_ERR)              \
  X(kFifoDroppedBytes, kOtherFifo, kWide, "rxb_fifo%_dropped_bytes", RXB_DROP_BYTES_STS_L)       \
  X(kFifoTruncatedFrames, kOtherFifo, kNarrow, "rxb_fifo%_trunc_frames", RXB_TRUN_FRMS_STS)      \
  X(kFifoTruncatedBytes, kOtherFifo, kWide, "rxb_fifo%_trunc_bytes", RXB_TRUN_BYTES_STS_L)
// clang-format on

/// Number of a counter.
enum class Counter : std::uint8_t {
#define HNI_X(id, block, kind, name, reg) id,
  HNI_COUNTERS(HNI_X)
#undef HNI_X
};

/// One entry of the list, with derived properties.
struct CounterGroup {
  Counter id;               ///< number
  CounterBlock block;       ///< block
  CounterKind kind;         ///< width and behaviour
  std::string_view name;    ///< name; '%' stands for the index
  RegAddr base;             ///< address of element 0, or of its low half
  std::uint32_t stride;     ///< bytes from one element to the next
  std::uint32_t count;      ///< elements
  std::uint32_t high_half;  ///< bytes from the low half to the high half; 0 if there is none
  std::uint32_t first = 0;  ///< slot of element 0 among all counters

  /// @return true for a counter of 64 bits
  [[nodiscard]] constexpr bool is_wide() const { return kind == CounterKind::kWide; }
  /// Returns the address of an element's low half.
  /// @param i element
  /// @return address
  [[nodiscard]] constexpr RegAddr low(std::uint32_t i) const {
    return {base.bar, base.byte_offset + i * stride};
  }
  /// Returns the address of an element's high half; requires is_wide().
  /// @param i element
  /// @return address
  [[nodiscard]] constexpr RegAddr high(std::uint32_t i) const {
    return {base.bar, low(i).byte_offset + high_half};
  }
};

namespace counter_detail {

/// Builds a line of kCounterGroups from the register's addresses.
/// @param id number
/// @param block block
/// @param kind width and behaviour
/// @param name name
/// @return the group; `first` is set by number()
template <class Reg>
constexpr CounterGroup group(Counter id, CounterBlock block, CounterKind kind,
                             std::string_view name) {
  CounterGroup g{id, block, kind, name, {}, 0, block_elements(block), spec::high_half_of<Reg>()};
  if constexpr (requires { Reg::at(0U); }) {
    g.base = Reg::at(0);
    g.stride = Reg::at(1).byte_offset - Reg::at(0).byte_offset;
  } else {
    g.base = Reg::at();
  }
  return g;
}

/// Returns the kind that the spec's description of a register means.
/// @return kNarrow for levels, too
template <class Reg>
constexpr CounterKind kind_of() {
  if (spec::clears_on_read<Reg>()) return CounterKind::kClearOnRead;
  return spec::high_half_of<Reg>() != 0 ? CounterKind::kWide : CounterKind::kNarrow;
}
/// Compares a line of the list with the spec.
/// @param kind kind in the list
/// @return true if the register is of this kind
template <class Reg>
constexpr bool agrees(CounterKind kind) {
  return kind_of<Reg>() == (kind == CounterKind::kLevel ? CounterKind::kNarrow : kind);
}

#define HNI_X(id, block, kind, name, reg)                                        \
  static_assert(block_elements(CounterBlock::block) <= spec::reg::kCount, name); \
  static_assert(agrees<spec::reg>(CounterKind::kind), name ": not what spec/ says");
HNI_COUNTERS(HNI_X)
#undef HNI_X

/// Assigns the slots.
/// @param groups all groups
/// @return the groups with `first` set
constexpr auto number(auto groups) {
  std::uint32_t slot = 0;
  for (CounterGroup& g : groups) {
    g.first = slot;
    slot += g.count;
  }
  return groups;
}

}  // namespace counter_detail

/// All counters, in the order of Counter.
inline constexpr auto kCounterGroups = counter_detail::number(std::to_array<CounterGroup>({
#define HNI_X(id, block, kind, name, reg) \
  counter_detail::group<spec::reg>(Counter::id, CounterBlock::block, CounterKind::kind, name),
    HNI_COUNTERS(HNI_X)
#undef HNI_X
}));

/// Elements of all counters together.
inline constexpr std::uint32_t kCounterSlots =
    kCounterGroups.back().first + kCounterGroups.back().count;
/// Longest counter name with index, bytes.
inline constexpr std::size_t kMaxCounterName = 64;

/// Returns the group that a counter belongs to.
/// @param c the counter
/// @return the group
constexpr const CounterGroup& counter_group(Counter c) {
  return kCounterGroups[static_cast<std::size_t>(c)];
}

}  // namespace hni
