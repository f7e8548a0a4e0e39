// SPDX-License-Identifier: Apache-2.0
// hostile_messages [MESSAGES [SEED]]: two cards in one process, as with `hni device --shared`.
// One client sends hostile messages: valid ones, mutated ones, with any descriptors attached. It
// reconnects whenever the server closes it. The other client reads a register per round. Prints
// the longest such read in processor time of this process; fails if a descriptor leaks or if the
// other client is not served.
//     cmake --preset asan && cmake --build build/asan --target vfio_user_hostile_messages
//     build/asan/tests/vfio_user/vfio_user_hostile_messages 1000000
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "device/wire/cable.hpp"
#include "vfio_user/server.hpp"

namespace hni::device::vfio_user {
namespace {

using Bytes = std::vector<std::byte>;

std::uint64_t cpu_ns() {
  timespec now{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

int open_files() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

/// Time slices of 2 ms. The server does not wait for replies to DMA messages, as after the 200 ms
/// that a client of a shared process has.
struct Turns final : LoopHooks {
  bool turn_spent() override { return cpu_ns() >= end; }
  std::optional<WaitEnd> wait(int, short, std::chrono::milliseconds) override {
    return WaitEnd{"no answer to a DMA message", true};
  }
  std::uint64_t end = ~std::uint64_t{0};
};

template <class T>
void append(Bytes& to, const T& value) {
  const auto bytes = bytes_of(value);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

class Card2 {
 public:
  Card2(const std::string& path, Turns& turns) : path_(path), turns_(turns) {
    auto made = Server::create(path, CardConfig{}, wire_, [](const std::string&) {});
    if (!made) std::exit(2);
    server_ = std::move(*made);
    server_->set_hooks(turns);
  }
  OwnedFd connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path_.c_str());
    OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return fd;
  }
  /// One iteration of the loop, as in DeviceRunner.
  void turn(std::uint64_t now) {
    server_->accept_client();
    turns_.end = cpu_ns() + 2'000'000;
    (void)server_->serve(now, 256);
    server_->card().tick(now);
    (void)server_->card().run(64);
    server_->publish();
    turns_.end = ~std::uint64_t{0};
  }
  Server& server() { return *server_; }

 private:
  std::string path_;
  Turns& turns_;
  Loopback wire_;
  std::unique_ptr<Server> server_;
};

class Attacker {
 public:
  explicit Attacker(std::uint64_t seed) : random_(seed) {
    memory_ = OwnedFd(::memfd_create("guest", MFD_CLOEXEC));
    (void)!::ftruncate(memory_.get(), 16 << 20);
    huge_ = OwnedFd(::memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));
    if (huge_) (void)!::ftruncate(huge_.get(), 64 << 20);
    event_ = OwnedFd(::eventfd(0, EFD_CLOEXEC));
    const std::uint64_t most = 0xfffffffffffffffe;
    full_ = OwnedFd(::eventfd(0, EFD_CLOEXEC));
    (void)!::write(full_.get(), &most, sizeof most);
  }

  Bytes hello() { return message(1, version_payload(), false); }

  /// Builds the next message and its descriptors.
  Bytes next(std::vector<int>& fds) {
    fds.clear();
    if (any(50) == 0) (void)!::ftruncate(memory_.get(), any(2) != 0 ? 16 << 20 : 4096);
    if (any(50) == 0) (void)::fcntl(full_.get(), F_SETFL, 0);  // blocking again
    const std::uint16_t command = command_of(any(20));
    Bytes payload = payload_of(command, fds);
    if (any(8) == 0 && !payload.empty())
      for (std::uint64_t n = any(4) + 1; n != 0; --n)
        payload[any(payload.size())] = static_cast<std::byte>(any(256));
    if (any(40) == 0) payload.resize(any(200));
    if (any(40) == 0) fds.assign(any(20), fd_of(any(5)));
    return message(any(200) == 0 ? static_cast<std::uint16_t>(any(65536)) : command, payload,
                   any(400) == 0);
  }

 private:
  std::uint64_t any(std::uint64_t below) { return random_() % below; }

  static std::uint16_t command_of(std::uint64_t n) {
    constexpr std::array<std::uint16_t, 20> kCommands{2, 2,  2,  3,  4,  5,  7,  8,  8,  9,
                                                      9, 10, 10, 10, 10, 10, 13, 15, 16, 10};
    return kCommands[n];
  }
  int fd_of(std::uint64_t kind) const {
    const std::array<int, 5> all{memory_.get(), event_.get(), full_.get(), huge_.get(), 0};
    return all[kind] >= 0 ? all[kind] : 0;
  }
  static Bytes version_payload() {
    Bytes payload;
    append(payload, Version{0, 1});
    return payload;
  }
  Bytes message(std::uint16_t command, const Bytes& payload, bool bad_length) {
    Bytes all;
    const auto size = static_cast<std::uint32_t>(sizeof(Header) + payload.size());
    append(all, Header{static_cast<std::uint16_t>(any(65536)), command,
                       bad_length ? static_cast<std::uint32_t>(any(100'000)) : size,
                       any(3) == 0 ? Header::kNoReply : 0, 0});
    all.insert(all.end(), payload.begin(), payload.end());
    return all;
  }
  std::uint32_t region() { return std::array<std::uint32_t, 5>{0, 0, 4, 7, 2}[any(5)]; }
  std::uint64_t offset(std::uint32_t region) {
    if (region == 7) return std::array<std::uint64_t, 5>{4, 0x68, 0x52, 0, any(4096)}[any(5)];
    return region == 0 ? any(0x40000 / 4) * 4 : any(0x1000 / 4) * 4;
  }
  std::uint32_t value() {
    return std::array<std::uint32_t, 6>{
        0, 1, 6, 0x8000, 0xffffffff, static_cast<std::uint32_t>(random_())}[any(6)];
  }

  Bytes payload_of(std::uint16_t command, std::vector<int>& fds) {
    Bytes payload;
    switch (command) {
      case 2:
        if (any(3) != 0) fds.push_back(fd_of(any(20) == 0 ? 3 : 0));
        append(payload, DmaMap{32, static_cast<std::uint32_t>(any(40) == 0 ? any(8) : 3),
                               any(4096) << 12, any(4096) << 12, (any(8) + 1) << 12});
        break;
      case 3:
        append(payload, DmaUnmap{24, any(100) == 0 ? DmaUnmap::kAll : 0, any(4096) << 12,
                                 (any(64) + 1) << 12});
        break;
      case 4:
      case 5:
      case 7:
        payload.resize(command == 5 ? sizeof(RegionInfo) : sizeof(IrqInfo));
        break;
      case 8: {
        const auto count = static_cast<std::uint32_t>(any(8) + 1);
        for (std::uint32_t i = 0; i < count; ++i) fds.push_back(fd_of(1 + any(2)));
        append(payload, SetIrqs{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq,
                                static_cast<std::uint32_t>(any(130)), count});
        break;
      }
      case 9: {
        const std::uint32_t at = region();
        append(payload,
               RegionAccess{offset(at), at, any(50) == 0 ? kMaxTransfer : std::uint32_t{4}});
        break;
      }
      case 10: {
        const std::uint32_t at = region();
        const std::uint32_t words = any(50) == 0 ? kMaxTransfer / 4 : 1;
        append(payload, RegionAccess{offset(at), at, 4 * words});
        for (std::uint32_t i = 0; i < words; ++i) append(payload, value());
        break;
      }
      case 15: {
        const std::uint64_t count = any(10) == 0 ? 2700 : any(8);
        append(payload, count);
        MultiWrite one{any(2) == 0 ? 0x68u : 4u, kConfigRegion, 2, {}};
        for (std::uint64_t i = 0; i < count; ++i) {
          const std::uint16_t word =
              one.offset == 4 ? static_cast<std::uint16_t>(i % 2 * 6) : std::uint16_t{0x8000};
          std::memcpy(one.data, &word, sizeof word);
          append(payload, one);
        }
        break;
      }
      default:
        break;
    }
    return payload;
  }

  std::mt19937_64 random_;
  OwnedFd memory_, huge_, event_, full_;
};

bool put(int socket, const Bytes& bytes, std::size_t& done, const std::vector<int>& fds) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(32 * sizeof(int))> control{};
  iovec io{const_cast<std::byte*>(bytes.data()) + done, bytes.size() - done};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  if (!fds.empty() && done == 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* const c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  }
  const ssize_t n = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) done += static_cast<std::size_t>(n);
  return n > 0 || errno == EAGAIN;
}

void drain(int socket) {
  std::array<std::byte, 65536> buffer;
  while (::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
  }
}

/// The other client sends a read and the loop runs until the reply arrives. Returns the processor
/// time, or nothing on failure.
std::optional<std::uint64_t> neighbour_waits(Card2& other, Card2& own, int socket,
                                             std::uint64_t& now) {
  Bytes question;
  append(question, Header{1, 9, sizeof(Header) + sizeof(RegionAccess), 0, 0});
  append(question, RegionAccess{0, kConfigRegion, 4});
  const std::uint64_t begin = cpu_ns();
  std::size_t done = 0;
  (void)put(socket, question, done, {});
  for (int round = 0; round < 100; ++round) {
    now += 1'000'000;
    other.turn(now);
    own.turn(now);
    std::array<std::byte, 256> answer;
    if (::recv(socket, answer.data(), answer.size(), MSG_DONTWAIT) > 0) return cpu_ns() - begin;
  }
  return std::nullopt;
}

int play(std::uint64_t messages, std::uint64_t seed) {
  const std::string path = "/tmp/hni-hostile-" + std::to_string(::getpid());
  Turns turns;
  Attacker attacker(seed);
  const int before = open_files();
  std::uint64_t longest = 0;
  std::uint64_t sent = 0;
  std::uint64_t clients = 0;
  {
    Card2 attacked(path + ".a", turns);
    Card2 neighbour(path + ".b", turns);
    std::uint64_t now = 1'000'000;
    OwnedFd good = neighbour.connect();
    std::size_t done = 0;
    (void)put(good.get(), attacker.hello(), done, {});
    for (int i = 0; i < 4; ++i) neighbour.turn(now);
    drain(good.get());
    OwnedFd bad;
    std::vector<int> fds;
    while (sent < messages) {
      if (!bad) {
        bad = attacked.connect();
        ++clients;
        done = 0;
        (void)put(bad.get(), attacker.hello(), done, {});
      }
      for (int burst = 0; burst < 32 && bad; ++burst, ++sent) {
        const Bytes message = attacker.next(fds);
        done = 0;
        for (int tries = 0; done < message.size() && bad && tries < 1000; ++tries) {
          if (!put(bad.get(), message, done, fds)) bad.reset();
          if (bad && done < message.size()) {
            drain(bad.get());
            attacked.turn(now += 1000);
          }
        }
      }
      const auto waited = neighbour_waits(attacked, neighbour, good.get(), now);
      if (!waited) {
        std::printf("the neighbour is not served after %llu messages\n",
                    static_cast<unsigned long long>(sent));
        return 1;
      }
      longest = std::max(longest, *waited);
      if (!bad) continue;
      drain(bad.get());
      pollfd state{bad.get(), POLLIN, 0};
      if (::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0) bad.reset();
    }
    std::printf(
        "%llu messages of %llu clients, %llu closed; longest wait of the neighbour %.2f ms of "
        "processor time; %llu pages lost\n",
        static_cast<unsigned long long>(sent), static_cast<unsigned long long>(clients),
        static_cast<unsigned long long>(attacked.server().counters().breaches),
        static_cast<double>(longest) / 1e6, static_cast<unsigned long long>(GuestMemory::lost()));
  }
  const int after = open_files();
  std::printf("descriptors: %d before, %d after\n", before, after);
  return before == after ? 0 : 1;
}

}  // namespace
}  // namespace hni::device::vfio_user

int main(int argc, char** argv) {
  const auto number = [&](int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  return hni::device::vfio_user::play(number(1, 20'000), number(2, 1));
}
