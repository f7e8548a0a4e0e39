// SPDX-License-Identifier: Apache-2.0
// Questions to a running lab, good ones and bad ones.

#include "tools/hni/control.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <thread>

#include "tools/hni/generator_endpoint.hpp"

namespace hni::tools {
namespace {

using namespace std::chrono_literals;

/// A lab that runs on the test's thread while clients of other threads ask.
class Control : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("hni-control-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    ::setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
    testbed_ = std::move(*Testbed::create({}));
    for (unsigned i = 0; i < 2; ++i)
      testbed_->side(i).set_end(
          std::make_unique<ReplayEnd>(testbed_->side(i).port(), std::nullopt));
    poller_.emplace(std::move(*Poller::create()));
    server_ = std::move(*ControlServer::create(*poller_, *testbed_));
    const Time begin = monotonic_now();
    ASSERT_TRUE(testbed_->start(begin).has_value());
    while (!testbed_->up() && monotonic_now() - begin < 20s) testbed_->turn(monotonic_now());
    ASSERT_TRUE(testbed_->up());
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// Serves until `client` is through.
  template <class Client>
  void serve(Client&& client) {
    std::atomic<bool> done{false};
    std::thread thread([&] {
      client();
      done = true;
    });
    while (!done) {
      const Time now = monotonic_now();
      testbed_->turn(now);
      for (const Poller::Event& event : poller_->wait(1ms)) server_->handle(event, now);
      server_->step(now);
    }
    thread.join();
  }
  Outcome<Json> answer_to(const Json& question) {
    Outcome<Json> result = problem("not asked");
    serve([&] { result = ask(server_->path(), question); });
    return result;
  }
  /// Sends raw bytes and returns what comes back.
  std::string raw_answer(const std::string& bytes) {
    std::string out;
    serve([&] {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, server_->path().c_str(), sizeof address.sun_path - 1);
      const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
      ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      (void)::shutdown(fd.get(), SHUT_WR);
      std::array<char, 4096> buffer;
      for (;;) {
        const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
        if (n <= 0) break;
        out.append(buffer.data(), static_cast<std::size_t>(n));
      }
    });
    return out;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Testbed> testbed_;
  std::optional<Poller> poller_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(Control, EveryVerbAnswersForBothPorts) {
  for (const char* verb : {"stats", "link", "rings", "fw", "list"}) {
    const auto answer = answer_to({{"verb", verb}});
    ASSERT_TRUE(answer.has_value()) << verb << ": " << answer.error().text;
    ASSERT_EQ((*answer)["ports"].size(), 2U) << verb;
    EXPECT_EQ((*answer)["ports"][1]["port"], "hni1") << verb;
  }
}

TEST_F(Control, ARunThatIsHeldAnswersOnlyThatUntilItMayGo) {
  testbed_->hold();
  EXPECT_EQ(answer_to({{"verb", "stats"}}).error().text,
            "the run is held: start it with `hni port go`");
  EXPECT_TRUE(answer_to({{"verb", "go"}}).has_value());
  EXPECT_FALSE(testbed_->held());
  EXPECT_TRUE(answer_to({{"verb", "stats"}}).has_value());
}

TEST_F(Control, FirmwareAnswerHasSensors) {
  const auto answer = answer_to({{"verb", "fw"}, {"port", "hni0"}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ((*answer)["ports"][0]["sensors"]["temperature_mdeg"], 30000);
  EXPECT_EQ((*answer)["ports"][0]["running"]["version"], "25.7.25.2");
}

TEST_F(Control, InjectNeedsAnExistingPortASiteAndANumber) {
  Json question = {
      {"verb", "inject"}, {"port", "hni1"}, {"site", "rcd_header_length"}, {"value", 0}};
  EXPECT_TRUE(answer_to(question).has_value());
  for (const auto& [key, bad] : {std::pair<const char*, Json>{"port", "hni7"},
                                 {"site", "rcd_header_size"},
                                 {"value", "1"},
                                 {"value", 0x100000000}}) {
    Json wrong = question;
    wrong[key] = bad;
    EXPECT_FALSE(answer_to(wrong).has_value()) << wrong;
  }
}

TEST_F(Control, RegistersAreReadThroughTheDriver) {
  const auto answer =
      answer_to({{"verb", "regs"}, {"port", "hni0"}, {"reads", {{0, 0x100000}, {0, 0x101000}}}});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ((*answer)["ports"][0]["values"], Json::array({2, 0}));
}

TEST_F(Control, UnknownPortAndVerbAreNamed) {
  EXPECT_EQ(answer_to({{"verb", "link"}, {"port", "eth0"}}).error().text,
            "unknown port 'eth0': there are hni0 and hni1");
  EXPECT_EQ(answer_to({{"verb", "fly"}}).error().text, "unknown verb 'fly'");
}

TEST_F(Control, NonsenseIsAnsweredWithAnError) {
  for (const std::string text :
       {"no json\n", "[1,2]\n", "\n", "{\"verb\":3}\n", "{\"verb\":\"regs\",\"reads\":7}\n",
        "{\"verb\":\"regs\",\"reads\":[[0,-4],[\"a\"],{}]}\n"}) {
    const Json answer = Json::parse(raw_answer(text), nullptr, false);
    ASSERT_TRUE(answer.is_object()) << text;
    EXPECT_TRUE(answer.contains("error") || answer.contains("ports")) << text;
  }
}

TEST_F(Control, HalfAQuestionIsDropped) {
  EXPECT_EQ(raw_answer("{\"verb\":"), "");
}

TEST_F(Control, EndlessQuestionIsDropped) {
  EXPECT_EQ(raw_answer(std::string(3 << 20, 'x')), "");
}

TEST_F(Control, SocketBelongsToItsOwnerAlone) {
  struct stat info {};
  ASSERT_EQ(::stat(server_->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(Control, SocketIsGoneWithTheServer) {
  const std::string path = server_->path();
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace hni::tools
