// SPDX-License-Identifier: Apache-2.0
#include "device/statistics.hpp"

#include <algorithm>
#include <type_traits>

#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

using spec::RegAddr;

// The part of a counter that one counter register shows.
enum class Part : std::uint8_t { kWord, kLow, kHigh, kClearLow, kClearHigh };

struct Entry {
  std::uint32_t byte_offset;
  std::uint32_t member;  // offset of the counter in HardwareCounters
  Part part;
};

static_assert(std::is_standard_layout_v<HardwareCounters>, "members are found by their offsets");

class CounterTable {
 public:
  CounterTable();
  const Entry* find(std::uint32_t byte_offset) const {
    const auto end = entries_.begin() + count_;
    const auto it = std::lower_bound(
        entries_.begin(), end, byte_offset,
        [](const Entry& entry, std::uint32_t offset) { return entry.byte_offset < offset; });
    return it != end && it->byte_offset == byte_offset ? it : nullptr;
  }

 private:
  void add(std::uint32_t byte_offset, const void* member, Part part) {
    const auto* from = reinterpret_cast<const char*>(&model_);
    const auto offset = static_cast<std::uint32_t>(static_cast<const char*>(member) - from);
    entries_[static_cast<std::size_t>(count_++)] = {byte_offset, offset, part};
  }
  void word(std::uint32_t at, const std::uint32_t& counter) { add(at, &counter, Part::kWord); }
  // `low` and `high` are byte offsets of the two halves.
  void pair(std::uint32_t low, std::uint32_t high, const std::uint64_t& counter) {
    add(low, &counter, Part::kLow);
    add(high, &counter, Part::kHigh);
  }
  void pair(std::uint32_t low, const std::uint64_t& counter) { pair(low, low + 4, counter); }
  void clearing(std::uint32_t low, const HardwareCounters::ClearOnRead& counter) {
    add(low, &counter, Part::kClearLow);
    add(low + 4, &counter, Part::kClearHigh);
  }
  void add_mac_rx();
  void add_mac_tx();
  void add_tx_blocks();
  void add_rpc();
  void add_rxb();
  void add_pcie_and_fec();

  HardwareCounters model_{};
  std::array<Entry, 320> entries_{};
  std::ptrdiff_t count_ = 0;
};

void CounterTable::add_mac_rx() {
  const HardwareCounters::MacRx& rx = model_.mac_rx;
  pair(spec::MAC_STAT_RX_XOFF_STB_L::kByteOffset, rx.xoff);
  pair(spec::MAC_STAT_RX_BYTE_COUNT_L::kByteOffset, rx.bytes);
  pair(spec::MAC_STAT_RX_ALIGN_ERROR_L::kByteOffset, rx.align_error);
  pair(spec::MAC_STAT_RX_TOOLONG_L::kByteOffset, rx.too_long);
  pair(spec::MAC_STAT_RX_RECEIVED_OK_L::kByteOffset, rx.received_ok);
  pair(spec::MAC_STAT_RX_PACKET_BAD_FCS_L::kByteOffset, rx.bad_fcs);
  pair(spec::MAC_STAT_RX_IFINERRORS_L::kByteOffset, rx.if_in_errors);
  pair(spec::MAC_STAT_RX_MULTICAST_L::kByteOffset, rx.multicast);
  pair(spec::MAC_STAT_RX_BROADCAST_L::kByteOffset, rx.broadcast);
  pair(spec::MAC_STAT_RX_UNDERSIZE_L::kByteOffset, rx.undersize);
  pair(spec::MAC_STAT_RX_OVERSIZE_L::kByteOffset, rx.oversize);
  pair(spec::MAC_STAT_RX_JABBER_L::kByteOffset, rx.jabber);
  pair(spec::MAC_STAT_RX_FRAGMENT_L::kByteOffset, rx.fragment);
  pair(spec::MAC_STAT_RX_CONTROL_FRAMES_L::kByteOffset, rx.control_frames);
  for (std::uint32_t i = 0; i < kMacLengthClasses; ++i) {
    pair(spec::MAC_STAT_RX_PACKET_64_BYTES_L::kByteOffset + 8 * i, rx.length[i]);
  }
}

