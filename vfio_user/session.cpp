// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/session.hpp"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "vfio_user/connection.hpp"

namespace hni::device::vfio_user {
namespace {

constexpr std::uint16_t kMajor = 0;
constexpr std::uint16_t kMinor = 1;
constexpr std::size_t kLongestVersion = 4096;

/// Our capabilities, restricted to those that the client requested.
std::string capabilities(const nlohmann::json& proposed) {
  const nlohmann::json all = {{"max_msg_fds", kMaxMessageFds},
                              {"max_data_xfer_size", kMaxTransfer},
                              {"max_dma_maps", kMaxDmaMaps},
                              {"pgsizes", 4096},
                              {"write_multiple", true}};
  nlohmann::json ours = nlohmann::json::object();
  for (const auto& [name, value] : all.items()) {
    if (proposed.contains(name)) ours[name] = value;
  }
  return nlohmann::json{{"capabilities", ours}}.dump();
}

bool takes_fds(std::uint16_t command) {
  return command == static_cast<std::uint16_t>(Command::kDmaMap) ||
         command == static_cast<std::uint16_t>(Command::kSetIrqs);
}

}  // namespace

Reply Session::breach(std::string why) {
  why_ = std::move(why);
  return refuse(EPROTO);
}

template <class T>
Reply Session::answer(const T& value) {
  const auto bytes = bytes_of(value);
  reply_.assign(bytes.begin(), bytes.end());
  return {0, reply_};
}

std::optional<Reply> Session::handle(Message& message, LoopHooks& hooks) {
  ++counters_.messages;
  const Header& header = message.header;
  if ((header.flags & Header::kTypeMask) != 0) return breach("a reply to nothing");
  if (!message.fds.empty() && !takes_fds(header.command))
    return breach("unexpected file descriptors");
  const bool first = header.command == static_cast<std::uint16_t>(Command::kVersion);
  if (first == negotiated_)
    return breach(first ? "the version twice" : "a command before the version");
  const std::optional<Reply> reply = dispatch(message, hooks);
  if (reply && reply->error != 0) ++counters_.refused;
  return reply;
}

std::optional<Reply> Session::resume(LoopHooks& hooks) {
  Work work = *suspended_;
  suspended_.reset();
  const std::optional<Reply> reply = advance(work, hooks);
  if (reply && reply->error != 0) ++counters_.refused;
  return reply;
}

std::optional<Reply> Session::suspend(const Work& work) {
  suspended_ = work;
  if (work.data.data() != suspended_data_.data())
    suspended_data_.assign(work.data.begin(), work.data.end());
  suspended_->data = suspended_data_;
  return std::nullopt;
}

std::optional<Reply> Session::dispatch(Message& message, LoopHooks& hooks) {
  switch (static_cast<Command>(message.header.command)) {
    case Command::kVersion:
      return version(message.payload);
    case Command::kDmaMap:
      return dma_map(message);
    case Command::kDmaUnmap:
      return dma_unmap(message.payload);
    case Command::kGetInfo:
      return device_info(message.payload);
    case Command::kGetRegionInfo:
      return region_info(message.payload);
    case Command::kGetIrqInfo:
      return irq_info(message.payload);
    case Command::kSetIrqs:
      return set_irqs(message);
    case Command::kRegionRead:
      return region_read(message.payload, hooks);
    case Command::kRegionWrite:
      return region_write(message.payload, hooks);
    case Command::kRegionWriteMulti:
      return write_multi(message.payload, hooks);
    case Command::kReset:
      return message.payload.empty() ? reset() : breach("a reset with a payload");
    case Command::kGetRegionIoFds:
    case Command::kFeature:
    case Command::kMigrationRead:
    case Command::kMigrationWrite:
      return refuse(ENOTSUP);
    case Command::kDmaRead:
    case Command::kDmaWrite:
      return breach("a command that only a server sends");
  }
  // A command of another protocol version, which this server does not implement.
  return refuse(ENOTSUP);
}

// ---- What there is

Reply Session::version(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(Version)) return breach("a version of invalid length");
  const auto asked = load<Version>(payload);
  if (asked.major != kMajor) return breach("another major version");
  const auto text = payload.subspan(sizeof(Version));
  nlohmann::json proposed = nlohmann::json::object();
  if (!text.empty()) {
    if (text.size() > kLongestVersion || text.back() != std::byte{0})
      return breach("a version whose text has no end");
    const auto* chars = reinterpret_cast<const char*>(text.data());
    const nlohmann::json all =
        nlohmann::json::parse(chars, chars + text.size() - 1, nullptr, false);
    if (!all.is_object()) return breach("a version whose text is not a JSON object");
    if (all.contains("capabilities")) proposed = all["capabilities"];
    if (!proposed.is_object()) return breach("capabilities that are not a JSON object");
  }
  if (proposed.contains("max_data_xfer_size") &&
      proposed["max_data_xfer_size"].is_number_unsigned()) {
    most_data_ = proposed["max_data_xfer_size"].get<std::uint64_t>();
  }
  negotiated_ = true;
  const Version ours{kMajor, std::min(kMinor, asked.minor)};
  (void)answer(ours);
  const std::string said = capabilities(proposed);
  const auto more = std::as_bytes(std::span(said.c_str(), said.size() + 1));
  reply_.insert(reply_.end(), more.begin(), more.end());
  return {0, reply_};
}

