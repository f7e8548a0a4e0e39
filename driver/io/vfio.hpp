// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The /dev/vfio backend: the driver in this process, the device on this machine's PCI bus,
/// isolated by its IOMMU. The function must be bound to the kernel's vfio-pci driver. Registers
/// are mapped into this process, vectors are eventfds, and the device reaches exactly the memory
/// of dma_alloc().
///
/// The interface is specified by the kernel's documentation (driver-api/vfio) and linux/vfio.h:
/// containers and groups, type 1 IOMMU, version 2. A group without an IOMMU is refused.

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
#include "vfio_user/owned_fd.hpp"

namespace hni::io {

/// A DeviceIo over vfio-pci.
class Vfio {
 public:
  /// Opens a PCI function, checks that it is an fbnic, makes it bus master, and connects each of
  /// its vectors to an eventfd.
  /// @param address "0000:01:00.0" or "01:00.0"
  /// @return the backend, or an error of one line that names the remedy
  static tl::expected<std::unique_ptr<Vfio>, std::string> open(const std::string& address);
  /// Resets the device and frees all DMA memory.
  ~Vfio();
  /// Not copyable: it owns the device.
  Vfio(const Vfio&) = delete;
  /// Not copyable.
  Vfio& operator=(const Vfio&) = delete;

  /// Reads a register.
  /// @param reg address
  /// @return the value; all ones once removed
  std::uint32_t read32(Site /*site*/, RegAddr reg) {
    if (gone_) return ~0U;
    const std::uint32_t value = *word(reg);
    std::atomic_thread_fence(std::memory_order_acquire);
    return value;
  }
  /// Writes a register.
  /// @param reg address
  /// @param value the value
  void write32(RegAddr reg, std::uint32_t value) {
    if (gone_) return;
      // Descriptors and packet bytes are in memory before the doorbell leaves the processor: on
      // x86 stores keep their order, elsewhere device memory needs the full barrier.
#if defined(__x86_64__)
    std::atomic_signal_fence(std::memory_order_seq_cst);
#else
    __sync_synchronize();
#endif
    *word(reg) = value;
  }
  /// Loads a descriptor word.
  /// @param at address
  /// @return the value
  std::uint64_t load64(Site /*site*/, const std::uint64_t* at) {
    return std::atomic_ref(*const_cast<std::uint64_t*>(at)).load(std::memory_order_acquire);
  }
  /// Stores a descriptor word.
  /// @param at address
  /// @param value the value
  void store64(std::uint64_t* at, std::uint64_t value) {
    std::atomic_ref(*at).store(value, std::memory_order_release);
  }
  /// Copies bytes that the device wrote.
  /// @param to private memory
  /// @param from DMA memory
  /// @param n bytes
  void copy_in(Site /*site*/, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  /// Allocates and maps zeroed DMA memory.
  /// @param bytes size
  /// @return nullopt on failure; why() returns the cause
  std::optional<DmaSpan> dma_alloc(std::size_t bytes);
  /// Unmaps and frees DMA memory.
  /// @param span from dma_alloc()
  void dma_free(const DmaSpan& span);

  // ---- Beyond DeviceIo
  [[nodiscard]] int interrupts() const {
    /// @return file descriptor that is readable while a vector is pending or the kernel requests
    ///     the device back
    return vectors_.waitable();
  }
  /// Calls handle(Vector) per pending vector. If the kernel requests the device back (its driver
  /// is unbound, or it was unplugged) gone() becomes true.
  /// @param handle handler
  /// @return number of vectors
  template <class Handle>
  unsigned take_interrupts(Handle&& handle) {
    unsigned taken = 0;
    for (const std::uint16_t vector : vectors_.take()) {
      if (vector >= card_vectors_) {
        give_up("the kernel requested the device back");
        continue;
      }
      handle(Vector{vector});
      ++taken;
    }
    return taken;
  }
  /// @return the address in the device's serial number
  [[nodiscard]] const MacAddress& mac() const {
    return pci_.mac;
  }
  /// @return limits of the PCI Express link, for PortConfig
  [[nodiscard]] const PcieLimits& pcie() const {
    return pci_.pcie;
  }
  /// @return number of vectors
  [[nodiscard]] unsigned vectors() const {
    return card_vectors_;
  }
  /// @return true once the device was removed
  [[nodiscard]] bool gone() const {
    return gone_;
  }
  /// @return why the device was removed or the last allocation failed
  [[nodiscard]] const std::string& why() const {
    return why_;
  }

 private:
  using OwnedFd = device::vfio_user::OwnedFd;
  using Status = tl::expected<void, std::string>;

  struct Window {
    volatile std::uint32_t* words = nullptr;
    std::size_t bytes = 0;
  };

  Vfio() = default;

  Status open_function(const std::string& address);
  Status open_group(const std::string& number);
  Status map_registers();
  Status identify();
  Status open_interrupts();
  Status route(std::uint32_t index, unsigned first_eventfd, unsigned count);
  tl::expected<std::uint32_t, std::string> read_config(std::uint32_t offset) const;
  void give_up(const std::string& why);

  volatile std::uint32_t* word(RegAddr reg) {
    return windows_[reg.bar == Bar::kBar0 ? 0 : 1].words + reg.byte_offset / 4;
  }

  OwnedFd container_;
  OwnedFd group_;
  OwnedFd function_;
  Window windows_[2];  ///< BAR 0 and BAR 4
  std::uint64_t config_at_ = 0;
  unsigned card_vectors_ = 0;  ///< eventfds beyond these do not belong to the device
  EventVectors vectors_;
  PciFunction pci_;
  bool gone_ = false;
  std::string why_ = "it does not answer";
  DmaSpans spans_;
};

static_assert(DeviceIo<Vfio>);

}  // namespace hni::io
