// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/spec_main.hpp"
#include "tools/hni/finish.hpp"

int main(int argc, char** argv) {
  return hni::tools::finish("hni-spec", hni::speclib::spec_main(argc, argv));
}
