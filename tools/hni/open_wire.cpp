// SPDX-License-Identifier: Apache-2.0
// What --wire names.

#include <fmt/format.h>

#include "device/wire/cable.hpp"
#include "device/wire/pcap.hpp"
#include "device/wire/socket_cable.hpp"
#include "device/wire/tap.hpp"
#include "tools/hni/device_runner.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

Outcome<OpenWire> open_tap(const std::string& name) {
  auto device = device::TapDevice::open(name);
  if (!device) return problem("--wire: " + device.error().text);
  if (!device->set_mtu(device::kMaxFrameBytes - device::kEthernetHeaderBytes) ||
      !device->set_up(true)) {
    return system_problem("--wire: TAP interface '" + name + "'");
  }
  OpenWire open;
  open.fd = device->fd();
  open.wire = std::make_unique<device::TapWire>(std::move(*device));
  return open;
}

Outcome<OpenWire> open_pcap(const std::string& files) {
  const std::size_t comma = files.find(',');
  const std::string in = files.substr(0, comma);
  const std::string out = comma == std::string::npos ? "" : files.substr(comma + 1);
  if (in.empty() && out.empty())
    return problem("--wire pcap:IN,OUT: at least one file", kExitUsage);
  std::optional<device::PcapReader> reader;
  std::optional<device::PcapWriter> writer;
  if (!in.empty()) {
    auto opened = device::PcapReader::open(in);
    if (!opened) return problem("--wire: " + opened.error().text);
    reader.emplace(std::move(*opened));
  }
  if (!out.empty()) {
    auto opened = device::PcapWriter::open(out);
    if (!opened) return problem("--wire: " + opened.error().text);
    writer.emplace(std::move(*opened));
  }
  OpenWire open;
  auto wire = std::make_unique<device::PcapWire>(std::move(reader), std::move(writer));
  open.capture = wire.get();
  open.wire = std::move(wire);
  return open;
}

Outcome<OpenWire> open_cable(const std::string& path) {
  auto cable = device::SocketCable::open(path);
  if (!cable) return problem("--wire: " + cable.error().text);
  OpenWire open;
  open.fd = (*cable)->fd();
  open.wire = std::move(*cable);
  return open;
}

}  // namespace

Outcome<OpenWire> open_wire(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kind == "loop" && rest.empty()) {
    OpenWire open;
    open.wire = std::make_unique<device::Loopback>();
    return open;
  }
  if (kind == "tap" && !rest.empty()) return open_tap(rest);
  if (kind == "pcap") return open_pcap(rest);
  if (kind == "cable" && !rest.empty()) return open_cable(rest);
  return problem(
      "--wire: " + unknown("wire", text, {"tap:NAME", "cable:PATH", "pcap:IN,OUT", "loop"}),
      kExitUsage);
}

}  // namespace hni::tools
