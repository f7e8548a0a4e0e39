// SPDX-License-Identifier: Apache-2.0
// The headers of uart.rdl and soc.rdl and the structures of the card, compiled as plain C.
#include "fbnic_structs.h"
#include "soc_c-header.h"
#include "soc_structs.h"
#include "uart_c-header.h"

_Static_assert(UART_BAUD == 0xc, "offset");
_Static_assert(UART_BAUD_DIV_RESET == 54, "reset value");
_Static_assert(SOC_SERIAL_CTRL(1) == 0x1104, "element of an array");
_Static_assert((SOC_WDT_TICKS_RESET & SOC_WDT_TICKS_MASK) == 0xffff, "mask");
_Static_assert(UART_PARITY_MODE_EVEN == 2, "enumerator");
_Static_assert(offsetof(struct soc, DMA) == 0x3000, "offset in the structure");

unsigned baud_divisor(const struct soc *soc)
{
	return soc->CONSOLE.BAUD & UART_BAUD_DIV_MASK;
}
