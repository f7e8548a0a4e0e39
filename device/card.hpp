// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The emulated card as its front ends use it: register reads and writes, time, work, frames,
/// reset.
///
/// One thread at a time. Nothing here blocks, allocates after construction, or calls back into the
/// driver: a doorbell write only marks work, which run() performs later; interrupts reach the
/// InterruptSink, which only records them. The loop of a front end is therefore
///
///    card.tick(now);                      // timers, firmware, moderation
///    while (card.run(256)) { ... }        // queues and wire
///    sleep until min(own events, card.next_deadline_ns())
///
/// No register or descriptor value can crash or stall the card: invalid ones are counted in
/// events() and stop their queue.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "device/dma_memory.hpp"
#include "device/events.hpp"
#include "device/interrupts.hpp"
#include "device/wire.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

class Classifier;
class Firmware;
class FirmwareBackend;
class HostInterposer;
class LinkModel;
class PtpClock;
class RegisterFile;
struct FirmwareConfig;
struct LinkModelConfig;
struct HardwareCounters;

/// Properties of the card that are not registers: its configuration space and its build.
struct CardConfig {
  /// PCIe Device Serial Number [device 1]. The driver takes the MAC address from it: bytes 63:40
  /// and 23:0.
  std::uint64_t serial_number = 0x0200'00ff'ff00'0001ull;
  /// Max_Payload_Size of the link, bytes.
  unsigned max_payload_bytes = 256;
  /// Max_Read_Request_Size of the link, bytes.
  unsigned max_read_request_bytes = 512;
  /// Relaxed ordering is enabled.
  bool relaxed_ordering = true;
  /// Size of the MSI-X table, at most 256. The driver needs at least 3, and 2 + one per queue
  /// pair.
  unsigned msix_vectors = 130;
  /// Firmware settings; null: defaults. Read by the constructor only.
  const FirmwareConfig* firmware = nullptr;
  /// Link settings; null: defaults. Read by the constructor only.
  const LinkModelConfig* link = nullptr;

  /// Returns the serial number that makes a driver use a MAC address.
  /// @param mac the address
  /// @return value of serial_number
  static constexpr std::uint64_t serial_number_of(std::span<const std::uint8_t, 6> mac) {
    return std::uint64_t{mac[0]} << 56 | std::uint64_t{mac[1]} << 48 |
           std::uint64_t{mac[2]} << 40 | 0xffffull << 24 | std::uint64_t{mac[3]} << 16 |
           std::uint64_t{mac[4]} << 8 | mac[5];
  }
};

/// Kinds of reset.
enum class ResetKind : std::uint8_t {
  /// Registers to reset values, queues stopped, interrupts masked; the firmware keeps running.
  kFunctionLevel,
  /// As kFunctionLevel, and the firmware restarts.
  kPower,
};

/// Frames inside the card; for reports and conservation checks.
struct CardOccupancy {
  /// Gathered, waiting for the wire: 0 or 1.
  std::size_t tx_frames_held = 0;
  /// Frames in the RX FIFOs.
  std::size_t rx_frames_held = 0;
  /// Bytes in the RX FIFOs.
  std::size_t rx_bytes_held = 0;
};

/// The emulated card.
class Card final : public FrameSink {
 public:
  static constexpr unsigned kQueues = 128;  ///< queue blocks

  /// Creates a card after power-on. Allocates all memory that it ever uses. The references must
  /// outlive it.
  /// @param config properties
  /// @param dma host memory that the card can reach
  /// @param interrupts receives MSI-X messages
  /// @param wire what the port is plugged into
  Card(const CardConfig& config, DmaMemory& dma, InterruptSink& interrupts, Wire& wire);
  /// Frees all memory.
  ~Card() override;
  /// Not copyable: the front end and the engines hold references.
  Card(const Card&) = delete;
  /// Not copyable.
  Card& operator=(const Card&) = delete;

  /// Reads a 32-bit register. Unaligned or unknown offsets read 0 and are counted.
  /// @param bar BAR 0 or 4
  /// @param byte_offset offset in the BAR
  /// @return the value
  std::uint32_t read(spec::Bar bar, std::uint32_t byte_offset);
  /// Writes a 32-bit register. Unaligned or unknown offsets are ignored and counted.
  /// @param bar BAR 0 or 4
  /// @param byte_offset offset in the BAR
  /// @param value the value
  void write(spec::Bar bar, std::uint32_t byte_offset, std::uint32_t value);
  /// Reads a 32-bit register.
  /// @param at address
  /// @return the value
  std::uint32_t read(spec::RegAddr at) { return read(at.bar, at.byte_offset); }
  /// Writes a 32-bit register.
  /// @param at address
  /// @param value the value
  void write(spec::RegAddr at, std::uint32_t value) { write(at.bar, at.byte_offset, value); }

  /// Advances virtual time and handles what is due. A smaller time than before is ignored.
  /// @param now_ns virtual time, nanoseconds
  void tick(std::uint64_t now_ns);

  /// Works on transmit queues, frames that wait on the wire, and frames in the RX FIFOs.
  /// @param budget approximate maximum of descriptors, and of frames
  /// @return true if more work is ready now. Work that waits for the driver or the peer (full
  ///     completion queue, no buffers, pause) does not count.
  bool run(unsigned budget);

  /// Receives a frame from the wire, without FCS.
  /// @param frame the bytes
  /// @param now_ns virtual time, nanoseconds
  /// @return false if it was dropped, and counted, for lack of room in the RX FIFO
  bool receive(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  bool has_room(std::span<const std::byte> frame) override;

  /// Resets the card.
  /// @param kind function level or power
  void reset(ResetKind kind);

  /// Returns when tick() is due. The value may be too early (an acknowledgement moved the
  /// deadline), but never too late.
  /// @return virtual time, nanoseconds; ~0 for never
  std::uint64_t next_deadline_ns() const;

  /// @return true while a transmit queue has work that waits only for the wire, so that run()
  ///     should be called again soon
  bool waits_for_wire() const;

  /// Installs or, with nullptr, removes an interposer.
  /// @param interposer must outlive its use by the card
  void set_interposer(HostInterposer* interposer);

  /// Replaces the card's own firmware permanently by a backend. The lanes stay unprogrammed until
  /// it programs them.
  /// @param peer must outlive the card
  void set_firmware(FirmwareBackend& peer);
  /// Performs a BAR0 write of the firmware backend: vector 0 or the lanes.
  /// @param at address
  /// @param value the value
  /// @return false, without effect, for any other register
  bool firmware_write(spec::RegAddr at, std::uint32_t value);

  /// @return the properties given to the constructor
  const CardConfig& config() const;
  /// @return counts of what the card detected
  const CardEvents& events() const;
  /// @return frames inside the card
  CardOccupancy occupancy() const;
  /// @return number of MSI-X messages sent
  std::uint64_t interrupts_fired() const;
  /// @return virtual time, nanoseconds
  std::uint64_t now_ns() const;

  /// @return the register storage
  RegisterFile& registers();
  /// @return the receive classifier
  Classifier& classifier();
  /// @return the card's own firmware
  Firmware& firmware();
  /// @return MAC and PCS
  LinkModel& link();
  /// @return the PTP clock
  PtpClock& clock();
  /// @return the hardware counters
  HardwareCounters& statistics();

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace hni::device
