// SPDX-License-Identifier: Apache-2.0
#include "device/interrupts.hpp"

#include <bit>

#include "openhni/spec/registers.hpp"

namespace hni::device {

InterruptBlock::InterruptBlock(InterruptSink& sink, unsigned vectors)
    : sink_(sink), vectors_(vectors < kVectors ? vectors : kVectors) {
  reset();
}

void InterruptBlock::reset() {
  hardware_.fill(0);
  software_.fill(0);
  mask_.fill(~0u);
  auto_clear_.fill(~0u);
  sources_.fill(0);
  routes_.fill(0);
  causes_ = 0;
}

// INTR_SET sets the software cause [device 3.1].
void InterruptBlock::set_software(unsigned word, std::uint32_t bits) {
  software_[word] |= bits;
  fire(word);
}

// A pending cause fires on unmask [device 3.2].
void InterruptBlock::clear_mask(unsigned word, std::uint32_t bits) {
  mask_[word] &= ~bits;
  fire(word);
}

void InterruptBlock::raise(unsigned vector) {
  vector %= kVectors;
  if (sources_[vector]++ != 0) return;
  hardware_[vector / 32] |= 1u << (vector % 32);
  fire(vector / 32);
}

void InterruptBlock::lower(unsigned vector) {
  vector %= kVectors;
  if (sources_[vector] == 0 || --sources_[vector] != 0) return;
  hardware_[vector / 32] &= ~(1u << (vector % 32));
}

void InterruptBlock::set_cause(unsigned cause, bool on) {
  const std::uint64_t bit = 1ull << (cause % kCauses);
  if (((causes_ & bit) != 0) == on) return;
  causes_ ^= bit;
  apply_route(cause % kCauses, on);
}

void InterruptBlock::set_route(unsigned cause, std::uint32_t msix_ctrl) {
  const bool active = (causes_ >> (cause % kCauses) & 1) != 0;
  if (active) apply_route(cause % kCauses, false);
  routes_[cause % kCauses] = msix_ctrl;
  if (active) apply_route(cause % kCauses, true);
}

// Drives the vector of an enabled route [device 3.1].
void InterruptBlock::apply_route(unsigned cause, bool on) {
  const spec::INTR_MSIX_CTRL route{routes_[cause]};
  if (route.ENABLE() == 0) return;
  if (on) {
    raise(route.VECTOR());
  } else {
    lower(route.VECTOR());
  }
}

// Fires unmasked pending vectors: masks each and, with auto-clear, clears its software cause
// [device 3.2].
void InterruptBlock::fire(unsigned word) {
  std::uint32_t ready = status(word) & ~mask_[word];
  mask_[word] |= ready;
  software_[word] &= ~(ready & auto_clear_[word]);
  while (ready != 0) {
    const unsigned vector = 32 * word + static_cast<unsigned>(std::countr_zero(ready));
    ready &= ready - 1;
    ++fired_;
    if (vector < vectors_) sink_.msix(static_cast<std::uint16_t>(vector));
  }
}

}  // namespace hni::device
