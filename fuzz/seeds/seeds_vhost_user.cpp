// SPDX-License-Identifier: Apache-2.0
// Messages of User Mode Linux, and ways to corrupt them, for the target vhost_user.

#include <initializer_list>

#include "fuzz/seeds/seed_maker.hpp"

namespace hni::fuzz {
namespace {

using Octets = std::vector<std::uint8_t>;
using Fields = std::initializer_list<std::pair<std::uint64_t, unsigned>>;

constexpr std::uint64_t kMemoryAt = 0x4000'0000;
constexpr std::uint64_t kCommands = 0x10000;
constexpr std::uint64_t kAnswers = 0x20000;

void append(Octets& to, std::uint64_t value, unsigned bytes) {
  // Little-endian; sizes above eight bytes are padded with zeros.
  for (unsigned i = 0; i < bytes; ++i)
    to.push_back(i < 8 ? static_cast<std::uint8_t>(value >> (8 * i)) : std::uint8_t{0});
}

/// An input: optionally preceded by the start of a session, then pieces.
class Input {
 public:
  explicit Input(bool started) : bytes_{std::uint8_t{started}} {}

  Input& piece(std::uint8_t kind, std::uint64_t number, Fields fields = {}) {
    Octets body;
    for (const auto& [value, width] : fields) append(body, value, width);
    bytes_.push_back(kind);
    append(bytes_, number, 2);
    append(bytes_, body.size(), 2);
    bytes_.insert(bytes_.end(), body.begin(), body.end());
    return *this;
  }
  /// One request of 64-bit words, with descriptors.
  Input& request(std::uint32_t request, std::initializer_list<std::uint64_t> words,
                 std::uint64_t fds = 0) {
    Octets body;
    append(body, request, 4);
    append(body, 9, 4);
    append(body, 8 * words.size(), 4);
    for (const std::uint64_t word : words) append(body, word, 8);
    bytes_.push_back(0);
    append(bytes_, fds, 2);
    append(bytes_, body.size(), 2);
    bytes_.insert(bytes_.end(), body.begin(), body.end());
    return *this;
  }
  Input& memory(std::uint64_t at, Fields fields) { return piece(1, at / 16, fields); }
  Input& kick(std::uint64_t queue) { return piece(2, queue); }
  /// Descriptor 0 is the command, 1 the response; the chain is made available again and the queue
  /// kicked.
  Input& command(std::uint8_t op, std::uint8_t bar, std::uint32_t size, std::uint64_t address,
                 std::uint64_t data, std::uint32_t answer) {
    const std::uint32_t out = answer != 0 ? 16 : 24;
    memory(kCommands, {{op, 1}, {bar, 1}, {0, 2}, {size, 4}, {address, 8}, {data, 8}});
    memory(0x1000, {{kMemoryAt + kCommands, 8},
                    {out, 4},
                    {answer != 0, 2},
                    {1, 2},
                    {kMemoryAt + kAnswers, 8},
                    {answer, 4},
                    {2, 2},
                    {0, 2}});
    memory(0x2000, {{0, 2}, {++offered_, 2}});
    return kick(0);
  }
  const Octets& bytes() const { return bytes_; }

 private:
  Octets bytes_;
  std::uint64_t offered_ = 0;
};

}  // namespace

void vhost_user_seeds(SeedMaker& to) {
  const auto add = [&](const std::string& name, const Input& input) {
    to.add_bytes("vhost_user", name, input.bytes());
  };
  add("start", Input(false)
                   .request(3, {})
                   .request(1, {})
                   .request(15, {})
                   .request(16, {0x4029})
                   .request(21, {}, 1)
                   .request(17, {})
                   .request(2, {0x1'4000'0000})
                   .request(5, {1, kMemoryAt, 0x40000, kMemoryAt, 0}, 1)
                   .request(8, {16ull << 32})
                   .request(10, {0})
                   .request(9, {0, kMemoryAt + 0x1000, kMemoryAt + 0x3000, kMemoryAt + 0x2000, 0})
                   .request(18, {1ull << 32})
                   .request(35, {0})
                   .request(11, {0}));
  add("configuration", Input(true)
                           .command(1, 0, 4, 0, 0, 4)
                           .command(2, 0, 2, 4, 6, 0)
                           .command(1, 0, 8, 0x60, 0, 8));
  add("registers", Input(true).command(4, 4, 4, 0x18000, 5, 0).command(3, 4, 8, 0x18000, 0, 8));
  add("memset", Input(true).command(5, 4, 64, 0x18000, 0x5a, 0));
  add("long-read", Input(true).command(3, 0, 65536, 0, 0, 65536));
  add("interrupt", Input(true)
                       .command(2, 0, 2, 0x52, 0x8000, 0)
                       .command(4, 2, 4, 12, 0, 0)
                       .memory(0x5000, {{kMemoryAt + 0x30000, 8}, {20, 4}, {2, 2}, {0, 2}})
                       .memory(0x6000, {{0, 2}, {1, 2}})
                       .kick(1)
                       .piece(4, 0));
  add("function-level-reset", Input(true).command(2, 0, 2, 0x68, 0xa830, 0));
  add("loop", Input(true)
                  .memory(0x1000, {{kMemoryAt + kCommands, 8}, {16, 4}, {1, 2}, {0, 2}})
                  .memory(0x2000, {{0, 2}, {1, 2}})
                  .kick(0));
  add("more-than-entries", Input(true).memory(0x2000, {{0, 2}, {17, 2}}).kick(0));
  add("outside", Input(true)
                     .memory(0x1000, {{~0ull - 7, 8}, {16, 4}, {0, 2}, {0, 2}})
                     .memory(0x2000, {{0, 2}, {1, 2}})
                     .kick(0));
  add("memory-taken-away",
      Input(true).command(1, 0, 4, 0, 0, 4).piece(3, 0).kick(0).request(1, {}));
  add("memory-twice",
      Input(true).request(5, {2, kMemoryAt, 0x1000, kMemoryAt, 0, kMemoryAt, 0x1000, kMemoryAt, 0},
                          2));
  add("eleven-descriptors", Input(true).request(5, {1}, 11));
  add("length-of-all-ones", Input(false).piece(0, 0, {{1, 4}, {1, 4}, {0xffffffff, 4}}));
}

}  // namespace hni::fuzz
