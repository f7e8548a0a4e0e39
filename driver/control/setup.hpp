// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Setup: the global registers that the device needs before its first queue starts, and again
/// after each reset [device 8]: PCI Express request sizes, queue manager, receive and transmit
/// packet buffers. All values are constants or follow from the host's PCI Express configuration.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// Limits from the PCI Express configuration space; read by the I/O backend.
struct PcieLimits {
  std::uint32_t max_payload = 256;       ///< bytes
  std::uint32_t max_read_request = 512;  ///< bytes
  bool relaxed_ordering = false;         ///< used by the mailbox bring-up
};

/// The device's core clock, also of the PTP counter [device 3.3, 17].
inline constexpr std::uint32_t kCardClockHz = 600'000'000;

/// Report of the one-time-programmable memory; all zero on a healthy device [device 21].
struct OtpReport {
  std::uint32_t status = 0;        ///< status word
  std::uint32_t write_status = 0;  ///< status of the last write
};

namespace setup_detail {

/// A register write.
struct RegWrite {
  RegAddr at;           ///< address
  std::uint32_t value;  ///< value
};

/// Makes a register write.
/// @param reg value
/// @param at array indices
/// @return the write
template <class Reg, class... Index>
constexpr RegWrite to(const Reg& reg, Index... at) {
  return {Reg::at(static_cast<std::uint32_t>(at)...), reg.to_write()};
}

/// Encodes a size for the request size fields: 64 bytes is 0, each doubling one more, at most 3.
/// @param bytes size
/// @return code
constexpr std::uint32_t size_code(std::uint32_t bytes) {
  const int log2 = bytes == 0 ? 0 : static_cast<int>(std::bit_width(bytes)) - 1;
  return static_cast<std::uint32_t>(std::clamp(log2 - 6, 0, 3));
}
inline constexpr std::uint32_t kCacheLineCode = size_code(64);  ///< code of a cache line

/// One of the eight receive FIFOs [device 8.3].
struct Fifo {
  std::uint32_t base;  ///< units of 64 bytes
  std::uint32_t size;  ///< units of 2 KiB; 0: unused
};
/// Layout of the receive FIFOs.
inline constexpr std::array<Fifo, 8> kFifos{{
    {0x1800, 0x20},  // network to host and BMC
    {0, 0},
    {0, 0},
    {0x1c00, 0x10},  // network to BMC
    {0x0000, 0xc0},  // network to host
    {0, 0},
    {0x1e00, 0x10},  // BMC to host
    {0, 0},
}};
inline constexpr std::uint32_t kPacketBufferSize = 0x100;  ///< all FIFOs together, units of 2 KiB

// FIFOs that drop, pause or mark when they fill up [device 15.1]; bit n is FIFO n.
inline constexpr std::uint32_t kDropFifos = 0x7d;
inline constexpr std::uint32_t kPauseFifos = 0x14;  ///< bit mask
inline constexpr std::uint32_t kEcnFifos = 0x10;    ///< bit mask

// Distances in 64-byte units: room for the frames in flight when a pause frame leaves, and for one
// frame of the largest size.
inline constexpr std::uint32_t kPauseSkid = 0x380;
inline constexpr std::uint32_t kFrameRoom = kMaxFrameBytes / 64;  ///< room for one frame
inline constexpr std::uint32_t kNever = 0x1fff;  ///< a threshold that is never reached

/// Thresholds of a FIFO.
struct Thresholds {
  std::uint32_t pause;  ///< register value
  std::uint32_t drop;   ///< register value
  std::uint32_t ecn;    ///< register value
};

/// Encodes a pair of levels.
/// @param on level at which the action starts, units of 64 bytes
/// @param off level at which it ends
/// @return register value
constexpr std::uint32_t on_off(std::uint32_t on, std::uint32_t off) {
  return spec::RXB_DROP_THLD{}.set_ON(on).set_OFF(off).to_write();
}

/// Computes the thresholds of a FIFO.
/// @param n FIFO
/// @param size units of 2 KiB, >= min_fifo_size(n)
/// @return register values
constexpr Thresholds thresholds(std::uint32_t n, std::uint32_t size) {
  const auto is_in = [n](std::uint32_t set) { return (set >> n & 1U) != 0; };
  const std::uint32_t units = size * 32;
  const std::uint32_t ecn = std::max(units / 4, kFrameRoom);
  return {is_in(kPauseFifos) ? on_off(units - kPauseSkid, kPauseSkid) : kNever,
          is_in(kDropFifos) ? on_off(units - kFrameRoom, units - kFrameRoom) : kNever,
          is_in(kEcnFifos) ? on_off(ecn, ecn) : kNever};
}

/// Returns the smallest size for thresholds(): below it a subtraction would wrap, or pausing would
/// end above the level where it begins [trust-boundary A5].
/// @param n FIFO
/// @return units of 2 KiB
constexpr std::uint32_t min_fifo_size(std::uint32_t n) {
  const bool pauses = (kPauseFifos >> n & 1U) != 0;
  return ((pauses ? 2 * kPauseSkid : kFrameRoom) + 32) / 32;
}

/// Registers of the queue manager.
inline constexpr auto kQueueManager = std::to_array<RegWrite>({
    // Metadata of packets without any: completion request, L2 length field 14 (in units of two
    // bytes; no offload uses it), no destination bit.
    to(spec::QM_TWQ_DEFAULT_META_L{14}),
    to(spec::QM_TWQ_DEFAULT_META_H{1U << (37 - 32)}),
    to(spec::QM_TQS_CTL0{}.set_LSO_TS(1).set_PREFETCH_THRESH(16)),
    to(spec::QM_TQS_EDT_TS_RANGE{0x7fffffff}),
    // One more than the largest frame: the size must not be within 16 bytes of a multiple of 64.
    to(spec::QM_TQS_MTU_CTL0{kMaxFrameBytes + 1}),
    to(spec::QM_TQS_MTU_CTL1{}.set_BULK(kMaxFrameBytes + 1)),
    // Interrupt timers tick every microsecond; completions are collected for 80 us (transmit) and
    // 2 us (receive) before they are written.
    to(spec::QM_TCQ_CTL0{}
           .set_TICK_CYCLES(kCardClockHz / 1'000'000)
           .set_COAL_WAIT(kCardClockHz / 12'500)),
    to(spec::QM_RCQ_CTL0{}
           .set_TICK_CYCLES(kCardClockHz / 1'000'000)
           .set_COAL_WAIT(kCardClockHz / 500'000)),
    to(spec::FAB_AXI4_AR_SPACER_2_CFG{}.set_MASK(1).set_THREADSHOLD(2)),
});

/// Builds PAUSE_DROP_CTRL [device 15.1]. Only the driver writes this register, so it is never read
/// back.
/// @param tx_pause send pause frames
/// @param storm_protection limit the time of pausing
/// @return register value
constexpr spec::RXB_PAUSE_DROP_CTRL pause_drop_ctrl(bool tx_pause, bool storm_protection) {
  return spec::RXB_PAUSE_DROP_CTRL{}
      .set_DROP_ENABLE(kDropFifos)
      .set_PAUSE_ENABLE(tx_pause ? kPauseFifos : 0)
      .set_ECN_ENABLE(kEcnFifos)
      .set_PS_ENABLE(storm_protection ? 1 : 0);
}

// Slots of both calendars: host first, then BMC; the reverse in the last word.
inline constexpr std::uint32_t kCalendarWords = 16;
/// Returns a word of both calendars.
/// @param n number of the word
/// @return register value
constexpr std::uint32_t calendar_word(std::uint32_t n) {
  return n == kCalendarWords - 1 ? 0x1e1b1b1b : 0x1b1b1b1b;
}

/// Registers of the receive buffer, before the calendar.
inline constexpr auto kRxBufferHead = std::to_array<RegWrite>({
    to(pause_drop_ctrl(false, false)),
    to(spec::RXB_INTF_CREDIT{}.set_MASK0(15).set_MASK1(15).set_MASK2(15).set_MASK3(8)),
});
/// Registers of the receive buffer, after the calendar.
inline constexpr auto kRxBufferTail = std::to_array<RegWrite>({
    to(spec::RXB_DWRR_RDE_WEIGHT0{}.set_QUANTUM0(0x40).set_QUANTUM2(0x50)),
    to(spec::RXB_DWRR_RDE_WEIGHT0_EXT{0x1f}),
    to(spec::RXB_DWRR_RDE_WEIGHT1{}.set_QUANTUM4(0x40)),
    to(spec::RXB_DWRR_RDE_WEIGHT1_EXT{0x1f}),
    to(spec::RXB_ENDIAN_FCS{0x0aaaaaa0}),
});

// TCP flags that segmentation clears [device 12.5].
inline constexpr std::uint32_t kTcpFin = 0x01, kTcpPsh = 0x08, kTcpCwr = 0x80;

/// Registers of the transmit buffer, before the calendar.
inline constexpr auto kTxBufferHead = std::to_array<RegWrite>({
    to(spec::TCE_TXB_CTRL{}),
    to(spec::QM_TQS_CTL1{}.set_MC_MAX_CREDITS(0x40).set_BULK_MAX_CREDITS(0x20)),
    to(spec::TCE_TXB_TEI_Q0_CTRL{}),
    to(spec::TCE_TXB_TEI_Q1_CTRL{}),
    to(spec::TCE_TXB_MC_Q_CTRL{}.set_START(0).set_SIZE(0x400)),
    to(spec::TCE_TXB_RX_TEI_Q_CTRL{}),
    to(spec::TCE_TXB_TX_BMC_Q_CTRL{}.set_START(0x400).set_SIZE(0x200)),
    to(spec::TCE_TXB_RX_BMC_Q_CTRL{}.set_START(0x600).set_SIZE(0x200)),
    to(spec::TCE_LSO_CTRL{}
           .set_TCPF_CLR_1ST(kTcpFin | kTcpPsh)
           .set_TCPF_CLR_MID(kTcpFin | kTcpPsh | kTcpCwr)
           .set_TCPF_CLR_END(kTcpCwr)
           .set_IPID_MODE_INC(1)),
    to(spec::TCE_CSO_CTRL{}),
    to(spec::TCE_BMC_MAX_PKTSZ{}.set_TX(kMaxFrameBytes).set_RX(kMaxFrameBytes)),
    to(spec::TCE_MC_MAX_PKTSZ{}.set_TMI(kMaxFrameBytes)),
});
/// Registers of the transmit buffer, after the calendar.
inline constexpr auto kTxBufferTail = std::to_array<RegWrite>({
    to(spec::TCE_TXB_ENQ_WRR_CTRL{}.set_WEIGHT0(0x64).set_WEIGHT2(0x04)),
    to(spec::TCE_TXB_TEI_DWRR_CTRL{}),
    to(spec::TCE_TXB_TEI_DWRR_CTRL_EXT{}),
    to(spec::TCE_TXB_BMC_DWRR_CTRL{}.set_QUANTUM0(0x50).set_QUANTUM1(0x82)),
    to(spec::TCE_TXB_BMC_DWRR_CTRL_EXT{}),
    to(spec::TCE_TXB_NTWRK_DWRR_CTRL{}.set_QUANTUM1(0x50).set_QUANTUM2(0x20)),
    to(spec::TCE_TXB_NTWRK_DWRR_CTRL_EXT{0x00030000}),
    to(spec::TCE_SOP_PROT_CTRL{}.set_TBI(0x78).set_TTI_FRM(0x40).set_TTI_CM(0x0c)),
    // Depth in 64-byte units before a frame starts to leave.
    to(spec::TMI_SOP_PROT_CTRL{8}),
});

}  // namespace setup_detail

/// Programs the global registers.
template <DeviceIo Io, class Obs = NullObserver>
class Setup {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device
  /// Creates an accessor.
  /// @param device must outlive it
  explicit Setup(D& device) : device_(&device) {}

  /// Writes everything, about 110 registers. Nothing here can time out.
  /// @param limits limits of the PCI Express link
  /// @return kCardGone on a surprise removal
  Result<> program(const PcieLimits& limits) {
    program_requests(limits);
    write_all(setup_detail::kQueueManager);
    program_rx_buffer();
    program_tx_buffer();
    if (device_->gone()) return fail(ErrorCode::kCardGone);
    return {};
  }

  /// @return true if management (BMC) traffic was flowing at the last program(); the FIFO layout
  ///     was kept then
  [[nodiscard]] bool management_running() const { return management_running_; }

  /// Reads the state of the one-time-programmable memory.
  /// @return nullopt if it reports nothing
  [[nodiscard]] std::optional<OtpReport> check_otp() {
    const auto status = device_->template read<spec::NS_OTP_STATUS>(Site::kOtpStatus).raw;
    if (!status.nonzero() || device_->gone()) return std::nullopt;
    const auto write = device_->template read<spec::NS_OTP_WRITE_STATUS>(Site::kOtpStatus).raw;
    return OtpReport{status.as_data(), write.as_data()};
  }

 private:
  template <class Table>
  void write_all(const Table& table) {
    for (const auto& w : table) device_->write_at(w.at, w.value);
  }

  // Sets bits 3:0 (two size codes) and keeps those of `keep`, including reserved ones.
  template <class Reg>
  void set_codes(std::uint32_t keep, std::uint32_t code) {
    const std::uint32_t old = device_->template read<Reg>(Site::kSetupReadback).raw.as_data();
    const std::uint32_t codes = code | setup_detail::kCacheLineCode << 2;
    device_->template write_word<Reg>((old & keep) | codes);
  }

  void program_requests(const PcieLimits& limits) {
    const std::uint32_t request = setup_detail::size_code(limits.max_read_request);
    const std::uint32_t payload = setup_detail::size_code(limits.max_payload);
    constexpr std::uint32_t kOutstanding = 0x00fffff0;  // MAX_OT and MAX_OB
    constexpr std::uint32_t kAllButCodes = 0xfffffff0;

    set_codes<spec::QM_TNI_TDF_CTL>(kOutstanding, request);
    set_codes<spec::QM_TNI_TCM_CTL>(kAllButCodes, payload);
    // 704 of 768 beats and 128 requests: the rest is for descriptors.
    device_->write(spec::QM_TNI_TDE_CTL{}
                       .set_MRRS_1K(limits.max_read_request >= 1024 ? 1 : 0)
                       .set_MAX_OB(704)
                       .set_MAX_OT(128)
                       .set_MRRS(request)
                       .set_CLS(setup_detail::kCacheLineCode));
    set_codes<spec::QM_RNI_RBP_CTL>(kOutstanding, request);
    set_codes<spec::QM_RNI_RDE_CTL>(kAllButCodes, payload);
    set_codes<spec::QM_RNI_RCM_CTL>(kAllButCodes, payload);
  }

  // Returns the size of FIFO `n` that management traffic uses; the default if that is invalid.
  std::uint32_t running_size(std::uint32_t n) {
    const auto size = device_->template read<spec::RXB_PBUF_CFG>(Site::kPbufCfg, n).SIZE();
    if (size.equals(0)) return 0;
    const std::uint32_t least = setup_detail::min_fifo_size(n);
    if (const auto good = size.between(least, setup_detail::kPacketBufferSize)) return *good;
    device_->refuse(Site::kPbufCfg, size.as_data(), least);
    return setup_detail::kFifos[n].size;
  }

  void lay_out_fifo(std::uint32_t n, const setup_detail::Fifo& fifo) {
    device_->write(spec::RXB_CT_SIZE{}.set_HEADER(4).set_PAYLOAD(2), n);
    device_->write(spec::RXB_PBUF_CFG{}.set_BASE_ADDR(fifo.base).set_SIZE(fifo.size), n);
    device_->write(spec::RXB_PBUF_CREDIT{fifo.size != 0 ? fifo.size * 32 + 4 : 0}, n);
  }

  void program_rx_buffer() {
    management_running_ =
        device_->template read<spec::RPC_RMI_CONFIG>(Site::kRmiConfig).ENABLE().nonzero();
    for (std::uint32_t n = 0; n < setup_detail::kFifos.size(); ++n) {
      std::uint32_t size = setup_detail::kFifos[n].size;
      if (management_running_) {
        size = running_size(n);
      } else {
        lay_out_fifo(n, setup_detail::kFifos[n]);
      }
      if (size == 0) continue;
      const setup_detail::Thresholds t = setup_detail::thresholds(n, size);
      device_->write(spec::RXB_PAUSE_THLD{t.pause}, n);
      device_->write(spec::RXB_DROP_THLD{t.drop}, n);
      device_->write(spec::RXB_ECN_THLD{t.ecn}, n);
    }
    write_all(setup_detail::kRxBufferHead);
    for (std::uint32_t n = 0; n < setup_detail::kCalendarWords; ++n)
      device_->write(spec::RXB_CLDR_PRIO_CFG{setup_detail::calendar_word(n)}, n);
    write_all(setup_detail::kRxBufferTail);
  }

  void program_tx_buffer() {
    write_all(setup_detail::kTxBufferHead);
    for (std::uint32_t n = 0; n < setup_detail::kCalendarWords; ++n)
      device_->write(spec::TCE_TXB_CLDR_SLOT_CFG{setup_detail::calendar_word(n)}, n);
    write_all(setup_detail::kTxBufferTail);
    // The buffer must be loaded after its layout has arrived.
    device_->flush();
    device_->write(spec::TCE_TXB_CTRL{}.set_LOAD(1).set_TCAM_ENABLE(1));
  }

  D* device_;
  bool management_running_ = false;
};

}  // namespace hni
