// SPDX-License-Identifier: Apache-2.0
// Runs tasks in separate processes, as many at once as there are cores, each with a limit of
// processor time.
#pragma once

#include <functional>
#include <string>

namespace hni::proofs {

struct FarmTask {
  std::function<std::string()> work;  ///< runs in the child; its result is transferred as text
  std::function<void(const std::string&)>
      finish;  ///< runs in the parent; empty text: the child died or exceeded the limit
};

class JobPool {
 public:
  JobPool(unsigned jobs, unsigned limit_ms) : jobs_(jobs), limit_ms_(limit_ms) {}
  /// Takes tasks from `next` (which returns false if there is none at the moment) until no task is
  /// running any more.
  void run(const std::function<bool(FarmTask&)>& next);

 private:
  unsigned jobs_;
  unsigned limit_ms_;
};

}  // namespace hni::proofs
