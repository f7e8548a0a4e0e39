/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing a mailbox descriptor (driver/firmware/mailbox.hpp: publish()).
 *
 * The stop behind the slot is zeroed, the high half is written, a read of the mailbox flushes, then the low half with
 * HOST_CMPL is written. The firmware takes a descriptor whose low half says HOST_CMPL; the high half must then be the one
 * that belongs to it, and the next slot must not look like a descriptor of an earlier lap. The control leaves the flush
 * out. */
#include "memory.h"

#define LOW(i) (2 * (i))       /* 0: nothing; g: HOST_CMPL, address of generation g */
#define HIGH(i) (2 * (i) + 1)  /* g: upper address and length of generation g */
#define SLOTS 3

byte taken = 0;  /* descriptors that the firmware is through with */

active proctype host() {
  byte n = 0;
  do
  :: n < 5 ->
    n - taken < SLOTS - 1;
    store(LOW((n + 1) % SLOTS), 0);  /* the stop */
    store(HIGH(n % SLOTS), n + 1);
#ifndef BROKEN
    barrier();  /* stop and high half before the low half, which is the doorbell */
#endif
    store(LOW(n % SLOTS), n + 1);
    n++
  :: else -> break
  od
}

active proctype firmware() {
end:
  do
  :: memory[LOW(taken % SLOTS)] != 0 ->
    atomic {
      assert(memory[LOW(taken % SLOTS)] == taken + 1);   /* not one of an earlier lap */
      assert(memory[HIGH(taken % SLOTS)] == taken + 1);  /* not torn */
      taken++
    }
  od
}
