// SPDX-License-Identifier: Apache-2.0
// RxQueue between two completions: which completions it accepts as part of a packet and which it
// refuses, from an arbitrary valid state of its three rings and of the packet under assembly.
#include <vector>

#include "proofs/obligations/rx_queue_world.hpp"

namespace hni::proofs {
namespace {

HNI_PRIVATE_MEMBER(AssembleTag, &Queue::assemble);
/// The results of assemble(), as numbers.
enum Verdict : unsigned { kNothing, kTaken, kDelivered, kDropped, kRefused };

/// One assembly step from any state of a stage, until the second completion.
class AssemblyProof {
 public:
  AssemblyProof(Stage stage, const Word& segments)
      : w_(stage),
        header_(stage == Stage::kBetween),
        stage_(stage),
        old_segments_(header_ ? Word(0) : segments),
        before_(w_.before),
        cursor_(w_.before) {
    packet_.segment_count = segments;
    packet_.length = length_ = input<std::uint32_t>("packet length");
    packet_.rx.has_timestamp = true;
    packet_.tx.flags = 1;
    w_.pool.on_drop = [this](const Word& fragment) { skipped_slot(fragment); };
    w_.pool.on_hold = [this](const Word& fragment) { held_.push_back(fragment); };
    w_.pool.on_drop_packet = [this] {
      cover("packet dropped");
      ++packets_dropped_;
    };
    w_.device.on_load = [this](const Word& slot) { load(slot); };
    w_.device.on_loaded = [this](const Wide& word) { word_ = word; };
  }

  void run() {
    const unsigned verdict = static_cast<unsigned>(
        (w_.queue.*member(AssembleTag{}))(cursor_, ring_memory[2].data(), packet_));
    conclude_sound();
    const Word consumed =
        (cursor_.completions.head - before_.completions.head) & before_.completions.mask;
    conclude("F", "nothing is taken before the card wrote it, and what it wrote is",
             (verdict != kNothing) == (rcd().DONE() == Wide(before_.completions.done)));
    conclude("I4", "a packet comes back here only for its error bits",
             packets_dropped_ == (verdict == kDropped ? 1U : 0U));
    conclude("F", "refused exactly if a refusal is reported",
             w_.device.refused.size() == (verdict == kRefused ? 1U : 0U));
    if (verdict == kRefused) {
      conclude("F", "a refused completion is not read again", consumed == 1U);
      conclude_refusal();
      return cover("refused");
    }
    cover(verdict == kNothing ? "nothing" : verdict == kDelivered ? "delivered" : "errored");
    conclude("I8", "a completion that is not there is not consumed, and one ends the packet",
             consumed == (verdict == kNothing ? 0U : 1U));
    conclude("I3", "a packet ends only after its header", verdict == kNothing || !header_);
    conclude("I4", "neither moves a buffer", [&] {
      return same_ring(cursor_.headers.window, before_.headers.window) &&
             same_ring(cursor_.payloads.window, before_.payloads.window);
    });
    conclude("F", "the packet is under assembly until its end",
             cursor_.assembly == (verdict == kNothing ? before_.assembly : World::Assembly{}));
    if (verdict != kNothing) conclude_end(verdict);
  }

 private:
  const BufferRing<Word>& mine() const { return header_ ? cursor_.headers : cursor_.payloads; }
  const BufferRing<Word>& mine_before() const {
    return header_ ? before_.headers : before_.payloads;
  }
  /// Slots that were removed from the ring of this stage.
  Word gone() const {
    return mine().window.distance(mine_before().window.head, mine().window.head);
  }

  // The completion as each of its types. A payload completion has the fields of a header
  // completion.
  spec::RCD::of<Wide> rcd() const { return {word_}; }
  spec::RCD_HDR_AL::of<Wide> buffer() const { return {word_}; }
  spec::RCD_OPT_META::of<Wide> stamp() const { return {word_}; }
  spec::RCD_META::of<Wide> meta() const { return {word_}; }
  bool is(spec::RCD_TYPE type) const { return rcd().TYPE() == static_cast<std::uint64_t>(type); }

