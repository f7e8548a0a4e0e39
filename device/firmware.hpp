// SPDX-License-Identifier: Apache-2.0
// The card's firmware: a state machine of its own behind the mailbox
// [device 4, 5, 6, 21].
//
// It sees the host only through `FirmwarePort`: mailbox words, DMA, vector 0, and the PCS lane
// registers. It keeps its ring heads across host resets and walks forward over descriptors that
// carry both completion bits [device 4.3]. Requests are completed strictly in ring order.
// Messages to the host wait in a bounded queue until a receive descriptor is free; while that
// queue is full, requests stay in their ring, so nothing is lost and memory is bounded.
//
// All bytes from the host (descriptors, TLVs, lengths, offsets) are hostile until checked.
// Time is the virtual time of the card; uptime counts from `start`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hni::device {

/// What the card offers its firmware. Mailbox 0 is Rx (firmware to host), 1 is Tx (host to
/// firmware); `descriptor` is 0..15, `half` 0 low, 1 high. The words are the plain memory behind
/// BAR4.
class FirmwarePort {
 public:
  virtual ~FirmwarePort() = default;
  virtual std::uint32_t mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half) = 0;
  virtual void set_mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half,
                                std::uint32_t value) = 0;
  /// Host memory; false = refused (unmapped address, or the AR/AW gate of [device 4.3] is closed).
  virtual bool dma_read(std::uint64_t iova, std::span<std::byte> into) = 0;
  virtual bool dma_write(std::uint64_t iova, std::span<const std::byte> from) = 0;
  /// Writes INTR_SET(0) bit 0.
  virtual void raise_vector0() = 0;
  /// Writes SIG_PCS_IN0 and SIG_PCS_IN1.
  virtual void set_pcs_in(std::uint32_t in0, std::uint32_t in1) = 0;
};

/// One firmware image's identity. Versions are major[31:24] minor[23:16] patch[15:8] build[7:0];
/// a commit text is at most 18 characters (longer ones are cut); empty texts are not sent.
struct FirmwareVersion {
  std::uint32_t version = 0;
  std::string commit;
};

using MacBytes = std::array<std::uint8_t, 6>;

struct FirmwareConfig {
  FirmwareVersion running{0x19071902, "openhni-control"};  // 25.7.25.2, what the mock reports
  FirmwareVersion stored{0x19071902, "openhni-control"};
  FirmwareVersion bootloader{0x01000000, "openhni-boot"};
  FirmwareVersion stored_bootloader{0x01000000, "openhni-boot"};
  FirmwareVersion uefi{0x01000000, "openhni-uefi"};
  std::uint32_t active_slot = 0;
  std::uint32_t anti_rollback_version = 0;
  std::uint32_t link_speed = 4;  ///< FW_LINK_SPEED code: 1 25G, 2 50G two lanes, 3 50G, 4 100G
  std::uint32_t link_fec = 2;    ///< FW_LINK_FEC code: 1 none, 2 RS, 3 BASE-R
  bool bmc_present = false;
  std::vector<MacBytes> bmc_macs;  ///< up to 4 are sent
  bool bmc_all_multi = false;
  std::int32_t temperature_mdeg = 30'000;
  std::int32_t voltage_mv = 750;
  std::uint32_t flash_chunk_bytes = 2048;  ///< asked for per WRITE_CHUNK_REQ, at most 3584
  std::uint32_t flash_max_bytes = 16u << 20;
  /// Answers reach the host this long after their request. INTERPRETATION: the real time is
  /// unknown.
  std::uint64_t response_delay_ns = 0;
  /// Send SENSOR_THRESHOLD_EXCEEDED_RESP when a reading is set outside its range, as the mock
  /// does. Off by default: the Linux driver does not know the message and logs a dump of it.
  bool threshold_messages = false;
  std::int32_t temperature_min_mdeg = -1'000, temperature_max_mdeg = 95'000;
  std::int32_t voltage_min_mv = 675, voltage_max_mv = 825;
  std::size_t core_dump_bytes = 8192;
  std::size_t log_records = 256;  ///< how many records are kept as history
};

/// Settable misbehaviour. All off is the faithful firmware.
struct FirmwareFaults {
  bool silent = false;            ///< neither reads the ring nor answers nor interrupts
  bool no_responses = false;      ///< consumes requests, answers none
  bool no_interrupts = false;     ///< works, never raises vector 0
  unsigned fail_requests = 0;     ///< the next n requests come back with FW_ERR
  bool backwards_uptime = false;  ///< each uptime is smaller than the one before
  std::int32_t flash_error = 0;   ///< negative errno that FINISH reports
  std::int32_t sensor_error = 0;  ///< negative errno in TSENE_READ_RESP
  std::int32_t qsfp_error = 0;    ///< negative errno in QSFP_READ_RESP
};

struct FirmwareCounters {
  std::uint64_t requests = 0;          ///< descriptors of the Tx mailbox completed
  std::uint64_t requests_failed = 0;   ///< of these, with FW_ERR
  std::uint64_t unknown_messages = 0;  ///< consumed without knowing the type
  std::uint64_t malformed = 0;         ///< TLV refused
  std::uint64_t messages = 0;          ///< delivered to the host
  std::uint64_t messages_dropped = 0;  ///< discarded: ring reset, refused DMA, buffer too small
  std::uint64_t ring_resets = 0;       ///< walks over skipped descriptors, both rings
  std::uint64_t heartbeats = 0;
  std::uint64_t mac_syncs = 0;
};

