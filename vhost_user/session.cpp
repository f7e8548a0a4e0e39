// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/session.hpp"

#include <algorithm>

namespace hni::device::vhost_user {
namespace {

bool brings_fds(std::uint32_t request) {
  switch (static_cast<Request>(request)) {
    case Request::kSetMemTable:
    case Request::kSetVringKick:
    case Request::kSetVringCall:
    case Request::kSetVringErr:
    case Request::kSetBackendReqFd:
      return true;
    default:
      return false;
  }
}

/// Copies the result of a read into the segments of the driver's buffer.
std::uint32_t scatter(std::span<const std::byte> from, const Chain& chain) {
  std::size_t done = 0;
  for (const std::span<std::byte> piece : chain.writable) {
    const std::size_t count = std::min(piece.size(), from.size() - done);
    std::memcpy(piece.data(), from.data() + done, count);
    done += count;
  }
  return static_cast<std::uint32_t>(done);
}

}  // namespace

Session::End Session::breach(std::string why) {
  if (why_.empty()) why_ = std::move(why);
  return End::kBroken;
}

template <class T>
Session::End Session::answer(const T& value) {
  const auto bytes = bytes_of(value);
  reply_.assign(bytes.begin(), bytes.end());
  return End::kAnswered;
}

std::optional<std::span<const std::byte>> Session::handle(Message& message) {
  ++counters_.messages;
  const Header& header = message.header;
  if ((header.flags & Header::kVersionMask) != Header::kVersion ||
      (header.flags & Header::kReply) != 0) {
    (void)breach("a message with invalid flags");
    return std::nullopt;
  }
  if (!message.fds.empty() && !brings_fds(header.request)) {
    (void)breach("unexpected file descriptors");
    return std::nullopt;
  }
  const End end = dispatch(message);
  if (end == End::kBroken) return std::nullopt;
  if (end == End::kRefused) ++counters_.refused;
  if (end == End::kAnswered) return reply_;
  const bool wanted =
      (header.flags & Header::kNeedReply) != 0 && (protocol_features_ & kProtocolReplyAck) != 0;
  if (!wanted) return std::nullopt;
  (void)answer(std::uint64_t{end == End::kRefused});
  return reply_;
}

Session::End Session::dispatch(Message& message) {
  const Payload payload = message.payload;
  switch (static_cast<Request>(message.header.request)) {
    case Request::kGetFeatures:
      return answer(kFeatures);
    case Request::kSetFeatures:
      return set_features(payload);
    case Request::kSetOwner:
      return End::kDone;
    case Request::kResetOwner:
      stop();
      return End::kDone;
    case Request::kGetProtocolFeatures:
      return answer(kProtocolFeatures);
    case Request::kSetProtocolFeatures:
      return set_protocol_features(payload);
    case Request::kGetQueueNum:
      return answer(std::uint64_t{kQueues});
    case Request::kSetMemTable:
      return set_mem_table(message);
    case Request::kSetBackendReqFd:
      return set_backend_socket(message);
    default:
      return dispatch_vring(message);
  }
}

Session::End Session::dispatch_vring(Message& message) {
  const Payload payload = message.payload;
  switch (static_cast<Request>(message.header.request)) {
    case Request::kSetVringNum:
      return set_vring_num(payload);
    case Request::kSetVringAddr:
      return set_vring_addr(payload);
    case Request::kSetVringBase:
      return set_vring_base(payload);
    case Request::kGetVringBase:
      return get_vring_base(payload);
    case Request::kSetVringEnable:
      return set_vring_enable(payload);
    case Request::kSetVringKick:
    case Request::kSetVringCall:
    case Request::kSetVringErr:
      return set_vring_fd(message);
    case Request::kVringKick:
      return vring_kick(payload);
    default:
      // Every such request that a front-end may send requires a feature that is not offered.
      return End::kRefused;
  }
}

// ---- Features

Session::End Session::set_features(Payload payload) {
  if (payload.size() != sizeof(std::uint64_t)) return breach("features of invalid length");
  const auto features = load<std::uint64_t>(payload);
  if ((features & ~kFeatures) != 0) return breach("features that were not offered");
  if ((features & kFeatureVersion1) == 0) return breach("a driver from before virtio 1.0");
  return End::kDone;
}

Session::End Session::set_protocol_features(Payload payload) {
  if (payload.size() != sizeof(std::uint64_t)) return breach("features of invalid length");
  const auto features = load<std::uint64_t>(payload);
  if ((features & ~kProtocolFeatures) != 0) return breach("features that were not offered");
  if ((features & kProtocolInbandNotifications) == 0 || (features & kProtocolBackendReq) == 0)
    return breach("a front-end without in-band notifications, which this back-end needs");
  protocol_features_ = features;
  return End::kDone;
}

// ---- Memory

Session::End Session::set_mem_table(Message& message) {
  const Payload payload = message.payload;
  if (payload.size() < sizeof(MemTable)) return breach("a memory table of invalid length");
  const std::uint32_t count = load<MemTable>(payload).count;
  // Linux up to 6.12 always sends a table with room for two regions.
  const std::size_t room = payload.size() - sizeof(MemTable);
  if (count == 0 || count > kMaxRegions || room % sizeof(MemRegion) != 0 ||
      room < count * sizeof(MemRegion) || room > kMaxRegions * sizeof(MemRegion)) {
    return breach("a memory table of invalid length");
  }
  if (message.fds.size() != count) return breach("a memory table without a file per region");
  memory_.unmap_all();
  regions_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto region = load<MemRegion>(payload.subspan(sizeof(MemTable) + i * sizeof(MemRegion)));
    if (region.bytes == 0 || region.bytes - 1 > ~region.user_address ||
        memory_.map(region.guest_address, region.bytes, region.file_offset,
                    std::move(message.fds[i]), true) != 0) {
      memory_.unmap_all();
      regions_.clear();
      return End::kRefused;
    }
    regions_.push_back({region.user_address, region.bytes, region.guest_address});
  }
  return End::kDone;
}

