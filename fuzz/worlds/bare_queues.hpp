// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Queues without a card: rings in plain memory, whose completions are written here word by word.
/// For what a port never does to its queues, and for whole laps in one poll.

#include <cstdint>

namespace hni::fuzz {

/// Queues that are not enabled, or faulted: nothing is taken and nothing given.
void use_dead_queues();

/// A lap of completions in one poll, and a pool without pages.
void receive_a_lap();

/// A lap of completions that nobody polls before the queue is reset.
void leave_a_lap_unread();

/// More timestamps than anybody fetches.
void collect_timestamps();

/// Rings whose members are any bytes of `value`: their invariants say what a plain reading says.
/// An oracle that cannot say no is none.
void compare_invariants(std::uint32_t value);

}  // namespace hni::fuzz
