// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Mailbox: the transport of firmware messages, both rings [device 4]. It does not interpret
/// messages; firmware_client.hpp does.
///
/// Each slot owns one page of DMA memory permanently: page d belongs to slot d. An outgoing page
/// is zeroed after the message, an incoming one before it is posted, so neither side ever reads
/// stale bytes. An incoming message is copied once into private memory, its descriptor is
/// recycled, and the copy is delivered; nothing that the device can write is read twice.
///
/// The state of the rings is kept here. Of what the firmware writes back, only FW_CMPL, FW_ERR and
/// LEN of the oldest outstanding descriptor are used.
///
/// A handler is any object with
///
/// // A received message, 4 .. 4096 bytes; `bytes` is valid during the call only. void
/// message(std::span<const std::byte> bytes, Time now); // The firmware consumed (or refused) a
/// sent message; called in the order of send(). void sent(std::uint16_t type, bool refused, Time
/// now);

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "driver/core/checked_io.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/error.hpp"
#include "driver/firmware/mailbox_ring.hpp"

namespace hni {

/// State of the mailbox.
enum class MailboxState : std::uint8_t {
  kDown,  ///< rings reset, DMA disabled; the device must not access the pages
  /// rings reset; waits for the firmware to raise vector 0 [device 4.4 step 2]
  kWaitFirmware,
  kReady,  ///< messages are sent and received
  /// nothing new is sent; waits for the firmware to complete what it has [device 19]
  kDraining,
  kFailed,  ///< as kDown, after an error; error() has the cause
};

// X(member, meaning)
#define HNI_MAILBOX_COUNTERS(X)                                \
  X(sent, "messages published")                                \
  X(send_refused, "completed with FW_ERR")                     \
  X(received, "messages delivered to the handler")             \
  X(receive_failed, "receive descriptors with FW_ERR")         \
  X(receive_empty, "receive descriptors of length 0")          \
  X(receive_bad, "receive descriptors with an invalid length") \
  X(lost_at_shutdown, "messages that the firmware never completed")

/// Counters of the mailbox.
struct MailboxCounters {
  HNI_COUNTER_STRUCT(MailboxCounters, HNI_MAILBOX_COUNTERS)
};

/// The mailbox of one port.
template <DeviceIo Io, class Obs = NullObserver>
class Mailbox {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers and DMA memory of the device
  using State = MailboxState;    ///< state of the mailbox

  /// limit of the bring-up [device 4.4]
  static constexpr Duration kBringUpTime = std::chrono::seconds(10);
  /// limit of the draining [device 19]
  static constexpr Duration kDrainTime = std::chrono::seconds(10);
  /// interval of polling during bring-up and draining
  static constexpr Duration kPollTime = std::chrono::milliseconds(20);

  /// Creates a mailbox in kDown without memory.
  /// @param device must outlive it
  explicit Mailbox(D& device) : device_(&device) {}

  /// Allocates the DMA pages; nothing stays allocated on an error.
  /// @return kNoMemory
  Result<> allocate();
  /// Frees the DMA pages. No effect unless kDown or kFailed, where DMA is disabled.
  void release();

  /// Starts the bring-up [device 4.4 steps 1 to 3]; step() continues it to kReady or kFailed
  /// within 10 s. Requires allocate(), and kDown or kFailed.
  /// @param now current time
  /// @param relaxed_ordering the enable bit of the PCI Express capability
  /// @return kNoMemory, kRequestPending or kCardGone
  Result<> start(Time now, bool relaxed_ordering);

  /// Publishes one message.
  /// @param message 4 .. 4096 bytes, a multiple of four
  /// @param now current time
  /// @return kMailboxFull with 15 outstanding, kNotRunning outside kReady, kBadArgument, kCardGone
  Result<> send(std::span<const std::byte> message, Time now);

  /// Advances the state machine and processes what the firmware completed: at most 15 sent
  /// messages and 16 received ones per call.
  /// @param now current time
  /// @param handler receives the messages
  template <class Handler>
  void step(Time now, Handler& handler);

