// SPDX-License-Identifier: Apache-2.0
// Register maps other than this card's: every output contains every register of a serial port
// (uart.rdl) and of a small system on a chip (soc.rdl). CMakeLists.txt compiles the C headers.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/query.hpp"

namespace hni::speclib {
namespace {

const std::string kTests = HNI_SOURCE_DIR "/tests/spec/";

struct Spec {
  std::unique_ptr<rdl::Compilation> compilation;
  std::unique_ptr<Card> card;
};

Spec load(const std::string& path, const rdl::Options& options = {}) {
  Spec spec;
  spec.compilation = rdl::compile(path, rdl::read_file, {}, options);
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

class SpecForeignMap : public ::testing::TestWithParam<const char*> {
 protected:
  Spec spec_ = load(kTests + GetParam() + ".rdl");
  void expect_in(const std::string& text, const std::string& part) const {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
};

TEST_P(SpecForeignMap, EveryOutputHasEveryRegister) {
  const Card& card = *spec_.card;
  ASSERT_TRUE(card.plain);
  ASSERT_FALSE(card.registers.empty());
  const std::string c_header = emit_c_header(card);
  const std::string html = emit_html(card);
  const std::string markdown = emit_markdown(card);
  const std::string svd = emit_svd(card);
  const std::string ipxact = emit_ipxact(card);
  const std::string python = emit_python(card);
  const std::string structs = emit_c_structs(card);
  const auto json = nlohmann::json::parse(emit_json(card));
  EXPECT_EQ(json["registers"].size(), card.registers.size());
  for (const Register& reg : card.registers) {
    const std::string space(space_name(card, reg.bar));
    expect_in(c_header, "#define " + c_macro_name(space + "_" + reg.name));
    expect_in(html, "id=\"" + reg.name + "\"");
    expect_in(python, "(\"" + space + "\", \"" + reg.name + "\")");
    expect_in(svd, "<name>" + std::string(reg.node->name));
    expect_in(ipxact, "<ipxact:name>" + std::string(reg.node->name) + "</ipxact:name>");
    expect_in(find_words(card, {reg.name}), "register   " + reg.name);
    const Answer by_name = decode(card, {space + "." + reg.path, "1"});
    EXPECT_EQ(by_name.problem, "");
    expect_in(by_name.text, reg.name);
    for (const Field& field : reg.fields) {
      expect_in(c_header, c_macro_name(space + "_" + reg.name + "_" + std::string(field.name)) +
                              "_WIDTH " + std::to_string(field.width()) + "U");
    }
  }
  for (const Register& reg : card.registers) {
    if (reg.name == "TXDATA" || reg.name.ends_with("_TXDATA")) continue;  // shares its place
    if (reg.node->parent->component == rdl::Component::kMem) continue;    // bytes in C
    EXPECT_EQ(markdown.find("| " + reg.name + " |") == std::string::npos &&
                  reg.name.find('_') == std::string::npos,
              false)
        << reg.name;
    expect_in(structs, std::string(reg.node->name));
  }
}

TEST_P(SpecForeignMap, ThePrintedMapMeansTheSame) {
  const Spec again = load_text(emit_rdl(*spec_.compilation));
  EXPECT_EQ(emit_dump(again.compilation->model), emit_dump(spec_.compilation->model));
  EXPECT_EQ(diff(*spec_.card, *again.card), "");
}

INSTANTIATE_TEST_SUITE_P(Maps, SpecForeignMap, ::testing::Values("uart", "soc"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SpecForeignDump, TheSystemElaboratesToItsGoldenDump) {
  EXPECT_EQ(emit_dump(load(kTests + "soc.rdl").compilation->model),
            *rdl::read_file(kTests + "soc.dump"));
}

TEST(SpecForeignOptions, ADefinedMacroAndAParameterChangeTheMap) {
  rdl::Options options;
  options.defines = {{"NO_KEYS", ""}};
  EXPECT_EQ(emit_dump(load(kTests + "soc.rdl", options).compilation->model).find("KEY"),
            std::string::npos);
  options.defines.clear();
  options.parameters = {{"FIFO_DEPTH", "32"}};
  EXPECT_NE(emit_dump(load(kTests + "uart.rdl", options).compilation->model).find("reset=32"),
            std::string::npos);
}

TEST(SpecForeignDecode, ASpaceIsTheNameOfAMapAndCaseIsIgnored) {
  const Spec soc = load(kTests + "soc.rdl");
  const Answer answer = decode(*soc.card, {"SOC", "0x1104", "0x0005"});
  EXPECT_TRUE(answer.text.starts_with("SERIAL_CTRL[1]  soc byte 0x1104 word 0x441  value 0x5\n"))
      << answer.text << answer.problem;
  EXPECT_NE(answer.text.find("PARITY                   0x2 even"), std::string::npos);
  EXPECT_NE(decode(*soc.card, {"soc", "word", "0x441"}).text.find("SERIAL_CTRL[1]"),
            std::string::npos);
  EXPECT_NE(decode(*soc.card, {"0x6000"}).text.find("WDT"), std::string::npos);
}

TEST(SpecForeignDiff, EveryPropertyIsCompared) {
  const std::string head =
      "property mine { type = string; component = field; };\naddrmap m { signal {} s; reg { field "
      "{ ";
  const std::string tail = " } f; } a; };";
  const std::string before = head + "sw = rw; hw = rw;" + tail;
  for (const char* property :
       {"counter;", "intr;", "hwset;", "swmod;", "donttest;", "anded;", "precedence = hw;",
        "mine = \"x\";", "swwe = s;", "paritycheck;", "hdl_path_slice = '{\"a\"};"}) {
    const Spec a = load_text(before);
    const Spec b = load_text(head + "sw = rw; hw = rw; " + property + tail);
    EXPECT_NE(diff(*a.card, *b.card), "") << property;
  }
}

TEST(SpecForeignDiff, AMovedAndWidenedRegisterIsReported) {
  const Spec a = load_text("addrmap u { reg { field { sw = rw; } EN[0:0] = 0; } CTRL @0x4; };");
  const Spec b = load_text("addrmap u { reg { field { sw = r; } EN[1:0] = 0; } CTRL @0x8; };");
  EXPECT_EQ(diff(*a.card, *b.card),
            "~ field u.CTRL.EN: [0] sw=rw hw=rw reset=0x0 -> [1:0] sw=r hw=rw reset=0x0\n"
            "~ register u.CTRL: 0x4 width=32 -> 0x8 width=32\n");
}

TEST(SpecForeignDiff, AMovedBitAnAddedEnumeratorAndALostFieldAreReported) {
  const char* before =
      "enum e { A = 0; }; addrmap m { reg { field { encode = e; } X[0:0]; field {} Y[1:1]; } R "
      "@0x4; };";
  const char* after =
      "enum e { A = 0; B = 1; }; addrmap m { reg { field { encode = e; } X[4:4]; } R @0x8; };";
  EXPECT_EQ(diff(*load_text(before).card, *load_text(after).card),
            "~ field m.R.X: [0] sw=rw hw=rw values=e -> [4] sw=rw hw=rw values=e\n"
            "- field m.R.Y: [1] sw=rw hw=rw\n"
            "~ register m.R: 0x4 width=32 -> 0x8 width=32\n"
            "+ enum e::B: 1\n");
}

TEST(SpecForeignDiff, ADescriptionIsCompared) {
  const char* before = "addrmap m { reg { field {} X[0:0]; } R; };";
  const char* after = "addrmap m { reg { desc = \"new\"; field {} X[0:0]; } R; };";
  EXPECT_EQ(diff(*load_text(before).card, *load_text(after).card), "+ property m.R.desc: new\n");
  const char* named =
      "enum e { A { name = \"a\"; }; }; addrmap m { reg { field { encode = e; } f; } b; };";
  const char* renamed =
      "enum e { A { name = \"b\"; }; }; addrmap m { reg { field { encode = e; } f; } b; };";
  EXPECT_EQ(diff(*load_text(named).card, *load_text(renamed).card),
            "~ property e::A.name: a -> b\n");
}

TEST(SpecForeignNames, EqualNamesGetNumbersAndKeywordsAnUnderscore) {
  const Spec spec = load_text(
      "addrmap m { regfile { reg { field {} f; } b; } a; reg { field {} f; } a_b @0x10;\n"
      "reg { field {} f; } register @0x20; };");
  const std::string header = emit_c_header(*spec.card);
  EXPECT_NE(header.find("#define M_A_B 0x0U"), std::string::npos) << header;
  EXPECT_NE(header.find("#define M_A_B_2 0x10U"), std::string::npos) << header;
  EXPECT_NE(emit_c_structs(*spec.card).find(" register_;"), std::string::npos);
}

}  // namespace
}  // namespace hni::speclib
