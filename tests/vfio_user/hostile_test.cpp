// SPDX-License-Identifier: Apache-2.0
// A hostile client: the server logs one line with the reason, closes the connection, and serves
// the next client.
#include <sys/stat.h>

#include "tests/vfio_user/vfio_user_fixture.hpp"

namespace hni::device::vfio_user {
namespace {

using VfioUserHostile = VfioUserTest;

Bytes header_only(std::uint32_t bytes, std::uint16_t command = 4, std::uint32_t flags = 0) {
  return join(Header{1, command, bytes, flags, 0});
}

TEST_F(VfioUserHostile, InvalidLengthsAreRefused) {
  start();
  put(header_only(15));
  expect_closed("a message of invalid length, 15");
  put(header_only(0));
  expect_closed("a message of invalid length, 0");
  put(header_only(kMaxMessage + 1));
  expect_closed("a message of invalid length, 65569");
  put(header_only(0xffffffff));
  expect_closed("a message of invalid length, 4294967295");
  EXPECT_EQ(4u, server_->counters().breaches);
  EXPECT_EQ(5u, server_->counters().clients);
}

TEST_F(VfioUserHostile, TheLongestMessageIsAcceptedByteByByte) {
  start();
  const std::uint32_t count = kMaxTransfer;
  Bytes all = message(Command::kRegionWrite, join(RegionAccess{0, 0, count}) + Bytes(count));
  EXPECT_EQ(kMaxMessage, all.size());
  for (std::size_t at = 0; at < all.size(); at += 4099) {
    put({all.begin() + static_cast<std::ptrdiff_t>(at),
         all.begin() + static_cast<std::ptrdiff_t>(std::min(at + 4099, all.size()))});
    work();
  }
  EXPECT_EQ(0u, take()->header.error);
}

TEST_F(VfioUserHostile, EndOfFileWithinAMessage) {
  start();
  put(header_only(48));
  client_.reset();
  work();
  EXPECT_EQ("client left: closed in the middle of a message", reports_.back());
  start();
  put({std::byte{1}});
  client_.reset();
  work();
  EXPECT_EQ("client left: closed in the middle of a message", reports_.back());
  start();
  EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
}

TEST_F(VfioUserHostile, UnknownCommandsAreAnsweredAndServerCommandsEndTheClient) {
  start();
  for (const std::uint16_t command : std::initializer_list<std::uint16_t>{0, 14, 19, 65535}) {
    put(message(command, {}));
    work();
    EXPECT_EQ(static_cast<std::uint32_t>(ENOTSUP), take()->header.error);
  }
  put(message(Command::kDmaRead, Bytes(16)));
  expect_closed("a command that only a server sends");
  put(message(Command::kGetInfo, join(DeviceInfo{}), Header::kReply));
  expect_closed("a reply to nothing");
}

TEST_F(VfioUserHostile, InvalidVersionsAreRefused) {
  const auto closes = [&](const Bytes& payload, const std::string& why) {
    client_ = connect();
    put(message(Command::kVersion, payload));
    expect_closed(why);
    client_.reset();
    work();
  };
  closes(Bytes(3), "a version of invalid length");
  closes(join(Version{1, 0}), "another major version");
  closes(join(Version{0, 1}) + Bytes(4097), "a version whose text has no end");
  closes(join(Version{0, 1}) + Bytes(4, std::byte{'{'}), "a version whose text has no end");
  closes(join(Version{0, 1}) + text("{"), "a version whose text is not a JSON object");
  closes(join(Version{0, 1}) + text("[]"), "a version whose text is not a JSON object");
  closes(join(Version{0, 1}) + text(std::string(2000, '[')),
         "a version whose text is not a JSON object");
  closes(join(Version{0, 1}) + text(R"({"capabilities":7})"),
         "capabilities that are not a JSON object");
  client_ = connect();
  put(message(Command::kGetInfo, join(DeviceInfo{})));
  expect_closed("a command before the version");
  put(message(Command::kVersion, kVersion01));
  expect_closed("the version twice");
}

TEST_F(VfioUserHostile, PayloadsOfTheWrongLength) {
  start();
  const auto closes = [&](Command command, const Bytes& payload, const std::string& why) {
    put(message(command, payload));
    expect_closed(why);
  };
  closes(Command::kGetInfo, Bytes(15), "device info of invalid length");
  closes(Command::kGetRegionInfo, Bytes(31), "region info of invalid length");
  closes(Command::kGetIrqInfo, {}, "interrupt info of invalid length");
  closes(Command::kDmaMap, Bytes(31), "a DMA map of invalid length");
  closes(Command::kDmaUnmap, Bytes(25), "a DMA unmap of invalid length");
  closes(Command::kSetIrqs, Bytes(19), "interrupts of invalid length");
  closes(Command::kRegionRead, Bytes(17), "a read of invalid length");
  closes(Command::kRegionWrite, Bytes(15), "a write of invalid length");
  closes(Command::kReset, Bytes(1), "a reset with a payload");
  closes(Command::kRegionRead, join(RegionAccess{0, 0, kMaxTransfer + 1}),
         "a read of more than agreed");
  closes(Command::kRegionWrite, join(RegionAccess{0, 0, 8}, 0u),
         "a write whose length differs from its count");
  closes(Command::kRegionWriteMulti, Bytes(7), "writes of invalid length");
  closes(Command::kRegionWriteMulti, join(std::uint64_t{2}, MultiWrite{}),
         "a number of writes that differs from the count");
  closes(Command::kRegionWriteMulti, join(~std::uint64_t{0}),
         "a number of writes that differs from the count");
  closes(Command::kRegionWriteMulti, join(std::uint64_t{1}, MultiWrite{0, 4, 9, {}}),
         "a write of more than 8 bytes among several");
}

TEST_F(VfioUserHostile, LongerStructuresOfNewerClientsAreAnswered) {
  start();
  const auto answer = ask(Command::kGetInfo, Bytes(24));
  ASSERT_TRUE(answer);
  EXPECT_EQ(0u, answer->header.error);
  EXPECT_EQ(sizeof(DeviceInfo), answer->payload.size());
  EXPECT_EQ(0, error(Command::kGetRegionInfo, Bytes(40)));
  EXPECT_EQ(0, error(Command::kGetIrqInfo, Bytes(20)));
  // The flag for a dirty-page bitmap is set, and the bitmap's header follows.
  EXPECT_EQ(ENOTSUP, error(Command::kDmaUnmap, join(DmaUnmap{24, 1, 0, 4096}) + Bytes(16)));
}

TEST_F(VfioUserHostile, AWindowHasADirectionAndNoUnknownFlag) {
  start();
  const OwnedFd file = memory_file(0x4000);
  const auto map = [&](std::uint32_t flags, bool with_file = true) {
    return error(Command::kDmaMap, join(DmaMap{32, flags, 0, 0x10000, 0x1000}),
                 with_file ? std::vector<int>{file.get()} : std::vector<int>{});
  };
  EXPECT_EQ(EINVAL, map(0));
  EXPECT_EQ(EINVAL, map(0xff));
  EXPECT_EQ(EINVAL, map(4 | 3));
  EXPECT_EQ(ENOTSUP, map(DmaMap::kWritable, false));
  EXPECT_EQ(0, map(DmaMap::kWritable));
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  EXPECT_NE(nullptr, server_->dma().at(0x10000, 8, Access::kWrite));
  EXPECT_EQ(nullptr, server_->dma().at(0x10000, 8, Access::kRead));
  EXPECT_EQ(nullptr, server_->dma().peek(0x10000, 8));
}

TEST_F(VfioUserHostile, InterruptFlagsThatExcludeEachOther) {
  start();
  for (const std::uint32_t flags : {0u, 0x01u, 0x20u, 0x23u, 0x39u, 0x61u, 0xffffffffu}) {
    put(message(Command::kSetIrqs, join(SetIrqs{20, flags, kMsixIrq, 0, 1})));
    expect_closed("interrupts with flags that exclude each other");
  }
  put(message(Command::kSetIrqs, join(SetIrqs{20, 0x22, kMsixIrq, 0, ~0u})));
  expect_closed("interrupts of invalid length");
}

TEST_F(VfioUserHostile, UnexpectedOrTooManyFileDescriptorsAreRefused) {
  start();
  const OwnedFd file = memory_file(4096);
  const int fd = file.get();
  put(message(Command::kGetInfo, join(DeviceInfo{})), {fd});
  expect_closed("unexpected file descriptors");
  put(message(Command::kDmaMap, join(DmaMap{32, 3, 0, 0, 4096})), {fd, fd});
  expect_closed("a DMA map with several files");
  const SetIrqs irqs{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 3};
  put(message(Command::kSetIrqs, join(irqs)), {fd, fd});
  expect_closed("other eventfds than interrupts");
  put(message(Command::kSetIrqs, join(SetIrqs{20, 0x21, kMsixIrq, 0, 1})), {fd});
  expect_closed("unexpected file descriptors");
  put(message(Command::kSetIrqs, join(irqs)), std::vector<int>(17, fd));
  expect_closed("more file descriptors than agreed");
  put(message(Command::kSetIrqs, join(irqs)), std::vector<int>(60, fd));
  expect_closed("more file descriptors than agreed");
}

TEST_F(VfioUserHostile, DescriptorsOfAnUnfinishedMessageAreBounded) {
  start();
  const OwnedFd file = memory_file(4096);
  put(header_only(1000, 2));
  for (int i = 0; i < 8; ++i) put(Bytes(1), std::vector<int>(16, file.get()));
  expect_closed("more file descriptors than agreed");
}

TEST_F(VfioUserHostile, NoDescriptorOfAClientStaysOpen) {
  const auto open_files = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  start();
  const OwnedFd file = memory_file(64 << 10);
  const OwnedFd event = event_file();
  const int before = open_files();
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0, 4096}), {file.get()}));
  EXPECT_EQ(EEXIST, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0, 4096}), {file.get()}));
  EXPECT_EQ(before, open_files());
  put(header_only(400, 8), {event.get(), event.get()});
  work();
  EXPECT_EQ(before + 2, open_files());
  client_.reset();
  work();
  EXPECT_EQ(before - 2, open_files());  // including both ends of the socket
}

