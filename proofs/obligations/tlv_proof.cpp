// SPDX-License-Identifier: Apache-2.0
// The TLV parser on messages of any length and contents. Every read is a claim that it lies inside
// the permitted range, and that no byte of a header is read twice.
#include "driver/firmware/tlv.hpp"

#include <map>

#include "proofs/obligations/rings.hpp"

namespace hni::proofs {

/// The value that a refusal reports. A symbolic value has no number, so it is stored and
/// represented by a number. (Not in the unnamed namespace, where the parser would not find it.)
static Word last_reported;
static constexpr std::uint64_t kReported = 7;
static std::uint64_t reported(const Untrusted<Word>& value) {
  last_reported = value.as_data();
  return kReported;
}

namespace {

/// The refusal reports this value.
bool reports(const Refusal& refusal, const Word& value) {
  return refusal.value == kReported && last_reported == value;
}

/// A byte source of any length with bytes chosen by the card. Reads outside [low, high) violate
/// I1; with `once`, a second read of a byte violates I8.
class AnyBytes {
 public:
  using Word = proofs::Word;
  using Wide = proofs::Wide;

  AnyBytes()
      : length_(input<std::uint32_t>("message bytes")), array_(arena().array(32, 8, "message")) {
    low = 0U;
    high = length_;
  }
  Word size() const { return length_; }
  Word operator[](const Word& index) const {
    conclude("I1", "a read lies inside", [&] { return low <= index && index < high; });
    if (once) {
      for (const Word& earlier : reads_) conclude("I8", "no byte is read twice", earlier != index);
    }
    reads_.push_back(index);
    const auto byte = byte_at(index);
    show("byte at", index);
    Explorer::current().event({Event::Kind::kCard, "message_bytes", byte.bits(), false});
    return Word(byte);
  }
  /// Reads without a claim, for conclusions.
  Sym<std::uint8_t> byte_at(const Word& index) const {
    return Sym<std::uint8_t>::from_bits(arena().select(array_, index.bits()));
  }
  Word little_endian(const Word& at, unsigned bytes) const {
    Word value(0);
    for (unsigned i = 0; i < bytes; ++i) value |= Word(byte_at(at + i)) << (8 * i);
    return value;
  }

  Word low{}, high{};
  bool once = true;

 private:
  Word length_;
  Term array_;
  mutable std::vector<Word> reads_;
};

using Attribute = TlvAttribute<Word>;

/// An attribute as a walk returns it: inside the message.
Attribute any_attribute(const AnyBytes& bytes) {
  Attribute a{input<std::uint32_t>("id"), input<std::uint32_t>("value offset"),
              input<std::uint32_t>("value length"), false};
  assume("the attribute lies inside the message",
         [&] { return a.offset <= bytes.size() && a.length <= bytes.size() - a.offset; });
  return a;
}

/// Every pair of type and size that the catalogue declares, and an integer with more bytes than
/// any.
std::vector<spec::FwAttribute> distinct_declarations() {
  std::vector<spec::FwAttribute> distinct{
      {0, spec::TlvType::kUnsigned, 16, false, "of 16 bytes", 0, 0, 0, true}};
  for (const spec::FwMessageInfo& message : spec::kFwMessages) {
    for (const spec::FwAttribute& declared : message.attributes) {
      const bool known =
          std::any_of(distinct.begin(), distinct.end(), [&](const spec::FwAttribute& d) {
            return d.type == declared.type && d.max_bytes == declared.max_bytes;
          });
      if (!known) distinct.push_back(declared);
    }
  }
  return distinct;
}

/// A second description of the result of parsing [0, end): integers of up to four bytes have id 3,
/// flags 5, nested attributes 9.
struct ExpectedAttributes {
  bool accepted = false;
  std::map<std::uint16_t, Attribute> kept;

  ExpectedAttributes(const AnyBytes& bytes, const Word& end) {
    std::vector<Word> seen;
    for (Word at(0); at < end;) {
      const Word header = bytes.little_endian(at, 4);
      const Word id = header & kTlvTypeMask, length = header >> 16;
      if ((header & kTlvIsMessage) != 0U || id >= kTlvIds) return;
      if (length < 4U || length > end - at) return;
      for (const Word& earlier : seen) {
        if (id == earlier) return;
      }
      seen.push_back(id);
      if (!fits({id, at + 4U, length - 4U, false}, header)) return;
      at = at + ((length + 3U) & ~3U);
    }
    accepted = true;
  }

