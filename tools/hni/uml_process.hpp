// SPDX-License-Identifier: Apache-2.0
#pragma once

/// UmlProcess: a User Mode Linux kernel as a child process, with its log and its console. It is
/// killed with this object and when this process dies.

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

struct UmlOptions {
  std::string kernel;  ///< the executable
  /// its working directory; paths in `arguments` are relative to it
  std::string directory;
  std::vector<std::string> arguments;  ///< the kernel's command line
  /// a preloaded library that replaces functions of libc; empty: none
  std::string preload;
  bool interactive = false;  ///< our standard input and output are its console
  std::string log;           ///< file to which the kernel's log is copied; empty: none
};

class UmlProcess {
 public:
  static Outcome<UmlProcess> start(const UmlOptions& options);
  UmlProcess(UmlProcess&&) noexcept;
  UmlProcess& operator=(UmlProcess&&) = delete;
  ~UmlProcess();

  /// Descriptors to poll: readable when there is log, console output, or an exit. -1: closed.
  int log_fd() const { return log_.get(); }
  int output_fd() const { return output_.get(); }
  int pid_fd() const { return pid_fd_.get(); }

  void read_log();
  /// Copies the console output to our standard output.
  void read_output();
  /// Returns true once the process has ended; its wait status is in status().
  bool reap();
  int status() const { return status_; }

  /// Returns the last `count` lines of the kernel's log.
  std::vector<std::string> last_lines(std::size_t count) const;
  /// Returns the line of the log that states why the kernel stopped; empty if there is none.
  std::string panic_line() const;

 private:
  UmlProcess() = default;

  pid_t pid_ = -1;
  Fd pid_fd_;
  /// nothing is ever written to it: a console that blocks and never reaches the end of file
  Fd input_;
  Fd log_;
  Fd output_;
  std::FILE* copy_ = nullptr;
  std::string text_;
  std::string panic_;
  int status_ = 0;
};

}  // namespace hni::tools
