// SPDX-License-Identifier: Apache-2.0
#include "driver/io/vfio.hpp"

#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace hni::io {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kMaxVectors = 256;

tl::unexpected<std::string> no(const std::string& what) {
  return tl::unexpected<std::string>(what);
}

tl::unexpected<std::string> no_because(const std::string& what) {
  return no(what + ": " + std::strerror(errno));
}

/// Normalizes an address to "0000:01:00.0"; empty if it is invalid.
std::string full_address(const std::string& text) {
  const std::string address = text.size() == 7 ? "0000:" + text : text;
  constexpr std::string_view kForm = "xxxx:xx:xx.x";
  if (address.size() != kForm.size()) return {};
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = std::isxdigit(static_cast<unsigned char>(address[i])) != 0;
    if (kForm[i] == 'x' ? !digit : address[i] != kForm[i]) return {};
  }
  return address;
}

/// Returns the last component of a symbolic link's target in sysfs; empty without a link.
std::string link_name(const fs::path& link) {
  std::error_code failed;
  return fs::read_symlink(link, failed).filename().string();
}

}  // namespace

tl::expected<std::unique_ptr<Vfio>, std::string> Vfio::open(const std::string& text) {
  const std::string address = full_address(text);
  if (address.empty()) return no("'" + text + "' is not a PCI address: use the form 0000:01:00.0");
  std::unique_ptr<Vfio> io(new Vfio);
  if (auto r = io->open_function(address); !r) return no(address + ": " + r.error());
  for (const auto step : {&Vfio::map_registers, &Vfio::identify, &Vfio::open_interrupts}) {
    if (auto r = ((*io).*step)(); !r) return no(address + ": " + r.error());
  }
  return io;
}

Vfio::~Vfio() {
  for (const Window& w : windows_)
    if (w.words != nullptr) ::munmap(const_cast<std::uint32_t*>(w.words), w.bytes);
  // The device must stop before its memory is freed: closing the function resets it.
  function_.reset();
  while (!spans_.all().empty()) dma_free(spans_.all().back());
}

void Vfio::give_up(const std::string& why) {
  gone_ = true;
  why_ = why;
}

// ---- Setup

Vfio::Status Vfio::open_function(const std::string& address) {
  const fs::path sys = "/sys/bus/pci/devices/" + address;
  std::error_code failed;
  if (!fs::exists(sys, failed)) return no("no such PCI function");
  const std::string driver = link_name(sys / "driver");
  if (driver != "vfio-pci") {
    return no(
        (driver.empty() ? "not bound to a driver" : "bound to the driver '" + driver + "'") +
        "; bind it to vfio-pci: modprobe vfio-pci; echo vfio-pci >" + sys.string() +
        "/driver_override; " +
        (driver.empty() ? "" : "echo " + address + " >" + sys.string() + "/driver/unbind; ") +
        "echo " + address + " >/sys/bus/pci/drivers_probe");
  }
  const std::string group = link_name(sys / "iommu_group");
  if (group.empty()) return no("no IOMMU group: boot with the IOMMU on (intel_iommu=on)");
  if (auto r = open_group(group); !r) return r;
  function_ = OwnedFd(::ioctl(group_.get(), VFIO_GROUP_GET_DEVICE_FD, address.c_str()));
  if (!function_) return no_because("VFIO_GROUP_GET_DEVICE_FD");
  return {};
}

