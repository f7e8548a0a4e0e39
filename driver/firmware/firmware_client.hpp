// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FirmwareClient: the host side of the firmware protocol [device 6], on top of the mailbox.
///
/// Life cycle: start() brings the mailbox up, requests the capabilities and refuses firmware that
/// is too old; then ready(). take_ownership() claims the device; owned() once the firmware granted
/// it, and from then on a heartbeat every 10 s monitors the firmware. crashed(): a response timed
/// out or the uptime decreased; recover() restores everything up to owned(). stop() releases the
/// device and drains the mailbox.
///
/// Requests have a `request_x()` that starts one and a `poll_x()` that returns its outcome once.
/// At most one of a kind and four together are outstanding; each ends within 10 s (a transfer:
/// within 10 s of its last progress).
///
/// Trust: a response without a request changes nothing and is counted; error codes are mapped
/// (Error::detail is a FirmwareFault); a malformed message is refused as a whole.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "driver/core/checked_io.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/error.hpp"
#include "driver/firmware/firmware_log.hpp"
#include "driver/firmware/firmware_transfers.hpp"
#include "driver/firmware/mailbox.hpp"
#include "driver/firmware/messages.hpp"

namespace hni {

/// Life cycle of the client.
enum class FirmwareState : std::uint8_t {
  kDown,              ///< nothing is outstanding; the device must not access the mailbox's memory
  kWaitMailbox,       ///< bringing the mailbox up
  kWaitCapabilities,  ///< HOST_CAP_REQ was sent; polled every 20 ms
  kReady,             ///< requests are accepted
  kStopping,          ///< draining the mailbox
  kFailed,            ///< bring-up or the mailbox failed; error() has the cause
};

/// Ownership of the device.
enum class Ownership : std::uint8_t {
  kNone,       ///< not requested
  kTaking,     ///< OWNERSHIP_REQ was sent
  kOwned,      ///< granted; the heartbeat monitors the firmware
  kReleasing,  ///< the release was sent; its response is still expected
  kLost,       ///< the firmware crashed; crash_cause() says how that was detected
};

/// How a crash of the firmware was detected.
enum class CrashCause : std::uint8_t {
  kNone,          ///< no crash
  kNoOwnership,   ///< no response to OWNERSHIP_REQ within 10 s
  kNoHeartbeat,   ///< no response to HEARTBEAT_REQ within 10 s
  kUptimeBack,    ///< the firmware's uptime decreased: it restarted
  kMailboxFailed  ///< the mailbox failed while the device was owned
};

/// Settings of the client.
struct FirmwareOptions {
  bool relaxed_ordering = false;  ///< the enable bit of the PCI Express capability
  bool logs = true;               ///< enable log messages as soon as the firmware is ready
};

// X(member, meaning)
#define HNI_FIRMWARE_CLIENT_COUNTERS(X)                                                      \
  X(received, "well-formed messages received")                                               \
  X(refused, "malformed messages")                                                           \
  X(unsolicited, "responses without a request")                                              \
  X(capability_hints, "FW_CAP_RESP without a request: a hint to request it, not a response") \
  X(heartbeats, "heartbeats with a response")                                                \
  X(log_records, "log records received")                                                     \
  X(timeouts, "requests that ended without a response")                                      \
  X(crashes, "crashes detected")

/// Counters of the client.
struct FirmwareClientCounters {
  HNI_COUNTER_STRUCT(FirmwareClientCounters, HNI_FIRMWARE_CLIENT_COUNTERS)
};

/// The firmware client of one port.
template <DeviceIo Io, class Obs = NullObserver>
class FirmwareClient {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers and DMA memory of the device
  using State = FirmwareState;   ///< life cycle

  /// time that a response may take [device 4.7]
  static constexpr Duration kAnswerTime = std::chrono::seconds(10);
  /// interval of the heartbeat [device 6.2]
  static constexpr Duration kHeartbeatPeriod = std::chrono::seconds(10);
  /// interval at which a request that found no room is repeated
  static constexpr Duration kRetryTime = std::chrono::seconds(1);
  /// interval of polling during bring-up
  static constexpr Duration kCapabilityPollTime = std::chrono::milliseconds(20);
  /// interval of polling the rings while ready, in case an interrupt was lost
  static constexpr Duration kLookTime = std::chrono::milliseconds(1);
  static constexpr std::uint32_t kRequestSlots = 4;  ///< requests that can be outstanding together

