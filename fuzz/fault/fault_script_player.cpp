// SPDX-License-Identifier: Apache-2.0
#include "fuzz/fault/fault_script_player.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "device/firmware.hpp"
#include "device/link.hpp"
#include "fuzz/fault/fault_injector.hpp"
#include "fuzz/fault/register_sites.hpp"
#include "fuzz/script/formats.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

/// Accesses that pass between a card and its host.
enum class Event : std::uint8_t {
  kRead,
  kHeader,
  kPayload,
  kOptMeta,
  kPacket,  ///< its last completion
  kConfirm,
  kStamp,
  kQueueStart,  ///< the driver enables a receive completion queue
  kMessage,
};

enum class Deed : std::uint8_t {
  kPassOver,
  kOrder,     ///< the operation `fault` of the port target
  kField,     ///< the next completion of a kind, with a fault in one field
  kWord,      ///< the next completion is the operation's value
  kWrongLap,  ///< the same, with the DONE bit of the other lap
  kClass,     ///< the next completion is a word of a class
  kRepeat,    ///< the next completions repeat the previous one
  kWait,      ///< for `a` events
  kTurns,     ///< `advance`
  kCard,      ///< an event on the card, performed in act()
  kGone,
};

struct Meaning {
  std::string_view name;
  Deed deed;
  Event event = Event::kRead;
  Site site{};
};

constexpr auto kRingMeanings = std::to_array<Meaning>({
    {"receive", Deed::kWait, Event::kPacket},
    {"header", Deed::kWait, Event::kHeader},
    {"header_id", Deed::kField, Event::kHeader, Site::kRcdHeaderId},
    {"header_offset", Deed::kField, Event::kHeader, Site::kRcdHeaderOffset},
    {"header_length", Deed::kField, Event::kHeader, Site::kRcdHeaderLength},
    {"payload", Deed::kWait, Event::kPayload},
    {"payload_id", Deed::kField, Event::kPayload, Site::kRcdPayloadId},
    {"payload_offset", Deed::kField, Event::kPayload, Site::kRcdPayloadOffset},
    {"payload_length", Deed::kField, Event::kPayload, Site::kRcdPayloadLength},
    {"opt_meta", Deed::kField, Event::kOptMeta, Site::kRcdOptMeta},
    {"meta", Deed::kWait, Event::kPacket},
    {"rx_word", Deed::kWord, Event::kPacket, Site::kRcqWord},
    {"rx_word_class", Deed::kClass, Event::kPacket, Site::kRcqWord},
    {"rx_repeat", Deed::kRepeat, Event::kPacket, Site::kRcqWord},
    {"rx_early", Deed::kWrongLap, Event::kPacket, Site::kRcqWord},
    {"confirm", Deed::kWait, Event::kConfirm},
    {"head", Deed::kField, Event::kConfirm, Site::kTcdHead},
    {"stamp", Deed::kField, Event::kStamp, Site::kTcdTimestamp},
    {"tcd_type", Deed::kField, Event::kConfirm, Site::kTcdType},
    {"tx_word", Deed::kWord, Event::kConfirm, Site::kTcqWord},
    {"tx_word_class", Deed::kClass, Event::kConfirm, Site::kTcqWord},
    {"tx_repeat", Deed::kRepeat, Event::kConfirm, Site::kTcqWord},
    {"tx_early", Deed::kWrongLap, Event::kConfirm, Site::kTcqWord},
});

constexpr auto kPortMeanings = std::to_array<Meaning>({
    {"fault", Deed::kOrder},
    {"advance", Deed::kTurns, Event::kRead},
    {"send", Deed::kWait, Event::kConfirm},
    {"inject", Deed::kWait, Event::kPacket},
    {"start", Deed::kWait, Event::kQueueStart},
    {"gone", Deed::kGone},
    {"fw_faults", Deed::kCard},
    {"fw_reboot", Deed::kCard},
    {"fw_announce", Deed::kCard},
    {"fw_raw", Deed::kCard},
    {"fw_config", Deed::kCard},
    {"cable", Deed::kCard},
    {"card_reset", Deed::kCard},
});

/// The unmodified card as FaultInjector sees it: the value of the current access.
struct Mouth {
  std::uint32_t answer = 0;
  std::uint32_t read32(Site, RegAddr) const { return answer; }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    if (to != from) std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(const DmaSpan&) {}
};