 private:
  bool fits(const Attribute& a, const Word& header) {
    if (a.id == 3U) return a.length >= 1U && a.length <= 4U && keep(3, a);
    if (a.id == 5U) return a.length == 0U && keep(5, a);
    if (a.id == 9U) return (a.length & 3U) == 0U && keep(9, a);
    return (header & kTlvCannotIgnore) == 0U;
  }
  bool keep(std::uint16_t id, const Attribute& a) { return kept.emplace(id, a).second; }
};

}  // namespace

HNI_PROVE(tlv_message_header,
          "A message is accepted exactly if its header is complete, is marked as a message, and "
          "claims at least a header and at most the received bytes; nothing else is read, and "
          "each byte once (I1, I8).") {
  AnyBytes bytes;
  must_cover("accepted", "refused");
  const Word most = bytes.size();
  bytes.high = most < kTlvHeaderBytes ? most : Word(kTlvHeaderBytes);
  const auto message = tlv_message(bytes);
  cover(message ? "accepted" : "refused");
  const Word header = bytes.little_endian(Word(0), 4);
  const Word words = header >> 16;
  conclude("F", "accepted exactly by the rule", [&] {
    return message.has_value() ==
           (bytes.size() >= kTlvHeaderBytes && (header & kTlvIsMessage) != 0U && words >= 1U &&
            words * 4U <= bytes.size());
  });
  if (!message) {
    const Refusal refusal = message.error();
    conclude("F", "the refusal names the site", refusal.site == Site::kMessageHeader);
    conclude("F", "the refusal names value and limit, and no value of a header that is not there",
             [&] {
               if (bytes.size() < kTlvHeaderBytes)
                 return refusal.limit == kTlvHeaderBytes && refusal.value == 0;
               if ((header & kTlvIsMessage) == 0U)
                 return refusal.limit == kTlvIsMessage && reports(refusal, header);
               return refusal.limit == kTlvMaxBytes / 4 && reports(refusal, words);
             });
    return;
  }
  conclude("I1", "the message lies inside the bytes that came", message->end <= bytes.size());
  conclude("I1", "it is whole words and at least a header",
           [&] { return message->end >= 4U && (message->end & 3U) == 0U; });
  conclude("F", "type and length are those of the header",
           [&] { return message->type == (header & 0xfffU) && message->end == words * 4U; });
}

HNI_PROVE(tlv_walk_begins,
          "A walk is valid exactly if its range lies inside the bytes and consists of whole "
          "words; it has more exactly if the range is not empty (I1, I2).") {
  const AnyBytes bytes;
  const auto begin = input<std::uint32_t>("begin");
  const auto end = input<std::uint32_t>("end");
  must_cover("valid", "not valid");
  const TlvWalk<AnyBytes> walk(bytes, begin, end);
  const bool valid = walk.is_valid();
  cover(valid ? "valid" : "not valid");
  conclude("I2", "valid exactly by the rule", [&] {
    return valid ==
           (begin <= end && end <= bytes.size() && (begin & 3U) == 0U && (end & 3U) == 0U);
  });
  if (!valid) return;
  conclude("I2", "there is more exactly when something is left",
           [&] { return walk.more() == (walk.left() != 0U) && walk.left() == end - begin; });
}

HNI_PROVE(tlv_walk_step,
          "One step of a walk reads one header inside the message, each byte once; an accepted "
          "attribute lies inside the message; the remaining range shrinks, so every walk ends "
          "(I1, I2, I7, I8).") {
  AnyBytes bytes;
  const auto at = input<std::uint32_t>("at");
  const auto end = input<std::uint32_t>("end");
  TlvWalk<AnyBytes> walk(bytes, at, end);
  assume("the walk is valid", [&] { return walk.is_valid(); });
  assume("there is more", [&] { return walk.more(); });
  must_cover("attribute", "refused");
  bytes.low = at;
  bytes.high = at + kTlvHeaderBytes;
  conclude("I1", "a whole header lies inside the message", bytes.high <= end);
  conclude("I1", "and inside the bytes that came", bytes.high <= bytes.size());
  const Word left = walk.left();
  conclude("I7", "what is left is the distance to the end", left == end - at);
  const auto attribute = walk.next();
  cover(attribute ? "attribute" : "refused");
  const Word header = bytes.little_endian(at, 4);
  const Word length = header >> 16;
  conclude("F", "accepted exactly by the rule", [&] {
    return attribute.has_value() ==
           ((header & kTlvIsMessage) == 0U && (header & kTlvTypeMask) < kTlvIds && length >= 4U &&
            length <= left);
  });
  if (!attribute) {
    const Refusal refusal = attribute.error();
    conclude("F", "the refusal names the site", refusal.site == Site::kAttributeHeader);
    conclude("F", "the refusal names value and limit", [&] {
      if ((header & kTlvIsMessage) != 0U)
        return refusal.limit == kTlvIsMessage && reports(refusal, header);
      if ((header & kTlvTypeMask) >= kTlvIds)
        return refusal.limit == kTlvIds && reports(refusal, header);
      return refusal.limit == kTlvMaxBytes && reports(refusal, length);
    });
    return;
  }
  conclude("I1", "the value lies inside the message", [&] {
    return attribute->offset == at + 4U && attribute->offset <= end &&
           attribute->length <= end - attribute->offset;
  });
  conclude("I1", "the id indexes a table of 32", attribute->id < kTlvIds);
  conclude("F", "id, length and mark are those of the header", [&] {
    return attribute->id == (header & kTlvTypeMask) && attribute->length == length - 4U &&
           attribute->cannot_ignore == ((header & kTlvCannotIgnore) != 0U);
  });
  conclude("I2", "the walk stays valid", [&] { return walk.is_valid(); });
  conclude("I7", "at least a header fewer is left", walk.left() <= left - 4U);
  conclude("F", "it moves on to the next word after the value",
           walk.left() == left - ((length + 3U) & ~3U));
}

HNI_PROVE(tlv_fits_reads_inside,
          "Whether a value matches its declared type depends on its length and, for text, on one "
          "byte inside it; for every attribute of the catalogue (I1, I8).") {
  AnyBytes bytes;
  const Attribute a = any_attribute(bytes);
  bytes.low = a.offset;
  bytes.high = a.offset + a.length;
  const std::vector<spec::FwAttribute> declarations = distinct_declarations();
  const auto chosen = input<std::uint8_t>("declaration");
  must_cover("fits", "does not fit");
  for (std::uint8_t i = 0; i < declarations.size(); ++i) {
    if (chosen != i) continue;
    const spec::FwAttribute& declared = declarations[i];
    note(declared.name);
    const bool fits = tlv_fits(bytes, a, declared);
    cover(fits ? "fits" : "does not fit");
    const auto sized = [&](std::uint32_t most) { return a.length >= 1U && a.length <= most; };
    const std::uint32_t most = declared.max_bytes;
    switch (declared.type) {
      case spec::TlvType::kFlag:
        conclude("F", "a flag has no value", fits == (a.length == 0U));
        break;
      case spec::TlvType::kUnsigned:
      case spec::TlvType::kSigned:
        conclude("F", "an integer has at most its declared size and 8 bytes",
                 [&] { return fits == sized(std::min(most, 8U)); });
        break;
      case spec::TlvType::kString:
        conclude("F", "text has at most its declared size and ends with NUL", [&] {
          return fits == (sized(most) && bytes.byte_at(a.offset + a.length - 1U) == 0U);
        });
        break;
      case spec::TlvType::kBinary:
        conclude("F", "bytes have at most their declared size",
                 [&] { return fits == sized(most); });
        break;
      case spec::TlvType::kNested:
      case spec::TlvType::kArray:
        conclude("F", "what holds attributes has whole words", fits == ((a.length & 3U) == 0U));
        break;
    }
  }
}

HNI_PROVE(tlv_unsigned_value,
          "An unsigned integer is read little-endian from the bytes of its attribute only, each "
          "once, at most eight (I1, I6, I8).") {
  AnyBytes bytes;
  const Attribute a = any_attribute(bytes);
  bytes.low = a.offset;
  bytes.high = a.offset + a.length;
  const Wide value = tlv_unsigned(bytes, a).as_data();
  Wide expected(0);
  for (unsigned i = 0; i < 8 && a.length > i; ++i)
    expected |= Wide(bytes.byte_at(a.offset + i)) << (8 * i);
  conclude("F", "the value is that of the bytes", value == expected);
}

HNI_PROVE(tlv_signed_value,
          "A signed integer is read from the bytes of its attribute only, each once, and "
          "sign-extended from its actual length (I1, "
          "I6, I8).") {
  AnyBytes bytes;
  const Attribute a = any_attribute(bytes);
  bytes.low = a.offset;
  bytes.high = a.offset + a.length;
  const Wide value = tlv_signed(bytes, a).as_data();
  unsigned n = 0;
  while (n < 8 && a.length > n) ++n;
  for (unsigned i = 0; i < n; ++i) {
    conclude("F", "each byte of the value is one of the attribute",
             ((value >> (8 * i)) & 0xffU) == Wide(bytes.byte_at(a.offset + i)));
  }
  if (n == 0) conclude("F", "no byte, no value", value == 0U);
  if (n == 0 || n == 8) return;
  const Wide above = value >> (8 * n);
  const Sym<bool> negative = bytes.byte_at(a.offset + (n - 1)) >= 128;
  conclude("F", "the bits above repeat the sign",
           negative ? above == (~std::uint64_t{0} >> (8 * n)) : above == 0U);
}

HNI_PROVE(tlv_parse_of_few_attributes,
          "Parsing a message of up to three attributes reads each header once and only the "
          "message, accepts no attribute twice, and "
          "keeps exactly what the catalogue knows (I1, I7, I8).") {
  AnyBytes bytes;
  bytes.once = false;  // the value of a text is read once more, in private memory
  const auto end = input<std::uint32_t>("end");
  assume("a message of at most three headers",
         [&] { return end <= bytes.size() && end <= 12U && (end & 3U) == 0U; });
  static constexpr spec::FwAttribute kKnown[] = {
      {3, spec::TlvType::kUnsigned, 4, false, "number", 0, 0, 0, true},
      {5, spec::TlvType::kFlag, 0, false, "flag", 0, 0, 0, true},
      {7, spec::TlvType::kFlag, 0, false, "not in Linux", 0, 0, 0, false}};
  must_cover("parsed", "refused", "three attributes");
  bytes.high = end;
  const auto parsed = TlvAttributes<AnyBytes>::parse(bytes, Word(0), end, kKnown);
  cover(parsed ? "parsed" : "refused");
  if (!parsed) return;
  // The third turn of the loop: three headers of which none has a value.
  const Word first = bytes.little_endian(0, 4), second = bytes.little_endian(4, 4),
             third = bytes.little_endian(8, 4);
  const bool three = end == 12U && (first >> 16) == 4U && (second >> 16) == 4U;
  if (three) {
    cover("three attributes");
    const Word id = third & kTlvTypeMask;
    conclude("F", "of three attributes no two are the same", [&] {
      return (first & kTlvTypeMask) != id && (second & kTlvTypeMask) != id &&
             (first & kTlvTypeMask) != (second & kTlvTypeMask);
    });
    conclude("F", "the third one is a flag, or may be ignored",
             [&] { return id == 5U || (id != 3U && (third & kTlvCannotIgnore) == 0U); });
    conclude("F", "the third one is an attribute of four bytes",
             [&] { return (third >> 16) == 4U && (third & kTlvIsMessage) == 0U && id < kTlvIds; });
  }
  for (std::uint16_t id = 0; id < kTlvIds; ++id) {
    if (!parsed->has(id)) continue;
    conclude("F", "only what the catalogue knows is kept", id == 3 || id == 5);
    const Attribute& a = *parsed->at(id);
    conclude("I1", "what is kept lies inside the message",
             [&] { return a.offset <= end && a.length <= end - a.offset; });
    conclude("F", "it is kept under its own id", a.id == id);
    if (id == 5) conclude("F", "a flag has no value", a.length == 0U);
    if (id == 3)
      conclude("F", "an integer has 1 to 4 bytes",
               [&] { return a.length >= 1U && a.length <= 4U; });
  }
}

HNI_PROVE(tlv_parse_by_the_rules,
          "Parsing a message of up to eight bytes reads only the message; it is accepted exactly "
          "if every header is valid, no attribute is repeated, each known one matches its type "
          "and each unknown one may be ignored; exactly the known ones are kept, with their "
          "values (I1, I7, F).") {
  AnyBytes bytes;
  bytes.once = false;  // the value of a text is read once more, in private memory
  const auto end = input<std::uint32_t>("end");
  assume("a message of at most two headers",
         [&] { return end <= bytes.size() && end <= 8U && (end & 3U) == 0U; });
  static constexpr spec::FwAttribute kKnown[] = {
      {3, spec::TlvType::kUnsigned, 4, false, "number", 0, 0, 0, true},
      {5, spec::TlvType::kFlag, 0, false, "flag", 0, 0, 0, true},
      {7, spec::TlvType::kFlag, 0, false, "not in Linux", 0, 0, 0, false},
      {9, spec::TlvType::kNested, 0, false, "nested", 0, 0, 0, true}};
  must_cover("parsed", "refused");
  bytes.high = end;
  const auto parsed = TlvAttributes<AnyBytes>::parse(bytes, Word(0), end, kKnown);
  cover(parsed ? "parsed" : "refused");
  const ExpectedAttributes expected(bytes, end);
  conclude("F", "accepted exactly by the rules", parsed.has_value() == expected.accepted);
  if (!parsed || !expected.accepted) return;
  for (std::uint16_t id = 0; id < kTlvIds + 2; ++id) {
    conclude("F", "exactly the known ones are kept",
             parsed->has(id) == expected.kept.contains(id));
  }
  for (const auto& kept : expected.kept) {
    const Attribute& a = *parsed->at(kept.first);
    const Attribute& e = kept.second;
    conclude("F", "each is where its header says",
             [&] { return a.id == e.id && a.offset == e.offset && a.length == e.length; });
  }
  for (const std::uint16_t id : {std::uint16_t{3}, std::uint16_t{4}}) {
    const auto e = expected.kept.find(id);
    const bool has = e != expected.kept.end();
    conclude("F", "a number is that of its attribute, or 0",
             parsed->unsigned_at(id).as_data() ==
                 (has ? tlv_unsigned(bytes, e->second).as_data() : Wide(0)));
    conclude("F", "the same with a sign",
             parsed->signed_at(id).as_data() ==
                 (has ? tlv_signed(bytes, e->second).as_data() : Wide(0)));
  }
  if (!expected.kept.contains(9)) return;
  const auto walk = parsed->inside(9);
  conclude("I2", "a walk over what an attribute holds is valid", [&] { return walk.is_valid(); });
  conclude("F", "and goes over all of it", walk.left() == expected.kept.at(9).length);
}

HNI_REFUTE(tlv_length_fetched_twice, "I8",
           "Known mistake: the length of an attribute is read again after it was checked "
           "[trust-boundary A74].") {
  const auto checked = nondet_read<std::uint16_t>("attribute_header");
  assume("the checked length is good", checked <= 8U);
  const auto used = nondet_read<std::uint16_t>("attribute_header");
  conclude("I8", "the length that is used is the checked one", used == checked);
}

HNI_REFUTE(tlv_attribute_bounded_by_the_page, "I1",
           "Known mistake: an attribute is bounded by the page instead of by its message "
           "[trust-boundary A70].") {
  AnyBytes bytes;
  const Attribute a{Word(0), input<std::uint32_t>("value offset"),
                    input<std::uint32_t>("value length"), false};
  assume("it lies inside the page",
         [&] { return a.offset <= 4096U && a.length <= 4096U - a.offset && a.length != 0U; });
  (void)bytes[a.offset + a.length - 1U];
}

}  // namespace hni::proofs
