// SPDX-License-Identifier: Apache-2.0
// The registers that link, receive filter, clock, statistics and interrupts can write at all.
// Their CheckedIo is replaced by one that lists a register as soon as code that writes it is
// compiled, whether or not it runs; so the list holds for every state, input and order of calls.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "driver/control/clock.hpp"
#include "driver/control/interrupts.hpp"
#include "driver/control/link.hpp"
#include "driver/control/statistics.hpp"
#include "driver/filter/rx_filter.hpp"
#include "openhni/spec/device_table.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
namespace {

/// A register, by the address of its first element.
using Place = std::pair<spec::Bar, std::uint32_t>;

/// The device of a part of the driver. It is never called, because the CheckedIo below intercepts
/// all accesses.
template <class Part>
struct Footprint {
  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site, const std::uint64_t*) { return 0; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(DmaSpan) {}

  /// Registers that the part's code can write.
  static std::set<Place>& written() {
    static std::set<Place> all;
    return all;
  }
  /// Array index written out of range during a run, if any.
  static inline bool outside = false;
  static inline std::size_t runs = 0;

  template <class Reg>
  static bool list() {
    written().emplace(Reg::kBar, Reg::kByteOffset);
    return true;
  }
  /// Instantiated, and therefore listed, for each Reg that compiled code writes.
  template <class Reg>
  static inline const bool kListed = list<Reg>();
};

}  // namespace
}  // namespace hni::proofs

namespace hni {

/// Without write_at() and doorbell(): code that writes a register of unknown type does not
/// compile.
template <class Part>
class CheckedIo<proofs::Footprint<Part>, NullObserver> {
 public:
  using Io = proofs::Footprint<Part>;
  using Word32 = Untrusted<std::uint32_t>;

  CheckedIo(Io& device_io, NullObserver& observer) : io(device_io), obs(observer) {}

  Io& io;
  NullObserver& obs;
  std::uint32_t answer = 0;  ///< of every register

  template <class Reg, class... Index>
  [[nodiscard]] typename Reg::template of<Word32> read(Site, Index...) {
    return {Word32(answer)};
  }
  [[nodiscard]] std::uint32_t read_at(Site, RegAddr) { return answer; }
  template <class Reg, class... Index>
  void write(const Reg&, Index... at) {
    write_word<Reg>(0, at...);
  }
  template <class Reg, class... Index>
  void write_word(std::uint32_t, Index... at) {
    (void)&Io::template kListed<Reg>;
    ++Io::runs;
    const std::array<std::uint32_t, sizeof...(at)> index{static_cast<std::uint32_t>(at)...};
    if constexpr (sizeof...(at) == 1) Io::outside = Io::outside || index[0] >= Reg::kCount;
    if constexpr (sizeof...(at) == 2)
      Io::outside = Io::outside || index[0] >= Reg::kCount0 || index[1] >= Reg::kCount1;
  }
  void flush() {}
  void refuse(Site, std::uint64_t, std::uint64_t) {}
  [[nodiscard]] bool gone() const { return false; }
};

// Instantiates every function of the parts.
template class Link<proofs::Footprint<struct LinkPart>, NullObserver>;
template class RxFilter<proofs::Footprint<struct FilterPart>, NullObserver>;
template class ClassifierWriter<proofs::Footprint<struct FilterPart>, NullObserver>;
template class Clock<proofs::Footprint<struct ClockPart>, NullObserver>;
template class Statistics<proofs::Footprint<struct StatisticsPart>, NullObserver>;
template class Interrupts<proofs::Footprint<struct InterruptPart>, NullObserver>;

}  // namespace hni

