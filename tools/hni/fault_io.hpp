// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FaultIo: sits between a driver of `hni run` and its card. It forwards everything until `hni
/// port inject` arms a fault, which the fault injector of fuzz/ then applies.

#include <limits>
#include <optional>

#include "driver/io/in_process.hpp"
#include "fuzz/fault/fault_injector.hpp"

namespace hni::tools {

class FaultIo : public fuzz::FaultInjector<io::InProcess> {
 public:
  using Honest = io::PassThrough<io::InProcess>;
  using Hostile = fuzz::FaultInjector<io::InProcess>;
  using Hostile::Hostile;

  /// Values of a fault that ends when the driver refuses one of them.
  static constexpr std::uint32_t kUntilRefused = std::numeric_limits<std::uint32_t>::max();

  /// Arms a fault: the next `count` values of `site` become `value`.
  void inject(Site site, std::uint32_t value, std::uint32_t count = kUntilRefused) {
    behave();
    order(site, fuzz::ValueClass::kRandom, count, value);
    site_ = site;
  }
  void clear_fault() {
    behave();
    site_.reset();
  }
  /// Returns the site of the armed fault; nullopt without one.
  [[nodiscard]] std::optional<Site> faulty_site() const { return site_; }

  std::uint32_t read32(Site site, RegAddr reg) {
    return site_ ? Hostile::read32(site, reg) : Honest::read32(site, reg);
  }
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    return site_ ? Hostile::load64(site, word) : Honest::load64(site, word);
  }
  void copy_in(Site site, std::byte* to, const std::byte* from, std::size_t n) {
    site_ ? Hostile::copy_in(site, to, from, n) : Honest::copy_in(site, to, from, n);
  }

 private:
  std::optional<Site> site_;
};

}  // namespace hni::tools
