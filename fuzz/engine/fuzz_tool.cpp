// SPDX-License-Identifier: Apache-2.0
// `hni fuzz` as a program of its own, for builds without tools/.
#include "fuzz/engine/fuzz_main.hpp"

int main(int argc, char** argv) {
  return hni::fuzz::fuzz_main(argc, argv);
}