TEST_F(VfioUserHostile, OverlappingOrImpossibleWindowsAreRefused) {
  start();
  const OwnedFd file = memory_file(64 << 10);
  const auto map = [&](std::uint64_t address, std::uint64_t bytes, std::uint64_t offset = 0) {
    return error(Command::kDmaMap, join(DmaMap{32, 3, offset, address, bytes}), {file.get()});
  };
  EXPECT_EQ(0, map(0x10000, 0x4000));
  EXPECT_EQ(EEXIST, map(0x10000, 0x4000));
  EXPECT_EQ(EEXIST, map(0xf000, 0x2000));
  EXPECT_EQ(EEXIST, map(0x13000, 0x1000));
  EXPECT_EQ(EEXIST, map(0xf000, 0x8000));
  EXPECT_EQ(0, map(0xf000, 0x1000));
  EXPECT_EQ(0, map(0x14000, 0x1000));
  EXPECT_EQ(EINVAL, map(0x20000, 0));
  EXPECT_EQ(EINVAL, map(0x20001, 0x1000));
  EXPECT_EQ(EINVAL, map(0x20000, 0x1001));
  EXPECT_EQ(EINVAL, map(0x20000, 0x1000, 1));
  EXPECT_EQ(EINVAL, map(0x20000, 0x1000, 0x10000));
  EXPECT_EQ(EINVAL, map(0x20000, 0x2000, 0xf000));
  EXPECT_EQ(EINVAL, map(0x20000, 0x1000, 0xfffffffffffff000));
  EXPECT_EQ(EINVAL, map(0xfffffffffffff000, 0x1000));
  EXPECT_EQ(EINVAL, map(0x20000, 0xfffffffffffff000));
  EXPECT_EQ(3u, server_->memory().windows());
}

