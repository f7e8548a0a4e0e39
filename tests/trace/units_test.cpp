// SPDX-License-Identifier: Apache-2.0
// The parts of tracing that need no kernel: the probe list, recordings, and what is done to
// bpftrace's output.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tools/hni/trace_output.hpp"
#include "tools/hni/trace_plot.hpp"
#include "trace/probe_list.hpp"
#include "trace/program.hpp"
#include "trace/recording.hpp"

namespace hni {
namespace {

using tools::TraceOutput;
using trace::read_recording;

TEST(ProbeList, EveryArgumentHasANameAndThePortComesFirst) {
  std::set<std::string> names;
  for (const trace::ProbeInfo& probe : trace::probe_list()) {
    EXPECT_TRUE(names.insert(probe.name).second) << probe.name;
    EXPECT_NE(probe.name.find("__"), std::string::npos) << probe.name;
    ASSERT_FALSE(probe.arguments.empty()) << probe.name;
    EXPECT_EQ(probe.arguments[0].name, "port") << probe.name;
    for (const auto& argument : probe.arguments) EXPECT_FALSE(argument.name.empty()) << probe.name;
  }
  EXPECT_GE(names.size(), 24U);
}

TEST(ProbeList, QueueAndIndexComeRightBehindThePort) {
  for (const trace::ProbeInfo& probe : trace::probe_list()) {
    for (std::size_t i = 0; i < probe.arguments.size(); ++i) {
      const std::string& name = probe.arguments[i].name;
      EXPECT_TRUE(name != "queue" || i == 1) << probe.name;
      EXPECT_TRUE(name != "slot" || i == 2) << probe.name;
      EXPECT_TRUE(name != "vector" || i == 1) << probe.name;
    }
  }
}

TEST(ProbeList, EachStartHasAnEndAboutTheSameThing) {
  std::map<std::string, trace::ProbeInfo> all;
  for (trace::ProbeInfo& probe : trace::probe_list()) all.emplace(probe.name, probe);
  std::size_t pairs = 0;
  for (const auto& [name, start] : all) {
    const auto at = name.rfind("__start");
    EXPECT_TRUE(name.rfind("__done") == std::string::npos ||
                all.count(name.substr(0, name.size() - 6) + "__start") == 1)
        << name;
    if (at == std::string::npos) continue;
    const auto done = all.find(name.substr(0, at) + "__done");
    ASSERT_NE(done, all.end()) << name;
    ++pairs;
    for (std::size_t i = 0; i < start.arguments.size(); ++i) {
      const std::string& argument = start.arguments[i].name;
      const bool key =
          argument == "port" || argument == "queue" || argument == "slot" || argument == "step";
      EXPECT_TRUE(!key || done->second.arguments.at(i).name == argument) << name;
    }
  }
  EXPECT_EQ(pairs, 5U);
}

TEST(Program, HeaderCommentIsReadAndTablesAreFilledIn) {
  const std::string source =
      "// SPDX-License-Identifier: Apache-2.0\n// name: what it shows\n// PURPOSE\n// Because.\n"
      "\nBEGIN\n{\n  // +names drop reply\n}\nEND\n{\n  // -names drop reply\n}\n";
  const trace::ToolText text = trace::tool_text(source);
  EXPECT_EQ(text.name, "name");
  EXPECT_EQ(text.summary, "what it shows");
  ASSERT_EQ(text.sections.size(), 2U);
  EXPECT_EQ(text.sections[1].title, "PURPOSE");
  const std::string program = trace::complete_program(source);
  EXPECT_NE(program.find("@drop_name[3] = \"queue reset\";"), std::string::npos);
  EXPECT_NE(program.find("@reply_to[0x11] = 0x10;"), std::string::npos);
  EXPECT_NE(program.find("clear(@drop_name);"), std::string::npos);
  EXPECT_EQ(trace::complete_program("BEGIN {}\n"), "");
}

TEST(Recording, EventsAreReadInTheirOrder) {
  const auto events = read_recording(
      "\n1 10 L 0 4\n2 12 W 0 1 5 3f 8000000000000001\n3 15 P 1 0 0 3e 4 3f\n3 end\n");
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 3U);
  EXPECT_EQ((*events)[1].queue, 1);
  EXPECT_EQ((*events)[1].slot, 0x3fU);
  EXPECT_EQ((*events)[1].word, 0x8000000000000001U);
  EXPECT_EQ((*events)[2].mask, 0x3fU);
  EXPECT_EQ((*events)[2].time_us, 15U);
}

TEST(Recording, EventsOfTwoProcessorsAreBroughtIntoTheirOrder) {
  const auto events = read_recording("2 7 Q 0 1\n1 5 Q 0 0\n2 end\n");
  ASSERT_TRUE(events);
  EXPECT_EQ((*events)[0].time_us, 5U);
  EXPECT_EQ((*events)[1].queue, 1);
}

TEST(Recording, LostEventsAndAMissingEndAreSeen) {
  EXPECT_EQ(read_recording("1 1 Q 0 0\n4 1 Q 0 0\n4 end\n").error(), "2 events of 4 were lost");
  EXPECT_EQ(read_recording("1 1 Q 0 0\n3 end\n").error(), "2 events of 3 were lost");
  EXPECT_NE(read_recording("1 1 Q 0 0\n").error().find("no end"), std::string::npos);
  EXPECT_EQ(read_recording("1 1 Z 0 0\n").error(), "line 1: no event");
  EXPECT_EQ(read_recording("1 1 P 0 0 0 0 0\n").error(), "line 1: no event");
}

TEST(Plot, CountsWhatCameBackAcrossAWrap) {
  // 63 of 64 slots are posted at once and come back in two parts.
  const auto picture = tools::plot_recording(
      "1 0 P 0 0 3 0 3f 3f\n2 5 C 0 0 3 0 20 3f\n3 9 C 0 0 3 20 1f 3f\n3 end\n");
  ASSERT_TRUE(picture);
  EXPECT_NE(picture->find("hni0 queue 0 HPQ, 64 descriptors: 1 posts came back"),
            std::string::npos);
  EXPECT_FALSE(tools::plot_recording("0 end\n"));
}

TEST(TraceOutput, TemplateArgumentsAreLeftOut) {
  EXPECT_EQ(tools::short_symbol("    hni::TxQueue<hni::A<int>, B>::poll(unsigned int)+12"),
            "    hni::TxQueue::poll+12");
}

TEST(TraceOutput, RegistersGetTheirNamesAndArraysAreSummedUp) {
  TraceOutput text(false, TraceOutput::Extra::kRegisters);
  EXPECT_EQ(text.line("@reads[0, 0, 0]: 3"), "");
  EXPECT_EQ(text.line("@reads[0, 0, 4]: 4"), "");
  EXPECT_EQ(text.line("@writes[1, 0, 1048584]: 5"), "");
  EXPECT_EQ(text.line("@writes[1, 0, 15728640]: 6"), "");
  EXPECT_EQ(text.end(),
            "@reads[0, INTR_STATUS]: 7\n@writes[1, BAR0+0xf00000]: 6\n"
            "@writes[1, QUEUE_TWQ0_TAIL[0]]: 5\n");
  TraceOutput json(true, TraceOutput::Extra::kRegisters);
  EXPECT_EQ(json.line(R"({"type": "map", "data": {"@reads": {"0,0,0": 3, "0,0,4": 4}}})"),
            "{\"type\":\"map\",\"data\":{\"@reads\":{\"0,INTR_STATUS\":7}}}\n");
}

TEST(TraceOutput, TopShowsByHowMuchACountGrew) {
  TraceOutput text(false, TraceOutput::Extra::kGrowth);
  EXPECT_EQ(text.line("@polls[0, 1]: 20"), "@polls[0, 1]: 20 +20\n");
  EXPECT_EQ(text.line("@polls[0, 1]: 50"), "@polls[0, 1]: 50 +30\n");
  EXPECT_EQ(text.line("hni trace top, 2 s"), "hni trace top, 2 s\n");
}

TEST(TraceOutput, NoiseIsDropped) {
  EXPECT_FALSE(
      TraceOutput::matters("open(/sys/kernel/tracing/uprobe_events): No such file or directory"));
  EXPECT_TRUE(TraceOutput::matters("Lost 17 events"));
  TraceOutput text(false);
  EXPECT_EQ(text.line(""), "");
  EXPECT_EQ(text.line("@x: 1"), "@x: 1\n");
}

}  // namespace
}  // namespace hni
