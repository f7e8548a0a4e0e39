// SPDX-License-Identifier: Apache-2.0
#include "fuzz/engine/fuzz_input.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "openhni/spec/firmware.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Returns the target that a line `# target: NAME` names.
const Target* target_in_text(std::string_view text) {
  constexpr std::string_view kKey = "# target:";
  const std::size_t at = text.find(kKey);
  if (at == std::string_view::npos) return nullptr;
  text.remove_prefix(at + kKey.size());
  text = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return find_target(text.substr(0, text.find_last_not_of(" \r\t") + 1));
}

const Target* target_in_path(const fs::path& path) {
  std::error_code error;
  for (fs::path at = fs::absolute(path, error).parent_path(); at.has_relative_path();
       at = at.parent_path())
    if (const Target* target = find_target(at.filename().string())) return target;
  return nullptr;
}

/// The folder of a finding is represented by its smallest input.
std::optional<fs::path> file_of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  if (fs::exists(path / "input", error)) return path / "input";
  std::fprintf(stderr, "'%s' is a folder, not a finding: name one file in it\n", path.c_str());
  return std::nullopt;
}

std::uint32_t word_at(const Bytes& bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (unsigned i = 0; i < 4 && at + i < bytes.size(); ++i)
    word |= std::uint32_t{bytes[at + i]} << (8 * i);
  return word;
}

std::string hex_of(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::string text;
  char digits[4];
  for (std::size_t i = at; i < std::min(at + count, bytes.size()); ++i) {
    std::snprintf(digits, sizeof digits, "%02x ", bytes[i]);
    text += digits;
  }
  return text;
}

std::string bytes_text(const Bytes& bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) text += hex_of(bytes, at, 16) + "\n";
  return text;
}

/// Prints a firmware message: its header, then one line per attribute, named as in the register
/// map.
std::string message_text(const Bytes& bytes) {
  if (bytes.size() < 4) return bytes_text(bytes);
  const std::uint32_t header = word_at(bytes, 0);
  const auto* info = spec::find_fw_message(static_cast<std::uint16_t>(header & 0xfff));
  char line[160];
  std::snprintf(line, sizeof line, "message %s type=0x%x length=%u of %zu bytes\n",
                info == nullptr ? "unknown" : info->name, header & 0xfff, (header >> 16) * 4,
                bytes.size());
  std::string text = line;
  for (std::size_t at = 4; at < bytes.size();) {
    const std::uint32_t word = word_at(bytes, at);
    const std::uint32_t id = word & 0xfff;
    const std::uint32_t length = word >> 16;
    const char* name = "unknown";
    if (info != nullptr)
      for (const spec::FwAttribute& attribute : info->attributes)
        if (attribute.id == id) name = attribute.name;
    std::snprintf(line, sizeof line, "  at=%zu %s id=%u length=%u%s%s: ", at, name, id, length,
                  (word & 0x8000) != 0 ? " message-bit" : "",
                  (word & 0x4000) != 0 ? " cannot-ignore" : "");
    text += line + hex_of(bytes, at + 4, length > 4 ? length - 4 : 0) + "\n";
    if (length < 4) {  // the rest cannot be parsed
      text += bytes_text(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end()));
      break;
    }
    at += (std::size_t{length} + 3) / 4 * 4;
  }
  return text;
}

}  // namespace

std::optional<Bytes> read_file(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error)) {
    std::fprintf(stderr, "'%s' is not a regular file: name a file\n", path.c_str());
    return std::nullopt;
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read '%s': check its name and permissions\n", path.c_str());
    return std::nullopt;
  }
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

bool write_file(const fs::path& path, std::span<const std::uint8_t> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (out) return true;
  std::fprintf(stderr, "cannot write '%s': check its folder, permissions and free space\n",
               path.c_str());
  return false;
}

const Target* named_target(std::string_view name) {
  if (const Target* target = find_target(name)) return target;
  std::fprintf(stderr, "no target '%.*s': `hni fuzz list` prints them\n",
               static_cast<int>(name.size()), name.data());
  return nullptr;
}

std::optional<Input> read_input(Arguments arguments) {
  if (arguments.empty() || arguments.size() > 2) return std::nullopt;
  const auto file = file_of(arguments.back());
  if (!file) return std::nullopt;
  auto content = read_file(*file);
  if (!content) return std::nullopt;
  const bool is_text = file->extension() == ".script";
  const Target* target = nullptr;
  if (arguments.size() == 2) {
    target = named_target(arguments.front());
    if (target == nullptr) return std::nullopt;
  } else {
    if (is_text) target = target_in_text(as_text(*content));
    if (target == nullptr) target = target_in_path(*file);
    if (target == nullptr) {
      std::fprintf(stderr, "'%s' does not name its target: name the target first\n",
                   file->c_str());
      return std::nullopt;
    }
  }
  if (!is_text || target->ops.empty()) return Input{target, std::move(*content), *file};
  const ParsedScript parsed = script_from_text(as_text(*content), target->ops);
  if (parsed.error.empty()) return Input{target, encode_script(parsed.script, target->ops), *file};
  std::fprintf(stderr, "%s: %s\n", file->c_str(), parsed.error.c_str());
  return std::nullopt;
}

std::string input_text(const Target& target, const Bytes& bytes) {
  const std::string head = "# target: " + std::string(target.name) + "\n";
  if (!target.ops.empty())
    return head + script_to_text(decode_script(bytes, target.ops), target.ops);
  return head + (target.mutate != nullptr ? message_text(bytes) : bytes_text(bytes));
}

}  // namespace hni::fuzz
