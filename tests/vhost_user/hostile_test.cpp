// SPDX-License-Identifier: Apache-2.0
// A front-end that violates the protocol is closed; the card only sees a function-level reset.
#include "tests/vhost_user/front_end.hpp"

namespace hni::device::vhost_user {
namespace {

Bytes raw(std::uint32_t request, std::uint32_t flags, std::uint32_t bytes,
          std::size_t payload = 0) {
  Bytes all = join(Header{request, flags, bytes});
  all.resize(all.size() + payload);
  return all;
}

TEST_F(VhostUserTest, AnImpossibleLengthClosesTheConnection) {
  connect();
  put(raw(1, 1, 0xffffffff));
  expect_closed("a message of invalid length, 4294967295");
}

TEST_F(VhostUserTest, ImpossibleFlagsCloseTheConnection) {
  connect();
  put(raw(1, 0, 0));
  expect_closed("a message with invalid flags");
}

TEST_F(VhostUserTest, AReplyWithoutARequestClosesTheConnection) {
  connect();
  put(raw(1, Header::kVersion | Header::kReply, 0));
  expect_closed("a message with invalid flags");
}

TEST_F(VhostUserTest, EndOfFileWithinAMessageIsNotAViolation) {
  connect();
  put(raw(2, 1, 8, 4));
  work();
  socket_.reset();
  work();
  EXPECT_EQ("front-end left: closed in the middle of a message", log_.back());
  EXPECT_EQ(0u, server_->counters().breaches);
}

TEST_F(VhostUserTest, UnexpectedDescriptorsCloseTheConnection) {
  connect();
  put(raw(1, 1, 0), {file_.get()});
  expect_closed("unexpected file descriptors");
}

TEST_F(VhostUserTest, TooManyDescriptorsCloseTheConnection) {
  connect();
  put(raw(5, 1, 0), std::vector<int>(9, file_.get()));
  expect_closed("more file descriptors than the protocol knows");
}

TEST_F(VhostUserTest, FeaturesThatWereNotOfferedCloseTheConnection) {
  connect();
  (void)ask(Request::kSetFeatures, join(kFeatures | 1ull << 28));
  expect_closed("features that were not offered");
}

TEST_F(VhostUserTest, MissingInBandNotificationsCloseTheConnection) {
  connect();
  (void)ask(Request::kSetProtocolFeatures, join(kProtocolReplyAck));
  expect_closed("a front-end without in-band notifications, which this back-end needs");
}

TEST_F(VhostUserTest, UnknownRequestsAreRefusedAndTheFrontEndStaysConnected) {
  start();
  EXPECT_EQ(1u, status(static_cast<Request>(24), Bytes(12)));
  EXPECT_EQ(1u, status(static_cast<Request>(0xffffffff)));
  EXPECT_EQ(2u, server_->session_counters().refused);
  EXPECT_GE(server_->client(), 0);
}

TEST_F(VhostUserTest, AMemoryTableHasItsStatedLength) {
  connect();
  (void)ask(Request::kSetMemTable, join(MemTable{2, 0}, MemRegion{kGuest, 4096, kUser, 0}),
            {file_.get(), file_.get()});
  expect_closed("a memory table of invalid length");
}

TEST_F(VhostUserTest, AMemoryTableHasAFilePerRegion) {
  connect();
  (void)ask(Request::kSetMemTable, join(MemTable{1, 0}, MemRegion{kGuest, 4096, kUser, 0}));
  expect_closed("a memory table without a file per region");
}

TEST_F(VhostUserTest, UntrustworthyMemoryIsRefused) {
  start();
  EXPECT_EQ(1u, set_memory(2 * kMemory));  // beyond the end of its file
  EXPECT_EQ(1u, set_memory(0));
  EXPECT_EQ(1u, set_memory(4095));
  const OwnedFd slow(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(1u, status(Request::kSetMemTable,
                       join(MemTable{1, 0}, MemRegion{kGuest, 4096, kUser, 0}), {slow.get()}));
  const MemRegion region{kGuest, 4096, kUser, 0};
  EXPECT_EQ(1u, status(Request::kSetMemTable, join(MemTable{2, 0}, region, region),
                       {file_.get(), file_.get()}));  // the same address twice
  EXPECT_EQ(0u, server_->memory().windows());
  EXPECT_EQ(0u, set_memory(kMemory));
}

TEST_F(VhostUserTest, QueuesHaveBounds) {
  for (const auto& [request, payload] : std::vector<std::pair<Request, Bytes>>{
           {Request::kSetVringNum, join(VringState{2, 16})},
           {Request::kSetVringNum, join(VringState{0, 15})},
           {Request::kSetVringNum, join(VringState{0, 0})},
           {Request::kSetVringNum, join(VringState{0, 2048})},
           {Request::kSetVringNum, Bytes(4)},
           {Request::kSetVringBase, join(VringState{0, 65536})},
           {Request::kGetVringBase, join(VringState{~0u, 0})},
           {Request::kSetVringEnable, join(VringState{0, 2})},
           {Request::kSetVringAddr, join(VringAddr{2, 0, kUser, kUser, kUser, 0})},
           {Request::kSetVringAddr, join(VringAddr{0, 0, kGuest, kUser, kUser, 0})},
           {Request::kSetVringKick, join(std::uint64_t{2})},
           {Request::kSetVringCall, Bytes(9)},
           {Request::kVringKick, join(VringState{7, 0})},
           {Request::kSetBackendReqFd, {}}}) {
    start();
    const std::uint64_t before = server_->counters().breaches;
    (void)ask(request, payload);
    work();
    EXPECT_EQ(before + 1, server_->counters().breaches) << static_cast<int>(request);
  }
}

class VhostUserRingTest : public VhostUserTest {
 protected:
  void expect_kick_closes(const std::string& why) {
    (void)ask(Request::kVringKick, join(VringState{0, 0}));
    expect_closed(why);
  }
};

TEST_F(VhostUserRingTest, AnIndexBeyondTheTableIsClosed) {
  start();
  offer(0, kEntries);
  expect_kick_closes("a descriptor index beyond the table");
}

TEST_F(VhostUserRingTest, ANextIndexBeyondTheTableIsClosed) {
  start();
  describe(0, 0, {kGuest + kOut, 16, 1, 0xffff});
  offer(0, 0);
  expect_kick_closes("a descriptor index beyond the table");
}

TEST_F(VhostUserRingTest, AChainThatLoopsIsClosed) {
  start();
  describe(0, 0, {kGuest + kOut, 16, 1, 1});
  describe(0, 1, {kGuest + kOut, 16, 1, 0});
  offer(0, 0);
  expect_kick_closes("a descriptor chain that loops");
}

TEST_F(VhostUserRingTest, AnEmptyChainThatLoopsIsClosed) {
  start();
  describe(0, 0, {kGuest + kOut, 0, 1, 0});
  offer(0, 0);
  expect_kick_closes("a descriptor chain that loops");
}

TEST_F(VhostUserRingTest, MoreBuffersThanEntriesAreClosed) {
  start();
  poke(ring(0, 1) + 2, std::uint16_t{kEntries + 1});
  expect_kick_closes("more available buffers than entries");
}

TEST_F(VhostUserRingTest, AnIndirectDescriptorIsClosed) {
  start();
  describe(0, 0, {kGuest + kOut, 16, 4, 0});
  offer(0, 0);
  expect_kick_closes("an indirect descriptor, which was not negotiated");
}

TEST_F(VhostUserRingTest, AReadableDescriptorAfterAWritableOneIsClosed) {
  start();
  describe(0, 0, {kGuest + kIn, 16, 3, 1});
  describe(0, 1, {kGuest + kOut, 16, 0, 0});
  offer(0, 0);
  expect_kick_closes("a readable descriptor after a writable one");
}

TEST_F(VhostUserRingTest, ABufferOutsideOfTheMemoryIsClosed) {
  start();
  describe(0, 0, {kGuest + kMemory - 8, 16, 0, 0});
  offer(0, 0);
  expect_kick_closes("a buffer outside of the memory table");
}

TEST_F(VhostUserRingTest, ABufferAroundTheEndOfAddressesIsClosed) {
  start();
  describe(0, 0, {~0ull - 7, 16, 0, 0});
  offer(0, 0);
  expect_kick_closes("a buffer outside of the memory table");
}

TEST_F(VhostUserRingTest, ALongBufferIsClosed) {
  start();
  describe(0, 0, {kGuest, 1 << 17, 2, 0});
  offer(0, 0);
  expect_kick_closes("a buffer of more than 64 KiB");
}

TEST_F(VhostUserRingTest, RingsThatLeftTheMemoryAreClosed) {
  start();
  ASSERT_EQ(0u, set_memory(0x2000));
  expect_kick_closes("a virtqueue outside of the memory table");
}

TEST_F(VhostUserRingTest, ATooSmallInterruptBufferIsClosed) {
  start();
  write(PciOp::kConfigWrite, 0, 0x52, std::uint16_t{0x8000});
  write(PciOp::kMmioWrite, 2, 12, std::uint32_t{0});
  describe(1, 0, {kGuest + kIn, 19, 2, 0});
  offer(1, 0);
  (void)kick(1);
  const_cast<MsixTable&>(server_->msix()).msix(0);
  server_->publish();
  expect_closed("a buffer that is too small for an interrupt");
}

TEST_F(VhostUserRingTest, AnInvalidBackEndSocketClosesTheConnection) {
  start();
  ASSERT_EQ(0u, status(Request::kSetBackendReqFd, {}, {file_.get()}));
  for (std::uint32_t i = 0; i < 8; ++i) {
    std::memcpy(memory_ + kOut, join(PciCommand{4, 4, 0, 4, 0x18000}, i).data(), 20);
    describe(0, 0, {kGuest + kOut, 20, 0, 0});
    offer(0, 0);
    (void)ask(Request::kVringKick, join(VringState{0, 0}));
  }
  expect_closed("its socket for our requests does not work");
}

TEST_F(VhostUserRingTest, UnreadNotificationsAreSentLater) {
  start();
  for (int i = 0; i < 4000; ++i) write(PciOp::kMmioWrite, 4, 0x18000, std::uint32_t{1});
  EXPECT_GE(server_->client(), 0);
  EXPECT_LE(notifications().size(), 500u);
  server_->publish();
  EXPECT_EQ(1u, notifications().size());
}

TEST_F(VhostUserRingTest, RemovedMemoryClosesTheConnection) {
  start();
  ASSERT_EQ(0, ::ftruncate(file_.get(), 0));
  put(join(Header{35, 9, 8}, VringState{0, 0}));
  for (int i = 0; i < 4; ++i) work();
  EXPECT_EQ("front-end closed: it removed memory that the card uses", log_.back());
  ASSERT_EQ(0, ::ftruncate(file_.get(), kMemory));
}

TEST_F(VhostUserRingTest, OneCallIsBounded) {
  start();
  const Bytes out = join(PciCommand{3, 4, 0, 65536, 0});
  std::memcpy(memory_ + kOut, out.data(), out.size());
  describe(0, 0, {kGuest + kOut, 16, 1, 1});
  describe(0, 1, {kGuest + kIn, 65536, 2, 0});
  for (std::uint32_t i = 0; i < kEntries; ++i) offer(0, 0);
  put(join(Header{35, 9, 8}, VringState{0, 0}));
  EXPECT_TRUE(server_->serve(0, 64));
  EXPECT_EQ(4u, server_->session_counters().commands);
  EXPECT_FALSE(take());
  work();
  EXPECT_EQ(16u, server_->session_counters().commands);
  EXPECT_EQ(0u, take()->number());
}

TEST_F(VhostUserTest, ASilentFrontEndIsClosedAfterTheTimeout) {
  connect();
  (void)server_->serve(1000, 1);
  EXPECT_EQ(1000 + Server::kHelloTimeNs, server_->next_deadline_ns());
  (void)server_->serve(server_->next_deadline_ns() - 1, 1);
  EXPECT_NE(-1, server_->client());
  (void)server_->serve(server_->next_deadline_ns(), 1);
  EXPECT_EQ(-1, server_->client());
  EXPECT_EQ("front-end closed: no message in time", log_.back());
  EXPECT_EQ(~std::uint64_t{0}, server_->next_deadline_ns());
}

TEST_F(VhostUserTest, AFrontEndThatSpokeHasNoDeadline) {
  start();
  EXPECT_EQ(~std::uint64_t{0}, server_->next_deadline_ns());
  (void)server_->serve(1'000 * Server::kHelloTimeNs, 1);
  EXPECT_NE(-1, server_->client());
}

TEST_F(VhostUserTest, TheNextFrontEndIsServedAlthoughTheEndOfThePreviousOneWasNot) {
  start();
  socket_.reset();
  connect();
  EXPECT_EQ(0u, server_->counters().turned_away);
  EXPECT_EQ(2u, server_->counters().clients);
  EXPECT_EQ(0u, server_->counters().breaches);
}

TEST_F(VhostUserTest, ManyRefusedFrontEndsAreOneLineOfTheLog) {
  start();
  const OwnedFd first = std::move(socket_);
  const std::size_t lines = log_.size();
  for (int i = 0; i < 20; ++i) connect();
  EXPECT_EQ(20u, server_->counters().turned_away);
  EXPECT_EQ(lines + 1, log_.size());
}

TEST(VhostUserAccept, AFailureCausesAPauseAndNotALoop) {
  struct NoDescriptors final : vfio_user::SocketCalls {
    int accept(int listener) override {
      ++calls;
      if (!full) return SocketCalls::accept(listener);
      errno = EMFILE;
      return -1;
    }
    bool full = true;
    int calls = 0;
  } world;
  Loopback wire;
  std::vector<std::string> reports;
  const std::string path = testing::TempDir() + "hni-vhost-accept-" + std::to_string(::getpid());
  const auto server = Server::create(
      path, CardConfig{}, wire, [&](const std::string& line) { reports.push_back(line); }, world);
  ASSERT_TRUE(server.has_value());
  for (int i = 0; i < 3; ++i) (*server)->accept_client();
  EXPECT_EQ(1, world.calls);
  EXPECT_FALSE((*server)->accepts());
  EXPECT_TRUE((*server)->wants_turn());
  (void)(*server)->serve(1000, 1);
  EXPECT_EQ(1000 + Server::kAcceptPauseNs, (*server)->next_deadline_ns());
  EXPECT_FALSE((*server)->wants_turn());
  (void)(*server)->serve((*server)->next_deadline_ns(), 1);
  EXPECT_TRUE((*server)->accepts());
  EXPECT_EQ("no front-end can be accepted: Too many open files", reports.at(0));
}

}  // namespace
}  // namespace hni::device::vhost_user