Reply Session::device_info(std::span<const std::byte> payload) {
  // A newer client's structure may be longer; argsz states how much of the reply is valid.
  if (payload.size() < sizeof(DeviceInfo)) return breach("device info of invalid length");
  return answer(
      DeviceInfo{sizeof(DeviceInfo), DeviceInfo::kReset | DeviceInfo::kPci, kRegions, kIrqs});
}

Reply Session::region_info(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(RegionInfo)) return breach("region info of invalid length");
  const auto asked = load<RegionInfo>(payload);
  if (asked.index >= kRegions) return refuse(EINVAL);
  const std::uint64_t bytes = asked.index < kBarRegions      ? bar_bytes(asked.index)
                              : asked.index == kConfigRegion ? ConfigSpace::kBytes
                                                             : 0;
  const std::uint32_t flags = bytes == 0 ? 0 : RegionInfo::kRead | RegionInfo::kWrite;
  return answer(RegionInfo{sizeof(RegionInfo), flags, asked.index, 0, bytes, 0});
}

Reply Session::irq_info(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(IrqInfo)) return breach("interrupt info of invalid length");
  const auto asked = load<IrqInfo>(payload);
  if (asked.index >= kIrqs) return refuse(EINVAL);
  const bool msix = asked.index == kMsixIrq;
  return answer(IrqInfo{sizeof(IrqInfo), msix ? IrqInfo::kEventFd : 0, asked.index,
                        msix ? lines_.vectors() : 0});
}

// ---- Memory

Reply Session::dma_map(Message& message) {
  if (message.payload.size() != sizeof(DmaMap)) return breach("a DMA map of invalid length");
  if (message.fds.size() > 1) return breach("a DMA map with several files");
  const auto asked = load<DmaMap>(message.payload);
  if ((asked.flags & ~DmaMap::kKnown) != 0 || (asked.flags & DmaMap::kKnown) == 0)
    return refuse(EINVAL);
  OwnedFd file = message.fds.empty() ? OwnedFd() : std::move(message.fds.front());
  return refuse(memory_.map(asked.address, asked.bytes, asked.offset, std::move(file),
                            (asked.flags & DmaMap::kWritable) != 0,
                            (asked.flags & DmaMap::kReadable) != 0));
}

