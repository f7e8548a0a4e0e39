// SPDX-License-Identifier: Apache-2.0
// The Verilog-style preprocessor of SystemRDL (SystemRDL 16): `include, `define and its use,
// `undef, `ifdef, `ifndef, `elsif, `else, `endif and `line. Works on text, because a macro may
// expand to a part of a token. The result is one text with a map back to the files.
//
// Embedded Perl and default arguments of macros are reported as unsupported.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spec/compiler/source.hpp"

namespace hni::rdl {

struct LexLimits {
  std::size_t total_bytes = 64u << 20;  // after preprocessing
  std::size_t tokens = 16u << 20;
  std::size_t include_depth = 16;
};

struct PreprocessOptions {
  std::vector<std::pair<std::string, std::string>> defines;
  std::vector<std::string> include_folders;  // searched before the including file's own folder
};

// The origin of the bytes of the preprocessed text from `begin` on.
struct Segment {
  std::size_t begin = 0;
  Span source;         // its bytes one by one, or
  bool fixed = false;  // the use of a macro as a whole
};

struct Preprocessed {
  std::string text;
  std::vector<Segment> segments;  // by rising begin
};

// Returns false if there was an error; `out` then ends at the error.
bool preprocess(const std::string& path, const FileReader& reader, SourceSet& sources,
                Diagnostics& diagnostics, const LexLimits& limits,
                const PreprocessOptions& options, Preprocessed& out);

}  // namespace hni::rdl
