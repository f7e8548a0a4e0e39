// SPDX-License-Identifier: Apache-2.0
// Valid and invalid requests to a running testbed.

#include "tools/hni/control.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tools/hni/cleanup_process.hpp"
#include "tools/hni/generator_endpoint.hpp"
#include "tools/hni/printable.hpp"

namespace hni::tools {
namespace {

using namespace std::chrono_literals;

/// A testbed that runs on the test's thread while clients of other threads send requests.
class Control : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("hni-control-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    runtime_.emplace(std::move(*RuntimeFolder::open_in(folder_, RuntimeFolder::Create::kYes)));
    testbed_ = std::move(*Testbed::create({}));
    for (unsigned i = 0; i < 2; ++i)
      testbed_->side(i).set_end(
          std::make_unique<ReplayEnd>(testbed_->side(i).port(), std::nullopt));
    poller_.emplace(std::move(*Poller::create()));
    server_ = std::move(*ControlServer::create(*poller_, *testbed_, *runtime_));
    const Time begin = monotonic_now();
    ASSERT_TRUE(testbed_->start(begin).has_value());
    while (!testbed_->up() && monotonic_now() - begin < 20s) testbed_->turn(monotonic_now());
    ASSERT_TRUE(testbed_->up());
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  /// Serves requests until `client` returns.
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
    const auto parsed = parse_question(question.dump());
    if (!parsed) return problem(parsed.error());
    Outcome<Json> result = problem("not asked");
    serve([&] { result = ask(server_->path(), *parsed); });
    return result;
  }
  /// Sends raw bytes and returns the reply.
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

  /// An idle connection.
  Fd silent_client() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, server_->path().c_str(), sizeof address.sun_path - 1);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  void turn(Time now) {
    for (const Poller::Event& event : poller_->wait(Duration::zero())) server_->handle(event, now);
    server_->step(now);
  }

