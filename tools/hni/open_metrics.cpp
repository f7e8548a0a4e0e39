// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/open_metrics.hpp"

#include <fmt/format.h>

#include <map>
#include <vector>

namespace hni::tools {
namespace {

std::string metric_name(std::string text) {
  for (char& c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!good) c = '_';
  }
  return text;
}

std::string label_value(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

/// "rde_7_pkt_err" is counter rde_pkt_err of queue (or FIFO) 7.
std::string without_index(const std::string& name, std::string& index) {
  for (std::size_t at = 0; at < name.size(); ++at) {
    const bool begins = at == 0 || name[at - 1] == '_' || name.compare(at - 1, 1, "o") == 0;
    std::size_t end = at;
    while (end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
    if (end == at || !begins || (end < name.size() && name[end] != '_')) continue;
    // "fifo3": the letters are kept; "_7_": one underscore is removed, too.
    index = name.substr(at, end - at);
    const bool alone = at != 0 && name[at - 1] == '_';
    return name.substr(0, alone ? at - 1 : at) + name.substr(end);
  }
  return name;
}

class Families {
 public:
  void add(const std::string& name, const std::string& labels, const std::string& value) {
    families_[name].push_back(fmt::format("{}_total{{{}}} {}\n", name, labels, value));
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [name, samples] : families_) {
      out += fmt::format("# TYPE {} counter\n", name);
      for (const std::string& sample : samples) out += sample;
    }
    return out + "# EOF\n";
  }

 private:
  std::map<std::string, std::vector<std::string>> families_;
};

}  // namespace

std::string open_metrics(const Json& ports) {
  Families families;
  for (const Json& port : ports) {
    const std::string label =
        fmt::format("port=\"{}\"", label_value(port.value("port", std::string("?"))));
    for (const auto& [group, members] : port.items()) {
      if (!members.is_object()) continue;
      const bool reasons = group.ends_with("_drops") || group == "refused_card_input";
      for (const auto& [name, value] : members.items()) {
        if (!value.is_number()) continue;
        if (reasons) {
          families.add("hni_" + metric_name(group),
                       fmt::format("{},reason=\"{}\"", label, label_value(name)), value.dump());
          continue;
        }
        std::string index;
        const std::string stem = without_index(name, index);
        families.add("hni_" + metric_name(group + "_" + stem),
                     index.empty() ? label : fmt::format("{},index=\"{}\"", label, index),
                     value.dump());
      }
    }
  }
  return families.text();
}

}  // namespace hni::tools
