// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Registers of one queue block: hands a pair's rings to the device, takes them away and polls for
/// idle [device 11.3, 18]. Every write here is a legal action of the spec, in its order.

#include <bit>
#include <cstdint>

#include "driver/core/checked_io.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// Encodes the SIZE field: log2 of the number of descriptors in 4 bits, so 65,536 is written as 0.
/// @param descriptors ring size, a power of two
/// @return the field
constexpr std::uint32_t encode_ring_size(std::uint32_t descriptors) {
  return static_cast<std::uint32_t>(std::countr_zero(descriptors)) & 0xf;
}

/// Parameters of a transmit queue.
struct TxQueueSetup {
  /// Ring of work queue 0.
  DmaAddr work0{};
  /// Ring of work queue 1.
  DmaAddr work1{};
  /// Completion ring.
  DmaAddr completions{};
  std::uint32_t size = 0;  ///< descriptors of each ring
  /// Interrupt vector.
  Vector vector{};
  bool plain_ring = false;  ///< enable work queue 1 too
};

/// Parameters of a receive queue.
struct RxQueueSetup {
  /// Header buffer ring.
  DmaAddr headers{};
  /// Payload buffer ring.
  DmaAddr payloads{};
  /// Completion ring.
  DmaAddr completions{};
  std::uint32_t header_size = 0;           ///< descriptors
  std::uint32_t payload_size = 0;          ///< descriptors
  std::uint32_t completion_size = 0;       ///< descriptors
  std::uint32_t frames_per_interrupt = 0;  ///< 0: half of the ring
  std::uint32_t head_room = 0;   ///< bytes that the device leaves free before each header
  std::uint32_t tail_room = 0;   ///< bytes that the device leaves free after each header
  std::uint32_t max_header = 0;  ///< bytes, 256 .. 3584
  bool split_headers = false;    ///< split after the L4 header
  /// Drop mode "never": hold the packet when buffers run out [device 13.6].
  bool wait_for_buffers = false;
  /// Interrupt vector.
  Vector vector{};
};

/// Programs queue blocks.
template <DeviceIo Io, class Obs>
class QueueSetup {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device
  /// Creates an accessor.
  /// @param device must outlive it
  explicit QueueSetup(D& device) : device_(&device) {}

  /// Resets, programs and enables a transmit queue.
  /// @param queue queue block
  /// @param s rings and vector
  void enable_tx(QueueId queue, const TxQueueSetup& s) {
    using namespace spec;
    const auto q = raw(queue);
    start_ring<QUEUE_TWQ0_CTL, QUEUE_TWQ0_BAL, QUEUE_TWQ0_BAH, QUEUE_TWQ0_SIZE>(q, s.work0,
                                                                                s.size);
    device_->write(QUEUE_TWQ0_CTL{}.set_ENABLE(1), q);
    if (s.plain_ring) {
      start_ring<QUEUE_TWQ1_CTL, QUEUE_TWQ1_BAL, QUEUE_TWQ1_BAH, QUEUE_TWQ1_SIZE>(q, s.work1,
                                                                                  s.size);
      device_->write(QUEUE_TWQ1_CTL{}.set_ENABLE(1), q);
    }
    start_ring<QUEUE_TCQ_CTL, QUEUE_TCQ_BAL, QUEUE_TCQ_BAH, QUEUE_TCQ_SIZE>(q, s.completions,
                                                                            s.size);
    device_->write(QUEUE_TIM_CTL{}.set_MSIX(raw(s.vector)), q);
    device_->write(QUEUE_TIM_THRESHOLD{}.set_TWD((s.size - 1) / 2), q);
    device_->write(QUEUE_TIM_MASK{}, q);
    device_->write(QUEUE_TCQ_CTL{}.set_ENABLE(1), q);
  }

  /// Resets, programs and enables a receive queue.
  /// @param queue queue block
  /// @param s rings, vector and buffer layout
  void enable_rx(QueueId queue, const RxQueueSetup& s) {
    using namespace spec;
    const auto q = raw(queue);
    device_->write(QUEUE_BDQ_CTL{}.set_RESET(1), q);
    set_base<QUEUE_BDQ_HPQ_BAL, QUEUE_BDQ_HPQ_BAH>(q, s.headers);
    device_->write(QUEUE_BDQ_HPQ_SIZE{encode_ring_size(s.header_size)}, q);
    set_base<QUEUE_BDQ_PPQ_BAL, QUEUE_BDQ_PPQ_BAH>(q, s.payloads);
    device_->write(QUEUE_BDQ_PPQ_SIZE{encode_ring_size(s.payload_size)}, q);
    device_->write(QUEUE_BDQ_CTL{}.set_ENABLE(1).set_PPQ_ENABLE(1), q);
    set_drop_mode(queue, s);
    device_->write(QUEUE_RDE_CTL1{}.set_MAX_HDR(s.max_header), q);
    start_ring<QUEUE_RCQ_CTL, QUEUE_RCQ_BAL, QUEUE_RCQ_BAH, QUEUE_RCQ_SIZE>(q, s.completions,
                                                                            s.completion_size);
    const std::uint32_t threshold =
        s.frames_per_interrupt != 0 ? 2 * s.frames_per_interrupt : (s.completion_size - 1) / 2;
    device_->write(QUEUE_RIM_CTL{}.set_MSIX(raw(s.vector)), q);
    device_->write(QUEUE_RIM_THRESHOLD{}.set_RCD(threshold), q);
    device_->write(QUEUE_RIM_MASK{}, q);
    device_->write(QUEUE_RCQ_CTL{}.set_ENABLE(1), q);
  }

