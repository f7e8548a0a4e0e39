// SPDX-License-Identifier: Apache-2.0
// The generated header in plain C, used as a kernel author would: index of a register, mask of a field.
#include "openhni/spec/fbnic_regs.h"

_Static_assert(FBNIC_INTR_CQ_REARM(2) == 0x408, "word index of an array element");
_Static_assert(FBNIC_RPC_TCAM_ACT(11, 63) == 0x08880 + 0x40 * 11 + 63, "nested array");
_Static_assert(FBNIC_INTR_CQ_REARM_INTR_UNMASK == 1u << 31, "mask in place");
_Static_assert(FBNIC_TWD_META_MSS == 0x3fffULL << 48, "mask of a 64-bit word");
_Static_assert(FBNIC_TLV_MSG_ID_FW_CAP_RESP == 0x11, "message number");
