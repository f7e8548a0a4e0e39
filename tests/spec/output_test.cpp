// SPDX-License-Identifier: Apache-2.0
// The compiler's output for a valid spec: golden dump, round trip through the RDL writer, lookups,
// differences, and the shape of the JSON and of the page.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "spec/compiler/embedded.hpp"
#include "spec/compiler/emit.hpp"
#include "spec/compiler/query.hpp"

namespace hni::speclib {
namespace {

const std::string kTests = HNI_SOURCE_DIR "/tests/spec/";

struct Spec {
  std::unique_ptr<rdl::Compilation> compilation;
  std::unique_ptr<Card> card;
};

Spec load(const std::string& path) {
  Spec spec;
  spec.compilation = rdl::compile(path);
  spec.card = read_card(*spec.compilation);
  EXPECT_NE(spec.card, nullptr) << spec.compilation->diagnostics.render(spec.compilation->sources);
  return spec;
}

Spec load_text(const std::string& text) {
  Spec spec;
  spec.compilation = rdl::compile("text.rdl", [&](const std::string&) { return text; });
  spec.card = read_card(*spec.compilation);
  EXPECT_NE(spec.card, nullptr) << spec.compilation->diagnostics.render(spec.compilation->sources);
  return spec;
}

const Spec& fbnic() {
  static const Spec spec = load(HNI_SOURCE_DIR "/spec/fbnic.rdl");
  return spec;
}

TEST(SpecDump, TheSampleElaboratesToItsGoldenDump) {
  const Spec sample = load(kTests + "sample.rdl");
  EXPECT_EQ(emit_dump(sample.compilation->model), *rdl::read_file(kTests + "sample.dump"));
}

// After an intended change of the spec run hni-spec dump -o tests/spec/fbnic.dump and review the
// diff.
TEST(SpecDump, TheCardElaboratesToItsGoldenDump) {
  EXPECT_TRUE(emit_dump(fbnic().compilation->model) == *rdl::read_file(kTests + "fbnic.dump"));
}

TEST(SpecPrint, ThePrintedSampleHasTheSameDump) {
  const Spec sample = load(kTests + "sample.rdl");
  const Spec again = load_text(emit_rdl(*sample.compilation));
  EXPECT_EQ(emit_dump(again.compilation->model), emit_dump(sample.compilation->model));
}

TEST(SpecPrint, ThePrintedCardMeansTheSameInDumpJsonAndHeaders) {
  const Spec again = load_text(emit_rdl(*fbnic().compilation));
  EXPECT_TRUE(emit_dump(again.compilation->model) == emit_dump(fbnic().compilation->model));
  EXPECT_TRUE(emit_json(*again.card) == emit_json(*fbnic().card));
  for (const OutputFile& file : output_files()) {
    EXPECT_TRUE(file.emit(*again.card) == file.emit(*fbnic().card)) << file.name;
  }
  EXPECT_EQ(diff(*fbnic().card, *again.card), "");
}

TEST(SpecEmbedded, TheBuiltInSpecIsTheOneInTheTree) {
  auto compilation = rdl::compile(kEmbeddedTop, read_embedded);
  const auto card = read_card(*compilation);
  ASSERT_NE(card, nullptr);
  EXPECT_TRUE(emit_json(*card) == emit_json(*fbnic().card));
}

TEST(SpecJson, HasEveryRegisterDescriptorMessageAndNode) {
  const auto json = nlohmann::json::parse(emit_json(*fbnic().card));
  const Card& card = *fbnic().card;
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["registers"].size(), card.registers.size());
  EXPECT_EQ(json["descriptors"].size(), card.layouts.size());
  EXPECT_EQ(json["messages"].size(), card.messages.size());
  EXPECT_EQ(json["actions"].size(), card.rules.size());
  EXPECT_EQ(json["tree"].back()["kind"], "addrmap");
  EXPECT_EQ(json["tree"].back()["children"][0]["name"], "BAR0");
}

TEST(SpecHtml, HasAnAnchorForEveryRegisterAndLoadsNothing) {
  const std::string page = emit_html(*fbnic().card);
  for (const Register& reg : fbnic().card->registers) {
    EXPECT_NE(page.find("<article id=\"" + reg.name + "\""), std::string::npos) << reg.name;
  }
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(page.find("<link"), std::string::npos);
}

TEST(SpecHtml, TextOfTheSourceIsEscaped) {
  const Spec spec = load_text(
      "addrmap m { reg { desc = \"<script>alert(1)</script> & \"; field {} X[0:0]; } R; };");
  const std::string page = emit_html(*spec.card);
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "), std::string::npos);
}

TEST(SpecDictionary, EveryLineIsAnEntryOrAComment) {
  const std::string text = emit_fuzz_dictionary(*fbnic().card);
  std::size_t entries = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line.starts_with('#')) continue;
    ++entries;
    EXPECT_NE(line.find("=\"\\x"), std::string::npos) << line;
    EXPECT_TRUE(line.ends_with("\"")) << line;
  }
  EXPECT_GT(entries, 500u);
}

}  // namespace
}  // namespace hni::speclib
