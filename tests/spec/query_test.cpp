// SPDX-License-Identifier: Apache-2.0
// Queries by name, address and value; names marked as Linux's are the ones that Linux uses.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/query.hpp"

namespace hni::speclib {
namespace {

const Card& fbnic() {
  static const auto compilation = rdl::compile(HNI_SOURCE_DIR "/spec/fbnic.rdl");
  static const auto card = read_card(*compilation);
  return *card;
}

TEST(SpecDecode, AnAddressNamesItsRegisterAndItsFields) {
  const std::string text = decode_address(fbnic(), 0, 0x188, 0x80000022);
  EXPECT_TRUE(text.starts_with("INTR_MSIX_CTRL[34]  BAR0 byte 0x188 word 0x62")) << text;
  EXPECT_NE(text.find("VECTOR                   0x22"), std::string::npos) << text;
  EXPECT_EQ(decode(fbnic(), {"bar0", "word", "0x62"}).text,
            decode(fbnic(), {"BAR0", "0x188"}).text);
}

TEST(SpecDecode, AnAddressInNestedArraysGivesAllIndices) {
  const auto hit = find_address(fbnic(), 0, 4 * (0x08880 + 0x40 * 3 + 5));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->reg->name, "RPC_TCAM_ACT");
  EXPECT_EQ(hit->indices, (std::vector<std::uint32_t>{3, 5}));
}

TEST(SpecDecode, AQueueRegisterOfTheLastQueueIsFound) {
  const auto hit = find_address(fbnic(), 0, 4 * (0x40000 + 0x400 * 127 + 0x2a0));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->reg->name, "QUEUE_RDE_CTL0");
  EXPECT_EQ(hit->indices, std::vector<std::uint32_t>{127});
}

TEST(SpecDecode, AnAddressBetweenRegistersMatchesNothing) {
  EXPECT_FALSE(find_address(fbnic(), 0, 0x0ffc).has_value());
  EXPECT_NE(decode(fbnic(), {"BAR0", "0xffc"}).problem, "");
}

TEST(SpecDecode, AMisalignedAddressIsRefusedWithTheRegisterThatItLiesIn) {
  const Answer answer = decode(fbnic(), {"BAR0", "0x18a"});
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.problem, "byte 0x18a lies inside of INTR_MSIX_CTRL[34]: its address is 0x188");
}

TEST(SpecDecode, NamesWorkInAnyCaseWithPrefixIndexAndAsDescriptors) {
  EXPECT_NE(decode_name(fbnic(), "FBNIC_INTR_STATUS[3]", {}).find("byte 0xc"), std::string::npos);
  EXPECT_NE(decode_name(fbnic(), "fbnic_intr_status[3]", {}).find("byte 0xc"), std::string::npos);
  EXPECT_NE(decode_name(fbnic(), "TWD_META", 1ull << 36).find("REQ_CSO                  0x1"),
            std::string::npos);
  EXPECT_EQ(decode_name(fbnic(), "INTR_STATUS[8]", {}), "");
  EXPECT_EQ(decode_name(fbnic(), "INTR_STATUS[", {}), "");
  EXPECT_EQ(decode_name(fbnic(), "NO_SUCH_REGISTER", {}), "");
}

TEST(SpecDecode, AnUnknownNameOffersTheNearestOne) {
  EXPECT_EQ(decode(fbnic(), {"INTR_STATU"}).problem,
            "no register or layout has the name 'intr_statu': did you mean 'INTR_STATUS'?");
  EXPECT_EQ(decode(fbnic(), {"INTR_STATUS[8]"}).problem,
            "INTR_STATUS has 8 elements, there is no element 8: use 0 to 7");
  EXPECT_NE(decode(fbnic(), {"INTR_STATUS", "12x"}).problem, "");
}

TEST(SpecDecode, ALinuxMaskTakesItsBitsOutOfAValue) {
  EXPECT_TRUE(decode_name(fbnic(), "FBNIC_RCD_OPT_META_ACTION", 1ull << 57)
                  .starts_with("RCD_OPT_META_ACTION [57:57]  of 0x200000000000000 is 0x1"));
}

TEST(SpecDecode, ADescriptorFamilyIsDecodedByItsTypeField) {
  const std::string text = decode_name(fbnic(), "TWD", 3ull << 46);
  EXPECT_NE(text.find("TWD_AL"), std::string::npos) << text;
  EXPECT_EQ(text.find("TWD_META"), std::string::npos) << text;
}

