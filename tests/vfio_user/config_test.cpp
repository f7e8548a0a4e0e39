// SPDX-License-Identifier: Apache-2.0
// The configuration space, traversed like a PCI host does.
#include "vfio_user/config_space.hpp"

#include <gtest/gtest.h>

#include "vfio_user/protocol.hpp"

namespace hni::device::vfio_user {
namespace {

class VfioUserConfig : public testing::Test {
 protected:
  std::uint32_t get(std::size_t offset, std::size_t bytes = 4) const {
    std::uint32_t value = 0;
    space_.read(offset, std::as_writable_bytes(std::span(&value, 1)).first(bytes));
    return value;
  }
  bool put(std::size_t offset, std::uint32_t value, std::size_t bytes = 4) {
    return space_.write(offset, bytes_of(value).first(bytes));
  }
  /// Returns the offset of the capability, or 0 if it is not in the list.
  std::size_t find(std::uint32_t id) const {
    for (std::size_t at = get(0x34, 1); at != 0; at = get(at + 1, 1)) {
      if (get(at, 1) == id) return at;
    }
    return 0;
  }
  std::size_t find_extended(std::uint32_t id) const {
    for (std::size_t at = 0x100; at != 0; at = get(at) >> 20) {
      if ((get(at) & 0xffff) == id) return at;
    }
    return 0;
  }

  CardConfig config_;
  ConfigSpace space_{config_};
};

TEST_F(VfioUserConfig, IdentifiesAMetaEthernetCard) {
  EXPECT_EQ(0x00131d9bu, get(0));
  EXPECT_EQ(0x020000u, get(8) >> 8);
  EXPECT_EQ(0x10u, get(6, 2));
  put(0, 0xffffffff);
  EXPECT_EQ(0x00131d9bu, get(0));
}

TEST_F(VfioUserConfig, BarsReportTheirSizes) {
  const std::uint32_t low[6] = {0xffe00004, 0xffffffff, 0xffffe004,
                                0xffffffff, 0xfffe0004, 0xffffffff};
  for (std::size_t bar = 0; bar < 6; ++bar) {
    put(0x10 + 4 * bar, 0xffffffff);
    EXPECT_EQ(low[bar], get(0x10 + 4 * bar)) << bar;
  }
  put(0x30, 0xffffffff);
  EXPECT_EQ(0u, get(0x30));
}

TEST_F(VfioUserConfig, HasTheCapabilitiesThatTheLinuxDriverNeeds) {
  const std::size_t msix = find(0x11);
  ASSERT_NE(0u, msix);
  EXPECT_EQ(129u, get(msix + 2, 2));
  EXPECT_EQ(0x00000002u, get(msix + 4));
  EXPECT_EQ(0x00001002u, get(msix + 8));
  EXPECT_NE(0u, find(0x01));
  const std::size_t express = find(0x10);
  ASSERT_NE(0u, express);
  EXPECT_EQ(2u, get(express + 2, 2));
  // Relaxed ordering, 256-byte maximum payload, no snoop, 512-byte read requests.
  EXPECT_EQ(0x2830u, get(express + 8, 2));
  const std::size_t serial = find_extended(0x0003);
  ASSERT_NE(0u, serial);
  EXPECT_EQ(0xff000001u, get(serial + 4));
  EXPECT_EQ(0x020000ffu, get(serial + 8));
  EXPECT_NE(0u, find_extended(0x0001));
}

TEST_F(VfioUserConfig, CommandBitsCanBeSetAndOthersNot) {
  EXPECT_FALSE(space_.bus_master());
  put(4, 0xffff, 2);
  EXPECT_EQ(0x0546u, get(4, 2));
  EXPECT_TRUE(space_.bus_master());
  space_.reset();
  EXPECT_EQ(0u, get(4, 2));
}

TEST_F(VfioUserConfig, FunctionLevelResetIsRequestedByABitThatReadsZero) {
  const std::size_t express = find(0x10);
  EXPECT_NE(0u, get(express + 4) & 1u << 28);
  EXPECT_FALSE(put(express + 8, 0x2830, 2));
  EXPECT_TRUE(put(express + 8, 0xa830, 2));
  EXPECT_EQ(0x2830u, get(express + 8, 2));
  EXPECT_TRUE(put(express + 9, 0x80, 1));
  EXPECT_FALSE(put(express + 0xa, 0x8000, 2));
}

TEST_F(VfioUserConfig, EveryByteCanBeWrittenWithoutTouchingItsNeighbours) {
  ConfigSpace untouched(config_);
  for (std::size_t at = 0; at < ConfigSpace::kBytes; ++at) {
    ConfigSpace space(config_);
    const std::byte ones{0xff};
    (void)space.write(at, std::span(&ones, 1));
    for (std::size_t near = at < 8 ? 0 : at - 8; near < std::min(at + 8, ConfigSpace::kBytes);
         ++near) {
      std::byte a{};
      std::byte b{};
      space.read(near, std::span(&a, 1));
      untouched.read(near, std::span(&b, 1));
      ASSERT_TRUE(near == at || b == a) << at << ' ' << near;
    }
  }
}

}  // namespace
}  // namespace hni::device::vfio_user
