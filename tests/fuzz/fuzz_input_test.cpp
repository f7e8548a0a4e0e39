// SPDX-License-Identifier: Apache-2.0
// Inputs in every form, the minimiser, and the list of operations that AFL++'s mutator reads.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "fuzz/engine/fuzz_input.hpp"
#include "fuzz/engine/minimise.hpp"
#include "fuzz/script/operation_list.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

class FuzzInput : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "fuzz_input_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const fs::path& name, std::string_view text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static std::optional<Input> read(std::vector<std::string> words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    return read_input(pointers);
  }

  fs::path folder_;
};

constexpr std::string_view kCanary = "open key=90\nturn angle=90\nenter\n";

TEST_F(FuzzInput, TargetIsNamedByAComment) {
  const auto input =
      read({write("a.script", "# target: canary\n" + std::string(kCanary)).string()});
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->target->name, "canary");
  EXPECT_EQ(input->bytes, (Bytes{0, 90, 0, 0, 1, 0, 90, 0, 2, 0, 0, 0}));
}

TEST_F(FuzzInput, TargetIsNamedByTheInnermostFolder) {
  const auto input = read({write("rx/canary/some/file", "abcd").string()});
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->target->name, "canary");
}

TEST_F(FuzzInput, OfAFindingsFolderIsItsSmallestInput) {
  write("findings/tlv/key-1/input.2", "abcdefgh");
  write("findings/tlv/key-1/input", "abcd");
  const auto input = read({(folder_ / "findings/tlv/key-1").string()});
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->target->name, "tlv");
  EXPECT_EQ(input->bytes.size(), 4U);
}

TEST_F(FuzzInput, IsRefusedWithoutATargetOrAFile) {
  EXPECT_FALSE(read({write("nameless", "abcd").string()}).has_value());
  EXPECT_FALSE(read({"canary", folder_.string()}).has_value());
  EXPECT_FALSE(read({"canary", (folder_ / "missing").string()}).has_value());
  EXPECT_FALSE(read({"cannary", write("x", "abcd").string()}).has_value());
  EXPECT_FALSE(read({"canary", "/dev/zero"}).has_value());
  EXPECT_FALSE(read({"canary", write("x.script", "no such operation").string()}).has_value());
}

TEST_F(FuzzInput, TextOfAScriptReadsBackAsTheSameBytes) {
  const Target& target = *find_target("rx");
  const Bytes bytes{0, 3, 100, 0, 1, 2, 0, 0};
  const auto input = read({write("x.script", input_text(target, bytes)).string()});
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->target, &target);
  EXPECT_EQ(input->bytes, bytes);
}

TEST_F(FuzzInput, TextOfAMessageNamesItsAttributes) {
  const Bytes heartbeat{0x15, 0x80, 3, 0, 0, 0, 12, 0, 1, 2, 3, 4, 5, 6, 7, 8};
  const std::string text = input_text(*find_target("tlv"), heartbeat);
  EXPECT_NE(text.find("message HEARTBEAT_RESP"), std::string::npos) << text;
  EXPECT_NE(text.find("UPTIME id=0 length=12: 01 02 03 04 05 06 07 08"), std::string::npos)
      << text;
  for (std::size_t size = 0; size < heartbeat.size(); ++size)
    (void)input_text(*find_target("tlv"),
                     Bytes(heartbeat.begin(), heartbeat.begin() + static_cast<long>(size)));
}

TEST(Minimise, KeepsOnlyWhatTheFindingNeeds) {
  const Target& target = *find_target("canary");
  const ParsedScript script = script_from_text(
      "index at=7\nopen key=90\nindex at=1\nturn angle=90\nindex at=9\nenter\nopen key=3\n",
      target.ops);
  const Bytes bytes = encode_script(script.script, target.ops);
  const std::string cause = cause_of(run_apart(target, bytes));
  EXPECT_EQ(cause, "finding: canary: the door is open");
  const Bytes small = minimise(target, bytes, cause);
  EXPECT_EQ(script_to_text(decode_script(small, target.ops), target.ops),
            "open key=90\nturn angle=90\nenter\n");
}

TEST(Minimise, DistinguishesCausesWithoutTheirNumbers) {
  const auto cause = [](const char* text) { return cause_of({true, text}); };
  EXPECT_EQ(cause("finding: stream: head 12 is believed (0x1, 0x2)\n"),
            cause("finding: stream: head 130 is believed (0x7, 0x9)\n"));
  EXPECT_NE(cause("finding: stream: a (0x1, 0x2)\n"), cause("finding: stream: b (0x1, 0x2)\n"));
  EXPECT_EQ(cause("==1==ERROR: AddressSanitizer: heap-use-after-free on 0x1\n"),
            "Sanitizer: heap-use-after-free");
  EXPECT_EQ(cause_of({false, "finding: not one"}), "");
}

TEST(OperationList, ParsesTheListOfEachTarget) {
  for (const Target* target : targets()) {
    OperationList list;
    ASSERT_TRUE(read_operations(list_operations(*target), list)) << target->name;
    ASSERT_EQ(list.ops.size(), target->ops.size());
    EXPECT_EQ(list.max_bytes, target->max_bytes);
    for (std::size_t i = 0; i < list.ops.size(); ++i) {
      EXPECT_EQ(list.ops[i].a_kind, target->ops[i].a_kind);
      EXPECT_EQ(list.ops[i].value_words, target->ops[i].value_words);
    }
  }
  OperationList list;
  EXPECT_FALSE(read_operations("", list));
  EXPECT_FALSE(read_operations("target x script 4\nop 9 1\n", list));
  EXPECT_FALSE(read_operations("target x script 4\nop 1 3\n", list));
}

}  // namespace
}  // namespace hni::fuzz
