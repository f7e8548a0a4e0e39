// SPDX-License-Identifier: Apache-2.0
// Firmware outside the card: a test peer speaks the protocol of the public mock firmware, using
// our firmware model, or violates it.
#include "vfio_user/external_firmware.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "device/firmware.hpp"
#include "device/wire/cable.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device::vfio_user {
namespace {

constexpr std::uint32_t kMailbox = 0x18000;
constexpr std::uint64_t kPage = 4096;

using Clock = std::chrono::steady_clock;

/// The other process: listens, accepts one card and passes each message to `behave`.
class Peer final : public FirmwarePort {
 public:
  /// Returns false to close the connection.
  using Behave = std::function<bool(Peer&, const EmulatorMessage&)>;

  Peer(const std::string& path, Behave behave) : behave_(std::move(behave)), firmware_({}, *this) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    listener_ = OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(
        0, ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    EXPECT_EQ(0, ::listen(listener_.get(), 1));
    thread_ = std::thread([this] { live(); });
  }
  ~Peer() override {
    stop_ = true;
    thread_.join();
    for (const auto& m : memory) ::munmap(m.cpu, m.bytes);
  }

  static bool good(Peer& peer, const EmulatorMessage& message) {
    peer.answer(message);
    return true;
  }

  void answer(const EmulatorMessage& message) {
    const auto access = load<EmulatorBarAccess>(message.data);
    const auto word = static_cast<std::uint32_t>(access.address - kMailbox) / 4;
    if (message.command == EmulatorCommand::kBarRead) {
      say(EmulatorCommand::kBarCompletion, access.address, word < 64 ? words_[word] : 0);
    } else if (message.command == EmulatorCommand::kBarWrite && word < 64) {
      words_[word] = static_cast<std::uint32_t>(access.value);
      firmware_.mailbox_written(word / 32, word / 2 % 16, word % 2, ++now_);
    }
  }
  void say(EmulatorCommand command, std::uint64_t address, std::uint64_t value,
           std::uint32_t size = 4) {
    EmulatorMessage message{};
    message.command = command;
    message.size = sizeof(EmulatorBarAccess);
    const EmulatorBarAccess access{address, value, size, 0, {}};
    std::memcpy(message.data.data(), &access, sizeof access);
    put(&message, sizeof message);
  }
  void put(const void* bytes, std::size_t count) {
    (void)::send(socket_.get(), bytes, count, MSG_NOSIGNAL);
  }
  Firmware& firmware() { return firmware_; }

