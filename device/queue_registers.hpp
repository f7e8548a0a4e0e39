// SPDX-License-Identifier: Apache-2.0
#pragma once
// Base and size registers of a ring, as they are latched when its queue is enabled.

#include <cstdint>

#include "device/register_file.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

struct RingRegisters {
  std::uint64_t base = 0;
  std::uint32_t size_code = 0;
};

/// BAL holds address bits 31:7, BAH bits 63:32 [device 11.3].
template <class BAL, class BAH, class SIZE>
RingRegisters ring_registers(const RegisterFile& regs, unsigned q) {
  return {std::uint64_t{regs.peek<BAH>(q).raw} << 32 | (regs.peek<BAL>(q).raw & ~0x7fu),
          regs.peek<SIZE>(q).raw & 0xf};
}

inline RingRegisters twq_ring(const RegisterFile& regs, unsigned twq) {
  if (twq < 128) {
    return ring_registers<spec::QUEUE_TWQ0_BAL, spec::QUEUE_TWQ0_BAH, spec::QUEUE_TWQ0_SIZE>(regs,
                                                                                             twq);
  }
  return ring_registers<spec::QUEUE_TWQ1_BAL, spec::QUEUE_TWQ1_BAH, spec::QUEUE_TWQ1_SIZE>(
      regs, twq - 128);
}
inline RingRegisters tcq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_TCQ_BAL, spec::QUEUE_TCQ_BAH, spec::QUEUE_TCQ_SIZE>(regs, q);
}
inline RingRegisters rcq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_RCQ_BAL, spec::QUEUE_RCQ_BAH, spec::QUEUE_RCQ_SIZE>(regs, q);
}
inline RingRegisters hpq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_BDQ_HPQ_BAL, spec::QUEUE_BDQ_HPQ_BAH,
                        spec::QUEUE_BDQ_HPQ_SIZE>(regs, q);
}
inline RingRegisters ppq_ring(const RegisterFile& regs, unsigned q) {
  return ring_registers<spec::QUEUE_BDQ_PPQ_BAL, spec::QUEUE_BDQ_PPQ_BAH,
                        spec::QUEUE_BDQ_PPQ_SIZE>(regs, q);
}

}  // namespace hni::device
