// SPDX-License-Identifier: Apache-2.0
// The language rules: each line of rules.txt is accepted, warned about or refused as it states,
// and accepted input has the stated lines in its dump and survives every writer.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "spec/compiler/card.hpp"
#include "spec/compiler/emit.hpp"

namespace hni::rdl {
namespace {

const std::string kTests = HNI_SOURCE_DIR "/tests/spec/";

struct Rule {
  int line = 0;
  std::string verdict;
  std::string code;
  std::string source;
  std::vector<std::string> dump;  // parts that the output must contain
};

std::vector<Rule> rules() {
  std::vector<Rule> out;
  std::ifstream in(kTests + "rules.txt");
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    if (text.empty() || text[0] == '#') continue;
    std::vector<std::string> parts;
    for (std::size_t at = 0; at != std::string::npos;) {
      const std::size_t next = text.find(" ## ", at);
      parts.push_back(text.substr(at, next == std::string::npos ? next : next - at));
      at = next == std::string::npos ? next : next + 4;
    }
    Rule rule;
    rule.line = line;
    const std::size_t blank = parts[0].find(' ');
    rule.verdict = parts[0].substr(0, blank);
    if (blank != std::string::npos) rule.code = parts[0].substr(blank + 1);
    rule.source = parts.at(1);
    rule.dump.assign(parts.begin() + 2, parts.end());
    out.push_back(rule);
  }
  return out;
}

std::unique_ptr<Compilation> compile_text(const std::string& text, const Options& options = {}) {
  return compile(
      "rule.rdl", [&](const std::string&) { return text; }, {}, options);
}

std::string rendered(const Compilation& compilation) {
  return compilation.diagnostics.render(compilation.sources);
}

class SpecRules : public ::testing::TestWithParam<Rule> {};

TEST_P(SpecRules, HoldsAsStated) {
  const Rule& rule = GetParam();
  const auto compilation = compile_text(rule.source);
  const std::string text = rendered(*compilation);
  if (rule.verdict == "refuse") {
    ASSERT_FALSE(compilation->ok) << rule.source;
    EXPECT_EQ(compilation->diagnostics.items().front().code, rule.code) << text;
    EXPECT_FALSE(compilation->diagnostics.items().front().remedy.empty());
    return;
  }
  ASSERT_TRUE(compilation->ok) << rule.source << "\n" << text;
  if (rule.verdict == "warn") {
    ASSERT_FALSE(compilation->diagnostics.warnings().empty()) << rule.source;
    EXPECT_EQ(compilation->diagnostics.warnings().front().code, rule.code) << text;
  } else {
    EXPECT_TRUE(compilation->diagnostics.warnings().empty()) << text;
  }
  const std::string dump = speclib::emit_dump(compilation->model);
  for (const std::string& part : rule.dump) {
    EXPECT_NE(dump.find(part), std::string::npos) << part << "\nis not in\n" << dump;
  }
  const auto again = compile_text(speclib::emit_rdl(*compilation));
  ASSERT_TRUE(again->ok) << speclib::emit_rdl(*compilation) << rendered(*again);
  EXPECT_EQ(speclib::emit_dump(again->model), dump) << speclib::emit_rdl(*compilation);
  EXPECT_NE(speclib::read_card(*compilation), nullptr) << rendered(*compilation);
}

INSTANTIATE_TEST_SUITE_P(Line, SpecRules, ::testing::ValuesIn(rules()),
                         [](const auto& test) { return std::to_string(test.param.line); });

TEST(SpecRulesFile, HasEveryVerdictManyTimes) {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const Rule& rule : rules()) {
    if (rule.verdict == "accept") ++accepted;
    if (rule.verdict == "refuse") ++refused;
  }
  EXPECT_GE(accepted, 80u);
  EXPECT_GE(refused, 150u);
}

TEST(SpecRules, AnErrorInOneMapDoesNotHideThatOfAnother) {
  const auto compilation = compile_text(
      "addrmap m1 { reg { field {} f[8]; } a @0; reg { field {} f[8]; } b @0; };\n"
      "addrmap m2 { reg { field {} f[8]; } c[4] @0 += 2; };");
  EXPECT_EQ(compilation->diagnostics.total(), 2u) << rendered(*compilation);
}

