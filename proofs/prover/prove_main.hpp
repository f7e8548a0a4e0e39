// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hni::proofs {

/// `hni prove`: decides the obligations that are linked in. 0 only if all of them hold, 1 if one
/// does not, 2 for a command line that cannot be understood.
int prove_main(int argc, char** argv);

}  // namespace hni::proofs
