// SPDX-License-Identifier: Apache-2.0
// A well-behaved client: versions, information, registers, memory, interrupts, reset.
#include <nlohmann/json.hpp>

#include "openhni/spec/registers.hpp"
#include "tests/vfio_user/vfio_user_fixture.hpp"

namespace hni::device::vfio_user {
namespace {

constexpr std::uint32_t kBar0 = 0;
constexpr std::uint32_t kBar4 = 4;
constexpr std::uint32_t kSpare0 = 0x3106c;

TEST_F(VfioUserTest, VersionAnswersASubsetOfWhatWasProposed) {
  client_ = connect();
  const auto answer = ask(Command::kVersion, kVersion01);
  ASSERT_TRUE(answer);
  EXPECT_EQ(7, answer->header.id);
  EXPECT_EQ(Header::kReply, answer->header.flags);
  EXPECT_EQ(0, answer->as<Version>().major);
  EXPECT_EQ(1, answer->as<Version>().minor);
  const auto said = nlohmann::json::parse(reinterpret_cast<const char*>(answer->payload.data()) +
                                          sizeof(Version));
  EXPECT_EQ((nlohmann::json{
                {"capabilities",
                 {{"max_msg_fds", 16}, {"max_data_xfer_size", 65536}, {"write_multiple", true}}}}),
            said);
}

TEST_F(VfioUserTest, AnOlderMinorVersionIsAccepted) {
  client_ = connect();
  const auto answer = ask(Command::kVersion, join(Version{0, 0}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(0, answer->as<Version>().minor);
}

TEST_F(VfioUserTest, InformationDescribesAPciDeviceWithThreeBars) {
  start();
  const auto info = ask(Command::kGetInfo, join(DeviceInfo{16, 0, 0, 0}))->as<DeviceInfo>();
  EXPECT_EQ(3u, info.flags);
  EXPECT_EQ(9u, info.regions);
  EXPECT_EQ(5u, info.irqs);
  const std::uint64_t sizes[9] = {2 << 20, 0, 8192, 0, 128 << 10, 0, 0, 4096, 0};
  for (std::uint32_t i = 0; i < 9; ++i) {
    const auto region =
        ask(Command::kGetRegionInfo, join(RegionInfo{32, 0, i, 0, 0, 0}))->as<RegionInfo>();
    EXPECT_EQ(sizes[i], region.bytes) << i;
    EXPECT_EQ(sizes[i] == 0 ? 0u : 3u, region.flags) << i;
  }
  EXPECT_EQ(EINVAL, error(Command::kGetRegionInfo, join(RegionInfo{32, 0, 9, 0, 0, 0})));
  const auto msix = ask(Command::kGetIrqInfo, join(IrqInfo{16, 0, 2, 0}))->as<IrqInfo>();
  EXPECT_EQ(130u, msix.count);
  EXPECT_EQ(IrqInfo::kEventFd, msix.flags);
  EXPECT_EQ(0u, ask(Command::kGetIrqInfo, join(IrqInfo{16, 0, 0, 0}))->as<IrqInfo>().count);
  EXPECT_EQ(EINVAL, error(Command::kGetIrqInfo, join(IrqInfo{16, 0, 5, 0})));
}

TEST_F(VfioUserTest, UnsupportedRequestsAreRefusedAndTheClientStaysConnected) {
  start();
  for (const Command command : {Command::kGetRegionIoFds, Command::kFeature,
                                Command::kMigrationRead, Command::kMigrationWrite}) {
    EXPECT_EQ(ENOTSUP, error(command, Bytes(16)));
  }
  EXPECT_EQ(4u, server_->session_counters().refused);
  EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
}

TEST_F(VfioUserTest, RegistersAreReadAndWrittenInBothBars) {
  start();
  EXPECT_EQ(0, write32(kBar0, 0x44054, 0x12345678));
  EXPECT_EQ(server_->card().read({spec::Bar::kBar0, 0x44054}), read32(kBar0, 0x44054));
  EXPECT_EQ(0, write32(kBar4, 0x18000 + 8 * 5, 0xabcdef01));
  EXPECT_EQ(0xabcdef01, read32(kBar4, 0x18000 + 8 * 5));
  EXPECT_NE(0xffffffff, read32(kBar0, kSpare0));
}

TEST_F(VfioUserTest, ALongReadIsTheRegistersOneAfterTheOther) {
  start();
  EXPECT_EQ(0, write32(kBar4, 0x18000, 0x11111111));
  EXPECT_EQ(0, write32(kBar4, 0x18004, 0x22222222));
  const auto answer = ask(Command::kRegionRead, join(RegionAccess{0x18000, kBar4, 8}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(join(RegionAccess{0x18000, kBar4, 8}, 0x2222222211111111ull), answer->payload);
}

TEST_F(VfioUserTest, PartsOfRegistersReadAndDoNotWrite) {
  start();
  EXPECT_EQ(0, write32(kBar4, 0x18000, 0x44332211));
  const auto answer = ask(Command::kRegionRead, join(RegionAccess{0x18001, kBar4, 2}));
  EXPECT_EQ(join(RegionAccess{0x18001, kBar4, 2}, std::uint16_t{0x3322}), answer->payload);
  EXPECT_EQ(0, error(Command::kRegionWrite,
                     join(RegionAccess{0x18001, kBar4, 2}, std::uint16_t{0xffff})));
  EXPECT_EQ(0x44332211u, read32(kBar4, 0x18000));
  EXPECT_EQ(2u, server_->session_counters().odd_accesses);
}

TEST_F(VfioUserTest, PostedWritesAreDoneInOrderAndNotAnswered) {
  start();
  Bytes several;
  for (std::uint32_t i = 1; i <= 3; ++i)
    several = several + message(Command::kRegionWrite, join(RegionAccess{0x18000, kBar4, 4}, i),
                                Header::kNoReply);
  put(several + message(Command::kRegionRead, join(RegionAccess{0x18000, kBar4, 4})));
  work();
  const auto answer = take();
  ASSERT_TRUE(answer);
  EXPECT_EQ(static_cast<std::uint16_t>(Command::kRegionRead), answer->header.command);
  EXPECT_EQ(join(RegionAccess{0x18000, kBar4, 4}, 3u), answer->payload);
  EXPECT_FALSE(take());
}

TEST_F(VfioUserTest, MultipleWritesAreDoneAndCounted) {
  start();
  const auto one = [](std::uint64_t offset, std::uint32_t value) {
    MultiWrite write{offset, kBar4, 4, {}};
    std::memcpy(write.data, &value, 4);
    return write;
  };
  const auto answer =
      ask(Command::kRegionWriteMulti, join(std::uint64_t{2}, one(0x18000, 5), one(0x18008, 6)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(2u, answer->as<std::uint64_t>());
  EXPECT_EQ(5u, read32(kBar4, 0x18000));
  EXPECT_EQ(6u, read32(kBar4, 0x18008));
}

TEST_F(VfioUserTest, OutsideOfARegionIsRefused) {
  start();
  for (const auto& [offset, region, count] : {std::tuple{std::uint64_t{2 << 20}, 0u, 4u},
                                              {(2u << 20) - 2, 0u, 4u},
                                              {~0ull, 0u, 4u},
                                              {0ull, 1u, 4u},
                                              {0ull, 6u, 4u},
                                              {0ull, 8u, 4u},
                                              {0ull, 0xffffffffu, 4u},
                                              {4093ull, 7u, 4u},
                                              {8190ull, 2u, 4u}}) {
    EXPECT_EQ(EINVAL, error(Command::kRegionRead, join(RegionAccess{offset, region, count})));
    EXPECT_EQ(EINVAL, error(Command::kRegionWrite, join(RegionAccess{offset, region, count}, 0u)));
  }
}

TEST_F(VfioUserTest, MemoryIsMappedAndOpenOnlyToABusMaster) {
  start();
  const OwnedFd file = memory_file(64 << 10);
  const DmaMap map{32, 3, 8192, 0x10000, 16384};
  EXPECT_EQ(0, error(Command::kDmaMap, join(map), {file.get()}));
  EXPECT_EQ(nullptr, server_->dma().at(0x10000, 8, Access::kRead));
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  std::byte* const at = server_->dma().at(0x10ff8, 8, Access::kWrite);
  ASSERT_NE(nullptr, at);
  const std::uint64_t word = 0x1122334455667788;
  std::memcpy(at, &word, sizeof word);
  std::uint64_t seen = 0;
  EXPECT_EQ(8, ::pread(file.get(), &seen, sizeof seen, 8192 + 0xff8));
  EXPECT_EQ(word, seen);
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x2));
  EXPECT_EQ(nullptr, server_->dma().at(0x10000, 8, Access::kRead));
  EXPECT_EQ(2u, server_->dma().refused());
}

TEST_F(VfioUserTest, AReadThatTheHostRefusesIsAReceivedMasterAbort) {
  start();
  const OwnedFd file = memory_file(4096);
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 4096}), {file.get()}));
  constexpr std::uint32_t kAborted = 1u << 29;  // of Status, the upper half of this word
  EXPECT_EQ(nullptr, server_->dma().at(0x20000, 8, Access::kRead));
  EXPECT_EQ(0u, read32(kConfigRegion, 4) & kAborted) << "no bus master asked for it";
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  EXPECT_EQ(nullptr, server_->dma().at(0x20000, 8, Access::kWrite));
  EXPECT_EQ(0u, read32(kConfigRegion, 4) & kAborted) << "a write has no reply";
  EXPECT_EQ(nullptr, server_->dma().at(0x20000, 8, Access::kRead));
  EXPECT_NE(0u, read32(kConfigRegion, 4) & kAborted);
  EXPECT_EQ(0, write32(kConfigRegion, 4, kAborted | 0x6));
  EXPECT_EQ(0u, read32(kConfigRegion, 4) & kAborted);
}

TEST_F(VfioUserTest, UnmapRemovesAllWindowsInsideAndSplitsNone) {
  start();
  const OwnedFd file = memory_file(64 << 10);
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 8192}), {file.get()}));
  EXPECT_EQ(EINVAL, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0x10000, 4096})));
  EXPECT_EQ(EINVAL, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0x11000, 4096})));
  EXPECT_EQ(EINVAL, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0x11000, 0})));
  EXPECT_EQ(EINVAL, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, ~0xfffull, 8192})));
  const auto answer = ask(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0x10000, 8192}));
  EXPECT_EQ(join(DmaUnmap{24, 0, 0x10000, 8192}), answer->payload);
  EXPECT_EQ(0, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0x10000, 8192}))) << "none there";
  for (const std::uint64_t at : {0x10000u, 0x12000u, 0x20000u})
    EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, at, 8192}), {file.get()}));
  EXPECT_EQ(0, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0, 0x20000})));
  EXPECT_EQ(1u, server_->memory().windows());
  EXPECT_EQ(0, error(Command::kDmaUnmap, join(DmaUnmap{24, DmaUnmap::kAll, 0, 0})));
  EXPECT_EQ(0u, server_->memory().windows());
}

