// SPDX-License-Identifier: Apache-2.0
// `hni device`: the command line of the DeviceRunner.

#include <fmt/format.h>

#include "fuzz/fault/fault_script_player.hpp"
#include "tools/hni/card_processes.hpp"
#include "tools/hni/commands.hpp"
#include "tools/hni/device_runner.hpp"
#include "tools/hni/sandbox.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

void add_options(CLI::App& app, DeviceOptions& o, std::vector<std::string>& vhost) {
  app.add_option(
      "--socket", o.sockets,
      "serve a card here, by vfio-user (QEMU, `hni attach`); may be given several times");
  app.add_option("--vhost-user", vhost,
                 "serve a card here, by vhost-user, as a PCI device of User Mode Linux "
                 "(virtio_uml.device=PATH:ID); counts as a --socket after all others");
  app.add_option("--wire", o.wires,
                 "what the card's port is plugged into: tap:NAME, cable:PATH (two cards with the "
                 "same PATH, in one process or in two), pcap:IN,OUT or loop; one for each "
                 "--socket")
      ->required();
  app.add_option("--mac", o.macs,
                 "the card's address, one for each --socket (default: 02:00:00:00:00:01 and on)");
  app.add_option("--vectors", o.vectors, "MSI-X vectors of each card, 1 to 256")
      ->capture_default_str();
  app.add_option("--firmware", o.firmwares,
                 "unix:PATH: another process is the card's firmware and listens there, in the "
                 "protocol of Meta's mock firmware; one for each --socket, 'own' for the card's "
                 "own");
  app.add_option("--firmware-delay", o.firmware_delay_us,
                 "microseconds that each card's own firmware takes for an answer")
      ->capture_default_str();
  app.add_option("--script", o.scripts,
                 "a hostile script of the fuzz corpus (of port, traffic, rx or tx), or a text "
                 "file named *.script: the card injects these faults; one for each "
                 "--socket, 'none' for a card without faults");
  app.add_option("--record", o.records,
                 "write each register access of the card's driver into this file; SIGUSR2 writes "
                 "a line `mark` between; one for each --socket, 'none' for no file");
  app.add_option("--replay-after", o.replay_after_s,
                 "seconds from the driver's receiver to the first frame of a capture (default: "
                 "when the driver's receive filter is on)");
  app.add_option("--duration", o.duration_s, "seconds; without it until Ctrl-C");
  app.add_flag("--shared", o.shared,
               "all cards in one process: a client that hurts it hurts them all");
  app.add_option("--user", o.user,
                 "become this user once sockets, wires and files are open; it owns the sockets");
  app.add_flag("!--no-sandbox", o.sandbox,
               "for debugging: keep capabilities and all system calls");
  app.add_flag("-j,--json", o.json, "JSON, one object a line");
  app.add_flag("-q,--quiet", o.quiet, "only the summary");
}

Outcome<> check(const DeviceOptions& o) {
  if (o.sockets.empty())
    return problem("no card: --socket PATH or --vhost-user PATH is needed", kExitUsage);
  if (o.wires.size() != o.sockets.size())
    return problem(fmt::format("{} --socket and {} --wire: each card needs one of both",
                               o.sockets.size(), o.wires.size()),
                   kExitUsage);
  if (!o.macs.empty() && o.macs.size() != o.sockets.size())
    return problem("--mac: none, or one for each --socket", kExitUsage);
  if (!o.firmwares.empty() && o.firmwares.size() != o.sockets.size())
    return problem("--firmware: none, or one for each --socket ('own' for the card's own)",
                   kExitUsage);
  for (const std::string& firmware : o.firmwares) {
    if (firmware != "own" && !firmware.starts_with("unix:"))
      return problem(fmt::format("--firmware '{}': unix:PATH, or own", firmware), kExitUsage);
  }
  if (!o.scripts.empty() && o.scripts.size() != o.sockets.size())
    return problem("--script: none, or one for each --socket ('none' for a card without faults)",
                   kExitUsage);
  if (!o.records.empty() && o.records.size() != o.sockets.size())
    return problem("--record: none, or one for each --socket ('none' for no file)", kExitUsage);
  if (o.vectors == 0 || o.vectors > 256)
    return problem(fmt::format("--vectors {}: 1 to 256", o.vectors), kExitUsage);
  if (o.firmware_delay_us > 10'000'000)
    return problem("--firmware-delay: microseconds, at most ten seconds", kExitUsage);
  if (!(o.duration_s >= 0) || o.duration_s > 1e9)
    return problem("--duration: seconds, not less than 0", kExitUsage);
  if (o.replay_after_s > 1e9 || o.replay_after_s != o.replay_after_s)
    return problem("--replay-after: seconds, not less than 0", kExitUsage);
  if (!o.user.empty() && !o.sandbox)
    return problem("--user and --no-sandbox exclude each other", kExitUsage);
  if (!o.user.empty()) {
    if (const auto ids = find_user(o.user); !ids) return tl::unexpected(ids.error());
  }
  return {};
}

}  // namespace

int device_command(int argc, char** argv) {
  DeviceOptions options;
  CLI::App app{
      "Emulated cards, each behind a socket: for a virtual machine (QEMU's vfio-user-pci), for "
      "`hni attach`, or for User Mode Linux. Clients come and go, and each card has a process of "
      "its own; SIGUSR1 prints what was seen so "
      "far, Ctrl-C ends it.",
      "hni device"};
  std::vector<std::string> vhost;
  add_options(app, options, vhost);
  if (const auto status = parse(app, "hni device", argc, argv)) return *status;
  options.first_vhost = options.sockets.size();
  options.sockets.insert(options.sockets.end(), vhost.begin(), vhost.end());
  if (const auto good = check(options); !good) return complain("hni device", good.error());
  const bool alone = options.shared || options.sockets.size() == 1;
  const auto status = alone ? DeviceRunner(options, fuzz::FaultScriptPlayer::load).run()
                            : CardProcesses(options, fuzz::FaultScriptPlayer::load).run();
  // The process of the card has already reported why it could not start.
  if (!status && status.error().text.empty()) return status.error().status;
  return status ? *status : complain("hni device", status.error());
}

}  // namespace hni::tools
