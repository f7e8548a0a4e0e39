// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FaultIo: what stands between a driver of `hni run` and its card. It hands everything on, until
/// `hni port lie` orders a lie; the hostile layer of fuzz/ then tells it.

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

  /// From now on the card seems to say `value` at `site`, as often as it is asked.
  void inject(Site site, std::uint32_t value) {
    behave();
    order(site, fuzz::ValueClass::kRandom, std::numeric_limits<std::uint32_t>::max(), value);
    site_ = site;
  }
  void clear_fault() {
    behave();
    site_.reset();
  }
  /// What the lie is about; nothing if there is none.
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
