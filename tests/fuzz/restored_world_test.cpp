// SPDX-License-Identifier: Apache-2.0
// A world that was restored must behave as one that was just built: same verdict, same last report,
// and at the end the same bytes in all memory that the card, the driver and the application have.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fuzz/script/run_context.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/world_arena.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

struct End {
  std::uint64_t digest = 0;
  std::string report;
  std::int16_t site = 0;
  bool operator==(const End&) const = default;
};
std::uint64_t last_digest = 0;

class RestoredWorlds : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::set<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(fs::path(HNI_CORPUS) / GetParam()))
      paths.insert(entry.path());
    for (const fs::path& path : paths) {
      std::ifstream in(path, std::ios::binary);
      inputs_.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
      names_.push_back(path.filename().string());
    }
    target_ = find_target(GetParam());
    ASSERT_NE(target_, nullptr);
    run_target(*target_, nullptr, 0);  // the ordinary heap
    world_check.at_end = [](std::uint64_t digest) { last_digest = digest; };
    // One-time operations, such as binding a function, leave traces on the stack.
    run_target(*target_, inputs_.front().data(), inputs_.front().size());
  }
  void TearDown() override { world_check = {}; }

  std::vector<End> run_all() {
    std::vector<End> ends;
    for (const auto& input : inputs_) {
      last_digest = 0;
      run_target(*target_, input.data(), input.size());
      ends.push_back({last_digest, std::string(run_context.event), run_context.site});
    }
    return ends;
  }

  const Target* target_ = nullptr;
  std::vector<std::vector<std::uint8_t>> inputs_;
  std::vector<std::string> names_;
};

TEST_P(RestoredWorlds, EndAsNewOnesDoOnTheWholeCorpus) {
  world_check.build_anew = true;
  const std::vector<End> anew = run_all();
  if (last_digest == 0) GTEST_SKIP() << "operator new cannot be replaced under this sanitizer";
  world_check.build_anew = false;
  const std::vector<End> restored = run_all();
  for (std::size_t i = 0; i != anew.size(); ++i) EXPECT_EQ(anew[i], restored[i]) << names_[i];
}

INSTANTIATE_TEST_SUITE_P(, RestoredWorlds,
                         testing::Values("port", "card", "mailbox", "classifier"),
                         [](const auto& test) { return std::string(test.param); });

struct Cells {
  std::vector<int> numbers = std::vector<int>(5000, 7);
  std::unique_ptr<int> one = std::make_unique<int>(1);
};

TEST(RestoredWorld, HasItsContentsAgainAfterEachRun) {
  RestoredWorld<Cells> world;
  for (std::size_t turn = 0; turn != 100; ++turn) {
    world.run([](Cells& cells) { cells.numbers[4000] = 8; },
              [&](Cells& cells) {
                ASSERT_NE(cells.one, nullptr);
                EXPECT_EQ(*cells.one, 1);
                EXPECT_EQ(cells.numbers[turn % 10 * 500], turn % 10 == 8 ? 8 : 7);
                cells.numbers[turn % 10 * 500] = 9;
                cells.one.reset();
                const std::vector<std::byte> more(100'000, std::byte{0xff});
                cells.numbers.resize(6000);
              });
  }
}

TEST(RestoredWorldDeathTest, AbortsWhenMemoryIsFreedTwice) {
  WorldArena arena;
  if (!arena.is_usable()) GTEST_SKIP() << "operator new cannot be replaced under this sanitizer";
  void* const block = arena.allocate(10, 16);
  arena.free(block);
  EXPECT_DEATH(arena.free(block), "freed twice");
}

}  // namespace
}  // namespace hni::fuzz
