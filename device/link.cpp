// SPDX-License-Identifier: Apache-2.0
#include "device/link.hpp"

#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

using spec::Bar;
using spec::MAC_COMMAND_CONFIG;
using spec::RegAddr;
using spec::SIG_MAC_IN0;
using spec::SIG_PCS_INTR_MASK;
using spec::SIG_PCS_INTR_STS;
using spec::SIG_PCS_OUT0;
using spec::SIG_PCS_OUT1;

constexpr std::uint64_t kNever = ~std::uint64_t{0};

// Registers that only the register dump names (source E), so by address.
constexpr std::uint32_t kPcsIn0 = 0x11807 * 4;
constexpr std::uint32_t kPcsIn1 = 0x11825 * 4;
constexpr std::uint32_t kPcsIntrSet = 0x11815 * 4;
constexpr std::uint32_t kPcsPages = 0x10000 * 4;  // two pages of 0x400 registers
constexpr std::uint32_t kPcsPageRegisters = 0x400;

constexpr std::uint32_t kLinkUpEvent = 1u << 0;
constexpr std::uint32_t kLinkDownEvent = 1u << 1;
constexpr std::uint32_t kAlignDoneEvent = 1u << 2;
constexpr std::uint32_t kAlignLostEvent = 1u << 3;

// Registers inside a PCS page [device 10.5].
constexpr std::uint32_t kControl1 = 0x000;
constexpr std::uint32_t kStatus1 = 0x001;
constexpr std::uint32_t kStatus2 = 0x008;
constexpr std::uint32_t kBaseRStatus1 = 0x020;
constexpr std::uint32_t kBaseRStatus2 = 0x021;
constexpr std::uint32_t kVendorDigitalStatus = 0x210;
constexpr std::uint32_t kControl1Reset = 1u << 15;
constexpr std::uint32_t kControl1Speed = 0x207c;

