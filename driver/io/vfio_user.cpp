// SPDX-License-Identifier: Apache-2.0
#include "driver/io/vfio_user.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace hni::io {

namespace vu = device::vfio_user;

namespace {

constexpr int kPatienceMs = 2000;
constexpr unsigned kMaxVectors = 256;
/// File descriptors per message that the protocol guarantees without negotiation.
constexpr unsigned kFdsAtOnce = 8;

std::uint32_t region_of(Bar bar) {
  return bar == Bar::kBar0 ? 0 : 4;
}

std::int64_t now_ms() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

tl::unexpected<std::string> no(const std::string& what) {
  return tl::unexpected<std::string>(what);
}

}  // namespace

tl::expected<std::unique_ptr<VfioUser>, std::string> VfioUser::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return no("'" + path + "': the path of a socket must have 1 to 107 characters");
  std::memcpy(address.sun_path, path.data(), path.size());
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    const bool absent = error == ECONNREFUSED || error == ENOENT;
    return no("'" + path + "': " + std::strerror(error) +
              (absent            ? ": no server listens there"
               : error == EAGAIN ? ": the server is busy"
                                 : ""));
  }
  std::unique_ptr<VfioUser> io(new VfioUser(std::move(socket)));
  for (const auto step : {&VfioUser::negotiate, &VfioUser::open_regions, &VfioUser::identify,
                          &VfioUser::open_interrupts}) {
    if (auto r = ((*io).*step)(); !r) return no("'" + path + "': " + r.error());
  }
  return io;
}

VfioUser::~VfioUser() {
  // Closing the connection closes all windows of the server.
  for (const DmaSpan& span : spans_.all()) ::munmap(span.cpu, span.bytes);
}

// ---- Setup

VfioUser::Status VfioUser::negotiate() {
  constexpr std::string_view kText = R"({"capabilities":{"max_msg_fds":8}})";
  std::array<char, kText.size() + 1> text{};
  std::copy(kText.begin(), kText.end(), text.begin());
  const vu::Version ours{0, 1};
  const auto answer = ask(Command::kVersion, vu::bytes_of(ours), std::as_bytes(std::span(text)));
  if (answer && answer->size() >= sizeof ours) return {};
  if (!answer && answer.error() == EBUSY)
    return no("the server is busy: another client uses the card; end it first");
  if (connection_.broken())
    return no("the server closed the connection (" + connection_.why() +
              "): it is busy, or not a vfio-user server");
  return no("not a vfio-user server");
}

VfioUser::Status VfioUser::open_regions() {
  const std::pair<std::uint32_t, std::uint64_t> needed[] = {
      {0, kBar0Bytes}, {4, kBar4Bytes}, {vu::kConfigRegion, 256}};
  for (const auto& [index, bytes] : needed) {
    const vu::RegionInfo question{sizeof question, 0, index, 0, 0, 0};
    const auto answer = ask(Command::kGetRegionInfo, vu::bytes_of(question));
    if (!answer || answer->size() < sizeof question ||
        vu::load<vu::RegionInfo>(*answer).bytes < bytes)
      return no("not an fbnic: regions missing or too small");
  }
  return {};
}

tl::expected<std::uint32_t, std::string> VfioUser::read_config(std::uint32_t offset) {
  const vu::RegionAccess question{offset, vu::kConfigRegion, sizeof(std::uint32_t)};
  const auto answer = ask(Command::kRegionRead, vu::bytes_of(question));
  if (!answer || answer->size() != sizeof question + sizeof(std::uint32_t))
    return no("the configuration space cannot be read");
  return vu::load<std::uint32_t>(answer->subspan(sizeof question));
}

VfioUser::Status VfioUser::identify() {
  const auto function = identify_function([this](std::uint32_t at) { return read_config(at); });
  if (!function) return no(function.error());
  pci_ = *function;
  const vu::RegionAccess command{kCommandOffset, vu::kConfigRegion, sizeof kMemoryAndMaster};
  if (!ask(Command::kRegionWrite, vu::bytes_of(command), vu::bytes_of(kMemoryAndMaster)))
    return no("cannot make the device bus master");
  return {};
}

VfioUser::Status VfioUser::open_interrupts() {
  const vu::IrqInfo question{sizeof question, 0, vu::kMsixIrq, 0};
  const auto answer = ask(Command::kGetIrqInfo, vu::bytes_of(question));
  if (!answer || answer->size() < sizeof question) return no("no MSI-X interrupts");
  const unsigned count = std::min(vu::load<vu::IrqInfo>(*answer).count, kMaxVectors);
  if (auto r = vectors_.open(count); !r) return r;
  for (unsigned first = 0; first < count; first += kFdsAtOnce) {
    std::array<int, kFdsAtOnce> fds{};
    const unsigned n = std::min(kFdsAtOnce, count - first);
    for (unsigned i = 0; i < n; ++i) fds[i] = vectors_.eventfd(first + i);
    const vu::SetIrqs set{sizeof set, vu::SetIrqs::kDataEventFd | vu::SetIrqs::kTrigger,
                          vu::kMsixIrq, first, n};
    if (!ask(Command::kSetIrqs, vu::bytes_of(set), {}, std::span(fds).first(n)))
      return no("the device does not accept eventfds");
  }
  return {};
}

