// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/macro.hpp"

#include <algorithm>

namespace hni::rdl {
namespace {

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return std::string(text.substr(first, last - first + 1));
}

const char* parse_parameters(std::string_view text, std::size_t& at, Macro& macro) {
  const std::size_t close = text.find(')', at);
  if (close == std::string_view::npos || close > text.find('\n', at)) return "no ) on this line";
  std::string_view list = text.substr(at + 1, close - at - 1);
  at = close + 1;
  for (;;) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string name = trimmed(list.substr(0, comma));
    if (name.find('=') != std::string::npos) return "default values are not supported";
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_word_char)) {
      return "a parameter is not a name";
    }
    macro.parameters.push_back(name);
    if (comma == list.size()) return nullptr;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_word_char(text[end])) ++end;
  return text.substr(at, end - at);
}

bool is_directive_name(std::string_view name) {
  static constexpr std::string_view kNames[] = {"include", "ifdef",    "ifndef",  "elsif",
                                                "else",    "endif",    "define",  "undef",
                                                "line",    "__LINE__", "__FILE__"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::size_t after_comment_or_string(std::string_view text, std::size_t at) {
  const std::string_view two = text.substr(at, 2);
  if (two == "//") return std::min(text.find('\n', at), text.size());
  if (two == "/*") {
    const std::size_t stop = text.find("*/", at + 2);
    return stop == std::string_view::npos ? text.size() : stop + 2;
  }
  if (two.empty() || two[0] != '"') return at + 1;
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return at + 1;  // unterminated; the lexer reports that if it reads it
}

const char* parse_macro(std::string_view text, std::size_t& at, Macro& macro) {
  if (at < text.size() && text[at] == '(') {
    if (const char* problem = parse_parameters(text, at, macro)) return problem;
  }
  std::string body;
  while (at < text.size() && text[at] != '\n') {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("\\\n") || rest.starts_with("\\\r\n")) {
      body += '\n';
      at += rest[1] == '\r' ? 3u : 2u;
    } else if (rest.starts_with("//")) {
      break;
    } else if (rest.starts_with("/*")) {
      const std::size_t end = after_comment_or_string(text, at);
      if (end > text.find('\n', at)) break;  // ends the macro, and is skipped later
      body += ' ';
      at = end;
    } else if (rest.starts_with("`\"") || rest.starts_with("``")) {
      body += rest.substr(0, 2);
      at += 2;
    } else if (rest.starts_with("`\\`\"")) {
      body += rest.substr(0, 4);
      at += 4;
    } else if (rest[0] == '"') {
      const std::size_t end = std::min(after_comment_or_string(text, at), text.size());
      for (; at < end; ++at) {
        const bool joint = text[at] == '\\' && (text[at + 1] == '\n' || text[at + 1] == '\r');
        if (!joint) body += text[at];
      }
    } else {
      body += rest[0];
      ++at;
    }
  }
  macro.text = trimmed(body);
  return nullptr;
}

const char* parse_arguments(std::string_view text, std::size_t& at,
                            std::vector<std::string>& arguments) {
  std::size_t i = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
  if (i == text.size() || text[i] != '(') return "there are none";
  std::string open;  // closing forms of the open brackets
  std::size_t start = ++i;
  while (i < text.size()) {
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (open.empty() && (c == ',' || c == ')')) {
      arguments.push_back(trimmed(text.substr(start, i - start)));
      start = i + 1;
      if (c == ')') {
        at = i + 1;
        return nullptr;
      }
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return "their brackets do not match";
      open.pop_back();
    }
    i = c == '/' || c == '"' ? after_comment_or_string(text, i) : i + 1;
  }
  return "they never end";
}

std::string render_macro(const Macro& macro, const std::vector<std::string>& arguments) {
  const std::string_view text = macro.text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const std::string_view word = word_at(text, at);
    if (rest.starts_with("`\"")) {
      out += '"';
      at += 2;
    } else if (rest.starts_with("`\\`\"")) {
      out += "\\\"";
      at += 4;
    } else if (rest.starts_with("``")) {
      at += 2;
    } else if (rest[0] == '"') {
      const std::size_t end = after_comment_or_string(text, at);
      out += text.substr(at, end - at);
      at = end;
    } else if (!word.empty()) {
      const auto found = std::find(macro.parameters.begin(), macro.parameters.end(), word);
      const auto index = static_cast<std::size_t>(found - macro.parameters.begin());
      out += index < arguments.size() ? std::string_view(arguments[index]) : word;
      at += word.size();
    } else {
      out += rest[0];
      ++at;
    }
  }
  return out;
}

}  // namespace hni::rdl
