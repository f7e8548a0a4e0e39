// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Where every packet and every buffer of a port is: the check that nothing is lost and nothing is
/// in two places. The formulas are the fuzz targets' too.

#include <gtest/gtest.h>

#include "fuzz/oracles/conservation.hpp"

namespace hni::test {

/// `posted` counts packets still in the rings.
template <class AnyPort>
void expect_transmit_conserved(const AnyPort& port, std::uint64_t posted = 0) {
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const Balance balance = transmit_balance(port, q, posted);
    EXPECT_EQ(balance.left, balance.right) << "queue " << q;
  }
}

/// With no packet in the application's hands.
template <class AnyPort>
void expect_buffers_conserved(const AnyPort& port) {
  const Balance balance = buffer_balance(port);
  EXPECT_EQ(balance.left, balance.right);
}

}  // namespace hni::test