TEST_F(VfioUserTest, MemoryWithoutAFileHasNoPointerToKeep) {
  start();
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0xc0000, 0x20000})));
  EXPECT_EQ(1u, server_->memory().unreachable());
  EXPECT_EQ(nullptr, server_->dma().peek(0xc0000, 8));
  EXPECT_EQ(0, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0xc0000, 0x20000})));
}

TEST_F(VfioUserTest, MemoryThatIsOnlyReadIsReadAndNotWritten) {
  start();
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  const OwnedFd file = memory_file(8192);
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 1, 0, 0xe0000, 4096}), {file.get()}));
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 4096, 0xf0000, 4096}), {file.get()}));
  DmaMemory& dma = server_->dma();
  EXPECT_EQ(nullptr, dma.at(0xe0000, 8, Access::kWrite));
  EXPECT_EQ(nullptr, dma.peek(0xe0000, 8));
  EXPECT_EQ(1u, dma.refused());
  std::byte* const read = dma.at(0xe0000, 8, Access::kRead);
  std::byte* const written = dma.at(0xf0000, 8, Access::kWrite);
  ASSERT_TRUE(read != nullptr && written != nullptr);
  EXPECT_EQ(4096, written - read) << "one file, mapped once";
  EXPECT_EQ(0, error(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0xe0000, 4096})));
  EXPECT_EQ(written, dma.at(0xf0000, 8, Access::kWrite));
  written[0] = std::byte{1};
}

