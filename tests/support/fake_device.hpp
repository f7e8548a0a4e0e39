// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A DeviceIo for unit tests of the driver's control paths. Registers are RAM, writes are recorded
/// in order, and reads can be scripted, so that a test can emulate any card, including a hostile
/// one. DMA memory is ordinary zeroed memory that is freed with the device.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "driver/core/checked_io.hpp"
#include "driver/core/device_io.hpp"

namespace hni::test {

struct RegWrite {
  RegAddr at;
  std::uint32_t value;

  friend bool operator==(const RegWrite&, const RegWrite&) = default;
  friend std::ostream& operator<<(std::ostream& out, const RegWrite& w) {
    return out << std::hex << "BAR" << static_cast<unsigned>(w.at.bar) << " word 0x"
               << w.at.byte_offset / 4 << " := 0x" << w.value << std::dec;
  }
};

/// Returns the BAR0 register with the dword index that the reference uses.
constexpr RegAddr bar0(std::uint32_t word_index) {
  return {Bar::kBar0, 4 * word_index};
}

class FakeDevice {
 public:
  // DeviceIo
  std::uint32_t read32(Site site, RegAddr at) {
    ++reads;
    read_sites.push_back(site);
    if (gone) return kAllOnes;
    if (on_read)
      if (const auto value = on_read(at)) return *value;
    if (const auto it = script_.find(key(at)); it != script_.end() && !it->second.empty()) {
      const std::uint32_t value = it->second.front();
      it->second.pop_front();
      return value;
    }
    return peek(at);
  }
  void write32(RegAddr at, std::uint32_t value) {
    if (gone) return;
    writes.push_back({at, value});
    if (on_write && on_write(at, value)) return;
    poke(at, value);
  }
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t* word, std::uint64_t value) { *word = value; }
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t n) {
    struct alignas(4096) Page {
      std::array<std::byte, 4096> bytes{};
    };
    auto pages = std::make_shared<std::vector<Page>>((n + 4095) / 4096);
    std::byte* cpu = pages->empty() ? nullptr : pages->front().bytes.data();
    dma_.push_back(pages);
    next_iova_ += 4096;
    const DmaAddr iova{next_iova_};
    next_iova_ += pages->size() * 4096;
    return DmaSpan{cpu, iova, n};
  }
  void dma_free(DmaSpan) {}

  // What the test says
  void poke(RegAddr at, std::uint32_t value) { memory_[key(at)] = value; }
  /// The next reads of `at` return these values, in order; after them the register's own value.
  void script(RegAddr at, std::deque<std::uint32_t> values) {
    script_[key(at)] = std::move(values);
  }

  // What the test asks
  [[nodiscard]] std::uint32_t peek(RegAddr at) const {
    const auto it = memory_.find(key(at));
    return it == memory_.end() ? 0 : it->second;
  }
  [[nodiscard]] std::vector<std::uint32_t> writes_to(RegAddr at) const {
    std::vector<std::uint32_t> values;
    for (const RegWrite& w : writes)
      if (w.at == at) values.push_back(w.value);
    return values;
  }
  /// Returns the last value written to `at`, if any.
  [[nodiscard]] std::optional<std::uint32_t> last_write(RegAddr at) const {
    const auto values = writes_to(at);
    return values.empty() ? std::nullopt : std::optional(values.back());
  }
  [[nodiscard]] std::size_t reads_from(Site site) const {
    std::size_t n = 0;
    for (const Site s : read_sites) n += s == site ? 1 : 0;
    return n;
  }
  void forget() {
    writes.clear();
    read_sites.clear();
    reads = 0;
  }

  std::vector<RegWrite> writes;
  std::vector<Site> read_sites;
  std::size_t reads = 0;
  bool gone = false;
  /// Called before each read; a returned value replaces the register's.
  std::function<std::optional<std::uint32_t>(RegAddr)> on_read;
  /// Called for each write; returning true discards the write.
  std::function<bool(RegAddr, std::uint32_t)> on_write;

 private:
  static std::uint64_t key(RegAddr at) {
    return std::uint64_t{static_cast<std::uint8_t>(at.bar)} << 32 | at.byte_offset;
  }

  std::map<std::uint64_t, std::uint32_t> memory_;
  std::map<std::uint64_t, std::deque<std::uint32_t>> script_;
  std::vector<std::shared_ptr<void>> dma_;
  std::uint64_t next_iova_ = 0x10000;
};

static_assert(DeviceIo<FakeDevice>);

/// A device, an observer and the driver's CheckedIo, for a test fixture.
struct CheckedFakeDevice {
  FakeDevice device;
  NullObserver observer;
  CheckedIo<FakeDevice> io{device, observer};

  [[nodiscard]] std::uint64_t refused(Site site) const {
    return io.refused()[static_cast<std::size_t>(site)];
  }
};

}  // namespace hni::test