void CounterTable::add_mac_tx() {
  const HardwareCounters::MacTx& tx = model_.mac_tx;
  pair(spec::MAC_STAT_TX_XOFF_STB_L::kByteOffset, tx.xoff);
  pair(spec::MAC_STAT_TX_BYTE_COUNT_L::kByteOffset, tx.bytes);
  pair(spec::MAC_STAT_TX_TRANSMITTED_OK_L::kByteOffset, tx.transmitted_ok);
  pair(spec::MAC_STAT_TX_IFOUTERRORS_L::kByteOffset, tx.if_out_errors);
  pair(spec::MAC_STAT_TX_MULTICAST_L::kByteOffset, tx.multicast);
  pair(spec::MAC_STAT_TX_BROADCAST_L::kByteOffset, tx.broadcast);
  pair(spec::MAC_STAT_TX_CONTROL_FRAMES_L::kByteOffset, tx.control_frames);
  for (std::uint32_t i = 0; i < kMacLengthClasses; ++i) {
    pair(spec::MAC_STAT_TX_PACKET_64_BYTES_L::kByteOffset + 8 * i, tx.length[i]);
  }
}

void CounterTable::add_tx_blocks() {
  word(spec::TMI_DROP_PKTS::kByteOffset, model_.tmi.drop_frames);
  pair(spec::TMI_DROP_BYTE_L::kByteOffset, model_.tmi.drop_bytes);
  word(spec::TMI_ILLEGAL_PTP_REQS::kByteOffset, model_.tmi.illegal_ptp_requests);
  word(spec::TMI_GOOD_PTP_TS::kByteOffset, model_.tmi.good_ptp_ts);
  word(spec::TMI_BAD_PTP_TS::kByteOffset, model_.tmi.bad_ptp_ts);
  for (std::uint32_t i = 0; i < kJumboLengthClasses; ++i) {
    pair(spec::TMI_STAT_TX_PACKET_1519_2047_BYTES_L::kByteOffset + 8 * i, model_.tmi.jumbo[i]);
  }
  word(spec::TCE_TTI_CM_DROP_PKTS::kByteOffset, model_.tti_cm.frames);
  pair(spec::TCE_TTI_CM_DROP_BYTE_L::kByteOffset, model_.tti_cm.bytes);
  word(spec::TCE_TTI_FRAME_DROP_PKTS::kByteOffset, model_.tti_frame.frames);
  pair(spec::TCE_TTI_FRAME_DROP_BYTE_L::kByteOffset, model_.tti_frame.bytes);
  word(spec::TCE_TBI_DROP_PKTS::kByteOffset, model_.tbi.frames);
  pair(spec::TCE_TBI_DROP_BYTE_L::kByteOffset, model_.tbi.bytes);
}

void CounterTable::add_rpc() {
  const HardwareCounters::Rpc& rpc = model_.rpc;
  word(spec::RPC_CNTR_TCP_OPT_ERR::kByteOffset, rpc.tcp_opt_err);
  word(spec::RPC_CNTR_UNKN_ETYPE::kByteOffset, rpc.unknown_ethertype);
  word(spec::RPC_CNTR_IPV4_FRAG::kByteOffset, rpc.ipv4_frag);
  word(spec::RPC_CNTR_IPV6_FRAG::kByteOffset, rpc.ipv6_frag);
  word(spec::RPC_CNTR_IPV4_ESP::kByteOffset, rpc.ipv4_esp);
  word(spec::RPC_CNTR_IPV6_ESP::kByteOffset, rpc.ipv6_esp);
  word(spec::RPC_CNTR_UNKN_EXT_HDR::kByteOffset, rpc.unknown_ext_hdr);
  word(spec::RPC_CNTR_OUT_OF_HDR_ERR::kByteOffset, rpc.out_of_hdr_err);
  word(spec::RPC_CNTR_OVR_SIZE_ERR::kByteOffset, rpc.ovr_size_err);
  for (std::uint32_t i = 0; i < kJumboLengthClasses; ++i) {
    pair(spec::RPC_STAT_RX_PACKET_1519_2047_BYTES_L::kByteOffset + 8 * i, rpc.jumbo[i]);
  }
}

