// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/control_protocol.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hni::tools {
namespace {

using Json = nlohmann::ordered_json;

/// A request has arrays in an array in an object. Deeper nesting is refused, because copying JSON
/// recurses.
constexpr int kMaxDepth = 4;

tl::unexpected<std::string> wrong(std::string text) {
  return tl::unexpected<std::string>(std::move(text));
}

bool is_word(const Json& value) {
  return value.is_number_unsigned() && value <= 0xffffffffU;
}

std::optional<std::string> read_registers(const Json& reads, Question& question) {
  if (!reads.is_array() || reads.size() > Question::kMaxReads)
    return "\"reads\" is not a list of at most 8192 registers";
  for (const Json& at : reads) {
    const bool good = at.is_array() && at.size() == 2 && is_word(at[0]) && is_word(at[1]) &&
                      (at[0] == 0 || at[0] == 4);
    if (!good) return "a register is [BAR, byte offset], with BAR 0 or 4";
    question.reads.push_back({at[0].get<std::uint32_t>(), at[1].get<std::uint32_t>()});
  }
  return std::nullopt;
}

}  // namespace

tl::expected<Question, std::string> parse_question(std::string_view line) {
  if (line.size() > Question::kMaxBytes) return wrong("the request is longer than 1 MiB");
  bool deep = false;
  const Json::parser_callback_t limit = [&](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  const Json json = Json::parse(line, limit, false);
  if (deep) return wrong("the request is nested too deep");
  if (!json.is_object()) return wrong("the request is not a JSON object");
  Question question;
  for (const auto& [name, to] :
       {std::pair{"verb", &question.verb}, std::pair{"port", &question.port},
        std::pair{"site", &question.site}}) {
    const auto at = json.find(name);
    if (at == json.end()) continue;
    if (!at->is_string()) return wrong(std::string("\"") + name + "\" is not a text");
    *to = at->get<std::string>();
  }
  for (const auto& [name, to] :
       {std::pair{"value", &question.value}, std::pair{"count", &question.count}}) {
    const auto at = json.find(name);
    if (at == json.end()) continue;
    if (!is_word(*at))
      return wrong(std::string("invalid ") + name + ": must be a number of at most 32 bits");
    *to = at->get<std::uint32_t>();
  }
  if (const auto at = json.find("reads"); at != json.end()) {
    if (const auto why = read_registers(*at, question)) return wrong(*why);
  }
  return question;
}

std::string question_text(const Question& question) {
  Json json = {{"verb", question.verb}};
  if (!question.port.empty()) json["port"] = question.port;
  if (!question.site.empty()) json["site"] = question.site;
  if (question.value) json["value"] = *question.value;
  if (question.count) json["count"] = *question.count;
  for (const Question::Register& at : question.reads)
    json["reads"].push_back({at.bar, at.byte_offset});
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

QuestionReader::State QuestionReader::add(std::string_view bytes) {
  if (state_ != State::kIncomplete) return state_;
  const auto end = bytes.find('\n');
  line_ += bytes.substr(0, end);
  if (line_.size() > Question::kMaxBytes) {
    state_ = State::kTooLong;
  } else if (end != std::string_view::npos) {
    state_ = State::kComplete;
  }
  return state_;
}

}  // namespace hni::tools
