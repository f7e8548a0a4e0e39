// SPDX-License-Identifier: Apache-2.0
#include "device/ptp_clock.hpp"

#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

using spec::Bar;
using spec::RegAddr;

// 600 MHz is 3 cycles every 5 ns.
constexpr std::uint64_t kCyclesPer5Ns = 3;
// Reset addend: the nominal 5/3 ns per cycle, so that an unconfigured clock has the right rate.
// INTERPRETATION.
constexpr std::uint32_t kResetAddNs = 1;
constexpr std::uint32_t kResetAddSubns = 0xaaaaaaaa;

}  // namespace

void PtpClock::reset() {
  const std::uint64_t last = last_ns_;
  *this = PtpClock{last};
}

PtpClock::PtpClock(std::uint64_t last_ns)
    : last_ns_(last_ns),
      addend_(std::uint64_t{kResetAddNs} << 32 | kResetAddSubns),
      add_ns_(kResetAddNs),
      add_subns_(kResetAddSubns) {}

// Adds the addend once per cycle of 600 MHz [device 17].
void PtpClock::advance(std::uint64_t now_ns) {
  if (now_ns <= last_ns_) return;
  const Wide fifths = static_cast<Wide>(now_ns - last_ns_) * kCyclesPer5Ns + cycle_remainder_;
  last_ns_ = now_ns;
  const Wide cycles = fifths / 5;
  cycle_remainder_ = static_cast<std::uint64_t>(fifths % 5);
  const Wide step = cycles * addend_;
  const spec::PTP_CTRL ctrl{ctrl_};
  if (ctrl.EN() != 0) counter_ += step;
  if (ctrl.MONO_EN() != 0) mono_ += step;
}

// PTP_ADJUST applies INIT, a new addend, or a one-time adjustment [device 17].
void PtpClock::adjust(std::uint32_t value) {
  const spec::PTP_ADJUST adjust{value};
  if (adjust.INIT() != 0) {
    counter_ = static_cast<Wide>(std::uint64_t{init_hi_} << 32 | init_lo_) << 32;
  }
  const Wide nudge = static_cast<Wide>(nudge_ns_) << 32 | nudge_subns_;
  if (adjust.SUB_NUDGE() != 0) counter_ -= nudge;
  if (adjust.ADD_NUDGE() != 0) counter_ += nudge;
  // INTERPRETATION: INIT also applies the new addend; the driver writes only INIT at its start.
  if (adjust.ADDEND_SET() != 0 || adjust.INIT() != 0) {
    addend_ = std::uint64_t{add_ns_} << 32 | add_subns_;
  }
}

std::optional<std::uint32_t> PtpClock::read(RegAddr addr) const {
  if (addr.bar != Bar::kBar0) return std::nullopt;
  const auto mono_ns = static_cast<std::uint64_t>(mono_ >> 32);
  switch (addr.byte_offset & ~3u) {
    case spec::PTP_CTRL::kByteOffset:
      return ctrl_;
    case spec::PTP_ADJUST::kByteOffset:  // a write triggers; nothing is stored
      return 0;
    case spec::PTP_INIT_HI::kByteOffset:
      return init_hi_;
    case spec::PTP_INIT_LO::kByteOffset:
      return init_lo_;
    case spec::PTP_NUDGE_NS::kByteOffset:
      return nudge_ns_;
    case spec::PTP_NUDGE_SUBNS::kByteOffset:
      return nudge_subns_;
    case spec::PTP_ADD_VAL_NS::kByteOffset:
      return add_ns_;
    case spec::PTP_ADD_VAL_SUBNS::kByteOffset:
      return add_subns_;
    case spec::PTP_CTR_VAL_HI::kByteOffset:
      return static_cast<std::uint32_t>(now_ns() >> 32);
    case spec::PTP_CTR_VAL_LO::kByteOffset:
      return static_cast<std::uint32_t>(now_ns());
    case spec::PTP_MONO_PTP_CTR_HI::kByteOffset:
      return static_cast<std::uint32_t>(mono_ns >> 32);
    case spec::PTP_MONO_PTP_CTR_LO::kByteOffset:
      return static_cast<std::uint32_t>(mono_ns);
    case spec::PTP_CDC_FIFO_STATUS::kByteOffset:
      return 0;
    case spec::PTP_SPARE::kByteOffset:
      return spare_;
    default:
      return std::nullopt;
  }
}

bool PtpClock::write(RegAddr addr, std::uint32_t value) {
  if (!read(addr)) return false;
  switch (addr.byte_offset & ~3u) {
    case spec::PTP_CTRL::kByteOffset:
      ctrl_ = value;
      break;
    case spec::PTP_ADJUST::kByteOffset:
      adjust(value);
      break;
    case spec::PTP_INIT_HI::kByteOffset:
      init_hi_ = value;
      break;
    case spec::PTP_INIT_LO::kByteOffset:
      init_lo_ = value;
      break;
    case spec::PTP_NUDGE_NS::kByteOffset:
      nudge_ns_ = value;
      break;
    case spec::PTP_NUDGE_SUBNS::kByteOffset:
      nudge_subns_ = value;
      break;
    case spec::PTP_ADD_VAL_NS::kByteOffset:
      add_ns_ = value & 0xffff;
      break;
    case spec::PTP_ADD_VAL_SUBNS::kByteOffset:
      add_subns_ = value;
      break;
    case spec::PTP_SPARE::kByteOffset:
      spare_ = value;
      break;
    default:  // counters and status are read-only
      break;
  }
  return true;
}

}  // namespace hni::device
