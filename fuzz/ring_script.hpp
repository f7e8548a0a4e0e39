// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The operations of the ring targets and their meaning. Each target uses a part of the list.

#include <array>

#include "fuzz/ring_card.hpp"
#include "fuzz/target.hpp"

namespace hni::fuzz {

enum class RingOp : std::uint8_t {
  kReceive,
  kPollRx,
  kHeader,
  kHeaderId,
  kHeaderOffset,
  kHeaderLength,
  kPayload,
  kPayloadId,
  kPayloadOffset,
  kPayloadLength,
  kOptMeta,
  kMeta,
  kSkip,
  kRxWord,
  kRxWordClass,
  kRxRepeat,
  kRxEarly,
  kScribbleBuffers,
  kRelease,
  kSend,
  kSendPlain,
  kPollTx,
  kConfirm,
  kHead,
  kHead1,
  kStamp,
  kTcdType,
  kTxWord,
  kTxWordClass,
  kTxRepeat,
  kTxEarly,
  kScribbleWork,
  kForgetStamps,
  kTakeStamps,
  kForward,
  kReset,
  kFresh,
  kBigPages,
};

/// What each operation is called and takes, by its number.
inline constexpr auto kRingOps = std::to_array<OpInfo>({
    {"receive", ArgKind::kNumber, "packets", "length", 0,
     "honest packets; length 0xPLLL: P payload buffers"},
    {"poll_rx", ArgKind::kNumber, "budget", "keep", 0, "the application receives 1 .. 16 packets"},
    {"header", ArgKind::kNumber, "", "length", 0, "one honest header completion"},
    {"header_id", ArgKind::kClass, "class", "random", 0,
     "a header completion with a lie in BUFF_ID"},
    {"header_offset", ArgKind::kClass, "class", "random", 0,
     "a header completion with a lie in OFF"},
    {"header_length", ArgKind::kClass, "class", "random", 0,
     "a header completion with a lie in LEN"},
    {"payload", ArgKind::kNumber, "", "length", 0, "one honest payload completion"},
    {"payload_id", ArgKind::kClass, "class", "random", 0,
     "a payload completion with a lie in BUFF_ID"},
    {"payload_offset", ArgKind::kClass, "class", "random", 0,
     "a payload completion with a lie in OFF"},
    {"payload_length", ArgKind::kClass, "class", "random", 0,
     "a payload completion with a lie in LEN"},
    {"opt_meta", ArgKind::kClass, "class", "time", 0, "an OPT_META completion"},
    {"meta", ArgKind::kNumber, "errors", "hash", 0,
     "a META completion; errors 1 MAC, 2 truncated"},
    {"skip", ArgKind::kNumber, "ring", "count", 0,
     "the card passes over buffers (ring 0 headers)"},
    {"rx_word", ArgKind::kNone, "", "", 2, "any word as receive completion"},
    {"rx_word_class", ArgKind::kClass, "class", "random", 0,
     "a receive completion word of a class"},
    {"rx_repeat", ArgKind::kNumber, "times", "", 0, "the last receive completion again"},
    {"rx_early", ArgKind::kNone, "", "", 2, "a receive completion of the wrong lap"},
    {"scribble_buffers", ArgKind::kNumber, "ring", "slot", 2,
     "the card overwrites a buffer descriptor"},
    {"release", ArgKind::kNumber, "packets", "", 0, "the application gives packets back"},
    {"send", ArgKind::kNumber, "segments", "length", 0,
     "one packet; length bits 15:13 are offload flags"},
    {"send_plain", ArgKind::kNumber, "segments", "length", 0, "one packet on work queue 1"},
    {"poll_tx", ArgKind::kNumber, "budget", "", 0, "the application reaps"},
    {"confirm", ArgKind::kNumber, "packets", "queue", 0, "an honest transmit completion"},
    {"head", ArgKind::kClass, "class", "random", 0, "a transmit completion with a lie in HEAD0"},
    {"head1", ArgKind::kClass, "class", "random", 0, "a transmit completion with a lie in HEAD1"},
    {"stamp", ArgKind::kClass, "class", "status", 0,
     "a timestamp; status bits 1 invalid, 2 illegal"},
    {"tcd_type", ArgKind::kClass, "class", "random", 0,
     "a transmit completion with a lie in TYPE"},
    {"tx_word", ArgKind::kNone, "", "", 2, "any word as transmit completion"},
    {"tx_word_class", ArgKind::kClass, "class", "random", 0,
     "a transmit completion word of a class"},
    {"tx_repeat", ArgKind::kNumber, "times", "", 0, "the last transmit completion again"},
    {"tx_early", ArgKind::kNone, "", "", 2, "a transmit completion of the wrong lap"},
    {"scribble_work", ArgKind::kNumber, "queue", "slot", 2,
     "the card overwrites a work descriptor"},
    {"forget_stamps", ArgKind::kNone, "", "", 0, "the port gives up on timestamps"},
    {"take_stamps", ArgKind::kNumber, "count", "", 0, "the application fetches timestamps"},
    {"forward", ArgKind::kNumber, "packets", "queue", 0, "the application sends what it received"},
    {"reset", ArgKind::kNone, "", "", 0, "the port resets the queue pair"},
    {"fresh", ArgKind::kNone, "", "", 2,
     "from now on each word changes by value after it was read"},
    {"big_pages", ArgKind::kNone, "", "", 0, "as first operation: pages of four fragments"},
});

/// Runs a script whose kinds mean `meaning`, in the world of its page size.
void run_rings(const std::uint8_t* data, std::size_t size, OpList ops,
               std::span<const RingOp> meaning);

}  // namespace hni::fuzz
