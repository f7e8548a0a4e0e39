// SPDX-License-Identifier: Apache-2.0
// The emulated card against a hostile driver: registers and descriptors of any value, DMA that
// points at itself or nowhere, memory that is unmapped, resets at any time. The card must neither
// crash, nor stall, nor access unmapped memory.
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "device/card.hpp"
#include "device/dma_memory.hpp"
#include "device/link.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/run_script.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/world_arena.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/device_table.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::fuzz {
namespace {

enum class CardOp : std::uint8_t {
  kWrite,
  kWriteAt,
  kReadAt,
  kMemory,
  kDescriptors,
  kTxQueue,
  kRxQueue,
  kDoorbell,
  kMailbox,
  kGates,
  kRun,
  kTick,
  kFrame,
  kUnmap,
  kReset,
  kCable,
};

constexpr auto kOps = std::to_array<OpInfo>({
    {"write", ArgKind::kNumber, "element", "register", 1, "a register of the spec, by its number"},
    {"write_at", ArgKind::kNumber, "page", "word", 1, "any word of BAR0"},
    {"read_at", ArgKind::kNumber, "page", "word", 0, ""},
    {"memory", ArgKind::kNumber, "page", "word", 2, "a 64-bit word of host memory"},
    {"descriptors", ArgKind::kNumber, "page", "count", 2, "the same word many times"},
    {"tx_queue", ArgKind::kNumber, "queue", "pages", 0,
     "a transmit queue in host memory, enabled"},
    {"rx_queue", ArgKind::kNumber, "queue", "pages", 0, "a receive queue in host memory, enabled"},
    {"doorbell", ArgKind::kNumber, "queue", "value", 0, "of all its rings"},
    {"mailbox", ArgKind::kNumber, "descriptor", "half", 1, "a word of the mailbox"},
    {"gates", ArgKind::kNumber, "open", "", 0, "bus mastering of both directions"},
    {"run", ArgKind::kNumber, "turns", "", 0, ""},
    {"tick", ArgKind::kNumber, "unit", "count", 0, "time: 1 us, 1 ms or 1 s"},
    {"frame", ArgKind::kNumber, "kind", "bytes", 2, "from the wire"},
    {"unmap", ArgKind::kNumber, "page", "", 0, "host memory is unmapped"},
    {"reset", ArgKind::kNumber, "power", "", 0, ""},
    {"cable", ArgKind::kNumber, "plugged", "", 0, ""},
});

class Ears final : public device::InterruptSink {
 public:
  void msix(std::uint16_t) override { ++count; }
  std::uint64_t count = 0;
};

class EndlessWire final : public device::Wire {
 public:
  bool transmit(std::span<const std::byte> frame, std::uint64_t) override {
    require(!frame.empty() && frame.size() <= 16384, "geometry", "a frame of no size",
            frame.size());
    ++sent;
    return sent % 5 != 0;
  }
  void set_pause(bool) override {}
  bool peer_pause() const override { return false; }
  bool link() const override { return true; }
  unsigned poll(device::FrameSink&, std::uint64_t, unsigned) override { return 0; }
  std::uint64_t sent = 0;
};

class Run {
 public:
  static constexpr std::uint32_t kPages = 16;
  static constexpr std::uint64_t kBase = 0x1'0000'0000;

  Run() : memory_(new std::uint64_t[kPages * kWords]()), card_({}, dma_, ears_, wire_) {
    for (std::uint32_t page = 0; page < kPages; ++page)
      (void)dma_.map({kBase + page * 4096ULL, 4096,
                      reinterpret_cast<std::byte*>(memory_.get() + page * kWords)});
  }

