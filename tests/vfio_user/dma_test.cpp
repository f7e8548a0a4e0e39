// SPDX-License-Identifier: Apache-2.0
// Client memory without a file descriptor: the card accesses it by messages, and a client that
// replies incorrectly is closed. Replies are queued before they are requested, as message ids
// count from 1.
#include "openhni/spec/registers.hpp"
#include "tests/vfio_user/vfio_user_fixture.hpp"

namespace hni::device::vfio_user {
namespace {

constexpr std::uint64_t kWindow = 0x10000;

class VfioUserDma : public VfioUserTest {
 protected:
  void start_with_window(std::uint32_t flags = 3) {
    start();
    EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
    EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, flags, 0, kWindow, 0x2000})));
  }
  static Bytes answer(std::uint16_t id, Command command, const Bytes& payload,
                      std::uint32_t flags = Header::kReply) {
    return message(static_cast<std::uint16_t>(command), payload, flags, id);
  }
  static Bytes data(std::uint16_t id, std::uint64_t address, const Bytes& bytes) {
    return answer(id, Command::kDmaRead, join(DmaAccess{address, bytes.size()}) + bytes);
  }
  /// The card's view of eight bytes of the window; nothing if the card has no access.
  std::optional<std::uint64_t> card_reads(std::uint64_t address) {
    const std::byte* const at = server_->dma().at(address, 8, Access::kRead);
    if (at == nullptr) return std::nullopt;
    return load<std::uint64_t>(std::span(at, 8));
  }
  void expect_request(Command command, const Bytes& payload) {
    const auto request = take();
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(static_cast<std::uint16_t>(command), request->header.command);
    EXPECT_EQ(0u, request->header.flags);
    EXPECT_EQ(payload, request->payload);
  }
};

TEST_F(VfioUserDma, AReadIsARequestToTheClient) {
  start_with_window();
  put(data(1, kWindow + 16, join(std::uint64_t{0x1122334455667788})));
  EXPECT_EQ(0x1122334455667788u, card_reads(kWindow + 16));
  expect_request(Command::kDmaRead, join(DmaAccess{kWindow + 16, 8}));
  EXPECT_EQ(1u, server_->dma_messages().reads);
  EXPECT_EQ(0u, server_->dma().refused());
}

TEST_F(VfioUserDma, AWriteChangesWhatTheCardWroteAndNothingElse) {
  start_with_window();
  put(data(1, kWindow, Bytes(64)));
  std::byte* const at = server_->dma().at(kWindow, 64, Access::kWrite);
  ASSERT_NE(nullptr, at);
  at[20] = std::byte{7};
  put(answer(2, Command::kDmaWrite, join(DmaAccess{kWindow + 16, 8})));
  server_->publish();
  expect_request(Command::kDmaRead, join(DmaAccess{kWindow, 64}));
  expect_request(Command::kDmaWrite, join(DmaAccess{kWindow + 16, 8}, std::uint64_t{7} << 32));
  server_->publish();
  EXPECT_EQ(std::nullopt, take());
}

TEST_F(VfioUserDma, WhatTheCardWroteIsReadBackBeforeItIsPublished) {
  start_with_window();
  put(data(1, kWindow, Bytes(8)));
  *server_->dma().at(kWindow, 8, Access::kWrite) = std::byte{9};
  put(data(2, kWindow, Bytes(8)));
  EXPECT_EQ(9u, card_reads(kWindow));
}

