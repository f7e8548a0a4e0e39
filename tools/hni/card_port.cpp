// SPDX-License-Identifier: Apache-2.0
// Instantiates the driver on an emulated card in this process, once for all users of
// traffic_endpoint.hpp.
#include "tools/hni/traffic_endpoint.hpp"

template class hni::Port<hni::tools::FaultIo, hni::tools::CardObserver>;
