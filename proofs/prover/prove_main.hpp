// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hni::proofs {

/// Runs `hni prove`: decides all linked obligations. Returns 0 if all of them hold, 1 if one does
/// not, 2 on a usage error.
int prove_main(int argc, char** argv);

}  // namespace hni::proofs
