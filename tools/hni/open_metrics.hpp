// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `hni port stats --openmetrics`: the response of the verb `stats` as OpenMetrics text, for
/// Prometheus and compatible programs.

#include <string>

#include "tools/hni/view.hpp"

namespace hni::tools {

/// Every number of every port is a counter hni_GROUP_NAME_total with the label port (and queue,
/// for counters of a queue); drops by reason are hni_GROUP_total with the label reason.
std::string open_metrics(const Json& ports);

}  // namespace hni::tools