  /// A slot that the card skipped is freed under its own id. Covers three iterations; their final
  /// state is where a fourth would start (long runs: rx_queue_in_long_runs).
  void skipped_slot(const Word& fragment) {
    const auto turns = static_cast<std::uint32_t>(dropped_.size());
    conclude("I4", "only slots older than the one that the card named come back", [&] {
      const auto& ring = mine_before().window;
      return ring.distance(ring.head, Word(buffer().BUFF_ID())) > turns;
    });
    conclude("I4", "it is the next one: each comes back once, in order", [&] {
      const auto& ring = mine_before().window;
      return fragment == w_.lent(header_).slots.at(ring.advance(ring.head, Word(turns)));
    });
    if (dropped_.size() == 2) {
      cover("a third one skipped");
      conclude("I2", "the ring stays valid while slots are skipped",
               [&] { return mine().is_valid(); });
      conclude("I7", "each one leaves fewer posted buffers",
               mine().window.used() < mine_before().window.used());
      end_path();
    }
    dropped_.push_back(fragment);
  }

  void load(const Word& slot) {
    const auto& ring = before_.completions;
    conclude("I1", "a completion is read inside its ring", slot <= ring.mask);
    conclude("I8", "each completion is read once: the next one is read next",
             slot == (loads_ == 0 ? ring.head : Word((ring.head + 1U) & ring.mask)));
    if (loads_++ == 0) return;
    cover("next completion");
    conclude_sound();
    conclude("F", "only what the card wrote on this lap is taken",
             rcd().DONE() == Wide(ring.done));
    conclude("F", "it is not reported", w_.device.refused.empty() && packets_dropped_ == 0);
    const bool added = packet_.segment_count == old_segments_ + 1U;
    const bool stamped = cursor_.assembly == static_cast<World::Assembly>(Stage::kStamped);
    conclude("I7", "each iteration adds a segment, or the only timestamp of a packet", [&] {
      return added ? !stamped
                   : !header_ && stamped && stage_ == Stage::kSegments &&
                         packet_.segment_count == old_segments_;
    });
    conclude("I1", "never more segments than a packet has room for",
             packet_.segment_count <= kMaxSegments);
    added ? conclude_segment(packet_.segments[old_segments_]) : conclude_stamp();
    end_path();
  }

  void conclude_sound() {
    const auto& other = header_ ? cursor_.payloads : cursor_.headers;
    const auto& other_before = header_ ? before_.payloads : before_.headers;
    const auto skipped = static_cast<std::uint32_t>(dropped_.size());
    conclude("I2", "all three rings are valid", [&] {
      return cursor_.completions.is_valid() && cursor_.headers.is_valid() &&
             cursor_.payloads.is_valid();
    });
    conclude("I4", "nothing is posted", [&] {
      return cursor_.headers.window.tail == before_.headers.window.tail &&
             cursor_.payloads.window.tail == before_.payloads.window.tail;
    });
    conclude("I3", "the other ring is untouched", [&] {
      return same_ring(other.window, other_before.window) &&
             other.next_offset == other_before.next_offset;
    });
    conclude("I4",
             "a slot leaves the ring only to be dropped or to hand its fragment to the packet",
             [&] { return gone() >= skipped && gone() <= skipped + 1U; });
  }

