/* SPDX-License-Identifier: Apache-2.0 */
/* Done bit before payload (driver/core/device_io.hpp: load64 before later reads of DMA memory).
 *
 * The card writes the bytes of a packet and then, behind them, the completion with its DONE bit; writes of the card arrive
 * in order. The driver polls the completion and reads the bytes. Its processor may run the two loads in either order
 * unless the first is an acquire. In the control it is not. */

byte payload = 0;
byte done = 0;

active proctype card() {
  payload = 1;
  done = 1
}

active proctype driver() {
  byte seen_done, seen_payload;
#ifndef BROKEN
  seen_done = done;        /* acquire: the load below cannot move up */
  seen_payload = payload;
#else
  if
  :: seen_done = done; seen_payload = payload
  :: seen_payload = payload; seen_done = done
  fi;
#endif
  assert(!(seen_done == 1 && seen_payload == 0))
}
