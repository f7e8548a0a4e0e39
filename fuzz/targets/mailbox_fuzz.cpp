// SPDX-License-Identifier: Apache-2.0
// The firmware protocol against scripted firmware and the fault injector: faults in mailbox
// descriptors and in every field of a message, unsolicited messages, firmware that crashes and
// restarts. At the end the firmware behaves correctly, and the card must be owned again within
// bounded steps.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "driver/firmware/firmware_client.hpp"
#include "fuzz/fault/fault_injector.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/run_script.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/event_observer.hpp"
#include "fuzz/worlds/world_arena.hpp"
#include "tests/support/fake_firmware.hpp"

namespace hni::fuzz {
namespace {

using namespace std::chrono_literals;
using test::FakeFirmware;

enum class MailboxOp : std::uint8_t {
  kFault,
  kAdvance,
  kRequest,
  kOwn,
  kStop,
  kRecover,
  kBegin,
  kAttribute,
  kBytes,
  kDeliver,
  kReboot,
  kFaults,
  kInterrupt,
  kGone,
  kSendFull,
  kUptime,
  kAnnounce,
  kSwallow,
  kVanish,
  kMisuse,
};

constexpr auto kOps = std::to_array<OpInfo>({
    {"fault", ArgKind::kSite, "site", "class_count", 1,
     "the next values of a site; class + 256 * n + 4096 * unchanged ones before"},
    {"advance", ArgKind::kNumber, "unit", "count", 0, "time: 1, 20, 1000 or 10000 ms a turn"},
    {"request", ArgKind::kNumber, "what", "number", 0, "a request of the application"},
    {"own", ArgKind::kNumber, "take", "", 0, "claim or release the card"},
    {"stop", ArgKind::kNone, "", "", 0, ""},
    {"recover", ArgKind::kNone, "", "", 0, "what the port does after a crash"},
    {"begin", ArgKind::kNumber, "type", "flags", 0, "begins a message"},
    {"attribute", ArgKind::kNumber, "id", "length", 1, "adds an integer attribute"},
    {"bytes", ArgKind::kNumber, "words", "", 2, "adds up to two raw words"},
    {"deliver", ArgKind::kNumber, "claim", "length", 0, "sends it; claim 1: under another length"},
    {"reboot", ArgKind::kNone, "", "", 0, ""},
    {"faults", ArgKind::kNumber, "bits", "fail", 0, "1 dead, 2 frozen, 4 errors on receive"},
    {"interrupt", ArgKind::kNumber, "times", "", 0, "vector 0 without a cause"},
    {"gone", ArgKind::kNumber, "on", "", 0, ""},
    {"send_full", ArgKind::kNumber, "times", "", 0, "more requests than the ring holds"},
    {"uptime", ArgKind::kNone, "", "", 2, "the firmware's clock jumps"},
    {"announce", ArgKind::kNone, "", "", 0, "unsolicited capabilities"},
    {"swallow", ArgKind::kNumber, "answers", "", 0, "the next 1 .. 8 responses are lost"},
    {"vanish", ArgKind::kNumber, "", "accesses", 0,
     "the card is removed at that register access from now on"},
    {"misuse", ArgKind::kNumber, "what", "number", 0, "a call out of turn"},
});

/// Counts the capability requests, and how often ownership was taken or released.
struct Counting : EventObserver {
  std::uint64_t questions = 0;
  std::uint64_t claims = 0;
  void message_sent(std::uint16_t type, std::uint32_t, Time) {
    questions += type == static_cast<std::uint16_t>(FwMessage::HOST_CAP_REQ) ? 1 : 0;
    claims += type == static_cast<std::uint16_t>(FwMessage::OWNERSHIP_REQ) ? 1 : 0;
  }
};

class Run {
 public:
  using Io = FaultInjector<FakeFirmware>;

  Run() : hostile_(fake_), device_(hostile_, observer_), fw_(device_) {
    (void)fw_.allocate();
    fw_.set_log(&log_);
    (void)fw_.start(now_);
  }
  ~Run() {
    fw_.abandon();
    fw_.release();
  }