Reply Session::dma_unmap(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(DmaUnmap)) return breach("a DMA unmap of invalid length");
  const auto asked = load<DmaUnmap>(payload);
  // With the corresponding flag a bitmap of dirty pages would follow, which is not supported.
  if ((asked.flags & ~DmaUnmap::kAll) != 0) return refuse(ENOTSUP);
  if (payload.size() != sizeof(DmaUnmap)) return breach("a DMA unmap of invalid length");
  if ((asked.flags & DmaUnmap::kAll) != 0) {
    if (asked.address != 0 || asked.bytes != 0) return refuse(EINVAL);
    memory_.unmap_all();
    return answer(asked);
  }
  const int error = memory_.unmap(asked.address, asked.bytes);
  return error != 0 ? refuse(error) : answer(asked);
}

// ---- Interrupts

Reply Session::set_irqs(Message& message) {
  if (message.payload.size() < sizeof(SetIrqs)) return breach("interrupts of invalid length");
  const auto asked = load<SetIrqs>(message.payload);
  const auto chosen = message.payload.subspan(sizeof(SetIrqs));
  const std::uint32_t data = asked.flags & 0x7;
  const std::uint32_t action = asked.flags & 0x38;
  if (asked.flags > 0x3f || (data & (data - 1)) != 0 || data == 0 ||
      (action & (action - 1)) != 0 || action == 0) {
    return breach("interrupts with flags that exclude each other");
  }
  if (chosen.size() != (data == SetIrqs::kDataBool ? asked.count : 0))
    return breach("interrupts of invalid length");
  if (data != SetIrqs::kDataEventFd && !message.fds.empty())
    return breach("unexpected file descriptors");
  if (data == SetIrqs::kDataEventFd && !message.fds.empty() && message.fds.size() != asked.count)
    return breach("other eventfds than interrupts");
  const std::uint32_t have = asked.index == kMsixIrq ? lines_.vectors() : 0;
  if (asked.index >= kIrqs || asked.start > have || asked.count > have - asked.start)
    return refuse(EINVAL);
  if (data == SetIrqs::kDataEventFd) return set_eventfds(asked, message.fds);
  return act_on_irqs(asked, chosen);
}

Reply Session::set_eventfds(const SetIrqs& request, std::vector<OwnedFd>& fds) {
  // Masking a vector needs no notification, because the client itself masks it.
  if ((request.flags & SetIrqs::kTrigger) == 0) return refuse(ENOTSUP);
  for (std::uint32_t i = 0; i < request.count; ++i) {
    OwnedFd fd = fds.empty() ? OwnedFd() : std::move(fds[i]);
    if (const int error = lines_.assign(request.start + i, std::move(fd)); error != 0)
      return refuse(error);
  }
  return {};
}

Reply Session::act_on_irqs(const SetIrqs& request, std::span<const std::byte> chosen) {
  const bool all = request.count == 0 && request.start == 0 && chosen.empty();
  if (all && (request.flags & SetIrqs::kTrigger) != 0) {
    if (request.index == kMsixIrq) lines_.clear();
    return {};
  }
  for (std::uint32_t i = 0; i < request.count; ++i) {
    if (!chosen.empty() && chosen[i] == std::byte{0}) continue;
    const std::uint32_t vector = request.start + i;
    if ((request.flags & SetIrqs::kTrigger) != 0)
      lines_.msix(static_cast<std::uint16_t>(vector));
    else
      lines_.set_mask(vector, (request.flags & SetIrqs::kMask) != 0);
  }
  return {};
}

// ---- Regions

std::optional<Reply> Session::region_read(std::span<const std::byte> payload, LoopHooks& hooks) {
  if (payload.size() != sizeof(RegionAccess)) return breach("a read of invalid length");
  const auto access = load<RegionAccess>(payload);
  if (access.count > kMaxTransfer) return breach("a read of more than agreed");
  ++counters_.reads;
  if (const int error = check_range(access); error != 0) return refuse(error);
  (void)answer(access);
  reply_.resize(sizeof access + access.count);
  Work work{WorkKind::kRead, access, {}, 0};
  return advance(work, hooks);
}

