// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Accounts for every packet and every buffer of a port: none is lost and none has two owners. The
/// fuzz targets use the same formulas.

#include <gtest/gtest.h>

#include "fuzz/oracles/conservation.hpp"

namespace hni::test {

/// `posted` counts the packets that are still in the rings.
template <class AnyPort>
void expect_transmit_conserved(const AnyPort& port, std::uint64_t posted = 0) {
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const Balance balance = transmit_balance(port, q, posted);
    EXPECT_EQ(balance.left, balance.right) << "queue " << q;
  }
}

/// Requires that the application owns no packet.
template <class AnyPort>
void expect_buffers_conserved(const AnyPort& port) {
  const Balance balance = buffer_balance(port);
  EXPECT_EQ(balance.left, balance.right);
}

}  // namespace hni::test
