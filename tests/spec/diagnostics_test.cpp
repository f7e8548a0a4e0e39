// SPDX-License-Identifier: Apache-2.0
// Bad input: the second line of each file in tests/spec/bad states the expected error and its
// position. Every error shows the line with a caret and states what to do.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "spec/compiler/card.hpp"

namespace hni::rdl {
namespace {

const std::string kFolder = HNI_SOURCE_DIR "/tests/spec/bad/";

std::vector<std::string> bad_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".rdl") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "// expect <code> <line>:<column>"
struct Expectation {
  std::string code;
  std::string place;
};

Expectation expectation(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::getline(in, line);
  std::istringstream words(line);
  std::string slashes, expect;
  Expectation out;
  words >> slashes >> expect >> out.code >> out.place;
  return out;
}

class SpecDiagnosticsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SpecDiagnosticsTest, IsRefusedAtItsPlaceWithARemedy) {
  const std::string path = kFolder + GetParam() + ".rdl";
  const Expectation expected = expectation(path);
  auto compilation = compile(path);
  if (compilation->ok) {
    ASSERT_EQ(speclib::read_card(*compilation), nullptr) << "accepted";
  }
  ASSERT_FALSE(compilation->diagnostics.empty());
  const Diagnostic& first = compilation->diagnostics.items().front();
  EXPECT_EQ(first.code, expected.code);
  const Position at = compilation->sources.position(first.span);
  EXPECT_EQ(std::to_string(at.line) + ":" + std::to_string(at.column), expected.place);
  EXPECT_FALSE(first.remedy.empty());
  const std::string text = compilation->diagnostics.render(compilation->sources);
  EXPECT_TRUE(text.starts_with(path + ":" + expected.place + ": error: ")) << text;
  EXPECT_NE(text.find("| "), std::string::npos) << text;
  EXPECT_NE(text.find('^'), std::string::npos) << text;
  EXPECT_NE(text.find("= to do: " + first.remedy), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(Bad, SpecDiagnosticsTest, ::testing::ValuesIn(bad_files()),
                         [](const auto& test) { return test.param; });

TEST(SpecDiagnostics, AllErrorsOfAPlacedTreeAreReportedNotOnlyTheFirst) {
  const std::string text =
      "addrmap m { reg { field {} A[7:0]; field {} B[7:0]; field {} C[40:40]; } X @0x2; };";
  const auto compilation = compile("m.rdl", [&](const std::string&) { return text; });
  EXPECT_EQ(compilation->diagnostics.total(), 2u);
  EXPECT_EQ(compilation->diagnostics.total_warnings(), 1u) << "the address is not aligned";
}

TEST(SpecDiagnostics, ALongLineIsShownAroundTheCaretOnly) {
  const std::string text = "addrmap m { " + std::string(5000, ' ') + "$ };";
  const auto compilation = compile("m.rdl", [&](const std::string&) { return text; });
  const std::string shown = compilation->diagnostics.render(compilation->sources);
  EXPECT_LT(shown.size(), 600u);
}

TEST(SpecDiagnostics, ErrorsBeyondTheLimitAreOnlyCounted) {
  std::string text = "addrmap m {\n";
  for (int i = 0; i < 200; ++i) {
    text += "reg { field {} A[3:0] = 16; } X" + std::to_string(i) + ";\n";
  }
  text += "};";
  const auto compilation = compile("m.rdl", [&](const std::string&) { return text; });
  EXPECT_EQ(compilation->diagnostics.items().size(), Diagnostics::kMaxDiagnostics);
  EXPECT_EQ(compilation->diagnostics.total(), 200u);
  EXPECT_NE(compilation->diagnostics.render(compilation->sources).find("and 150 more errors"),
            std::string::npos);
}

}  // namespace
}  // namespace hni::rdl
