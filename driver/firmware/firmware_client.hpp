// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Firmware: the host's side of the conversation with the card's firmware [device 6], on
/// top of the mailbox.
///
/// Life: start() brings the mailbox up, asks for the capabilities and refuses firmware that is too
/// old; ready() then. take_ownership() claims the card; owned() once the firmware agreed, and a
/// heartbeat every 10 s watches it from then on. crashed() means that an answer stayed out or that
/// the firmware's uptime went back; recover() brings everything back to owned(). stop() gives the
/// card up and drains the mailbox.
///
/// Requests have a `request_x()` that starts one and a `poll_x()` that gives its outcome once. At
/// most one of a kind and four together are under way; each ends within 10 s (a transfer: within
/// 10 s of its last progress).
///
/// Trust: an answer that nobody waits for changes nothing and is counted; error codes are mapped
/// (Error::detail is a FirmwareFault); a message that breaks a rule is refused as a whole.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/firmware/firmware_log.hpp"
#include "driver/firmware/firmware_transfers.hpp"
#include "driver/firmware/mailbox.hpp"
#include "driver/firmware/messages.hpp"

namespace hni {

enum class FirmwareState : std::uint8_t {
  kDown,              ///< nothing is under way; the card may not touch the mailbox's memory
  kWaitMailbox,       ///< the mailbox comes up
  kWaitCapabilities,  ///< HOST_CAP_REQ is sent; polled every 20 ms
  kReady,             ///< requests are taken
  kStopping,          ///< the mailbox drains
  kFailed,            ///< bring-up or the mailbox failed; error() says why
};

enum class Ownership : std::uint8_t {
  kNone,
  kTaking,     ///< OWNERSHIP_REQ sent
  kOwned,      ///< the heartbeat watches the firmware
  kReleasing,  ///< release sent; its answer is still welcome
  kLost,       ///< the firmware crashed; crash_cause() says how that was seen
};

enum class CrashCause : std::uint8_t {
  kNone,
  kNoOwnership,   ///< OWNERSHIP_REQ was not answered in 10 s
  kNoHeartbeat,   ///< HEARTBEAT_REQ was not answered in 10 s
  kUptimeBack,    ///< the firmware's uptime is less than before: it restarted
  kMailboxFailed  ///< the mailbox failed while the card was owned
};

struct FirmwareOptions {
  bool relaxed_ordering = false;  ///< the enable bit of the PCI Express capability
  bool logs = true;               ///< ask for log messages as soon as the firmware is ready
};

struct FirmwareClientCounters {
  std::uint64_t messages = 0;          ///< well-formed messages received
  std::uint64_t refused = 0;           ///< messages that broke a rule
  std::uint64_t unsolicited = 0;       ///< answers that nobody waited for
  std::uint64_t capability_hints = 0;  ///< unasked FW_CAP_RESP: a reason to ask, not an answer
  std::uint64_t heartbeats = 0;        ///< answered
  std::uint64_t log_records = 0;
  std::uint64_t timeouts = 0;  ///< requests that ended without an answer
  std::uint64_t crashes = 0;
};

template <DeviceIo Io, class Obs = NullObserver>
class FirmwareClient {
 public:
  using D = CheckedIo<Io, Obs>;
  using State = FirmwareState;

  static constexpr Duration kAnswerTime = std::chrono::seconds(10);       ///< [device 4.7]
  static constexpr Duration kHeartbeatPeriod = std::chrono::seconds(10);  ///< [device 6.2]
  static constexpr Duration kRetryTime = std::chrono::seconds(1);
  static constexpr Duration kCapabilityPollTime = std::chrono::milliseconds(20);
  static constexpr Duration kLookTime = std::chrono::milliseconds(1);
  static constexpr std::uint32_t kRequestSlots = 4;

  explicit FirmwareClient(D& device, FirmwareOptions options = {})
      : device_(&device), options_(options), mailbox_(device) {}

  // ---- Life
  Result<> allocate() { return mailbox_.allocate(); }
  /// Gives the DMA pages back. Only in kDown and kFailed.
  void release() { mailbox_.release(); }
  /// New settings for the next start().
  void configure(const FirmwareOptions& options) { options_ = options; }
  /// Where log records go; null for nowhere. The log outlives this object's use of it.
  void set_log(FirmwareLog* log) { log_ = log; }

  Result<> start(Time now);
  void step(Time now);
  /// Vector 0 fired.
  void interrupt(Time now);
  /// Claims or gives up the card. kNotRunning unless ready().
  Result<> take_ownership(bool take, Time now);
  /// After crashed(): brings the conversation back, with ownership if it was asked for. A firmware
  /// that fell silent is asked once more for ownership; if that does not help, or if it is known
  /// to have restarted (it then begins at slot 0 again), the mailbox restarts.
  Result<> recover(Time now);
  /// True if recover() would restart the mailbox. That closes the card's DMA gates for some 20 ms,
  /// so the queues must be stopped first.
  [[nodiscard]] bool recovery_restarts_mailbox() const {
    return !(ready() && crash_cause_ == CrashCause::kNoHeartbeat &&
             mailbox_.sends_under_way() == 0);
  }
  /// Gives the card up, ends all requests with kNotRunning, drains the mailbox for at most 10 s.
  void stop(Time now);
  /// Ends at once without a word to the card: it is gone, or is about to lose its memory.
  void abandon();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Error error() const { return error_; }
  [[nodiscard]] bool ready() const { return state_ == State::kReady; }
  [[nodiscard]] bool owned() const { return ready() && ownership_ == Ownership::kOwned; }
  [[nodiscard]] bool crashed() const { return ownership_ == Ownership::kLost; }
  [[nodiscard]] bool failed() const { return state_ == State::kFailed; }
  [[nodiscard]] bool down() const { return state_ == State::kDown; }
  [[nodiscard]] Ownership ownership() const { return ownership_; }
  [[nodiscard]] CrashCause crash_cause() const { return crash_cause_; }
  /// Valid from ready() on.
  [[nodiscard]] const Capabilities& capabilities() const { return capabilities_; }
  /// The newest uptime that the firmware reported, for people.
  [[nodiscard]] std::uint64_t uptime_ms() const { return uptime_ms_; }
  [[nodiscard]] const FirmwareClientCounters& counters() const { return counters_; }
  [[nodiscard]] const Mailbox<Io, Obs>& mailbox() const { return mailbox_; }
  /// When step() wants to be called even if nothing happens.
  [[nodiscard]] Time deadline() const;
  [[nodiscard]] bool is_valid() const { return mailbox_.is_valid() && flash_session_.is_valid(); }