std::optional<Reply> Session::region_write(std::span<const std::byte> payload, LoopHooks& hooks) {
  if (payload.size() < sizeof(RegionAccess)) return breach("a write of invalid length");
  const auto access = load<RegionAccess>(payload);
  const auto data = payload.subspan(sizeof access);
  if (data.size() != access.count) return breach("a write whose length differs from its count");
  ++counters_.writes;
  if (const int error = check_range(access); error != 0) return refuse(error);
  Work work{WorkKind::kWrite, access, data, 0};
  return advance(work, hooks);
}

std::optional<Reply> Session::advance(Work& work, LoopHooks& hooks) {
  if (work.kind == WorkKind::kMulti) return advance_multi(work, hooks);
  if (work.access.region == 0 || work.access.region == 4) return advance_bar(work, hooks);
  if (work.kind == WorkKind::kWrite) {
    write_region(work.access, work.data);
    return answer(work.access);
  }
  read_region(work.access, std::span(reply_).subspan(sizeof work.access));
  return Reply{0, reply_};
}

/// A long register access is performed in pieces. An access that does not consist of whole words
/// is one piece, so that each register is read once.
std::optional<Reply> Session::advance_bar(Work& work, LoopHooks& hooks) {
  constexpr std::size_t kPiece = 32 * sizeof(std::uint32_t);
  const RegionAccess& access = work.access;
  const bool odd = access.offset % 4 != 0 || access.count % 4 != 0;
  do {
    const std::size_t bytes = odd ? access.count : std::min(kPiece, access.count - work.done);
    const RegionAccess piece{access.offset + work.done, access.region,
                             static_cast<std::uint32_t>(bytes)};
    if (work.kind == WorkKind::kWrite)
      write_region(piece, work.data.subspan(work.done, bytes));
    else
      read_region(piece, std::span(reply_).subspan(sizeof access + work.done, bytes));
    work.done += bytes;
    if (work.done < access.count && hooks.turn_spent()) return suspend(work);
  } while (work.done < access.count);
  return work.kind == WorkKind::kWrite ? answer(access) : Reply{0, reply_};
}

std::optional<RegionAccess> Session::sure_write(const Message& message) const {
  const auto& payload = message.payload;
  if (!negotiated_ || broken() || !message.fds.empty() || payload.size() < sizeof(RegionAccess) ||
      (message.header.flags & Header::kTypeMask) != 0 ||
      message.header.command != static_cast<std::uint16_t>(Command::kRegionWrite)) {
    return std::nullopt;
  }
  const auto access = load<RegionAccess>(payload);
  const std::uint64_t bytes =
      access.region == 0 || access.region == 4 ? bar_bytes(access.region) : 0;
  const bool fits = access.offset <= bytes && access.count <= bytes - access.offset &&
                    payload.size() - sizeof access == access.count;
  return fits ? std::optional(access) : std::nullopt;
}

std::optional<Reply> Session::write_multi(std::span<const std::byte> payload, LoopHooks& hooks) {
  if (payload.size() < sizeof(std::uint64_t)) return breach("writes of invalid length");
  const auto count = load<std::uint64_t>(payload);
  const auto rest = payload.subspan(sizeof count);
  if (rest.size() % sizeof(MultiWrite) != 0 || rest.size() / sizeof(MultiWrite) != count)
    return breach("a number of writes that differs from the count");
  // All elements are validated before the first is performed.
  for (auto look = rest; !look.empty(); look = look.subspan(sizeof(MultiWrite))) {
    if (load<MultiWrite>(look).count > sizeof(MultiWrite::data))
      return breach("a write of more than 8 bytes among several");
  }
  Work work{WorkKind::kMulti, {}, rest, 0};
  return advance_multi(work, hooks);
}

std::optional<Reply> Session::advance_multi(Work& work, LoopHooks& hooks) {
  while (work.done < work.data.size()) {
    const auto one = load<MultiWrite>(work.data.subspan(work.done));
    const RegionAccess access{one.offset, one.region, one.count};
    ++counters_.writes;
    if (const int error = check_range(access); error != 0) return refuse(error);
    write_region(access, std::span<const std::byte>(one.data).first(one.count));
    work.done += sizeof one;
    if (work.done < work.data.size() && hooks.turn_spent()) return suspend(work);
  }
  return answer(std::uint64_t{work.done / sizeof(MultiWrite)});
}

