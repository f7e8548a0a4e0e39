// SPDX-License-Identifier: Apache-2.0
// Runs tasks in processes of their own, as many at once as there are cores, each with a limit of
// processor time.
#pragma once

#include <functional>
#include <string>

namespace hni::proofs {

struct FarmTask {
  std::function<std::string()> work;  ///< runs in the child; its result comes back as text
  std::function<void(const std::string&)>
      finish;  ///< runs here; empty text: the child died or was too slow
};

class JobPool {
 public:
  JobPool(unsigned jobs, unsigned limit_ms) : jobs_(jobs), limit_ms_(limit_ms) {}
  /// Takes the next task from `next` (which returns false when there is none at the moment) until
  /// nothing runs any more.
  void run(const std::function<bool(FarmTask&)>& next);

 private:
  unsigned jobs_;
  unsigned limit_ms_;
};

}  // namespace hni::proofs