  /// Writes the drop mode and the header layout; allowed while the queue runs [device 10.6].
  /// @param queue queue block
  /// @param s the queue's parameters
  void set_drop_mode(QueueId queue, const RxQueueSetup& s) {
    const auto mode = s.wait_for_buffers ? spec::DROP_MODE::NEVER : spec::DROP_MODE::IMMEDIATE;
    device_->write(spec::QUEUE_RDE_CTL0{}
                       .set_EN_HDR_SPLIT(s.split_headers)
                       .set_DROP_MODE(static_cast<std::uint32_t>(mode))
                       .set_MIN_HROOM(s.head_room)
                       .set_MIN_TROOM(s.tail_room),
                   raw(queue));
  }

  /// Disables both work queues and the completion queue and masks the interrupt. Poll idle()
  /// afterwards.
  /// @param queue queue block
  void disable_tx(QueueId queue) {
    using namespace spec;
    const auto q = raw(queue);
    device_->write(QUEUE_TWQ0_CTL{}, q);
    device_->write(QUEUE_TWQ1_CTL{}, q);
    device_->write(QUEUE_TCQ_CTL{}, q);
    device_->write(QUEUE_TIM_MASK{}.set_MASK(1), q);
  }

  /// Disables the buffer and completion queues and masks the interrupt. Poll idle() afterwards.
  /// @param queue queue block
  void disable_rx(QueueId queue) {
    using namespace spec;
    const auto q = raw(queue);
    device_->write(QUEUE_BDQ_CTL{}.set_PPQ_ENABLE(1), q);
    device_->write(QUEUE_RCQ_CTL{}, q);
    device_->write(QUEUE_RIM_MASK{}.set_MASK(1), q);
  }

  /// Reads each idle register that covers the pair once [device 18].
  /// @param queue queue block
  /// @return true if the device does no more DMA for the pair
  bool idle(QueueId queue) {
    using namespace spec;
    return idle_bit<QM_TWQ_IDLE>(queue) && idle_bit<QM_TQS_IDLE>(queue) &&
           idle_bit<QM_TDE_IDLE>(queue) && idle_bit<QM_TWQ_IDLE>(second_work_queue(queue)) &&
           idle_bit<QM_TCQ_IDLE>(queue) && idle_bit<QM_HPQ_IDLE>(queue) &&
           idle_bit<QM_PPQ_IDLE>(queue) && idle_bit<QM_RCQ_IDLE>(queue);
  }

  /// Makes the MAC discard what the device cannot send, so that a stuck transmit queue drains
  /// [device 12.6, 18].
  /// @param on true: discard
  void drop_at_mac(bool on) { device_->write(spec::TMI_DROP_CTRL{}.set_EN(on)); }

 private:
  /// Bits 128 .. 255 of the work-queue idle registers are the second work queues. INTERPRETATION
  /// [device 18].
  static constexpr QueueId second_work_queue(QueueId queue) {
    return QueueId{static_cast<std::uint16_t>(raw(queue) + kMaxQueues)};
  }

  template <class Idle>
  bool idle_bit(QueueId queue) {
    const std::uint32_t q = raw(queue);
    return device_->template read<Idle>(Site::kIdle, q / 32).raw.all(1U << (q % 32));
  }

  template <class Bal, class Bah>
  void set_base(std::uint32_t q, DmaAddr base) {
    device_->write(Bal{static_cast<std::uint32_t>(raw(base))}, q);
    device_->write(Bah{static_cast<std::uint32_t>(raw(base) >> 32)}, q);
  }

  template <class Ctl, class Bal, class Bah, class Size>
  void start_ring(std::uint32_t q, DmaAddr base, std::uint32_t descriptors) {
    device_->write(Ctl{}.set_RESET(1), q);
    set_base<Bal, Bah>(q, base);
    device_->write(Size{encode_ring_size(descriptors)}, q);
  }

  D* device_;
};

}  // namespace hni
