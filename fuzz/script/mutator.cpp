// SPDX-License-Identifier: Apache-2.0
#include "fuzz/script/mutator.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "fuzz/script/field_faults.hpp"

namespace hni::fuzz {
namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed * 2654435761U + 0x9e3779b9U) {}
  std::uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : next() % n; }

 private:
  std::uint32_t state_;
};

/// Numbers at which rings, fragments and fields change their behaviour.
constexpr auto kInteresting = std::to_array<std::uint16_t>(
    {0,   1,   2,   15,   16,   17,   62,   63,   64,     65,     127,
     128, 255, 256, 1500, 4095, 4096, 4097, 8191, 0x7fff, 0x8000, 0xffff});

/// Prefers words with one bit, all bits or no bit set, which set and clear DONE, error and type.
std::uint64_t random_value(Random& random) {
  switch (random.below(4)) {
    case 0:
      return std::uint64_t{1} << random.below(64);
    case 1:
      return random.below(2) == 0 ? 0 : ~std::uint64_t{0};
    default:
      return std::uint64_t{random.next()} << 32 | random.next();
  }
}

Op random_op(OpList ops, Random& random) {
  Op op;
  op.kind = static_cast<std::uint8_t>(random.below(ops.size()));
  const bool classes = ops[op.kind].a_kind == ArgKind::kClass;
  op.a = static_cast<std::uint8_t>(classes ? random.below(kClassCount) : random.next() & 0xff);
  op.b = random.next() % 2 == 0 ? kInteresting[random.below(kInteresting.size())]
                                : static_cast<std::uint16_t>(random.next() & 0xffff);
  op.value = random_value(random);
  return op;
}

void change(Op& op, OpList ops, Random& random) {
  const Op fresh = random_op(ops, random);
  switch (random.below(6)) {
    case 0:
      op.kind = fresh.kind;
      return;
    case 1:
      op.a = fresh.a;
      return;
    case 2:
      op.b = fresh.b;
      return;
    case 3:
      op.b = static_cast<std::uint16_t>(op.b + (random.next() % 2 == 0 ? 1 : -1));
      return;
    case 4:
      op.value ^= 1ULL << random.below(64);
      return;
    default:
      op = fresh;
      return;
  }
}

/// A script in an engine's buffer, edited in place: an edit moves the bytes after it, and nothing
/// is decoded that is not changed.
class ScriptEditor {
 public:
  /// Completes a truncated last operation with zeros; drops it if there is no space for that.
  ScriptEditor(OpList ops, std::uint8_t* data, std::size_t size, std::size_t max_size)
      : ops_(ops), data_(data), max_size_(max_size) {
    if (ops.data() != sized_for_) {
      for (std::size_t kind = 0; kind != bytes_.size(); ++kind)
        bytes_[kind] = static_cast<std::uint8_t>(4 + ops[kind % ops.size()].value_words * 4);
      sized_for_ = ops.data();
    }
    begin_.clear();
    std::size_t at = 0;
    for (std::size_t end = 0; at < size; at = end) {
      end = at + bytes_[data[at]];
      if (end > max_size) break;
      if (end > size) std::memset(data + size, 0, end - size);
      begin_.push_back(static_cast<std::uint32_t>(at));
    }
    begin_.push_back(static_cast<std::uint32_t>(at));
  }

  [[nodiscard]] std::size_t count() const { return begin_.size() - 1; }
  [[nodiscard]] std::size_t size() const { return begin_.back(); }

