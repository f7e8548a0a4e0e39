// SPDX-License-Identifier: Apache-2.0
#include "fuzz/script/mutator.hpp"

#include <algorithm>
#include <array>
#include <cstring>

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

/// Words with one bit, all bits or no bit set are as likely as any others: DONE, errors, types.
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

void mutate_once(std::vector<Op>& script, OpList ops, Random& random) {
  const auto at = [&](std::size_t i) { return script.begin() + static_cast<std::ptrdiff_t>(i); };
  const std::size_t n = script.size();
  if (n == 0) return script.push_back(random_op(ops, random));
  const std::size_t first = random.below(n);
  const std::size_t count = 1 + random.below(std::min<std::size_t>(n - first, 16));
  switch (random.below(8)) {
    case 0:
      script.erase(at(first), at(first + count));
      return;
    case 1: {  // copies a sequence to another position
      std::array<Op, 16> part;
      std::copy_n(at(first), count, part.begin());
      script.insert(at(random.below(n + 1)), part.begin(),
                    part.begin() + static_cast<std::ptrdiff_t>(count));
      return;
    }
    case 2:
      std::swap(script[first], script[random.below(n)]);
      return;
    case 3:
    case 4:
      script.insert(at(random.below(n + 1)), random_op(ops, random));
      return;
    default:
      change(script[first], ops, random);
      return;
  }
}

}  // namespace

std::size_t mutate_script(OpList ops, std::uint8_t* data, std::size_t size, std::size_t max_size,
                          std::uint32_t seed) {
  Random random(seed);
  // Kept between calls: an allocation per run would dominate the time of a small target.
  static std::vector<Op> script;
  script.clear();
  ScriptReader reader(data, size, ops);
  for (Op op; reader.next(op);) script.push_back(op);
  for (std::size_t turns = 1 + random.below(4); turns != 0; --turns)
    mutate_once(script, ops, random);
  return encode_into(script, ops, {data, max_size});
}

}  // namespace hni::fuzz
