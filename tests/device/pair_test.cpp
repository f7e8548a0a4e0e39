// SPDX-License-Identifier: Apache-2.0
// Two cards connected by a cable.
#include <gtest/gtest.h>

#include <memory>

#include "device/wire/cable.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

/// The fixture owns its wire, so a TestCard cannot be attached to a cable. The pair bridges the
/// two test wires by hand: frames that one card sent are queued for the other.
struct Pair {
  Pair() {
    for (TestCard* card : {&left, &right}) {
      card->write(spec::RXB_PBUF_CFG::at(4), 0x00180000);
      card->write(spec::RXB_PAUSE_THLD::at(4), 0x00701480);
      card->write(spec::RXB_DROP_THLD::at(4), 0x02ed1768);
      card->write(spec::RXB_PAUSE_DROP_CTRL::at(), 0x0010147d);
      card->receive_to(0);
    }
  }
  void step() {
    for (auto [from, to] : {std::pair{&left, &right}, std::pair{&right, &left}}) {
      from->wire.peer_paused = to->wire.pause;
      from->card.run(64);
      for (Bytes& frame : from->wire.sent) to->wire.waiting.push_back(std::move(frame));
      from->wire.sent.clear();
    }
  }
  TestCard left;
  TestCard right;
};

TEST(DevicePair, PauseLosesNoFrameWhenTheReceiverIsSlow) {
  Pair pair;
  TestTx tx(pair.left, 0, 1024, false, 1024);
  TestRx::Options options;
  options.ctl0 = 0x4c0a0000;
  options.rcq_entries = 256;
  TestRx rx(pair.right, 0, options);
  const Bytes frame = plain_frame(9000);
  const std::uint64_t at = tx.place(frame);
  unsigned posted = 0;
  unsigned received = 0;
  for (unsigned i = 0; i < 4000 && received < 1500; ++i) {
    while (posted < 1500 && posted - tx.done < 400) {
      tx.put(TestTx::meta().raw);
      tx.put_al(at, frame.size(), true);
      ++posted;
    }
    tx.ring_doorbell();
    pair.step();
    while (tx.next_completion() != 0) {
    }
    tx.acknowledge();
    if (i % 4 != 0) continue;  // the right host polls rarely
    for (TestRx::Packet packet = rx.next_packet(); packet.complete; packet = rx.next_packet()) {
      ASSERT_EQ(packet.bytes, frame);
      ++received;
    }
    rx.acknowledge();
    const std::uint32_t headers = pair.right.read(spec::QUEUE_BDQ_HPQ_PTRS::at(0)) >> 16;
    rx.post_headers((headers + 63 - rx.header_tail) % 64);
    const std::uint32_t payloads = pair.right.read(spec::QUEUE_BDQ_PPQ_PTRS::at(0)) >> 16;
    rx.post_payloads((payloads + 63 - rx.payload_tail) % 64);
  }
  EXPECT_EQ(received, 1500u);
  EXPECT_GT(pair.right.wire.pauses, 0u);
  EXPECT_EQ(pair.right.read(spec::RXB_DROP_FRMS_STS::at(4)), 0u);
}

TEST(DevicePair, CableCarriesFramesBothWays) {
  Cable cable(64);
  DmaMemory dma[2];
  TestSink sink[2];
  std::unique_ptr<Card> card[2];
  for (unsigned i = 0; i < 2; ++i) {
    card[i] = std::make_unique<Card>(CardConfig{}, dma[i], sink[i], cable.end(i));
    card[i]->write(spec::SIG_MAC_IN0::at(), 0);
    card[i]->write(spec::MAC_COMMAND_CONFIG::at(), 0x00000813);
  }
  const Bytes frame = plain_frame(200);
  for (unsigned i = 0; i < 2; ++i) {
    ASSERT_TRUE(cable.end(i).transmit(frame, 0));
    card[1 - i]->run(16);
    EXPECT_EQ(card[1 - i]->read(spec::MAC_STAT_RX_RECEIVED_OK_L::at()), 1u);
    EXPECT_EQ(card[1 - i]->read(spec::MAC_STAT_RX_BYTE_COUNT_L::at()), 204u);
  }
}

}  // namespace
}  // namespace hni::device
