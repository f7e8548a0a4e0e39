// SPDX-License-Identifier: Apache-2.0
// What the compiler says about a good spec: golden dump, round trip through the RDL writer,
// lookups, differences, and the shape of the JSON and of the page.
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

// After an intended change of the spec: hni-spec dump -o tests/spec/fbnic.dump, and read the diff.
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

TEST(SpecDecode, AnAddressNamesItsRegisterAndItsFields) {
  const std::string text = decode_address(*fbnic().card, 0, 0x188, 0x80000022);
  EXPECT_TRUE(text.starts_with("INTR_MSIX_CTRL[34]  BAR0 byte 0x188 word 0x62")) << text;
  EXPECT_NE(text.find("VECTOR                   0x22"), std::string::npos) << text;
}

TEST(SpecDecode, AnAddressInNestedArraysGivesAllIndices) {
  const auto hit = find_address(*fbnic().card, 0, 4 * (0x08880 + 0x40 * 3 + 5));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->reg->name, "RPC_TCAM_ACT");
  EXPECT_EQ(hit->indices, (std::vector<std::uint32_t>{3, 5}));
}

TEST(SpecDecode, AQueueRegisterOfTheLastQueueIsFound) {
  const auto hit = find_address(*fbnic().card, 0, 4 * (0x40000 + 0x400 * 127 + 0x2a0));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->reg->name, "QUEUE_RDE_CTL0");
  EXPECT_EQ(hit->indices, std::vector<std::uint32_t>{127});
}

TEST(SpecDecode, AnAddressBetweenRegistersIsNobodys) {
  EXPECT_FALSE(find_address(*fbnic().card, 0, 0x0ffc).has_value());
}

TEST(SpecDecode, NamesWorkWithPrefixIndexAndAsDescriptors) {
  const Card& card = *fbnic().card;
  EXPECT_NE(decode_name(card, "FBNIC_INTR_STATUS[3]", {}).find("byte 0xc"), std::string::npos);
  EXPECT_NE(decode_name(card, "TWD_META", 1ull << 36).find("REQ_CSO                  0x1"),
            std::string::npos);
  EXPECT_EQ(decode_name(card, "INTR_STATUS[8]", {}), "");
  EXPECT_EQ(decode_name(card, "INTR_STATUS[", {}), "");
  EXPECT_EQ(decode_name(card, "NO_SUCH_REGISTER", {}), "");
}

TEST(SpecDecode, ADescriptorFamilyIsDecodedByItsTypeField) {
  const std::string text = decode_name(*fbnic().card, "TWD", 3ull << 46);
  EXPECT_NE(text.find("TWD_AL"), std::string::npos) << text;
  EXPECT_EQ(text.find("TWD_META"), std::string::npos) << text;
}

TEST(SpecFind, AWordIsFoundInNamesAndDescriptions) {
  const std::string text = find_word(*fbnic().card, "rearm");
  EXPECT_NE(text.find("register   INTR_CQ_REARM"), std::string::npos);
  EXPECT_EQ(find_word(*fbnic().card, "no such word"), "");
}

TEST(SpecDiff, AMovedBitAnAddedEnumeratorAndALostFieldAreTold) {
  const char* before =
      "enum e { A = 0; }; addrmap m { addrmap { reg { field { encode = e; } X[0:0]; field {} "
      "Y[1:1]; } R @0x4; } BAR0 @0x0; };";
  const char* after =
      "enum e { A = 0; B = 1; }; addrmap m { addrmap { reg { field { encode = e; } X[4:4]; } R "
      "@0x8; } BAR0 @0x0; };";
  EXPECT_EQ(diff(*load_text(before).card, *load_text(after).card),
            "~ field R.X: [0] sw=rw hw=rw values=e -> [4] sw=rw hw=rw values=e\n"
            "- field R.Y: [1] sw=rw hw=rw\n"
            "~ register R: BAR0 0x4 width=32 -> BAR0 0x8 width=32\n"
            "+ enum e::B: 1\n");
}

TEST(SpecDiff, ADescriptionIsNoMeaning) {
  const char* before = "addrmap m { addrmap { reg { field {} X[0:0]; } R; } BAR0; };";
  const char* after =
      "addrmap m { addrmap { reg { desc = \"new\"; field {} X[0:0]; } R; } BAR0; };";
  EXPECT_EQ(diff(*load_text(before).card, *load_text(after).card), "");
}

TEST(SpecJson, HasEveryRegisterDescriptorMessageAndNode) {
  const auto json = nlohmann::json::parse(emit_json(*fbnic().card));
  const Card& card = *fbnic().card;
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["registers"].size(), card.registers.size());
  EXPECT_EQ(json["descriptors"].size(), card.layouts.size());
  EXPECT_EQ(json["messages"].size(), card.messages.size());
  EXPECT_EQ(json["actions"].size(), card.rules.size());
  EXPECT_EQ(json["tree"][0]["kind"], "addrmap");
  EXPECT_EQ(json["tree"][0]["children"][0]["name"], "BAR0");
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
      "addrmap m { addrmap { reg { desc = \"<script>alert(1)</script> & \"; field {} X[0:0]; } R; "
      "} BAR0; };");
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
