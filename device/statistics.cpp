// SPDX-License-Identifier: Apache-2.0
#include "device/statistics.hpp"

#include <algorithm>
#include <bit>
#include <type_traits>

#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

using spec::RegAddr;

// The part of a counter that one counter register shows.
enum class Part : std::uint8_t { kWord, kLow, kHigh, kClearLow, kClearHigh };

struct Entry {
  std::uint32_t member;  // offset of the counter in HardwareCounters
  Part part;
};

static_assert(std::is_standard_layout_v<HardwareCounters>, "members are found by their offsets");

class CounterTable {
 public:
  CounterTable();
  const Entry* find(std::uint32_t byte_offset) const {
    const std::uint32_t word = byte_offset / 4;
    if (word / kPageWords >= page_of_.size()) return nullptr;
    const unsigned page = page_of_[word / kPageWords];
    const unsigned entry = index_[page * kPageWords + word % kPageWords];
    return entry == 0 ? nullptr : &entries_[entry - 1];
  }

 private:
  void add(std::uint32_t byte_offset, const void* member, Part part) {
    const auto* from = reinterpret_cast<const char*>(&model_);
    const auto offset = static_cast<std::uint32_t>(static_cast<const char*>(member) - from);
    entries_.at(count_++) = {offset, part};
    const std::uint32_t word = byte_offset / 4;
    std::uint8_t& page = page_of_.at(word / kPageWords);
    if (page == 0) page = ++pages_;
    index_.at(page * kPageWords + word % kPageWords) = static_cast<std::uint16_t>(count_);
  }
  // Reg is the register, or that of the low half. Its width and whether a read clears it come from
  // the spec; the type of the counter must fit.
  template <class Reg>
  static std::uint32_t address(std::uint32_t i) {
    if constexpr (requires { Reg::at(0U); }) {
      return Reg::at(i).byte_offset;
    } else {
      (void)i;
      return Reg::at().byte_offset;
    }
  }
  template <class Reg>
  void map(const std::uint32_t& counter, std::uint32_t i = 0) {
    static_assert(spec::high_half_of<Reg>() == 0 && !spec::clears_on_read<Reg>());
    add(address<Reg>(i), &counter, Part::kWord);
  }
  template <class Reg>
  void map(const std::uint64_t& counter, std::uint32_t i = 0) {
    static_assert(spec::high_half_of<Reg>() != 0 && !spec::clears_on_read<Reg>());
    add(address<Reg>(i), &counter, Part::kLow);
    add(address<Reg>(i) + spec::high_half_of<Reg>(), &counter, Part::kHigh);
  }
  template <class Reg>
  void map(const HardwareCounters::ClearOnRead& counter, std::uint32_t i = 0) {
    static_assert(spec::high_half_of<Reg>() != 0 && spec::clears_on_read<Reg>());
    add(address<Reg>(i), &counter, Part::kClearLow);
    add(address<Reg>(i) + spec::high_half_of<Reg>(), &counter, Part::kClearHigh);
  }
  template <class... Regs, std::size_t N>
  void map_each(const std::array<std::uint64_t, N>& counters) {
    static_assert(sizeof...(Regs) == N);
    std::size_t i = 0;
    (map<Regs>(counters[i++]), ...);
  }
  void add_mac_rx();
  void add_mac_tx();
  void add_tx_blocks();
  void add_rpc();
  void add_rxb();
  void add_pcie_and_fec();

  // The index has two levels, because the counters lie in few parts of the BAR. Page 0 is empty.
  static constexpr std::uint32_t kPageWords = 256;
  static constexpr std::uint32_t kPages = 24;

  HardwareCounters model_{};
  std::array<Entry, 320> entries_{};
  std::size_t count_ = 0;
  std::array<std::uint8_t, 0x180000 / 4 / kPageWords> page_of_{};
  std::array<std::uint16_t, kPages * kPageWords> index_{};  // of an entry plus 1; 0: none
  std::uint8_t pages_ = 0;
};

void CounterTable::add_mac_rx() {
  const HardwareCounters::MacRx& rx = model_.mac_rx;
  map<spec::MAC_STAT_RX_XOFF_STB_L>(rx.xoff);
  map<spec::MAC_STAT_RX_BYTE_COUNT_L>(rx.bytes);
  map<spec::MAC_STAT_RX_ALIGN_ERROR_L>(rx.align_error);
  map<spec::MAC_STAT_RX_TOOLONG_L>(rx.too_long);
  map<spec::MAC_STAT_RX_RECEIVED_OK_L>(rx.received_ok);
  map<spec::MAC_STAT_RX_PACKET_BAD_FCS_L>(rx.bad_fcs);
  map<spec::MAC_STAT_RX_IFINERRORS_L>(rx.if_in_errors);
  map<spec::MAC_STAT_RX_MULTICAST_L>(rx.multicast);
  map<spec::MAC_STAT_RX_BROADCAST_L>(rx.broadcast);
  map<spec::MAC_STAT_RX_UNDERSIZE_L>(rx.undersize);
  map<spec::MAC_STAT_RX_OVERSIZE_L>(rx.oversize);
  map<spec::MAC_STAT_RX_JABBER_L>(rx.jabber);
  map<spec::MAC_STAT_RX_FRAGMENT_L>(rx.fragment);
  map<spec::MAC_STAT_RX_CONTROL_FRAMES_L>(rx.control_frames);
  map_each<spec::MAC_STAT_RX_PACKET_64_BYTES_L, spec::MAC_STAT_RX_PACKET_65_127_BYTES_L,
           spec::MAC_STAT_RX_PACKET_128_255_BYTES_L, spec::MAC_STAT_RX_PACKET_256_511_BYTES_L,
           spec::MAC_STAT_RX_PACKET_512_1023_BYTES_L, spec::MAC_STAT_RX_PACKET_1024_1518_BYTES_L,
           spec::MAC_STAT_RX_PACKET_1519_MAX_BYTES_L>(rx.length);
}

