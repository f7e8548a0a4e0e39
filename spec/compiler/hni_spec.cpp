// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/spec_main.hpp"

int main(int argc, char** argv) {
  return hni::speclib::spec_main(argc, argv);
}