TEST_F(VfioUserHostile, FilesOutsideAMemoryFileSystemAreRefused) {
  start();
  const auto map = [&](int fd) {
    return error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 0x1000}), {fd});
  };
  int pipe[2] = {-1, -1};
  ASSERT_EQ(0, ::pipe2(pipe, O_CLOEXEC));
  const OwnedFd in(pipe[0]);
  const OwnedFd out(pipe[1]);
  EXPECT_EQ(EINVAL, map(in.get()));
  const OwnedFd zero(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(EINVAL, map(zero.get()));
  const OwnedFd disk(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(EPERM, map(disk.get()));
  const OwnedFd sealed = memory_file(4096, MFD_ALLOW_SEALING);
  ASSERT_EQ(0, ::fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_WRITE));
  EXPECT_EQ(EPERM, map(sealed.get()));
  EXPECT_EQ(0u, server_->memory().windows());
}

TEST_F(VfioUserHostile, ATruncatedFileClosesOnlyTheClient) {
  start();
  const OwnedFd file = memory_file(8192);
  EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 0x2000}), {file.get()}));
  EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
  ASSERT_EQ(0, ::ftruncate(file.get(), 4096));
  std::byte* const at = server_->dma().at(0x11000, 8, Access::kWrite);
  ASSERT_NE(nullptr, at);
  const std::uint64_t lost = GuestMemory::lost();
  at[0] = std::byte{1};
  EXPECT_EQ(lost + 1, GuestMemory::lost());
  work();
  EXPECT_EQ("client closed: it removed memory that the card uses", reports_.back());
  start();
  EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
}

