// SPDX-License-Identifier: Apache-2.0
#pragma once

/// All settings of a port at attach, one at a time, including invalid ones.

#include <array>

#include "driver/port.hpp"

namespace hni::fuzz {

/// Applies setting `what`, 0 to 15.
inline void configure(PortConfig& c, unsigned what, std::uint32_t number) {
  constexpr auto kSizes = std::to_array<std::uint32_t>({64, 128, 96, 32, 0x20000});
  const std::uint32_t size = kSizes[number % kSizes.size()];
  const bool on = number % 2 != 0;
  switch (what) {
    case 0:
      c.queues = number % 4 == 3 ? 129 : number % 4;
      return;
    case 1:
      c.queue.tx_ring = size;
      return;
    case 2:
      c.queue.rx_ring = size;
      return;
    case 3:
      c.queue.header_ring = c.queue.payload_ring = size;
      return;
    case 4:
      c.mtu = number;
      return;
    case 5:
      c.queue.max_header = number % 4096;
      return;
    case 6:
      c.moderation.rx_us = number;
      return;
    case 7:
      c.moderation.tx_us = number;
      return;
    case 8:
      c.moderation.rx_frames = number;
      return;
    case 9:
      c.page_shift = number % 6;
      return;
    case 10:
      c.spare_fragments = number % 256;
      return;
    case 11:
      c.mac = number % 4 == 0 ? MacAddress{} : number % 4 == 1 ? MacAddress{1} : c.mac;
      return;
    case 12:
      c.queue.plain_ring = on;
      c.queue.split_headers = (number & 2) != 0;
      c.queue.wait_for_buffers = (number & 4) == 0;
      c.queue.frames_per_interrupt = number >> 8;
      return;
    case 13:
      c.link.tx_pause = on;
      c.link.rx_pause = (number & 2) != 0;
      return;
    case 14:
      c.link.storm_timeout_ms = number;
      return;
    default:
      c.pcie.relaxed_ordering = on;
      c.pcie.max_payload = (number >> 7 & 1) != 0 ? 0 : 64U << (number >> 1 & 7);
      c.pcie.max_read_request = 64U << (number >> 4 & 7);
      return;
  }
}

}  // namespace hni::fuzz
