// SPDX-License-Identifier: Apache-2.0
// The command line of the spec compiler. `hni-spec` is this function; `hni spec` calls it too.
#pragma once

namespace hni::speclib {

// argv[0] is the program's name as help texts shall show it. Returns the exit status: 0 done, 1
// the spec has errors or nothing was found, 2 wrong usage or a file that cannot be written.
int spec_main(int argc, char** argv);

}  // namespace hni::speclib
