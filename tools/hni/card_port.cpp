// SPDX-License-Identifier: Apache-2.0
// The driver on an emulated card in this process, instantiated once for all that include
// traffic_endpoint.hpp.
#include "tools/hni/traffic_endpoint.hpp"

template class hni::Port<hni::tools::FaultIo, hni::tools::CardObserver>;
