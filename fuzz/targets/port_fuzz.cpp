// SPDX-License-Identifier: Apache-2.0
// A whole port against a card with faults, surprise removal and resets: bring-up, traffic,
// teardown, recovery. At the end the card behaves correctly, and traffic must flow again within
// bounded steps.
#include <array>

#include "driver/control/register_dump.hpp"
#include "driver/control/self_test.hpp"
#include "driver/control/setup.hpp"
#include "fuzz/script/port_ops.hpp"
#include "fuzz/script/run_script.hpp"
#include "fuzz/worlds/port_calls.hpp"
#include "fuzz/worlds/port_settings.hpp"
#include "fuzz/worlds/sim_port.hpp"
#include "fuzz/worlds/world_arena.hpp"

namespace hni::fuzz {
namespace {

class Run {
 public:
  void op(const Op& op) {
    switch (static_cast<PortOp>(op.kind)) {
      case PortOp::kFault:
        sim_.hostile.order(site_of(op.a), value_class(op.b & 0xffU), (op.b >> 8 & 15U) + 1,
                           static_cast<std::uint32_t>(op.value), op.b >> 12);
        break;
      case PortOp::kAdvance:
        advance(op);
        break;
      case PortOp::kSend:
        for (unsigned i = 0; i <= op.a % 16U; ++i) (void)sim_.send(size_of(op.b));
        break;
      case PortOp::kReceive:
        for (unsigned i = 0; i <= op.a % 8U; ++i) (void)sim_.receive();
        break;
      case PortOp::kInject:
        for (unsigned i = 0; i <= op.a % 16U; ++i) sim_.inject(size_of(op.b));
        break;
      case PortOp::kInterrupt:
        for (unsigned i = 0; i <= op.b % 16U; ++i) sim_.port.interrupt(Vector{op.a}, sim_.now);
        break;
      case PortOp::kRequest:
        request(op.a % 8U, op.b);
        break;
      case PortOp::kFilter:
        set_filter(sim_, op.a % 6U, op.b);
        break;
      case PortOp::kInspect:
        inspect(op.a % 6U, op.b);
        break;
      case PortOp::kConfigure:
        configure(sim_.config, op.a % 16U, op.b);
        break;
      case PortOp::kInsist:
        insist(op.a % 4U + 8U);
        break;
      case PortOp::kVanish:
        disturbed_ = true;
        sim_.hostile.vanish_in = op.b;
        break;
      case PortOp::kCall:
        call_anything(sim_, op.a, op.b, static_cast<std::uint32_t>(op.value));
        break;
      case PortOp::kOffload:
        offloaded_ = true;
        send_offload(sim_, op.a, op.b, op.value);
        break;
      case PortOp::kBringUp:
        bring_up();
        break;
      default:
        life(op);
        break;
    }
    check();
  }

  /// The card behaves correctly: the port must carry frames both ways, then free everything.
  void recover() {
    behave();
    sim_.config = SimPort::usual();
    // Frames go to the queue that is polled; the port handles in its next step what a call
    // detected.
    for (const std::uint32_t context : {0U, 1U}) (void)sim_.port.filter().reset_rss_table(context);
    sim_.port.step(sim_.now);
    const bool settles = sim_.run_until([&] { return settled(); }, 60s);
    require(settles, "recovery", "no settled state", state());
    if (sim_.port.state() == PortState::kGone) detach();
    if (sim_.port.state() == PortState::kDetached) sim_.attach();
    bool up = comes_up();
    const bool works = up && (!misinformed_ || exchange() == Exchange{true, true});
    if (!works && (misinformed_ || sim_.hostile.faults != 0)) {
      // Capabilities are trusted until they are requested again.
      detach();
      sim_.attach();
      up = comes_up();
    }
    require(up, "recovery", "the port does not run again", state(),
            static_cast<std::uint64_t>(sim_.port.error().code));
    traffic();
    check_hash_key();
    check();
    detach();
    // No fault was injected, so detach() has disabled DMA.
    require(!may_reach_memory(), "ownership", "a detached card may still reach memory");
  }