// The link test compares for equality [device 10.3]: one row per lane mode.
struct LockPattern {
  std::uint32_t block_lock, amps_lock, fc_lock;  // FEC off, RS, BASE-R; 0 = mode not possible
  std::uint32_t control1_speed;
  std::uint64_t mbps;
};
constexpr std::array<LockPattern, 5> kPatterns{{
    {0x1, 0x1, 0x1, 0x2054, 25'000},   // 25GAUI
    {0x63, 0x5, 0xf, 0x2058, 50'000},  // LAUI2
    {0, 0x3, 0, 0x2058, 50'000},       // 50GAUI1
    {0, 0xf, 0, 0x2050, 100'000},      // 100GAUI2
    {0, 0, 0, 0x2040, 0},              // unknown
}};

const LockPattern& pattern_of(Aui aui) {
  return kPatterns[static_cast<std::size_t>(aui)];
}

// Decodes what the firmware writes [device 10.1]; any other word selects no known mode.
Aui decode_in0(std::uint32_t in0) {
  switch (in0) {
    case 0x00203:
      return Aui::k25G;
    case 0x00000:
      return Aui::k50GLaui2;
    case 0x60000:
      return Aui::k50G;
    case 0x60040:
      return Aui::k100G;
    default:
      return Aui::kUnknown;
  }
}

Fec decode_in1(std::uint32_t in1) {
  switch (in1) {
    case 0:
      return Fec::kNone;
    case 0xf:
      return Fec::kRs;
    case 0x0f000000:
      return Fec::kBaseR;
    default:
      return Fec::kUnknown;
  }
}

std::uint32_t lock_bits(Aui aui, Fec fec) {
  const LockPattern& pattern = pattern_of(aui);
  switch (fec) {
    case Fec::kNone:
      return pattern.block_lock;
    case Fec::kRs:
      return pattern.amps_lock;
    case Fec::kBaseR:
      return pattern.fc_lock;
    case Fec::kUnknown:
      break;
  }
  return 0;
}

}  // namespace

LinkModel::LinkModel(const LinkModelConfig& config) : config_(config) {
  plugged_ = locked_ = config.plugged_at_power_on;
  reset_function();
}

void LinkModel::reset_function() {
  mac_in0_ = 0;
  mac_command_ = 0;
  intr_sts_ = 0;
  intr_mask_ = ~std::uint32_t{0};  // INTERPRETATION: masked until the driver unmasks
  pcs_control1_ = {};
}

void LinkModel::reset_power() {
  reset_function();
  programmed_ = false;
  pcs_in0_ = pcs_in1_ = 0;
  update();
  intr_sts_ = 0;
}

// The firmware programs lanes and FEC [device 10.1].
void LinkModel::set_pcs_in(std::uint32_t in0, std::uint32_t in1) {
  pcs_in0_ = in0;
  pcs_in1_ = in1;
  programmed_ = true;
  update();
}

void LinkModel::set_cable(bool plugged, std::uint64_t now_ns) {
  if (plugged == plugged_) return;
  plugged_ = plugged;
  if (!plugged) {
    locked_ = false;
    lock_at_ns_ = kNever;
  } else {
    lock_at_ns_ = now_ns + config_.lock_time_ns;
  }
  tick(now_ns);
  update();
}

void LinkModel::tick(std::uint64_t now_ns) {
  if (now_ns < lock_at_ns_) return;
  lock_at_ns_ = kNever;
  locked_ = plugged_;
  update();
}

// Recomputes the link; a change latches LINK_UP or LINK_DOWN [device 10.2, 10.4].
void LinkModel::update() {
  aui_ = programmed_ ? decode_in0(pcs_in0_) : Aui::kUnknown;
  fec_ = programmed_ ? decode_in1(pcs_in1_) : Fec::kUnknown;
  const bool up = locked_ && lock_bits(aui_, fec_) != 0;
  if (up == up_) return;
  up_ = up;
  intr_sts_ |= up ? (kLinkUpEvent | kAlignDoneEvent) : (kLinkDownEvent | kAlignLostEvent);
}

std::uint64_t LinkModel::speed_mbps() const {
  return pattern_of(aui_).mbps;
}

// SIG_PCS_OUT0: lock bits of the mode and FEC [device 10.3].
std::uint32_t LinkModel::pcs_out0() const {
  if (!up_) return 0;
  constexpr std::uint32_t kAlignDone = 1u << 26;
  constexpr std::uint32_t kRsFecAligned = 1u << 0;
  std::uint32_t out0 = SIG_PCS_OUT0{}.set_LINK(1).raw | kAlignDone;
  if (fec_ == Fec::kNone) out0 |= SIG_PCS_OUT0{}.set_BLOCK_LOCK(lock_bits(aui_, fec_)).raw;
  if (fec_ == Fec::kRs) {
    out0 |= SIG_PCS_OUT0{}.set_AMPS_LOCK(lock_bits(aui_, fec_)).raw | kRsFecAligned;
  }
  return out0;
}

std::uint32_t LinkModel::pcs_out1() const {
  if (!up_ || fec_ != Fec::kBaseR) return 0;
  return SIG_PCS_OUT1{}.set_FCFEC_LOCK(lock_bits(aui_, fec_)).raw;
}

std::optional<std::uint32_t> LinkModel::read_pcs(std::uint32_t page_register) const {
  const std::uint32_t page = page_register / kPcsPageRegisters;
  switch (page_register % kPcsPageRegisters) {
    case kControl1:  // speed bits are those of the lanes; a reset completes at once
      return (pcs_control1_[page] & ~(kControl1Speed | kControl1Reset)) |
             pattern_of(aui_).control1_speed;
    case kStatus1:
      return up_ ? 1u << 2 : 0u;
    case kBaseRStatus1:
      return up_ ? (1u << 12) | 1u : 0u;
    case kStatus2:
    case kBaseRStatus2:
    case kVendorDigitalStatus:
      return 0;
    default:
      return std::nullopt;
  }
}

std::optional<std::uint32_t> LinkModel::read(RegAddr addr) const {
  if (addr.bar != Bar::kBar0) return std::nullopt;
  const std::uint32_t at = addr.byte_offset & ~3u;
  if (at >= kPcsPages && at < kPcsPages + 2 * 4 * kPcsPageRegisters) {
    return read_pcs((at - kPcsPages) / 4);
  }
  switch (at) {
    case SIG_MAC_IN0::kByteOffset:
      return mac_in0_;
    case MAC_COMMAND_CONFIG::kByteOffset:
      return mac_command_;
    case SIG_PCS_OUT0::kByteOffset:
      return pcs_out0();
    case SIG_PCS_OUT1::kByteOffset:
      return pcs_out1();
    case SIG_PCS_INTR_STS::kByteOffset:
      return intr_sts_;
    case SIG_PCS_INTR_MASK::kByteOffset:
      return intr_mask_;
    case kPcsIntrSet:
      return 0;
    case kPcsIn0:
      return pcs_in0_;
    case kPcsIn1:
      return pcs_in1_;
    default:
      return std::nullopt;
  }
}

// Status bits are write-one-to-clear; MAC_COMMAND_CONFIG takes effect at once [device 10.2, 10.6].
bool LinkModel::write(RegAddr addr, std::uint32_t value) {
  if (addr.bar != Bar::kBar0) return false;
  const std::uint32_t at = addr.byte_offset & ~3u;
  if (at >= kPcsPages && at < kPcsPages + 2 * 4 * kPcsPageRegisters) {
    const std::uint32_t page_register = (at - kPcsPages) / 4;
    if (!read_pcs(page_register)) return false;
    if (page_register % kPcsPageRegisters == kControl1) {
      pcs_control1_[page_register / kPcsPageRegisters] = value & 0xffff;
    }
    return true;  // status registers are read-only
  }
  switch (at) {
    case SIG_MAC_IN0::kByteOffset:
      mac_in0_ = value;
      return true;
    case MAC_COMMAND_CONFIG::kByteOffset:
      mac_command_ = value;
      return true;
    case SIG_PCS_OUT0::
        kByteOffset:  // live bits: a write of ones would re-arm a latch, which is not modelled
    case SIG_PCS_OUT1::kByteOffset:
      return true;
    case SIG_PCS_INTR_STS::kByteOffset:
      intr_sts_ &= ~value;
      return true;
    case kPcsIntrSet:
      intr_sts_ |= value;
      return true;
    case SIG_PCS_INTR_MASK::kByteOffset:
      intr_mask_ = value;
      return true;
    case kPcsIn0:
      set_pcs_in(value, pcs_in1_);
      return true;
    case kPcsIn1:
      set_pcs_in(pcs_in0_, value);
      return true;
    default:
      return false;
  }
}

}  // namespace hni::device
