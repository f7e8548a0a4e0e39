// SPDX-License-Identifier: Apache-2.0
/// The card's firmware: a separate state machine at the other end of the mailbox
/// [device 4, 5, 6, 21].
///
/// It reaches the host only through `FirmwarePort`: mailbox words, DMA, vector 0, and the PCS lane
/// registers. It keeps its ring heads across host resets and skips descriptors that carry both
/// completion bits [device 4.3]. Requests are completed strictly in ring order. Messages to the
/// host wait in a bounded queue until a receive descriptor is free; while that queue is full,
/// requests stay in their ring, so nothing is lost and memory is bounded.
///
/// All bytes from the host (descriptors, TLVs, lengths, offsets) are untrusted until checked. Time
/// is the virtual time of the card; uptime counts from `start`.
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

/// What the card provides to its firmware. Mailbox 0 is Rx (firmware to host), 1 is Tx (host to
/// firmware); `descriptor` is 0..15, `half` 0 low, 1 high. The words are plain memory in BAR4.
class FirmwarePort {
 public:
  /// Destroys the port.
  virtual ~FirmwarePort() = default;
  /// Reads a mailbox word.
  /// @param mailbox 0 or 1
  /// @param descriptor 0..15
  /// @param half 0 low, 1 high
  /// @return the word
  virtual std::uint32_t mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half) = 0;
  /// Writes a mailbox word.
  /// @param mailbox 0 or 1
  /// @param descriptor 0..15
  /// @param half 0 low, 1 high
  /// @param value the word
  virtual void set_mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half,
                                std::uint32_t value) = 0;
  /// Reads host memory.
  /// @param iova bus address
  /// @param into receives the bytes
  /// @return false if the address is unmapped or DMA is disabled [device 4.3]
  virtual bool dma_read(std::uint64_t iova, std::span<std::byte> into) = 0;
  /// Writes host memory.
  /// @param iova bus address
  /// @param from the bytes
  /// @return false if the address is unmapped or DMA is disabled [device 4.3]
  virtual bool dma_write(std::uint64_t iova, std::span<const std::byte> from) = 0;
  /// Writes INTR_SET(0) bit 0.
  virtual void raise_vector0() = 0;
  /// Writes SIG_PCS_IN0 and SIG_PCS_IN1.
  /// @param in0 SIG_PCS_IN0
  /// @param in1 SIG_PCS_IN1
  virtual void set_pcs_in(std::uint32_t in0, std::uint32_t in1) = 0;
};

/// Identity of a firmware image. Versions are major[31:24] minor[23:16] patch[15:8] build[7:0].
struct FirmwareVersion {
  std::uint32_t version = 0;  ///< version number
  std::string commit;         ///< at most 18 characters, longer ones are cut; not sent if empty
};

using MacBytes = std::array<std::uint8_t, 6>;  ///< an Ethernet address, first byte first