 private:
  bool may_reach_memory() {
    device::Card& card = sim_.card.card;
    return spec::PUL_OB_TLP_HDR_AW_CFG{card.read(spec::PUL_OB_TLP_HDR_AW_CFG::at())}.BME() != 0 ||
           spec::PUL_OB_TLP_HDR_AR_CFG{card.read(spec::PUL_OB_TLP_HDR_AR_CFG::at())}.BME() != 0;
  }

  bool comes_up() {
    sim_.port.start(sim_.now);
    return sim_.run_until([&] { return is_up(); }, 120s);
  }
  bool is_up() {
    return sim_.port.state() == PortState::kRunning && sim_.port.link_up() &&
           sim_.port.firmware().owned();
  }

  /// The first steps of an application; bounded in time, as the card may hinder them.
  void bring_up() {
    if (sim_.port.state() == PortState::kDetached) sim_.attach();
    start();
    (void)sim_.run_until([&] { return is_up(); }, 10s);
  }

  void behave() {
    sim_.hostile.behave();
    host_memory_fails(0, 0);
    sim_.lose_interrupts = false;
    sim_.wire.takes = sim_.wire.plugged = true;
    sim_.wire.pausing = false;
    device::Firmware& firmware = sim_.card.card.firmware();
    firmware.set_faults({});
    firmware.config().link_speed = 4;
    firmware.config().link_fec = 2;
    firmware.config().bmc_present = false;
    sim_.card.card.link().set_cable(true, static_cast<std::uint64_t>(sim_.now.count()));
  }

  /// The port is in no transitional state.
  bool settled() {
    const PortState s = sim_.port.state();
    return s == PortState::kDetached || s == PortState::kReady || s == PortState::kRunning ||
           s == PortState::kGone || s == PortState::kFailed;
  }
  std::uint64_t state() { return static_cast<std::uint64_t>(sim_.port.state()); }

  struct Exchange {
    bool sent = false;
    bool received = false;
    bool operator==(const Exchange&) const = default;
  };
  /// Determines the directions in which frames flow. Runs a few rounds, as earlier losses may be
  /// detected now.
  Exchange exchange() {
    bool received = false;
    bool sent = false;
    for (int round = 0; round < 40 && !(received && sent); ++round) {
      const std::uint64_t before = sim_.wire.sent;
      sim_.inject(200);
      (void)sim_.send(300);
      (void)sim_.run_until([&] { return sim_.wire.sent != before; }, 2ms);
      sent = sent || sim_.wire.sent != before;
      received = sim_.receive() != 0 || received;
      if (!(received && sent)) sim_.run_until([] { return false; }, 500ms);
    }
    return {sent, received};
  }

  /// Frames flow both ways.
  void traffic() {
    const Exchange flows = exchange();
    require(flows.sent, "recovery", "nothing is sent", sim_.port.recoveries().tx_hangs);
    require(flows.received, "recovery", "nothing is received",
            sim_.port.recoveries().starvation_kicks);
  }

  /// The card loses the application's key at a reset; the last word has extra bits.
  void check_hash_key() {
    const RssKey& key = sim_.port.filter().rss_key();
    for (std::uint32_t word = 0; word + 1 < kRssKeyWords; ++word) {
      std::uint32_t expected = 0;
      for (std::uint32_t i = 0; i < 4; ++i) expected = expected << 8 | key[4 * word + i];
      const std::uint32_t held = sim_.card.card.read(spec::RPC_RSS_KEY::at(word));
      require(held == expected, "recovery", "the card hashes with another key", word, held);
    }
  }

  void detach() {
    sim_.port.detach(sim_.now);
    const bool down =
        sim_.run_until([&] { return sim_.port.state() == PortState::kDetached; }, 60s);
    require(down, "recovery", "detach does not end", state());
    require(sim_.card.dma.mappings() == 0, "conservation", "memory is still mapped",
            sim_.card.dma.mappings());
  }

  /// Units 0 to 3: an application that calls once per turn and may miss a deadline; 4 to 7: one
  /// that calls when the port requests it.
  void advance(const Op& op) {
    static constexpr std::array<Duration, 8> kUnits{10us, 1ms, 100ms, 5s, 20ms, 500ms, 2s, 10s};
    const Duration unit = kUnits[op.a % 8U];
    for (unsigned i = 0; i <= op.b % 16U; ++i) {
      if (op.a % 8U < 4) {
        sim_.advance(unit);
      } else {
        (void)sim_.run_until([] { return false; }, unit);
      }
    }
  }

