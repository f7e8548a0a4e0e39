// SPDX-License-Identifier: Apache-2.0
// The writers: each converts the card (or the elaborated model) to the text of one file. Pure
// functions; spec_main.cpp writes the files.
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

// Plain C for kernel code; names have the prefix FBNIC_.
std::string emit_c_header(const Card& card);
// The same for any map: byte offsets, masks, shifts and reset values; names have the prefix of the
// map. Part of emit_c_header.
std::string emit_c_map(const Card& card);
// Structures that overlay the registers, with an assertion for every offset.
std::string emit_c_structs(const Card& card);
// C++ translation unit that compares the C header's constants with the C++ ones by static_assert.
std::string emit_c_header_check(const Card& card);

// Dictionaries in the common format of AFL++ and libFuzzer.
std::string emit_fuzz_dictionary(const Card& card);
// For bpftrace: constants to include, and names as statements for a BEGIN block.
std::string emit_bpftrace_header(const Card& card);
std::string emit_bpftrace(const Card& card);

// The elaborated model: one line per object, as JSON, and as SystemRDL.
std::string emit_dump(const rdl::Model& model);
std::string emit_json(const Card& card);
std::string emit_rdl(const rdl::Compilation& compilation);
// The data sheet as one self-contained page.
std::string emit_html(const Card& card);

// Formats of other tools.
std::string emit_markdown(const Card& card);
std::string emit_svd(const Card& card);
std::string emit_ipxact(const Card& card);
std::string emit_python(const Card& card);

// The files that `hni-spec compile` writes for a card: name below the output folder, and the
// function that writes it.
struct OutputFile {
  const char* name;
  std::string (*emit)(const Card&);
};
std::span<const OutputFile> output_files();
// The same for a plain map; the names are suffixes that are appended to the map's name.
std::span<const OutputFile> plain_output_files();
// Returns a C comment of one or more lines; empty if the text is empty.
std::string c_comment(std::string_view text);
// Returns a valid C name in capitals, for macros.
std::string c_macro_name(std::string_view name);

// Returns the first lines of a generated file: that it is generated, and from which source.
std::string generated_banner(const Card& card, std::string_view comment, std::string_view what);
// Wraps `text` to lines of at most 96 columns, each with `prefix`.
std::string wrapped(std::string_view text, std::string_view prefix);
// Returns `text` in double quotes for C, C++ and JSON alike: quotes, backslashes and control bytes
// are escaped.
std::string quoted(std::string_view text);

}  // namespace hni::speclib
