// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Fd: a file descriptor with one owner.

#include "vfio_user/owned_fd.hpp"

namespace hni::tools {

using Fd = device::vfio_user::OwnedFd;

}  // namespace hni::tools