  /// Creates a client in kDown.
  /// @param device must outlive it
  /// @param options settings
  explicit FirmwareClient(D& device, FirmwareOptions options = {})
      : device_(&device), options_(options), mailbox_(device) {}

  /// Allocates the DMA pages of the mailbox.
  /// @return kNoMemory
  Result<> allocate() { return mailbox_.allocate(); }
  /// Frees the DMA pages. Requires kDown or kFailed.
  void release() { mailbox_.release(); }
  /// Replaces the settings, for the next start().
  /// @param options settings
  void configure(const FirmwareOptions& options) { options_ = options; }
  /// Sets the log that receives log records.
  /// @param log must outlive its use here; null: records are dropped
  void set_log(FirmwareLog* log) { log_ = log; }

  /// Starts the bring-up; step() continues it to kReady or kFailed within 20 s. Requires kDown or
  /// kFailed, and allocate().
  /// @param now current time
  /// @return kRequestPending in other states, kNoMemory, kCardGone
  Result<> start(Time now);
  /// Processes messages and deadlines. Bounded work.
  /// @param now current time
  void step(Time now);
  /// Handles vector 0.
  /// @param now current time
  void interrupt(Time now);
  /// Claims or releases the device; owned() tells when a claim is granted.
  /// @param take true: claim
  /// @param now current time
  /// @return kNotRunning unless ready()
  Result<> take_ownership(bool take, Time now);
  /// Restores the connection after crashed(), with ownership if it was requested. Firmware that
  /// stopped responding gets one more ownership request; if it does not answer that, or is known
  /// to have restarted (it then starts at slot 0 again), the mailbox restarts.
  /// @param now current time
  /// @return kNotRunning unless crashed() or failed(), or as start()
  Result<> recover(Time now);
  /// Predicts recover(). Restarting the mailbox disables device DMA for about 20 ms, so the queues
  /// must be stopped first.
  /// @return true if recover() would restart the mailbox
  [[nodiscard]] bool recovery_restarts_mailbox() const {
    return !(ready() && crash_cause_ == CrashCause::kNoHeartbeat &&
             mailbox_.sends_under_way() == 0);
  }
  /// Releases the device, ends all requests with kNotRunning and drains the mailbox for at most 10
  /// s; then kDown.
  /// @param now current time
  void stop(Time now);
  /// Aborts immediately without sending anything (the device was removed, or its DMA is being
  /// revoked): kFailed.
  void abandon();

  /// @return state of the life cycle
  [[nodiscard]] State state() const { return state_; }
  /// @return why state() is kFailed
  [[nodiscard]] Error error() const { return error_; }
  /// @return true while requests are accepted
  [[nodiscard]] bool ready() const { return state_ == State::kReady; }
  /// @return true while the firmware grants the device to this host
  [[nodiscard]] bool owned() const { return ready() && ownership_ == Ownership::kOwned; }
  /// @return true after a crash of the firmware, until recover()
  [[nodiscard]] bool crashed() const { return ownership_ == Ownership::kLost; }
  /// @return true in kFailed
  [[nodiscard]] bool failed() const { return state_ == State::kFailed; }
  /// @return true in kDown
  [[nodiscard]] bool down() const { return state_ == State::kDown; }
  /// @return ownership of the device
  [[nodiscard]] Ownership ownership() const { return ownership_; }
  /// @return how the last crash was detected
  [[nodiscard]] CrashCause crash_cause() const { return crash_cause_; }
  /// @return the firmware's capabilities; valid once ready() was true
  [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }
  /// @return the newest uptime that the firmware reported, milliseconds; informational
  [[nodiscard]] std::uint64_t uptime_ms() const { return uptime_ms_; }
  /// @return the counters
  [[nodiscard]] const FirmwareClientCounters& counters() const { return counters_; }
  /// @return the mailbox
  [[nodiscard]] const Mailbox<Io, Obs>& mailbox() const { return mailbox_; }
  /// Returns when step() is due although no interrupt fires.
  /// @return driver time; Time::max() for never
  [[nodiscard]] Time deadline() const;
  /// @return true if the invariants of the mailbox and of the flash session hold
  [[nodiscard]] bool is_valid() const { return mailbox_.is_valid() && flash_session_.is_valid(); }

  /// Requests the temperature and voltage.
  /// @param now current time
  /// @return kNotRunning, kRequestPending, kTableFull or kMailboxFull
  Result<> request_sensors(Time now);
  /// Fetches the outcome of request_sensors().
  /// @return nullopt while outstanding
  std::optional<Result<Sensors>> poll_sensors() { return take(sensors_); }