/// Settings of the firmware.
struct FirmwareConfig {
  /// Running image: 25.7.25.2, as the mock reports.
  FirmwareVersion running{0x19071902, "openhni-control"};
  /// Stored image.
  FirmwareVersion stored{0x19071902, "openhni-control"};
  /// Running boot code.
  FirmwareVersion bootloader{0x01000000, "openhni-boot"};
  /// Stored boot code.
  FirmwareVersion stored_bootloader{0x01000000, "openhni-boot"};
  /// Option ROM.
  FirmwareVersion uefi{0x01000000, "openhni-uefi"};
  /// Active flash slot.
  std::uint32_t active_slot = 0;
  /// Oldest version that may be flashed.
  std::uint32_t anti_rollback_version = 0;
  /// FW_LINK_SPEED code: 1 25G, 2 50G two lanes, 3 50G, 4 100G.
  std::uint32_t link_speed = 4;
  /// FW_LINK_FEC code: 1 none, 2 RS, 3 BASE-R.
  std::uint32_t link_fec = 2;
  /// A management controller shares the port.
  bool bmc_present = false;
  /// Its addresses; up to 4 are sent.
  std::vector<MacBytes> bmc_macs;
  /// It receives all multicast.
  bool bmc_all_multi = false;
  /// Temperature, thousandths of a degree Celsius.
  std::int32_t temperature_mdeg = 30'000;
  /// Voltage, millivolts.
  std::int32_t voltage_mv = 750;
  /// Bytes requested per WRITE_CHUNK_REQ, at most 3584.
  std::uint32_t flash_chunk_bytes = 2048;
  /// Largest flash image, bytes.
  std::uint32_t flash_max_bytes = 16u << 20;
  /// Delay of responses after their request, nanoseconds. INTERPRETATION: the real time is
  /// unknown.
  std::uint64_t response_delay_ns = 0;
  /// Send SENSOR_THRESHOLD_EXCEEDED_RESP when a reading is set outside its range, as the mock
  /// does. Off by default: the Linux driver does not know the message and logs a dump of it.
  bool threshold_messages = false;
  ///@{
  /// Range of a reading; thousandths of a degree Celsius, millivolts.
  std::int32_t temperature_min_mdeg = -1'000, temperature_max_mdeg = 95'000;
  std::int32_t voltage_min_mv = 675, voltage_max_mv = 825;
  ///@}
  /// Size of the core dump, bytes.
  std::size_t core_dump_bytes = 8192;
  /// Log records kept as history.
  std::size_t log_records = 256;
};

/// Faults that can be injected. With all off the firmware behaves correctly.
struct FirmwareFaults {
  bool silent = false;            ///< neither reads the ring nor responds nor interrupts
  bool no_responses = false;      ///< consumes requests without a response
  bool no_interrupts = false;     ///< never raises vector 0
  unsigned fail_requests = 0;     ///< the next n requests complete with FW_ERR
  bool backwards_uptime = false;  ///< each uptime is smaller than the one before
  std::int32_t flash_error = 0;   ///< negative errno in FINISH
  std::int32_t sensor_error = 0;  ///< negative errno in TSENE_READ_RESP
  std::int32_t qsfp_error = 0;    ///< negative errno in QSFP_READ_RESP
};

/// Counters of the firmware.
struct FirmwareCounters {
  std::uint64_t requests = 0;          ///< descriptors of the Tx mailbox completed
  std::uint64_t requests_failed = 0;   ///< with FW_ERR, among these
  std::uint64_t unknown_messages = 0;  ///< consumed with an unknown type
  std::uint64_t malformed = 0;         ///< malformed TLV
  std::uint64_t messages = 0;          ///< delivered to the host
  std::uint64_t messages_dropped = 0;  ///< discarded: ring reset, refused DMA, buffer too small
  std::uint64_t ring_resets = 0;       ///< passes over skipped descriptors, both rings
  std::uint64_t heartbeats = 0;        ///< HEARTBEAT_REQ received
  std::uint64_t mac_syncs = 0;         ///< RPC_MAC_SYNC_REQ received
};

/// The newest RPC_MAC_SYNC_REQ [device 6.8].
struct MacSyncRequest {
  std::uint32_t rx_flags = 0;  ///< RX_FLAGS
  ///@{
  /// Addresses; the first `count` are valid.
  unsigned unicast_count = 0, multicast_count = 0;
  std::array<MacBytes, 8> unicast{}, multicast{};
  ///@}
};

/// flash sections by the ids that START_UPGRADE carries [device 6.5]
inline constexpr std::size_t kFlashSections = 5;

/// The card's firmware.
class Firmware {
 public:
  /// Creates firmware that is not started.
  /// @param config settings; copied
  /// @param port must outlive it
  Firmware(const FirmwareConfig& config, FirmwarePort& port);
  /// Frees all memory.
  ~Firmware();
  /// Not copyable.
  Firmware(const Firmware&) = delete;
  /// Not copyable.
  Firmware& operator=(const Firmware&) = delete;

