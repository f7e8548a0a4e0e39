// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Collects seeds: converts scripts from text to bytes. seeds.cpp, seeds_filter.cpp and
/// seeds_firmware.cpp fill it.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/script/target.hpp"
#include "fuzz/seeds/seeds.hpp"

namespace hni::fuzz {

class SeedMaker {
 public:
  void add(std::string_view target, const std::string& name, const std::string& text) {
    const Target* t = find_target(target);
    const ParsedScript parsed = script_from_text(text, t->ops);
    if (!parsed.error.empty()) {
      std::fprintf(stderr, "seed %s: %s\n", name.c_str(), parsed.error.c_str());
      std::abort();
    }
    seeds.push_back({std::string(target), name, encode_script(parsed.script, t->ops)});
  }
  void add_bytes(std::string_view target, const std::string& name,
                 std::vector<std::uint8_t> bytes) {
    seeds.push_back({std::string(target), name, std::move(bytes)});
  }
  std::vector<Seed> seeds;
};

/// Flow rules and frames for the classifier.
void rule_seeds(SeedMaker& to);
/// Responses, errors and refusals for every firmware request.
void firmware_seeds(SeedMaker& to);
/// Out-of-order calls of an application, and cards that are removed or never idle.
void application_seeds(SeedMaker& to);
/// Messages of a vhost-user front-end.
void vhost_user_seeds(SeedMaker& to);
/// Text inputs: recordings, and requests to a running hni run.
void text_seeds(SeedMaker& to);

}  // namespace hni::fuzz