void CounterTable::add_rxb() {
  for (std::uint32_t i = 0; i < 8; ++i) {
    const HardwareCounters::RxbFifo& fifo = model_.rxb_fifo[i];
    word(spec::RXB_DROP_FRMS_STS::at(i).byte_offset, fifo.drop_frames);
    pair(spec::RXB_DROP_BYTES_STS_L::at(i).byte_offset, fifo.drop_bytes);
    word(spec::RXB_TRUN_FRMS_STS::at(i).byte_offset, fifo.truncated_frames);
    pair(spec::RXB_TRUN_BYTES_STS_L::at(i).byte_offset, fifo.truncated_bytes);
    word(spec::RXB_TRANS_PAUSE_STS::at(i).byte_offset, fifo.trans_pause);
    word(spec::RXB_TRANS_DROP_STS::at(i).byte_offset, fifo.trans_drop);
    word(spec::RXB_TRANS_ECN_STS::at(i).byte_offset, fifo.trans_ecn);
    word(spec::RXB_PBUF_FIFO_LEVEL::at(i).byte_offset, fifo.level);
  }
  for (std::uint32_t i = 0; i < 4; ++i) {
    const HardwareCounters::RxbEnqueue& in = model_.rxb_enqueue[i];
    word(spec::RXB_DRBO_FRM_CNT_SRC::at(i).byte_offset, in.frames);
    pair(spec::RXB_DRBO_BYTE_CNT_SRC_L::at(i).byte_offset,
         spec::RXB_DRBO_BYTE_CNT_SRC_H::at(i).byte_offset, in.bytes);
    word(spec::RXB_INTEGRITY_ERR::at(i).byte_offset, in.integrity_err);
    word(spec::RXB_MAC_ERR::at(i).byte_offset, in.mac_err);
    word(spec::RXB_PARSER_ERR::at(i).byte_offset, in.parser_err);
    word(spec::RXB_FRM_ERR::at(i).byte_offset, in.frame_err);
    const HardwareCounters::RxbDequeue& out = model_.rxb_dequeue[i];
    word(spec::RXB_INTF_FRM_CNT_DST::at(i).byte_offset, out.interface_frames);
    pair(spec::RXB_INTF_BYTE_CNT_DST_L::at(i).byte_offset,
         spec::RXB_INTF_BYTE_CNT_DST_H::at(i).byte_offset, out.interface_bytes);
    word(spec::RXB_PBUF_FRM_CNT_DST::at(i).byte_offset, out.buffer_frames);
    pair(spec::RXB_PBUF_BYTE_CNT_DST_L::at(i).byte_offset,
         spec::RXB_PBUF_BYTE_CNT_DST_H::at(i).byte_offset, out.buffer_bytes);
    word(spec::RXB_INTR_PS_COUNT::at(i).byte_offset, model_.pause_storms[i]);
  }
}

void CounterTable::add_pcie_and_fec() {
  const HardwareCounters::Pcie& pcie = model_.pcie;
  pair(spec::PUL_USER_OB_RD_TLP_CNT_31_0::kByteOffset, pcie.read_tlp);
  pair(spec::PUL_USER_OB_RD_DWORD_CNT_31_0::kByteOffset, pcie.read_dword);
  pair(spec::PUL_USER_OB_WR_TLP_CNT_31_0::kByteOffset, pcie.write_tlp);
  pair(spec::PUL_USER_OB_WR_DWORD_CNT_31_0::kByteOffset, pcie.write_dword);
  pair(spec::PUL_USER_OB_CPL_TLP_CNT_31_0::kByteOffset, pcie.completion_tlp);
  pair(spec::PUL_USER_OB_CPL_DWORD_CNT_31_0::kByteOffset, pcie.completion_dword);
  pair(spec::PUL_USER_OB_RD_DBG_CNT_CPL_CRED_31_0::kByteOffset, pcie.no_completion_credit);
  pair(spec::PUL_USER_OB_RD_DBG_CNT_TAG_31_0::kByteOffset, pcie.no_tag);
  pair(spec::PUL_USER_OB_RD_DBG_CNT_NP_CRED_31_0::kByteOffset, pcie.no_np_credit);
  clearing(spec::RSFEC_CCW_LO::at(0).byte_offset, model_.fec_corrected);
  clearing(spec::RSFEC_NCCW_LO::at(0).byte_offset, model_.fec_uncorrected);
  for (std::uint32_t i = 0; i < 4; ++i) {
    clearing(spec::PCS_SYMBLERR_LO::at(i).byte_offset, model_.symbol_errors[i]);
  }
}

CounterTable::CounterTable() {
  add_mac_rx();
  add_mac_tx();
  add_tx_blocks();
  add_rpc();
  add_rxb();
  add_pcie_and_fec();
  std::sort(entries_.begin(), entries_.begin() + count_,
            [](const Entry& a, const Entry& b) { return a.byte_offset < b.byte_offset; });
}

const CounterTable& table() {
  static const CounterTable instance;
  return instance;
}

constexpr std::size_t kFcsBytes = 4;

std::size_t mac_length_class(std::size_t wire_bytes) {
  constexpr std::array<std::size_t, kMacLengthClasses - 1> kLast{64, 127, 255, 511, 1023, 1518};
  std::size_t index = 0;
  while (index < kLast.size() && wire_bytes > kLast[index]) ++index;
  return index;
}