TEST_F(VfioUserHostile, HugePagesBeyondThePoolAreRefused) {
  start();
  const OwnedFd file(::memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));
  if (!file) GTEST_SKIP() << "this kernel has no huge pages";
  // Exceeds the capacity of every pool.
  constexpr std::uint64_t kBytes = 1ull << 40;
  ASSERT_EQ(0, ::ftruncate(file.get(), static_cast<off_t>(kBytes)));
  EXPECT_EQ(ENOMEM, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0, kBytes}), {file.get()}));
  EXPECT_EQ(0u, server_->memory().windows());
}

/// A truncated file is representative of every memory failure: the kernel reports all of them by
/// SIGBUS.
TEST_F(VfioUserHostile, APageThatFailsIsReplacedWhateverTheAccess) {
  for (const Access access : {Access::kRead, Access::kWrite}) {
    start();
    const OwnedFd file = memory_file(64 << 10);
    EXPECT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 64 << 10}), {file.get()}));
    EXPECT_EQ(0, write32(kConfigRegion, 4, 0x6));
    ASSERT_EQ(0, ::ftruncate(file.get(), 0));
    const std::uint64_t lost = GuestMemory::lost();
    for (std::uint64_t at = 0x10000; at < 0x20000; at += 4096) {
      std::byte* const cpu = server_->dma().at(at, 4096, access);
      ASSERT_NE(nullptr, cpu);
      if (access == Access::kWrite) std::memset(cpu, 1, 4096);
      if (access == Access::kRead) {
        EXPECT_EQ(std::byte{0}, static_cast<std::byte>(*reinterpret_cast<volatile char*>(cpu)));
      }
    }
    EXPECT_EQ(lost + 16, GuestMemory::lost());
    work();
    EXPECT_EQ("client closed: it removed memory that the card uses", reports_.back());
  }
}

TEST_F(VfioUserHostile, MoreWindowsThanAgreedAreRefused) {
  start();
  for (std::uint64_t i = 0; i < kMaxDmaMaps; ++i)
    ASSERT_EQ(0, error(Command::kDmaMap, join(DmaMap{32, 3, 0, i << 13, 4096}))) << i;
  EXPECT_EQ(ENOSPC, error(Command::kDmaMap, join(DmaMap{32, 3, 0, 1ull << 40, 4096})));
}

TEST_F(VfioUserHostile, AClientThatNeverReadsIsNotServed) {
  start();
  int small = 4096;
  ASSERT_EQ(0, ::setsockopt(client_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
  const Bytes read = message(Command::kRegionRead, join(RegionAccess{0, 7, 4096}));
  for (int i = 0; i < 200; ++i) {
    if (::send(client_.get(), read.data(), read.size(), MSG_DONTWAIT) < 0) break;
    work();
  }
  EXPECT_TRUE(server_->wants_write());
  const std::uint64_t answered = server_->session_counters().messages;
  EXPECT_LT(answered, 202u);
  work();
  EXPECT_EQ(answered, server_->session_counters().messages);
  // The client finally reads and receives all replies.
  std::uint64_t got = 0;
  for (int idle = 0; idle < 3;) {
    char buffer[65536];
    const ssize_t n = ::recv(client_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) got += static_cast<std::uint64_t>(n);
    idle = n > 0 ? 0 : idle + 1;
    work();
  }
  EXPECT_EQ((server_->session_counters().messages - 1) * (16 + 16 + 4096), got);
}

TEST_F(VfioUserHostile, AnEventfdThatIsFullDoesNotStallTheCard) {
  start();
  const OwnedFd fd = event_file();
  const std::uint64_t most = 0xfffffffffffffffe;
  ASSERT_EQ(8, ::write(fd.get(), &most, sizeof most));
  const SetIrqs assign{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 1};
  EXPECT_EQ(0, error(Command::kSetIrqs, join(assign), {fd.get()}));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(SetIrqs{20, 0x21, kMsixIrq, 0, 1})));
  EXPECT_EQ(0u, server_->lines().signalled());
}

