// SPDX-License-Identifier: Apache-2.0
// The parts of tracing that need no kernel: the probe list, recordings, and the rewriting of
// bpftrace's output.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tools/hni/trace_output.hpp"
#include "trace/probe_list.hpp"
#include "trace/program.hpp"
#include "trace/recording.hpp"
#include "trace/recording_perfetto.hpp"
#include "trace/recording_plot.hpp"

namespace hni {
namespace {

using tools::LiveScreen;
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

TEST(ProbeList, QueueAndIndexFollowThePort) {
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

TEST(Recording, EventsAreReadInOrder) {
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

TEST(Recording, EventsOfTwoProcessorsAreSorted) {
  const auto events = read_recording("2 7 Q 0 1\n1 5 Q 0 0\n2 end\n");
  ASSERT_TRUE(events);
  EXPECT_EQ((*events)[0].time_us, 5U);
  EXPECT_EQ((*events)[1].queue, 1);
}

TEST(Recording, LostEventsAndAMissingEndAreDetected) {
  EXPECT_EQ(read_recording("1 1 Q 0 0\n4 1 Q 0 0\n4 end\n").error(), "2 events of 4 were lost");
  EXPECT_EQ(read_recording("1 1 Q 0 0\n3 end\n").error(), "2 events of 3 were lost");
  EXPECT_NE(read_recording("1 1 Q 0 0\n").error().find("no end"), std::string::npos);
  EXPECT_EQ(read_recording("1 1 Z 0 0\n").error(), "line 1: no event");
  EXPECT_EQ(read_recording("1 1 P 0 0 0 0 0\n").error(), "line 1: no event");
  EXPECT_EQ(read_recording("1 1 Q 0 0\n2 1 Q 0 0\n1 end\n").error(),
            "the end reports 1 events, but there are 2");
  EXPECT_EQ(read_recording("1 1 Q 0 0\n1 1 Q 0 0\n2 end\n").error(),
            "line 2: event 1 for the second time");
}

TEST(Recording, ImpossibleEventsAreRefused) {
  for (const char* line :
       {"1 5 R 0 0 ffffffff ffffffff", "1 1 P 0 0 0 0 41 3f", "1 1 P 0 0 0 40 1 3f",
        "1 1 P 0 0 0 0 1 3e", "1 1 P 0 0 9 0 1 3f", "1 1 P 0 128 0 0 1 3f",
        "1 1 C 0 0 0 0 1 1ffff", "1 1 P 256 0 0 0 1 3f"})
    EXPECT_EQ(read_recording(std::string(line) + "\n1 end\n").error(), "line 1: no event") << line;
  EXPECT_EQ(read_recording(std::string(100'000'000, '\0')).error(), "line 1: no event");
}

TEST(Recording, IsReadInBoundedMemoryWithAnyEventMissing) {
  // Event 1 is missing: nothing can be delivered, and the number of buffered events is bounded.
  std::string text;
  for (int n = 2; n < 600'000; ++n) text += std::to_string(n) + " 5 Q 0 0\n";
  EXPECT_EQ(read_recording(text + "599999 end\n").error(), "1 events of 599999 were lost");
}

tl::expected<std::string, std::string> plot(const std::string& text) {
  std::istringstream in(text);
  return trace::plot_recording(in);
}
::testing::AssertionResult has(const std::string& page, const std::string& words) {
  if (page.find(words) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no '" << words << "' in " << page;
}

TEST(Plot, CountsReturnedSlotsAcrossAWrap) {
  // 63 of 64 slots are posted at once and returned in two parts.
  const auto page =
      plot("1 0 P 0 0 3 0 3f 3f\n2 5 C 0 0 3 0 20 3f\n3 9 C 0 0 3 20 1f 3f\n3 end\n");
  ASSERT_TRUE(page);
  EXPECT_TRUE(has(*page, "hni0 queue 0 HPQ, 64 descriptors"));
  EXPECT_TRUE(has(*page, "1 post came back: half within 9 us"));
  EXPECT_FALSE(plot("0 end\n"));
}

TEST(Plot, TimesMayDecreaseAndJumpFarAhead) {
  // Regression inputs: each once caused a write outside an array or a wrong count.
  const auto far = plot(
      "1 0 P 0 0 0 0 4 3f\n2 9000000000000 P 0 0 0 4 4 3f\n"
      "3 10 C 0 0 0 0 4 3f\n3 end\n");
  ASSERT_TRUE(far);
  EXPECT_TRUE(has(*far, "1 post came back: half within 10 us"));
  const auto before = plot(
      "1 100000 P 0 0 0 0 4 3f\n2 5 P 0 0 0 4 4 3f\n"
      "3 200000 C 0 0 0 0 4 3f\n3 end\n");
  ASSERT_TRUE(before);
  EXPECT_TRUE(has(*before, "1 post came back"));
  const auto near = plot(
      "1 0 P 0 0 0 0 4 3f\n2 300000 P 0 0 0 4 4 3f\n3 300000 C 0 0 0 0 8 3f\n"
      "4 100000 C 0 0 0 0 4 3f\n4 end\n");
  ASSERT_TRUE(near);
  EXPECT_TRUE(has(*near, "2 posts came back"));
  const auto back =
      plot("1 0 P 0 0 0 0 4 3f\n2 1000 C 0 0 0 0 4 3f\n3 999 C 0 0 0 4 4 3f\n3 end\n");
  ASSERT_TRUE(back);
  EXPECT_TRUE(has(*back, "1 post came back: half within 992 us"));  // to 1 in 16
  const auto last = plot("1 18446744073709551615 P 0 0 0 0 4 3f\n2 0 C 0 0 0 0 4 3f\n2 end\n");
  ASSERT_TRUE(last);
  EXPECT_TRUE(has(*last, "1 post came back: half within 0 us"));
}

TEST(Plot, ShowsEventsAndDistinguishesIdleFromEmpty) {
  const auto page = plot(
      "1 0 L 0 4\n2 100 P 0 0 0 0 40 3f\n3 900 X 0 3 ff\n4 950 U 0 0 0\n"
      "5 960 Q 0 0\n6 2000 D 0 0 3\n6 end\n");
  ASSERT_TRUE(page);
  EXPECT_TRUE(has(*page, "nothing recorded yet"));
  EXPECT_TRUE(has(*page, "64 to 64 of 64, idle"));
  EXPECT_TRUE(has(*page, "0 to 0 of 64, idle"));
  EXPECT_TRUE(has(*page, "900 us: refused: "));
  EXPECT_TRUE(has(*page, "950 us: link down"));
  EXPECT_TRUE(has(*page, "960 us: reset of queue 0"));
  EXPECT_TRUE(has(*page, "2.0 ms: packet dropped on queue 0: queue reset"));
  EXPECT_TRUE(has(*page, "Nothing came back"));
}

TEST(Plot, DurationsHaveReadableUnits) {
  EXPECT_EQ(trace::duration_text(999), "999 us");
  EXPECT_EQ(trace::duration_text(1500), "1.5 ms");
  EXPECT_EQ(trace::duration_text(32768), "33 ms");
  EXPECT_EQ(trace::duration_text(4'194'304), "4.19 s");
}

TEST(Perfetto, SlicesCountersAndInstantsAreValidTraceEvents) {
  std::istringstream in(
      "1 0 L 0 4\n2 10 P 0 1 0 0 4 3f\n3 20 W 0 1 2 0 8000000000000004\n"
      "4 22 C 0 1 0 0 4 3f\n5 25 T 0 1 40 1\n6 30 P 0 1 3 0 8 3f\n7 40 Q 0 1\n8 50 U 0 0 0\n8 "
      "end\n");
  std::ostringstream out;
  ASSERT_EQ(trace::write_perfetto(in, out), "");
  const auto root = nlohmann::json::parse(out.str());
  std::map<std::string, int> phases;
  std::map<std::string, int> open;
  std::map<int, std::set<std::string>> names;  // of the tracks, before their first event
  std::map<std::string, std::vector<std::pair<int, int>>> counters;
  std::vector<std::string> instants;
  for (const auto& event : root.at("traceEvents")) {
    const auto phase = event.at("ph").get<std::string>();
    ++phases[phase];
    ASSERT_TRUE(event.contains("pid"));
    ASSERT_TRUE(event.at("name").is_string());
    ASSERT_TRUE(phase == "M" || event.at("ts").is_number());
    ASSERT_TRUE(phase == "C" || event.at("tid").is_number());
    const int track = phase == "C" ? -1 : event.at("tid").get<int>();
    if (phase == "M") {
      names[track].insert(event.at("args").at("name").get<std::string>());
    } else if (phase == "C") {
      EXPECT_EQ(event.at("args").size(), 1U);
      counters[event.at("name").get<std::string>()].emplace_back(
          event.at("ts").get<int>(), event.at("args").at("with device").get<int>());
    } else {
      EXPECT_TRUE(names.contains(track)) << "an event on a track without a name: " << event;
    }
    if (phase == "i") instants.push_back(event.at("name").get<std::string>());
    if (phase == "X") {
      EXPECT_EQ(event.at("name"), "transmit poll");
      EXPECT_EQ(event.at("ts"), 20);
      EXPECT_EQ(event.at("dur"), 5);
    }
    if (phase == "b") ++open[event.at("id").get<std::string>()];
    if (phase == "e") --open[event.at("id").get<std::string>()];
  }
  EXPECT_EQ(phases["X"], 1);
  EXPECT_EQ(phases["C"], 5);  // two posts, a return, and resets of two rings
  EXPECT_EQ(phases["i"], 3);
  EXPECT_EQ(open.size(), 2U);
  for (const auto& [id, depth] : open) EXPECT_EQ(depth, 0) << id;
  EXPECT_EQ(names,
            (std::map<int, std::set<std::string>>{
                {0, {"hni0", "port"}}, {3, {"queue 1 receive"}}, {4, {"queue 1 transmit"}}}));
  using Samples = std::vector<std::pair<int, int>>;  // time, descriptors that the device owns
  EXPECT_EQ(counters["queue 1 TWQ0"], (Samples{{10, 4}, {22, 0}, {40, 0}}));
  EXPECT_EQ(counters["queue 1 HPQ"], (Samples{{30, 8}, {40, 0}}));
  EXPECT_EQ(counters.size(), 2U);
  EXPECT_EQ(instants.size(), 3U);
}

TEST(Perfetto, ABrokenRecordingIsReported) {
  std::istringstream in("1 0 L 0 4\n");
  std::ostringstream out;
  EXPECT_NE(trace::write_perfetto(in, out).find("no end"), std::string::npos);
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

TEST(TraceOutput, TopIsATableOfRatesAndThenOfSums) {
  TraceOutput text(false, TraceOutput::Extra::kTop);
  EXPECT_EQ(text.line("hni trace top, 1 s"), "");
  for (const char* line : {"@rx_polls[0, 0]: 5", "@rx_packets[0, 0]: 20", "@rx_polls[1, 3]: 7",
                           "@rx_packets[1, 3]: 900", "@drops[1, queue reset]: 2"})
    EXPECT_EQ(text.line(line), "");
  const std::string first = text.line("hni trace top, 2 s");
  EXPECT_LT(first.find("hni1       3          900           7"),
            first.find("hni0       0           20"));
  EXPECT_NE(first.find("hni1             2/s drops: queue reset"), std::string::npos) << first;
  EXPECT_EQ(text.line("@rx_packets[0, 0]: 1520"), "");
  EXPECT_NE(text.line("hni trace top, 3 s").find("hni0       0        1.5 k"), std::string::npos);
  const std::string last = text.end();
  EXPECT_NE(last.find("hni0       0         1520"), std::string::npos) << last;
  EXPECT_NE(last.find("hni1             2 drops: queue reset"), std::string::npos) << last;
}

TEST(TraceOutput, OnATerminalATableOverwritesThePreviousOne) {
  TraceOutput text(false, TraceOutput::Extra::kTop, LiveScreen(80));
  (void)text.line("hni trace top, 1 s");
  (void)text.line("@rx_polls[0, 0]: 5");
  EXPECT_FALSE(text.line("hni trace top, 2 s").starts_with("\033"));
  EXPECT_TRUE(text.line("hni trace top, 3 s").starts_with("\033[3A\033[J"));
}

TEST(TraceOutput, ExternalTextIsEscaped) {
  TraceOutput text(false);
  EXPECT_EQ(text.line("hni0 firmware: \x1b]0;x\x07"), "hni0 firmware: \\x1b]0;x\\x07\n");
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
