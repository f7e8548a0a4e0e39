// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/pci_function.hpp"

#include <algorithm>
#include <bit>

namespace hni::device::vhost_user {

using vfio_user::ConfigSpace;

namespace {

constexpr std::uint8_t kMsixBar = 2;

bool in_bar(const PciCommand& command) {
  const std::uint64_t bytes = command.bar < 6 ? vfio_user::bar_bytes(command.bar) : 0;
  return command.address <= bytes && command.bytes <= bytes - command.address;
}

bool in_config(const PciCommand& command) {
  return std::has_single_bit(command.bytes) && command.bytes <= 8 &&
         command.address <= ConfigSpace::kBytes - command.bytes;
}

spec::Bar bar_of(const PciCommand& command) {
  return command.bar == 0 ? spec::Bar::kBar0 : spec::Bar::kBar4;
}

}  // namespace

void PciFunction::execute(std::span<const std::byte> bytes, std::span<std::byte> answer) {
  std::fill(answer.begin(), answer.end(), std::byte{0xff});
  if (bytes.size() < sizeof(PciCommand)) {
    ++counters_.refused;
    return;
  }
  const auto command = load<PciCommand>(bytes);
  auto data = bytes.subspan(sizeof command);
  const bool read = command.op == static_cast<std::uint8_t>(PciOp::kConfigRead) ||
                    command.op == static_cast<std::uint8_t>(PciOp::kMmioRead);
  ++(read ? counters_.reads : counters_.writes);
  bool good = false;
  if (read && command.bytes <= answer.size()) {
    const auto to = answer.first(command.bytes);
    good = command.op == static_cast<std::uint8_t>(PciOp::kConfigRead) ? config_read(command, to)
                                                                       : read_bar(command, to);
  } else if (command.op == static_cast<std::uint8_t>(PciOp::kMmioMemset)) {
    if (data.size() == 1 && command.bytes <= kMaxTransfer) {
      fill_.assign(command.bytes, data[0]);
      good = write_bar(command, fill_);
    }
  } else if (command.bytes <= data.size()) {
    data = data.first(command.bytes);
    if (command.op == static_cast<std::uint8_t>(PciOp::kConfigWrite))
      good = config_write(command, data);
    else if (command.op == static_cast<std::uint8_t>(PciOp::kMmioWrite))
      good = write_bar(command, data);
  }
  if (!good) ++counters_.refused;
}

void PciFunction::note_master_abort() {
  if (memory_.refused_reads() != refused_reads_) config_.note_master_abort();
  refused_reads_ = memory_.refused_reads();
}

bool PciFunction::config_read(const PciCommand& command, std::span<std::byte> to) {
  if (!in_config(command)) return false;
  note_master_abort();
  config_.read(static_cast<std::size_t>(command.address), to);
  return true;
}

bool PciFunction::config_write(const PciCommand& command, std::span<const std::byte> from) {
  if (!in_config(command)) return false;
  note_master_abort();
  if (config_.write(static_cast<std::size_t>(command.address), from)) reset();
  memory_.enable(config_.bus_master());
  msix_.set_control(config_.msix_control());
  return true;
}

bool PciFunction::read_bar(const PciCommand& command, std::span<std::byte> to) {
  if (!in_bar(command)) return false;
  const auto offset = static_cast<std::uint32_t>(command.address);
  if (command.bar == kMsixBar) {
    msix_.read(offset, to);
    return true;
  }
  if (offset % 4 != 0 || to.size() % 4 != 0) ++counters_.odd_accesses;
  // Each register that the range touches is read once.
  for (std::size_t done = 0; done < to.size();) {
    const std::uint32_t at = offset + static_cast<std::uint32_t>(done);
    const std::uint32_t value = card_.read(bar_of(command), at & ~3u);
    const std::size_t skip = at % 4;
    const std::size_t count = std::min(4 - skip, to.size() - done);
    std::memcpy(to.data() + done, bytes_of(value).data() + skip, count);
    done += count;
  }
  return true;
}

bool PciFunction::write_bar(const PciCommand& command, std::span<const std::byte> from) {
  if (!in_bar(command)) return false;
  const auto offset = static_cast<std::uint32_t>(command.address);
  if (command.bar == kMsixBar) {
    msix_.write(offset, from);
    return true;
  }
  if (offset % 4 != 0 || from.size() % 4 != 0) {
    ++counters_.odd_accesses;
    return true;
  }
  for (std::size_t done = 0; done < from.size(); done += 4)
    card_.write(bar_of(command), offset + static_cast<std::uint32_t>(done),
                load<std::uint32_t>(from.subspan(done)));
  return true;
}

void PciFunction::reset() {
  ++counters_.resets;
  card_.reset(ResetKind::kFunctionLevel);
  refused_reads_ = memory_.refused_reads();
  config_.reset();
  msix_.reset();
  memory_.enable(false);
}

}  // namespace hni::device::vhost_user
