// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arbitrary calls of an application to a port, with arbitrary arguments. Calls out of range or
/// out of order must be refused without side effects.

#include <cstdint>

namespace hni::fuzz {

class SimPort;

/// Performs call `what`, 0 to 15, with `number` and `value` as its arguments.
void call_anything(SimPort& sim, unsigned what, std::uint16_t number, std::uint32_t value);

/// Changes filter setting `what`, 0 to 5.
void set_filter(SimPort& sim, unsigned what, std::uint16_t number);

/// Sends one packet with offloads; `how` 1: on the plain ring, 2: with length 0, 4: on the second
/// queue. `value`: flags in bits 2:0, L2 length 10:3, outer L3 20:11, L3 30:21, L4 37:31, MSS
/// 52:38, checksum offset 58:53, types 60:59 and 62:61.
void send_offload(SimPort& sim, unsigned how, std::uint16_t bytes, std::uint64_t value);

/// Of the next host arrays that the driver allocates, `after` succeed and then `count` fail.
void host_memory_fails(std::uint32_t count, std::uint32_t after);

}  // namespace hni::fuzz