void CounterTable::add_mac_tx() {
  const HardwareCounters::MacTx& tx = model_.mac_tx;
  map<spec::MAC_STAT_TX_XOFF_STB_L>(tx.xoff);
  map<spec::MAC_STAT_TX_BYTE_COUNT_L>(tx.bytes);
  map<spec::MAC_STAT_TX_TRANSMITTED_OK_L>(tx.transmitted_ok);
  map<spec::MAC_STAT_TX_IFOUTERRORS_L>(tx.if_out_errors);
  map<spec::MAC_STAT_TX_MULTICAST_L>(tx.multicast);
  map<spec::MAC_STAT_TX_BROADCAST_L>(tx.broadcast);
  map<spec::MAC_STAT_TX_CONTROL_FRAMES_L>(tx.control_frames);
  map_each<spec::MAC_STAT_TX_PACKET_64_BYTES_L, spec::MAC_STAT_TX_PACKET_65_127_BYTES_L,
           spec::MAC_STAT_TX_PACKET_128_255_BYTES_L, spec::MAC_STAT_TX_PACKET_256_511_BYTES_L,
           spec::MAC_STAT_TX_PACKET_512_1023_BYTES_L, spec::MAC_STAT_TX_PACKET_1024_1518_BYTES_L,
           spec::MAC_STAT_TX_PACKET_1519_MAX_BYTES_L>(tx.length);
}

void CounterTable::add_tx_blocks() {
  map<spec::TMI_DROP_PKTS>(model_.tmi.drop_frames);
  map<spec::TMI_DROP_BYTE_L>(model_.tmi.drop_bytes);
  map<spec::TMI_ILLEGAL_PTP_REQS>(model_.tmi.illegal_ptp_requests);
  map<spec::TMI_GOOD_PTP_TS>(model_.tmi.good_ptp_ts);
  map<spec::TMI_BAD_PTP_TS>(model_.tmi.bad_ptp_ts);
  map_each<spec::TMI_STAT_TX_PACKET_1519_2047_BYTES_L, spec::TMI_STAT_TX_PACKET_2048_4095_BYTES_L,
           spec::TMI_STAT_TX_PACKET_4096_8191_BYTES_L, spec::TMI_STAT_TX_PACKET_8192_9216_BYTES_L,
           spec::TMI_STAT_TX_PACKET_9217_MAX_BYTES_L>(model_.tmi.jumbo);
  map<spec::TCE_TTI_CM_DROP_PKTS>(model_.tti_cm.frames);
  map<spec::TCE_TTI_CM_DROP_BYTE_L>(model_.tti_cm.bytes);
  map<spec::TCE_TTI_FRAME_DROP_PKTS>(model_.tti_frame.frames);
  map<spec::TCE_TTI_FRAME_DROP_BYTE_L>(model_.tti_frame.bytes);
  map<spec::TCE_TBI_DROP_PKTS>(model_.tbi.frames);
  map<spec::TCE_TBI_DROP_BYTE_L>(model_.tbi.bytes);
}

void CounterTable::add_rpc() {
  const HardwareCounters::Rpc& rpc = model_.rpc;
  map<spec::RPC_CNTR_TCP_OPT_ERR>(rpc.tcp_opt_err);
  map<spec::RPC_CNTR_UNKN_ETYPE>(rpc.unknown_ethertype);
  map<spec::RPC_CNTR_IPV4_FRAG>(rpc.ipv4_frag);
  map<spec::RPC_CNTR_IPV6_FRAG>(rpc.ipv6_frag);
  map<spec::RPC_CNTR_IPV4_ESP>(rpc.ipv4_esp);
  map<spec::RPC_CNTR_IPV6_ESP>(rpc.ipv6_esp);
  map<spec::RPC_CNTR_UNKN_EXT_HDR>(rpc.unknown_ext_hdr);
  map<spec::RPC_CNTR_OUT_OF_HDR_ERR>(rpc.out_of_hdr_err);
  map<spec::RPC_CNTR_OVR_SIZE_ERR>(rpc.ovr_size_err);
  map_each<spec::RPC_STAT_RX_PACKET_1519_2047_BYTES_L, spec::RPC_STAT_RX_PACKET_2048_4095_BYTES_L,
           spec::RPC_STAT_RX_PACKET_4096_8191_BYTES_L, spec::RPC_STAT_RX_PACKET_8192_9216_BYTES_L,
           spec::RPC_STAT_RX_PACKET_9217_MAX_BYTES_L>(rpc.jumbo);
}