class Player final : public FaultScriptPlayer {
 public:
  Player(const ScriptFormat& target, std::vector<Op> script, OnInject report)
      : target_(target), rings_(target.name != "port"), script_(std::move(script)) {
    report_.target = target.name;
    report_.operations = script_.size();
    hostile_.on_fault = [this, report = std::move(report)](Site site, std::uint64_t honest,
                                                           std::uint64_t said) {
      if (honest == said) {
        ++report_.harmless;
        return;
      }
      ++by_site_[static_cast<std::size_t>(site)];
      ++report_.faults;
      if (report)
        report({report_.faults, site_name(site), honest, said,
                ordered_by_[static_cast<std::size_t>(site)]});
    };
    go_on();
  }

  // ---- Values that the card supplies

  std::uint32_t read(spec::RegAddr at, std::uint32_t honest) override {
    std::uint32_t value = honest;
    if (hostile_.gone) {
      value = ~0U;
    } else {
      mouth_.answer = honest;
      for (const SiteInfo& info : kSites) {
        if (hostile_.ordered(info.id) == 0 || !answers_for(info.id, at)) continue;
        value = hostile_.read32(info.id, at);
        break;
      }
    }
    passed(Event::kRead);
    return value;
  }

  bool write(spec::RegAddr at, std::uint32_t value) override {
    if (hostile_.gone) return false;
    if (is_one_of<spec::QUEUE_RCQ_CTL>(at) && spec::QUEUE_RCQ_CTL{value}.ENABLE() != 0)
      passed(Event::kQueueStart);
    return true;
  }

  std::uint64_t complete(device::CompletionKind kind, std::uint64_t word) override {
    const bool receive = kind == device::CompletionKind::kReceive;
    std::uint64_t& last = receive ? last_received_ : last_sent_;
    if (whole_ && (whole_->site == Site::kRcqWord) == receive) order_whole(word, last);
    const std::uint64_t said = hostile_.load64(receive ? Site::kRcqWord : Site::kTcqWord, &word);
    last = said;
    const std::uint64_t type = spec::RCD{word}.TYPE();
    if (receive) {
      passed(type == 0   ? Event::kHeader
             : type == 1 ? Event::kPayload
             : type == 2 ? Event::kOptMeta
                         : Event::kPacket);
    } else {
      passed(type == 1 ? Event::kStamp : Event::kConfirm);
    }
    return said;
  }

  void deliver(std::span<std::byte> message) override {
    hostile_.copy_in(Site::kMessageBytes, message.data(), message.data(), message.size());
    passed(Event::kMessage);
  }

  // ---- Events on the card

  void act(device::Card& card, std::uint64_t now_ns) override {
    for (; !acts_.empty(); acts_.pop_front()) act_one(acts_.front(), card, now_ns);
  }

  ScriptReport report() const override {
    ScriptReport report = report_;
    report.played = at_;
    for (const SiteInfo& info : kSites) {
      const std::uint64_t faults = by_site_[static_cast<std::size_t>(info.id)];
      if (faults != 0) report.by_site.push_back({info.name, faults});
      report.pending += hostile_.ordered(info.id);
    }
    if (whole_) report.pending += whole_->left;
    return report;
  }

 private:
  static constexpr std::uint64_t kDone = spec::RCD{}.set_DONE(1).raw;

  /// Arms a fault in all of the next completions of a ring.
  struct Whole {
    Deed deed;
    Site site;
    Op op;
    std::uint32_t left;
  };

  Meaning meaning_of(const Op& op) const {
    const std::string_view name = target_.ops[op.kind].name;
    const auto find = [&](const auto& meanings) {
      const auto at = std::find_if(meanings.begin(), meanings.end(),
                                   [&](const Meaning& m) { return m.name == name; });
      return at == meanings.end() ? Meaning{name, Deed::kPassOver} : *at;
    };
    return rings_ ? find(kRingMeanings) : find(kPortMeanings);
  }

  /// Executes operations until the next one has to wait.
  void go_on() {
    while (left_ == 0 && at_ != script_.size()) {
      const Op& op = script_[at_];
      ++at_;
      play(meaning_of(op), op);
    }
  }