  [[nodiscard]] Op get(std::size_t index) const {
    const std::uint8_t* at = data_ + begin_[index];
    Op op{static_cast<std::uint8_t>(at[0] % ops_.size()), at[1],
          static_cast<std::uint16_t>(at[2] | at[3] << 8), 0};
    std::memcpy(&op.value, at + 4, bytes_[at[0]] - 4U);
    return op;
  }
  void replace(std::size_t index, const Op& op) {
    splice(index, 1, encode(op).data(), bytes_[op.kind]);
  }
  void insert(std::size_t index, const Op& op) {
    splice(index, 0, encode(op).data(), bytes_[op.kind]);
  }
  void erase(std::size_t first, std::size_t count) { splice(first, count, nullptr, 0); }
  /// Copies `count` operations from `first` on to the position `to`.
  void copy(std::size_t first, std::size_t count, std::size_t to) {
    std::array<std::uint8_t, kMaxCopied * kMaxOpBytes> part;
    const std::size_t bytes = begin_[first + count] - begin_[first];
    std::memcpy(part.data(), data_ + begin_[first], bytes);
    splice(to, 0, part.data(), bytes);
  }

  static constexpr std::size_t kMaxCopied = 16;

 private:
  static constexpr std::size_t kMaxOpBytes = 12;

  static std::array<std::uint8_t, kMaxOpBytes> encode(const Op& op) {
    static_assert(std::endian::native == std::endian::little);
    std::array<std::uint8_t, kMaxOpBytes> bytes{op.kind, op.a,
                                                static_cast<std::uint8_t>(op.b & 0xff),
                                                static_cast<std::uint8_t>(op.b >> 8)};
    std::memcpy(&bytes[4], &op.value, sizeof op.value);
    return bytes;
  }

  /// Replaces `count` operations from `index` on by those in the `bytes` bytes at `from`.
  /// Operations that no longer fit are dropped from the end.
  void splice(std::size_t index, std::size_t count, const std::uint8_t* from, std::size_t bytes) {
    const std::size_t at = begin_[index];
    const std::size_t removed = begin_[index + count] - at;
    if (bytes > removed)
      while (size() + bytes - removed > max_size_) {
        if (this->count() <= index + count) return;  // no space even at the end
        begin_.pop_back();
      }
    const std::size_t tail = begin_[index + count];
    std::memmove(data_ + at + bytes, data_ + tail, size() - tail);
    if (bytes != 0) std::memcpy(data_ + at, from, bytes);
    // The positions from `index` on are counted again.
    const std::size_t end = size() + bytes - removed;
    begin_.resize(index);
    for (std::size_t next = at; next < end; next += bytes_[data_[next]])
      begin_.push_back(static_cast<std::uint32_t>(next));
    begin_.push_back(static_cast<std::uint32_t>(end));
  }

  OpList ops_;
  std::uint8_t* data_;
  std::size_t max_size_;
  // Kept between calls: an allocation per run would dominate the time of a small target.
  static inline std::array<std::uint8_t, 256> bytes_;  ///< of an operation, by its first byte
  static inline const OpInfo* sized_for_ = nullptr;    ///< the list that bytes_ was computed for
  static inline std::vector<std::uint32_t> begin_;     ///< of each operation, and the end
};

void mutate_once(ScriptEditor& script, OpList ops, Random& random) {
  const std::size_t n = script.count();
  if (n == 0) return script.insert(0, random_op(ops, random));
  const std::size_t first = random.below(n);
  const std::size_t count =
      1 + random.below(std::min<std::size_t>(n - first, ScriptEditor::kMaxCopied));
  switch (random.below(8)) {
    case 0:
      script.erase(first, count);
      return;
    case 1:
      script.copy(first, count, random.below(n + 1));
      return;
    case 2: {
      const std::size_t second = random.below(n);
      const Op op = script.get(first);
      script.replace(first, script.get(second));
      if (second < script.count()) script.replace(second, op);
      return;
    }
    case 3:
    case 4:
      script.insert(random.below(n + 1), random_op(ops, random));
      return;
    default: {
      Op op = script.get(first);
      change(op, ops, random);
      script.replace(first, op);
      return;
    }
  }
}

}  // namespace

std::size_t mutate_script(OpList ops, std::uint8_t* data, std::size_t size, std::size_t max_size,
                          std::uint32_t seed) {
  Random random(seed);
  ScriptEditor script(ops, data, size, max_size);
  for (std::size_t turns = 1 + random.below(4); turns != 0; --turns)
    mutate_once(script, ops, random);
  return script.size();
}

}  // namespace hni::fuzz