/// Returns 0 or an errno value.
int Session::check_range(const RegionAccess& access) {
  const std::uint64_t bytes = access.region == kConfigRegion ? ConfigSpace::kBytes
                              : access.region < kBarRegions  ? bar_bytes(access.region)
                                                             : 0;
  return access.offset > bytes || access.count > bytes - access.offset ? EINVAL : 0;
}

void Session::read_region(const RegionAccess& access, std::span<std::byte> to) {
  const auto offset = static_cast<std::uint32_t>(access.offset);
  if (access.region == kConfigRegion) {
    note_master_abort();
    config_.read(offset, to);
  } else if (access.region == 2) {
    read_msix(offset, to);
  } else if (access.region == 0 || access.region == 4) {
    read_bar(access.region == 0 ? spec::Bar::kBar0 : spec::Bar::kBar4, offset, to);
  }
}

void Session::note_master_abort() {
  if (memory_.refused_reads() != refused_reads_) config_.note_master_abort();
  refused_reads_ = memory_.refused_reads();
}

void Session::write_region(const RegionAccess& access, std::span<const std::byte> from) {
  const auto offset = static_cast<std::uint32_t>(access.offset);
  if (access.region == kConfigRegion) {
    note_master_abort();
    if (config_.write(offset, from)) function_reset();
    memory_.enable(config_.bus_master());
  } else if (access.region == 2) {
    const std::size_t end = std::min<std::size_t>(offset + from.size(), table_.size());
    for (std::size_t at = offset; at < end; ++at) table_[at] = from[at - offset];
  } else if (access.region == 0 || access.region == 4) {
    write_bar(access.region == 0 ? spec::Bar::kBar0 : spec::Bar::kBar4, offset, from);
  }
}

void Session::read_bar(spec::Bar bar, std::uint32_t offset, std::span<std::byte> to) {
  if (offset % 4 != 0 || to.size() % 4 != 0) ++counters_.odd_accesses;
  // Each register that the range touches is read once.
  for (std::size_t done = 0; done < to.size();) {
    const std::uint32_t at = offset + static_cast<std::uint32_t>(done);
    const std::uint32_t value = card_.read(bar, at & ~3u);
    const std::size_t skip = at % 4;
    const std::size_t count = std::min(4 - skip, to.size() - done);
    std::memcpy(to.data() + done, bytes_of(value).data() + skip, count);
    done += count;
  }
}

void Session::write_bar(spec::Bar bar, std::uint32_t offset, std::span<const std::byte> from) {
  if (offset % 4 != 0 || from.size() % 4 != 0) {
    ++counters_.odd_accesses;
    return;
  }
  for (std::size_t done = 0; done < from.size(); done += 4)
    card_.write(bar, offset + static_cast<std::uint32_t>(done),
                load<std::uint32_t>(from.subspan(done)));
}

void Session::read_msix(std::uint32_t offset, std::span<std::byte> to) const {
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t at = offset + i;
    std::byte value{0};
    if (at < kMsixPendingOffset) {
      value = table_[at];
    } else {
      const std::size_t first = (at - kMsixPendingOffset) * 8;
      for (std::size_t bit = 0; bit < 8 && first + bit < lines_.vectors(); ++bit) {
        if (lines_.pending(static_cast<unsigned>(first + bit))) value |= std::byte{1} << bit;
      }
    }
    to[i] = value;
  }
}

// ---- Reset

Reply Session::reset() {
  function_reset();
  return {};
}

void Session::function_reset() {
  ++counters_.resets;
  card_.reset(ResetKind::kFunctionLevel);
  refused_reads_ = memory_.refused_reads();
  config_.reset();
  memory_.enable(false);
}

}  // namespace hni::device::vfio_user
