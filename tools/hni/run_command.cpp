// SPDX-License-Identifier: Apache-2.0
// `hni run`: the command line of the Runner.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/hni/commands.hpp"
#include "tools/hni/runner.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

constexpr std::uint32_t kEthernetHeader = 14;

void add_options(CLI::App& app, RunOptions& o) {
  app.add_option("--queues", o.testbed.queues, "queue pairs of each card, 1 to 128")
      ->capture_default_str();
  app.add_option("--ring", o.testbed.ring,
                 "descriptors of each transmit and completion ring, a power of two, 64 to 65536; "
                 "buffer rings have a quarter")
      ->capture_default_str();
  app.add_option("--mtu", o.testbed.mtu, "1280 to 9728 bytes")->capture_default_str();
  app.add_option(
      "--pcap", o.testbed.pcap,
      "record every frame on the cable into this file (-: standard output; all text then "
      "goes to standard error)");
  app.add_option("--duration", o.duration_s, "seconds; without it until Ctrl-C");
  app.add_option("--exec", o.exec,
                 "run this shell command while the ports are up and end with it; it finds "
                 "HNI_NETNS_A, HNI_NETNS_B, HNI_IPV4_A, ... in its environment");
  app.add_option("--name", o.name, "network namespaces NAME-a and NAME-b (default: hni-PID)");
  app.add_option("--tap", o.taps, "two TAP interfaces in this namespace instead")->expected(2);
  app.add_flag("!--no-offload", o.offload,
               "checksums and segmentation in the kernel, not in the card");
  app.add_flag("--split-headers", o.testbed.split_headers,
               "headers and payload in separate receive buffers");
  app.add_flag("--generator", o.generator, "a packet generator instead of network interfaces");
  app.add_option("--rate", o.rate, "generator: packets a second each way (default: no limit)");
  app.add_option("--packets", o.packets, "generator: end after so many packets each way");
  app.add_option("--shortest", o.shortest, "generator: shortest frame, bytes")
      ->capture_default_str();
  app.add_option("--longest", o.longest, "generator: longest frame, bytes (default: the MTU's)");
  app.add_option("--burst", o.burst, "generator: packets given to the driver at once, 1 to 32")
      ->capture_default_str();
  app.add_flag("--hold", o.hold,
               "touch no card before `hni port go`, so that tracers are there from the first "
               "register access on");
  app.add_option("--replay", o.replay, "send the frames of this capture file instead");
  app.add_flag("-j,--json", o.json, "JSON, one object a line");
  app.add_flag("-q,--quiet", o.quiet, "no live figures, only the summary");
}

tl::unexpected<Problem> usage(std::string text) {
  return problem(std::move(text), kExitUsage);
}

Outcome<> check(const RunOptions& o) {
  const std::uint32_t ring = o.testbed.ring;
  if (ring < kMinRingSize || ring > kMaxRingSize || (ring & (ring - 1)) != 0)
    return usage(fmt::format("--ring {}: the card has powers of two from 64 to 65536", ring));
  if (o.testbed.queues == 0 || o.testbed.queues > kMaxQueues)
    return usage(fmt::format("--queues {}: the card has 1 to 128 queue pairs", o.testbed.queues));
  if (o.testbed.mtu < 1280 || o.testbed.mtu > kMaxFrameBytes - kEthernetHeader)
    return usage(fmt::format("--mtu {}: the card carries 1280 to 9728", o.testbed.mtu));
  if (!(o.duration_s >= 0) || o.duration_s > 1e9) return usage("--duration must be >= 0 seconds");
  if (o.generator && !o.replay.empty())
    return usage("--generator and --replay exclude each other");
  if ((o.generator || !o.replay.empty()) && o.needs_interfaces())
    return usage("--exec, --tap and --name need network interfaces");
  if (o.burst == 0 || o.burst > GeneratorEndpoint::kMostAtOnce)
    return usage(fmt::format("--burst {}: 1 to 32 packets", o.burst));
  if (o.shortest < GeneratorEndpoint::kShortest || o.shortest > kMaxFrameBytes)
    return usage(fmt::format("--shortest {}: 60 to 9742 bytes", o.shortest));
  if (o.longest != 0 && (o.longest < o.shortest || o.longest > kMaxFrameBytes))
    return usage(fmt::format("--longest {}: must be from --shortest to 9742 bytes", o.longest));
  if (o.name.find_first_of("/ \t\n\r\v\f") != std::string::npos || o.name.size() > 200)
    return usage("--name must be a valid file name without spaces");
  return {};
}

/// Makes `pcap` the standard output of before, and standard error the output of everything else.
Outcome<> capture_to_standard_output(std::string& pcap) {
  if (::isatty(STDOUT_FILENO) == 1)
    return usage("--pcap -: standard output is a terminal: write into a file or a pipe");
  // A closed output was replaced by one that can only be read, see main.cpp.
  if ((::fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY)
    return problem("--pcap -: there is no standard output: write into a file");
  const int capture = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (capture < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    return problem(fmt::format("--pcap -: no standard output: {}", std::strerror(errno)));
  pcap = fmt::format("/dev/fd/{}", capture);
  return {};
}

}  // namespace

int run_command(int argc, char** argv) {
  RunOptions options;
  CLI::App app{
      "Two emulated cards with a cable between them, a driver on each, and a network interface on "
      "each driver, in a network namespace of its own. Without the privilege for these a packet "
      "generator takes their place.",
      "hni run"};
  add_options(app, options);
  if (const auto status = parse(app, "hni run", argc, argv)) return *status;
  if (const auto good = check(options); !good) return complain("hni run", good.error());
  if (options.testbed.pcap == "-") {
    const auto good = capture_to_standard_output(options.testbed.pcap);
    if (!good) return complain("hni run", good.error());
  }
  // With --exec the command's own output is shown instead of live figures.
  if (!options.exec.empty()) options.quiet = true;
  Runner runner(options);
  const auto status = runner.run();
  return status ? *status : complain("hni run", status.error());
}

}  // namespace hni::tools
