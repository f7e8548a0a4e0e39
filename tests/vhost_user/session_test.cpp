// SPDX-License-Identifier: Apache-2.0
// A well-behaved front-end: features, configuration, registers, interrupts, reset.
#include "openhni/spec/registers.hpp"
#include "tests/vhost_user/front_end.hpp"

namespace hni::device::vhost_user {
namespace {

constexpr std::uint32_t kInterruptEntry = 16;  // of vector 1 in BAR2

TEST_F(VhostUserTest, FeaturesAndQueuesAreWhatUserModeLinuxNeeds) {
  connect();
  EXPECT_EQ(1ull << 30 | 1ull << 32, ask(Request::kGetFeatures)->number());
  EXPECT_EQ(1u | 1u << 3 | 1u << 5 | 1u << 14, ask(Request::kGetProtocolFeatures)->number());
  EXPECT_EQ(2u, ask(Request::kGetQueueNum)->number());
}

TEST_F(VhostUserTest, AcknowledgementsComeAfterReplyAckIsNegotiated) {
  connect();
  EXPECT_FALSE(ask(Request::kSetOwner));
  EXPECT_EQ(0u, status(Request::kSetProtocolFeatures, join(kProtocolFeatures)));
  EXPECT_EQ(0u, status(Request::kSetOwner));
}

TEST_F(VhostUserTest, AMemoryTableMayHaveRoomForMoreRegions) {
  start();
  EXPECT_EQ(0u, status(Request::kSetMemTable,
                       join(MemTable{1, 0}, MemRegion{kGuest, kMemory, kUser, 0}, MemRegion{}),
                       {file_.get()}));
  EXPECT_EQ(1u, server_->memory().windows());
}

TEST_F(VhostUserTest, ConfigurationSpaceNamesTheCard) {
  start();
  EXPECT_EQ(0x00131d9bu, read<std::uint32_t>(PciOp::kConfigRead, 0, 0));
  EXPECT_EQ(0x1d9b, read<std::uint16_t>(PciOp::kConfigRead, 0, 0x2c));
  EXPECT_EQ(0x04, read<std::uint8_t>(PciOp::kConfigRead, 0, 0x10));
  EXPECT_EQ(0u, server_->pci_counters().refused);
}

TEST_F(VhostUserTest, RegistersAreReadAndWrittenInBothBars) {
  start();
  write(PciOp::kMmioWrite, 4, 0x18000 + 8 * 5, std::uint32_t{0xabcdef01});
  EXPECT_EQ(0xabcdef01u, read<std::uint32_t>(PciOp::kMmioRead, 4, 0x18000 + 8 * 5));
  EXPECT_EQ(server_->card().read({spec::Bar::kBar0, 0x44054}),
            read<std::uint32_t>(PciOp::kMmioRead, 0, 0x44054));
}

TEST_F(VhostUserTest, AMemsetWritesEachRegister) {
  start();
  (void)command(PciOp::kMmioMemset, 4, 0x18000, join(std::uint8_t{0x5a}), 0, 8);
  EXPECT_EQ(0x5a5a5a5a'5a5a5a5aull, read<std::uint64_t>(PciOp::kMmioRead, 4, 0x18000));
}

TEST_F(VhostUserTest, AnInvalidReadReturnsAllOnes) {
  start();
  EXPECT_EQ(0xffffffffu, read<std::uint32_t>(PciOp::kConfigRead, 0, 4096));
  EXPECT_EQ(0xffffffffu, read<std::uint32_t>(PciOp::kMmioRead, 3, 0));
  EXPECT_EQ(0xffffffffu, read<std::uint32_t>(PciOp::kMmioRead, 4, 128 << 10));
  EXPECT_EQ(0xffffffffu, read<std::uint32_t>(static_cast<PciOp>(9), 4, 0));
  // A length that exceeds the space, and the largest address.
  EXPECT_EQ(Bytes(4, std::byte{0xff}), command(PciOp::kMmioRead, 4, 0, {}, 4, 8));
  EXPECT_EQ(0xffffffffu, read<std::uint32_t>(PciOp::kMmioRead, 4, ~0ull - 1));
  EXPECT_EQ(6u, server_->pci_counters().refused);
  EXPECT_GE(server_->client(), 0);
}

TEST_F(VhostUserTest, AResponseIsSpreadOverItsDescriptors) {
  start();
  write(PciOp::kMmioWrite, 4, 0x18000, std::uint32_t{0x44332211});
  const Bytes out = join(PciCommand{3, 4, 0, 4, 0x18000});
  std::memcpy(memory_ + kOut, out.data(), out.size());
  describe(0, 3, {kGuest + kOut, 10, 1, 7});
  describe(0, 7, {kGuest + kOut + 10, 6, 1, 2});
  describe(0, 2, {kGuest + kIn, 1, 3, 9});
  describe(0, 9, {kGuest + kIn + 100, 3, 2, 0});
  offer(0, 3);
  EXPECT_EQ(0u, kick(0));
  EXPECT_EQ(0x11, peek<std::uint8_t>(kIn));
  EXPECT_EQ(0x3322, peek<std::uint16_t>(kIn + 100));
  EXPECT_EQ(0x44, peek<std::uint8_t>(kIn + 102));
  EXPECT_EQ((VringState{3, 4}.index), peek<std::uint32_t>(ring(0, 2) + 4 + 8));
  EXPECT_EQ(4u, peek<std::uint32_t>(ring(0, 2) + 4 + 12));
}

TEST_F(VhostUserTest, PostedWritesAreAnnouncedTogetherAndReadsNotAtAll) {
  start();
  for (std::uint32_t i = 0; i < 7; ++i) write(PciOp::kMmioWrite, 4, 0x18000, i);
  EXPECT_TRUE(notifications().empty());
  write(PciOp::kMmioWrite, 4, 0x18000, std::uint32_t{8});
  EXPECT_EQ(std::vector<std::uint32_t>{kCommandQueue}, notifications());
  for (std::uint32_t i = 0; i < 20; ++i) (void)read<std::uint32_t>(PciOp::kMmioRead, 4, 0x18000);
  EXPECT_TRUE(notifications().empty());
  // The driver may suppress notifications.
  poke(ring(0, 1), std::uint16_t{1});
  for (std::uint32_t i = 0; i < 8; ++i) write(PciOp::kMmioWrite, 4, 0x18000, i);
  EXPECT_TRUE(notifications().empty());
}

class VhostUserInterruptTest : public VhostUserTest {
 protected:
  /// Enables MSI-X and vector 1 with `data`, `masked` or not, and posts one buffer for a message.
  void prepare(bool masked, bool buffer = true) {
    start();
    write(PciOp::kConfigWrite, 0, 0x52, std::uint16_t{0x8000});
    write(PciOp::kMmioWrite, 2, kInterruptEntry, std::uint64_t{0xfee00000});
    write(PciOp::kMmioWrite, 2, kInterruptEntry + 8, std::uint32_t{77});
    write(PciOp::kMmioWrite, 2, kInterruptEntry + 12, std::uint32_t{masked});
    if (buffer) add_buffer();
    (void)notifications();
  }
  void add_buffer() {
    describe(1, 5, {kGuest + 0x30000, 20, 2, 0});
    offer(1, 5);
    EXPECT_EQ(0u, kick(1));
  }
  void fire() {
    server_->card().write(spec::INTR_MASK_CLEAR::at(0), 2);
    server_->card().write(spec::INTR_SET::at(0), 2);
    server_->publish();
  }
  void expect_message() {
    EXPECT_EQ(1, used(1));
    const auto message = peek<PciCommand>(0x30000);
    EXPECT_EQ(static_cast<std::uint8_t>(PciOp::kMsi), message.op);
    EXPECT_EQ(4u, message.bytes);
    EXPECT_EQ(0xfee00000u, message.address);
    EXPECT_EQ(77u, peek<std::uint32_t>(0x30000 + 16));
    EXPECT_EQ(std::vector<std::uint32_t>{kInterruptQueue}, notifications());
  }
};

TEST_F(VhostUserInterruptTest, AVectorIsAMessageWithTheDataOfItsEntry) {
  prepare(false);
  fire();
  expect_message();
  EXPECT_EQ(1u, server_->msix().sent());
}

TEST_F(VhostUserInterruptTest, AMaskedVectorStaysPendingUntilItIsUnmasked) {
  prepare(true);
  fire();
  EXPECT_EQ(0, used(1));
  EXPECT_EQ(2u, read<std::uint32_t>(PciOp::kMmioRead, 2, 4096));
  write(PciOp::kMmioWrite, 2, kInterruptEntry + 12, std::uint32_t{0});
  expect_message();
  EXPECT_EQ(0u, read<std::uint32_t>(PciOp::kMmioRead, 2, 4096));
}

TEST_F(VhostUserInterruptTest, AMaskedFunctionKeepsItPending) {
  prepare(false);
  write(PciOp::kConfigWrite, 0, 0x52, std::uint16_t{0xc000});
  fire();
  EXPECT_EQ(0, used(1));
  write(PciOp::kConfigWrite, 0, 0x52, std::uint16_t{0x8000});
  expect_message();
}

TEST_F(VhostUserInterruptTest, WithoutABufferItWaitsForOne) {
  prepare(false, false);
  fire();
  EXPECT_EQ(0, used(1));
  add_buffer();
  expect_message();
}

TEST_F(VhostUserInterruptTest, WithoutMsixTheMessageIsLost) {
  prepare(false);
  write(PciOp::kConfigWrite, 0, 0x52, std::uint16_t{0});
  fire();
  EXPECT_EQ(0, used(1));
  EXPECT_EQ(1u, server_->msix().dropped());
}

TEST_F(VhostUserInterruptTest, AFunctionLevelResetMasksAllVectors) {
  prepare(false);
  write(PciOp::kConfigWrite, 0, 0x68, std::uint16_t{0xa830});
  EXPECT_EQ(1u, server_->pci_counters().resets);
  EXPECT_EQ(1u, read<std::uint32_t>(PciOp::kMmioRead, 2, kInterruptEntry + 12));
  EXPECT_EQ(0, read<std::uint16_t>(PciOp::kConfigRead, 0, 0x52) & 0x8000);
}

TEST_F(VhostUserTest, InStepTheCardWorksBeforeAKickIsAcknowledged) {
  start();
  int worked = 0;
  server_->keep_in_step({[&] { ++worked; }, [](int) { return false; }, [] { return false; }});
  write(PciOp::kMmioWrite, 4, 0x18000, std::uint32_t{1});
  (void)read<std::uint32_t>(PciOp::kMmioRead, 4, 0x18000);
  EXPECT_EQ(2, worked);
}

TEST_F(VhostUserInterruptTest, InStepAnInterruptWaitsUntilTheFrontEndDoes) {
  prepare(false);
  bool waits = false;
  server_->keep_in_step({[] {}, [](int) { return false; }, [&] { return waits; }});
  fire();
  EXPECT_EQ(0, used(1));
  EXPECT_TRUE(server_->has_interrupts());
  waits = true;
  server_->publish();
  EXPECT_EQ(1, used(1));
}

TEST_F(VhostUserTest, TheNextFrontEndFindsAResetFunction) {
  start();
  write(PciOp::kConfigWrite, 0, 4, std::uint16_t{6});
  socket_.reset();
  work();
  EXPECT_EQ("front-end left: closed by the front-end", log_.back());
  EXPECT_EQ(0u, server_->memory().windows());
  for (std::uint64_t i = 0; i < kMemory; ++i) memory_[i] = std::byte{0};
  start();
  EXPECT_EQ(0, read<std::uint16_t>(PciOp::kConfigRead, 0, 4) & 6);
}

TEST_F(VhostUserTest, ASecondFrontEndIsRefused) {
  start();
  const OwnedFd first = std::move(socket_);
  connect();
  EXPECT_EQ(1u, server_->counters().turned_away);
}

}  // namespace
}  // namespace hni::device::vhost_user
