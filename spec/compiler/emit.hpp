// SPDX-License-Identifier: Apache-2.0
// The writers: each turns the card (or the elaborated model) into the text of one file. Pure
// functions; files are written by spec_main.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "spec/compiler/card.hpp"

namespace hni::speclib {

// C++20 headers of the library (namespace hni::spec).
enum class RegisterSet { kKernel, kDumpOnly };
std::string emit_registers(const Card& card, RegisterSet set);
std::string emit_descriptors(const Card& card);
std::string emit_enums(const Card& card);
std::string emit_firmware(const Card& card);
std::string emit_device_table_header(const Card& card);
std::string emit_device_table_source(const Card& card);
// Visitors over every layout and field, for obligations that must hold for all of them.
std::string emit_proofs(const Card& card);

// Plain C for people who write kernel code, names with the prefix FBNIC_.
std::string emit_c_header(const Card& card);
// The same for any map: byte offsets, masks, shifts and reset values, names with the prefix of the
// map. Part of emit_c_header.
std::string emit_c_map(const Card& card);
// Structures that lie over the registers, with an assertion for every offset.
std::string emit_c_structs(const Card& card);
// C++ translation unit that compares the C header's constants with the C++ ones by static_assert.
std::string emit_c_header_check(const Card& card);

// Dictionaries in the form that AFL++ and libFuzzer share.
std::string emit_fuzz_dictionary(const Card& card);
// For bpftrace: constants to include, and names as statements for a BEGIN block.
std::string emit_bpftrace_header(const Card& card);
std::string emit_bpftrace(const Card& card);

// The elaborated model: one line a thing, as JSON, as SystemRDL again.
std::string emit_dump(const rdl::Model& model);
std::string emit_json(const Card& card);
std::string emit_rdl(const rdl::Compilation& compilation);
// The data sheet as one self-contained page.
std::string emit_html(const Card& card);

// Forms that other tools read.
std::string emit_markdown(const Card& card);
std::string emit_svd(const Card& card);
std::string emit_python(const Card& card);

// The files that `hni-spec compile` writes for a card: name below the output folder, and the
// writer of its text.
struct OutputFile {
  const char* name;
  std::string (*emit)(const Card&);
};
std::span<const OutputFile> output_files();
// The same for a plain map; the names are endings, put behind the map's name.
std::span<const OutputFile> plain_output_files();
// A comment of C over one or more lines, empty if the text is.
std::string c_comment(std::string_view text);
// A name that C accepts, in capitals, for macros.
std::string c_macro_name(std::string_view name);

// First lines of a generated file: says that it is one, and from what.
std::string generated_banner(const Card& card, std::string_view comment, std::string_view what);
// `text` as lines of at most 96 columns, each behind `prefix`.
std::string wrapped(std::string_view text, std::string_view prefix);
// `text` between double quotes for C, C++ and JSON alike: quotes, backslashes and control bytes
// are escaped.
std::string quoted(std::string_view text);

}  // namespace hni::speclib