TEST_F(VfioUserTest, AFileThatMayNotBeWrittenIsReadOnly) {
  start();
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  const OwnedFd file = memory_file(4096, MFD_ALLOW_SEALING);
  ASSERT_EQ(0, ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE));
  EXPECT_EQ(EPERM, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 4096}), {file.get()}));
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 1, 0, 0x10000, 4096}), {file.get()}));
  EXPECT_NE(nullptr, server_->dma().at(0x10000, 8, Access::kRead));
  EXPECT_EQ(nullptr, server_->dma().at(0x10000, 8, Access::kWrite));
}

TEST_F(VfioUserTest, AVectorThatFiresSignalsItsEventfd) {
  start();
  const OwnedFd a = event_file();
  const OwnedFd b = event_file();
  const SetIrqs two{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 4, 2};
  EXPECT_EQ(0, error(Command::kSetIrqs, join(two), {a.get(), b.get()}));
  EXPECT_EQ(0, write32(kBar0, spec::INTR_MASK_CLEAR::at(0).byte_offset, 1u << 5));
  EXPECT_EQ(0, write32(kBar0, spec::INTR_SET::at(0).byte_offset, 1u << 4 | 1u << 5));
  EXPECT_EQ(0u, signals(a));
  EXPECT_EQ(1u, signals(b));
  EXPECT_EQ(0, write32(kBar0, spec::INTR_MASK_CLEAR::at(0).byte_offset, 1u << 4));
  EXPECT_EQ(1u, signals(a));
  EXPECT_EQ(2u, server_->lines().signalled());
}