  void conclude_segment(const SymSegment& s) {
    const bool handed_over = held_.empty();
    const auto skipped = static_cast<std::uint32_t>(dropped_.size());
    cover("segment");
    conclude("F", "it is the header after a packet's end, otherwise a payload",
             is(header_ ? spec::RCD_TYPE::HDR_AL : spec::RCD_TYPE::PAY_AL));
    conclude("F", "place and fragment are those that the card named", [&] {
      const Word named(buffer().BUFF_ID());
      return Wide(s.offset) == buffer().OFF() && Wide(s.length) == buffer().LEN() &&
             s.fragment.number == w_.lent(header_).slots.at(named);
    });
    conclude("F", "the packet grows by it",
             packet_.length == (header_ ? Word(s.length) : length_ + Word(s.length)));
    if (header_) {
      conclude("F", "nothing of an earlier packet is left",
               !packet_.rx.has_timestamp && packet_.tx.flags == 0);
    }
    conclude("F", "more payloads may follow",
             cursor_.assembly == static_cast<World::Assembly>(Stage::kSegments));
    conclude("I1", "the segment lies inside its fragment",
             [&] { return s.offset + s.length <= 4096; });
    conclude("I1", "it is not empty", s.length != 0);
    if (header_) conclude("I1", "a header leaves its head room", Word(s.offset) >= kHeadRoom);
    conclude("F", "the fragment is handed over with its last use",
             handed_over == (buffer().PAGE_FIN() != 0U));
    conclude("I4", "its fragment is held once more, or handed over with its slot",
             gone() == skipped + (handed_over ? 1U : 0U));
    conclude("I4", "it is held at most once more", held_.size() <= 1);
    if (!handed_over) {
      conclude("I4", "the held fragment is that of the segment", held_[0] == s.fragment.number);
      conclude("I4", "later data begins after it, and after the room of a header",
               mine().next_offset ==
                   Word(s.offset) + Word(s.length) + (header_ ? kTailRoom + kHeadRoom : 0U));
    }
    if (skipped == 0) {
      conclude("I4", "it lies after all delivered data of the fragment",
               Word(s.offset) >= mine_before().next_offset);
    }
  }

  void conclude_stamp() {
    cover("timestamp");
    conclude("F", "a timestamp is one that the card marked as such", [&] {
      return is(spec::RCD_TYPE::OPT_META) && stamp().OPT_TYPE() == 0U &&
             packet_.rx.timestamp_ns == stamp().TS() &&
             packet_.rx.has_timestamp == (stamp().TS_VALID() != 0U);
    });
    conclude("I4", "it moves no buffer", [&] {
      return gone() == 0U && dropped_.empty() && held_.empty() && packet_.length == length_;
    });
  }

  void conclude_end(unsigned verdict) {
    conclude("F", "a packet ends with its metadata", is(spec::RCD_TYPE::META));
    const bool mac = meta().ERR_MAC_EOP() != 0U, cut_short = meta().ERR_TRUNCATED_FRAME() != 0U;
    conclude("F", "it is dropped exactly for its error bits",
             (verdict == kDropped) == (mac || cut_short));
    const RxCounters& c = w_.counted();
    conclude("F", "drops are counted and told by their reason",
             c.mac_errors == (mac ? 1U : 0U) && c.truncated == (!mac && cut_short ? 1U : 0U) &&
                 w_.obs.times(TraceEvent::Kind::kDropped, DropReason::kMacError) == c.mac_errors &&
                 w_.obs.times(TraceEvent::Kind::kDropped, DropReason::kTruncated) == c.truncated);
    if (verdict != kDelivered) return;
    conclude("F", "the application gets the card's word for it", packet_.rx.meta == word_);
    conclude("F", "and the packet as it was assembled", [&] {
      return packet_.length == length_ && packet_.segment_count == old_segments_ &&
             packet_.rx.has_timestamp;
    });
  }

