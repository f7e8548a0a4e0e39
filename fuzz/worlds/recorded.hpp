// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Converts a recording of a live driver (`hni trace record`) to a script of the `traffic` target:
/// the completion words that the card wrote, the packets that were sent, and the polls, in their
/// order. The target has rings of 64 and one queue, so the recorded queue must have such rings and
/// must have been recorded from its start; offloads and timestamps are not recorded.

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "fuzz/script/script.hpp"
#include "fuzz/worlds/ring_world.hpp"
#include "trace/recording.hpp"

namespace hni::fuzz {

struct RecordedScript {
  std::vector<Op> script;
  std::vector<ReadWord> words;  ///< the words that the driver consumed, in order
};

/// Reads the script of one queue, or returns why it cannot be converted.
tl::expected<RecordedScript, std::string> script_of(trace::RecordingReader& recording,
                                                    unsigned port, unsigned queue);

/// Runs the script in the simulator with all oracles; empty if the driver consumed exactly the
/// recorded words, otherwise the first difference. Does not return if an oracle fails.
std::string replay_exactly(const RecordedScript& recorded);

}  // namespace hni::fuzz
