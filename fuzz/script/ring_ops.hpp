// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The operations of the scripts of the ring targets (rx, tx, traffic): one list from which the
/// enumeration, the table and each target's selection are made. The position in a target's
/// selection is the number in its corpus files: append to a selection, never insert.

#include <array>
#include <cstddef>
#include <cstdint>

#include "fuzz/script/script.hpp"

namespace hni::fuzz {

/// Longest input of a ring script; more operations would only cost time.
inline constexpr std::uint32_t kMaxRingScriptBytes = 32768;

// clang-format off
// X(enumerator, name, kind of the byte argument, its name, name of the 16-bit argument or "",
//   32-bit words of `value`, what the operation does)
#define HNI_RING_OPS(X)                                                                          \
  X(kReceive, "receive", kNumber, "packets", "length", 0,                                        \
    "correct packets; length 0xPLLL: P payload buffers")                                         \
  X(kPollRx, "poll_rx", kNumber, "budget", "keep", 0,                                            \
    "the application receives 1 .. 16 packets")                                                  \
  X(kHeader, "header", kNumber, "", "length", 0, "one correct header completion")                \
  X(kHeaderId, "header_id", kClass, "class", "random", 0,                                        \
    "a header completion with a faulty BUFF_ID")                                                 \
  X(kHeaderOffset, "header_offset", kClass, "class", "random", 0,                                \
    "a header completion with a faulty OFF")                                                     \
  X(kHeaderLength, "header_length", kClass, "class", "random", 0,                                \
    "a header completion with a faulty LEN")                                                     \
  X(kPayload, "payload", kNumber, "", "length", 0, "one correct payload completion")             \
  X(kPayloadId, "payload_id", kClass, "class", "random", 0,                                      \
    "a payload completion with a faulty BUFF_ID")                                                \
  X(kPayloadOffset, "payload_offset", kClass, "class", "random", 0,                              \
    "a payload completion with a faulty OFF")                                                    \
  X(kPayloadLength, "payload_length", kClass, "class", "random", 0,                              \
    "a payload completion with a faulty LEN")                                                    \
  X(kOptMeta, "opt_meta", kClass, "class", "time", 0, "an OPT_META completion")                  \
  X(kMeta, "meta", kNumber, "errors", "hash", 0,                                                 \
    "a META completion; errors 1 MAC, 2 truncated")                                              \
  X(kSkip, "skip", kNumber, "ring", "count", 0,                                                  \
    "the card passes over buffers (ring 0 headers)")                                             \
  X(kRxWord, "rx_word", kNone, "", "", 2, "any word as receive completion")                      \
  X(kRxWordClass, "rx_word_class", kClass, "class", "random", 0,                                 \
    "a receive completion word of a class")                                                      \
  X(kRxRepeat, "rx_repeat", kNumber, "times", "", 0, "the last receive completion again")        \
  X(kRxEarly, "rx_early", kNone, "", "", 2, "a receive completion of the wrong phase")           \
  X(kScribbleBuffers, "scribble_buffers", kNumber, "ring", "slot", 2,                            \
    "the card overwrites a buffer descriptor")                                                   \
  X(kRelease, "release", kNumber, "packets", "", 0, "the application releases packets")          \
  X(kSend, "send", kNumber, "segments", "length", 0,                                             \
    "one packet; length bits 15:13 are offload flags")                                           \
  X(kSendPlain, "send_plain", kNumber, "segments", "length", 0, "one packet on work queue 1")    \
  X(kPollTx, "poll_tx", kNumber, "budget", "", 0, "the application reaps")                       \
  X(kConfirm, "confirm", kNumber, "packets", "queue", 0, "a correct transmit completion")        \
  X(kHead, "head", kClass, "class", "random", 0, "a transmit completion with a faulty HEAD0")    \
  X(kHead1, "head1", kClass, "class", "random", 0, "a transmit completion with a faulty HEAD1")  \
  X(kStamp, "stamp", kClass, "class", "status", 0,                                               \
    "a timestamp; status bits 1 invalid, 2 illegal")                                             \
  X(kTcdType, "tcd_type", kClass, "class", "random", 0,                                          \
    "a transmit completion with a faulty TYPE")                                                  \
  X(kTxWord, "tx_word", kNone, "", "", 2, "any word as transmit completion")                     \
  X(kTxWordClass, "tx_word_class", kClass, "class", "random", 0,                                 \
    "a transmit completion word of a class")                                                     \
  X(kTxRepeat, "tx_repeat", kNumber, "times", "", 0, "the last transmit completion again")       \
  X(kTxEarly, "tx_early", kNone, "", "", 2, "a transmit completion of the wrong phase")          \
  X(kScribbleWork, "scribble_work", kNumber, "queue", "slot", 2,                                 \
    "the card overwrites a work descriptor")                                                     \
  X(kForgetStamps, "forget_stamps", kNone, "", "", 0, "the port gives up on timestamps")         \
  X(kTakeStamps, "take_stamps", kNumber, "count", "", 0, "the application fetches timestamps")   \
  X(kForward, "forward", kNumber, "packets", "queue", 0,                                         \
    "the application sends what it received")                                                    \
  X(kReset, "reset", kNone, "", "", 0, "the port resets the queue pair")                         \
  X(kFresh, "fresh", kNone, "", "", 2,                                                           \
    "from now on each word changes by value after it was read")                                  \
  X(kBigPages, "big_pages", kNone, "", "", 0, "as first operation: pages of four fragments")     \
  X(kBurst, "burst", kNumber, "packets", "length", 0,                                            \
    "1 .. 16 packets at once (packets 0xSP: of 1 + S segments each); length as for send")        \
  X(kBurstPlain, "burst_plain", kNumber, "packets", "length", 0, "the same on work queue 1")     \
  X(kAnswer, "answer", kNumber, "packets", "queue", 0,                                           \
    "a correct card sends packets: timestamps that are asked for, and a head for each "          \
    "packet")
// clang-format on

enum class RingOp : std::uint8_t {
#define HNI_X(id, ...) id,
  HNI_RING_OPS(HNI_X)
#undef HNI_X
};

/// By RingOp.
inline constexpr auto kRingOps = std::to_array<OpInfo>({
#define HNI_X(id, name, kind, a, b, words, text) {name, ArgKind::kind, a, b, words, text},
    HNI_RING_OPS(HNI_X)
#undef HNI_X
});

/// The operations that one target's scripts may use, in the order of their numbers.
template <std::size_t kCount>
struct RingSelection {
  std::array<RingOp, kCount> meaning;
  std::array<OpInfo, kCount> ops;
};

template <std::size_t kCount>
constexpr RingSelection<kCount> select_ring_ops(const RingOp (&ids)[kCount]) {
  RingSelection<kCount> selection{};
  for (std::size_t i = 0; i < kCount; ++i) {
    selection.meaning[i] = ids[i];
    selection.ops[i] = kRingOps[static_cast<std::size_t>(ids[i])];
  }
  return selection;
}

namespace ring_ops_detail {
using enum RingOp;
inline constexpr auto kRxScript = select_ring_ops(
    {kReceive, kPollRx,    kHeader,        kHeaderId,      kHeaderOffset, kHeaderLength,
     kPayload, kPayloadId, kPayloadOffset, kPayloadLength, kOptMeta,      kMeta,
     kSkip,    kRxWord,    kRxWordClass,   kRxRepeat,      kRxEarly,      kScribbleBuffers,
     kRelease, kReset,     kFresh,         kBigPages});
inline constexpr auto kTxScript = select_ring_ops(
    {kSend,       kSendPlain, kPollTx,      kConfirm,  kHead,    kHead1,        kStamp,
     kTcdType,    kTxWord,    kTxWordClass, kTxRepeat, kTxEarly, kScribbleWork, kForgetStamps,
     kTakeStamps, kReset,     kFresh,       kBigPages, kBurst,   kBurstPlain,   kAnswer});
inline constexpr auto kTrafficScript = select_ring_ops(
    {kReceive, kPollRx,       kHeader,        kHeaderId,      kHeaderOffset, kHeaderLength,
     kPayload, kPayloadId,    kPayloadOffset, kPayloadLength, kOptMeta,      kMeta,
     kSkip,    kRxWord,       kRxWordClass,   kRxRepeat,      kRxEarly,      kScribbleBuffers,
     kRelease, kSend,         kSendPlain,     kPollTx,        kConfirm,      kHead,
     kHead1,   kStamp,        kTcdType,       kTxWord,        kTxWordClass,  kTxRepeat,
     kTxEarly, kScribbleWork, kForgetStamps,  kTakeStamps,    kForward,      kReset,
     kFresh,   kBigPages,     kBurst,         kBurstPlain,    kAnswer});
}  // namespace ring_ops_detail

using ring_ops_detail::kRxScript;
using ring_ops_detail::kTrafficScript;
using ring_ops_detail::kTxScript;

}  // namespace hni::fuzz
