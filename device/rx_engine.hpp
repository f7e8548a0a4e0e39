// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The receive side of the card after the MAC: classification, RX buffer, placement into host
/// memory [device 13], for 128 queues.
///
/// A frame is copied once, from the wire's buffer into driver memory. Only if its queue has no
/// room and must not drop (DROP_MODE never), or earlier frames wait, it is copied into a FIFO. All
/// descriptors and addresses that a frame needs are fetched and translated before the first byte
/// is written, so a frame is placed completely or not at all.
///
/// Refused DMA stops the queue until RESET (counted, RDE_PKT_ERR_CNT, DISABLED_ON_ERR); until then
/// its frames are dropped and counted.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "device/card_context.hpp"
#include "device/descriptor_ring.hpp"
#include "device/flow_cache.hpp"
#include "device/mac_control.hpp"
#include "device/queue_lifecycle_checker.hpp"
#include "device/rx_buffer.hpp"
#include "device/rx_fifo.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni::device {

/// buffers are 4 KiB fragments for any page size of the host [device 13.1]
inline constexpr std::uint32_t kFragmentBytes = 4096;
/// buffers, headers and payloads start at multiples of this [device 13.4, 13.5]
inline constexpr std::uint32_t kPlacementAlign = 128;

/// Counters of a receive queue.
struct RxQueueCounters {
  std::uint32_t packets = 0;  ///< frames placed
  std::uint32_t errors = 0;   ///< frames dropped: queue failed, or header buffer too small
  std::uint32_t completion_drops = 0;  ///< frames dropped: no completion descriptors
  std::uint32_t buffer_drops = 0;      ///< frames dropped: no buffers
  std::uint64_t bytes = 0;             ///< bytes of the frames placed
};

/// The receive engine of one card.
class RxEngine {
 public:
  /// Creates idle queues.
  /// @param context must outlive it
  explicit RxEngine(CardContext& context);

  /// Resets all queues and the RX buffer.
  void reset();

  /// Writes BDQ_CTL.
  /// @param q queue block
  /// @param value the value
  void write_bdq_ctl(unsigned q, std::uint32_t value);
  /// Handles the HPQ doorbell.
  /// @param q queue block
  /// @param value new tail
  void write_hpq_tail(unsigned q, std::uint32_t value);
  /// Handles the PPQ doorbell.
  /// @param q queue block
  /// @param value new tail
  void write_ppq_tail(unsigned q, std::uint32_t value);
  /// Writes RCQ_CTL.
  /// @param q queue block
  /// @param value the value
  void write_rcq_ctl(unsigned q, std::uint32_t value);
  /// Handles the RCQ doorbell.
  /// @param q queue block
  /// @param value new head
  void write_rcq_head(unsigned q, std::uint32_t value);
  /// Writes RDE_CTL0.
  /// @param q queue block
  /// @param value the value
  void write_rde_ctl0(unsigned q, std::uint32_t value);
  /// Writes RDE_CTL1.
  /// @param q queue block
  /// @param value the value
  void write_rde_ctl1(unsigned q, std::uint32_t value);
  /// Reads BDQ_HPQ_PTRS.
  /// @param q queue block
  /// @return head and tail
  std::uint32_t hpq_ptrs(unsigned q) const { return queues_[q].headers.ptrs(); }
  /// Reads BDQ_PPQ_PTRS.
  /// @param q queue block
  /// @return head and tail
  std::uint32_t ppq_ptrs(unsigned q) const { return queues_[q].payloads.ptrs(); }
  /// Reads RCQ_PTRS.
  /// @param q queue block
  /// @return tail and head
  std::uint32_t rcq_ptrs(unsigned q) const;
  /// Tests for a failure of the buffer queues.
  /// @param q queue block
  /// @return true until RESET
  bool bdq_failed(unsigned q) const { return queues_[q].failed; }
  /// Tests for a failure of the completion queue.
  /// @param q queue block
  /// @return true until RESET
  bool rcq_failed(unsigned q) const { return queues_[q].completions.failed(); }
  /// Returns the counters of a queue.
  /// @param q queue block
  /// @return the counters
  const RxQueueCounters& counters(unsigned q) const { return queues_[q].counters; }

  /// Reads QM_HPQ_IDLE and QM_PPQ_IDLE: a queue is busy while a frame in a FIFO waits for it.
  /// @param word queues 32 * word and following
  /// @return idle bits
  std::uint32_t buffer_idle_word(unsigned word);
  /// Reads QM_RCQ_IDLE.
  /// @param word queues 32 * word and following
  /// @return idle bits
  std::uint32_t completion_idle_word(unsigned word);

