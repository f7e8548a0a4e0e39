// SPDX-License-Identifier: Apache-2.0
#pragma once

/// UmlProcess: a User Mode Linux kernel as a child process, with its log and its console. It dies
/// with this object, and with this process.

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

struct UmlOptions {
  std::string kernel;                  ///< the executable
  std::string directory;               ///< where it runs; paths in `arguments` are relative to it
  std::vector<std::string> arguments;  ///< the kernel's command line
  std::string preload;                 ///< a library that replaces functions of libc; empty: none
  bool interactive = false;            ///< our standard input and output are its console
  std::string log;                     ///< keep the kernel's log here, too; empty: no
};

class UmlProcess {
 public:
  static Outcome<UmlProcess> start(const UmlOptions& options);
  UmlProcess(UmlProcess&&) noexcept;
  UmlProcess& operator=(UmlProcess&&) = delete;
  ~UmlProcess();

  /// Descriptors to poll: readable when there is log, output, or an end. -1: closed.
  int log_fd() const { return log_.get(); }
  int output_fd() const { return output_.get(); }
  int pid_fd() const { return pid_fd_.get(); }

  void read_log();
  /// Copies what the console printed to our standard output.
  void read_output();
  /// True: it ended. Its wait status is in status().
  bool reap();
  int status() const { return status_; }

  /// The last `count` lines of the kernel's log.
  std::vector<std::string> last_lines(std::size_t count) const;
  /// A line of the log that says why the kernel stopped; empty: none.
  std::string panic_line() const;

 private:
  UmlProcess() = default;

  pid_t pid_ = -1;
  Fd pid_fd_;
  Fd input_;  ///< nothing is ever written: a console that waits, and has no end
  Fd log_;
  Fd output_;
  std::FILE* copy_ = nullptr;
  std::string text_;
  std::string panic_;
  int status_ = 0;
};

}  // namespace hni::tools
