// SPDX-License-Identifier: Apache-2.0
// Instantiates the proved headers as production does, each as separate functions.
// proofs/mutation/mutate compares the machine code of a mutant with that of the original: if they
// are equal, no input distinguishes them.
#include <cstdint>

#ifdef HNI_SUBJECT_DRIVER_QUEUES_RING_HPP
#include "driver/queues/ring.hpp"
template bool hni::is_ring_mask(const std::uint32_t&);
template struct hni::WorkRing<std::uint32_t>;
template struct hni::CompletionRing<std::uint32_t>;
hni::CompletionRing<std::uint32_t> fresh_completions() {
  return {};
}
// Only declared: the compiler does not know what they do and therefore keeps every call.
bool read_entry(std::uint32_t slot, std::uint32_t done);
bool accept_entry();
void drain(hni::CompletionRing<std::uint32_t>& ring, std::uint32_t& left) {
  ring.drain(left, read_entry, accept_entry);
}
#endif

#if defined(HNI_SUBJECT_DRIVER_QUEUES_TX_RING_HPP)
#include "driver/queues/tx_ring.hpp"
namespace {
using Ring = hni::TxRing<std::uint32_t>;
using Slot = hni::TxSlot<std::uint32_t>;
using Input = hni::Untrusted<std::uint32_t>;
struct Slots {
  Slot* data;
  Slot& at(std::uint32_t i) const { return data[i]; }
};
}  // namespace
template struct hni::TxSlot<std::uint32_t>;
template struct hni::TxRing<std::uint32_t>;
std::uint32_t post(Ring& r, Slot* s, Slot slot) {
  Slots slots{s};
  return r.post(slots, slot);
}
bool accept_done(Ring& r, Slot* s, Input reported) {
  return r.accept_done(Slots{s}, reported);
}
bool accept_stamp(Ring& r, Slot* s, std::uint32_t& slot) {
  Slots slots{s};
  return r.accept_stamp(slots, slot);
}
bool can_pop_completed(const Ring& r, Slot* s) {
  return r.can_pop_completed(Slots{s});
}
Slot pop_completed(Ring& r, Slot* s) {
  return r.pop_completed(Slots{s});
}
Slot reclaim(Ring& r, Slot* s) {
  return r.reclaim(Slots{s});
}
#endif

#ifdef HNI_SUBJECT_DRIVER_QUEUES_BUFFER_RING_HPP
#include "driver/queues/buffer_ring.hpp"
namespace {
using Ring = hni::BufferRing<std::uint32_t>;
struct Slots {
  std::uint32_t* data;
  std::uint32_t& at(std::uint32_t i) const { return data[i]; }
};
}  // namespace
template struct hni::BufferRing<std::uint32_t>;
std::uint32_t post(Ring& r, std::uint32_t* s, std::uint32_t fragment) {
  Slots slots{s};
  return r.post(slots, fragment);
}
std::uint32_t pop_completed(Ring& r, std::uint32_t* s) {
  return r.pop_completed(Slots{s});
}
#endif

#ifdef HNI_SUBJECT_DRIVER_FIRMWARE_MAILBOX_RING_HPP
#include "driver/firmware/mailbox_ring.hpp"
template struct hni::MailboxRing<std::uint32_t>;
template hni::MailboxVerdict hni::mailbox_verdict(const hni::Untrusted<std::uint32_t>&);
template hni::Untrusted<std::uint32_t> hni::mailbox_length(const hni::Untrusted<std::uint32_t>&);
hni::MailboxRing<std::uint32_t> fresh_mailbox() {
  return {};
}
#endif

#ifdef HNI_SUBJECT_DRIVER_CORE_FRAGMENT_POOL_HPP
#include "driver/core/fragment_pool.hpp"
template struct hni::RefCount<std::uint32_t>;
template struct hni::FreePages<std::uint32_t>;
namespace {
using Pages = hni::FreePages<std::uint32_t>;
using Count = hni::RefCount<std::uint32_t>;
template <class T>
struct Elements {
  T* data;
  T& at(std::uint32_t i) const { return data[i]; }
};
}  // namespace
bool take(Pages& p, std::uint32_t* list, Count* holders, std::uint32_t n, std::uint32_t& page) {
  Elements<Count> counts{holders};
  return p.take(Elements<std::uint32_t>{list}, counts, n, page);
}
void drop(Pages& p, std::uint32_t* list, Count* holders, std::uint32_t page) {
  Elements<std::uint32_t> elements{list};
  Elements<Count> counts{holders};
  p.put(elements, counts, page);
}
#endif