  /// Receives a frame from the MAC.
  /// @param frame bytes without FCS
  /// @return false if it was dropped because the RX FIFO was full
  bool receive(std::span<const std::byte> frame);
  /// Tests whether a frame could be placed now, for wires that can wait.
  /// @param frame bytes without FCS
  /// @return false if receive() would hold or drop it for lack of buffers or completions that the
  ///     driver can still provide
  bool has_room(std::span<const std::byte> frame);
  /// Places frames from the FIFOs.
  /// @param budget maximum number of frames
  /// @return true if more can be placed now
  bool run(unsigned budget);

  /// @return the RX buffer
  RxBuffer& buffer() { return buffer_; }
  /// @return the RX buffer
  const RxBuffer& buffer() const { return buffer_; }

 private:
  bool mac_keeps(const MacControl& control);
  /// HPQ or PPQ: buffer descriptors that the driver posts and the card consumes in order.
  struct BufferDescriptorQueue {
    DescriptorRing ring;
    std::uint32_t head = 0;
    std::uint32_t tail = 0;

    std::uint32_t available() const { return (tail - head) & ring.mask(); }
    std::uint32_t ptrs() const { return head << 16 | tail; }
    void clear() { head = tail = 0; }
  };
  /// The header fragment that is being filled.
  struct OpenFragment {
    bool open = false;
    std::uint64_t iova = 0;
    std::uint64_t generation = 0;
    std::byte* cpu = nullptr;
    std::uint16_t id = 0;
    std::uint32_t next_offset = 0;
  };
  struct Queue {
    BufferDescriptorQueue headers;
    BufferDescriptorQueue payloads;
    CompletionQueue completions;
    OpenFragment fragment;
    bool buffers_enabled = false;
    bool payloads_enabled = false;
    bool failed = false;
    // RDE_CTL0 / RDE_CTL1, decoded when written.
    bool split = false;
    spec::DROP_MODE drop_mode = spec::DROP_MODE::IMMEDIATE;
    std::uint32_t headroom = 0;
    std::uint32_t tailroom = 0;
    std::uint32_t max_header = 0;
    std::uint32_t first_offset = 0;               // of the first header in a fragment
    std::uint32_t usable_bytes = kFragmentBytes;  // of a fragment, for headers
    QueueLifecycleChecker buffer_life;
    QueueLifecycleChecker completion_life;
    RxQueueCounters counters;

    bool usable() const { return buffers_enabled && !failed && completions.enabled(); }
  };
  /// Layout of one frame in memory.
  struct Layout {
    std::uint32_t header = 0;  // bytes in the header fragment
    std::uint32_t offset = 0;  // within it
    bool fresh = false;        // needs a new header fragment
    bool overflow = false;
    std::uint32_t payloads = 0;
    std::uint32_t completions = 0;
  };
  struct Buffer {
    std::uint64_t iova = 0;
    std::byte* cpu = nullptr;
    std::uint16_t id = 0;
  };
  enum class Place { kDone, kHold };
  struct Lack {
    enum { kNothing, kCompletions, kBuffers } what = kNothing;
    bool forever = false;  ///< the ring is too small: waiting does not help
  };

  static constexpr std::size_t kMaxPayloads = kMaxFrameBytes / kFragmentBytes + 1;

  void write_buffer_tail(unsigned q, BufferDescriptorQueue& queue, bool enabled,
                         std::uint32_t value);
  Place place(const RxFrameInfo& info, std::span<const std::byte> frame);
  static Lack lack(const Queue& queue, const Layout& layout);
  Layout lay_out(const Queue& queue, const RxFrameInfo& info) const;
  Place no_room(const Queue& queue, std::uint32_t& counter, bool never_fits) const;
  bool take(BufferDescriptorQueue& queue, Buffer& buffer, std::uint32_t ahead);
  bool fetch(Queue& queue, const Layout& layout);
  void store(Queue& queue, const Layout& layout, const RxFrameInfo& info,
             std::span<const std::byte> frame);
  void push_meta(Queue& queue, const RxFrameInfo& info);
  void push(Queue& queue, std::uint64_t raw);
  void fail(Queue& queue);
  std::uint32_t idle_word(unsigned word) const;
  void examine(std::span<const std::byte> frame, bool count, RxVerdict& verdict);
  RxVerdict parse_and_classify(std::span<const std::byte> frame, bool count);

  CardContext& card_;
  FlowCache flows_;
  RxBuffer buffer_;
  std::array<Queue, kQueueBlocks> queues_;
  std::array<Buffer, kMaxPayloads> payload_buffers_{};  // of the frame being placed
};

}  // namespace hni::device
