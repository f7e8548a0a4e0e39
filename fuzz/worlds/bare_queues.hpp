// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Queues without a card: rings in plain memory, with completions written word by word. Covers
/// calls that a port never makes to its queues, and full rings in one poll.

#include <cstdint>

namespace hni::fuzz {

/// Uses queues that are disabled or faulted: nothing is accepted and nothing returned.
void use_dead_queues();

/// Receives a full ring of completions in one poll, and with a pool without pages.
void receive_a_lap();

/// Resets a queue with a full ring of unread completions.
void leave_a_lap_unread();

/// Collects more timestamps than the application reads.
void collect_timestamps();

/// Compares the ring invariants on arbitrary members (bytes of `value`) with a simple
/// implementation, because an oracle that never fails is useless.
void compare_invariants(std::uint32_t value);

}  // namespace hni::fuzz