  // FirmwarePort
  std::uint32_t mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half) override {
    return words_[mailbox * 32 + descriptor * 2 + half];
  }
  void set_mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half,
                        std::uint32_t value) override {
    words_[mailbox * 32 + descriptor * 2 + half] = value;
  }
  bool dma_read(std::uint64_t iova, std::span<std::byte> into) override {
    std::byte* const at = locate(iova, into.size());
    if (at != nullptr) std::memcpy(into.data(), at, into.size());
    return at != nullptr;
  }
  bool dma_write(std::uint64_t iova, std::span<const std::byte> from) override {
    std::byte* const at = locate(iova, from.size());
    if (at != nullptr) std::memcpy(at, from.data(), from.size());
    return at != nullptr;
  }
  void raise_vector0() override { say(EmulatorCommand::kBarWrite, 0x40, 1); }
  void set_pcs_in(std::uint32_t in0, std::uint32_t in1) override {
    say(EmulatorCommand::kBarWrite, 0x4601c, in0);
    say(EmulatorCommand::kBarWrite, 0x46094, in1);
  }

  struct Mapped {
    std::uint64_t address;
    std::uint64_t bytes;
    std::byte* cpu;
  };
  std::vector<Mapped> memory;

 private:
  template <class T>
  static T load(const std::array<std::byte, EmulatorMessage::kDataBytes>& data,
                std::size_t at = 0) {
    T value;
    std::memcpy(&value, data.data() + at, sizeof value);
    return value;
  }
  std::byte* locate(std::uint64_t iova, std::size_t bytes) const {
    for (const Mapped& m : memory) {
      if (iova >= m.address && iova - m.address + bytes <= m.bytes)
        return m.cpu + (iova - m.address);
    }
    return nullptr;
  }
  bool ready(int fd) const {
    while (!stop_) {
      pollfd wait{fd, POLLIN, 0};
      if (::poll(&wait, 1, 10) > 0) return true;
    }
    return false;
  }
  void live() {
    if (!ready(listener_.get())) return;
    socket_ = OwnedFd(::accept(listener_.get(), nullptr, nullptr));
    firmware_.start(0);
    EmulatorMessage message{};
    while (ready(socket_.get()) && receive(message)) {
      if (message.command == EmulatorCommand::kSyncMemory)
        map(message);
      else if (!behave_(*this, message))
        break;
    }
    socket_.reset();
  }
  bool receive(EmulatorMessage& message) {
    alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
    iovec io{&message, sizeof message};
    msghdr header{};
    header.msg_iov = &io;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (::recvmsg(socket_.get(), &header, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof message)
      return false;
    files_.clear();
    if (const cmsghdr* const c = CMSG_FIRSTHDR(&header); c != nullptr) {
      for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        files_.emplace_back(fd);
      }
    }
    return true;
  }
  void map(const EmulatorMessage& message) {
    for (const Mapped& m : memory) ::munmap(m.cpu, m.bytes);
    memory.clear();
    EXPECT_EQ(message.num_fds, files_.size());
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const auto one = load<EmulatorMemory>(message.data, i * sizeof(EmulatorMemory));
      void* const at = ::mmap(nullptr, one.bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                              files_[i].get(), static_cast<off_t>(one.offset));
      ASSERT_NE(MAP_FAILED, at);
      memory.push_back({one.address, one.bytes, static_cast<std::byte*>(at)});
    }
  }

  Behave behave_;
  OwnedFd listener_;
  OwnedFd socket_;
  std::vector<OwnedFd> files_;
  std::array<std::uint32_t, 64> words_{};
  Firmware firmware_;
  std::uint64_t now_ = 1'000'000;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Vectors final : public InterruptSink {
 public:
  void msix(std::uint16_t vector) override { count += vector == 0 ? 1 : 0; }
  unsigned count = 0;
};

class ExternalFirmwareTest : public testing::Test {
 protected:
  ExternalFirmwareTest()
      : path_(testing::TempDir() + "hni-fw-" + std::to_string(::getpid())),
        card_({}, dma_, vectors_, wire_) {
    ::unlink(path_.c_str());
    vectors_.count = 0;
  }
  ~ExternalFirmwareTest() override {
    firmware_.reset();
    peer_.reset();
    ::unlink(path_.c_str());
  }

  void begin(Peer::Behave behave) {
    peer_ = std::make_unique<Peer>(path_, std::move(behave));
    auto made = ExternalFirmware::connect(
        path_, [this](const std::string& line) { reports_.push_back(line); });
    ASSERT_TRUE(made.has_value()) << made.error();
    firmware_ = std::move(*made);
    firmware_->serve_card(card_, memory_);
    card_.write(spec::PUL_OB_TLP_HDR_AW_CFG::at(), spec::PUL_OB_TLP_HDR_AW_CFG{}.set_BME(1).raw);
    card_.write(spec::PUL_OB_TLP_HDR_AR_CFG::at(), spec::PUL_OB_TLP_HDR_AR_CFG{}.set_BME(1).raw);
    card_.write(spec::INTR_MASK_CLEAR::at(0), 1);
  }
  /// Adds a file of two pages at `address` that host and firmware share; returns its bytes.
  std::byte* window(std::uint64_t address) {
    OwnedFd file(::memfd_create("host", MFD_CLOEXEC));
    EXPECT_EQ(0, ::ftruncate(file.get(), 2 * kPage));
    void* const at = ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    EXPECT_EQ(0, memory_.map(address, 2 * kPage, 0, std::move(file), true));
    memory_.enable(true);
    return static_cast<std::byte*>(at);
  }
  void post(unsigned mailbox, unsigned descriptor, std::uint64_t address, std::uint64_t length) {
    const std::uint64_t raw = address | length << 48 | 1ull << 46 | 1;
    card_.write(spec::MBX_DESC_HI::at(mailbox, descriptor), static_cast<std::uint32_t>(raw >> 32));
    card_.write(spec::MBX_DESC_LO::at(mailbox, descriptor), static_cast<std::uint32_t>(raw));
  }
  std::uint32_t low(unsigned mailbox, unsigned descriptor) {
    return card_.read(spec::MBX_DESC_LO::at(mailbox, descriptor));
  }
  void expect_dead(const std::string& why) {
    for (const auto end = Clock::now() + std::chrono::seconds(20);
         firmware_->alive() && Clock::now() < end;) {
      (void)firmware_->serve(64);
    }
    EXPECT_EQ(why, firmware_->why());
    EXPECT_EQ((std::vector<std::string>{"the firmware died: " + why}), reports_);
    EXPECT_EQ(1u, firmware_->counters().deaths);
    // The card continues: its memory holds what the host writes, and no message is completed.
    post(1, 0, 0x10000, 4);
    EXPECT_EQ(0x10001u, low(1, 0));
    EXPECT_FALSE(firmware_->serve(64));
  }