  void play(const Meaning& meaning, const Op& op) {
    switch (meaning.deed) {
      case Deed::kPassOver:
        ++report_.skipped;
        return;
      case Deed::kOrder:
        return order(site_of(op.a), value_class(op.b & 0xffU), (op.b >> 8 & 15U) + 1, op.value);
      case Deed::kField:
        if (value_class(op.a) == ValueClass::kHonest) return wait(meaning.event, 1);
        order(meaning.site, value_class(op.a), 1, op.b);
        single_ = meaning.site;
        return wait(meaning.event, 1);
      case Deed::kWord:
      case Deed::kWrongLap:
      case Deed::kClass:
      case Deed::kRepeat:
        whole_ = Whole{meaning.deed, meaning.site, op,
                       meaning.deed == Deed::kRepeat ? std::max(1U, op.a % 32U) : 1U};
        ordered_by_[static_cast<std::size_t>(meaning.site)] = at_;
        return wait(meaning.event, 1);  // armed without a limit: order_whole() disarms it
      case Deed::kWait:
        return wait(meaning.event, waits_for(meaning, op));
      case Deed::kTurns:
        return wait(Event::kRead, (op.b % 16U + 1) * kReadsOfUnit[op.a % 4U]);
      case Deed::kCard:
        acts_.push_back(op);
        return;
      case Deed::kGone:
        hostile_.gone = op.a % 2 != 0;
        return;
    }
  }

  /// Returns the number of packets that an operation moves, as its target counts them.
  std::uint32_t waits_for(const Meaning& meaning, const Op& op) const {
    if (meaning.event == Event::kQueueStart) return 1;
    if (meaning.name == "receive") return op.a % 32U + 1;
    if (meaning.name == "confirm") return std::max<std::uint32_t>(op.a, 1);
    return rings_ ? 1 : op.a % 16U + 1;
  }

  void wait(Event event, std::uint32_t count) {
    awaited_ = event;
    left_ = count;
    patience_ = kPatience;
  }

  void order(Site site, ValueClass c, std::uint32_t count, std::uint64_t random) {
    hostile_.order(site, c, count, random);
    ordered_by_[static_cast<std::size_t>(site)] = at_;
  }

