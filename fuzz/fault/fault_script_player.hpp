// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FaultScriptPlayer: plays a fault script on an emulated card, against any driver. The fault
/// injector of the fuzz targets (FaultInjector) sits between the card and its host: values of the
/// card pass through it (HostInterposer).
///
/// A script of the fuzz corpus drives card and driver. Here the driver runs by itself, so each
/// operation becomes one of three things:
///
///  a fault    fault, header_id, head, rx_word, ...   the next value of that kind is changed;
/// those
///             of the ring targets are one completion each, in sequence
///  an event   fw_reboot, cable, gone, card_reset, ...   happens to the card
///  a wait     receive, confirm, inject, send, start, advance   waits for so many unchanged
///             completions or register reads. `advance` waits for as many reads as kReadsOfUnit
///             says. A wait that the driver does not fulfil ends after kPatience events.
///
/// Operations that only a driver can perform (poll_rx, stop, filter, ...) or that a card cannot
/// perform from outside (fresh, scribble_...) are skipped and counted.
///
/// Progress is counted in events: register reads, completions, messages; never in time.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "device/card.hpp"
#include "device/host_interposer.hpp"

namespace hni::fuzz {

/// register reads per unit of `advance`
inline constexpr std::array<std::uint32_t, 4> kReadsOfUnit{1, 4, 16, 64};
/// Events after which an unfulfilled wait ends.
inline constexpr std::uint32_t kPatience = 16384;

struct InjectedFault {
  std::uint64_t number = 0;  ///< from 1
  std::string_view site;     ///< its name in driver/core/input_sites.hpp
  std::uint64_t honest = 0;
  std::uint64_t said = 0;  ///< differs from `honest`
  std::size_t line = 0;    ///< of the operation that requested it, from 1
};

struct FaultCount {
  std::string_view site;
  std::uint64_t faults = 0;
};

struct ScriptReport {
  std::string target;
  std::size_t operations = 0;
  std::size_t played = 0;    ///< the script is at its end when all are
  std::size_t skipped = 0;   ///< of `played`: only a driver can perform them
  std::size_t given_up = 0;  ///< waits and single faults whose event did not occur
  std::uint64_t faults = 0;
  std::uint64_t harmless = 0;  ///< faults that equal the original value: not counted in `faults`
  std::uint64_t pending = 0;   ///< armed, and not yet injected
  std::vector<FaultCount> by_site;  ///< only sites with injected faults
};

class FaultScriptPlayer : public device::HostInterposer {
 public:
  using OnInject = std::function<void(const InjectedFault&)>;

  /// Loads the script in `file`: one of the corpus (the name of its folder is its target), or a
  /// text file named *.script. An error names the file and the remedy.
  static tl::expected<std::unique_ptr<FaultScriptPlayer>, std::string> load(
      const std::string& file, OnInject heard);

  /// Applies what the script does to the card since the last call; call between two calls of the
  /// card, never within one.
  virtual void act(device::Card& card, std::uint64_t now_ns) = 0;
  [[nodiscard]] virtual ScriptReport report() const = 0;
};

}  // namespace hni::fuzz
