// SPDX-License-Identifier: Apache-2.0
// The numbers of the input sites never change: corpus files, recordings and probes carry them.
#include "driver/core/input_sites.hpp"

#include <gtest/gtest.h>

#include <set>

namespace hni {
namespace {

struct Known {
  std::size_t number;
  std::string_view name;
};

/// Sites whose numbers are in use outside the program. A new site is added at the end; a line never
/// changes.
constexpr Known kKnown[] = {
    {0, "presence"},
    {1, "intr_status"},
    {2, "intr_mask"},
    {3, "idle"},
    {4, "queue_ctl"},
    {5, "queue_readback"},
    {6, "setup_readback"},
    {7, "rmi_config"},
    {8, "pbuf_cfg"},
    {9, "pcs_intr_status"},
    {10, "pcs_out0"},
    {11, "pcs_out1"},
    {12, "xpcs"},
    {13, "fec_counter"},
    {14, "mac_signal"},
    {15, "pause_storm"},
    {16, "counter32"},
    {17, "counter64_high"},
    {18, "counter64_low"},
    {19, "clock_high"},
    {20, "clock_low"},
    {21, "otp_status"},
    {22, "register_dump"},
    {23, "mailbox_low"},
    {24, "mailbox_high"},
    {25, "mailbox_length"},
    {26, "message_bytes"},
    {27, "message_header"},
    {28, "message_type"},
    {29, "attribute_header"},
    {30, "attribute_value"},
    {31, "message_mandatory"},
    {32, "fw_version"},
    {33, "fw_link_speed"},
    {34, "fw_uptime"},
    {35, "fw_error"},
    {36, "fw_unsolicited"},
    {37, "fw_payload"},
    {38, "tcq_word"},
    {39, "tcd_head"},
    {40, "tcd_timestamp"},
    {41, "tcd_type"},
    {42, "rcq_word"},
    {43, "rcd_header_id"},
    {44, "rcd_header_offset"},
    {45, "rcd_header_length"},
    {46, "rcd_payload_id"},
    {47, "rcd_payload_offset"},
    {48, "rcd_payload_length"},
    {49, "rcd_grammar"},
    {50, "rcd_segments"},
    {51, "rcd_opt_meta"},
    {52, "rcd_meta"},
};

TEST(InputSites, KeepTheirNumbers) {
  ASSERT_LE(std::size(kKnown), kSiteCount)
      << "the number of a site that is gone must not be used again";
  for (const Known& known : kKnown) {
    EXPECT_EQ(site_name(static_cast<Site>(known.number)), known.name);
    EXPECT_EQ(static_cast<std::size_t>(kSites[known.number].id), known.number);
  }
}

TEST(InputSites, HaveDistinctNames) {
  std::set<std::string_view> names;
  for (const SiteInfo& site : kSites) EXPECT_TRUE(names.insert(site.name).second) << site.name;
}

}  // namespace
}  // namespace hni