Vfio::Status Vfio::open_group(const std::string& number) {
  container_ = OwnedFd(::open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
  if (!container_) return no_because("/dev/vfio/vfio (modprobe vfio-pci, and be root)");
  if (::ioctl(container_.get(), VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
      ::ioctl(container_.get(), VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
    return no("this kernel's VFIO has no type 1 IOMMU, version 2");
  const std::string path = "/dev/vfio/" + number;
  std::error_code failed;
  if (fs::exists("/dev/vfio/noiommu-" + number, failed))
    return no("no IOMMU isolates the device: boot with one (intel_iommu=on)");
  group_ = OwnedFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!group_) return no_because(path + " (busy: another process uses a device of this group)");
  vfio_group_status status{};
  status.argsz = sizeof status;
  if (::ioctl(group_.get(), VFIO_GROUP_GET_STATUS, &status) != 0)
    return no_because("VFIO_GROUP_GET_STATUS");
  if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0)
    return no("another function of IOMMU group " + number + " has a driver: see /sys/kernel/" +
              "iommu_groups/" + number +
              "/devices; each must be bound to vfio-pci or to no driver");
  const int container = container_.get();
  if (::ioctl(group_.get(), VFIO_GROUP_SET_CONTAINER, &container) != 0)
    return no_because("VFIO_GROUP_SET_CONTAINER");
  if (::ioctl(container_.get(), VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0)
    return no_because("VFIO_SET_IOMMU (EPERM: no interrupt remapping, see dmesg)");
  return {};
}

Vfio::Status Vfio::map_registers() {
  const std::pair<std::uint32_t, std::uint64_t> needed[] = {
      {VFIO_PCI_BAR0_REGION_INDEX, kBar0Bytes}, {VFIO_PCI_BAR4_REGION_INDEX, kBar4Bytes}};
  for (std::size_t i = 0; i < std::size(needed); ++i) {
    vfio_region_info info{};
    info.argsz = sizeof info;
    info.index = needed[i].first;
    if (::ioctl(function_.get(), VFIO_DEVICE_GET_REGION_INFO, &info) != 0 ||
        info.size < needed[i].second)
      return no("not an fbnic: regions missing or too small");
    if ((info.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
      return no("BAR " + std::to_string(info.index) + " cannot be mapped (smaller than a page?)");
    void* const words = ::mmap(nullptr, info.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                               function_.get(), static_cast<off_t>(info.offset));
    if (words == MAP_FAILED) return no_because("BAR " + std::to_string(info.index));
    windows_[i] = Window{static_cast<volatile std::uint32_t*>(words), info.size};
  }
  return {};
}

tl::expected<std::uint32_t, std::string> Vfio::read_config(std::uint32_t offset) const {
  std::uint32_t value = 0;
  if (::pread(function_.get(), &value, sizeof value, static_cast<off_t>(config_at_ + offset)) !=
      sizeof value)
    return no_because("the configuration space cannot be read");
  return value;
}

Vfio::Status Vfio::identify() {
  vfio_region_info info{};
  info.argsz = sizeof info;
  info.index = VFIO_PCI_CONFIG_REGION_INDEX;
  if (::ioctl(function_.get(), VFIO_DEVICE_GET_REGION_INFO, &info) != 0)
    return no_because("the configuration space");
  config_at_ = info.offset;
  const auto function = identify_function([this](std::uint32_t at) { return read_config(at); });
  if (!function) return no(function.error());
  pci_ = *function;
  const auto command = read_config(kCommandOffset);
  if (!command) return no(command.error());
  const auto wanted = static_cast<std::uint16_t>(*command | kMemoryAndMaster);
  if (::pwrite(function_.get(), &wanted, sizeof wanted,
               static_cast<off_t>(config_at_ + kCommandOffset)) != sizeof wanted)
    return no_because("cannot make the device bus master");
  return {};
}

Vfio::Status Vfio::open_interrupts() {
  vfio_irq_info info{};
  info.argsz = sizeof info;
  info.index = VFIO_PCI_MSIX_IRQ_INDEX;
  if (::ioctl(function_.get(), VFIO_DEVICE_GET_IRQ_INFO, &info) != 0 || info.count == 0)
    return no("no MSI-X interrupts");
  card_vectors_ = std::min(info.count, kMaxVectors);
  if (auto r = vectors_.open(card_vectors_ + 1); !r) return r;
  if (auto r = route(VFIO_PCI_MSIX_IRQ_INDEX, 0, card_vectors_); !r) return r;
  // A kernel without that event makes an unbind wait until this process ends.
  (void)route(VFIO_PCI_REQ_IRQ_INDEX, card_vectors_, 1);
  return {};
}

Vfio::Status Vfio::route(std::uint32_t index, unsigned first_eventfd, unsigned count) {
  std::vector<std::uint32_t> space((sizeof(vfio_irq_set) / 4) + count);
  vfio_irq_set set{};
  set.argsz = static_cast<std::uint32_t>(space.size() * 4);
  set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
  set.index = index;
  set.count = count;
  std::memcpy(space.data(), &set, sizeof set);
  for (unsigned i = 0; i < count; ++i)
    space[sizeof set / 4 + i] = static_cast<std::uint32_t>(vectors_.eventfd(first_eventfd + i));
  if (::ioctl(function_.get(), VFIO_DEVICE_SET_IRQS, space.data()) != 0)
    return no_because("the device does not accept eventfds");
  return {};
}

// ---- Memory

std::optional<DmaSpan> Vfio::dma_alloc(std::size_t bytes) {
  const std::size_t size = DmaSpans::whole_pages(bytes);
  void* const cpu = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (cpu == MAP_FAILED) return std::nullopt;
  vfio_iommu_type1_dma_map map{};
  map.argsz = sizeof map;
  map.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
  map.vaddr = reinterpret_cast<std::uintptr_t>(cpu);
  map.iova = spans_.next();
  map.size = size;
  if (::ioctl(container_.get(), VFIO_IOMMU_MAP_DMA, &map) != 0) {
    why_ = std::string("VFIO_IOMMU_MAP_DMA: ") + std::strerror(errno) +
           " (not root: raise ulimit -l)";
    ::munmap(cpu, size);
    return std::nullopt;
  }
  return spans_.add(cpu, size);
}

void Vfio::dma_free(const DmaSpan& span) {
  const auto whole = spans_.take(span.cpu);
  if (!whole) return;
  vfio_iommu_type1_dma_unmap unmap{};
  unmap.argsz = sizeof unmap;
  unmap.iova = raw(whole->iova);
  unmap.size = whole->bytes;
  (void)::ioctl(container_.get(), VFIO_IOMMU_UNMAP_DMA, &unmap);
  ::munmap(whole->cpu, whole->bytes);
}

}  // namespace hni::io
