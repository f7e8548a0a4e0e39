// SPDX-License-Identifier: Apache-2.0
#include "device/checksum.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hni::device {
namespace {

// Sums of 32-bit words, which are congruent to the sums of their 16-bit words and never overflow.
[[maybe_unused]] std::uint64_t sum_portable(const std::byte* data, std::size_t blocks) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  for (const std::byte* const end = data + kSumBlockBytes * blocks; data != end; data += 8) {
    std::uint64_t word;
    std::memcpy(&word, data, sizeof word);
    low += word & 0xffffffffu;
    high += word >> 32;
  }
  return low + high;
}

#if defined(__x86_64__)

// The multiply-add instruction reads signed words. With the highest bit inverted, a word is its
// value minus 0x8000, so the true sum is the result plus 0x8000 per word. A 32-bit lane gains at
// most 0x10000 per step: it holds kMaxSteps.
constexpr std::size_t kMaxSteps = 16384;
constexpr std::uint64_t kBias = 0x8000;

std::uint64_t sum_sse2(const std::byte* data, std::size_t blocks) {
  const __m128i invert = _mm_set1_epi16(static_cast<short>(-0x8000));
  const __m128i ones = _mm_set1_epi16(1);
  std::int64_t sum = 0;
  for (std::size_t left = blocks; left != 0;) {
    const std::size_t now = left < kMaxSteps ? left : kMaxSteps;
    __m128i first = _mm_setzero_si128();
    __m128i second = _mm_setzero_si128();
    for (const std::byte* const end = data + kSumBlockBytes * now; data != end;
         data += kSumBlockBytes) {
      const auto* const at = reinterpret_cast<const __m128i*>(data);
      const __m128i a = _mm_xor_si128(_mm_loadu_si128(at), invert);
      const __m128i b = _mm_xor_si128(_mm_loadu_si128(at + 1), invert);
      first = _mm_add_epi32(first, _mm_madd_epi16(a, ones));
      second = _mm_add_epi32(second, _mm_madd_epi16(b, ones));
    }
    alignas(16) std::int32_t lanes[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(lanes), first);
    _mm_store_si128(reinterpret_cast<__m128i*>(lanes + 4), second);
    for (const std::int32_t lane : lanes) sum += lane;
    left -= now;
  }
  return static_cast<std::uint64_t>(sum) + kBias * (kSumBlockBytes / 2) * blocks;
}

[[gnu::target("avx2")]] std::uint64_t sum_avx2(const std::byte* data, std::size_t blocks) {
  const __m256i invert = _mm256_set1_epi16(static_cast<short>(-0x8000));
  const __m256i ones = _mm256_set1_epi16(1);
  std::int64_t sum = 0;
  for (std::size_t left = blocks; left != 0;) {
    const std::size_t now = left < kMaxSteps ? left : kMaxSteps;
    __m256i lanes = _mm256_setzero_si256();
    for (const std::byte* const end = data + kSumBlockBytes * now; data != end;
         data += kSumBlockBytes) {
      const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
      lanes = _mm256_add_epi32(lanes, _mm256_madd_epi16(_mm256_xor_si256(words, invert), ones));
    }
    alignas(32) std::int32_t lane[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lane), lanes);
    for (const std::int32_t value : lane) sum += value;
    left -= now;
  }
  return static_cast<std::uint64_t>(sum) + kBias * (kSumBlockBytes / 2) * blocks;
}

#endif

}  // namespace

std::uint64_t sum_blocks(const std::byte* data, std::size_t blocks, SumMethod method) {
#if defined(__x86_64__)
  if (method == SumMethod::kPortable) return sum_portable(data, blocks);
  if (method == SumMethod::kBest && __builtin_cpu_supports("avx2")) return sum_avx2(data, blocks);
  return sum_sse2(data, blocks);
#else
  static_cast<void>(method);
  return sum_portable(data, blocks);
#endif
}

}  // namespace hni::device
