// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/words.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tools/hni/live_screen.hpp"
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

// ---- Live displays

Json busy_port(const char* name) {
  return {{"port", name},
          {"link_up", true},
          {"speed_mbps", 100000},
          {"rx_packets_per_s", 999.9e6},
          {"rx_bits_per_s", 999.9e9},
          {"tx_packets_per_s", 999.9e6},
          {"tx_bits_per_s", 999.9e9},
          {"rx_drops", {{"queue reset", 999999999U}}},
          {"tx_drops", Json::object()},
          {"tx_ring_used", 65535},
          {"rx_buffers_lent", 65535},
          {"heartbeats", 999999U}};
}

std::size_t widest(const std::string& text) {
  std::istringstream in(text);
  std::size_t width = 0;
  for (std::string line; std::getline(in, line);) width = std::max(width, line.size());
  return width;
}

TEST(LiveTable, FitsEightyColumns) {
  const std::vector<Json> ports{busy_port("hni0"), busy_port("hni1")};
  EXPECT_LE(widest(live_table(ports)), 79U);
  EXPECT_LE(widest("99999 s" + live_line(ports)), 79U);
  EXPECT_EQ(live_line(ports).find('\n'), std::string::npos);
}

TEST(LiveScreen, RedrawsAsManyRowsAsTheTerminalShows) {
  LiveScreen screen(80);
  EXPECT_EQ(screen.redraw("one\ntwo\n"), "one\ntwo\n");
  EXPECT_EQ(screen.redraw("three\n"), "\033[2A\033[Jthree\n");
  EXPECT_EQ(screen.redraw(std::string(100, 'x') + "\n"),
            "\033[1A\033[J" + std::string(78, 'x') + ">\n");
  // Narrower now: the terminal has wrapped the 79 columns into three rows.
  screen.resize(30);
  EXPECT_EQ(screen.redraw("four\n"), "\033[3A\033[Jfour\n");
}

TEST(LiveScreen, LeavesWhatIsNoTerminalAlone) {
  LiveScreen screen(0);
  EXPECT_EQ(screen.redraw(std::string(100, 'x') + "\n"), std::string(100, 'x') + "\n");
  EXPECT_EQ(screen.redraw("two\n"), "two\n");
}

}  // namespace
}  // namespace hni::tools
