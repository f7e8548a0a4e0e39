// SPDX-License-Identifier: Apache-2.0
// The two forms of a script, the mutator, and the canary that shows that findings are detected.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "fuzz/script/mutator.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/seeds/seeds.hpp"

namespace hni::fuzz {
namespace {

std::vector<std::uint8_t> noise(std::size_t bytes, std::uint32_t seed) {
  std::vector<std::uint8_t> out(bytes);
  for (auto& byte : out) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(seed >> 24);
  }
  return out;
}

TEST(FuzzScript, EveryByteSequenceIsAScript) {
  for (const Target* target : targets()) {
    if (target->ops.empty()) continue;
    for (std::size_t size = 0; size < 40; ++size) {
      const auto bytes = noise(size, static_cast<std::uint32_t>(size));
      for (const Op& op : decode_script(bytes, target->ops))
        ASSERT_LT(op.kind, target->ops.size());
    }
  }
}

TEST(FuzzScript, TextAndBinaryAreEquivalent) {
  for (const Target* target : targets()) {
    if (target->ops.empty()) continue;
    const auto script = decode_script(noise(400, 7), target->ops);
    const auto parsed = script_from_text(script_to_text(script, target->ops), target->ops);
    ASSERT_EQ(parsed.error, "") << target->name;
    // The text form omits arguments that an operation does not have.
    EXPECT_EQ(script_to_text(parsed.script, target->ops), script_to_text(script, target->ops));
    EXPECT_EQ(decode_script(encode_script(parsed.script, target->ops), target->ops).size(),
              script.size());
  }
}

TEST(FuzzScript, AnErrorInATextNamesItsLine) {
  const OpList ops = find_target("rx")->ops;
  EXPECT_EQ(script_from_text("receive\n# good\n\nfly\n", ops).error, "line 4: no operation 'fly'");
  EXPECT_EQ(script_from_text("receive wings=2\n", ops).error,
            "line 1: 'receive' has no argument 'wings'");
  EXPECT_EQ(script_from_text("receive packets=256\n", ops).error, "line 1: bad packets=256");
}

TEST(FuzzScript, TheMutatorRespectsItsLimitAndMakesScripts) {
  const OpList ops = find_target("traffic")->ops;
  std::array<std::uint8_t, 256> bytes{};
  std::size_t size = 0;
  std::set<std::size_t> kinds;
  for (std::uint32_t seed = 1; seed < 5000; ++seed) {
    size = mutate_script(ops, bytes.data(), size, bytes.size(), seed);
    ASSERT_LE(size, bytes.size());
    for (const Op& op : decode_script({bytes.data(), size}, ops)) kinds.insert(op.kind);
  }
  EXPECT_EQ(kinds.size(), ops.size());
}

TEST(FuzzScript, NamesOfTargetsAndOperationsAreUnique) {
  std::set<std::string_view> names;
  for (const Target* target : targets()) {
    EXPECT_TRUE(names.insert(target->name).second) << target->name;
    std::set<std::string_view> ops;
    for (const OpInfo& op : target->ops) EXPECT_TRUE(ops.insert(op.name).second) << op.name;
  }
}

TEST(FuzzCanaryDeathTest, TheCanaryBreaksItsOracle) {
  const Target* canary = find_target("canary");
  const auto parsed = script_from_text("open key=90\nturn angle=90\nenter\n", canary->ops);
  const auto bytes = encode_script(parsed.script, canary->ops);
  EXPECT_DEATH(run_target(*canary, bytes.data(), bytes.size()),
               "finding: canary: the door is open");
}

}  // namespace
}  // namespace hni::fuzz