// ---- Messages

void VfioUser::post(Command command, std::span<const std::byte> payload,
                    std::span<const std::byte> more, std::uint32_t flags,
                    std::span<const int> fds) {
  const vu::Header header{
      next_id_, static_cast<std::uint16_t>(command),
      static_cast<std::uint32_t>(sizeof(vu::Header) + payload.size() + more.size()), flags, 0};
  connection_.send(header, payload, more, fds);
  // If the server lags behind posted writes, they wait in the socket, not here.
  const std::int64_t end = now_ms() + (connection_.unsent() != 0 ? kPatienceMs : 0);
  while (connection_.unsent() != 0 && !connection_.broken() && now_ms() < end) {
    pollfd room{connection_.fd(), POLLOUT, 0};
    (void)::poll(&room, 1, kPatienceMs);
    connection_.flush();
  }
  if (connection_.broken() || connection_.unsent() != 0) gone_ = true;
}

std::optional<vu::Message> VfioUser::wait_for_message() {
  const std::int64_t end = now_ms() + kPatienceMs;
  for (;;) {
    if (auto message = connection_.next()) return message;
    if (connection_.fill()) continue;
    const std::int64_t left = end - now_ms();
    if (connection_.broken() || left <= 0) return std::nullopt;
    pollfd wait{connection_.fd(), POLLIN, 0};
    (void)::poll(&wait, 1, static_cast<int>(left));
  }
}

tl::expected<std::span<const std::byte>, int> VfioUser::ask(Command command,
                                                            std::span<const std::byte> payload,
                                                            std::span<const std::byte> more,
                                                            std::span<const int> fds) {
  if (gone_) return tl::unexpected(ENODEV);
  ++next_id_;
  post(command, payload, more, 0, fds);
  if (gone_) return tl::unexpected(ENODEV);
  const auto answer = wait_for_message();
  if (!answer || answer->header.id != next_id_ ||
      answer->header.command != static_cast<std::uint16_t>(command) ||
      (answer->header.flags & vu::Header::kTypeMask) != vu::Header::kReply ||
      !answer->fds.empty()) {
    gone_ = true;
    return tl::unexpected(ENODEV);
  }
  if ((answer->header.flags & vu::Header::kError) != 0)
    return tl::unexpected(answer->header.error == 0 ? EIO
                                                    : static_cast<int>(answer->header.error));
  return answer->payload;
}

// ---- DeviceIo

std::uint32_t VfioUser::read32(Site /*site*/, RegAddr reg) {
  const vu::RegionAccess question{reg.byte_offset, region_of(reg.bar), sizeof(std::uint32_t)};
  const auto answer = ask(Command::kRegionRead, vu::bytes_of(question));
  if (!answer) return ~0U;
  if (answer->size() != sizeof question + sizeof(std::uint32_t)) {
    gone_ = true;
    return ~0U;
  }
  return vu::load<std::uint32_t>(answer->subspan(sizeof question));
}

void VfioUser::write32(RegAddr reg, std::uint32_t value) {
  if (gone_) return;
  // Orders descriptors and packet bytes before the doorbell that makes them visible to the device.
  std::atomic_thread_fence(std::memory_order_release);
  const vu::RegionAccess access{reg.byte_offset, region_of(reg.bar), sizeof value};
  post(Command::kRegionWrite, vu::bytes_of(access), vu::bytes_of(value), vu::Header::kNoReply);
}

std::optional<DmaSpan> VfioUser::dma_alloc(std::size_t bytes) {
  const std::size_t size = DmaSpans::whole_pages(bytes);
  const OwnedFd file(::memfd_create("hni-dma", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return std::nullopt;
  }
  void* const cpu = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (cpu == MAP_FAILED) return std::nullopt;
  const vu::DmaMap map{sizeof map, vu::DmaMap::kReadable | vu::DmaMap::kWritable, 0, spans_.next(),
                       size};
  const int fd = file.get();
  if (!ask(Command::kDmaMap, vu::bytes_of(map), {}, std::span(&fd, 1))) {
    ::munmap(cpu, size);
    return std::nullopt;
  }
  return spans_.add(cpu, size);
}

void VfioUser::dma_free(const DmaSpan& span) {
  const auto whole = spans_.take(span.cpu);
  if (!whole) return;
  const vu::DmaUnmap unmap{sizeof unmap, 0, raw(whole->iova), whole->bytes};
  (void)ask(Command::kDmaUnmap, vu::bytes_of(unmap));
  ::munmap(whole->cpu, whole->bytes);
}

}  // namespace hni::io