  /// Handles vector 0: acknowledges the cause, processes completions, unmasks [device 3.2]. No
  /// effect while bring-up or shutdown polls the vector.
  /// @param now current time
  /// @param handler receives the messages
  template <class Handler>
  void interrupt(Time now, Handler& handler);
  /// Unmasks vector 0; called once the firmware was accepted [device 4.4 step 5].
  void enable_interrupt();

  /// Masks vector 0, waits at most 10 s for the firmware to complete messages, then resets both
  /// rings: kDown.
  /// @param now current time
  void shutdown(Time now);
  /// Shuts down without waiting: outstanding messages are lost, kFailed.
  /// @param why what error() returns
  void abort(ErrorCode why);

  /// @return state of the mailbox
  [[nodiscard]] State state() const { return state_; }
  /// @return why state() is kFailed
  [[nodiscard]] Error error() const { return error_; }
  /// @return when step() is due although no interrupt fires; Time::max() for never
  [[nodiscard]] Time deadline() const {
    return state_ == State::kWaitFirmware || state_ == State::kDraining ? next_poll_ : Time::max();
  }
  /// @return the counters
  [[nodiscard]] const MailboxCounters& counters() const { return counters_; }
  /// @return sent messages that the firmware has not completed
  [[nodiscard]] std::uint32_t sends_under_way() const { return tx_.used(); }
  /// @return ring from the firmware
  [[nodiscard]] const MailboxRing<std::uint32_t>& rx_ring() const { return rx_; }
  /// @return ring to the firmware
  [[nodiscard]] const MailboxRing<std::uint32_t>& tx_ring() const { return tx_; }
  /// @return true if the invariants of both rings hold, and all receive pages are posted in kReady
  [[nodiscard]] bool is_valid() const {
    return rx_.is_valid() && tx_.is_valid() && (state_ != State::kReady || rx_.full());
  }

 private:
  using Ring = MailboxRing<std::uint32_t>;
  static constexpr std::uint32_t kVectorBit = 1;

  void open();
  void close();
  void reset_ring(std::uint32_t mailbox);
  void invalidate(std::uint32_t mailbox, std::uint32_t slot, std::uint32_t low);
  void publish(std::uint32_t mailbox, Ring& ring, std::uint32_t bytes);
  void post_receive_page();
  void fail_with(ErrorCode why);
  bool firmware_raised();
  std::byte* page(std::uint32_t mailbox, std::uint32_t slot) {
    return pages_[mailbox].cpu + std::size_t{slot} * kMailboxPageBytes;
  }

  template <class Handler>
  void take_sent(Time now, Handler& handler);
  template <class Handler>
  void take_received(Time now, Handler& handler);
  template <class Handler>
  void deliver(std::uint32_t bytes, std::uint32_t slot, Time now, Handler& handler);