TEST_F(VfioUserTest, AnInterruptWithoutAnEventfdStaysPending) {
  start();
  const SetIrqs trigger{20, SetIrqs::kDataNone | SetIrqs::kTrigger, kMsixIrq, 3, 1};
  EXPECT_EQ(0, error(Command::kSetIrqs, join(trigger)));
  EXPECT_EQ(1u, server_->lines().unheard());
  EXPECT_EQ(1u << 3, read32(2, kMsixPendingOffset));
  const OwnedFd fd = event_file();
  const SetIrqs assign{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 3, 1};
  EXPECT_EQ(0, error(Command::kSetIrqs, join(assign), {fd.get()}));
  EXPECT_EQ(1u, signals(fd));
  EXPECT_EQ(0u, read32(2, kMsixPendingOffset));
}

TEST_F(VfioUserTest, AMaskedVectorIsPendingUntilItIsUnmasked) {
  start();
  const OwnedFd fd = event_file();
  const auto set = [&](std::uint32_t flags, const Bytes& data = {}) {
    return error(Command::kSetIrqs, join(SetIrqs{20, flags, kMsixIrq, 1, 1}) + data);
  };
  EXPECT_EQ(0, error(Command::kSetIrqs,
                     join(SetIrqs{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 1, 1}),
                     {fd.get()}));
  EXPECT_EQ(0, set(SetIrqs::kDataNone | SetIrqs::kMask));
  EXPECT_EQ(0, set(SetIrqs::kDataBool | SetIrqs::kTrigger, {std::byte{1}}));
  EXPECT_EQ(0u, signals(fd));
  EXPECT_EQ(0, set(SetIrqs::kDataBool | SetIrqs::kUnmask, {std::byte{0}}));
  EXPECT_EQ(0u, signals(fd));
  EXPECT_EQ(0, set(SetIrqs::kDataBool | SetIrqs::kUnmask, {std::byte{1}}));
  EXPECT_EQ(1u, signals(fd));
}

TEST_F(VfioUserTest, EventfdsAreRemovedOneByOneOrAllAtOnce) {
  start();
  const OwnedFd fd = event_file();
  const SetIrqs one{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 1};
  const SetIrqs trigger{20, SetIrqs::kDataNone | SetIrqs::kTrigger, kMsixIrq, 0, 1};
  const SetIrqs all{20, SetIrqs::kDataNone | SetIrqs::kTrigger, kMsixIrq, 0, 0};
  EXPECT_EQ(0, error(Command::kSetIrqs, join(one), {fd.get()}));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(one)));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(trigger)));
  EXPECT_EQ(0u, signals(fd));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(one), {fd.get()}));
  EXPECT_EQ(1u, signals(fd));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(all)));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(trigger)));
  EXPECT_EQ(0u, signals(fd));
}

