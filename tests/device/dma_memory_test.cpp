// SPDX-License-Identifier: Apache-2.0
#include "device/dma_memory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace hni::device {
namespace {

alignas(4096) std::array<std::byte, 4 * 4096> memory;

TEST(DeviceDmaMemory, AddressInsideOneMappingIsTranslated) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 4096, memory.data()}));
  EXPECT_EQ(dma.at(0x10000, 4096, Access::kRead), memory.data());
  EXPECT_EQ(dma.at(0x10ff8, 8, Access::kWrite), memory.data() + 0xff8);
  EXPECT_EQ(dma.refused(), 0u);
}

TEST(DeviceDmaMemory, AccessBeyondTheMappingIsRefusedAndRecorded) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 4096, memory.data()}));
  EXPECT_EQ(dma.at(0x10ff9, 8, Access::kWrite), nullptr);
  EXPECT_EQ(dma.at(0xffff, 1, Access::kRead), nullptr);
  EXPECT_EQ(dma.at(~0ull, 2, Access::kRead), nullptr);
  EXPECT_EQ(dma.refused(), 3u);
  ASSERT_TRUE(dma.last_fault().has_value());
  EXPECT_EQ(dma.last_fault()->iova, ~0ull);
  EXPECT_EQ(dma.last_fault()->bytes, 2u);
  EXPECT_EQ(dma.last_fault()->access, Access::kRead);
}

TEST(DeviceDmaMemory, WriteToReadOnlyMemoryIsRefused) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 4096, memory.data(), false}));
  ASSERT_TRUE(dma.map({0x11000, 4096, memory.data() + 4096}));
  std::size_t bytes = 0;
  EXPECT_EQ(dma.at(0x10000, 8, Access::kRead), memory.data());
  EXPECT_EQ(dma.at(0x10000, 8, Access::kWrite), nullptr);
  EXPECT_EQ(dma.chunk(0x10000, 8, Access::kWrite, bytes), nullptr);
  EXPECT_EQ(dma.chunk(0x10000, 8, Access::kRead, bytes), memory.data());
  EXPECT_EQ(dma.peek(0x10000, 8), nullptr) << "the owner of a pointer may write";
  EXPECT_EQ(dma.refused(), 2u);
  EXPECT_EQ(dma.at(0x11000, 8, Access::kWrite), memory.data() + 4096);
}

TEST(DeviceDmaMemory, AccessAcrossTwoAdjacentMappingsIsRefused) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 4096, memory.data()}));
  ASSERT_TRUE(dma.map({0x11000, 4096, memory.data() + 4096}));
  EXPECT_EQ(dma.at(0x10ffc, 8, Access::kRead), nullptr);
  EXPECT_EQ(dma.at(0x11000, 8, Access::kRead), memory.data() + 4096);
}

TEST(DeviceDmaMemory, ChunksCrossAdjacentMappingsAndStopAtAHole) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 4096, memory.data() + 8192}));
  ASSERT_TRUE(dma.map({0x11000, 4096, memory.data()}));
  std::size_t bytes = 0;
  EXPECT_EQ(dma.chunk(0x10ffe, 100, Access::kRead, bytes), memory.data() + 8192 + 4094);
  EXPECT_EQ(bytes, 2u);
  EXPECT_EQ(dma.chunk(0x11000, 98, Access::kRead, bytes), memory.data());
  EXPECT_EQ(bytes, 98u);
  EXPECT_EQ(dma.refused(), 0u);
  EXPECT_EQ(dma.chunk(0x12000, 1, Access::kRead, bytes), nullptr);
  EXPECT_EQ(dma.refused(), 1u);
}

TEST(DeviceDmaMemory, MappingsNeverOverlap) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 0x2000, memory.data()}));
  EXPECT_FALSE(dma.map({0x10000, 0x1000, memory.data()}));
  EXPECT_FALSE(dma.map({0x11fff & ~7ull, 8, memory.data()}));
  EXPECT_FALSE(dma.map({0xf000, 0x1008, memory.data()}));
  EXPECT_FALSE(dma.map({0xf000, 0x4000, memory.data()}));
  EXPECT_TRUE(dma.map({0xf000, 0x1000, memory.data() + 0x2000}));
  EXPECT_TRUE(dma.map({0x12000, 0x1000, memory.data() + 0x3000}));
  EXPECT_EQ(dma.mappings(), 3u);
  EXPECT_EQ(dma.mapped_bytes(), 0x4000u);
}

TEST(DeviceDmaMemory, ImpossibleMappingsAreRefused) {
  DmaMemory dma;
  EXPECT_FALSE(dma.map({0x10000, 0, memory.data()}));
  EXPECT_FALSE(dma.map({0x10000, 4096, nullptr}));
  EXPECT_FALSE(dma.map({kDmaAddressLimit, 4096, memory.data()}));
  EXPECT_FALSE(dma.map({kDmaAddressLimit - 2048, 4096, memory.data()}));
  EXPECT_TRUE(dma.map({kDmaAddressLimit - 4096, 4096, memory.data()}));
  EXPECT_FALSE(dma.map({0x10004, 4096, memory.data()}));  // not congruent modulo 8
}

TEST(DeviceDmaMemory, UnmapNeedsTheExactRangeAndEndsTheAccess) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x10000, 4096, memory.data()}));
  ASSERT_NE(dma.at(0x10000, 8, Access::kRead), nullptr);
  const std::uint64_t generation = dma.generation();
  EXPECT_FALSE(dma.unmap(0x10000, 2048));
  EXPECT_FALSE(dma.unmap(0x10800, 2048));
  EXPECT_EQ(dma.generation(), generation);
  EXPECT_TRUE(dma.unmap(0x10000, 4096));
  EXPECT_NE(dma.generation(), generation);
  EXPECT_EQ(dma.at(0x10000, 8, Access::kRead), nullptr);
}

TEST(DeviceDmaMemory, UnmapInsideRemovesOnlyWhatLiesWhollyInside) {
  DmaMemory dma;
  ASSERT_TRUE(dma.map({0x1000, 0x1000, memory.data()}));
  ASSERT_TRUE(dma.map({0x2000, 0x1000, memory.data()}));
  ASSERT_TRUE(dma.map({0x3000, 0x2000, memory.data()}));
  EXPECT_EQ(dma.unmap_inside(0x1000, 0x3000), 2u);
  EXPECT_EQ(dma.mappings(), 1u);
  EXPECT_NE(dma.at(0x3000, 8, Access::kRead), nullptr);
  dma.unmap_all();
  EXPECT_EQ(dma.mappings(), 0u);
}

}  // namespace
}  // namespace hni::device