TEST_F(VfioUserHostile, AnEventfdMadeBlockingAgainAndFullDoesNotStallTheCard) {
  start();
  const OwnedFd fd = event_file();
  const SetIrqs assign{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 1};
  EXPECT_EQ(0, error(Command::kSetIrqs, join(assign), {fd.get()}));
  ASSERT_EQ(0, ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK));
  const std::uint64_t most = 0xfffffffffffffffe;
  ASSERT_EQ(8, ::write(fd.get(), &most, sizeof most));
  EXPECT_EQ(0, error(Command::kSetIrqs, join(SetIrqs{20, 0x21, kMsixIrq, 0, 1})));
  EXPECT_EQ(0u, server_->lines().signalled());
  EXPECT_FALSE(server_->lines().blocked());
}

// ---- Turns

/// A time slice that ends after a given number of queries.
struct ShortTurns final : LoopHooks {
  bool turn_spent() override { return --left <= 0; }
  int left = 1;
};

TEST_F(VfioUserHostile, ATimeSliceMayEndWithinAMessage) {
  start();
  ShortTurns turns;
  server_->set_hooks(turns);
  // 2,700 function-level resets in one message.
  constexpr std::uint64_t kResets = 2700;
  Bytes payload = join(kResets);
  MultiWrite reset{0x68, kConfigRegion, 2, {}};  // Device Control of the PCI Express capability
  const std::uint16_t initiate = 0x8000;
  std::memcpy(reset.data, &initiate, sizeof initiate);
  for (std::uint64_t i = 0; i < kResets; ++i) payload = payload + join(reset);
  put(message(Command::kRegionWriteMulti, payload));
  std::uint64_t rounds = 0;
  std::uint64_t before = 0;
  for (bool more = true; more; ++rounds) {
    turns.left = 10;
    more = server_->serve(now_, 64);
    EXPECT_LE(server_->session_counters().resets - before, 10u);
    before = server_->session_counters().resets;
    ASSERT_LT(rounds, 1000u);
  }
  EXPECT_EQ(kResets, server_->session_counters().resets);
  EXPECT_EQ(kResets / 10, rounds - 1);
  const auto answer = take();
  ASSERT_TRUE(answer);
  EXPECT_EQ(kResets, answer->as<std::uint64_t>());
  server_->set_hooks(LoopHooks::none());
}

TEST_F(VfioUserHostile, ALongReadAcrossTimeSlicesIsOneReply) {
  start();
  const Bytes whole = ask(Command::kRegionRead, join(RegionAccess{0x24000, 0, 4096}))->payload;
  ShortTurns turns;
  server_->set_hooks(turns);
  put(message(Command::kRegionRead, join(RegionAccess{0x24000, 0, 4096})));
  // Queued after it, so not executed before.
  put(message(Command::kReset, {}));
  std::uint64_t rounds = 0;
  for (turns.left = 1; server_->serve(now_, 64); turns.left = 1) ++rounds;
  EXPECT_GT(rounds, 30u);
  EXPECT_EQ(whole, take()->payload);
  EXPECT_EQ(0u, take()->header.error);
  server_->set_hooks(LoopHooks::none());
}

// ---- Connections: leaving clients, silent clients, too many clients

TEST_F(VfioUserHostile, TheNextClientIsServedAfterAnUndetectedDisconnect) {
  start();
  for (int i = 0; i < 50; ++i) {
    // Replies that the previous client never read, its disconnect, and the next client, all before
    // the server runs.
    for (int n = 0; n < 30; ++n) put(message(Command::kGetInfo, join(DeviceInfo{})));
    work();
    client_.reset();
    client_ = connect();
    put(message(Command::kVersion, kVersion01));
    work();
    ASSERT_EQ(0u, take()->header.error) << i;
  }
  EXPECT_EQ(51u, server_->counters().clients);
  EXPECT_EQ(0u, server_->counters().turned_away);
}