  /// Handles a completion of a ring for which a whole word is armed: FaultInjector supplies the
  /// word.
  void order_whole(std::uint64_t honest, std::uint64_t last) {
    const ValueClass c = value_class(whole_->op.a);
    const std::uint64_t lap = honest & kDone;
    std::uint64_t word = whole_->op.value;
    if (whole_->deed == Deed::kRepeat) word = last;
    if (whole_->deed == Deed::kClass) {
      const Range range{honest, honest, honest, last, ~kDone};
      word = faulty_value(c, range, whole_->op.b * 0x0001'0001'0001'0001ULL);
    }
    hostile_.order(whole_->site, ValueClass::kRandom, 1,
                   (word & ~kDone) | (whole_->deed == Deed::kWrongLap ? lap ^ kDone : lap));
    if (--whole_->left != 0) return;
    whole_.reset();
    left_ = 0;
    told_whole_ = true;
  }

  void passed(Event event) {
    if (std::exchange(told_whole_, false)) return go_on();
    if (left_ == 0) return;
    if (!whole_ && event == awaited_) {
      if (--left_ == 0) single_.reset();
    } else if (--patience_ == 0) {
      give_up();
    }
    if (left_ == 0) go_on();
  }

  void give_up() {
    ++report_.given_up;
    if (single_) hostile_.order(*single_, ValueClass::kHonest, 0, 0);
    single_.reset();
    whole_.reset();
    left_ = 0;
  }

  void act_one(const Op& op, device::Card& card, std::uint64_t now_ns) const {
    const std::string_view name = target_.ops[op.kind].name;
    device::Firmware& firmware = card.firmware();
    const bool on = op.a % 2 != 0;
    if (name == "fw_reboot") return firmware.reboot(now_ns);
    if (name == "fw_announce") return firmware.announce_capabilities(now_ns);
    if (name == "cable") return card.link().set_cable(on, now_ns);
    if (name == "card_reset")
      return card.reset(on ? device::ResetKind::kPower : device::ResetKind::kFunctionLevel);
    if (name == "fw_raw") {
      std::array<std::byte, 8> bytes;
      std::memcpy(bytes.data(), &op.value, bytes.size());
      (void)firmware.send_raw(std::span(bytes).first(on ? 8 : 4), now_ns);
    } else if (name == "fw_faults") {
      firmware.set_faults({.silent = (op.a & 1) != 0,
                           .no_responses = (op.a & 2) != 0,
                           .no_interrupts = (op.a & 4) != 0,
                           .fail_requests = op.b % 8U,
                           .backwards_uptime = (op.a & 8) != 0,
                           .flash_error = op.a & 16 ? -5 : 0,
                           .sensor_error = op.a & 32 ? static_cast<std::int16_t>(op.b) : 0,
                           .qsfp_error = op.a & 64 ? static_cast<std::int16_t>(op.b) : 0});
    } else if (name == "fw_config") {
      firmware.config().link_speed = op.a & 7U;
      firmware.config().link_fec = op.a >> 5 & 3U;
      firmware.config().bmc_present = (op.a & 8) != 0;
      firmware.config().bmc_all_multi = (op.a & 16) != 0;
      firmware.config().bmc_macs = {{0x02, 0, 0, 0, 1, 1}};
    }
  }

  const ScriptFormat& target_;
  bool rings_;
  std::vector<Op> script_;
  std::size_t at_ = 0;  ///< operations that were started
  Event awaited_{};
  std::uint32_t left_ = 0;
  std::uint32_t patience_ = kPatience;
  std::optional<Site> single_;
  std::optional<Whole> whole_;
  bool told_whole_ = false;
  std::uint64_t last_received_ = 0;
  std::uint64_t last_sent_ = 0;
  std::deque<Op> acts_;
  Mouth mouth_;
  FaultInjector<Mouth> hostile_{mouth_};
  std::array<std::uint64_t, kSiteCount> by_site_{};
  std::array<std::size_t, kSiteCount> ordered_by_{};
  ScriptReport report_;
};

// ---- Files

struct Loaded {
  const ScriptFormat* target = nullptr;
  std::vector<Op> script;
};

tl::unexpected<std::string> because(const fs::path& file, const std::string& why) {
  return tl::make_unexpected("'" + file.string() + "': " + why);
}

tl::expected<Loaded, std::string> as_text(const fs::path& file, std::string_view text,
                                          const ScriptFormat* target) {
  std::string errors;
  for (const std::string_view name : {"port", "traffic"}) {
    const ScriptFormat* const one = target != nullptr ? target : find_format(name);
    ParsedScript parsed = script_from_text(text, one->ops);
    if (parsed.error.empty()) return Loaded{one, std::move(parsed.script)};
    errors += (errors.empty() ? "" : "; ") + ("as a script of " + std::string(one->name)) + ": " +
              parsed.error;
    if (target != nullptr) break;
  }
  return because(file, errors + "; `hni fuzz show corpus/port/good` shows the form");
}

}  // namespace

tl::expected<std::unique_ptr<FaultScriptPlayer>, std::string> FaultScriptPlayer::load(
    const std::string& name, OnInject report) {
  const fs::path file(name);
  std::error_code error;
  if (fs::is_directory(file, error)) return because(file, "is a folder; name one file in it");
  std::ifstream in(file, std::ios::binary);
  if (!in) return because(file, std::string(std::strerror(errno)));
  const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(in), {});
  const std::string folder = fs::absolute(file).parent_path().filename().string();
  const ScriptFormat* const target = find_format(folder);
  Loaded loaded{target, {}};
  if (file.extension() == ".script") {
    auto text = as_text(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, target);
    if (!text) return tl::make_unexpected(text.error());
    loaded = std::move(*text);
  } else if (target == nullptr) {
    return because(file,
                   "its folder names no target whose scripts a card can play (port, traffic, rx, "
                   "tx); take a file from corpus/port, or a text file named *.script");
  } else {
    if (bytes.size() > target->max_bytes)
      return because(file, "has " + std::to_string(bytes.size()) + " bytes, a script of " +
                               folder + " at most " + std::to_string(target->max_bytes) +
                               "; `hni fuzz min` shortens one");
    loaded.script = decode_script(bytes, target->ops);
  }
  if (loaded.script.empty()) return because(file, "has no operation");
  return std::make_unique<Player>(*loaded.target, std::move(loaded.script), std::move(report));
}

}  // namespace hni::fuzz
