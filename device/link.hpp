// SPDX-License-Identifier: Apache-2.0
// MAC and PCS: the SIG, PCS (XPCS), RS-FEC control and MAC registers of [device 10].
//
// The firmware programs the lane mode and the FEC into SIG_PCS_IN0 / SIG_PCS_IN1; the lock bits
// that the driver compares for equality [device 10.3] are derived from those two and from the
// cable. Lock bits are live: a write of ones to SIG_PCS_OUT0/1 changes nothing
// [device 10.4, 23 trap 4].
//
// `Link` answers only for registers that have a behaviour or a side effect of their own; for every
// other register of its blocks `read` gives nothing and `write` gives false, and the register
// file's plain storage is used. No clock, no allocation; time arrives with `tick`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "openhni/spec/word.hpp"

namespace hni::device {

/// Lane configuration that SIG_PCS_IN0 selects [device 10.1]; values are Linux's AUI
/// codes.
enum class Aui : std::uint8_t { k25G = 0, k50GLaui2 = 1, k50G = 2, k100G = 3, kUnknown = 4 };

/// FEC that SIG_PCS_IN1 selects.
enum class Fec : std::uint8_t { kNone, kRs, kBaseR, kUnknown };

struct LinkModelConfig {
  /// A cable with light is in the cage when the card powers up; then the link is up as soon as the
  /// firmware has programmed the lanes, and a driver that opens later skips its training time.
  bool plugged_at_power_on = true;
  /// Time from light to lock after a later plug event. INTERPRETATION: the real time is unknown.
  std::uint64_t lock_time_ns = 10'000'000;
};

class LinkModel {
 public:
  explicit LinkModel(const LinkModelConfig& config);

  // Register door. `addr` is in BAR0. Reads have no side effects.
  std::optional<std::uint32_t> read(spec::RegAddr addr) const;
  bool write(spec::RegAddr addr, std::uint32_t value);

  /// True while SIG_PCS_INTR_STS & ~SIG_PCS_INTR_MASK is not zero: interrupt cause 34, level-like.
  bool interrupt_cause() const { return (intr_sts_ & ~intr_mask_) != 0; }

  /// Light on or off. Losing light drops the link at once; gaining it starts `lock_time_ns`.
  void set_cable(bool plugged, std::uint64_t now_ns);
  bool cable() const { return plugged_; }

  /// The firmware's door to SIG_PCS_IN0/1 (FirmwarePort::set_pcs_in ends here).
  void set_pcs_in(std::uint32_t in0, std::uint32_t in1);

  void tick(std::uint64_t now_ns);
  /// Next instant at which `tick` would change something; ~0 when never.
  std::uint64_t next_deadline_ns() const { return lock_at_ns_; }

  bool up() const { return up_; }
  Aui aui() const { return aui_; }
  Fec fec() const { return fec_; }
  std::uint64_t speed_mbps() const;

  /// MAC gates: the MAC enabled and its clocks out of reset [device 10.6], and link up.
  bool tx_enabled() const;
  bool rx_enabled() const;
  /// MAC_COMMAND_CONFIG bits; pause works in a direction while its DIS bit is clear.
  bool tx_pause_enabled() const;
  bool rx_pause_enabled() const;
  bool mac_loopback() const;

  /// Function-level reset: MAC and interrupt registers to reset values; lanes (firmware's) stay.
  /// Power: everything, lanes unprogrammed until the firmware starts again.
  void reset_function();
  void reset_power();

 private:
  void update();
  std::optional<std::uint32_t> read_pcs(std::uint32_t page_register) const;
  std::uint32_t pcs_out0() const;
  std::uint32_t pcs_out1() const;

  LinkModelConfig config_;
  bool plugged_ = false;
  bool locked_ = false;
  bool up_ = false;
  bool programmed_ = false;  // the firmware has chosen the lanes since power on
  Aui aui_ = Aui::kUnknown;
  Fec fec_ = Fec::kUnknown;
  std::uint64_t lock_at_ns_ = ~std::uint64_t{0};
  std::uint32_t pcs_in0_ = 0;
  std::uint32_t pcs_in1_ = 0;
  std::uint32_t mac_in0_ = 0;
  std::uint32_t mac_command_ = 0;
  std::uint32_t intr_sts_ = 0;
  std::uint32_t intr_mask_ = ~std::uint32_t{0};
  std::array<std::uint32_t, 2> pcs_control1_{};
};

}  // namespace hni::device