  /// Powers on: uptime 0, heads 0, lanes programmed, vector 0 raised once. Requires a working
  /// port.
  /// @param now_ns virtual time
  void start(std::uint64_t now_ns);
  /// Handles a host write of one mailbox word, which is stored already.
  /// @param mailbox 0 or 1
  /// @param descriptor 0..15
  /// @param half 0 low, 1 high
  /// @param now_ns virtual time
  void mailbox_written(unsigned mailbox, unsigned descriptor, unsigned half, std::uint64_t now_ns);
  /// Retries what waits for a free receive descriptor. Cheap if nothing waits.
  /// @param now_ns virtual time
  void tick(std::uint64_t now_ns);
  /// @return when a delayed response is due; ~0 if none waits for time
  std::uint64_t next_deadline_ns() const;

  /// Simulates a crash and restart: uptime and ring heads 0, ownership and logs off.
  /// @param now_ns virtual time
  void reboot(std::uint64_t now_ns);

  /// Stops the firmware until start(): it is dead, or a backend replaces it.
  void halt();

  /// Sends an unsolicited FW_CAP_RESP, as real firmware does when a BMC appears.
  /// @param now_ns virtual time
  void announce_capabilities(std::uint64_t now_ns);
  /// Sends raw bytes as a message; for fault injection and tests.
  /// @param message at most 4096 bytes
  /// @param now_ns virtual time
  /// @return false if the queue is full
  bool send_raw(std::span<const std::byte> message, std::uint64_t now_ns);
  /// Appends a record to the log, and sends it if the host enabled logs.
  /// @param text at most 255 characters are used
  /// @param now_ns virtual time
  void log(std::string_view text, std::uint64_t now_ns);

  /// Sets the temperature; a threshold message is sent at the next tick().
  /// @param millidegrees thousandths of a degree Celsius
  void set_temperature(std::int32_t millidegrees);
  /// Sets the voltage; a threshold message is sent at the next tick().
  /// @param millivolts millivolts
  void set_voltage(std::int32_t millivolts);
  /// Sets the injected faults.
  /// @param faults replaces all
  void set_faults(const FirmwareFaults& faults) { faults_ = faults; }
  /// @return the injected faults, changeable
  FirmwareFaults& faults() { return faults_; }
  /// @return the settings, changeable
  FirmwareConfig& config() { return config_; }
  /// @return the settings
  const FirmwareConfig& config() const { return config_; }
  /// @return the counters
  const FirmwareCounters& counters() const { return counters_; }

  /// Sets 128 bytes of the module's EEPROM: an upper page, or the lower page (page 0, offset
  /// 0..127). Pages never set respond with ERROR -ENXIO.
  /// @param page page of bank 0
  /// @param offset first byte
  /// @param image the bytes
  /// @return false if they do not fit
  bool set_qsfp(std::uint8_t page, std::uint8_t offset, std::span<const std::uint8_t> image);
  /// Removes the module.
  void remove_qsfp();
  /// @return the EEPROM of the card
  std::span<const std::byte> eeprom() const;
  /// Returns a flash section.
  /// @param section section id
  /// @return its bytes
  std::span<const std::byte> flash_section(std::size_t section) const;
  /// @return the core dump
  std::span<const std::byte> core_dump() const;
  /// @return the newest RPC_MAC_SYNC_REQ
  const MacSyncRequest& mac_sync() const { return mac_sync_; }
  /// @return true while a host owns the card
  bool owned() const { return owned_; }
  /// @return true while the host wants log messages
  bool logs_enabled() const { return logs_enabled_; }
  /// @return next descriptor of the Tx mailbox
  unsigned tx_head() const { return tx_head_; }
  /// @return next descriptor of the Rx mailbox
  unsigned rx_head() const { return rx_head_; }
  /// Returns the uptime.
  /// @param now_ns virtual time
  /// @return milliseconds since start()
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