  static std::size_t size_of(std::uint16_t b) {
    return std::clamp<std::size_t>(b % 9743U, NumberedFrames::kShortest, 9742);
  }

  void life(const Op& op) {
    device::Firmware& firmware = sim_.card.card.firmware();
    const auto at = static_cast<std::uint64_t>(sim_.now.count());
    const bool on = op.a % 2 != 0;
    switch (static_cast<PortOp>(op.kind)) {
      case PortOp::kStart:
        return start();
      case PortOp::kStop:
        return sim_.port.stop(sim_.now);
      case PortOp::kAttach:
        if (sim_.port.state() == PortState::kDetached) sim_.attach();
        return;
      case PortOp::kDetach:
        return sim_.port.detach(sim_.now);
      case PortOp::kGone:
        disturbed_ = true;
        sim_.hostile.gone = on;
        if (on) site_record().note(Site::kPresence, ValueClass::kMax);
        return;
      case PortOp::kFailAlloc:
        sim_.hostile.allocations_to_fail = op.a % 8U;
        sim_.hostile.allocations_before = op.b % 16U;
        return;
      case PortOp::kFailHost:
        host_memory_fails(op.a % 8U, op.b % 64U);
        return;
      case PortOp::kLoseInterrupts:
        sim_.lose_interrupts = on;
        return;
      case PortOp::kFirmwareFaults:
        disturbed_ = true;
        firmware.set_faults({.silent = (op.a & 1) != 0,
                             .no_responses = (op.a & 2) != 0,
                             .no_interrupts = (op.a & 4) != 0,
                             .fail_requests = op.b % 8U,
                             .backwards_uptime = (op.a & 8) != 0,
                             .flash_error = op.a & 16 ? -5 : 0,
                             .sensor_error = op.a & 32 ? static_cast<std::int16_t>(op.b) : 0,
                             .qsfp_error = op.a & 64 ? static_cast<std::int16_t>(op.b) : 0});
        return;
      case PortOp::kFirmwareReboot:
        disturbed_ = true;
        return firmware.reboot(at);
      case PortOp::kFirmwareAnnounce:
        return firmware.announce_capabilities(at);
      case PortOp::kFirmwareRaw: {
        std::array<std::byte, 8> bytes;
        std::memcpy(bytes.data(), &op.value, 8);
        (void)firmware.send_raw(std::span(bytes).first(op.a % 2 == 0 ? 4 : 8), at);
        return;
      }
      case PortOp::kFirmwareConfig:
        misinformed_ = true;
        firmware.config().link_speed = op.a & 7U;
        firmware.config().link_fec = op.a >> 5 & 3U;
        firmware.config().bmc_present = (op.a & 8) != 0;
        firmware.config().bmc_all_multi = (op.a & 16) != 0;
        firmware.config().bmc_macs = {{0x02, 0, 0, 0, 1, 1}};
        return;
      case PortOp::kCable:
        sim_.wire.plugged = on;
        return sim_.card.card.link().set_cable(on, at);
      case PortOp::kPause:
        sim_.wire.pausing = on;
        return;
      case PortOp::kRefuseFrames:
        sim_.wire.takes = !on;
        return;
      case PortOp::kCardReset:
        disturbed_ = true;
        sim_.card_was_reset = true;
        return sim_.card.card.reset(on ? device::ResetKind::kPower
                                       : device::ResetKind::kFunctionLevel);
      default:
        return;
    }
  }

