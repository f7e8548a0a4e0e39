// SPDX-License-Identifier: Apache-2.0
// The vhost-user back-end against a hostile front-end: arbitrary bytes in pieces, with arbitrary
// descriptors and arbitrary contents of shared memory. Input: one byte of options, then pieces of
// a kind, a 16-bit number, a 16-bit length and as many bytes. The back-end must reply within
// bounds, do bounded work per call, close every descriptor, and leave an idle card.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "device/wire/cable.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/descriptor_count.hpp"
#include "tests/support/send_with_fds.hpp"
#include "vhost_user/session.hpp"

namespace hni::fuzz {
namespace {

using namespace device::vhost_user;  // NOLINT: this file is about nothing else
using device::vfio_user::ConfigSpace;
using device::vfio_user::GuestMemory;

constexpr std::uint8_t kStarted = 1;  // option: features, memory and queues are already set up

constexpr std::uint64_t kGuest = 0x4000'0000;
constexpr std::size_t kMemory = 0x40000;
constexpr std::uint32_t kEntries = 16;

/// Kinds of pieces.
enum Kind : std::uint8_t {
  kMessage = 0,    ///< bytes on the socket; the number of descriptors that accompany them
  kWrite = 1,      ///< bytes into memory, at 16 times the number
  kKick = 2,       ///< the queue of that number
  kTruncate = 3,   ///< resizes the memory's file to so many pages
  kInterrupt = 4,  ///< the vector of that number fires
  kKinds = 5,
};

/// Building a card is slow, so one card serves all inputs and is reset for each.
struct SharedCard {
  device::DmaMemory dma;
  device::Loopback wire{4};
  MsixTable msix{130, dma};
  device::Card card{{}, dma, msix, wire};
};

SharedCard& shared() {
  static SharedCard only;
  only.card.reset(device::ResetKind::kFunctionLevel);
  only.msix.reset();
  return only;
}

/// The back-end as in Server, but without a listener.
struct Side {
  explicit Side(int socket) : connection(OwnedFd(socket)) {}