  void op(const Op& op) {
    switch (static_cast<MailboxOp>(op.kind)) {
      case MailboxOp::kFault:
        hostile_.order(site_of(op.a), value_class(op.b & 0xffU), (op.b >> 8 & 15U) + 1,
                       static_cast<std::uint32_t>(op.value), op.b >> 12);
        break;
      case MailboxOp::kAdvance: {
        static constexpr std::array<Duration, 4> kUnits{1ms, 20ms, 1000ms, 10000ms};
        for (unsigned i = 0; i <= op.b % 16U; ++i) advance(kUnits[op.a % 4U]);
        break;
      }
      case MailboxOp::kRequest:
        request(op.a % 8U, op.b);
        break;
      case MailboxOp::kOwn:
        (void)fw_.take_ownership(op.a % 2 != 0, now_);
        break;
      case MailboxOp::kStop:
        fw_.stop(now_);
        break;
      case MailboxOp::kRecover:
        recover_once();
        break;
      case MailboxOp::kInterrupt:
        for (unsigned i = 0; i <= op.a % 16U; ++i) fw_.interrupt(now_);
        break;
      case MailboxOp::kVanish:
        vanished_ = true;
        hostile_.vanish_in = op.b;
        break;
      case MailboxOp::kMisuse:
        misuse(op.a, op.b);
        break;
      case MailboxOp::kSendFull:
        for (unsigned i = 0; i <= op.a % 32U; ++i) (void)fw_.refresh_capabilities(now_);
        break;
      default:
        firmware_side(op);
        break;
    }
    check();
  }

  /// The firmware behaves correctly: the card must be owned within a minute and three attempts.
  void recover() {
    hostile_.behave();
    fake_.alive = fake_.present = true;
    fake_.frozen = fake_.rx_error = false;
    fake_.fail_next = 0;
    fake_.outbox.clear();
    fake_.script = nullptr;
    bool owned = false;
    for (int turn = 0; turn < 6000 && !owned; ++turn) {
      recover_once();
      if (fw_.ready() && !fw_.owned()) (void)fw_.take_ownership(true, now_);
      advance(20ms);
      owned = fw_.owned();
    }
    require(owned, "recovery", "the card is not owned again",
            static_cast<std::uint64_t>(fw_.state()), static_cast<std::uint64_t>(fw_.ownership()));
    // A request of the script may still be outstanding: only one is allowed at a time.
    bool asked = false;
    std::optional<Result<>> echo;
    for (int turn = 0; turn < 3000 && !echo; ++turn) {
      if (!asked) asked = fw_.request_self_test(now_).has_value();
      advance(20ms);
      // a late fault was detected; the next attempt would succeed
      if (fw_.crashed() || fw_.failed()) return;
      echo = fw_.poll_self_test();
    }
    require(echo.has_value(), "recovery", "a request has no outcome");
    check();
  }

 private:
  void firmware_side(const Op& op) {
    switch (static_cast<MailboxOp>(op.kind)) {
      case MailboxOp::kBegin:
        message_.clear();
        add((op.a & 0x7fU) | 0x8000U | (op.b & 0x7000U), 2);
        add(0, 2);
        return;
      case MailboxOp::kAttribute:
        add((op.a & 0x1fU) | (op.b & 0x4000U), 2);
        add((op.b & 0x1ffU), 2);
        for (unsigned i = 4; i < (op.b & 0x1ffU) && i < 64; i += 4)
          add(static_cast<std::uint32_t>(op.value), 4);
        return;
      case MailboxOp::kBytes:
        for (unsigned i = 0; i <= op.a % 2U; ++i)
          add(static_cast<std::uint32_t>(op.value >> (32 * i)), 4);
        return;
      case MailboxOp::kDeliver:
        deliver(op);
        return;
      case MailboxOp::kReboot:
        return fake_.reboot();
      case MailboxOp::kFaults:
        fake_.alive = (op.a & 1) == 0;
        fake_.frozen = (op.a & 2) != 0;
        fake_.rx_error = (op.a & 4) != 0;
        fake_.fail_next = op.b % 16U;
        return;
      case MailboxOp::kGone:
        hostile_.gone = op.a % 2 != 0;
        vanished_ = true;
        if (hostile_.gone) site_record().note(Site::kPresence, ValueClass::kMax);
        return;
      case MailboxOp::kUptime:
        fake_.uptime_ms = op.value;
        return;
      case MailboxOp::kAnnounce:
        return fake_.send(fake_.capabilities);
      case MailboxOp::kSwallow:
        swallow_ = op.a % 8U + 1;
        fake_.script = [this](std::uint32_t, const test::Bytes&) {
          return swallow_ != 0 && swallow_-- != 0;
        };
        return;
      default:
        return;
    }
  }

