// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FaultScriptPlayer: a hostile script, played by an emulated card against whatever driver is on its other
/// side. The hostile layer of the fuzz targets (FaultInjector) stands here between the card and its
/// host: the card's words (HostInterposer) pass through it when they are said.
///
/// A script of the fuzz corpus moves card and driver. Here the driver moves by itself, so that
/// each operation becomes one of three things:
///   a lie    lie, header_id, head, rx_word, ...    the next word of that kind is not the honest
///            one; those of the ring targets are one completion each, and take their turn
///   a deed   fw_reboot, cable, gone, card_reset, ...   what happens to the card
///   a wait   receive, confirm, inject, send, start, advance   so many honest completions, or
///            register reads, pass. `advance` is so many reads as kReadsOfUnit says. A wait that
///            the driver does not fulfil ends after kPatience events.
/// What only a driver can do (poll_rx, stop, filter, ...) and what is not in a card's power from
/// outside (fresh, scribble_...) is passed over, and counted.
///
/// Moments are counted in events: register reads, completions, messages. Never in time.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "device/card.hpp"
#include "device/host_interposer.hpp"

namespace hni::fuzz {

/// Register reads that one turn of `advance` waits for, by its unit.
inline constexpr std::array<std::uint32_t, 4> kReadsOfUnit{1, 4, 16, 64};
/// Events after which a wait ends although what it waits for did not come.
inline constexpr std::uint32_t kPatience = 16384;

struct InjectedFault {
  std::uint64_t number = 0;  ///< from 1
  std::string_view site;     ///< its name in driver/core/input_sites.hpp
  std::uint64_t honest = 0;
  std::uint64_t said = 0;  ///< differs from `honest`
  std::size_t line = 0;    ///< of the operation that ordered it, from 1
};

struct FaultCount {
  std::string_view site;
  std::uint64_t faults = 0;
};

struct ScriptReport {
  std::string target;
  std::size_t operations = 0;
  std::size_t played = 0;    ///< the script is at its end when all are
  std::size_t skipped = 0;   ///< of these, without a meaning for a card alone
  std::size_t given_up = 0;  ///< waits and single lies for which nothing came
  std::uint64_t faults = 0;
  std::uint64_t harmless = 0;       ///< lies that were true: not counted in `lies`
  std::uint64_t pending = 0;        ///< ordered, and not told yet
  std::vector<FaultCount> by_site;  ///< only those with lies
};

class FaultScriptPlayer : public device::HostInterposer {
 public:
  using OnInject = std::function<void(const InjectedFault&)>;

  /// The script in `file`: one of the corpus (the name of its folder is its target), or a text
  /// file named *.script. An error names the file and what helps.
  static tl::expected<std::unique_ptr<FaultScriptPlayer>, std::string> load(
      const std::string& file, OnInject heard);

  /// What the script wants to happen to the card since the last call; between two calls of the
  /// card, never within one.
  virtual void act(device::Card& card, std::uint64_t now_ns) = 0;
  [[nodiscard]] virtual ScriptReport report() const = 0;
};

}  // namespace hni::fuzz