  /// Requests bytes of the module's EEPROM.
  /// @param range bytes to read
  /// @param now current time
  /// @return kBadArgument, or as request_sensors()
  Result<> request_module_page(const ModuleRange& range, Time now);
  /// Fetches the outcome of request_module_page().
  /// @param to filled from the front
  /// @return number of bytes, at most to.size(); nullopt while outstanding
  std::optional<Result<std::uint32_t>> poll_module_page(std::span<std::byte> to);

  /// Requests the size of the core dump.
  /// @param create true: make a core dump first
  /// @param now current time
  /// @return as request_sensors()
  Result<> request_core_dump_info(bool create, Time now);
  /// Fetches the outcome of request_core_dump_info().
  /// @return bytes; kNotFound without a dump; nullopt while outstanding
  std::optional<Result<std::uint32_t>> poll_core_dump_info() { return take(core_dump_info_); }
  /// Reads the core dump.
  /// @param to as large as poll_core_dump_info() returned; must live until the outcome is fetched
  /// @param now current time
  /// @return kBadArgument, or as request_sensors()
  Result<> request_core_dump(std::span<std::byte> to, Time now);
  /// Fetches the outcome of request_core_dump().
  /// @return nullopt while outstanding
  std::optional<Result<>> poll_core_dump() { return take(core_dump_); }
  /// @return bytes of the core dump read so far
  [[nodiscard]] std::uint32_t core_dump_bytes_read() const { return core_dump_session_.offset(); }

  /// Writes one flash section; see pldm.hpp for packages and their anti-rollback rule.
  /// @param section section to write
  /// @param image must live until the outcome is fetched
  /// @param now current time
  /// @return kBadArgument, or as request_sensors()
  Result<> request_flash(FlashSection section, std::span<const std::byte> image, Time now);
  /// Fetches the outcome of request_flash().
  /// @return nullopt while outstanding
  std::optional<Result<>> poll_flash() { return take(flash_); }
  /// @return progress of the flash session
  [[nodiscard]] FlashSession::Progress flash_progress() const { return flash_session_.progress(); }

  /// Sends the test message and compares its echo [device 20.3]; the outcome is kBadFirmwareData
  /// if it differs.
  /// @param now current time
  /// @return as request_sensors()
  Result<> request_self_test(Time now);
  /// Fetches the outcome of request_self_test().
  /// @return nullopt while outstanding
  std::optional<Result<>> poll_self_test() { return take(self_test_); }

  /// Enables or disables log messages.
  /// @param enable true: enable
  /// @param history also send the records from before
  /// @param now current time
  /// @return kFirmwareTooOld for firmware without log messages, kNotRunning, kMailboxFull
  Result<> send_logs(bool enable, bool history, Time now);
  /// Reports the addresses that this host receives, for the BMC. Has no response.
  /// @param sync addresses and flags
  /// @param now current time
  /// @return kNotFound without a BMC, kNotRunning, kMailboxFull
  Result<> send_mac_sync(const MacSync& sync, Time now);
  /// Requests the capabilities again; capabilities().generation increases with the response.
  /// @param now current time
  /// @return kNotRunning, kMailboxFull
  Result<> refresh_capabilities(Time now);

 private:
  enum class Request : std::uint8_t {
    kNone,
    kSensors,
    kModulePage,
    kCoreDumpInfo,
    kCoreDump,
    kFlash,
    kSelfTest,
  };
  struct RequestSlot {
    Request request = Request::kNone;
    Time deadline{};
  };
  using Failure = decltype(fail(ErrorCode{}));
  /// A message from the firmware.
  struct MessageRow {
    FwMessage received;  ///< its type
    void (FirmwareClient::*handler)(const Attributes& attributes, Time now);
    /// Message of the driver that it answers; nullopt if it is not a response.
    std::optional<FwMessage> sent = {};
    Request request = Request::kNone;  ///< the request that waits for it
    /// Makes an error the result of the request.
    void (FirmwareClient::*end)(const Failure& error) = nullptr;
  };
  static constexpr auto message_table();
  template <auto Member>
  void end_result(const Failure& error) {
    this->*Member = error;
  }
  void end_core_dump(const Failure& error);
  void end_flash(const Failure& error);
  /// Receives the callbacks of the mailbox.
  struct Sink {
    FirmwareClient& self;
    void message(std::span<const std::byte> bytes, Time now) { self.on_message(bytes, now); }
    void sent(std::uint16_t type, bool refused, Time now) { self.on_sent(type, refused, now); }
  };

