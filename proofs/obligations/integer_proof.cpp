// SPDX-License-Identifier: Apache-2.0
// The C++ rules that the symbolic integer must model, stated as obligations: typical mistakes with
// ring indices due to promotion and conversion must be found, and the idioms that avoid them must
// be proved.
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
namespace {

struct FreeRunning {
  Sym<std::uint16_t> head = input<std::uint16_t>("head");
  Sym<std::uint16_t> tail = input<std::uint16_t>("tail");
  Sym<std::uint32_t> capacity = input<std::uint32_t>("capacity");
  Sym<std::uint32_t> used = input<std::uint32_t>("used");

  /// Two free-running 16-bit counters of a ring with at most 2^15 entries.
  void assume_ring() {
    assume("used is at most the capacity", used <= capacity);
    assume("the counters are `used` apart",
           tail == Sym<std::uint16_t>(Sym<std::uint32_t>(head) + used));
  }
};

}  // namespace

HNI_PROVE(counters_compared_modulo,
          "A full ring is recognised by the difference of its 16-bit counters once the difference "
          "is cast back to 16 bits.") {
  Explorer::current().allow_modular_casts(true);
  FreeRunning ring;
  assume("the capacity is at most 2^15", ring.capacity <= 32768U);
  ring.assume_ring();
  must_cover("full");
  const Sym<bool> full = Sym<std::uint16_t>(ring.tail - ring.head) == ring.capacity;
  if (full) cover("full");
  conclude("I2", "full exactly when `used` equals the capacity",
           full == (ring.used == ring.capacity));
}

HNI_REFUTE(counters_compared_promoted, "I2",
           "Known mistake: tail - head == capacity over two uint16_t and a uint32_t compares a "
           "promoted int.") {
  Explorer::current().allow_modular_casts(true);
  FreeRunning ring;
  assume("the capacity is at most 2^15", ring.capacity <= 32768U);
  ring.assume_ring();
  const Sym<bool> full = ring.tail - ring.head == ring.capacity;
  conclude("I2", "full exactly when `used` equals the capacity",
           full == (ring.used == ring.capacity));
}

HNI_REFUTE(product_of_two_shorts, "I6",
           "Known mistake: the product of two uint16_t is an int and can overflow.") {
  const auto a = input<std::uint16_t>("a");
  const auto b = input<std::uint16_t>("b");
  show("product", a * b);
}

HNI_REFUTE(count_kept_in_a_byte, "I6",
           "Known mistake: a number of descriptors does not fit the type in which it is stored.") {
  const auto count = input<std::uint32_t>("count");
  assume("a ring of at most 65536", count <= 65535U);
  show("kept", static_cast<Sym<std::uint8_t>>(count));
}

}  // namespace hni::proofs