TEST_F(VfioUserDma, FirmwareMessagesPassThroughIt) {
  start_with_window();
  using spec::MBX_DESC_HI;
  using spec::MBX_DESC_LO;
  const auto at = [](spec::RegAddr reg) { return reg.byte_offset; };
  EXPECT_EQ(0, write32(0, at(spec::PUL_OB_TLP_HDR_AW_CFG::at()),
                       spec::PUL_OB_TLP_HDR_AW_CFG{}.set_BME(1).raw));
  EXPECT_EQ(0, write32(0, at(spec::PUL_OB_TLP_HDR_AR_CFG::at()),
                       spec::PUL_OB_TLP_HDR_AR_CFG{}.set_BME(1).raw));
  EXPECT_EQ(0, write32(4, at(MBX_DESC_HI::at(0, 0)), 4096u << 16 | 1u << 14));
  EXPECT_EQ(0, write32(4, at(MBX_DESC_LO::at(0, 0)), kWindow + 0x1001));
  EXPECT_EQ(0, write32(4, at(MBX_DESC_HI::at(1, 0)), 4u << 16 | 1u << 14));
  put(message(Command::kRegionWrite, join(RegionAccess{at(MBX_DESC_LO::at(1, 0)), 4, 4},
                                          static_cast<std::uint32_t>(kWindow + 1))));
  put(data(1, kWindow, join(std::uint32_t{0x00018014})));  // HEARTBEAT_REQ
  put(data(2, kWindow + 0x1000, Bytes(16)));
  put(answer(3, Command::kDmaWrite, {}));
  work();
  const auto done = take();
  ASSERT_TRUE(done.has_value()) << "before the write is done";
  EXPECT_EQ(Header::kReply, done->header.flags);
  expect_request(Command::kDmaRead, join(DmaAccess{kWindow, 4}));
  expect_request(Command::kDmaRead, join(DmaAccess{kWindow + 0x1000, 16}));
  const auto written = take();
  ASSERT_TRUE(written.has_value());
  EXPECT_EQ(static_cast<std::uint16_t>(Command::kDmaWrite), written->header.command);
  EXPECT_EQ(0x00048015u,
            load<std::uint32_t>(std::span(written->payload).subspan(sizeof(DmaAccess))));
  EXPECT_EQ(kWindow + 3, read32(4, at(MBX_DESC_LO::at(1, 0))));
}

TEST_F(VfioUserDma, RequestsOfTheClientAreDeferredAndAnsweredInOrder) {
  start_with_window();
  put(message(static_cast<std::uint16_t>(Command::kGetInfo), join(DeviceInfo{}), 0, 21));
  put(message(static_cast<std::uint16_t>(Command::kGetIrqInfo), join(IrqInfo{16, 0, 2, 0}), 0,
              22));
  put(data(1, kWindow, join(std::uint64_t{5})));
  EXPECT_EQ(5u, card_reads(kWindow));
  EXPECT_TRUE(server_->wants_turn());
  EXPECT_EQ(2u, server_->dma_messages().held);
  work();
  EXPECT_FALSE(server_->wants_turn());
  expect_request(Command::kDmaRead, join(DmaAccess{kWindow, 8}));
  EXPECT_EQ(21u, take()->header.id);
  EXPECT_EQ(22u, take()->header.id);
}

/// As QEMU does: it replies to no DMA message while it waits for a register access.
TEST_F(VfioUserDma, RegisterAccessesAreAnsweredWhileTheCardWaits) {
  start_with_window();
  const auto write = [](std::uint32_t value) {
    return message(Command::kRegionWrite, join(RegionAccess{0x18000, 4, 4}, value));
  };
  const Bytes read = message(Command::kRegionRead, join(RegionAccess{0x18000, 4, 4}));
  put(read);
  put(write(0x80));
  put(read);
  put(data(1, kWindow, join(std::uint64_t{5})));
  EXPECT_EQ(5u, card_reads(kWindow));
  expect_request(Command::kDmaRead, join(DmaAccess{kWindow, 8}));
  EXPECT_EQ(join(RegionAccess{0x18000, 4, 4}, 0u), take()->payload);
  EXPECT_EQ(join(RegionAccess{0x18000, 4, 4}), take()->payload) << "acknowledged";
  EXPECT_EQ(std::nullopt, take());
  EXPECT_EQ(2u, server_->dma_messages().held);
  work();
  EXPECT_EQ(join(RegionAccess{0x18000, 4, 4}, 0x80u), take()->payload) << "after the write";
  EXPECT_EQ(std::nullopt, take());
}

TEST_F(VfioUserDma, LongDataIsSplitToTheClientsLimit) {
  client_ = connect();
  (void)ask(Command::kVersion,
            join(Version{0, 1}) + text(R"({"capabilities":{"max_data_xfer_size":1024}})"));
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, kWindow, 0x2000})));
  for (std::uint16_t id = 1; id <= 4; ++id) put(data(id, kWindow + (id - 1) * 1024u, Bytes(1024)));
  EXPECT_NE(nullptr, server_->dma().at(kWindow, 4096, Access::kRead));
  EXPECT_EQ(4u, server_->dma_messages().reads);
}