  template <class T>
  static std::optional<T> take(std::optional<T>& from) {
    return std::exchange(from, std::nullopt);
  }

  // Life cycle
  void advance(Time now);
  void fail_with(Error why);
  void became_ready(Time now);
  void wait_for_capabilities(Time now);
  void watch(Time now);
  void lose(CrashCause cause);
  Result<> send_plain(FwMessage type, Time now);
  void request_ownership(Ownership change, Time now);
  void request_heartbeat(Time now);
  void send_request(Time now);
  [[nodiscard]] bool response_expected() const { return answer_pending_ && request_sent_; }
  void released(Time now);

  // Messages
  void on_message(std::span<const std::byte> bytes, Time now);
  void on_sent(std::uint16_t type, bool refused, Time now);
  void dispatch(const FirmwareMessage& message, Time now);
  void on_capabilities(const Attributes& attributes, Time now);
  void on_ownership(const Attributes& attributes, Time now);
  void on_heartbeat(const Attributes& attributes, Time now);
  bool on_uptime(const Untrusted<std::uint64_t>& uptime);
  void on_sensors(const Attributes& attributes, Time now);
  void on_module_page(const Attributes& attributes, Time now);
  void on_core_dump_info(const Attributes& attributes, Time now);
  void on_core_dump(const Attributes& attributes, Time now);
  void on_flash_started(const Attributes& attributes, Time now);
  void on_flash_chunk(const Attributes& attributes, Time now);
  void on_flash_finished(const Attributes& attributes, Time now);
  void on_log(const Attributes& attributes, Time now);
  void on_self_test(const Attributes& attributes, Time now);
  void unsolicited(FwMessage type);
  void refuse(const Refusal& why);

  // Requests
  RequestSlot* find(Request request);
  [[nodiscard]] bool waits_for(Request request) const;
  Result<> open_with(Request request, std::span<const std::byte> message, Time now);
  void close_slot(Request request);
  void extend(Request request, Time now);
  /// Ends `request` with an error, which can then be polled.
  void end_with(Request request, ErrorCode code, std::uint64_t detail = 0);
  void end_all(ErrorCode code);
  /// Ends `request` if the response has an error; returns whether it did.
  bool answered_with_fault(Request request, const Attributes& attributes, std::uint16_t error_id);
  void send_flash_piece(Time now);
  void cancel_flash(Time now);

  D* device_;
  FirmwareOptions options_;
  FirmwareLog* log_ = nullptr;
  Mailbox<Io, Obs> mailbox_;
  State state_ = State::kDown;
  Error error_{};
  Capabilities capabilities_{};
  FirmwareClientCounters counters_{};

  // Bring-up and capabilities
  Time give_up_{};
  Time next_poll_{};
  Time next_look_{};  ///< when the rings are polled without an interrupt, while ready
  std::uint64_t failures_seen_ = 0;     ///< FW_ERR completions when HOST_CAP_REQ was sent
  bool capabilities_expected_ = false;  ///< a response to HOST_CAP_REQ is outstanding
  bool capabilities_hinted_ = false;    ///< request again at next_refresh_
  Time next_refresh_{};
  bool logs_on_ = false;
  bool history_asked_ = false;

  // Ownership and heartbeat
  Ownership ownership_ = Ownership::kNone;
  CrashCause crash_cause_ = CrashCause::kNone;
  bool want_ownership_ = false;  ///< claim as soon as ready
  bool answer_pending_ = false;  ///< to OWNERSHIP_REQ or HEARTBEAT_REQ
  bool request_sent_ = false;    ///< it had room in the mailbox, so a response is expected
  bool ask_again_ = false;       ///< the request did not get through; repeat at next_retry_
  Time next_retry_{};
  Time watch_deadline_{};  ///< response due, or next heartbeat due
  std::uint64_t uptime_ms_ = 0;

  // Requests
  std::array<RequestSlot, kRequestSlots> slots_{};
  std::optional<Result<Sensors>> sensors_;
  ModuleRange module_range_{};
  std::array<std::byte, kMaxModuleBytes> module_data_{};
  std::optional<Result<std::uint32_t>> module_page_;
  std::optional<Result<std::uint32_t>> core_dump_info_;
  CoreDumpSession core_dump_session_;
  std::optional<Result<>> core_dump_;
  FlashSession flash_session_;
  std::optional<Result<>> flash_;
  std::optional<Result<>> self_test_;
};

}  // namespace hni

#include "driver/firmware/firmware_client_life.hpp"
#include "driver/firmware/firmware_client_requests.hpp"