  void op(const Op& op) {
    const auto value = static_cast<std::uint32_t>(op.value);
    switch (static_cast<CardOp>(op.kind)) {
      case CardOp::kWrite:
        return write_register(op.b, op.a, value);
      case CardOp::kWriteAt:
        return card_.write(spec::Bar::kBar0, offset_of(op), value);
      case CardOp::kReadAt:
        return static_cast<void>(card_.read(spec::Bar::kBar0, offset_of(op)));
      case CardOp::kMemory:
        memory_[op.a % kPages * kWords + op.b % kWords] = op.value;
        return;
      case CardOp::kDescriptors:
        for (std::uint32_t i = 0; i < op.b % 513U; ++i)
          memory_[(op.a % kPages * kWords + i) % (kPages * kWords)] = op.value;
        return;
      case CardOp::kTxQueue:
        return tx_queue(op.a % 4U, op.b);
      case CardOp::kRxQueue:
        return rx_queue(op.a % 4U, op.b);
      case CardOp::kDoorbell:
        return doorbell(op.a % 4U, op.b);
      case CardOp::kMailbox:
        return card_.write(op.b % 2 == 0 ? spec::MBX_DESC_LO::at(op.a / 16 % 2U, op.a % 16U)
                                         : spec::MBX_DESC_HI::at(op.a / 16 % 2U, op.a % 16U),
                           value);
      case CardOp::kGates:
        card_.write(spec::PUL_OB_TLP_HDR_AW_CFG::at(),
                    spec::PUL_OB_TLP_HDR_AW_CFG{}.set_BME(op.a & 1).raw);
        card_.write(spec::PUL_OB_TLP_HDR_AR_CFG::at(),
                    spec::PUL_OB_TLP_HDR_AR_CFG{}.set_BME(op.a >> 1 & 1).raw);
        return;
      default:
        world(op);
        return;
    }
  }

