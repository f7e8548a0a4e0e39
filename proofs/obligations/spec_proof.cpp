// SPDX-License-Identifier: Apache-2.0
// The generated registers and descriptors, all of them, through the visitors that the spec
// compiler writes: fields are disjoint, encoders and decoders are inverse, and each register lies
// inside its BAR and apart from the others.
#include "openhni/spec/proofs.hpp"

#include <algorithm>

#include "openhni/spec/device_table.hpp"
#include "proofs/obligations/rings.hpp"

namespace hni::proofs {
namespace {

constexpr std::uint64_t field_mask(unsigned msb, unsigned lsb) {
  return mask_of(msb - lsb + 1) << lsb;
}

/// The claims about one field of a layout over a word of T.
template <class T>
struct FieldClaims {
  template <class L>
  void operator()(const char*) const {
    const auto raw = input<T>("word");
    const auto value = input<T>("value");
    std::uint64_t taken = 0;
    bool disjoint = true;
    spec::visit_fields_of(L{}, [&](const char*, unsigned msb, unsigned lsb, auto get, auto set) {
      const std::uint64_t mask = field_mask(msb, lsb);
      disjoint = disjoint && (taken & mask) == 0;
      taken |= mask;
      const T keep = static_cast<T>(~mask);
      const T low = static_cast<T>(mask >> lsb);
      L layout{raw};
      conclude("S2", "a decoder gives the bits of its field", get(layout) == ((raw >> lsb) & low));
      set(layout, value);
      conclude("S2", "what was encoded is decoded, cut to the field",
               get(layout) == (value & low));
      conclude("S1", "encoding a field changes no bit outside of it",
               (layout.raw & keep) == (raw & keep));
    });
    conclude("S1", "the fields of a layout are disjoint", disjoint);
  }
};

/// The minimum sizes of the card's BARs [device 1].
std::uint64_t bar_bytes(spec::Bar bar) {
  return bar == spec::Bar::kBar0 ? 2U << 20 : 128U << 10;
}

struct Extent {
  spec::Bar bar;
  std::uint64_t first, end;
};

/// Every element of every register.
std::vector<Extent> all_extents() {
  std::vector<Extent> extents;
  for (const spec::RegInfo& r : spec::registers()) {
    const auto count = [&](unsigned d) { return d < r.dim_count ? r.dims[d].count : 1U; };
    const auto stride = [&](unsigned d) { return d < r.dim_count ? r.dims[d].stride_bytes : 0U; };
    for (std::uint32_t i = 0; i < count(0); ++i) {
      for (std::uint32_t j = 0; j < count(1); ++j) {
        for (std::uint32_t k = 0; k < count(2); ++k) {
          const std::uint64_t first = r.byte_offset + std::uint64_t{i} * stride(0) +
                                      std::uint64_t{j} * stride(1) + std::uint64_t{k} * stride(2);
          extents.push_back({r.bar, first, first + r.width_bits / 8U});
        }
      }
    }
  }
  return extents;
}

}  // namespace

HNI_PROVE(spec_descriptor_fields,
          "In every descriptor the fields are disjoint, and encoding and decoding are inverse "
          "(S1, S2).") {
  spec::visit_layouts_64<Wide>(FieldClaims<std::uint64_t>{});
}

HNI_PROVE(
    spec_register_fields,
    "In every register the fields are disjoint, and encoding and decoding are inverse (S1, S2).") {
  spec::visit_layouts_32<Word>(FieldClaims<std::uint32_t>{});
}

HNI_PROVE(spec_addresses,
          "Every element of every register is aligned, lies inside its BAR, and shares no byte "
          "with another (S3).") {
  std::vector<Extent> extents = all_extents();
  searched(extents.size(), "elements of registers");
  conclude("S3", "there are registers", extents.size() > 1000);
  conclude("S3", "each is aligned and inside its BAR",
           std::all_of(extents.begin(), extents.end(), [](const Extent& e) {
             return e.first % 4 == 0 && e.end > e.first && e.end <= bar_bytes(e.bar);
           }));
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.bar != b.bar ? a.bar < b.bar : a.first < b.first;
  });
  const auto shared = std::adjacent_find(
      extents.begin(), extents.end(),
      [](const Extent& a, const Extent& b) { return a.bar == b.bar && b.first < a.end; });
  conclude("S3", "no two share a byte", shared == extents.end());
}

HNI_REFUTE(field_set_without_clearing, "S1",
           "Known mistake: a field is or-ed into a word that contains an old value.") {
  const auto raw = input<std::uint32_t>("word");
  const auto value = input<std::uint32_t>("value");
  const Word set = raw | (value << 4);
  conclude("S1", "encoding a field changes no bit outside of it",
           (set & ~0xf0U) == (raw & ~0xf0U));
}

HNI_REFUTE(
    field_read_without_mask, "S2",
    "Known mistake: a field is shifted down but the bits above it stay [trust-boundary A14].") {
  const auto raw = input<std::uint32_t>("word");
  const auto value = input<std::uint32_t>("value");
  const Word set = (raw & ~0xf0U) | ((value & 0xfU) << 4);
  conclude("S2", "what was encoded is decoded", (set >> 4) == (value & 0xfU));
}

HNI_REFUTE(table_index_scaled_twice, "S3",
           "Known mistake: the arguments of an address macro are swapped, so the last entries are "
           "in other blocks [trust-boundary A20].") {
  const auto entry = input<std::uint32_t>("entry");
  assume("an entry of the table", entry < 64U);
  conclude("S3", "the address is inside the table",
           0x234a0U + entry * 0x400U < 0x234a0U + 64U * 16U);
}

}  // namespace hni::proofs
