// SPDX-License-Identifier: Apache-2.0
// The control socket's parser on arbitrary bytes in pieces of any size: the request must not
// depend on the pieces, must respect its limits, and must survive being written and read again.
#include <string>

#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"
#include "tools/hni/control_protocol.hpp"

namespace hni::fuzz {
namespace {

using tools::Question;
using tools::QuestionReader;

QuestionReader read_in_pieces(std::string_view text, std::size_t piece) {
  QuestionReader reader;
  while (!text.empty() && reader.add(text.substr(0, piece)) == QuestionReader::State::kIncomplete)
    text.remove_prefix(std::min(piece, text.size()));
  return reader;
}

void run(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const QuestionReader whole = read_in_pieces(text, text.size());
  const QuestionReader pieces = read_in_pieces(text, data[0] % 64U + 1);
  require(whole.line() == pieces.line(), "control", "the pieces matter");
  const auto question = tools::parse_question(whole.line());
  if (!question) {
    require(!question.error().empty(), "control", "refused without a reason");
    return;
  }
  ++work().events;
  require(question->reads.size() <= Question::kMaxReads, "control", "too many registers");
  for (const Question::Register& at : question->reads)
    require(at.bar == 0 || at.bar == 4, "control", "a BAR that does not exist");
  const auto again = tools::parse_question(tools::question_text(*question));
  require(again && *again == *question, "control", "what is written is read as something else");
}

}  // namespace

const Target& control_target() {
  static constexpr Target kTarget{
      "control", "questions to a running hni run, any bytes in any pieces", {}, run, 65536};
  return kTarget;
}

}  // namespace hni::fuzz