  void deliver(const Op& op) {
    if (message_.size() < 4) return;
    const auto words = static_cast<std::uint32_t>(message_.size() / 4);
    message_[2] = static_cast<std::byte>(words & 0xff);
    message_[3] = static_cast<std::byte>(words >> 8);
    std::optional<std::uint32_t> claim;
    if (op.a % 4 == 1) claim = op.b;
    if (fake_.alive && (fake_.write_gate & 0x40000) != 0) (void)fake_.deliver(message_, claim);
  }

  void request(unsigned what, std::uint16_t number) {
    switch (what) {
      case 0:
        (void)fw_.request_sensors(now_);
        return;
      case 1:
        (void)fw_.request_module_page({0, 0, static_cast<std::uint8_t>(number & 0xff),
                                       static_cast<std::uint8_t>(number >> 8)},
                                      now_);
        return;
      case 2:
        (void)fw_.request_core_dump_info(number % 2 != 0, now_);
        return;
      case 3:
        (void)fw_.request_core_dump(std::span(dump_).first(number % (dump_.size() + 1)), now_);
        return;
      case 4:
        (void)fw_.request_flash(FlashSection{}, std::span(image_).first(number % 4096U + 1), now_);
        return;
      case 5:
        (void)fw_.request_self_test(now_);
        return;
      case 6:
        (void)fw_.send_logs(number % 2 != 0, number % 4 > 1, now_);
        return;
      default:
        poll();
        return;
    }
  }

  /// Calls out of order, or with invalid sizes, are refused or change nothing.
  void misuse(unsigned what, std::uint16_t number) {
    const auto state = fw_.state();
    switch (what % 8) {
      case 0:
        (void)fw_.recover(now_);
        return;
      case 1:
        (void)fw_.start(now_);
        return;
      case 2:
        fw_.configure({.relaxed_ordering = number % 2 != 0, .logs = (number & 2) != 0});
        return;
      case 3: {
        std::array<MacAddress, 12> macs{};
        const auto all = std::span(macs).first(number % (macs.size() + 1));
        (void)fw_.send_mac_sync({.unicast = all, .multicast = all}, now_);
        return;
      }
      case 4:
        (void)fw_.allocate();
        break;
      case 5:
        // Keeps the pages that the firmware may write to.
        if (!fw_.down() && !fw_.failed()) fw_.release();
        break;
      case 6:
        fw_.set_log(number % 2 == 0 ? &log_ : &no_log_);
        return;
      default:
        bare_mailbox(number);
        break;
    }
    require(fw_.state() == state, "steps", "a call out of turn moves the conversation");
  }

  /// A separate mailbox, in states in which FirmwareClient does not use it.
  static void bare_mailbox(std::uint16_t number) {
    struct Nobody {
      void sent(std::uint16_t, bool, Time) {}
      void message(std::span<const std::byte>, Time) {}
    } nobody;
    FakeFirmware fake;
    Io io(fake);
    Counting observer;
    CheckedIo<Io, Counting> device(io, observer);
    Mailbox<Io, Counting> box(device);
    Time now{1s};
    const auto wrong = [&](std::size_t bytes) {
      const std::vector<std::byte> message(bytes);
      require(!box.send(message, now), "geometry", "a message of a size that cannot be", bytes);
    };
    const auto out_of_turn = [&] {
      wrong(number % 4U);
      wrong(4097 + number % 64U);
      wrong(4 + number % 4U + (number % 4U == 0 ? 1 : 0));
      box.interrupt(now, nobody);
      if (box.state() != MailboxState::kReady) box.enable_interrupt();
      require(box.is_valid(), "is_valid", "mailbox");
    };
    require(!box.start(now, false), "ownership", "a mailbox without pages starts");
    out_of_turn();
    box.step(now, nobody);
    box.abort(ErrorCode::kTimeout);
    (void)box.allocate();
    for (int turn = 0; turn < 40; ++turn) {
      (void)box.start(now, number % 2 != 0);
      out_of_turn();
      if (turn == 30) fake.alive = false;
      fake.run();
      now += 20ms;
      box.step(now, nobody);
      if (turn == 20 + (number & 7)) box.enable_interrupt();
      if (turn >= 30) (void)box.send(std::array<std::byte, 4>{}, now);
      if (turn >= 35) box.shutdown(now);
    }
    now += 60s;
    box.step(now, nobody);
    (void)box.start(now, false);
    box.abort(ErrorCode::kTimeout);
    box.step(now, nobody);
    box.shutdown(now);
    box.release();
    require(fake.bad_frees == 0, "conservation", "memory is freed twice", fake.bad_frees);
  }

