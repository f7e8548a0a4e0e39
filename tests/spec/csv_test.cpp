// SPDX-License-Identifier: Apache-2.0
// The spec compared with the names that the Linux driver uses: every row of
// tests/spec/kernel_names.csv (name, space, index, stride, bits) must match the elaborated card
// exactly.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "spec/compiler/card.hpp"

namespace hni::speclib {
namespace {

struct Row {
  std::string name, kind, space, index, stride, msb, lsb;
};

std::vector<Row> read_rows() {
  std::ifstream in(HNI_SOURCE_DIR "/tests/spec/kernel_names.csv");
  std::vector<Row> rows;
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with('#') || line.starts_with("name,")) continue;
    Row row;
    std::istringstream cells(line);
    for (std::string* cell :
         {&row.name, &row.kind, &row.space, &row.index, &row.stride, &row.msb, &row.lsb}) {
      std::getline(cells, *cell, ',');
    }
    rows.push_back(row);
  }
  return rows;
}

std::uint32_t number(const std::string& text) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 0));
}

class SpecCsvTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    compilation_ = rdl::compile(HNI_SOURCE_DIR "/spec/fbnic.rdl").release();
    card_ = read_card(*compilation_).release();
  }
  static void TearDownTestSuite() {
    delete card_;
    delete compilation_;
  }
  void SetUp() override {
    ASSERT_NE(card_, nullptr) << compilation_->diagnostics.render(compilation_->sources);
  }

  const Register* find_register(const std::string& name) const {
    for (const Register& reg : card_->registers) {
      if (reg.name == name) return &reg;
      for (const std::string& alias : reg.aliases) {
        if (alias == name) return &reg;
      }
    }
    return nullptr;
  }

  // Returns the difference between the row and the card, empty if there is none.
  std::string check_register(const Row& row) const {
    const Register* reg = find_register(row.name);
    if (reg == nullptr) return "missing";
    if (reg->dump_only) return "marked as known from the dump decoder only";
    const bool queue = row.space == "QUEUE(relative)";
    const std::uint32_t base = queue ? 0x40000 : 0;
    if (reg->bar != (row.space == "BAR4" ? 4u : 0u)) return "in another BAR";
    if (reg->byte_offset != 4 * (base + number(row.index))) return "at another index";
    const std::size_t outer = queue ? 1 : 0;
    if (queue && (reg->dims.empty() || reg->dims[0].stride != 0x1000)) return "no queue array";
    const std::uint64_t stride = reg->dims.size() > outer ? reg->dims[outer].stride / 4 : 0;
    return stride == number(row.stride) ? "" : "stride " + std::to_string(stride);
  }

  void match(const std::string& owner, const std::vector<Field>& fields, const Row& row,
             int& found, int& wrong) const {
    for (const Field& field : fields) {
      const std::string name = field.linux_name(owner);
      if (name != row.name && name + "_MASK" != row.name) continue;
      ++found;
      if (field.msb != number(row.msb) || field.lsb != number(row.lsb)) ++wrong;
    }
  }

  std::string check_field(const Row& row) const {
    int found = 0;
    int wrong = 0;
    for (const Register& reg : card_->registers) match(reg.name, reg.fields, row, found, wrong);
    for (const Layout& layout : card_->layouts)
      match(layout.name, layout.fields, row, found, wrong);
    if (found == 0) return "missing";
    return wrong == 0 ? "" : "other bits";
  }

  static rdl::Compilation* compilation_;
  static Card* card_;
};

rdl::Compilation* SpecCsvTest::compilation_ = nullptr;
Card* SpecCsvTest::card_ = nullptr;

TEST_F(SpecCsvTest, EveryKernelRowIsInTheSpecExactly) {
  const std::vector<Row> rows = read_rows();
  ASSERT_EQ(rows.size(), 577u);
  for (const Row& row : rows) {
    const std::string problem = row.kind == "reg" ? check_register(row) : check_field(row);
    EXPECT_EQ(problem, "") << row.name << " " << row.index << " [" << row.msb << ":" << row.lsb
                           << "]";
  }
}

}  // namespace
}  // namespace hni::speclib