  // ---- Requests
  Result<> request_sensors(Time now);
  std::optional<Result<Sensors>> poll_sensors() { return take(sensors_); }

  Result<> request_module_page(const ModuleRange& range, Time now);
  /// Copies what was read to `to`; the number of bytes is the asked length, or less if `to` is
  /// smaller.
  std::optional<Result<std::uint32_t>> poll_module_page(std::span<std::byte> to);

  /// Asks for the size of the core dump; `create` makes one first.
  Result<> request_core_dump_info(bool create, Time now);
  std::optional<Result<std::uint32_t>> poll_core_dump_info() { return take(core_dump_info_); }
  /// Reads to.size() bytes, which is the size that poll_core_dump_info() gave. `to` must live
  /// until the outcome is there.
  Result<> request_core_dump(std::span<std::byte> to, Time now);
  std::optional<Result<>> poll_core_dump() { return take(core_dump_); }
  /// Of the transfer under way.
  [[nodiscard]] std::uint32_t core_dump_bytes_read() const { return core_dump_session_.offset(); }

  /// Writes one flash section. `image` must live until the outcome is there; see pldm.hpp for
  /// containers and their anti-rollback rule.
  Result<> request_flash(FlashSection section, std::span<const std::byte> image, Time now);
  std::optional<Result<>> poll_flash() { return take(flash_); }
  [[nodiscard]] FlashSession::Progress flash_progress() const { return flash_session_.progress(); }

  /// Sends the test message and compares its echo [device 20.3]. kBadFirmwareData if it differs.
  Result<> request_self_test(Time now);
  std::optional<Result<>> poll_self_test() { return take(self_test_); }

  /// Log messages on or off. kFirmwareTooOld for firmware without them.
  Result<> send_logs(bool enable, bool history, Time now);
  /// Tells the BMC's host which addresses this host listens to; has no answer. kNotFound without a
  /// BMC.
  Result<> send_mac_sync(const MacSync& sync, Time now);
  /// Asks for the capabilities again; capabilities().generation rises with the answer.
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
  /// What the mailbox calls back.
  struct Sink {
    FirmwareClient& self;
    void message(std::span<const std::byte> bytes, Time now) { self.on_message(bytes, now); }
    void sent(std::uint16_t type, bool refused, Time now) { self.on_sent(type, refused, now); }
  };

  template <class T>
  static std::optional<T> take(std::optional<T>& from) {
    return std::exchange(from, std::nullopt);
  }

  // Life
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
  void on_heartbeat(const Attributes& attributes);
  bool on_uptime(const Untrusted<std::uint64_t>& uptime);
  void on_sensors(const Attributes& attributes);
  void on_module_page(const Attributes& attributes);
  void on_core_dump_info(const Attributes& attributes);
  void on_core_dump(const Attributes& attributes, Time now);
  void on_flash_started(const Attributes& attributes, Time now);
  void on_flash_chunk(const Attributes& attributes, Time now);
  void on_flash_finished(const Attributes& attributes);
  void on_log(const Attributes& attributes);
  void on_self_test(const Attributes& attributes);
  void unsolicited(FwMessage type);
  void refuse(const Refusal& why);

  // Requests
  RequestSlot* find(Request request);
  [[nodiscard]] bool waits_for(Request request) const;
  Result<> open_with(Request request, std::span<const std::byte> message, Time now);
  void close_slot(Request request);
  void extend(Request request, Time now);
  /// Ends `request` with an error; its outcome is then there to poll.
  void end_with(Request request, ErrorCode code, std::uint64_t detail = 0);
  void end_all(ErrorCode code);
  /// True if the answer carries an error; the request is then over.
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
  Time next_look_{};                    ///< at the rings without an interrupt, while ready
  std::uint64_t failures_seen_ = 0;     ///< FW_ERR completions when HOST_CAP_REQ was sent
  bool capabilities_expected_ = false;  ///< an answer to HOST_CAP_REQ is welcome
  bool capabilities_hinted_ = false;    ///< ask again when next_refresh_ comes
  Time next_refresh_{};
  bool logs_on_ = false;
  bool history_asked_ = false;

  // Ownership and heartbeat
  Ownership ownership_ = Ownership::kNone;
  CrashCause crash_cause_ = CrashCause::kNone;
  bool want_ownership_ = false;  ///< take it as soon as ready
  bool answer_pending_ = false;  ///< of OWNERSHIP_REQ or HEARTBEAT_REQ
  bool request_sent_ = false;    ///< it had room in the mailbox, so an answer is welcome
  bool ask_again_ = false;       ///< the question did not get through; repeat at next_retry_
  Time next_retry_{};
  Time watch_deadline_{};  ///< answer due, or next heartbeat due
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