  D* device_;
  State state_ = State::kDown;
  Error error_{};
  bool relaxed_ordering_ = false;
  bool interrupt_enabled_ = false;
  Ring rx_{};
  Ring tx_{};
  std::array<DmaSpan, 2> pages_{};                       ///< by mailbox number
  std::array<std::uint16_t, kMailboxSlots> tx_types_{};  ///< message type of each posted slot
  Time give_up_{};
  Time next_poll_{};
  MailboxCounters counters_{};
};

template <DeviceIo Io, class Obs>
Result<> Mailbox<Io, Obs>::allocate() {
  for (DmaSpan& span : pages_) {
    if (span.cpu != nullptr) continue;
    const std::optional<DmaSpan> got =
        device_->io.dma_alloc(std::size_t{kMailboxSlots} * kMailboxPageBytes);
    if (!got) {
      release();
      return fail(ErrorCode::kNoMemory, std::uint64_t{kMailboxSlots} * kMailboxPageBytes);
    }
    span = *got;
  }
  return {};
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::release() {
  if (state_ != State::kDown && state_ != State::kFailed) return;
  for (DmaSpan& span : pages_) {
    if (span.cpu != nullptr) device_->io.dma_free(span);
    span = {};
  }
}

template <DeviceIo Io, class Obs>
Result<> Mailbox<Io, Obs>::start(Time now, bool relaxed_ordering) {
  if (pages_[0].cpu == nullptr || pages_[1].cpu == nullptr) return fail(ErrorCode::kNoMemory);
  if (state_ != State::kDown && state_ != State::kFailed) return fail(ErrorCode::kRequestPending);
  if (device_->gone()) return fail(ErrorCode::kCardGone);
  relaxed_ordering_ = relaxed_ordering;
  interrupt_enabled_ = false;
  // Vector 0 keeps its cause until it is cleared; all others auto-clear [device 3.2].
  device_->write(spec::INTR_MASK_SET{kVectorBit}, 0);
  device_->write(spec::INTR_SW_AC_MODE{~kVectorBit}, 0);
  device_->write(spec::INTR_CLEAR{kVectorBit}, 0);
  reset_ring(kMailboxRx);
  reset_ring(kMailboxTx);
  state_ = State::kWaitFirmware;
  give_up_ = now + kBringUpTime;
  next_poll_ = now + kPollTime;
  return {};
}

template <DeviceIo Io, class Obs>
Result<> Mailbox<Io, Obs>::send(std::span<const std::byte> message, Time now) {
  if (message.size() < kMailboxHeaderBytes || message.size() > kMailboxPageBytes ||
      message.size() % 4 != 0)
    return fail(ErrorCode::kBadArgument, message.size());
  if (device_->gone()) return fail(ErrorCode::kCardGone);
  if (state_ != State::kReady) return fail(ErrorCode::kNotRunning);
  if (tx_.full()) return fail(ErrorCode::kMailboxFull);
  const std::uint32_t slot = tx_.window.tail;
  const auto bytes = static_cast<std::uint32_t>(message.size());
  std::byte* to = page(kMailboxTx, slot);
  std::memcpy(to, message.data(), bytes);
  std::memset(to + bytes, 0, kMailboxPageBytes - bytes);
  const auto type = static_cast<std::uint16_t>(
      std::to_integer<unsigned>(message[0]) | (std::to_integer<unsigned>(message[1]) & 0xfU) << 8);
  tx_types_[slot] = type;
  publish(kMailboxTx, tx_, bytes);
  ++counters_.sent;
  device_->obs.message_sent(type, bytes, now);
  return {};
}

template <DeviceIo Io, class Obs>
template <class Handler>
void Mailbox<Io, Obs>::step(Time now, Handler& handler) {
  if (state_ == State::kDown || state_ == State::kFailed) return;
  if (state_ == State::kWaitFirmware) {
    if (now < next_poll_) return;
    if (firmware_raised()) {
      open();
    } else if (device_->gone()) {
      fail_with(ErrorCode::kCardGone);
    } else if (now >= give_up_) {
      fail_with(ErrorCode::kFirmwareSilent);
    } else {
      reset_ring(kMailboxTx);  // these writes make the firmware raise vector 0
      next_poll_ = now + kPollTime;
    }
    return;
  }
  take_sent(now, handler);
  take_received(now, handler);
  if (device_->gone()) return fail_with(ErrorCode::kCardGone);
  if (state_ != State::kDraining) return;
  if (tx_.empty() || now >= give_up_) {
    counters_.lost_at_shutdown += tx_.used();
    close();
    state_ = State::kDown;
  } else {
    next_poll_ = now + kPollTime;
  }
}

template <DeviceIo Io, class Obs>
template <class Handler>
void Mailbox<Io, Obs>::interrupt(Time now, Handler& handler) {
  if (state_ != State::kReady || !interrupt_enabled_) return;
  // Clear before polling: a message that arrives after the clear latches the cause again, and the
  // unmask below then fires.
  (void)firmware_raised();
  step(now, handler);
  if (state_ == State::kReady) device_->write(spec::INTR_MASK_CLEAR{kVectorBit}, 0);
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::enable_interrupt() {
  if (state_ != State::kReady) return;
  interrupt_enabled_ = true;
  device_->write(spec::INTR_MASK_CLEAR{kVectorBit}, 0);
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::shutdown(Time now) {
  if (state_ == State::kFailed) state_ = State::kDown;
  if (state_ == State::kDown || state_ == State::kDraining) return;
  const bool was_ready = state_ == State::kReady;
  interrupt_enabled_ = false;
  device_->write(spec::INTR_MASK_SET{kVectorBit}, 0);
  if (was_ready && !tx_.empty() && !device_->gone()) {
    state_ = State::kDraining;
    give_up_ = now + kDrainTime;
    next_poll_ = now + kPollTime;
    return;
  }
  close();
  state_ = State::kDown;
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::abort(ErrorCode why) {
  if (state_ == State::kDown || state_ == State::kFailed) return;
  fail_with(why);
}

/// Returns whether vector 0's cause was set, and clears it.
template <DeviceIo Io, class Obs>
bool Mailbox<Io, Obs>::firmware_raised() {
  const auto status = device_->template read<spec::INTR_STATUS>(Site::kIntrStatus, 0);
  if (device_->gone() || !status.raw.any(kVectorBit)) return false;
  device_->write(spec::INTR_CLEAR{kVectorBit}, 0);
  return true;
}

/// Step 3 of the bring-up: device writes are enabled before receive pages are posted, device reads
/// before anything is sent. Relaxed ordering is attribute value 2.
template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::open() {
  const std::uint32_t attributes = relaxed_ordering_ ? 2 : 0;
  device_->write(
      spec::PUL_OB_TLP_HDR_AW_CFG{}.set_BME(1).set_RDE_ATTR(attributes).set_TQM_ATTR(attributes));
  while (!rx_.full()) post_receive_page();
  device_->write(spec::PUL_OB_TLP_HDR_AR_CFG{}
                     .set_BME(1)
                     .set_TDE_ATTR(attributes)
                     .set_RQM_ATTR(attributes)
                     .set_TQM_ATTR(attributes));
  state_ = State::kReady;
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::close() {
  reset_ring(kMailboxTx);
  reset_ring(kMailboxRx);
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::fail_with(ErrorCode why) {
  interrupt_enabled_ = false;
  device_->write(spec::INTR_MASK_SET{kVectorBit}, 0);
  counters_.lost_at_shutdown += tx_.used();
  close();
  state_ = State::kFailed;
  error_ = Error{why, 0};
}

/// Disables the ring's DMA, then makes every descriptor one that the firmware skips, except slot
/// 0, where it stops [device 4.3].
template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::reset_ring(std::uint32_t mailbox) {
  if (mailbox == kMailboxRx) {
    device_->write(spec::PUL_OB_TLP_HDR_AW_CFG{}.set_FLUSH(1).set_FLUSH_MODE(1));
  } else {
    device_->write(spec::PUL_OB_TLP_HDR_AR_CFG{}.set_FLUSH(1));
  }
  device_->flush();
  invalidate(mailbox, 0, 0);
  for (std::uint32_t slot = kMailboxSlots - 1; slot > 0; --slot)
    invalidate(mailbox, slot, kMailboxSkip);
  (mailbox == kMailboxRx ? rx_ : tx_).reset();
}

/// Low half before high half: with the high half cleared first, the firmware could read a valid
/// low half with a truncated address [trust-boundary C1].
template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::invalidate(std::uint32_t mailbox, std::uint32_t slot, std::uint32_t low) {
  device_->write(spec::MBX_DESC_LO{low}, mailbox, slot);
  device_->flush_mailbox();
  device_->write(spec::MBX_DESC_HI{0}, mailbox, slot);
}

/// High half before low half, which is the doorbell [device 4.2]. The stop is set before both.
template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::publish(std::uint32_t mailbox, Ring& ring, std::uint32_t bytes) {
  const auto [slot, stop] = ring.post();
  const MailboxWords words =
      mailbox_words(pages_[mailbox].iova + std::uint64_t{slot} * kMailboxPageBytes, bytes,
                    mailbox == kMailboxTx);
  device_->write(spec::MBX_DESC_LO{0}, mailbox, stop);
  device_->write(spec::MBX_DESC_HI{words.high}, mailbox, slot);
  device_->flush_mailbox();
  device_->write(spec::MBX_DESC_LO{words.low}, mailbox, slot);
  device_->obs.ring_posted(QueueId{0},
                           mailbox == kMailboxTx ? RingKind::kMailboxTx : RingKind::kMailboxRx,
                           slot, 1U, ring.window.mask);
}

template <DeviceIo Io, class Obs>
void Mailbox<Io, Obs>::post_receive_page() {
  std::memset(page(kMailboxRx, rx_.window.tail), 0, kMailboxPageBytes);
  publish(kMailboxRx, rx_, kMailboxPageBytes);
}

template <DeviceIo Io, class Obs>
template <class Handler>
void Mailbox<Io, Obs>::take_sent(Time now, Handler& handler) {
  for (std::uint32_t n = tx_.used(); n > 0 && !tx_.empty(); --n) {
    const std::uint32_t slot = tx_.oldest();
    const auto low =
        device_->template read<spec::MBX_DESC_LO>(Site::kMailboxLow, kMailboxTx, slot);
    const MailboxVerdict verdict = mailbox_verdict(low.raw);
    if (verdict == MailboxVerdict::kPending || device_->gone()) return;
    (void)tx_.pop_completed();
    const bool refused = verdict == MailboxVerdict::kFailed;
    counters_.send_refused += refused ? 1 : 0;
    device_->obs.ring_completed(QueueId{0}, RingKind::kMailboxTx, slot, 1U, tx_.window.mask);
    handler.sent(tx_types_[slot], refused, now);
  }
}

template <DeviceIo Io, class Obs>
template <class Handler>
void Mailbox<Io, Obs>::take_received(Time now, Handler& handler) {
  for (std::uint32_t n = 0; n < kMailboxSlots && !rx_.empty(); ++n) {
    const std::uint32_t slot = rx_.oldest();
    const auto low =
        device_->template read<spec::MBX_DESC_LO>(Site::kMailboxLow, kMailboxRx, slot);
    const MailboxVerdict verdict = mailbox_verdict(low.raw);
    if (verdict == MailboxVerdict::kPending || device_->gone()) return;
    (void)rx_.pop_completed();
    device_->obs.ring_completed(QueueId{0}, RingKind::kMailboxRx, slot, 1U, rx_.window.mask);
    if (verdict == MailboxVerdict::kFailed) {
      ++counters_.receive_failed;
      post_receive_page();
      continue;
    }
    const auto high =
        device_->template read<spec::MBX_DESC_HI>(Site::kMailboxHigh, kMailboxRx, slot);
    if (device_->gone()) return;
    const auto length = mailbox_length(high.raw);
    if (const auto bytes = length.between(kMailboxHeaderBytes, kMailboxPageBytes)) {
      deliver(*bytes, slot, now, handler);
      if (state_ != State::kReady && state_ != State::kDraining) return;
    } else {
      if (length.nonzero()) {
        device_->refuse(Site::kMailboxLength, length.as_data(), kMailboxPageBytes);
        ++counters_.receive_bad;
      } else {
        ++counters_.receive_empty;
      }
      post_receive_page();
    }
  }
}

/// Copies the message, recycles the ring's page, and then delivers the copy.
template <DeviceIo Io, class Obs>
template <class Handler>
void Mailbox<Io, Obs>::deliver(std::uint32_t bytes, std::uint32_t slot, Time now,
                               Handler& handler) {
  std::array<std::byte, kMailboxPageBytes> copy;
  device_->io.copy_in(Site::kMessageBytes, copy.data(), page(kMailboxRx, slot), bytes);
  post_receive_page();
  ++counters_.received;
  handler.message(std::span<const std::byte>(copy.data(), bytes), now);
}

}  // namespace hni