void CounterTable::add_rxb() {
  for (std::uint32_t i = 0; i < 8; ++i) {
    const HardwareCounters::RxbFifo& fifo = model_.rxb_fifo[i];
    map<spec::RXB_DROP_FRMS_STS>(fifo.drop_frames, i);
    map<spec::RXB_DROP_BYTES_STS_L>(fifo.drop_bytes, i);
    map<spec::RXB_TRUN_FRMS_STS>(fifo.truncated_frames, i);
    map<spec::RXB_TRUN_BYTES_STS_L>(fifo.truncated_bytes, i);
    map<spec::RXB_TRANS_PAUSE_STS>(fifo.trans_pause, i);
    map<spec::RXB_TRANS_DROP_STS>(fifo.trans_drop, i);
    map<spec::RXB_TRANS_ECN_STS>(fifo.trans_ecn, i);
    map<spec::RXB_PBUF_FIFO_LEVEL>(fifo.level, i);
  }
  for (std::uint32_t i = 0; i < 4; ++i) {
    const HardwareCounters::RxbEnqueue& in = model_.rxb_enqueue[i];
    map<spec::RXB_DRBO_FRM_CNT_SRC>(in.frames, i);
    map<spec::RXB_DRBO_BYTE_CNT_SRC_L>(in.bytes, i);
    map<spec::RXB_INTEGRITY_ERR>(in.integrity_err, i);
    map<spec::RXB_MAC_ERR>(in.mac_err, i);
    map<spec::RXB_PARSER_ERR>(in.parser_err, i);
    map<spec::RXB_FRM_ERR>(in.frame_err, i);
    const HardwareCounters::RxbDequeue& out = model_.rxb_dequeue[i];
    map<spec::RXB_INTF_FRM_CNT_DST>(out.interface_frames, i);
    map<spec::RXB_INTF_BYTE_CNT_DST_L>(out.interface_bytes, i);
    map<spec::RXB_PBUF_FRM_CNT_DST>(out.buffer_frames, i);
    map<spec::RXB_PBUF_BYTE_CNT_DST_L>(out.buffer_bytes, i);
    map<spec::RXB_INTR_PS_COUNT>(model_.pause_storms[i], i);
  }
}

void CounterTable::add_pcie_and_fec() {
  const HardwareCounters::Pcie& pcie = model_.pcie;
  map<spec::PUL_USER_OB_RD_TLP_CNT_31_0>(pcie.read_tlp);
  map<spec::PUL_USER_OB_RD_DWORD_CNT_31_0>(pcie.read_dword);
  map<spec::PUL_USER_OB_WR_TLP_CNT_31_0>(pcie.write_tlp);
  map<spec::PUL_USER_OB_WR_DWORD_CNT_31_0>(pcie.write_dword);
  map<spec::PUL_USER_OB_CPL_TLP_CNT_31_0>(pcie.completion_tlp);
  map<spec::PUL_USER_OB_CPL_DWORD_CNT_31_0>(pcie.completion_dword);
  map<spec::PUL_USER_OB_RD_DBG_CNT_CPL_CRED_31_0>(pcie.no_completion_credit);
  map<spec::PUL_USER_OB_RD_DBG_CNT_TAG_31_0>(pcie.no_tag);
  map<spec::PUL_USER_OB_RD_DBG_CNT_NP_CRED_31_0>(pcie.no_np_credit);
  map<spec::RSFEC_CCW_LO>(model_.fec_corrected);
  map<spec::RSFEC_NCCW_LO>(model_.fec_uncorrected);
  for (std::uint32_t i = 0; i < 4; ++i) {
    map<spec::PCS_SYMBLERR_LO>(model_.symbol_errors[i], i);
  }
}

CounterTable::CounterTable() {
  add_mac_rx();
  add_mac_tx();
  add_tx_blocks();
  add_rpc();
  add_rxb();
  add_pcie_and_fec();
}

const CounterTable& table() {
  static const CounterTable instance;
  return instance;
}

constexpr std::size_t kFcsBytes = 4;

std::size_t mac_length_class(std::size_t wire_bytes) {
  // The limits between are one less than a power of two.
  if (wire_bytes <= 64) return 0;
  if (wire_bytes > 1518) return kMacLengthClasses - 1;
  return static_cast<std::size_t>(std::bit_width(wire_bytes)) - 6;
}

void count_jumbo(std::array<std::uint64_t, kJumboLengthClasses>& classes, std::size_t wire_bytes) {
  if (wire_bytes < 1519) return;
  constexpr std::array<std::size_t, kJumboLengthClasses - 1> kLast{2047, 4095, 8191, 9216};
  std::size_t index = 0;
  while (index < kLast.size() && wire_bytes > kLast[index]) ++index;
  ++classes[index];
}

}  // namespace

HardwareCounters::Cast HardwareCounters::group_of(std::span<const std::byte> frame) {
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