#ifdef HNI_SUBJECT_DRIVER_FIRMWARE_TLV_HPP
#include "driver/firmware/tlv.hpp"
using Bytes = hni::PrivateBytes;
template hni::Untrusted<std::uint32_t> hni::tlv_header(const Bytes&, const std::uint32_t&);
template tl::expected<hni::TlvMessage<std::uint32_t>, hni::Refusal> hni::tlv_message(const Bytes&);
template class hni::TlvWalk<Bytes>;
template bool hni::tlv_fits(const Bytes&, const hni::TlvAttribute<std::uint32_t>&,
                            const hni::spec::FwAttribute&);
template hni::Untrusted<std::uint64_t> hni::tlv_unsigned(const Bytes&,
                                                         const hni::TlvAttribute<std::uint32_t>&);
template hni::Untrusted<std::uint64_t> hni::tlv_signed(const Bytes&,
                                                       const hni::TlvAttribute<std::uint32_t>&);
template class hni::TlvAttributes<Bytes>;
#endif

#ifdef HNI_SUBJECT_DRIVER_CONTROL_STATISTICS_HPP
#include "driver/control/statistics.hpp"
template struct hni::WideCounter<std::uint32_t, std::uint64_t>;
template struct hni::WideCounter<std::uint64_t, std::uint64_t>;
#endif

#ifdef HNI_SUBJECT_DRIVER_CONTROL_CLOCK_HPP
#include "driver/control/clock.hpp"
template std::uint64_t hni::extend_stamp(const std::uint64_t&, const std::uint64_t&);
#endif

#if defined(HNI_SUBJECT_DRIVER_QUEUES_TX_QUEUE_HPP) || \
    defined(HNI_SUBJECT_DRIVER_QUEUES_RX_QUEUE_HPP) || \
    defined(HNI_SUBJECT_DRIVER_FIRMWARE_MAILBOX_HPP)
#include "driver/core/checked_io.hpp"
// Only declared: the compiler does not know what it does and therefore keeps every call. Not in an
// unnamed namespace, as otherwise no code would be emitted for the classes.
struct OpaqueIo {
  std::uint32_t read32(hni::Site, hni::RegAddr);
  void write32(hni::RegAddr, std::uint32_t);
  std::uint64_t load64(hni::Site, const std::uint64_t*);
  void store64(std::uint64_t*, std::uint64_t);
  void copy_in(hni::Site, std::byte*, const std::byte*, std::size_t);
  std::optional<hni::DmaSpan> dma_alloc(std::size_t);
  void dma_free(hni::DmaSpan);
};
// An observer of the same kind, because calls to the observer are part of the behaviour.
struct OpaqueObserver {
  bool wants_completions() const;
  bool wants_receive_details() const;
  bool wants_sent_packets() const;
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  template <class... Args>                                             \
  void function(Args...);
#include "driver/core/probes.def"
#undef HNI_PROBE
};
#endif

#ifdef HNI_SUBJECT_DRIVER_QUEUES_TX_QUEUE_HPP
#include "driver/queues/tx_queue.hpp"
template class hni::TxQueue<OpaqueIo, OpaqueObserver>;
#endif

#ifdef HNI_SUBJECT_DRIVER_QUEUES_RX_QUEUE_HPP
#include "driver/queues/rx_queue.hpp"
template class hni::RxQueue<OpaqueIo, OpaqueObserver>;
#endif

#ifdef HNI_SUBJECT_DRIVER_FIRMWARE_MAILBOX_HPP
#include "driver/firmware/mailbox.hpp"
template class hni::Mailbox<OpaqueIo, OpaqueObserver>;
struct OpaqueHandler {
  void message(std::span<const std::byte>, hni::Time);
  void sent(std::uint16_t, bool, hni::Time);
};
void mailbox_step(hni::Mailbox<OpaqueIo, OpaqueObserver>& m, hni::Time now, OpaqueHandler& h) {
  m.step(now, h);
}
void mailbox_interrupt(hni::Mailbox<OpaqueIo, OpaqueObserver>& m, hni::Time now,
                       OpaqueHandler& h) {
  m.interrupt(now, h);
}
#endif