  void poll() {
    (void)fw_.poll_sensors();
    std::array<std::byte, 100> into;
    if (const auto page = fw_.poll_module_page(into); page && *page)
      require(**page <= into.size(), "geometry", "more module bytes than room", **page);
    (void)fw_.poll_core_dump_info();
    (void)fw_.poll_core_dump();
    (void)fw_.poll_flash();
    (void)fw_.poll_self_test();
  }

  /// As the port does: restarts a failed, lost or closed conversation.
  void recover_once() {
    if (device_.gone()) {
      fw_.abandon();
      if (!hostile_.gone) device_.revive();
    }
    if (fw_.crashed()) (void)fw_.recover(now_);
    if (fw_.failed() || fw_.down()) (void)fw_.start(now_);
  }

  void advance(Duration by) {
    now_ += by;
    fake_.uptime_ms += static_cast<std::uint64_t>(by / 1ms);
    fake_.run();
    hostile_.accesses = 0;
    if (fake_.interrupt_pending()) {
      fake_.masked = true;
      fw_.interrupt(now_);
    }
    fw_.step(now_);
    require(hostile_.accesses < 2000, "steps", "a step of the conversation does not end",
            hostile_.accesses);
    work().events += hostile_.accesses;
    fake_.writes.clear();
    fake_.received.clear();
  }

  void check() {
    require(fw_.is_valid(), "is_valid", "firmware conversation");
    require(fw_.capabilities().generation <= observer_.questions, "solicited",
            "unsolicited capabilities are accepted", fw_.capabilities().generation,
            observer_.questions);
    check_uptime();
    // After removal the driver still writes a message but not its descriptor.
    if (!vanished_) check_outbound();
    // A card that was removed during a reset may keep descriptors while DMA is disabled.
    require(fake_.dma_faults == 0 || vanished_ || hostile_.faults != 0, "illegal",
            "the firmware was pointed outside of memory", fake_.dma_faults);
    require(fake_.bad_frees == 0, "conservation", "memory is freed twice", fake_.bad_frees);
  }

  /// Firmware whose uptime decreased has restarted: it must not be trusted until ownership was
  /// requested again.
  void check_uptime() {
    const std::uint64_t now = fw_.uptime_ms();
    require(now >= uptime_ || now == 0 || observer_.claims != claims_, "order",
            "a decreased uptime is accepted", now, uptime_);
    uptime_ = now;
    claims_ = observer_.claims;
  }

  /// Checks that no old bytes follow the last message to the firmware.
  void check_outbound() {
    const auto& descriptor = fake_.mailbox[kMailboxTx][(fake_.tx_head + 15) % kMailboxSlots];
    const std::uint64_t word = std::uint64_t{descriptor[1]} << 32 | descriptor[0];
    const std::size_t length = word >> 48;
    const std::byte* page = fake_.memory_at(word & 0x3ffffffffff8, kMailboxPageBytes);
    // The low half of the stop is zero: it does not refer to a page.
    if ((descriptor[0] & 2) == 0 || page == nullptr) return;
    if (length < 4 || length > kMailboxPageBytes) return;
    const bool clean = std::all_of(page + length, page + kMailboxPageBytes,
                                   [](std::byte b) { return b == std::byte{0}; });
    require(clean, "leak", "old bytes after a message to the firmware", length);
  }

  void add(std::uint32_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes && message_.size() < 4092; ++i)
      message_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
  }

  FakeFirmware fake_;
  Io hostile_;
  Counting observer_;
  CheckedIo<Io, Counting> device_;
  FirmwareClient<Io, Counting> fw_;
  std::array<LogRecord, 4> records_;
  FirmwareLog log_{records_};
  FirmwareLog no_log_{{}};
  Time now_{1s};
  test::Bytes message_;
  bool vanished_ = false;
  unsigned swallow_ = 0;  ///< answers
  std::array<std::byte, 8192> dump_{};
  std::array<std::byte, 4096> image_{};
  std::uint64_t uptime_ = 0;  ///< at the last check
  std::uint64_t claims_ = 0;
};

void run(const std::uint8_t* data, std::size_t size) {
  static RestoredWorld<Run> world;
  world.run([](Run&) {},
            [&](Run& run) {
              run_script(run, data, size, kOps, 256);
              run.recover();
            });
}

}  // namespace

const Target& mailbox_target() {
  static constexpr Target kTarget{"mailbox",
                                  "the conversation with the firmware, over a scripted one that "
                                  "lies in every field",
                                  kOps, run, 4096};
  return kTarget;
}

}  // namespace hni::fuzz
