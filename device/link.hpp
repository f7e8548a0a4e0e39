// SPDX-License-Identifier: Apache-2.0
/// MAC and PCS: the SIG, PCS (XPCS), RS-FEC control and MAC registers of [device 10].
///
/// The firmware programs the lane mode and the FEC into SIG_PCS_IN0 / SIG_PCS_IN1. The lock bits
/// that the driver compares for equality [device 10.3] are derived from those two and from the
/// cable. Lock bits are live: a write of ones to SIG_PCS_OUT0/1 changes nothing
/// [device 10.4, 23 trap 4].
///
/// LinkModel handles only registers with behaviour or side effects of their own; for every other
/// register of its blocks `read` returns nullopt and `write` false, and the register file's plain
/// storage is used. No clock, no allocation; time arrives with `tick`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "openhni/spec/registers.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

/// Lane configuration that SIG_PCS_IN0 selects [device 10.1]; values are Linux's AUI codes.
enum class Aui : std::uint8_t { k25G = 0, k50GLaui2 = 1, k50G = 2, k100G = 3, kUnknown = 4 };

/// FEC that SIG_PCS_IN1 selects.
enum class Fec : std::uint8_t { kNone, kRs, kBaseR, kUnknown };

/// Settings of the link model.
struct LinkModelConfig {
  /// A cable with light is plugged in at power-on. The link is then up as soon as the firmware has
  /// programmed the lanes, and a driver that opens later skips its training time.
  bool plugged_at_power_on = true;
  /// Time from light to lock after a later plug event, nanoseconds. INTERPRETATION: the real time
  /// is unknown.
  std::uint64_t lock_time_ns = 10'000'000;
};

/// MAC and PCS of one card.
class LinkModel {
 public:
  /// Creates the link after power-on.
  /// @param config settings; copied
  explicit LinkModel(const LinkModelConfig& config);

  /// Reads a register, without side effects.
  /// @param addr address in BAR0
  /// @return nullopt if the register file handles it
  std::optional<std::uint32_t> read(spec::RegAddr addr) const;
  /// Writes a register.
  /// @param addr address in BAR0
  /// @param value the value
  /// @return false if the register file handles it
  bool write(spec::RegAddr addr, std::uint32_t value);

  /// @return interrupt cause 34, a level: SIG_PCS_INTR_STS & ~SIG_PCS_INTR_MASK is not zero
  bool interrupt_cause() const { return (intr_sts_ & ~intr_mask_) != 0; }

  /// Plugs or unplugs the cable. Losing light drops the link at once; gaining it starts
  /// `lock_time_ns`.
  /// @param plugged true: light
  /// @param now_ns virtual time
  void set_cable(bool plugged, std::uint64_t now_ns);
  /// @return true while there is light
  bool cable() const { return plugged_; }

  /// Writes SIG_PCS_IN0/1 for the firmware (FirmwarePort::set_pcs_in).
  /// @param in0 SIG_PCS_IN0
  /// @param in1 SIG_PCS_IN1
  void set_pcs_in(std::uint32_t in0, std::uint32_t in1);

  /// Locks the lanes whose lock time has elapsed.
  /// @param now_ns virtual time
  void tick(std::uint64_t now_ns);
  /// @return when `tick` would change something; ~0 for never
  std::uint64_t next_deadline_ns() const { return lock_at_ns_; }

  /// @return true while the link is up
  bool up() const { return up_; }
  /// @return lane configuration
  Aui aui() const { return aui_; }
  /// @return FEC
  Fec fec() const { return fec_; }
  /// @return speed of the lanes, Mbit/s
  std::uint64_t speed_mbps() const;

  /// @return true if the MAC sends: enabled, its clocks out of reset, and link up [device 10.6]
  bool tx_enabled() const {
    const spec::SIG_MAC_IN0 in0{mac_in0_};
    return up_ && command().TX_ENA() != 0 && in0.RESET_FF_TX_CLK() == 0 && in0.RESET_TX_CLK() == 0;
  }
  /// @return true if the MAC receives: enabled, its clocks out of reset, and link up [device 10.6]
  bool rx_enabled() const {
    const spec::SIG_MAC_IN0 in0{mac_in0_};
    return up_ && command().RX_ENA() != 0 && in0.RESET_FF_RX_CLK() == 0 && in0.RESET_RX_CLK() == 0;
  }
  /// @return true while the TX pause bit of MAC_COMMAND_CONFIG is not DIS
  bool tx_pause_enabled() const { return command().TX_PAUSE_DIS() == 0; }
  /// @return true while the RX pause bit of MAC_COMMAND_CONFIG is not DIS
  bool rx_pause_enabled() const { return command().RX_PAUSE_DIS() == 0; }
  /// @return true while MAC loopback is on
  bool mac_loopback() const { return command().LOOPBACK_EN() != 0; }

  /// Function-level reset: MAC and interrupt registers to reset values; the lanes belong to the
  /// firmware and stay.
  void reset_function();
  /// Power-on reset: everything; the lanes are unprogrammed until the firmware starts again.
  void reset_power();

 private:
  spec::MAC_COMMAND_CONFIG command() const { return spec::MAC_COMMAND_CONFIG{mac_command_}; }
  void update();
  std::optional<std::uint32_t> read_pcs(std::uint32_t page_register) const;
  std::uint32_t pcs_out0() const;
  std::uint32_t pcs_out1() const;

  LinkModelConfig config_;
  bool plugged_ = false;
  bool locked_ = false;
  bool up_ = false;
  bool programmed_ = false;  // the firmware has programmed the lanes since power-on
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
