// SPDX-License-Identifier: Apache-2.0
// Log output to a slow reader, to no reader, and to a full disk.
#include "tools/hni/log_queue.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <string>

namespace hni::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(0, ::pipe2(ends.data(), O_CLOEXEC));
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  /// Reads all bytes that are in the pipe now.
  std::string take() const {
    (void)::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    std::string all;
    std::array<char, 4096> bytes;
    for (ssize_t n = 0; (n = ::read(reader.get(), bytes.data(), bytes.size())) > 0;)
      all.append(bytes.data(), static_cast<std::size_t>(n));
    return all;
  }
  Fd reader;
  Fd writer;
};

const std::string kLine = std::string(99, 'x') + "\n";

TEST(LogQueue, WritesWhatWasPrintedInOrder) {
  const Pipe pipe;
  LogQueue log(pipe.writer.get());
  EXPECT_TRUE(log.print("one\n"));
  EXPECT_TRUE(log.print("two\nthree\n"));
  EXPECT_TRUE(log.waiting());
  EXPECT_TRUE(log.flush());
  EXPECT_FALSE(log.waiting());
  EXPECT_EQ("one\ntwo\nthree\n", pipe.take());
  EXPECT_TRUE(log.finish(milliseconds(0)));
}

TEST(LogQueue, AFullPipeDropsLinesWithoutBlocking) {
  const Pipe pipe;
  LogQueue log(pipe.writer.get(), 1000);
  std::uint64_t printed = 0;
  for (int i = 0; i < 2000; ++i) {
    if (log.print(kLine)) ++printed;
    (void)log.flush();
  }
  EXPECT_EQ(2000 - printed, log.dropped());
  EXPECT_LT(printed, 700u);  // 64 KiB in the pipe, 1000 bytes in the queue
  EXPECT_TRUE(log.waiting());
  // Once the reader resumes, it gets the queued lines, then the number of lost lines, then new
  // lines.
  std::string all = pipe.take();
  EXPECT_TRUE(log.flush());
  EXPECT_TRUE(log.print("last\n"));
  EXPECT_TRUE(log.flush());
  all += pipe.take();
  std::string expected;
  for (std::uint64_t i = 0; i < printed; ++i) expected += kLine;
  expected +=
      "(" + std::to_string(2000 - printed) + " lines dropped: the reader is too slow)\nlast\n";
  EXPECT_EQ(expected, all);
  EXPECT_FALSE(log.finish(milliseconds(0)));  // some lines were lost
}

TEST(LogQueue, TheFlagsOfASharedDescriptorStay) {
  const Pipe pipe;
  const int before = ::fcntl(pipe.writer.get(), F_GETFL);
  LogQueue log(pipe.writer.get());
  (void)log.print(kLine);
  (void)log.flush();
  EXPECT_EQ(before, ::fcntl(pipe.writer.get(), F_GETFL));
  EXPECT_EQ(0, before & O_NONBLOCK);
}

TEST(LogQueue, AClosedReaderEndsTheOutputWithAnError) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  LogQueue log(pipe.writer.get());
  pipe.reader.reset();
  EXPECT_TRUE(log.print("one\ntwo\n"));
  (void)log.flush();
  EXPECT_EQ(EPIPE, log.error());
  EXPECT_EQ(2u, log.dropped());
  EXPECT_FALSE(log.print("three\n"));
  EXPECT_EQ(3u, log.dropped());
  EXPECT_FALSE(log.waiting());
  EXPECT_FALSE(log.finish(seconds(100)));  // at once
}

TEST(LogQueue, AFullDiskIsAnError) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  LogQueue log(full.get());
  EXPECT_TRUE(log.print(kLine));
  (void)log.flush();
  EXPECT_EQ(ENOSPC, log.error());
  EXPECT_EQ(1u, log.dropped());
}

TEST(LogQueue, AClosedDescriptorIsAnError) {
  LogQueue log(-1);
  EXPECT_FALSE(log.print(kLine));
  EXPECT_EQ(EBADF, log.error());
}

TEST(LogQueue, ASocketIsNotWaitedFor) {
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  LogQueue log(writer.get(), 1000);
  for (int i = 0; i < 10000; ++i) {
    (void)log.print(kLine);
    (void)log.flush();
  }
  EXPECT_TRUE(log.waiting());
  EXPECT_NE(0u, log.dropped());
  EXPECT_EQ(0, log.error());
}

TEST(LogQueue, AFileAcceptsEverything) {
  const Fd file(::memfd_create("log", MFD_CLOEXEC));
  ASSERT_EQ(4, ::write(file.get(), "head", 4));
  LogQueue log(file.get(), 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(log.print(kLine));
  EXPECT_TRUE(log.finish(milliseconds(0)));
  struct stat about {};
  ASSERT_EQ(0, ::fstat(file.get(), &about));
  EXPECT_EQ(4 + 1000 * 100, about.st_size);
  EXPECT_FALSE(log.pollable());
}

TEST(LogQueue, FinishGivesUpOnAReaderThatNeverReads) {
  const Pipe pipe;
  LogQueue log(pipe.writer.get(), 100'000);
  for (int i = 0; i < 900; ++i) EXPECT_TRUE(log.print(kLine));
  EXPECT_FALSE(log.finish(milliseconds(1)));
  EXPECT_EQ(ETIMEDOUT, log.error());
  // All lines in the pipe are complete except for one.
  EXPECT_NEAR(static_cast<double>(900 - log.dropped()), 65536.0 / 100, 1.0);
}

TEST(LogQueue, ADescriptorThatCannotBeReopenedIsPolledFirst) {
  // If the file that /proc/self/fd refers to cannot be reopened, poll() alone must decide.
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::pipe2(ends.data(), O_CLOEXEC));
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  ASSERT_EQ(0, ::fchmod(writer.get(), 0));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(3);
    LogQueue log(writer.get(), 1000);
    for (int i = 0; i < 2000; ++i) {
      (void)log.print(kLine);
      (void)log.flush();
    }
    ::_exit(log.dropped() != 0 && log.error() == 0 && log.fd() == writer.get() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST(LineRate, ABurstThenOnePerPeriod) {
  LineRate rate(3, seconds(1));
  Time now = seconds(50);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.allow(now));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(rate.allow(now));
  now += milliseconds(999);
  EXPECT_FALSE(rate.allow(now));
  now += milliseconds(1);
  EXPECT_TRUE(rate.allow(now));
  EXPECT_EQ(101u, rate.take_suppressed());
  EXPECT_EQ(0u, rate.take_suppressed());
  EXPECT_FALSE(rate.allow(now));
  // After a long pause the burst allowance is restored, but does not exceed its maximum.
  now += seconds(1000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.allow(now));
  EXPECT_FALSE(rate.allow(now));
}

}  // namespace
}  // namespace hni::tools
