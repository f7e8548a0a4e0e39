// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/words.hpp"

#include <gtest/gtest.h>

#include "tools/hni/register_names.hpp"
#include "tools/hni/text_view.hpp"

namespace hni::tools {
namespace {

TEST(Nearest, FindsTheIntendedWord) {
  const std::vector<std::string> words{"stats", "link", "regs", "rings", "fw"};
  EXPECT_EQ(nearest("stast", words), "stats");
  EXPECT_EQ(nearest("ring", words), "rings");
  EXPECT_EQ(nearest("lnik", words), "link");
  EXPECT_EQ(nearest("completely-different", {"fw"}), "");
}

TEST(Nearest, UnknownWordListsAllWhenNothingIsNear) {
  EXPECT_EQ(unknown("verb", "xxxxxxxx", {"link", "fw"}),
            "unknown verb 'xxxxxxxx': there are link, fw");
}

TEST(WithUnit, RoundsToThreeDigits) {
  EXPECT_EQ(with_unit(0), "0");
  EXPECT_EQ(with_unit(999), "999");
  EXPECT_EQ(with_unit(1234), "1.2 k");
  EXPECT_EQ(with_unit(98'765'432'100.0), "98.8 G");
}

TEST(AsText, ShowsObjectsAsLinesAndRowsAsTables) {
  const Json value = Json::array({{{"port", "hni0"},
                                   {"up", true},
                                   {"drops", Json::object()},
                                   {"rings", Json::array({{{"ring", "HPQ"}, {"free", 12}}})}}});
  EXPECT_EQ(as_text(value),
            "port   hni0\n"
            "up     yes\n"
            "drops  none\n"
            "rings:\n"
            "  ring  free  \n"
            "  HPQ   12    \n");
}

TEST(RegisterNames, FindsElementsByNameIndexAndPattern) {
  const RegisterNames names;
  const auto one = names.find({"queue_twq0_ctl[3]"});
  ASSERT_TRUE(one.has_value());
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ(one->front().name, "QUEUE_TWQ0_CTL[3]");
  EXPECT_EQ(one->front().byte_offset, 0x100000U + 3 * 0x1000);
  EXPECT_EQ(names.find({"FBNIC_QUEUE_TWQ0_CTL"})->size(), 128U);
  EXPECT_EQ(names.find({"QUEUE_TWQ?_CTL[0]"})->size(), 2U);
}

TEST(RegisterNames, UnknownNameSuggestsTheNearest) {
  const auto none = RegisterNames().find({"QUEUE_TWQ0_CLT"});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().text,
            "unknown register 'QUEUE_TWQ0_CLT': did you mean 'QUEUE_TWQ0_CTL'?");
}

TEST(RegisterNames, DecodesFields) {
  EXPECT_NE(RegisterNames().decode("QUEUE_TWQ0_CTL[3]", 2).find("ENABLE"), std::string::npos);
}

}  // namespace
}  // namespace hni::tools
