// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The vfio-user backend: the driver in this process, the device in another one, reached through a
/// Unix socket (`hni device`, or any server of that protocol). Register reads are a request and a
/// reply; writes are posted, so that a doorbell costs one system call; DMA memory is shared files
/// that the device maps.
///
/// The server is not trusted: a reply that does not match its request, or none within two seconds,
/// ends the connection. The device is then removed: reads return all ones, writes have no effect.

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

/// A DeviceIo over a vfio-user connection.
class VfioUser {
 public:
  /// Connects, negotiates, checks that the device is an fbnic, makes it bus master, and connects
  /// each of its vectors to an eventfd.
  /// @param path path of the socket
  /// @return the backend, or an error of one line
  static tl::expected<std::unique_ptr<VfioUser>, std::string> connect(const std::string& path);
  /// Closes the connection and frees all DMA memory.
  ~VfioUser();
  /// Not copyable: it owns the connection.
  VfioUser(const VfioUser&) = delete;
  /// Not copyable.
  VfioUser& operator=(const VfioUser&) = delete;

  /// Reads a register.
  /// @param site input site
  /// @param reg address
  /// @return the value; all ones once removed
  std::uint32_t read32(Site site, RegAddr reg);
  /// Writes a register.
  /// @param reg address
  /// @param value the value
  void write32(RegAddr reg, std::uint32_t value);
  /// Loads a descriptor word.
  /// @param word address
  /// @return the value
  std::uint64_t load64(Site /*site*/, const std::uint64_t* word) {
    return std::atomic_ref(*const_cast<std::uint64_t*>(word)).load(std::memory_order_acquire);
  }
  /// Stores a descriptor word.
  /// @param word address
  /// @param value the value
  void store64(std::uint64_t* word, std::uint64_t value) {
    std::atomic_ref(*word).store(value, std::memory_order_release);
  }
  /// Copies bytes that the device wrote.
  /// @param to private memory
  /// @param from DMA memory
  /// @param n bytes
  void copy_in(Site /*site*/, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  /// Allocates shared memory and maps it into the device.
  /// @param bytes size
  /// @return nullopt if there is none
  std::optional<DmaSpan> dma_alloc(std::size_t bytes);
  /// Unmaps and frees DMA memory.
  /// @param span from dma_alloc()
  void dma_free(const DmaSpan& span);

  // ---- Beyond DeviceIo

  /// @return file descriptor that is readable while a vector is pending
  [[nodiscard]] int interrupts() const { return vectors_.waitable(); }
  /// Calls handle(Vector) per pending vector.
  /// @param handle handler
  /// @return number of vectors
  template <class Handle>
  unsigned take_interrupts(Handle&& handle) {
    unsigned taken = 0;
    for (const std::uint16_t vector : vectors_.take()) {
      handle(Vector{vector});
      ++taken;
    }
    return taken;
  }
  /// @return the address in the device's serial number
  [[nodiscard]] const MacAddress& mac() const { return pci_.mac; }
  /// @return limits of the PCI Express link, for PortConfig
  [[nodiscard]] const PcieLimits& pcie() const { return pci_.pcie; }
  /// @return number of vectors
  [[nodiscard]] unsigned vectors() const { return vectors_.count(); }
  /// @return true once the connection ended
  [[nodiscard]] bool gone() const { return gone_; }
  /// @return why the connection ended
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

  /// Sends a request and waits for its reply: its payload, valid until the next call.
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