  /// Checks that the card becomes idle within bounded work.
  void end() {
    std::uint32_t turns = 0;
    while (card_.run(256)) {
      ++turns;
      require(turns < 20'000, "steps", "the card does not become idle", turns);
    }
    const auto held = card_.occupancy();
    require(held.rx_bytes_held < 16U << 20, "geometry", "more frames than the card has room for",
            held.rx_bytes_held);
  }

 private:
  static constexpr std::uint32_t kWords = 512;

  static std::uint32_t offset_of(const Op& op) {
    return (std::uint32_t{op.a} << 12 | (op.b & 0xfffU)) & 0x3ffffU;
  }

  void write_register(std::uint16_t number, std::uint8_t element, std::uint32_t value) {
    const auto all = spec::registers();
    const spec::RegInfo& reg = all[number % all.size()];
    std::uint32_t offset = reg.byte_offset;
    for (unsigned d = 0; d < reg.dim_count; ++d)
      offset += element % reg.dims[d].count * reg.dims[d].stride_bytes;
    card_.write(reg.bar, offset, value);
  }

  template <class Lo, class Hi>
  void base(std::uint32_t queue, std::uint32_t page) {
    const std::uint64_t iova = kBase + page % (kPages + 1) * 4096ULL;
    card_.write(Lo::at(queue), static_cast<std::uint32_t>(iova));
    card_.write(Hi::at(queue), static_cast<std::uint32_t>(iova >> 32));
  }

  /// `pages`: four bits per ring; two rings may share a page.
  void tx_queue(std::uint32_t queue, std::uint16_t pages) {
    card_.write(spec::QUEUE_TWQ0_CTL::at(queue), 1);
    card_.write(spec::QUEUE_TWQ1_CTL::at(queue), 1);
    card_.write(spec::QUEUE_TCQ_CTL::at(queue), 1);
    base<spec::QUEUE_TWQ0_BAL, spec::QUEUE_TWQ0_BAH>(queue, pages & 15U);
    base<spec::QUEUE_TWQ1_BAL, spec::QUEUE_TWQ1_BAH>(queue, pages >> 4 & 15U);
    base<spec::QUEUE_TCQ_BAL, spec::QUEUE_TCQ_BAH>(queue, pages >> 8 & 15U);
    card_.write(spec::QUEUE_TWQ0_SIZE::at(queue), 64);
    card_.write(spec::QUEUE_TWQ1_SIZE::at(queue), 64);
    card_.write(spec::QUEUE_TCQ_SIZE::at(queue), 64);
    card_.write(spec::QUEUE_TWQ0_CTL::at(queue), 2);
    card_.write(spec::QUEUE_TWQ1_CTL::at(queue), 2);
    card_.write(spec::QUEUE_TCQ_CTL::at(queue), 2);
  }
  void rx_queue(std::uint32_t queue, std::uint16_t pages) {
    card_.write(spec::QUEUE_RCQ_CTL::at(queue), 1);
    card_.write(spec::QUEUE_BDQ_CTL::at(queue), 1);
    base<spec::QUEUE_BDQ_HPQ_BAL, spec::QUEUE_BDQ_HPQ_BAH>(queue, pages & 15U);
    base<spec::QUEUE_BDQ_PPQ_BAL, spec::QUEUE_BDQ_PPQ_BAH>(queue, pages >> 4 & 15U);
    base<spec::QUEUE_RCQ_BAL, spec::QUEUE_RCQ_BAH>(queue, pages >> 8 & 15U);
    card_.write(spec::QUEUE_BDQ_HPQ_SIZE::at(queue), 64);
    card_.write(spec::QUEUE_BDQ_PPQ_SIZE::at(queue), 64);
    card_.write(spec::QUEUE_RCQ_SIZE::at(queue), 64);
    card_.write(spec::QUEUE_RCQ_CTL::at(queue), 2);
    card_.write(spec::QUEUE_BDQ_CTL::at(queue), pages >> 12 & 1 ? 0x40000002U : 2U);
  }
  void doorbell(std::uint32_t queue, std::uint32_t value) {
    card_.write(spec::QUEUE_TWQ0_TAIL::at(queue), value);
    card_.write(spec::QUEUE_TWQ1_TAIL::at(queue), value >> 4);
    card_.write(spec::QUEUE_TCQ_HEAD::at(queue), value);
    card_.write(spec::QUEUE_BDQ_HPQ_TAIL::at(queue), value);
    card_.write(spec::QUEUE_BDQ_PPQ_TAIL::at(queue), value >> 4);
    card_.write(spec::QUEUE_RCQ_HEAD::at(queue), value);
  }

  void world(const Op& op) {
    switch (static_cast<CardOp>(op.kind)) {
      case CardOp::kRun:
        for (unsigned i = 0; i <= op.a % 16U; ++i) (void)card_.run(256);
        return;
      case CardOp::kTick: {
        static constexpr std::array<std::uint64_t, 4> kUnits{1'000, 1'000'000, 1'000'000'000, 7};
        now_ += kUnits[op.a % 4U] * (op.b % 64U + 1);
        return card_.tick(now_);
      }
      case CardOp::kFrame:
        return frame(op);
      case CardOp::kUnmap:
        return static_cast<void>(dma_.unmap(kBase + op.a % kPages * 4096ULL, 4096));
      case CardOp::kReset:
        return card_.reset(op.a % 2 == 0 ? device::ResetKind::kFunctionLevel
                                         : device::ResetKind::kPower);
      case CardOp::kCable:
        return card_.link().set_cable(op.a % 2 != 0, now_);
      default:
        return;
    }
  }

  /// Kind: 0 any, 1 IPv4, 2 IPv6, 3 VLAN; the value fills the frame.
  void frame(const Op& op) {
    static constexpr std::array<std::uint16_t, 4> kTypes{0, 0x0800, 0x86dd, 0x8100};
    frame_.resize(op.b % 9800U);
    for (std::size_t i = 0; i < frame_.size(); ++i)
      frame_[i] = static_cast<std::byte>(op.value >> (8 * (i % 8)) & 0xff);
    if (op.a % 4U != 0 && frame_.size() > 34) {
      frame_[12] = static_cast<std::byte>(kTypes[op.a % 4U] >> 8);
      frame_[13] = static_cast<std::byte>(kTypes[op.a % 4U] & 0xff);
      frame_[14] = std::byte{op.a % 4U == 1 ? std::uint8_t{0x45} : std::uint8_t{0x60}};
      frame_[23] = std::byte{op.a & 8 ? std::uint8_t{17} : std::uint8_t{6}};
    }
    (void)card_.receive(frame_, now_);
    ++work().events;
  }

  std::unique_ptr<std::uint64_t[]> memory_;
  device::DmaMemory dma_;
  Ears ears_;
  EndlessWire wire_;
  device::Card card_;
  std::uint64_t now_ = 1;
  std::vector<std::byte> frame_;
};

void run(const std::uint8_t* data, std::size_t size) {
  static RestoredWorld<Run> world;
  world.run([](Run&) {},
            [&](Run& run) {
              run_script(run, data, size, kOps, 512);
              run.end();
            });
}

}  // namespace

const Target& card_target() {
  static constexpr Target kTarget{"card", "the emulated card against a hostile driver", kOps, run,
                                  4096};
  return kTarget;
}

}  // namespace hni::fuzz
