/* SPDX-License-Identifier: Apache-2.0 */
/* A weak memory for the models: a writer's stores wait in a set and become visible in any order. barrier() waits until
 * all of them are visible, which is what the barrier of the code promises and no more. Cells are bytes, values small. */
#define CELLS 8

byte memory[CELLS];   /* what the other side sees */
byte pending[CELLS];  /* a store on its way: value + 1, or 0 */

/* A store. A second store to the same cell replaces the first: same address, program order. */
#define store(cell, value) pending[cell] = (value) + 1

/* All earlier stores are visible before anything later. */
#define barrier() \
  d_step { \
    byte i_ = 0; \
    do \
    :: i_ < CELLS -> \
      if \
      :: pending[i_] != 0 -> memory[i_] = pending[i_] - 1; pending[i_] = 0 \
      :: else \
      fi; \
      i_++ \
    :: else -> break \
    od \
  }

/* The memory system: makes any waiting store visible at any time. */
active proctype memory_system() {
  byte cell;
end:
  do
  :: select(cell : 0 .. (CELLS - 1));
    atomic {
      if
      :: pending[cell] != 0 -> memory[cell] = pending[cell] - 1; pending[cell] = 0
      :: else
      fi
    }
  od
}