void count_jumbo(std::array<std::uint64_t, kJumboLengthClasses>& classes, std::size_t wire_bytes) {
  if (wire_bytes < 1519) return;
  constexpr std::array<std::size_t, kJumboLengthClasses - 1> kLast{2047, 4095, 8191, 9216};
  std::size_t index = 0;
  while (index < kLast.size() && wire_bytes > kLast[index]) ++index;
  ++classes[index];
}

}  // namespace

HardwareCounters::Cast HardwareCounters::cast_of(std::span<const std::byte> frame) {
  if (frame.size() < 6 || (frame[0] & std::byte{1}) == std::byte{0}) return Cast::kUnicast;
  const bool broadcast = std::all_of(frame.begin(), frame.begin() + 6,
                                     [](std::byte value) { return value == std::byte{0xff}; });
  return broadcast ? Cast::kBroadcast : Cast::kMulticast;
}

void HardwareCounters::tx_frame(std::size_t bytes, Cast cast) {
  const std::size_t wire_bytes = bytes + kFcsBytes;
  mac_tx.bytes += wire_bytes;
  ++mac_tx.transmitted_ok;
  if (cast == Cast::kMulticast) ++mac_tx.multicast;
  if (cast == Cast::kBroadcast) ++mac_tx.broadcast;
  ++mac_tx.length[mac_length_class(wire_bytes)];
  count_jumbo(tmi.jumbo, wire_bytes);
}

void HardwareCounters::rx_frame(std::size_t bytes, Cast cast) {
  const std::size_t wire_bytes = bytes + kFcsBytes;
  mac_rx.bytes += wire_bytes;
  ++mac_rx.received_ok;
  if (cast == Cast::kMulticast) ++mac_rx.multicast;
  if (cast == Cast::kBroadcast) ++mac_rx.broadcast;
  ++mac_rx.length[mac_length_class(wire_bytes)];
  count_jumbo(rpc.jumbo, wire_bytes);
}

void HardwareCounters::rx_parsed(const ParsedFrame& frame) {
  const bool v4 = frame.l3 == spec::L3_TYPE::IPV4;
  rpc.tcp_opt_err += frame.tcp_option_error;
  rpc.unknown_ethertype += frame.unknown_ethertype;
  if (frame.fragment) ++(v4 ? rpc.ipv4_frag : rpc.ipv6_frag);
  if (frame.esp) ++(v4 ? rpc.ipv4_esp : rpc.ipv6_esp);
  rpc.unknown_ext_hdr += frame.unknown_extension;
  rpc.out_of_hdr_err += frame.out_of_header;
  rxb_enqueue[0].parser_err += frame.parser_error;
}

void HardwareCounters::dma_read(std::size_t bytes) {
  const std::uint64_t dwords = (bytes + 3) / 4;
  ++pcie.read_tlp;
  pcie.read_dword += dwords;
  ++pcie.completion_tlp;
  pcie.completion_dword += dwords;
}

void HardwareCounters::dma_write(std::size_t bytes) {
  ++pcie.write_tlp;
  pcie.write_dword += (bytes + 3) / 4;
}

bool HardwareCounters::owns(RegAddr addr) {
  return addr.bar == spec::Bar::kBar0 && table().find(addr.byte_offset & ~3u) != nullptr;
}

std::optional<std::uint32_t> HardwareCounters::read(RegAddr addr) {
  if (addr.bar != spec::Bar::kBar0) return std::nullopt;
  const Entry* entry = table().find(addr.byte_offset & ~3u);
  if (entry == nullptr) return std::nullopt;
  char* member = reinterpret_cast<char*>(this) + entry->member;
  switch (entry->part) {
    case Part::kWord:
      return *reinterpret_cast<std::uint32_t*>(member);
    case Part::kLow:
      return static_cast<std::uint32_t>(*reinterpret_cast<std::uint64_t*>(member));
    case Part::kHigh:
      return static_cast<std::uint32_t>(*reinterpret_cast<std::uint64_t*>(member) >> 32);
    case Part::kClearLow: {
      auto& counter = *reinterpret_cast<ClearOnRead*>(member);
      const std::uint32_t value = counter.value;
      counter = {0, static_cast<std::uint16_t>(value >> 16)};
      return value & 0xffff;
    }
    case Part::kClearHigh: {
      auto& counter = *reinterpret_cast<ClearOnRead*>(member);
      const std::uint32_t value = counter.latched_high;
      counter.latched_high = 0;
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace hni::device
