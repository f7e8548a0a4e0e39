// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/ring_script.hpp"

namespace hni::fuzz {
namespace {

using enum RingOp;
constexpr auto kMeaning = std::to_array<RingOp>(
    {kReceive, kPollRx,    kHeader,        kHeaderId,      kHeaderOffset, kHeaderLength,
     kPayload, kPayloadId, kPayloadOffset, kPayloadLength, kOptMeta,      kMeta,
     kSkip,    kRxWord,    kRxWordClass,   kRxRepeat,      kRxEarly,      kScribbleBuffers,
     kRelease, kReset,     kFresh,         kBigPages});
constexpr auto kOps = [] {
  std::array<OpInfo, kMeaning.size()> ops;
  for (std::size_t i = 0; i < ops.size(); ++i)
    ops[i] = kRingOps[static_cast<std::size_t>(kMeaning[i])];
  return ops;
}();

void run(const std::uint8_t* data, std::size_t size) {
  run_rings(data, size, kOps, kMeaning, true);
}

}  // namespace

const Target& rx_target() {
  static constexpr Target kTarget{"rx",
                                  "receive rings: completions with one lie a field, against a "
                                  "reference model of every word",
                                  kOps, run, 32768};
  return kTarget;
}

}  // namespace hni::fuzz
