/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor before doorbell (driver/core/device_io.hpp: write32 after store64).
 *
 * The driver stores the descriptors of a burst in ring memory and then writes the tail doorbell. The card, seeing the new
 * tail, reads every slot up to it. It must never find a slot that was not yet written. Two bursts over a ring of four
 * slots, the second one over a slot of the first. The control leaves the barrier out. */
#include "memory.h"

#define SLOT(i) (i)  /* cells 0 .. 3: generation of the descriptor in the slot */
#define TAIL 4       /* the doorbell register */

byte consumed = 0;   /* descriptors that the card is through with; tells the driver of room */

active proctype driver() {
  byte n = 0;
  do
  :: n < 6 ->
    n - consumed < 3;  /* the last slot is never filled */
    store(SLOT(n % 4), n / 4 + 1);
    n++;
    if
    :: store(SLOT(n % 4), n / 4 + 1); n - consumed < 3 -> n++
    :: skip
    fi;
#ifndef BROKEN
    barrier();  /* the descriptors above before the doorbell below */
#endif
    store(TAIL, n)
  :: else -> break
  od
}

active proctype card() {
end:
  do
  :: memory[TAIL] > consumed ->
    assert(memory[SLOT(consumed % 4)] == consumed / 4 + 1);
    consumed++
  od
}