/// The newest RPC_MAC_SYNC_REQ [device 6.8].
struct MacSyncRequest {
  std::uint32_t rx_flags = 0;
  unsigned unicast_count = 0, multicast_count = 0;
  std::array<MacBytes, 8> unicast{}, multicast{};
};

/// Flash sections by the ids that START_UPGRADE carries [device 6.5].
inline constexpr std::size_t kFlashSections = 5;

class Firmware {
 public:
  Firmware(const FirmwareConfig& config, FirmwarePort& port);
  ~Firmware();
  Firmware(const Firmware&) = delete;
  Firmware& operator=(const Firmware&) = delete;

  /// Power on: uptime 0, heads 0, lanes programmed, vector 0 raised once. Call it once the port
  /// works.
  void start(std::uint64_t now_ns);
  /// The host wrote one mailbox word (already stored behind the port).
  void mailbox_written(unsigned mailbox, unsigned descriptor, unsigned half, std::uint64_t now_ns);
  /// Retries what waited for a free receive descriptor. Cheap when nothing waits.
  void tick(std::uint64_t now_ns);
  /// When a delayed answer falls due; ~0 when none waits for time.
  std::uint64_t next_deadline_ns() const;

  /// The firmware crashes and comes back: uptime restarts, ring heads 0, ownership and logs off.
  void reboot(std::uint64_t now_ns);

  /// The firmware is no more, or somebody else has its place: nothing happens until start().
  void halt();

  /// Sends an unsolicited FW_CAP_RESP (what the real one does when a BMC appears).
  void announce_capabilities(std::uint64_t now_ns);
  /// Sends raw bytes as a message; for hostile layers and tests. At most 4096 bytes.
  bool send_raw(std::span<const std::byte> message, std::uint64_t now_ns);
  /// Adds a record to the log, and sends it when the host enabled logs. At most 255 characters
  /// count.
  void log(std::string_view text, std::uint64_t now_ns);

  /// New sensor readings; a threshold message goes out at the next `tick`.
  void set_temperature(std::int32_t millidegrees);
  void set_voltage(std::int32_t millivolts);
  void set_faults(const FirmwareFaults& faults) { faults_ = faults; }
  FirmwareFaults& faults() { return faults_; }
  FirmwareConfig& config() { return config_; }
  const FirmwareConfig& config() const { return config_; }
  const FirmwareCounters& counters() const { return counters_; }

  /// One 128-byte upper page (or the lower page: page 0, offset 0..127) of the module's EEPROM.
  /// `image` covers offsets `offset`.. of (bank 0, page). Pages never set answer ERROR -ENXIO.
  bool set_qsfp(std::uint8_t page, std::uint8_t offset, std::span<const std::uint8_t> image);
  void remove_qsfp();
  std::span<const std::byte> eeprom() const;
  std::span<const std::byte> flash_section(std::size_t section) const;
  std::span<const std::byte> core_dump() const;
  const MacSyncRequest& mac_sync() const { return mac_sync_; }
  bool owned() const { return owned_; }
  bool logs_enabled() const { return logs_enabled_; }
  unsigned tx_head() const { return tx_head_; }
  unsigned rx_head() const { return rx_head_; }
  std::uint64_t uptime_ms(std::uint64_t now_ns) const;

 private:
  struct Request;  // one host message being answered
  struct Storage;  // queue of messages, log ring, flash, EEPROMs: allocated once
  using Handler = void (Firmware::*)(const Request&);

  struct Descriptor {
    std::uint64_t raw = 0;
    bool stable = false;
  };
  Descriptor read_descriptor(unsigned mailbox, unsigned index);
  void write_descriptor(unsigned mailbox, unsigned index, std::uint64_t raw);
  void walk(unsigned mailbox, unsigned& head);
  bool waiting() const;
  void serve(std::uint64_t now_ns);
  bool serve_one(std::uint64_t now_ns);
  bool handle(std::span<const std::byte> bytes, std::uint64_t now_ns);
  void deliver();
  bool deliver_one();
  void interrupt();
  bool enqueue(std::span<const std::byte> message);

  void on_test(const Request&);
  void on_capabilities(const Request&);
  void on_ownership(const Request&);
  void on_heartbeat(const Request&);
  void on_core_dump_info(const Request&);
  void on_core_dump_read(const Request&);
  void on_flash_start(const Request&);
  void on_flash_chunk(const Request&);
  void on_eeprom_read(const Request&);
  void on_eeprom_write(const Request&);
  void on_qsfp_read(const Request&);
  void on_sensors(const Request&);
  void on_comphy_mode(const Request&);
  void on_logs(const Request&);
  void on_mac_sync(const Request&);

  void request_flash_chunk();
  void finish_flash(std::int32_t error);
  void record(std::string_view text);
  void send_capabilities();
  void send_logs();
  void program_lanes();
  void check_sensors();
  std::uint64_t reported_uptime_ms(std::uint64_t now_ns);
  std::int32_t read_module(std::uint32_t bank, std::uint32_t page, std::uint32_t offset,
                           std::span<std::byte> out) const;

  FirmwareConfig config_;
  FirmwarePort& port_;
  FirmwareFaults faults_;
  FirmwareCounters counters_;
  std::unique_ptr<Storage> storage_;
  MacSyncRequest mac_sync_;
  unsigned tx_head_ = 0;
  unsigned rx_head_ = 0;
  bool owned_ = false;
  bool logs_enabled_ = false;
  bool running_ = false;
  bool missed_writes_ = false;  // the host wrote while `silent` was set
  std::uint64_t now_ns_ = 0;
  std::uint64_t started_ns_ = 0;
  std::uint64_t last_uptime_ms_ = 0;
};

}  // namespace hni::device
