// SPDX-License-Identifier: Apache-2.0
// `hni attach`: the command line of the AttachRunner.

#include <fmt/format.h>

#include "tools/hni/attach_runner.hpp"
#include "tools/hni/commands.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

void add_options(CLI::App& app, AttachOptions& o) {
  auto* const card = app.add_option_group("the card");
  card->add_option("--socket", o.socket, "its vfio-user socket");
  card->add_option(
      "--vfio", o.vfio,
      "its PCI address on this machine (0000:01:00.0); the kernel's vfio-pci must have "
      "it, behind an IOMMU. Caution: what the card writes then goes into this "
      "process's memory");
  card->require_option(1);
  app.add_option("--tap", o.tap, "a TAP interface of this name on top");
  app.add_option("--frames", o.frames,
                 "send so many numbered frames and compare what comes back (a card on the wire "
                 "'loop' returns them)");
  app.add_option("--bytes", o.bytes, "length of these frames, 60 to 9742")->capture_default_str();
  app.add_option("--mtu", o.mtu, "1280 to 9728 bytes")->capture_default_str();
  app.add_option("--duration", o.duration_s, "seconds; without it until Ctrl-C");
  app.add_flag("--standby", o.standby,
               "attach and print 'ready'; SIGUSR1 starts the port, and the next one stops it");
  app.add_flag("-j,--json", o.json, "the figures as JSON");
}

Outcome<> check(const AttachOptions& o) {
  if (o.tap.empty() == (o.frames == 0)) return problem("either --tap or --frames", kExitUsage);
  if (o.bytes < 60 || o.bytes > kMaxFrameBytes)
    return problem(fmt::format("--bytes {}: 60 to {}", o.bytes, kMaxFrameBytes), kExitUsage);
  if (o.mtu < 1280 || o.mtu > kMaxFrameBytes - 14)
    return problem(fmt::format("--mtu {}: the card carries 1280 to 9728", o.mtu), kExitUsage);
  if (!(o.duration_s >= 0) || o.duration_s > 1e9)
    return problem("--duration must be >= 0 seconds", kExitUsage);
  return {};
}

}  // namespace

int attach_command(int argc, char** argv) {
  AttachOptions options;
  CLI::App app{
      "Our driver on a card in another process (`hni device`, or any vfio-user server), or on "
      "a card of this machine.",
      "hni attach"};
  add_options(app, options);
  if (const auto status = parse(app, "hni attach", argc, argv)) return *status;
  if (const auto good = check(options); !good) return complain("hni attach", good.error());
  const auto status = options.vfio.empty() ? AttachRunner<io::VfioUser>(options).run()
                                           : AttachRunner<io::Vfio>(options).run();
  return status ? *status : complain("hni attach", status.error());
}

}  // namespace hni::tools
