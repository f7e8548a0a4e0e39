// SPDX-License-Identifier: Apache-2.0
// hni-prove: the program that `hni prove` executes.
#include <cstdio>
#include <exception>

#include "proofs/prover/prove_main.hpp"
#include "tools/hni/finish.hpp"

int main(int argc, char** argv) {
  try {
    return hni::tools::finish("hni prove", hni::proofs::prove_main(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hni prove: %s\n", error.what());
    return 1;
  }
}
