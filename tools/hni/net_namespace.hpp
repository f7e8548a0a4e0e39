// SPDX-License-Identifier: Apache-2.0
#pragma once

/// NetNamespace: a named network namespace, compatible with `ip netns`, removed with its owner.

#include <cstdint>
#include <functional>
#include <string>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

class NetNamespace {
 public:
  /// Registers the object that is about to be created, as a line for remove_leftovers().
  using Register = std::function<void(const std::string& line)>;
  /// Creates /run/netns/`name` with its loopback interface up. Fails if the name is in use, or
  /// without the privilege (CAP_SYS_ADMIN).
  static Outcome<NetNamespace> create(const std::string& name, const Register& about_to_make);
  /// Removes the name if the namespace with this inode number, or none yet, is mounted on it.
  static void remove_named(const std::string& name, std::uint64_t inode);
  /// The namespace of the calling thread; it has no name and is not removed with the object.
  static Outcome<NetNamespace> current();

  NetNamespace(NetNamespace&&) noexcept = default;
  NetNamespace& operator=(NetNamespace&&) noexcept = default;
  ~NetNamespace() { remove(); }

  /// Runs `work()` with the calling thread in this namespace and returns its result.
  template <class Work>
  auto inside(Work&& work) const {
    const Visit visit(fd_.get());
    return work();
  }
  [[nodiscard]] const std::string& name() const { return name_.text; }

  static std::string path_of(const std::string& name) { return "/run/netns/" + name; }

 private:
  /// Enters the namespace from construction to destruction.
  class Visit {
   public:
    explicit Visit(int target);
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit();

   private:
    Fd home_;
  };
  /// Empty after a move.
  struct Name {
    std::string text;
    Name() = default;
    explicit Name(std::string t) : text(std::move(t)) {}
    Name(Name&& other) noexcept : text(std::exchange(other.text, {})) {}
    Name& operator=(Name&& other) noexcept {
      std::swap(text, other.text);
      return *this;
    }
  };

  NetNamespace() = default;
  void remove();

  Name name_;
  Fd fd_;
  std::uint64_t inode_ = 0;
  bool made_folder_ = false;
};

}  // namespace hni::tools