  /// Completions that satisfy all rules are accepted.
  void conclude_refusal() {
    const Refused& r = w_.device.refused.front();
    const Word named(buffer().BUFF_ID());
    const auto traced = [&](const Wide& value, const Wide& limit) {
      return r.value == value && r.limit == limit;
    };
    conclude("F", "what is refused broke a rule, and is told with its value and its limit", [&] {
      const bool payload = stage_ == Stage::kSegments && is(spec::RCD_TYPE::PAY_AL);
      switch (r.site) {
        case Site::kRcdGrammar:
          return !fits_the_stage() && traced(word_, Wide(0));
        case Site::kRcdSegments:
          return payload && old_segments_ == kMaxSegments &&
                 traced(rcd().TYPE(), Wide(kMaxSegments));
        case Site::kRcdOptMeta:
          return stamp().OPT_TYPE() != 0U && traced(stamp().OPT_TYPE(), Wide(0));
        case Site::kRcdHeaderId:
        case Site::kRcdPayloadId:
          return header_ == (r.site == Site::kRcdHeaderId) &&
                 !mine_before().window.owned_by_card(named) &&
                 traced(buffer().BUFF_ID(), Wide(mine_before().window.tail));
        case Site::kRcdHeaderOffset:
        case Site::kRcdPayloadOffset:
          return header_ == (r.site == Site::kRcdHeaderOffset) && wrong_place() &&
                 wrong_offset() && traced(buffer().OFF(), Wide(mine().next_offset));
        case Site::kRcdHeaderLength:
        case Site::kRcdPayloadLength:
          return header_ == (r.site == Site::kRcdHeaderLength) && wrong_place() &&
                 !wrong_offset() && traced(buffer().LEN(), Wide(kFragmentBytes));
        default:
          return false;
      }
    });
    conclude("I4", "a refused completion hands nothing to the packet", held_.empty());
  }
  bool fits_the_stage() const {
    if (stage_ == Stage::kBetween) return is(spec::RCD_TYPE::HDR_AL);
    if (stage_ == Stage::kStamped) return is(spec::RCD_TYPE::META);
    return !is(spec::RCD_TYPE::HDR_AL);
  }
  bool wrong_offset() const {
    return buffer().OFF() < Wide(mine().next_offset) || buffer().OFF() >= kFragmentBytes;
  }
  /// New data must only lie after all earlier data and inside the fragment.
  bool wrong_place() const {
    return wrong_offset() || buffer().LEN() == 0U ||
           buffer().OFF() + buffer().LEN() + (header_ ? kTailRoom : 0U) > kFragmentBytes;
  }

  World w_;
  bool header_;
  Stage stage_;
  Word old_segments_, length_;
  World::RxCursor before_, cursor_;
  Packet packet_;
  Wide word_{};
  std::vector<Word> dropped_, held_;
  unsigned loads_ = 0, packets_dropped_ = 0;
};

}  // namespace

HNI_PROVE(rx_queue_between_packets,
          "Between packets only a header is accepted: a slot that the card owns, at a position "
          "inside its fragment and after all earlier data; skipped slots are freed once each; a "
          "completion that satisfies the rules is never refused (I1 to I4, I6 to I8, F).") {
  must_cover("nothing", "refused", "next completion", "segment", "a third one skipped");
  AssemblyProof(Stage::kBetween, Word(0)).run();
}

HNI_PROVE(rx_queue_inside_a_packet,
          "Inside a packet, with any number of segments so far, payloads are accepted by the same "
          "rules up to the capacity of a packet, then one timestamp, then the end; anything else "
          "is refused (I1 to I4, I6 to I8, F).") {
  must_cover("nothing", "refused", "next completion", "delivered", "errored", "packet dropped",
             "segment", "timestamp", "a third one skipped");
  const auto segments = input<std::uint32_t>("segments so far");
  assume("a packet has at most the segments that it has room for", segments <= kMaxSegments);
  AssemblyProof(Stage::kSegments, segments).run();
}

HNI_PROVE(rx_queue_behind_the_stamp,
          "After the timestamp of a packet only its end is accepted (I2 to I4, I8, F).") {
  must_cover("nothing", "refused", "delivered", "errored", "packet dropped");
  AssemblyProof(Stage::kStamped, input<std::uint32_t>("segments so far")).run();
}

}  // namespace hni::proofs
