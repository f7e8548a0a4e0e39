// SPDX-License-Identifier: Apache-2.0
// One source for every bit. This file is built twice: with the unmodified spec, and with a variant
// in which two bits are at other positions (ENABLE of a work queue, REQ_COMPLETION of its metadata
// descriptor). Driver, card, proofs' view, trace decoder and data sheet must all follow, with no
// other edit. The places come from the build as HNI_ENABLE_BIT and HNI_COMPLETION_BIT, not from
// the headers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "openhni/spec/proofs.hpp"
#include "spec/compiler/emit.hpp"
#include "tests/support/two_ports.hpp"

namespace hni::test {
namespace {

// Records the driver's writes.
class Recorder : public PlainIo {
 public:
  using PlainIo::PlainIo;
  void write32(RegAddr reg, std::uint32_t value) {
    if (reg.byte_offset == 0x100000) queue0_control.push_back(value);
    PlainIo::write32(reg, value);
  }
  void store64(std::uint64_t* word, std::uint64_t value) {
    descriptors.push_back(value);
    PlainIo::store64(word, value);
  }
  // catches writes to byte 0x100000, the control register of work queue 0
  std::vector<std::uint32_t> queue0_control;
  std::vector<std::uint64_t> descriptors;
};

TEST(SpecVariant, TheDriverWritesTheBitsWhereTheSpecHasThem) {
  TwoPortsOver<Recorder> world;
  ASSERT_TRUE(world.up());
  ASSERT_FALSE(world.ios[0]->queue0_control.empty());
  EXPECT_EQ(world.ios[0]->queue0_control.back(), 1u << HNI_ENABLE_BIT);

  world.ios[0]->descriptors.clear();
  Packet packet;
  ASSERT_TRUE(fill(*world.ports[0], packet, make_frame(60, 1)));
  ASSERT_EQ(world.ports[0]->tx_burst(QueueId{0}, std::span(&packet, 1), world.now), 1u);
  // Metadata has type 0 in bits 47:46; the packet's other descriptor holds an address.
  std::uint64_t meta = 0;
  for (const std::uint64_t word : world.ios[0]->descriptors) {
    if ((word >> 46 & 3) == 0) meta |= word;
  }
  constexpr std::uint64_t kUndecided = (1ull << 37) | (1ull << 40);
  EXPECT_EQ(meta & kUndecided, 1ull << HNI_COMPLETION_BIT);
}

TEST(SpecVariant, TheCardReadsTheBitsWhereTheSpecHasThem) {
  TwoPortsOver<Recorder> world;
  ASSERT_TRUE(world.up());
  EXPECT_EQ(world.cards[0]->io.read32(Site::kQueueReadback, {Bar::kBar0, 0x100000}),
            1u << HNI_ENABLE_BIT);
  const auto frame = make_frame(200, 7);
  Packet packet;
  ASSERT_TRUE(fill(*world.ports[0], packet, frame));
  ASSERT_EQ(world.ports[0]->tx_burst(QueueId{0}, std::span(&packet, 1), world.now), 1u);
  Packet got;
  std::uint32_t n = 0;
  ASSERT_TRUE(world.run_until([&] {
    n = world.ports[1]->rx_burst(QueueId{0}, std::span(&got, 1), world.now);
    return n == 1;
  }));
  EXPECT_EQ(bytes_of(*world.ports[1], got), frame);
  world.ports[1]->release(got);
}

TEST(SpecVariant, TheProofsSeeTheFieldWhereTheSpecHasIt) {
  unsigned found = 64;
  spec::visit_fields_of(spec::TWD_META{},
                        [&](const std::string& name, unsigned msb, unsigned lsb, auto, auto) {
                          if (name == "REQ_COMPLETION" && msb == lsb) found = lsb;
                        });
  EXPECT_EQ(found, unsigned{HNI_COMPLETION_BIT});
}

TEST(SpecVariant, TraceDecoderAndDataSheetFollow) {
  const auto compilation = rdl::compile(HNI_SPEC_SOURCE);
  const auto card = speclib::read_card(*compilation);
  ASSERT_NE(card, nullptr);
  const std::string bit = std::to_string(HNI_COMPLETION_BIT);
  EXPECT_NE(speclib::emit_bpftrace_header(*card).find("#define TWD_META_REQ_COMPLETION_SHIFT " +
                                                      bit + "\n"),
            std::string::npos);
  EXPECT_NE(speclib::emit_html(*card).find("<td class=m>" + bit + "<td class=m>REQ_COMPLETION<"),
            std::string::npos);
}

}  // namespace
}  // namespace hni::test