TEST_F(VfioUserHostile, ASecondClientWaitsForTheFirstAndIsThenRefusedAsBusy) {
  start();
  const OwnedFd first = std::move(client_);
  client_ = connect();
  put(message(Command::kVersion, kVersion01));
  work();
  EXPECT_FALSE(take());
  EXPECT_EQ(now_ + Server::kHoldTimeNs, server_->next_deadline_ns());
  now_ = server_->next_deadline_ns() - 1;
  work();
  EXPECT_EQ(0u, server_->counters().turned_away);
  ++now_;
  work();
  EXPECT_EQ(1u, server_->counters().turned_away);
  const auto answer = take();
  ASSERT_TRUE(answer);
  EXPECT_EQ(static_cast<std::uint32_t>(EBUSY), answer->header.error);
  EXPECT_EQ(7, answer->header.id);
  EXPECT_EQ("a second client was refused", reports_.back());
  EXPECT_EQ(~std::uint64_t{0}, server_->next_deadline_ns());
}

TEST_F(VfioUserHostile, AWaitingClientThatDisconnectsIsDropped) {
  start();
  const OwnedFd first = std::move(client_);
  for (int i = 0; i < 8; ++i) (void)connect();
  // All pending clients have left, so there is room for a new one.
  const OwnedFd last = connect();
  work();
  EXPECT_EQ(0u, server_->counters().turned_away);
  now_ += Server::kHoldTimeNs;
  work();
  EXPECT_EQ(1u, server_->counters().turned_away);
  EXPECT_EQ(1u, server_->counters().clients);
  // One client more than the limit is closed immediately.
  std::vector<OwnedFd> many;
  for (int i = 0; i < 9; ++i) many.push_back(connect());
  EXPECT_EQ(2u, server_->counters().turned_away);
}

TEST_F(VfioUserHostile, AClientWithoutAVersionIsClosedAfterTheTimeout) {
  client_ = connect();
  put({std::byte{7}});  // a partial header
  work();
  EXPECT_EQ(now_ + Server::kHelloTimeNs, server_->next_deadline_ns());
  const OwnedFd silent = std::move(client_);
  now_ += Server::kHelloTimeNs;
  expect_closed("no version in time");
  // A client that has sent its first message may then stay idle indefinitely.
  now_ += 1'000 * Server::kHelloTimeNs;
  work();
  EXPECT_NE(-1, server_->client());
}

TEST_F(VfioUserHostile, TheSocketIsPrivateForAnyUmask) {
  for (const mode_t mask : {0u, 022u, 0777u}) {
    const mode_t before = ::umask(mask);
    const std::string path = path_ + ".mode";
    const auto server = Server::create(path, CardConfig{}, wire_, [](const std::string&) {});
    const mode_t after = ::umask(before);
    ASSERT_TRUE(server.has_value());
    struct stat about {};
    ASSERT_EQ(0, ::stat(path.c_str(), &about));
    EXPECT_EQ(0600u, about.st_mode & 07777);
    EXPECT_EQ(mask, after);
  }
}

TEST(VfioUserAccept, AFailureCausesAPauseAndNotALoop) {
  struct NoDescriptors final : SocketCalls {
    int accept(int listener) override {
      ++calls;
      if (!full) return SocketCalls::accept(listener);
      errno = EMFILE;
      return -1;
    }
    bool full = true;
    int calls = 0;
  } world;
  const std::string path = testing::TempDir() + "hni-accept-" + std::to_string(::getpid());
  Loopback wire;
  std::vector<std::string> reports;
  const auto server = Server::create(
      path, CardConfig{}, wire, [&](const std::string& line) { reports.push_back(line); }, world);
  ASSERT_TRUE(server.has_value());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  const OwnedFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ASSERT_EQ(0,
            ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  for (int i = 0; i < 3; ++i) (*server)->accept_client();
  EXPECT_EQ(1, world.calls);
  EXPECT_FALSE((*server)->accepts());
  EXPECT_TRUE((*server)->wants_turn());
  (void)(*server)->serve(1000, 1);
  EXPECT_EQ(1000 + Server::kAcceptPauseNs, (*server)->next_deadline_ns());
  world.full = false;
  (void)(*server)->serve((*server)->next_deadline_ns(), 1);
  EXPECT_TRUE((*server)->accepts());
  (*server)->accept_client();
  EXPECT_NE(-1, (*server)->client());
  EXPECT_EQ("no client can be accepted: Too many open files", reports.front());
}

}  // namespace
}  // namespace hni::device::vfio_user