  std::string path_;
  DmaMemory dma_;
  Vectors vectors_;
  Loopback wire_;
  Card card_;
  GuestMemory memory_{dma_};
  std::vector<std::string> reports_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<ExternalFirmware> firmware_;
};

TEST_F(ExternalFirmwareTest, ARequestIsAnsweredThroughSharedMemory) {
  begin(Peer::good);
  std::byte* const page = window(0x10000);
  const std::uint32_t heartbeat = 0x00018014;
  std::memcpy(page, &heartbeat, sizeof heartbeat);
  post(0, 0, 0x11000, 4096);
  post(1, 0, 0x10000, 4);
  EXPECT_EQ(0x10003u, low(1, 0));
  EXPECT_EQ(0x11003u, low(0, 0));
  EXPECT_EQ(16u << 16 | 1u << 14, card_.read(spec::MBX_DESC_HI::at(0, 0)));
  std::uint32_t answer = 0;
  std::memcpy(&answer, page + kPage, sizeof answer);
  EXPECT_EQ(0x00048015u, answer);
  EXPECT_LT(0u, vectors_.count);
  EXPECT_EQ(2u, firmware_->counters().lanes);
  EXPECT_EQ(1u, firmware_->counters().syncs);
  EXPECT_EQ(4u, firmware_->counters().writes);
}

TEST_F(ExternalFirmwareTest, UnmappedHostMemoryIsWithdrawnFromTheFirmware) {
  begin(Peer::good);
  (void)window(0x10000);
  post(0, 0, 0x10000, 4096);
  EXPECT_EQ(1u, firmware_->counters().syncs);
  firmware_->follow_memory();
  EXPECT_EQ(1u, firmware_->counters().syncs);
  EXPECT_EQ(0, memory_.unmap(0x10000, 2 * kPage));
  firmware_->follow_memory();
  EXPECT_EQ(2u, firmware_->counters().syncs);
  post(0, 1, 0x20000, 4096);
  EXPECT_EQ(1u, firmware_->counters().unshown);
  EXPECT_TRUE(firmware_->alive());
}

TEST_F(ExternalFirmwareTest, AtMostEightWindowsAreShared) {
  begin(Peer::good);
  for (unsigned i = 0; i < 10; ++i) {
    (void)window(0x100000 + i * 0x10000);
    post(0, i, 0x100000 + i * 0x10000, 4096);
  }
  EXPECT_EQ(8u, firmware_->counters().syncs);
  EXPECT_EQ(2u, firmware_->counters().unshown);
  EXPECT_TRUE(firmware_->alive());
}

