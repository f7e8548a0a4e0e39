// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/changed.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <vector>

namespace hni::proofs {

std::optional<std::set<std::string>> changed_files(const std::filesystem::path& tree,
                                                   const std::string& revision) {
  std::array<int, 2> out{};
  if (revision.starts_with("-") || pipe(out.data()) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    execlp("git", "git", "-C", tree.c_str(), "diff", "--name-only", "--relative", revision.c_str(),
           "--", static_cast<char*>(nullptr));
    _exit(127);
  }
  close(out[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t n = 0;
  while ((n = read(out[0], buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  close(out[0]);
  int status = 1;
  if (child > 0) waitpid(child, &status, 0);
  if (status != 0) return std::nullopt;
  std::set<std::string> files;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) files.insert(line);
  return files;
}

bool depends_on(const std::filesystem::path& tree, const std::string& file,
                const std::set<std::string>& changed) {
  const bool everything = std::any_of(changed.begin(), changed.end(), [](const std::string& f) {
    return f.starts_with("proofs/prover/");
  });
  const bool spec = std::any_of(changed.begin(), changed.end(),
                                [](const std::string& f) { return f.starts_with("spec/"); });
  std::set<std::string> seen{file};
  std::vector<std::string> open{file};
  bool found = everything;
  while (!open.empty() && !found) {
    const std::string next = open.back();
    open.pop_back();
    found = changed.contains(next);
    std::ifstream in(tree / next);
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with("#include \"")) continue;
      const std::string name = line.substr(10, line.rfind('"') - 10);
      if (name.starts_with("openhni/")) found = found || spec;
      if (seen.insert(name).second) open.push_back(name);
    }
  }
  return found;
}

}  // namespace hni::proofs
