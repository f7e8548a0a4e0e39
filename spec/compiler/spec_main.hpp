// SPDX-License-Identifier: Apache-2.0
// The command line of the spec compiler. `hni-spec` is this function; `hni spec` calls it too.
#pragma once

namespace hni::speclib {

// argv[0] is the program's name for help texts. Returns the exit status: 0 success, 1 the spec has
// errors, nothing was found or an output cannot be written, 2 usage error.
int spec_main(int argc, char** argv);

}  // namespace hni::speclib