  std::filesystem::path folder_;
  std::optional<RuntimeFolder> runtime_;
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

TEST_F(Control, AHeldRunReportsOnlyThatUntilItContinues) {
  testbed_->hold();
  EXPECT_EQ(answer_to({{"verb", "stats"}}).error().text,
            "the run is held: start it with `hni port go`");
  EXPECT_TRUE(answer_to({{"verb", "go"}}).has_value());
  EXPECT_FALSE(testbed_->held());
  EXPECT_TRUE(answer_to({{"verb", "stats"}}).has_value());
}

TEST_F(Control, FirmwareResponseHasSensors) {
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

TEST_F(Control, UnknownPortAndVerbAreReported) {
  EXPECT_EQ(answer_to({{"verb", "link"}, {"port", "eth0"}}).error().text,
            "unknown port 'eth0': there are hni0 and hni1");
  EXPECT_EQ(answer_to({{"verb", "fly"}}).error().text, "unknown verb 'fly'");
}

TEST_F(Control, InvalidRequestsGetAnError) {
  for (const std::string text :
       {"no json\n", "[1,2]\n", "\n", "{\"verb\":3}\n", "{\"verb\":\"regs\",\"reads\":7}\n",
        "{\"verb\":\"regs\",\"reads\":[[0,-4],[\"a\"],{}]}\n"}) {
    const Json answer = Json::parse(raw_answer(text), nullptr, false);
    ASSERT_TRUE(answer.is_object()) << text;
    EXPECT_TRUE(answer.contains("error") || answer.contains("ports")) << text;
  }
}

TEST(ControlQuestion, CarriesTheCountOfAFault) {
  const Question question{"inject", "hni0", "rcq_word", 7, 3, {}};
  EXPECT_EQ(question, parse_question(question_text(question)));
  EXPECT_FALSE(parse_question(R"({"verb":"inject","count":-1})"));
  EXPECT_FALSE(parse_question(R"({"verb":"inject","count":"3"})"));
}

TEST_F(Control, AnIncompleteRequestIsDropped) {
  EXPECT_EQ(raw_answer("{\"verb\":"), "");
}

TEST_F(Control, AnEndlessRequestIsDropped) {
  EXPECT_EQ(raw_answer(std::string(3 << 20, 'x')), "");
}

TEST_F(Control, ATooDeeplyNestedRequestIsRefused) {
  for (const char* inner : {"[", "{\"a\":"}) {
    std::string deep;
    for (int n = 0; n < 50'000; ++n) deep += inner;
    EXPECT_EQ(Json::parse(raw_answer("{\"verb\":\"regs\",\"reads\":" + deep + "\n")),
              Json({{"error", "the request is nested too deep"}}));
  }
}

TEST_F(Control, SilentClientsDoNotHideARun) {
  std::vector<Fd> silent;
  for (int n = 0; n < 200; ++n) {
    silent.push_back(silent_client());
    turn(monotonic_now());
  }
  EXPECT_TRUE(answer_to({{"verb", "stats"}}).has_value());
}

TEST_F(Control, AnIdleClientIsClosedAfterTheTimeout) {
  const Fd silent = silent_client();
  const Time begin = monotonic_now();
  turn(begin);
  char byte = 0;
  EXPECT_EQ(::recv(silent.get(), &byte, 1, 0), -1);
  turn(begin + 11s);
  EXPECT_EQ(::recv(silent.get(), &byte, 1, 0), 0);
}

TEST_F(Control, WithoutDescriptorsAClientIsRefusedAndNothingSpins) {
  std::vector<Fd> clients;
  clients.push_back(silent_client());
  clients.push_back(silent_client());
  std::vector<Fd> all;
  for (;;) {
    Fd fd(::open("/dev/null", O_RDONLY));
    if (!fd) break;
    all.push_back(std::move(fd));
  }
  turn(monotonic_now());
  turn(monotonic_now());
  EXPECT_TRUE(poller_->wait(Duration::zero()).empty());
  all.clear();
  EXPECT_TRUE(answer_to({{"verb", "list"}}).has_value());
}

TEST(ControlClient, ASocketThatNeverAcceptsIsReportedInTime) {
  const std::string path = "/tmp/hni-full-" + std::to_string(::getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const Fd first(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(first.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const auto answer = ask(path, {"list", {}, {}, {}, {}, {}});
  ::unlink(path.c_str());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().text, path + ": Connection timed out");
}

/// Folders that another user may have prepared.
class Folder : public ::testing::Test {
 protected:
  Folder() {
    char name[] = "/tmp/hni-folder-test-XXXXXX";
    base_ = ::mkdtemp(name);
  }
  ~Folder() override { std::filesystem::remove_all(base_); }
  [[nodiscard]] std::string why_not(
      RuntimeFolder::Create create = RuntimeFolder::Create::kYes) const {
    const auto folder = RuntimeFolder::open_in(base_, create);
    return folder ? "" : folder.error().text;
  }
  std::string base_;
};

TEST_F(Folder, IsPrivateToItsOwner) {
  EXPECT_NE(why_not(RuntimeFolder::Create::kNo), "");
  ASSERT_EQ(why_not(), "");
  struct stat info {};
  ASSERT_EQ(::stat((base_ + "/hni").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
}

TEST_F(Folder, ABaseThatOthersCanWriteIsRefused) {
  ASSERT_EQ(::chmod(base_.c_str(), 01777), 0);
  EXPECT_EQ(why_not(), "'" + base_ + "' can be written by other users: use a folder of your own");
}

TEST_F(Folder, ALinkOrAFileAtItsPathIsRefused) {
  std::filesystem::create_symlink("/root", base_ + "/hni");
  EXPECT_EQ(why_not(), "'" + base_ + "/hni' is not a folder: remove it");
}

TEST_F(Folder, AnotherModeOrOwnerIsRefused) {
  ASSERT_EQ(::mkdir((base_ + "/hni").c_str(), 0755), 0);
  EXPECT_NE(why_not().find("with mode 755: remove it"), std::string::npos);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chmod((base_ + "/hni").c_str(), 0700), 0);
  ASSERT_EQ(::chown((base_ + "/hni").c_str(), 65534, 65534), 0);
  EXPECT_NE(why_not().find("belongs to user 65534"), std::string::npos);
}

TEST_F(Folder, AReadOnlyBaseIsReportedAsThat) {
  EXPECT_EQ(RuntimeFolder::open_in("/proc", RuntimeFolder::Create::kYes).error().text,
            "'/proc/hni': No such file or directory");
  EXPECT_EQ(RuntimeFolder::open_in(base_ + "/none", RuntimeFolder::Create::kYes).error().text,
            "'" + base_ + "/none': No such file or directory");
}

TEST_F(Folder, ASweepRemovesOnlyObjectsOfDeadProcesses) {
  const auto folder = RuntimeFolder::open_in(base_, RuntimeFolder::Create::kYes);
  ASSERT_TRUE(folder);
  const std::string path = base_ + "/hni/";
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(path + name) << text;
  };
  write("1.run", "file 1.sock\nfile ../outside\nnetns ../../x 5\nnonsense\nfile kept");
  write("1.sock", "");
  write("kept", "");  // the last line is incomplete
  write("2.run.new", "");
  std::ofstream(base_ + "/outside") << "";
  const auto living = RunRecord::create(*folder);
  ASSERT_TRUE(living);
  living->add("file living.sock");
  write("living.sock", "");
  RunRecord::sweep(*folder);
  const auto exists = [](const std::string& file) { return std::filesystem::exists(file); };
  EXPECT_FALSE(exists(path + "1.run"));
  EXPECT_FALSE(exists(path + "1.sock"));
  EXPECT_FALSE(exists(path + "2.run.new"));
  EXPECT_TRUE(exists(path + "kept"));
  EXPECT_TRUE(exists(base_ + "/outside"));
  EXPECT_TRUE(exists(path + "living.sock"));
  EXPECT_TRUE(exists(path + living->name()));
}

TEST(Printable, ControlCharactersAndBrokenUtf8AreEscaped) {
  EXPECT_EQ(printable("plain \xc3\xa4 text"), "plain \xc3\xa4 text");
  EXPECT_EQ(printable("\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
  EXPECT_EQ(printable("a\nb\x7f"), "a\\x0ab\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
}

TEST_F(Control, SocketIsPrivateToItsOwner) {
  struct stat info {};
  ASSERT_EQ(::stat(server_->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(Control, SocketIsRemovedWithTheServer) {
  const std::string path = server_->path();
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace hni::tools