  void request(unsigned what, std::uint16_t number) {
    auto& firmware = sim_.port.firmware();
    const Time now = sim_.now;
    switch (what) {
      case 0:
        (void)firmware.request_sensors(now);
        (void)firmware.poll_sensors();
        return;
      case 1: {
        const auto offset = static_cast<std::uint8_t>(number & 0xff);
        const auto length = static_cast<std::uint8_t>(number >> 8);
        (void)firmware.request_module_page({0, 0, offset, length}, now);
        std::array<std::byte, 64> into;
        if (const auto done = firmware.poll_module_page(into); done && *done)
          require(**done <= into.size(), "geometry", "more module bytes than room", **done);
        return;
      }
      case 2:
        (void)firmware.request_core_dump_info(number % 2 != 0, now);
        (void)firmware.poll_core_dump_info();
        return;
      case 3:
        (void)firmware.request_core_dump(std::span(dump_).first(number % (dump_.size() + 1)), now);
        (void)firmware.poll_core_dump();
        return;
      case 4:
        (void)firmware.request_flash(FlashSection{}, std::span(image_).first(number % 4096U + 1),
                                     now);
        (void)firmware.poll_flash();
        return;
      case 5:
        (void)firmware.request_self_test(now);
        (void)firmware.poll_self_test();
        return;
      case 6:
        (void)firmware.send_logs(number % 2 != 0, number % 4 > 1, now);
        return;
      default:
        (void)firmware.refresh_capabilities(now);
        return;
    }
  }

  /// Inspections while the port is attached. The register tests write to queue registers, so they
  /// run only on a port without active queues.
  void inspect(unsigned what, std::uint16_t number) {
    auto& device = sim_.port.device();
    sim_.hostile.accesses = 0;
    switch (what) {
      case 0:
        (void)sim_.port.statistics().update();
        break;
      case 1:
        (void)sim_.port.clock().read();
        break;
      case 2: {
        RegisterDump<SimPort::Io, SimPort::Obs> dump(device);
        dump.start();
        std::array<std::uint32_t, 64> words;
        for (unsigned i = 0; i <= number % 8U; ++i) (void)dump.read(words);
        break;
      }
      case 3:
        self_test(number);
        break;
      case 4:
        (void)Setup<SimPort::Io, SimPort::Obs>(device).check_otp();
        break;
      default:
        sim_.port.link().set_pause(number % 2 != 0, number % 4 > 1);
        (void)sim_.port.link().set_storm_timeout(number);
        break;
    }
    require(sim_.hostile.accesses < 20'000, "steps", "an inspection does not end",
            sim_.hostile.accesses);
  }

  void self_test(std::uint16_t number) {
    if (sim_.port.state() != PortState::kReady) return;
    auto& device = sim_.port.device();
    RegisterTest<SimPort::Io, SimPort::Obs> registers(device);
    // The test writes to the read-only ring pointers and checks that they stay zero.
    const std::uint64_t before = sim_.card.card.events().read_only_write;
    registers.start();
    (void)registers.step(number % 2048U);
    tested_read_only_ += sim_.card.card.events().read_only_write - before;
    MsixTest<SimPort::Io, SimPort::Obs> vectors(device);
    vectors.start(sim_.now, 3);
    for (int turn = 0; turn < 8 && !vectors.done(); ++turn) {
      sim_.card.card.tick(static_cast<std::uint64_t>(sim_.now.count()));
      sim_.card.vectors.take([&](Vector v) { vectors.interrupt(v); });
      (void)vectors.step(sim_.now);
      sim_.now += 10ms;
    }
    require(vectors.done(), "steps", "the vector test does not end");
  }

  /// Starts the port. In kReady it has nothing to wait for, so its deadline must be due at once.
  void start() {
    sim_.port.start(sim_.now);
    if (sim_.port.state() == PortState::kReady)
      require(sim_.port.deadline() <= sim_.now, "steps", "a start waits for something else");
  }

  /// An application that keeps retrying: repeated failures must not lead to unbounded waits.
  void insist(unsigned times) {
    for (unsigned i = 0; i <= times; ++i) {
      sim_.port.start(sim_.now);
      (void)sim_.run_until(
          [&] {
            check_pause();
            return settled();
          },
          30s);
    }
  }

  /// Checks that the time between two device resets is bounded by the longest pause.
  void check_pause() {
    if (sim_.port.state() != PortState::kResetting) return;
    require(sim_.port.deadline() <= sim_.now + SimPort::P::kLongestBackoff, "steps",
            "a card reset waits too long",
            static_cast<std::uint64_t>((sim_.port.deadline() - sim_.now).count()));
  }

