// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The vfio-user back end: the driver in this process, the card in another one, behind a Unix
/// socket (`hni device`, or any server of that protocol). Register reads are a question and an
/// answer; writes are posted, so that a doorbell costs one system call; DMA memory is shared files
/// that the card maps.
///
/// The server is not trusted: an answer that does not fit its question, or none within two
/// seconds, ends the connection. The card is then gone: reads give all ones, writes vanish.

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "driver/control/interrupts.hpp"
#include "driver/core/device_io.hpp"
#include "driver/io/dma_spans.hpp"
#include "driver/io/event_vectors.hpp"
#include "driver/io/pci_function.hpp"
#include "vfio_user/connection.hpp"

namespace hni::io {

class VfioUser {
 public:
  /// Connects, negotiates, checks that the card is an fbnic, lets it master the bus, and gives
  /// each of its vectors an eventfd. An error is one line.
  static tl::expected<std::unique_ptr<VfioUser>, std::string> connect(const std::string& path);
  ~VfioUser();
  VfioUser(const VfioUser&) = delete;
  VfioUser& operator=(const VfioUser&) = delete;

  // ---- DeviceIo
  std::uint32_t read32(Site site, RegAddr reg);
  void write32(RegAddr reg, std::uint32_t value);
  std::uint64_t load64(Site /*site*/, const std::uint64_t* word) {
    return std::atomic_ref(*const_cast<std::uint64_t*>(word)).load(std::memory_order_acquire);
  }
  void store64(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref(*word).store(value, std::memory_order_release);
  }
  void copy_in(Site /*site*/, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes);
  void dma_free(const DmaSpan& span);

  // ---- What is not a register
  /// Readable while a vector has fired.
  [[nodiscard]] int interrupts() const { return vectors_.waitable(); }
  /// Calls handle(Vector) for each vector that fired since the last call; how many.
  template <class Handle>
  unsigned take_interrupts(Handle&& handle) {
    unsigned taken = 0;
    for (const std::uint16_t vector : vectors_.take()) {
      handle(Vector{vector});
      ++taken;
    }
    return taken;
  }
  /// The address in the card's serial number.
  [[nodiscard]] const MacAddress& mac() const { return pci_.mac; }
  /// What the host allows the card, for PortConfig.
  [[nodiscard]] const PcieLimits& pcie() const { return pci_.pcie; }
  [[nodiscard]] unsigned vectors() const { return vectors_.count(); }
  [[nodiscard]] bool gone() const { return gone_; }
  [[nodiscard]] const std::string& why() const { return connection_.why(); }

 private:
  using OwnedFd = device::vfio_user::OwnedFd;
  using Command = device::vfio_user::Command;
  using Status = tl::expected<void, std::string>;

  explicit VfioUser(OwnedFd socket) : connection_(std::move(socket)) {}

  Status negotiate();
  Status identify();
  Status open_regions();
  Status open_interrupts();
  tl::expected<std::uint32_t, std::string> read_config(std::uint32_t offset);

  /// Sends a command and waits for its answer: its payload, valid until the next call.
  tl::expected<std::span<const std::byte>, int> ask(Command command,
                                                    std::span<const std::byte> payload,
                                                    std::span<const std::byte> more = {},
                                                    std::span<const int> fds = {});
  void post(Command command, std::span<const std::byte> payload, std::span<const std::byte> more,
            std::uint32_t flags, std::span<const int> fds = {});
  std::optional<device::vfio_user::Message> wait_for_message();

  device::vfio_user::Connection connection_;
  std::uint16_t next_id_ = 1;
  bool gone_ = false;
  PciFunction pci_;
  EventVectors vectors_;
  DmaSpans spans_;
};

static_assert(DeviceIo<VfioUser>);

}  // namespace hni::io