TEST(SpecPreprocessor, EveryDirectiveWorksAsInVerilog) {
  const auto compilation = compile(kTests + "preprocessor.rdl");
  ASSERT_TRUE(compilation->ok) << rendered(*compilation);
  EXPECT_EQ(speclib::emit_dump(compilation->model),
            "addrmap m size=0x1c\n"
            "reg m.X @0x10 width=32 access=32\n"
            "  field A [7:0] sw=rw hw=rw onread=- onwrite=- pulse=0 reset=90\n"
            "reg m.Y @0x14 width=32 access=32\n"
            "  field low [3:0] sw=rw hw=rw onread=- onwrite=- pulse=0 reset=-\n"
            "  field high [7:4] sw=rw hw=rw onread=- onwrite=- pulse=0 reset=-\n"
            "reg m.Z @0x18 width=32 access=32\n"
            "  field P [7:0] sw=rw hw=rw onread=- onwrite=- pulse=0 reset=-\n");
}

TEST(SpecPreprocessor, AnErrorInsideAMacroPointsToItsUse) {
  const auto compilation =
      compile_text("`define F field { sw = nothing; } f;\naddrmap m { reg {\n  `F\n} b; };");
  ASSERT_FALSE(compilation->ok);
  EXPECT_TRUE(rendered(*compilation).starts_with("rule.rdl:3:3: error:"))
      << rendered(*compilation);
}

TEST(SpecPreprocessor, ExponentialMacrosAreRefused) {
  std::string text = "`define M0 x\n";
  for (int i = 1; i < 60; ++i) {
    const std::string before = " `M" + std::to_string(i - 1);
    text += "`define M" + std::to_string(i) + before + before + "\n";
  }
  const auto compilation = compile_text(text + "addrmap m { `M59 };");
  ASSERT_FALSE(compilation->ok);
  EXPECT_EQ(compilation->diagnostics.items().front().code, "too-large");
}

TEST(SpecExpressions, NestedWidthsThatCostTooMuchAreRefused) {
  std::string value = "8";
  for (int i = 0; i < 60; ++i) value = "(" + value + ")'(3)";
  const auto compilation = compile_text("addrmap m { reg { field {} f = " + value + "; } b; };");
  ASSERT_FALSE(compilation->ok);
}

TEST(SpecOptions, DefinesParametersAndTheTopComeFromTheCaller) {
  const std::string text =
      "addrmap a { reg { field {} f[`W]; } x; };\n"
      "addrmap b #(longint unsigned N = 1) { reg { field {} f; } y[N]; };";
  Options options;
  options.defines = {{"W", "5"}};
  options.parameters = {{"N", "2 + 2"}};
  options.top = "b";
  const auto compilation = compile_text(text, options);
  ASSERT_TRUE(compilation->ok) << rendered(*compilation);
  EXPECT_EQ(speclib::emit_dump(compilation->model).substr(0, 39),
            "addrmap b size=0x10\nreg b.y[4]+0x4 @0x0");
  options.top = "c";
  EXPECT_FALSE(compile_text(text, options)->ok);
  options.top = "a";
  EXPECT_FALSE(compile_text(text, options)->ok) << "a has no parameter N";
}

TEST(SpecOptions, IncludesAreSearchedInTheGivenFolders) {
  const FileReader reader = [](const std::string& path) -> std::optional<std::string> {
    if (path == "top.rdl") return "`include \"part.rdl\"\naddrmap m { part p; };";
    if (path == "lib/part.rdl") return "reg part { field {} f; };";
    return std::nullopt;
  };
  EXPECT_FALSE(compile("top.rdl", reader)->ok);
  Options options;
  options.include_folders = {"nowhere", "lib"};
  EXPECT_TRUE(compile("top.rdl", reader, {}, options)->ok);
}

TEST(SpecInput, FoldersDevicesAndFifosAreRefusedByType) {
  for (const char* path : {"/", "/dev/zero", "/dev/null", "/nowhere/at/all.rdl"}) {
    const auto compilation = compile(path);
    ASSERT_FALSE(compilation->ok) << path;
    EXPECT_EQ(compilation->diagnostics.items().front().code, "cannot-read") << path;
  }
}

TEST(SpecInput, AByteOrderMarkIsSkippedAndUtf16IsReported) {
  const std::string map = "addrmap m { reg { field {} f; } b; };";
  EXPECT_TRUE(compile_text("\xef\xbb\xbf" + map)->ok);
  EXPECT_NE(rendered(*compile_text("\xff\xfe" + map)).find("UTF-16"), std::string::npos);
}

}  // namespace
}  // namespace hni::rdl