  SharedCard& own = shared();
  ConfigSpace config{{}};
  GuestMemory memory{own.dma};
  PciFunction function{own.card, config, memory, own.msix};
  Connection connection;
  Session session{function, memory, own.msix};
};

struct SharedFile {
  int fd = -1;
  std::byte* at = nullptr;
};

SharedFile& memory_file() {
  static SharedFile file = [] {
    SharedFile made;
    made.fd = ::memfd_create("fuzz", MFD_CLOEXEC);
    if (::ftruncate(made.fd, kMemory) == 0)
      made.at = static_cast<std::byte*>(
          ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED, made.fd, 0));
    return made;
  }();
  return file;
}

void drain(int socket) {
  std::array<std::byte, 4096> buffer;
  while (::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
  }
}

void run_commands(Side& side) {
  // No input can write to memory at this point, so the queue keeps its contents.
  for (unsigned turns = 0;; ++turns) {
    require(turns <= kMaxQueueSize, "steps", "more commands than a virtqueue has entries", turns);
    const std::uint64_t bytes = side.session.counters().bytes;
    const bool more = side.session.run_commands();
    require(side.session.counters().bytes - bytes <= Session::kMaxBytes + 2 * kMaxTransfer + 16,
            "geometry", "a turn of more bytes than agreed", side.session.counters().bytes - bytes);
    (void)side.session.deliver_interrupts();
    (void)side.session.owes_command_notification();
    if (!more) return;
  }
}

bool serve(Side& side, int client) {
  while (!side.connection.broken()) {
    auto message = side.connection.next();
    if (!message) return !side.connection.broken();
    ++work().events;
    const auto reply = side.session.handle(*message);
    require(!reply || reply->size() <= kMaxPayload, "geometry", "a reply longer than agreed",
            reply ? reply->size() : 0);
    if (side.session.broken()) return false;
    if (message->header.request == static_cast<std::uint32_t>(Request::kVringKick))
      run_commands(side);
    if (reply) side.connection.send({message->header.request, 5, 0}, *reply);
    drain(client);
    require(side.memory.windows() <= kMaxRegions, "geometry", "more windows than agreed",
            side.memory.windows());
    require(side.own.dma.mappings() <= side.memory.windows(), "geometry",
            "the card sees more than the front-end shared", side.own.dma.mappings());
    if (side.session.broken()) return false;
  }
  return false;
}

template <class T>
bool tell(Side& side, int client, Request request, const T& payload,
          const std::vector<int>& fds = {}) {
  const struct { Header header; } head{{static_cast<std::uint32_t>(request), 9, sizeof payload}};
  std::vector<std::byte> bytes(sizeof(Header) + sizeof payload);
  std::memcpy(bytes.data(), &head, sizeof(Header));
  std::memcpy(bytes.data() + sizeof(Header), &payload, sizeof payload);
  return send_with_fds(client, bytes, fds) && serve(side, client);
}

/// The start sequence of User Mode Linux: rings at 0x1000 and 0x5000, with parts 0x1000 apart.
bool start(Side& side, int client) {
  struct {
    MemTable table{1, 0};
    MemRegion region{kGuest, kMemory, kGuest, 0};
  } memory;
  bool good = tell(side, client, Request::kSetProtocolFeatures, kProtocolFeatures) &&
              tell(side, client, Request::kSetMemTable, memory, {memory_file().fd});
  for (std::uint32_t queue = 0; good && queue < kQueues; ++queue) {
    const std::uint64_t at = kGuest + 0x1000 + 0x4000 * queue;
    good = tell(side, client, Request::kSetVringNum, VringState{queue, kEntries}) &&
           tell(side, client, Request::kSetVringAddr,
                VringAddr{queue, 0, at, at + 0x2000, at + 0x1000, 0}) &&
           tell(side, client, Request::kSetVringEnable, VringState{queue, 1});
  }
  return good;
}

bool play_piece(Side& side, int client, std::uint8_t kind, std::uint16_t number,
                std::span<const std::byte> bytes) {
  const SharedFile& file = memory_file();
  switch (kind % kKinds) {
    case kMessage:
      return bytes.empty() ||
             (send_with_fds(client, bytes, std::vector<int>(number % 12, file.fd)) &&
              serve(side, client));
    case kWrite: {
      const std::size_t at = std::size_t{number} * 16 % kMemory;
      const std::size_t count = std::min(bytes.size(), kMemory - at);
      // Writes through the file, as it may have been truncated.
      return ::pwrite(file.fd, bytes.data(), count, static_cast<off_t>(at)) >= 0;
    }
    case kKick:
      return tell(side, client, Request::kVringKick, VringState{number, 0});
    case kTruncate:
      return ::ftruncate(file.fd, static_cast<off_t>(number) % 64 * 4096) == 0;
    default:
      side.own.msix.msix(number);
      (void)side.session.deliver_interrupts();
      return !side.session.broken();
  }
}

void play(std::span<const std::byte> input) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  const OwnedFd client(ends[0]);
  const auto side = std::make_unique<Side>(ends[1]);
  const auto options = input.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(input[0]);
  bool going = (options & kStarted) == 0 || start(*side, client.get());
  for (std::size_t at = 1; going && at + 5 <= input.size();) {
    const auto kind = static_cast<std::uint8_t>(input[at]);
    const auto number = load<std::uint16_t>(input.subspan(at + 1));
    const std::size_t wanted = load<std::uint16_t>(input.subspan(at + 3));
    at += 5;
    const auto bytes = input.subspan(at, std::min(wanted, input.size() - at));
    at += bytes.size();
    going = play_piece(*side, client.get(), kind, number, bytes);
  }
  std::uint32_t turns = 0;
  while (side->own.card.run(256)) {
    ++turns;
    require(turns < 20'000, "steps", "the card does not become idle", turns);
  }
}

void run(const std::uint8_t* data, std::size_t size) {
  const SharedFile& file = memory_file();
  // Each input starts with zeroed memory.
  if (::ftruncate(file.fd, 0) != 0 || ::ftruncate(file.fd, kMemory) != 0) return;
  (void)shared();
  leaves_no_descriptor(file.fd, data, size, play);
}

}  // namespace

const Target& vhost_user_target() {
  static constexpr Target kTarget{
      "vhost_user", "the vhost-user back-end against any front-end", {}, run, 8192};
  return kTarget;
}

}  // namespace hni::fuzz