TEST_F(ExternalFirmwareTest, AtMostAsManyMessagesAreInFlightAsTheMockAccepts) {
  unsigned row = 0;
  unsigned longest = 0;
  begin([&](Peer& peer, const EmulatorMessage& message) {
    row = message.command == EmulatorCommand::kBarRead ? 0 : row + 1;
    longest = std::max(longest, row);
    peer.answer(message);
    return true;
  });
  for (unsigned i = 0; i < 100; ++i) card_.write(spec::MBX_DESC_HI::at(0, i % 16), i);
  EXPECT_EQ(99u, card_.read(spec::MBX_DESC_HI::at(0, 3)));
  EXPECT_EQ(ExternalFirmware::kMaxUnderWay, longest);
}

TEST_F(ExternalFirmwareTest, WritesToOtherThanVectorZeroAndLanesAreRefused) {
  begin([](Peer& peer, const EmulatorMessage& message) {
    peer.say(EmulatorCommand::kBarWrite, 0x3106c * 4, 1);
    peer.say(EmulatorCommand::kBarWrite, 0x40, 0xffffffff);
    peer.say(EmulatorCommand::kBarWrite, 0x1'0000'0040, 1);
    peer.say(EmulatorCommand::kBarWrite, 0x40, 1, 8);
    peer.say(EmulatorCommand::kBarCompletion, 0x18010, 1);
    peer.answer(message);
    return true;
  });
  const std::uint64_t before = firmware_->counters().interrupts;
  EXPECT_EQ(0u, low(0, 0));
  EXPECT_EQ(4u, firmware_->counters().refused_writes);
  EXPECT_EQ(1u, firmware_->counters().strays);
  EXPECT_EQ(before + 1, firmware_->counters().interrupts);  // of its start
  EXPECT_TRUE(firmware_->alive());
}

TEST_F(ExternalFirmwareTest, ADisconnectIsAFirmwareCrash) {
  begin([](Peer&, const EmulatorMessage&) { return false; });
  (void)low(0, 0);
  expect_dead("closed by the other side");
}

TEST_F(ExternalFirmwareTest, ADisconnectWithinAMessageIsAFirmwareCrash) {
  begin([](Peer& peer, const EmulatorMessage&) {
    peer.put("half", 4);
    return false;
  });
  (void)low(0, 0);
  expect_dead("closed in the middle of a message");
}

TEST_F(ExternalFirmwareTest, AnUnknownCommandIsAFirmwareCrash) {
  begin([](Peer& peer, const EmulatorMessage&) {
    peer.say(EmulatorCommand{77}, 0, 0);
    return true;
  });
  (void)low(0, 0);
  expect_dead("an unknown command, 77");
}

TEST_F(ExternalFirmwareTest, AnOversizedMessageIsAFirmwareCrash) {
  begin([](Peer& peer, const EmulatorMessage&) {
    EmulatorMessage message{};
    message.command = EmulatorCommand::kBarCompletion;
    message.size = 193;
    peer.put(&message, sizeof message);
    return true;
  });
  (void)low(0, 0);
  expect_dead("a message of invalid length, 193");
}

TEST_F(ExternalFirmwareTest, UnresponsiveFirmwareIsACrashAfterTheTimeout) {
  begin([](Peer&, const EmulatorMessage&) { return true; });
  const auto start = Clock::now();
  EXPECT_EQ(0u, low(0, 0));
  EXPECT_LE(ExternalFirmware::kAnswerTime, Clock::now() - start + std::chrono::milliseconds(5));
  expect_dead("no answer");
}

TEST_F(ExternalFirmwareTest, EndlessMessagesAreAFirmwareCrash) {
  begin([](Peer& peer, const EmulatorMessage&) {
    for (int i = 0; i < 10000; ++i) peer.say(EmulatorCommand::kRet, 0, 0);
    return false;
  });
  (void)low(0, 0);
  expect_dead("too many messages without the expected reply");
}

TEST_F(ExternalFirmwareTest, WithoutAListenerTheErrorNamesTheRemedy) {
  const auto made = ExternalFirmware::connect(path_ + "-none", {});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ("'" + path_ +
                "-none': No such file or directory; start the firmware first, it listens there",
            made.error());
  EXPECT_FALSE(ExternalFirmware::connect(std::string(200, 'x'), {}).has_value());
}

}  // namespace
}  // namespace hni::device::vfio_user
