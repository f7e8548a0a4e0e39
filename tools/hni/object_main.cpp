// SPDX-License-Identifier: Apache-2.0
// The main() of every object program: HNI_OBJECT is the object's name, HNI_OBJECT_COMMAND its
// function.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "tools/hni/commands.hpp"
#include "tools/hni/finish.hpp"
#include "tools/hni/problem.hpp"

int main(int argc, char** argv) {
  try {
    return hni::tools::finish("hni " HNI_OBJECT, hni::tools::HNI_OBJECT_COMMAND(argc, argv));
  } catch (const std::exception& error) {
    // Thrown by a library: out of memory, or a closed stream.
    fmt::print(stderr, "hni " HNI_OBJECT ": {}\n", error.what());
    return hni::tools::kExitFailed;
  }
}