TEST_F(VfioUserTest, InvalidInterruptNumbersAreRefused) {
  start();
  const std::uint32_t trigger = SetIrqs::kDataNone | SetIrqs::kTrigger;
  EXPECT_EQ(EINVAL, error(Command::kSetIrqs, join(SetIrqs{20, trigger, kMsixIrq, 130, 1})));
  EXPECT_EQ(EINVAL, error(Command::kSetIrqs, join(SetIrqs{20, trigger, kMsixIrq, 1, 130})));
  EXPECT_EQ(EINVAL, error(Command::kSetIrqs, join(SetIrqs{20, trigger, kMsixIrq, ~0u, ~0u})));
  EXPECT_EQ(EINVAL, error(Command::kSetIrqs, join(SetIrqs{20, trigger, 0, 0, 1})));
  EXPECT_EQ(EINVAL, error(Command::kSetIrqs, join(SetIrqs{20, trigger, 5, 0, 0})));
  const OwnedFd file = memory_file(4096);
  EXPECT_EQ(EINVAL,
            error(Command::kSetIrqs,
                  join(SetIrqs{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 1}),
                  {file.get()}));
}

TEST_F(VfioUserTest, ResetRestoresCardAndConfiguration) {
  start();
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  EXPECT_EQ(0, write32(kBar0, spec::TCE_LSO_CTRL::at().byte_offset, 0x0a011209));
  EXPECT_EQ(0x0a011209u, read32(kBar0, spec::TCE_LSO_CTRL::at().byte_offset));
  EXPECT_EQ(0, error(Command::kReset, {}));
  EXPECT_EQ(0x00100000u, read32(kConfigRegion, 4));
  EXPECT_NE(0x0a011209u, read32(kBar0, spec::TCE_LSO_CTRL::at().byte_offset));
  EXPECT_EQ(1u, server_->session_counters().resets);
}

TEST_F(VfioUserTest, ADisconnectReleasesMemoryAndInterrupts) {
  start();
  const OwnedFd file = memory_file(64 << 10);
  const OwnedFd fd = event_file();
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0, 4096}), {file.get()}));
  EXPECT_EQ(0, error(Command::kSetIrqs,
                     join(SetIrqs{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 1}),
                     {fd.get()}));
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  EXPECT_EQ(1u, server_->dma().mappings());
  client_.reset();
  work();
  EXPECT_EQ("client left: closed by the other side", reports_.back());
  EXPECT_EQ(0u, server_->dma().mappings());
  EXPECT_EQ(0u, server_->counters().breaches);
  start();
  EXPECT_EQ(0x00100000u, read32(kConfigRegion, 4));
  EXPECT_EQ(2u, server_->counters().clients);
}

TEST_F(VfioUserTest, ASecondClientIsRefusedWhileOneIsServed) {
  start();
  const OwnedFd second = connect();
  char byte = 0;
  work();
  // the first client may have died without a FIN
  EXPECT_EQ(-1, ::recv(second.get(), &byte, 1, 0));
  now_ = server_->next_deadline_ns();
  work();
  EXPECT_EQ(0, ::recv(second.get(), &byte, 1, 0));
  EXPECT_EQ(1u, server_->counters().turned_away);
  EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
}

TEST_F(VfioUserTest, APathInUseIsAnErrorAndAStaleOneIsReplaced) {
  const auto ignore = [](const std::string&) {};
  Loopback wire;
  EXPECT_FALSE(Server::create(path_, CardConfig{}, wire, ignore).has_value());
  const std::string other = path_ + "-other";
  {
    OwnedFd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", other.c_str());
    ASSERT_EQ(0, ::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  EXPECT_TRUE(Server::create(other, CardConfig{}, wire, ignore).has_value());
  EXPECT_NE(0, ::access(other.c_str(), F_OK));
  EXPECT_FALSE(Server::create(std::string(108, 'x'), CardConfig{}, wire, ignore).has_value());
}

}  // namespace
}  // namespace hni::device::vfio_user
