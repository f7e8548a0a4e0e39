// SPDX-License-Identifier: Apache-2.0
// The vfio-user server against a hostile client: arbitrary bytes in pieces, with arbitrary
// descriptors. Input: one byte of options, then pieces of a kind (which descriptors are sent), a
// 16-bit length, and so many bytes. The server must reply within bounds, keep its windows
// separate, close every descriptor, and leave an idle card.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "device/wire/cable.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/descriptor_count.hpp"
#include "tests/support/send_with_fds.hpp"
#include "vfio_user/connection.hpp"
#include "vfio_user/session.hpp"

namespace hni::fuzz {
namespace {

using namespace device::vfio_user;  // NOLINT: this file is about nothing else

constexpr std::uint8_t kNegotiated = 1;  // option: the version handshake is already done

/// Building a card is slow, so one card serves all inputs and is reset for each.
struct SharedCard {
  device::DmaMemory dma;
  device::Loopback wire{4};
  IrqLines lines{130};
  device::Card card{{}, dma, lines, wire};
};

SharedCard& shared() {
  static SharedCard only;
  only.card.reset(device::ResetKind::kFunctionLevel);
  only.lines.clear();
  return only;
}

/// The server's side, as in Server but without a listener.
struct Node {
  explicit Node(int socket) : connection(OwnedFd(socket)) {}

  SharedCard& own = shared();
  device::Card& card = own.card;
  device::DmaMemory& dma = own.dma;
  ConfigSpace config{{}};
  GuestMemory memory{own.dma};
  Connection connection;
  Session session{own.card, config, memory, own.lines};
};

int memory_file() {
  static const int fd = [] {
    const int made = ::memfd_create("fuzz", MFD_CLOEXEC);
    return ::ftruncate(made, 1 << 20) == 0 ? made : -1;
  }();
  return fd;
}

int event_file() {
  static const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd;
}

/// The descriptors that accompany a piece, by its kind.
std::vector<int> descriptors(std::uint8_t kind) {
  const std::size_t count = kind >> 3 & 0x1f;
  switch (kind & 7) {
    case 0:
      return {memory_file()};
    case 1:
      return std::vector<int>(count, event_file());
    case 2:
      return std::vector<int>(count, memory_file());
    default:
      return {};
  }
}

void drain(int socket) {
  std::array<std::byte, 65536> buffer;
  while (::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {
  }
}

bool serve(Node& side, int client) {
  while (!side.connection.broken()) {
    auto message = side.connection.next();
    if (!message) {
      if (!side.connection.fill()) return !side.connection.broken();
      continue;
    }
    ++work().events;
    const Reply reply = side.session.handle(*message);
    require(reply.payload.size() <= kMaxMessage - sizeof(Header), "geometry",
            "an answer longer than agreed", reply.payload.size());
    require(reply.error >= 0 && reply.error < 4096, "range", "no errno value",
            static_cast<std::uint64_t>(reply.error));
    Header header = message->header;
    header.bytes = static_cast<std::uint32_t>(sizeof header + reply.payload.size());
    side.connection.send(header, reply.payload);
    drain(client);
    side.connection.flush();
    require(side.memory.windows() <= kMaxDmaMaps, "geometry", "more windows than agreed",
            side.memory.windows());
    require(side.dma.mappings() <= side.memory.windows(), "geometry",
            "the card sees more than the client opened", side.dma.mappings());
    if (side.session.broken()) return false;
  }
  return false;
}

void play(std::span<const std::byte> input) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  const OwnedFd client(ends[0]);
  const auto side = std::make_unique<Node>(ends[1]);
  const auto options = input.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(input[0]);
  bool going = true;
  if ((options & kNegotiated) != 0) {
    struct {
      Header header{1, 1, sizeof(Header) + sizeof(Version), 0, 0};
      Version version{0, 1};
    } hello;
    going = send_with_fds(client.get(), bytes_of(hello), {}) && serve(*side, client.get());
  }
  for (std::size_t at = 1; going && at + 3 <= input.size();) {
    const auto kind = static_cast<std::uint8_t>(input[at]);
    const std::size_t wanted = load<std::uint16_t>(input.subspan(at + 1));
    at += 3;
    const auto bytes = input.subspan(at, std::min(wanted, input.size() - at));
    at += bytes.size();
    if (bytes.empty()) continue;
    going = send_with_fds(client.get(), bytes, descriptors(kind)) && serve(*side, client.get());
  }
  std::uint32_t turns = 0;
  while (side->card.run(256)) {
    ++turns;
    require(turns < 20'000, "steps", "the card does not become idle", turns);
  }
}

void run(const std::uint8_t* data, std::size_t size) {
  (void)memory_file();
  (void)shared();
  leaves_no_descriptor(event_file(), data, size, play);
}

}  // namespace

const Target& vfio_user_target() {
  static constexpr Target kTarget{
      "vfio_user", "the vfio-user server against any client", {}, run, 8192};
  return kTarget;
}

}  // namespace hni::fuzz