std::optional<std::uint64_t> Session::guest_address(std::uint64_t user) const {
  for (const UserRegion& region : regions_) {
    if (user >= region.user && user - region.user < region.bytes)
      return region.guest + (user - region.user);
  }
  return std::nullopt;
}

// ---- Queues

std::uint32_t Session::queue_of(Payload payload) {
  return payload.size() == sizeof(VringState) ? std::min(load<VringState>(payload).index, kQueues)
                                              : kQueues;
}

Session::End Session::set_vring_num(Payload payload) {
  const std::uint32_t queue = queue_of(payload);
  if (queue == kQueues || !queues_[queue].set_size(load<VringState>(payload).num))
    return breach("a virtqueue of invalid index or size");
  return End::kDone;
}

Session::End Session::set_vring_base(Payload payload) {
  const std::uint32_t queue = queue_of(payload);
  if (queue == kQueues || load<VringState>(payload).num > 0xffff)
    return breach("a virtqueue of invalid index or position");
  queues_[queue].set_base(static_cast<std::uint16_t>(load<VringState>(payload).num));
  return End::kDone;
}

Session::End Session::get_vring_base(Payload payload) {
  const std::uint32_t queue = queue_of(payload);
  if (queue == kQueues) return breach("a virtqueue of invalid index");
  queues_[queue].enable(false);
  return answer(VringState{queue, queues_[queue].base()});
}

Session::End Session::set_vring_addr(Payload payload) {
  if (payload.size() != sizeof(VringAddr)) return breach("ring addresses of invalid length");
  const auto wanted = load<VringAddr>(payload);
  if (wanted.index >= kQueues) return breach("a virtqueue of invalid index");
  const auto desc = guest_address(wanted.desc);
  const auto avail = guest_address(wanted.avail);
  const auto used = guest_address(wanted.used);
  if (!desc || !avail || !used) return breach("a virtqueue outside of the memory table");
  queues_[wanted.index].set_layout({*desc, *avail, *used});
  return End::kDone;
}

Session::End Session::set_vring_enable(Payload payload) {
  const std::uint32_t queue = queue_of(payload);
  if (queue == kQueues || load<VringState>(payload).num > 1)
    return breach("a virtqueue of invalid index or state");
  queues_[queue].enable(load<VringState>(payload).num == 1);
  return End::kDone;
}

/// In-band notifications need no file descriptor; one that is sent anyway is closed.
Session::End Session::set_vring_fd(Message& message) {
  if (message.payload.size() != sizeof(std::uint64_t) || message.fds.size() > 1 ||
      (load<std::uint64_t>(message.payload) & kVringIndexMask) >= kQueues) {
    return breach("an invalid message with a virtqueue's file descriptor");
  }
  return End::kDone;
}

Session::End Session::vring_kick(Payload payload) {
  const std::uint32_t queue = queue_of(payload);
  if (queue == kQueues) return breach("a virtqueue of invalid index");
  ++counters_.kicks;
  return End::kDone;
}

Session::End Session::set_backend_socket(Message& message) {
  if (!message.payload.empty() || message.fds.size() != 1)
    return breach("an invalid message with a back-end's socket");
  backend_socket_ = std::move(message.fds.front());
  return End::kDone;
}

void Session::stop() {
  for (Virtqueue& queue : queues_) queue.reset();
}

bool Session::check_queues() {
  for (const Virtqueue& queue : queues_) {
    if (queue.broken()) (void)breach(queue.why());
  }
  return !broken();
}

// ---- Work

bool Session::run_commands() {
  Virtqueue& queue = queues_[kCommandQueue];
  std::size_t bytes = 0;
  for (unsigned done = 0; done < kMaxCommands && bytes < kMaxBytes; ++done) {
    const Chain* const chain = queue.pop();
    if (chain == nullptr) {
      (void)check_queues();
      return false;
    }
    ++counters_.commands;
    bytes += chain->readable.size() + chain->writable_bytes;
    counters_.bytes += chain->readable.size() + chain->writable_bytes;
    answer_.resize(chain->writable_bytes);
    function_.execute(chain->readable, answer_);
    queue.push(*chain, scatter(answer_, *chain));
    // A driver that reads polls for the result and therefore sees all earlier used buffers.
    unannounced_ = chain->writable_bytes == 0 ? unannounced_ + 1 : 0;
  }
  return check_queues();
}

bool Session::owes_command_notification() {
  if (unannounced_ < kPostedWrites || broken()) return false;
  unannounced_ = 0;
  return queues_[kCommandQueue].wants_notification();
}

bool Session::deliver_interrupts() {
  if (broken()) return false;
  Virtqueue& queue = queues_[kInterruptQueue];
  bool any = false;
  while (queue.enabled() && msix_.ready()) {
    const Chain* const chain = queue.pop();
    if (chain == nullptr) break;
    if (chain->writable_bytes < MsiCommand::kBytes) {
      (void)breach("a buffer that is too small for an interrupt");
      return false;
    }
    const auto message = msix_.next_message();
    const MsiCommand command{
        {static_cast<std::uint8_t>(PciOp::kMsi), 0, 0, sizeof(std::uint32_t), message->address},
        message->data};
    queue.push(*chain, scatter(bytes_of(command).first(MsiCommand::kBytes), *chain));
    ++counters_.interrupts;
    any = true;
  }
  return check_queues() && any && queue.wants_notification();
}

}  // namespace hni::device::vhost_user
