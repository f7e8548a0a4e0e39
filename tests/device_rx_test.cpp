// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/device_fixture.hpp"

namespace hni::device {
namespace {

using spec::RCD_HDR_AL;
using spec::RCD_META;

TEST(DeviceRx, ShortFrameLiesAtOffset256OfTheFirstHeaderBuffer) {
  TestCard test;
  TestRx rx(test, 5);
  test.receive_to(5);
  const Bytes frame = plain_frame(60);
  EXPECT_TRUE(rx.deliver(frame));
  const RCD_HDR_AL header{rx.next_completion()};
  EXPECT_EQ(header.BUFF_ID(), 0x4000u);
  EXPECT_EQ(header.OFF(), 256u);
  EXPECT_EQ(header.LEN(), 60u);
  EXPECT_EQ(header.PAGE_FIN(), 0u);
  EXPECT_EQ(spec::RCD{rx.next_completion()}.TYPE(),
            static_cast<std::uint64_t>(spec::RCD_TYPE::META));
  EXPECT_EQ(rx.next_completion(), 0u);
  EXPECT_EQ(std::memcmp(test.memory.at(rx.header[0]) + 256, frame.data(), 60), 0);
}

}  // namespace
}  // namespace hni::device
