// SPDX-License-Identifier: Apache-2.0
#pragma once
// The emulated card as its fronts see it: register reads and writes, time, work, frames, reset.
//
// One thread at a time. Nothing here blocks, allocates after construction, or calls back into the
// driver: a write to a doorbell only marks work, which run() does later; interrupts reach the
// InterruptSink, which only notes them. A front's loop is therefore
//
//     card.tick(now);                      // timers, firmware, moderation
//     while (card.run(256)) { ... }        // queues and wire
//     sleep until min(own events, card.next_deadline_ns())
//
// No register or descriptor value can crash or stall the card: bad ones are counted in events()
// and stop their queue.

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

/// Facts of the card that are not registers: what its configuration space and its build say.
struct CardConfig {
  /// PCIe Device Serial Number [device 1]. The driver takes the MAC address from it:
  /// bytes 63:40 and 23:0.
  std::uint64_t serial_number = 0x0200'00ff'ff00'0001ull;
  unsigned max_payload_bytes = 256;
  unsigned max_read_request_bytes = 512;
  bool relaxed_ordering = true;
  /// Size of the MSI-X table, at most 256. The driver wants 2 + one for each pair of queues, and
  /// at least 3.
  unsigned msix_vectors = 130;
  /// nullptr: defaults. Read only by the constructor.
  const FirmwareConfig* firmware = nullptr;
  const LinkModelConfig* link = nullptr;

  /// The serial number that makes a driver use this MAC address.
  static constexpr std::uint64_t serial_number_of(std::span<const std::uint8_t, 6> mac) {
    return std::uint64_t{mac[0]} << 56 | std::uint64_t{mac[1]} << 48 |
           std::uint64_t{mac[2]} << 40 | 0xffffull << 24 | std::uint64_t{mac[3]} << 16 |
           std::uint64_t{mac[4]} << 8 | mac[5];
  }
};

enum class ResetKind : std::uint8_t {
  kFunctionLevel,  ///< registers to reset values, queues stopped, interrupts masked; the firmware
                   ///< and its uptime go on
  kPower,          ///< the firmware too: it starts again
};

/// Where the frames that this card took from the wire or the rings are now; for reports and
/// conservation checks.
struct CardOccupancy {
  std::size_t tx_frames_held = 0;  ///< gathered, waiting for the wire (0 or 1)
  std::size_t rx_frames_held = 0;  ///< in the RX FIFOs
  std::size_t rx_bytes_held = 0;
};

class Card final : public FrameSink {
 public:
  static constexpr unsigned kQueues = 128;

  /// All memory that the card ever uses is allocated here. The references must outlive the card.
  Card(const CardConfig& config, DmaMemory& dma, InterruptSink& interrupts, Wire& wire);
  ~Card() override;
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  /// 32-bit register access, `byte_offset` inside the BAR. Unaligned or unknown offsets read 0 and
  /// are counted.
  std::uint32_t read(spec::Bar bar, std::uint32_t byte_offset);
  void write(spec::Bar bar, std::uint32_t byte_offset, std::uint32_t value);
  std::uint32_t read(spec::RegAddr at) { return read(at.bar, at.byte_offset); }
  void write(spec::RegAddr at, std::uint32_t value) { write(at.bar, at.byte_offset, value); }

  /// Moves virtual time to `now_ns` (never backwards: smaller values are ignored) and does what
  /// fell due.
  void tick(std::uint64_t now_ns);

  /// Does at most about `budget` descriptors and `budget` frames of work: transmit queues, frames
  /// that wait on the wire, frames held in the RX FIFOs. True: there is more to do at once. Work
  /// that waits for the driver or for the peer (completion queue full, no buffers, pause) does not
  /// count as more.
  bool run(unsigned budget);

  /// A frame arrives from the wire, without FCS. False: dropped for lack of room in the RX FIFO
  /// (and counted).
  bool receive(std::span<const std::byte> frame, std::uint64_t now_ns) override;

  void reset(ResetKind kind);

  /// An instant before which tick() has nothing to do; ~0 when it never will. It may be early (an
  /// acknowledgement moved the real one), never late.
  std::uint64_t next_deadline_ns() const;

  /// True while a transmit queue has work that only waits for the wire: run() wants to be called
  /// again soon.
  bool waits_for_wire() const;

  /// Lets `voice` hear and change what this card says to its host; nullptr: nobody. It outlives
  /// the card or is taken away before.
  void set_interposer(HostInterposer* interposer);

  /// Stops the card's own firmware for good; `peer` answers for the mailbox from now on and
  /// outlives the card. The lanes are not programmed until it does so.
  void set_firmware(FirmwareBackend& peer);
  /// A write of `peer` to BAR0: vector 0 or the lanes. False: not for firmware, nothing happened.
  bool firmware_write(spec::RegAddr at, std::uint32_t value);

  const CardConfig& config() const;
  const CardEvents& events() const;
  CardOccupancy occupancy() const;
  std::uint64_t interrupts_fired() const;
  std::uint64_t now_ns() const;

  RegisterFile& registers();
  Classifier& classifier();
  Firmware& firmware();
  LinkModel& link();
  PtpClock& clock();
  HardwareCounters& statistics();

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace hni::device
