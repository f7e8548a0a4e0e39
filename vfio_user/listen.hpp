// SPDX-License-Identifier: Apache-2.0
#pragma once
// A listening Unix domain socket for one card.

#include <string>
#include <tl/expected.hpp>

#include "vfio_user/owned_fd.hpp"

namespace hni::device::vfio_user {

/// Listens on a path, without blocking. A stale socket is replaced.
/// @param path path of the socket
/// @return the listening socket; an error of one line if the path is in use or not a socket
tl::expected<OwnedFd, std::string> listen_on(const std::string& path);

/// Checks whether the peer closed its end. What it sent before is still readable.
/// @param socket a connected stream socket
/// @return true if it did
bool has_hung_up(int socket);

}  // namespace hni::device::vfio_user