TEST(SpecDecode, SharedFieldsOfAFamilyHideNoSpecificField) {
  const std::string text = decode_name(fbnic(), "TCD", 0x8000'0000'1234'0005);
  EXPECT_NE(text.find("HEAD0"), std::string::npos) << text;
  EXPECT_EQ(text.find("in no field"), std::string::npos) << text;
}

TEST(SpecDecode, AValueThatDoesNotFitIsRefused) {
  EXPECT_NE(decode(fbnic(), {"INTR_STATUS[0]", "0x100000000"}).problem, "");
}

TEST(SpecFind, AWordIsFoundInNamesAndDescriptions) {
  const std::string text = find_words(fbnic(), {"rearm"});
  EXPECT_NE(text.find("register   INTR_CQ_REARM"), std::string::npos);
  EXPECT_EQ(find_words(fbnic(), {"no such word"}), "");
}

TEST(SpecFind, SeveralWordsMustAllOccur) {
  const std::string text = find_words(fbnic(), {"queue", "tail", "payload"});
  EXPECT_NE(text.find("PPQ_TAIL"), std::string::npos) << text;
  EXPECT_EQ(find_words(fbnic(), {"rearm", "parser"}), "");
}

TEST(SpecFind, AnAddressAndAWordIndexAreFound) {
  EXPECT_NE(find_words(fbnic(), {"0x3106c"}).find("byte       MASTER_SPARE_0"), std::string::npos);
  EXPECT_NE(find_words(fbnic(), {"0xc41b"}).find("word       MASTER_SPARE_0"), std::string::npos);
  EXPECT_TRUE(find_words(fbnic(), {"word", "0xc41b"}).starts_with("word       MASTER_SPARE_0"));
  EXPECT_TRUE(find_words(fbnic(), {"bar0", "0x3106c"}).starts_with("byte       MASTER_SPARE_0"));
  EXPECT_EQ(find_words(fbnic(), {"BAR4", "0x3106c"}), "");
  EXPECT_TRUE(
      find_words(fbnic(), {"queue_twq0_ctl[3]"}).starts_with("register   QUEUE_TWQ0_CTL "));
}

TEST(SpecFind, AnExactNameComesFirst) {
  EXPECT_TRUE(
      find_words(fbnic(), {"FBNIC_QUEUE_TCQ_CTL"}).starts_with("register   QUEUE_TCQ_CTL "))
      << find_words(fbnic(), {"FBNIC_QUEUE_TCQ_CTL"});
}

// linux_masks.csv: name, msb, lsb.
struct LinuxMask {
  std::string name;
  unsigned msb = 0;
  unsigned lsb = 0;
};

std::vector<LinuxMask> linux_masks() {
  std::vector<LinuxMask> out;
  std::ifstream in(HNI_SOURCE_DIR "/tests/spec/linux_masks.csv");
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with("FBNIC_")) continue;
    const std::size_t first = line.find(',');
    const std::size_t second = line.find(',', first + 1);
    out.push_back({line.substr(0, first),
                   static_cast<unsigned>(std::stoul(line.substr(first + 1, second))),
                   static_cast<unsigned>(std::stoul(line.substr(second + 1)))});
  }
  return out;
}

TEST(SpecLinuxMasks, TheCHeaderHasEachWithItsExactNameAndBits) {
  std::map<std::string, std::string> defines;
  const std::string header = emit_c_header(fbnic());
  for (std::size_t at = 0; (at = header.find("#define ", at)) != std::string::npos; ++at) {
    const std::size_t name = at + 8;
    const std::size_t blank = header.find(' ', name);
    const std::size_t end = header.find('\n', name);
    const auto [it, fresh] = defines.emplace(header.substr(name, blank - name),
                                             header.substr(blank + 1, end - blank - 1));
    EXPECT_TRUE(fresh || it->first.find('(') != std::string::npos) << it->first << " twice";
  }
  const std::vector<LinuxMask> masks = linux_masks();
  ASSERT_EQ(masks.size(), 311u);  // 292 of fbnic_csr.h, 19 of other headers
  for (const LinuxMask& mask : masks) {
    ASSERT_TRUE(defines.contains(mask.name)) << mask.name;
    Field bits;
    bits.msb = mask.msb;
    bits.lsb = mask.lsb;
    EXPECT_EQ(std::stoull(defines[mask.name], nullptr, 16), bits.mask()) << mask.name;
  }
}

TEST(SpecLinuxMasks, FindAndDecodeKnowEachWithAndWithoutPrefixAndSuffix) {
  for (const LinuxMask& mask : linux_masks()) {
    EXPECT_NE(find_words(fbnic(), {mask.name}), "") << mask.name;
    std::string bare = mask.name.substr(6);
    if (bare.ends_with("_MASK")) bare.resize(bare.size() - 5);
    EXPECT_NE(find_words(fbnic(), {bare}), "") << bare;
    EXPECT_NE(decode_name(fbnic(), mask.name, 0), "") << mask.name;
  }
}

}  // namespace
}  // namespace hni::speclib
