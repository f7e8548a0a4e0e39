/* SPDX-License-Identifier: Apache-2.0 */
/* Invalidating a mailbox descriptor (driver/firmware/mailbox.hpp: invalidate()).
 *
 * A ring is reset while the firmware may still look at it: the low half is zeroed, a read flushes, then the high half is
 * zeroed. A firmware that reads a low half with HOST_CMPL must find the whole address; otherwise it writes to a truncated
 * one, as happened [trust-boundary C1]. The control leaves the flush out; the second control swaps the two stores.
 */
#include "memory.h"

#define LOW 0
#define HIGH 1

init {
  atomic {
    memory[LOW] = 1;
    memory[HIGH] = 1;
    run host();
    run firmware()
  }
}

proctype host() {
#ifndef SWAPPED
  store(LOW, 0);
#ifndef BROKEN
  barrier();  /* the low half is gone before the high half goes */
#endif
  store(HIGH, 0)
#else
  store(HIGH, 0);
  barrier();
  store(LOW, 0)
#endif
}

/* Low, high, low: the firmware's own guard against tearing. It does not help when the high half goes first. */
proctype firmware() {
  byte low, high, again;
  low = memory[LOW];
  high = memory[HIGH];
  again = memory[LOW];
  if
  :: low == 1 && again == 1 -> assert(high == 1)
  :: else
  fi
}