namespace hni::proofs {
namespace {

/// Instantiates the function templates of Link without calling them.
[[maybe_unused]] void compile(Link<Footprint<LinkPart>, NullObserver>& link) {
  const auto ignore = [](bool) {};
  (void)link.start({}, spec::FW_LINK_SPEED{}, spec::FW_LINK_FEC{}, ignore);
  (void)link.interrupt({}, ignore);
  (void)link.step({}, ignore);
  link.set_pause(false, false, ignore);
}
/// A negative control: code that writes a ring address of a running queue.
[[maybe_unused]] void compile(CheckedIo<Footprint<struct BadPart>, NullObserver>& device) {
  device.write(spec::QUEUE_TCQ_BAL{}, 0);
}

Place place_of(const spec::RegInfo& r) {
  return {r.bar, r.byte_offset};
}

/// Registers that a rule of the spec restricts.
bool is_ruled(const Place& place) {
  const bool conditional =
      std::ranges::any_of(spec::action_rules(), [&](const spec::ActionRule& rule) {
        return place_of(spec::registers()[rule.reg]) == place;
      });
  const bool in_queue_block =
      place.first == spec::Bar::kBar0 && place.second >= spec::QUEUE_TWQ0_CTL::kByteOffset;
  const bool gate = place == Place{spec::Bar::kBar0, spec::PUL_OB_TLP_HDR_AW_CFG::kByteOffset} ||
                    place == Place{spec::Bar::kBar0, spec::PUL_OB_TLP_HDR_AR_CFG::kByteOffset};
  return conditional || in_queue_block || gate || place.first == spec::MBX_DESC_LO::kBar;
}

/// Registers that a rule about another register reads.
bool is_asked_for(const Place& place) {
  return std::ranges::any_of(spec::action_rules(), [&](const spec::ActionRule& rule) {
    return place_of(spec::registers()[rule.cond_reg]) == place;
  });
}

template <class Reg>
constexpr Place kPlace{Reg::kBar, Reg::kByteOffset};

/// `set_up_looks`: registers that rules read and that this part may write nevertheless.
template <class Part>
void judge(const char* name, const std::set<Place>& set_up_looks = {}) {
  const auto& written = Footprint<Part>::written();
  note(std::string(name) + " writes " + std::to_string(written.size()) + " registers");
  const bool free = std::ranges::none_of(written, is_ruled);
  const bool unasked = std::ranges::none_of(written, [&](const Place& place) {
    return is_asked_for(place) && !set_up_looks.contains(place);
  });
  conclude("S4", "no rule is about a register that it can write", free);
  conclude("S4", "no rule asks for one", unasked);
}

/// Runs the filter with entries of every kind: all tables are written and cleared again.
void run_filter(CheckedIo<Footprint<FilterPart>, NullObserver>& device) {
  RxFilter<Footprint<FilterPart>, NullObserver> filter(device);
  (void)filter.set_queue_count(kMaxQueues);
  (void)filter.set_mac({2, 0, 0, 0, 0, 1});
  BmcConfig bmc{.present = true, .all_multicast = true, .addresses = {}};
  for (std::uint8_t i = 0; i < bmc.addresses.size(); ++i) bmc.addresses[i] = {2, 0, 0, 0, 1, i};
  (void)filter.set_bmc(bmc);
  std::vector<MacAddress> more;
  for (std::uint8_t i = 0; i < 12; ++i) more.push_back({2, 0, 0, 0, 2, i});
  (void)filter.set_unicast(more);
  for (std::uint32_t i = 0; i < kMaxRules; ++i) {
    FlowRule rule;
    rule.outer = i % 2 != 0;
    rule.type = FlowType::kUdp4;
    const auto last = static_cast<std::uint8_t>(i / 2 % kIpEntries);
    rule.source = rule.destination = IpMatch::v4({10, 0, 0, last}, 32);
    (void)filter.add_rule(rule);
  }
  filter.start();
  filter.reprogram();
  filter.stop();
}

}  // namespace

HNI_PROVE(actions_of_the_rest,
          "Whatever link, receive filter with its address and rule tables, clock, statistics and "
          "interrupts do, in any state: no rule of the spec is about a register that their code "
          "can write, and no rule reads one, except RPC_RMI_CONFIG of the filter, which the setup "
          "reads before it relies on it (S4).") {
  must_cover("MAC", "tables", "clock", "causes");
  searched(spec::action_rules().size(), "rules of the spec");
  judge<LinkPart>("link");
  judge<FilterPart>("filter", {kPlace<spec::RPC_RMI_CONFIG>});
  judge<ClockPart>("clock");
  judge<StatisticsPart>("statistics");
  judge<InterruptPart>("interrupts");
  const auto lists = [](const std::set<Place>& written, const Place& place, const char* label) {
    if (written.contains(place)) cover(label);
  };
  lists(Footprint<LinkPart>::written(), kPlace<spec::MAC_COMMAND_CONFIG>, "MAC");
  lists(Footprint<FilterPart>::written(), kPlace<spec::RPC_TCAM_ACT>, "tables");
  lists(Footprint<ClockPart>::written(), kPlace<spec::PTP_CTRL>, "clock");
  lists(Footprint<InterruptPart>::written(), kPlace<spec::INTR_MASK_SET>, "causes");
  conclude("S4", "statistics write nothing", Footprint<StatisticsPart>::written().empty());
}

HNI_PROVE(actions_inside_the_tables,
          "A filter with all its tables full never writes beyond the end of a table; its loops "
          "are bounded by the sizes of the tables, not by their contents (S4).") {
  must_cover("written");
  Footprint<FilterPart> io;
  NullObserver observer;
  CheckedIo<Footprint<FilterPart>, NullObserver> device(io, observer);
  Footprint<FilterPart>::outside = false;
  Footprint<FilterPart>::runs = 0;
  run_filter(device);
  searched(Footprint<FilterPart>::runs, "writes");
  if (Footprint<FilterPart>::runs > 2 * kMaxRules) cover("written");
  conclude("S4", "each write is inside its table", !Footprint<FilterPart>::outside);
}

HNI_REFUTE(ring_address_written_by_a_stranger, "S4",
           "Known mistake: code that never runs in a test writes the address of a ring.") {
  judge<BadPart>("a stranger");
}

}  // namespace hni::proofs
