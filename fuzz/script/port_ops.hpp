// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The operations of the scripts of the port target: one list from which the enumeration and the
/// table are made. The position is the number in corpus files: append, never insert.

#include <array>
#include <cstdint>

#include "fuzz/script/script.hpp"

namespace hni::fuzz {

/// Longest input of a port script.
inline constexpr std::uint32_t kMaxPortScriptBytes = 2048;

// clang-format off
// X(enumerator, name, kind of the byte argument, its name, name of the 16-bit argument or "",
//   32-bit words of `value`, what the operation does)
#define HNI_PORT_OPS(X)                                                                          \
  X(kFault, "fault", kSite, "site", "class_count", 1,                                            \
    "the next values of a site; class + 256 * n + 4096 * unchanged ones before")                 \
  X(kAdvance, "advance", kNumber, "unit", "count", 0,                                            \
    "time: turns of 10 us, 1 ms, 100 ms, 5 s; or, served at each deadline, 20 ms, 500 "          \
    "ms, 2 s, 10 s")                                                                             \
  X(kSend, "send", kNumber, "frames", "bytes", 0, "the application sends")                       \
  X(kReceive, "receive", kNumber, "bursts", "", 0, "the application receives")                   \
  X(kInject, "inject", kNumber, "frames", "bytes", 0, "the peer sends")                          \
  X(kStart, "start", kNone, "", "", 0, "")                                                       \
  X(kStop, "stop", kNone, "", "", 0, "")                                                         \
  X(kAttach, "attach", kNone, "", "", 0, "")                                                     \
  X(kDetach, "detach", kNone, "", "", 0, "")                                                     \
  X(kGone, "gone", kNumber, "on", "", 0, "the card is removed, or is back")                      \
  X(kFailAlloc, "fail_alloc", kNumber, "count", "after", 0,                                      \
    "of the next DMA allocations, `after` succeed and then `count` fail")                        \
  X(kInterrupt, "interrupt", kNumber, "vector", "times", 0,                                      \
    "vectors that the card never raised")                                                        \
  X(kLoseInterrupts, "lose_interrupts", kNumber, "on", "", 0, "")                                \
  X(kFirmwareFaults, "fw_faults", kNumber, "bits", "requests", 0,                                \
    "1 silent, 2 no answers, 4 no interrupts, 8 uptime back; the next requests fail")            \
  X(kFirmwareReboot, "fw_reboot", kNone, "", "", 0, "")                                          \
  X(kFirmwareAnnounce, "fw_announce", kNone, "", "", 0, "unsolicited capabilities")              \
  X(kFirmwareRaw, "fw_raw", kNumber, "words", "", 2, "a message of up to two words")             \
  X(kFirmwareConfig, "fw_config", kNumber, "what", "", 0,                                        \
    "bits 2:0 speed, 3 BMC, 4 its all-multicast, 6:5 FEC")                                       \
  X(kCable, "cable", kNumber, "plugged", "", 0, "")                                              \
  X(kPause, "pause", kNumber, "on", "", 0, "the peer requests pause")                            \
  X(kRefuseFrames, "refuse_frames", kNumber, "on", "", 0, "the wire applies back-pressure")      \
  X(kCardReset, "card_reset", kNumber, "power", "", 0, "")                                       \
  X(kRequest, "request", kNumber, "what", "number", 0, "a firmware request of the application")  \
  X(kFilter, "filter", kNumber, "what", "number", 0, "a filter setting of the application")      \
  X(kInspect, "inspect", kNumber, "what", "number", 0, "dump, self tests, counters, clock")      \
  X(kInsist, "insist", kNumber, "times", "", 0,                                                  \
    "starts again, 9 to 12 times, each time that the port has failed")                           \
  X(kConfigure, "configure", kNumber, "what", "number", 0,                                       \
    "the next attach is for another port")                                                       \
  X(kVanish, "vanish", kNumber, "", "accesses", 0,                                               \
    "the card is removed at that register access from now on")                                   \
  X(kFailHost, "fail_host", kNumber, "count", "after", 0,                                        \
    "as fail_alloc, for memory of the host alone")                                               \
  X(kCall, "call", kNumber, "what", "number", 1,                                                 \
    "what an application may call in any state, with arguments of any value")                    \
  X(kOffload, "offload", kNumber, "how", "bytes", 2,                                             \
    "a packet with offloads; how 1: on the plain ring, 2: with length 0, 4: "                    \
    "on the second queue")                                                                       \
  X(kBringUp, "bring_up", kNone, "", "", 0, "attach, start, and all the time that it takes")
// clang-format on

enum class PortOp : std::uint8_t {
#define HNI_X(id, ...) id,
  HNI_PORT_OPS(HNI_X)
#undef HNI_X
};

/// By PortOp.
inline constexpr auto kPortOps = std::to_array<OpInfo>({
#define HNI_X(id, name, kind, a, b, words, text) {name, ArgKind::kind, a, b, words, text},
    HNI_PORT_OPS(HNI_X)
#undef HNI_X
});

}  // namespace hni::fuzz
