// SPDX-License-Identifier: Apache-2.0
// A world for the queue classes in which words are symbolic: the shipped TxQueue runs over this
// door exactly as it runs over the one of production. The hooks see every access, and the harness
// says there what must hold.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <utility>

#include "driver/door.hpp"
#include "driver/packet.hpp"
#include "proofs/rings.hpp"

namespace hni::proofs {

/// A descriptor in ring memory: which memory, which slot.
struct SymPointer {
  const std::uint64_t* base = nullptr;
  Word slot{};
};
inline SymPointer operator+(const std::uint64_t* base, const Word& slot) {
  return {base, slot};
}

struct SymIo {
  std::function<void(const SymPointer&, std::uint64_t)> on_store;
  std::function<void(const SymPointer&, const Wide&)> on_store_wide;

  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site, const std::uint64_t*) { return 0; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void store64(const SymPointer& at, std::uint64_t value) { on_store(at, value); }
  void store64(const SymPointer& at, const Wide& value) { on_store_wide(at, value); }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(DmaSpan) {}
};
static_assert(DeviceIo<SymIo>);

/// Sees nothing: what the driver tells about itself is not the subject.
struct SymObserver {
  static constexpr bool wants_completions() { return false; }
  static constexpr bool wants_sent_packets() { return false; }
  template <class... Any>
  void packet_sent(const Any&...) {}
  template <class... Any>
  void ring_posted(const Any&...) {}
  template <class... Any>
  void ring_completed(const Any&...) {}
  template <class... Any>
  void packet_dropped(const Any&...) {}
  template <class... Any>
  void tx_polled(const Any&...) {}
  template <class... Any>
  void tx_stopped(const Any&...) {}
  template <class... Any>
  void tx_woken(const Any&...) {}
  template <class... Any>
  void rx_polled(const Any&...) {}
  template <class... Any>
  void tx_poll_started(const Any&...) {}
  template <class... Any>
  void rx_poll_started(const Any&...) {}
  template <class... Any>
  void refill_started(const Any&...) {}
  template <class... Any>
  void refilled(const Any&...) {}
  template <class... Any>
  void packet_received(const Any&...) {}
  bool wants_receive_details() const { return false; }
  template <class... Any>
  void refill_empty(const Any&...) {}
};

/// One word a slot that the card never sees; only the bounds of its index matter.
struct SymCookies {
  Word mask{};
  std::uint32_t& at(const Word& index) {
    conclude("I1", "a cookie's index is in bounds", index <= mask);
    return word;
  }
  std::uint32_t word = 0;
};

/// A fragment by a number that may be symbolic.
struct SymFragment {
  Word number{};
};

struct SymSegment {
  SymFragment fragment;
  Sym<std::uint16_t> offset, length;
};

/// A packet under assembly; how many segments it has is a plain number.
struct SymPacket {
  Word length{};
  std::uint32_t segment_count = 0;
  struct {
    bool has_timestamp = false;
    Wide timestamp_ns{}, meta{};
  } rx;
  struct {
    std::uint8_t flags = 0;
  } tx;
  std::array<SymSegment, kMaxSegments> segments;
};

struct SymPool {
  std::function<void(const Word&)> on_drop, on_hold;
  std::function<void()> on_drop_packet;
  std::uint32_t per_page = 1;
  unsigned pages = 0;

  DmaAddr address(FragmentId f) const { return DmaAddr{std::uint64_t{raw(f)} * kFragmentBytes}; }
  void drop(const SymFragment& f) { on_drop(f.number); }
  void hold(const SymFragment& f) { on_hold(f.number); }
  void drop(const Packet&) {}
  void drop(const SymPacket&) { on_drop_packet(); }
  std::uint32_t fragments_per_page() const { return per_page; }
  std::optional<FragmentId> take(std::uint32_t) {
    if (pages == 0) return std::nullopt;
    return FragmentId{16 * pages--};
  }
};

struct SymWords {
  using Index = Word;
  using Wide = proofs::Wide;
  using Pool = SymPool;
  using Packet = SymPacket;
  using Segment = SymSegment;
  template <class T>
  using Array = std::conditional_t<std::is_same_v<T, std::uint32_t>, SymCookies, AnySlots<T>>;
  static SymFragment fragment(const Word& number) { return {number}; }
  static std::uint64_t number(const proofs::Wide&) { return 0; }
};

}  // namespace hni::proofs

namespace hni {

/// The door with symbolic words: every load is a new value of the card.
template <>
class Door<proofs::SymIo, proofs::SymObserver> {
 public:
  using Word32 = Untrusted<proofs::Word>;
  using Word64 = Untrusted<proofs::Wide>;
  using Words = proofs::SymWords;

  Door(proofs::SymIo& device_io, proofs::SymObserver& observer) : io(device_io), obs(observer) {}

  proofs::SymIo& io;
  proofs::SymObserver& obs;
  std::function<void(const proofs::Word&)> on_load;
  std::function<void(RegAddr, const proofs::Word&)> on_doorbell;

  Word64 load(Site site, const proofs::SymPointer& at) {
    on_load(at.slot);
    return Word64(proofs::card_word<std::uint64_t>(std::string(site_name(site))));
  }
  void doorbell(RegAddr reg, const proofs::Word& value) { on_doorbell(reg, value); }
  template <class... Any>
  void tell_completions(const Any&...) {}
  template <class Value, class Limit>
  void refuse(Site, const Value&, const Limit&) {}
};

}  // namespace hni
