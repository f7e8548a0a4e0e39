// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Base and size registers of a ring, as they are latched when its queue is enabled.

#include <cstdint>

#include "device/register_file.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

/// Base and size of a ring.
struct RingRegisters {
  std::uint64_t base = 0;       ///< device address
  std::uint32_t size_code = 0;  ///< log2 of the entries
};

/// Reads the base and size registers of a ring: BAL holds address bits 31:7, BAH bits 63:32
/// [device 11.3].
/// @param regs register file
/// @param q queue block
/// @return base and size
template <class BAL, class BAH, class SIZE>
RingRegisters ring_registers(const RegisterFile& regs, unsigned q) {
  return {std::uint64_t{regs.peek<BAH>(q).raw} << 32 | (regs.peek<BAL>(q).raw & ~0x7fu),
          regs.peek<SIZE>(q).raw & 0xf};
}

/// Reads the registers of a work queue.
/// @param regs register file
/// @param twq work queue, 0..255
/// @return base and size
inline RingRegisters twq_ring(const RegisterFile& regs, unsigned twq) {
  if (twq < 128) {
    return ring_registers<spec::QUEUE_TWQ0_BAL, spec::QUEUE_TWQ0_BAH, spec::QUEUE_TWQ0_SIZE>(regs,
                                                                                             twq);
  }
  return ring_registers<spec::QUEUE_TWQ1_BAL, spec::QUEUE_TWQ1_BAH, spec::QUEUE_TWQ1_SIZE>(
      regs, twq - 128);
}
/// Reads the registers of a transmit completion queue.
/// @param regs register file
/// @param q queue block
/// @return base and size
inline RingRegisters tcq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_TCQ_BAL, spec::QUEUE_TCQ_BAH, spec::QUEUE_TCQ_SIZE>(regs, q);
}
/// Reads the registers of a receive completion queue.
/// @param regs register file
/// @param q queue block
/// @return base and size
inline RingRegisters rcq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_RCQ_BAL, spec::QUEUE_RCQ_BAH, spec::QUEUE_RCQ_SIZE>(regs, q);
}
/// Reads the registers of a header buffer queue.
/// @param regs register file
/// @param q queue block
/// @return base and size
inline RingRegisters hpq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_BDQ_HPQ_BAL, spec::QUEUE_BDQ_HPQ_BAH,
                        spec::QUEUE_BDQ_HPQ_SIZE>(regs, q);
}
/// Reads the registers of a payload buffer queue.
/// @param regs register file
/// @param q queue block
/// @return base and size
inline RingRegisters ppq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_BDQ_PPQ_BAL, spec::QUEUE_BDQ_PPQ_BAH,
                        spec::QUEUE_BDQ_PPQ_SIZE>(regs, q);
}

}  // namespace hni::device
