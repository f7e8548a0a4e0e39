// SPDX-License-Identifier: Apache-2.0
#include "fuzz/engine/minimise.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>

namespace hni::fuzz {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{64} << 10;
constexpr int kMaxSeconds = 60;

/// Reads until the other end is closed. Returns false after kMaxSeconds.
bool read_all(int from, std::string& text) {
  const std::time_t end = std::time(nullptr) + kMaxSeconds;
  char part[4096];
  while (std::time(nullptr) <= end) {
    pollfd what{from, POLLIN, 0};
    if (poll(&what, 1, 1000) <= 0) continue;
    const ssize_t got = read(from, part, sizeof part);
    if (got <= 0) return true;
    const std::size_t room = kMaxOutput - std::min(kMaxOutput, text.size());
    text.append(part, std::min(static_cast<std::size_t>(got), room));
  }
  return false;
}

/// Returns the line that contains `key`, from `key` on.
std::string line_with(const std::string& text, const char* key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

std::string without_numbers(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto letter = static_cast<unsigned char>(text[i]);
    if (std::isdigit(letter) == 0) {
      plain += text[i];
      continue;
    }
    while (i + 1 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0) ++i;
    if (i + 1 < text.size() && text[i + 1] == 'x') {
      ++i;
      while (i + 1 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0)
        ++i;
    }
    plain += 'N';
  }
  return plain;
}

/// Removes halves, quarters, ... and single elements of `parts` as long as `fails` returns true.
template <class T, class Fails>
void remove_parts(std::vector<T>& parts, Fails fails) {
  for (std::size_t size = std::max<std::size_t>(parts.size() / 2, 1);; size /= 2) {
    for (std::size_t at = 0; at < parts.size();) {
      const auto first = static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min(size, parts.size() - at));
      std::vector<T> fewer = parts;
      fewer.erase(fewer.begin() + first, fewer.begin() + first + count);
      if (fails(fewer)) {
        parts = std::move(fewer);
      } else {
        at += size;
      }
    }
    if (size == 1) return;
  }
}

/// Sets each argument to zero whose value is not needed.
template <class Fails>
void clear_arguments(std::vector<Op>& script, Fails fails) {
  const auto attempt = [&](Op& op, Op simpler) {
    const Op before = op;
    op = simpler;
    if (!fails(script)) op = before;
  };
  for (Op& op : script) {
    if (op.value != 0) attempt(op, {op.kind, op.a, op.b, 0});
    if (op.b != 0) attempt(op, {op.kind, op.a, 0, op.value});
    if (op.a != 0) attempt(op, {op.kind, 0, op.b, op.value});
  }
}

}  // namespace

Outcome run_apart(const Target& target, const Bytes& bytes) {
  std::fflush(nullptr);
  int ends[2];
  if (pipe(ends) != 0) return {true, "no pipe"};
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return {true, "no process"};
  }
  if (child == 0) {
    const rlimit none{0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    run_target(target, bytes.data(), bytes.size(), InputLength::kWhole);
    _exit(0);
  }
  close(ends[1]);
  Outcome outcome;
  const bool ended = read_all(ends[0], outcome.output);
  close(ends[0]);
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  const bool waited = waitpid(child, &status, 0) == child;
  outcome.fails = !ended || !waited || status != 0;
  if (!ended) outcome.output += "timeout: no end after " + std::to_string(kMaxSeconds) + " s\n";
  return outcome;
}

std::string cause_of(const Outcome& outcome) {
  if (!outcome.fails) return "";
  const std::string& text = outcome.output;
  if (const std::string line = line_with(text, "finding: "); !line.empty()) {
    const std::size_t numbers = line.rfind(" (");
    return without_numbers(line.substr(0, numbers));
  }
  if (const std::string line = line_with(text, "Sanitizer: "); !line.empty())
    return "Sanitizer: " + line.substr(11, line.find(' ', 11) - 11);
  for (const char* key : {"runtime error: ", "Assertion `", "timeout: "})
    if (const std::string line = line_with(text, key); !line.empty()) return without_numbers(line);
  return "ended unexpectedly";
}

Bytes minimise(const Target& target, Bytes bytes, const std::string& cause) {
  const auto fails = [&](const Bytes& some) { return cause_of(run_apart(target, some)) == cause; };
  if (target.ops.empty()) {
    remove_parts(bytes, fails);
    return bytes;
  }
  std::vector<Op> script = decode_script(bytes, target.ops);
  const auto script_fails = [&](const std::vector<Op>& some) {
    return fails(encode_script(some, target.ops));
  };
  // A truncated last operation may decode differently when it is encoded in full.
  if (!script_fails(script)) return bytes;
  remove_parts(script, script_fails);
  clear_arguments(script, script_fails);
  return encode_script(script, target.ops);
}

}  // namespace hni::fuzz
