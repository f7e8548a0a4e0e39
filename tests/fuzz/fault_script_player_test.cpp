// SPDX-License-Identifier: Apache-2.0
// The card plays a fault script and the driver must refuse exactly the injected values, site by
// site.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "fuzz/fault/fault_script_player.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/sim_port.hpp"

namespace hni::fuzz {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

class FaultScriptPlayerTest : public testing::Test {
 protected:
  FaultScriptPlayerTest()
      : folder_(testing::TempDir() + "hni-faults-" + std::to_string(::getpid())),
        sim_(std::make_unique<SimPort>()) {
    std::filesystem::create_directories(folder_);
  }
  ~FaultScriptPlayerTest() override {
    sim_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string file(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string error_of(const std::string& path) {
    const auto player = FaultScriptPlayer::load(path, {});
    return player ? "none" : player.error();
  }

  /// Bring-up, then `rounds` of frames in both directions with this script. All packets and
  /// buffers must be returned.
  void play(const std::string& text, int rounds = 40) {
    auto player = FaultScriptPlayer::load(
        file("s.script", text), [&](const InjectedFault& lie) { traced_.push_back(lie); });
    ASSERT_TRUE(player.has_value()) << player.error();
    player_ = std::move(*player);
    sim_->card.card.set_interposer(player_.get());
    sim_->attach();
    sim_->port.start(sim_->now);
    (void)turn_until([&] { return sim_->port.link_up(); }, 20s);
    (void)sim_->port.filter().set_promiscuous(true);
    for (int round = 0; round < rounds; ++round) {
      sim_->inject(200);
      (void)sim_->send(300);
      const std::uint32_t before = received_;
      (void)turn_until(
          [&] {
            received_ += take();
            return received_ != before;
          },
          5ms);
    }
    (void)turn_until([] { return false; }, 30s);
    refused_.clear();
    for (const SiteInfo& site : kSites) {
      const std::uint64_t count = sim_->port.refused()[static_cast<std::size_t>(site.id)];
      if (count != 0) refused_[std::string(site.name)] = count;
    }
    EXPECT_TRUE(sim_->port.is_valid());
    sim_->port.detach(sim_->now);
    EXPECT_TRUE(turn_until([&] { return sim_->port.state() == PortState::kDetached; }, 60s));
    sim_->card.card.set_interposer(nullptr);
  }
  Counts faults() const {
    Counts counts;
    for (const FaultCount& count : player_->report().by_site)
      counts[std::string(count.site)] = count.faults;
    return counts;
  }

  std::string folder_;
  std::unique_ptr<SimPort> sim_;
  std::unique_ptr<FaultScriptPlayer> player_;
  std::vector<InjectedFault> traced_;
  Counts refused_;
  std::uint32_t received_ = 0;

 private:
  template <class Done>
  bool turn_until(Done&& done, Duration limit) {
    return sim_->run_until(
        [&] {
          player_->act(sim_->card.card, static_cast<std::uint64_t>(sim_->now.count()));
          return done();
        },
        limit);
  }
  /// Frames are not compared here: a fault that the driver cannot detect may corrupt them.
  std::uint32_t take() {
    std::array<Packet, 8> packets;
    if (sim_->port.queues() == 0) return 0;
    const std::uint32_t n = sim_->port.rx_burst(SimPort::kQueue, packets, sim_->now);
    for (std::uint32_t i = 0; i < n; ++i) sim_->port.release(packets[i]);
    return n;
  }
};

TEST_F(FaultScriptPlayerTest, TheDriverRefusesEachFaultInACompletionOnce) {
  for (const std::string lie : {"header_id", "header_length", "head"}) {
    sim_ = std::make_unique<SimPort>();
    traced_.clear();
    play("receive packets=3\n" + lie + " class=max random=0\n");
    EXPECT_EQ(1u, player_->report().faults) << lie;
    EXPECT_EQ(faults(), refused_) << lie;
    ASSERT_EQ(1u, traced_.size());
    EXPECT_EQ(2u, traced_[0].line);
    EXPECT_NE(traced_[0].honest, traced_[0].said);
  }
}

TEST_F(FaultScriptPlayerTest, FaultsAtSeveralSitesAreRefusedOnceEach) {
  std::string text;
  for (int i = 0; i < 3; ++i)
    text += "receive packets=2\nheader_length class=zero\nconfirm packets=1\n";
  text += "head class=max\nconfirm packets=2\nhead class=max\n";
  play(text, 200);
  EXPECT_EQ((Counts{{"rcd_header_length", 3}, {"tcd_head", 2}}), faults());
  EXPECT_EQ(faults(), refused_);
  const ScriptReport report = player_->report();
  EXPECT_EQ(report.operations, report.played);
  EXPECT_EQ(0u, report.given_up);
  EXPECT_EQ(0u, report.pending);
}

TEST_F(FaultScriptPlayerTest, ARepeatedCompletionIsIgnored) {
  play("receive packets=4\ntx_repeat times=2\n");
  EXPECT_EQ((Counts{{"tcq_word", 2}}), faults());
  EXPECT_TRUE(refused_.empty());
  EXPECT_EQ(40u, received_);
}

TEST_F(FaultScriptPlayerTest, AnInvalidSpeedOfTheFirmwareIsRefusedOnce) {
  play("fault site=fw_link_speed class_count=2\n", 1);
  EXPECT_EQ((Counts{{"fw_link_speed", 1}}), faults());
  EXPECT_EQ(faults(), refused_);
}

TEST_F(FaultScriptPlayerTest, AMessageLongerThanItsPageIsRefusedAtTheMailbox) {
  play("fault site=mailbox_length class_count=2\n", 1);
  EXPECT_EQ((Counts{{"mailbox_length", 1}}), faults());
  EXPECT_EQ(faults(), refused_);
}

TEST_F(FaultScriptPlayerTest, ARegisterIsKnownByItsAddress) {
  auto player =
      FaultScriptPlayer::load(file("r.script", "fault site=otp_status class_count=2\n"), {});
  ASSERT_TRUE(player.has_value());
  device::Card& card = sim_->card.card;
  card.set_interposer(player->get());
  EXPECT_EQ(0u, card.read(spec::INTR_STATUS::at(0)) & ~1u);
  EXPECT_EQ(1u, (*player)->report().pending);
  EXPECT_EQ(~0u, card.read(spec::NS_OTP_STATUS::at()));
  EXPECT_EQ(0u, card.read(spec::NS_OTP_STATUS::at()));
  EXPECT_EQ(0u, (*player)->report().pending);
  card.set_interposer(nullptr);
}

TEST_F(FaultScriptPlayerTest, AScriptWithoutFaultsChangesNothing) {
  play("receive packets=5\nheader\nmeta\nconfirm packets=3\n");
  EXPECT_EQ(0u, player_->report().faults);
  EXPECT_TRUE(refused_.empty());
  EXPECT_EQ(40u, received_);
}

TEST_F(FaultScriptPlayerTest, SurpriseRemovalIsDetectedByTheDriver) {
  play("start\nadvance unit=2 count=5\ngone on=1\n");
  EXPECT_EQ((Counts{{"presence", 1}}), refused_);
}

TEST_F(FaultScriptPlayerTest, AFirmwareRestartIsAppliedToTheCard) {
  play("start\nadvance unit=1 count=1\nfw_reboot\n");
  EXPECT_LE(1u, sim_->port.recoveries().firmware_crashes);
}

TEST_F(FaultScriptPlayerTest, AnUnfulfilledWaitEnds) {
  play("stamp class=max\nreceive packets=1\nheader_length class=max\n", 9000);
  EXPECT_EQ(1u, player_->report().given_up);
  EXPECT_EQ((Counts{{"rcd_header_length", 1}}), faults());
  EXPECT_EQ(faults(), refused_);
}

TEST_F(FaultScriptPlayerTest, DriverOperationsAreSkipped) {
  play("poll_rx budget=3\nrelease packets=1\nfresh value=0x1\nheader_length class=max\n");
  EXPECT_EQ(3u, player_->report().skipped);
  EXPECT_EQ(1u, player_->report().faults);
}

TEST_F(FaultScriptPlayerTest, EveryFileOfTheCorpusThatACardCanPlayIsRead) {
  std::size_t files = 0;
  for (const std::string target : {"port", "traffic", "rx", "tx"}) {
    for (const auto& entry : std::filesystem::directory_iterator(HNI_CORPUS "/" + target)) {
      EXPECT_EQ("none", error_of(entry.path().string()));
      ++files;
    }
  }
  EXPECT_LT(500u, files);
}

TEST_F(FaultScriptPlayerTest, AnInvalidFileIsRefusedWithItsNameAndTheRemedy) {
  EXPECT_EQ("'" + folder_ + "/none': No such file or directory", error_of(folder_ + "/none"));
  EXPECT_EQ("'" + folder_ + "': is a folder; name one file in it", error_of(folder_));
  const std::string loose = file("loose", "\1\2\3\4");
  EXPECT_EQ("'" + loose +
                "': its folder names no target whose scripts a card can play (port, traffic, rx, "
                "tx); take a file from corpus/port, or a text file named *.script",
            error_of(loose));
  EXPECT_NE(
      std::string::npos,
      error_of(file("a.script", "fault site=rcd_meta\nlies\n")).find("line 2: no operation"));
  EXPECT_EQ("'" + folder_ + "/empty.script': has no operation",
            error_of(file("empty.script", "# nothing\n")));
  const std::string longer = file("port/long", std::string(3000, '\0'));
  EXPECT_EQ("'" + longer +
                "': has 3000 bytes, a script of port at most 2048; `hni fuzz min` shortens one",
            error_of(longer));
}

/// Any bytes form a valid script, and none may crash driver or card.
TEST_F(FaultScriptPlayerTest, ARandomScriptDoesNotHarmTheCard) {
  std::uint32_t seed = 1;
  for (int turn = 0; turn < 12; ++turn) {
    std::string bytes(400, '\0');
    for (char& byte : bytes) {
      seed = seed * 1664525U + 1013904223U;
      byte = static_cast<char>(seed >> 24);
    }
    const std::string target = turn % 2 == 0 ? "port" : "traffic";
    std::string text;
    const OpList ops = find_target(target)->ops;
    text = script_to_text(
        decode_script({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, ops),
        ops);
    sim_ = std::make_unique<SimPort>();
    play(text, 60);
    sim_->card.card.reset(device::ResetKind::kPower);
  }
}

}  // namespace
}  // namespace hni::fuzz