  /// Invariants that hold at every moment.
  void check() {
    require(sim_.port.is_valid(), "is_valid", "port", state());
    check_pause();
    if (sim_.port.state() == PortState::kDetached) {
      require(sim_.card.dma.mappings() == 0, "conservation", "a detached port holds memory",
              sim_.card.dma.mappings());
    } else {
      require(sim_.port.queues() != 0, "conservation", "a port that is attached has no queues", 0);
      const Balance b = transmit_balance(sim_.port, 0, posted());
      require(b.holds(), "conservation", "transmit packets", b.left, b.right);
    }
    const device::CardEvents& events = sim_.card.card.events();
    // The dump reads words that have no name, as every register dump does.
    require(events.unknown_register == events.unknown_register_reads, "illegal",
            "an unknown register is written", events.last_unknown.byte_offset,
            events.last_unknown.value);
    require(events.read_only_write == tested_read_only_, "illegal",
            "a read-only register is written", events.last_read_only.byte_offset,
            events.last_read_only.value);
    using A = spec::ProtocolAction;
    for (const A action : {A::kMailboxPublishOrder, A::kMailboxInvalidateOrder, A::kMailboxFull,
                           A::kMailboxDescriptor})
      require(events.count(action) == 0, "illegal", spec::to_string(action));
    // Offloads state header positions; the driver does not check them against the packet.
    require(events.count(A::kPacketForm) == 0 || offloaded_, "illegal",
            spec::to_string(A::kPacketForm));
    if (!disturbed_ && !offloaded_ && sim_.hostile.faults == 0)
      require(events.illegal_actions() == 0, "illegal", illegal_name(events));
    if (sim_.hostile.transmit_faults == 0 && !disturbed_ && !offloaded_)
      require(sim_.wire.wrong == 0, "payload", "other bytes than the application's on the wire",
              sim_.wire.wrong);
  }

  static const char* illegal_name(const device::CardEvents& events) {
    for (std::size_t i = 0; i < events.illegal_action.size(); ++i)
      if (events.illegal_action[i] != 0) return spec::action_rules()[i].name;
    for (std::size_t i = 0; i < events.protocol.size(); ++i)
      if (events.protocol[i] != 0) return spec::to_string(static_cast<spec::ProtocolAction>(i));
    return "none";
  }

  /// Counts packets in the transmit ring; the counters are exact only while the ring is empty.
  std::uint64_t posted() {
    if (sim_.port.queues() == 0) return 0;
    const auto& tx = std::as_const(sim_.port).pair(SimPort::kQueue).tx;
    const TxCounters& c = tx.counters();
    const std::uint64_t left =
        c.packets - c.completed_packets - c.reclaimed_packets - c.invalid_packets;
    // Each packet takes at least two descriptors, or one on the plain ring, which bounds their
    // number.
    const std::uint64_t most = tx.ring(0).window.used() / 2 + tx.ring(1).window.used();
    return std::min(left, most);
  }

  SimPort sim_;
  bool disturbed_ = false;
  bool offloaded_ = false;              ///< frames on the wire may differ from those sent
  bool misinformed_ = false;            // the firmware may have named an invalid speed
  std::uint64_t tested_read_only_ = 0;  ///< writes of the register test
  std::array<std::byte, 8192> dump_{};
  std::array<std::byte, 4096> image_{};
};

void run(const std::uint8_t* data, std::size_t size) {
  // A script that begins with attach or bring_up starts from a world in which that was done.
  static RestoredWorld<Run> detached;
  static RestoredWorld<Run> attached;
  static RestoredWorld<Run> running;
  ScriptReader reader(data, size, kPortOps);
  Op first;
  const bool any = reader.next(first);
  const auto kind = static_cast<PortOp>(first.kind);
  const bool is_step = any && (kind == PortOp::kAttach || kind == PortOp::kBringUp);
  RestoredWorld<Run>& world = !is_step ? detached : kind == PortOp::kAttach ? attached : running;
  world.run(
      [&](Run& run) {
        if (is_step) run.op(first);
      },
      [&](Run& run) {
        if (any && !is_step) run.op(first);
        run_script(run, reader, 255);
        run.recover();
      });
}

}  // namespace

const Target& port_target() {
  static constexpr Target kTarget{"port",
                                  "a whole port over the emulated card: bring-up, traffic, "
                                  "teardown, and recovery from every fault",
                                  kPortOps, run, kMaxPortScriptBytes};
  return kTarget;
}

}  // namespace hni::fuzz