TEST_F(VfioUserDma, ARefusalByTheClientIsADmaFault) {
  start_with_window();
  put(answer(1, Command::kDmaRead, {}, Header::kReply | Header::kError));
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  EXPECT_EQ(1u, server_->dma().refused());
  EXPECT_EQ(1u, server_->dma_messages().refused);
  (void)take();
  EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
}

TEST_F(VfioUserDma, MemoryThatIsOnlyReadIsNotWritten) {
  start_with_window(1);
  EXPECT_EQ(nullptr, server_->dma().at(kWindow, 8, Access::kWrite));
  EXPECT_EQ(0u, server_->dma_messages().reads);
}

TEST_F(VfioUserDma, UnmappedMemoryIsNotRequested) {
  start_with_window();
  EXPECT_EQ(0, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, kWindow, 0x2000})));
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  EXPECT_EQ(0u, server_->dma_messages().reads);
}

// ---- Hostile clients

TEST_F(VfioUserDma, AnAnswerOfAnotherLengthClosesTheClient) {
  for (const std::size_t bytes : {0u, 7u, 9u, 4096u}) {
    start_with_window();
    put(answer(1, Command::kDmaRead, join(DmaAccess{kWindow, bytes}) + Bytes(bytes)));
    EXPECT_EQ(std::nullopt, card_reads(kWindow));
    EXPECT_TRUE(server_->wants_turn());
    expect_closed("a reply of invalid length to a DMA read");
    client_.reset();
    work();
  }
}

TEST_F(VfioUserDma, AReplyWithoutARequestClosesTheClient) {
  start_with_window();
  put(data(77, kWindow, Bytes(8)));
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  expect_closed("an unexpected reply");
}

TEST_F(VfioUserDma, AnAnswerToAnotherCommandClosesTheClient) {
  start_with_window();
  put(answer(1, Command::kDmaWrite, join(DmaAccess{kWindow, 8}) + Bytes(8)));
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  expect_closed("an answer to another command");
}

TEST_F(VfioUserDma, AnUnexpectedReplyClosesTheClient) {
  start_with_window();
  put(data(1, kWindow, Bytes(8)));
  expect_closed("a reply to nothing");
}

TEST_F(VfioUserDma, ASilentClientIsClosedOnceAfterTheTimeout) {
  start_with_window();
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  EXPECT_TRUE(server_->wants_turn());
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  (void)take();
  EXPECT_EQ(std::nullopt, take()) << "asked again";
  expect_closed("no answer to a DMA message");
}

TEST_F(VfioUserDma, TheLoopEndsAWaitWithoutBlamingTheClient) {
  struct Ending final : LoopHooks {
    std::optional<WaitEnd> wait(int /*fd*/, short /*events*/,
                                std::chrono::milliseconds patience) override {
      EXPECT_LE(patience, DmaMessages::kAnswerTime);
      ++waits;
      return WaitEnd{"the server ends", false};
    }
    int waits = 0;
  } hooks;
  start_with_window();
  server_->set_hooks(hooks);
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  EXPECT_EQ(1, hooks.waits);
  work();
  EXPECT_EQ("client left: the server ends", reports_.back());
  EXPECT_EQ(0u, server_->counters().breaches);
  server_->set_hooks(LoopHooks::none());
}

TEST_F(VfioUserDma, AClientThatSendsRequestsInsteadOfRepliesIsClosed) {
  start_with_window();
  for (std::size_t i = 0; i <= DmaMessages::kMaxHeld; ++i)
    put(message(Command::kGetInfo, join(DeviceInfo{})));
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  expect_closed("more questions than the card can hold, and no answer");
}

TEST_F(VfioUserDma, AClientThatDiesInsteadOfReplyingIsDisconnected) {
  start_with_window();
  client_.reset();
  EXPECT_EQ(std::nullopt, card_reads(kWindow));
  work();
  EXPECT_EQ(0u, reports_.back().find("client left: ")) << reports_.back();
  EXPECT_EQ(0u, server_->dma().mappings());
  start();
  EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
}

}  // namespace
}  // namespace hni::device::vfio_user
