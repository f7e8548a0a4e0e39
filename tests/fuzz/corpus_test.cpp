// SPDX-License-Identifier: Apache-2.0
// The committed corpus: small, contains all generated seeds, and has a seed for each class of
// value at each input site.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "fuzz/script/field_faults.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/seeds/seeds.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint8_t> bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class Each>
void for_each_file(Each&& each) {
  for (const auto& entry : fs::recursive_directory_iterator(HNI_CORPUS))
    if (entry.is_regular_file()) each(entry.path());
}

TEST(FuzzCorpus, StaysSmall) {
  std::size_t files = 0;
  std::uintmax_t bytes = 0;
  for_each_file([&](const fs::path& path) {
    ++files;
    bytes += fs::file_size(path);
  });
  EXPECT_LE(files, 2000U);
  EXPECT_LE(bytes, 2U << 20);
}

TEST(FuzzCorpus, EveryTargetHasOne) {
  for (const Target* target : targets())
    EXPECT_TRUE(fs::is_directory(fs::path(HNI_CORPUS) / target->name)) << target->name;
}

TEST(FuzzCorpus, ContainsTheGeneratedSeeds) {
  for (const Seed& seed : make_seeds()) {
    const fs::path path = fs::path(HNI_CORPUS) / seed.target / seed.name;
    ASSERT_TRUE(fs::exists(path)) << path << ": run hni fuzz seeds corpus";
    EXPECT_EQ(bytes_of(path), seed.bytes) << path << ": run hni fuzz seeds corpus";
  }
}

// A byte that is not the number of a site would change its meaning once that number is used.
TEST(FuzzCorpus, NamesInputSitesByTheirNumbers) {
  for (const Target* target : targets()) {
    if (target->ops.empty()) continue;
    for (const auto& entry : fs::directory_iterator(fs::path(HNI_CORPUS) / target->name)) {
      for (const Op& op : decode_script(bytes_of(entry.path()), target->ops)) {
        if (target->ops[op.kind].a_kind != ArgKind::kSite) continue;
        EXPECT_LT(op.a, kSiteCount) << entry.path() << ": write " << site_name(site_of(op.a));
      }
    }
  }
}

/// Sites whose value no target can change, with the reason.
const std::map<Site, std::string_view> kExempt = {};

TEST(FuzzCorpus, TriesZeroMaximumBoundaryAndStaleAtEverySite) {
  site_record() = {};
  for (const Target* target : targets()) {
    if (!target->finds_nothing || target->ops.empty()) continue;
    const fs::path folder = fs::path(HNI_CORPUS) / target->name;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto bytes = bytes_of(entry.path());
      run_target(*target, bytes.data(), bytes.size());
    }
  }
  using enum ValueClass;
  for (const SiteInfo& site : kSites) {
    if (kExempt.contains(site.id)) continue;
    const auto& count = site_record().count[static_cast<std::size_t>(site.id)];
    const auto tried = [&](ValueClass c) { return count[static_cast<std::size_t>(c)] != 0; };
    EXPECT_TRUE(tried(kZero)) << site.name << " has no seed that says zero";
    EXPECT_TRUE(tried(kMax)) << site.name << " has no seed that says all ones";
    EXPECT_TRUE(tried(kBelowLow) || tried(kAboveHigh)) << site.name << " has no boundary seed";
    EXPECT_TRUE(tried(kStale)) << site.name << " has no seed that repeats an old value";
  }
}

}  // namespace
}  // namespace hni::fuzz
