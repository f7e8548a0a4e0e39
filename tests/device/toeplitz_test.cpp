// SPDX-License-Identifier: Apache-2.0
// The verification suite that Microsoft publishes for receive side scaling ("Verifying the RSS
// Hash Calculation"), and the layout of the card's key registers [device 14.8].
#include "device/toeplitz.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace hni::device {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Key = std::array<std::uint32_t, Toeplitz::kKeyWords>;

constexpr Key kMicrosoftKey{0x6d5a56da, 0x255b0ec2, 0x4167253d, 0x43a38fb0, 0xd0ca2bcb,
                            0xae7b30b4, 0x77cb2da3, 0x8030f20c, 0x6a42b73b, 0xbeac01fa};

struct Vector {
  Bytes source, destination;
  std::uint16_t source_port, destination_port;
  std::uint32_t addresses_only, with_ports;
};

Bytes v6(std::initializer_list<std::uint16_t> groups) {
  Bytes out;
  for (const std::uint16_t group : groups) {
    out.push_back(static_cast<std::uint8_t>(group >> 8));
    out.push_back(static_cast<std::uint8_t>(group & 0xff));
  }
  return out;
}

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all{
      {{66, 9, 149, 187}, {161, 142, 100, 80}, 2794, 1766, 0x323e8fc2, 0x51ccc178},
      {{199, 92, 111, 2}, {65, 69, 140, 83}, 14230, 4739, 0xd718262a, 0xc626b0ea},
      {{24, 19, 198, 95}, {12, 22, 207, 184}, 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
      {{38, 27, 205, 30}, {209, 142, 163, 6}, 48228, 2217, 0x82989176, 0xafc7327f},
      {{153, 39, 163, 191}, {202, 188, 127, 2}, 44251, 1303, 0x5d1809c5, 0x10e828a2},
      {v6({0x3ffe, 0x2501, 0x200, 0x1fff, 0, 0, 0, 7}), v6({0x3ffe, 0x2501, 0x200, 3, 0, 0, 0, 1}),
       2794, 1766, 0x2cc18cd5, 0x40207d3d},
      {v6({0x3ffe, 0x501, 8, 0, 0x260, 0x97ff, 0xfe40, 0xefab}), v6({0xff02, 0, 0, 0, 0, 0, 0, 1}),
       14230, 4739, 0x0f0c461c, 0xdde51bbf},
      {v6({0x3ffe, 0x1900, 0x4545, 3, 0x200, 0xf8ff, 0xfe21, 0x67cf}),
       v6({0xfe80, 0, 0, 0, 0x200, 0xf8ff, 0xfe21, 0x67cf}), 44251, 38024, 0x4b61e985, 0x02d1feef},
  };
  return all;
}

// The Toeplitz hash, computed bit by bit from its definition.
std::uint32_t slow_hash(const Key& key, const Bytes& input) {
  const auto key_bit = [&](std::size_t bit) -> std::uint32_t {
    if (bit >= Toeplitz::kKeyBits) return 0;
    return key[bit / 32] >> (31 - bit % 32) & 1;
  };
  std::uint32_t hash = 0;
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    if ((input[bit / 8] >> (7 - bit % 8) & 1) == 0) continue;
    std::uint32_t window = 0;
    for (std::size_t i = 0; i < 32; ++i) window = window << 1 | key_bit(bit + i);
    hash ^= window;
  }
  return hash;
}

TEST(DeviceToeplitz, MatchesTheMicrosoftVectors) {
  const Toeplitz toeplitz(kMicrosoftKey);
  for (const Vector& v : vectors()) {
    Bytes input = v.source;
    input.insert(input.end(), v.destination.begin(), v.destination.end());
    EXPECT_EQ(toeplitz.hash(input), v.addresses_only);
    for (const std::uint16_t port : {v.source_port, v.destination_port}) {
      input.push_back(static_cast<std::uint8_t>(port >> 8));
      input.push_back(static_cast<std::uint8_t>(port & 0xff));
    }
    EXPECT_EQ(toeplitz.hash(input), v.with_ports);
  }
}

TEST(DeviceToeplitz, EveryInputLengthMatchesTheDefinition) {
  Key key;
  std::uint32_t state = 12345;
  const auto random = [&] { return state = state * 1664525 + 1013904223; };
  for (std::uint32_t& word : key) word = random();
  const Toeplitz toeplitz(key);
  for (std::size_t bytes = 0; bytes <= Toeplitz::kMaxInputBytes; ++bytes) {
    Bytes input(bytes);
    for (std::uint8_t& b : input) b = static_cast<std::uint8_t>(random() >> 24);
    EXPECT_EQ(toeplitz.hash(input), slow_hash(key, input)) << bytes;
  }
}

TEST(DeviceToeplitz, BitsAfterThe425thAreIgnored) {
  Key key = kMicrosoftKey;
  const Bytes input(56, 0xff);
  const std::uint32_t before = Toeplitz(key).hash(input);
  key[13] = 0x007fffff;  // only 31:23 count
  EXPECT_EQ(Toeplitz(key).hash(input), before);
  key[13] = 0x00800000;
  EXPECT_NE(Toeplitz(key).hash(input), before);
}

TEST(DeviceToeplitz, InputBeyondTheTableIsTruncated) {
  const Toeplitz toeplitz(kMicrosoftKey);
  EXPECT_EQ(toeplitz.hash(Bytes(1000, 0x77)), toeplitz.hash(Bytes(56, 0x77)));
}

}  // namespace
}  // namespace hni::device
