// SPDX-License-Identifier: Apache-2.0
// hni-prove: the proofs as a program of their own.
#include "proofs/prover/prove_main.hpp"

int main(int argc, char** argv) {
  return hni::proofs::prove_main(argc, argv);
}
