/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving a mailbox message (driver/firmware/mailbox.hpp: take_received()).
 *
 * The firmware writes the message into the posted page, then the descriptor with FW_CMPL. The host reads the descriptor and
 * copies the page; it posts the page again only when the copy is made, because the firmware may overwrite a posted page at
 * once. The control posts it before. */

byte page = 0;        /* number of the message in the page; changes while the firmware writes it */
byte completed = 0;   /* messages that the firmware has delivered */
byte posted = 1;      /* pages that the host has handed over */

active proctype firmware() {
end:
  do
  :: completed < 3 && posted > completed ->
    page = 100;            /* half written */
    page = completed + 1;
    completed++
  od
}

active proctype host() {
  byte received = 0;
  byte copy;
  do
  :: received < 3 ->
    completed > received;
#ifdef BROKEN
    posted++;
#endif
    copy = page;
    assert(copy == received + 1);
#ifndef BROKEN
    posted++;  /* the copy above before the page is the firmware's again */
#endif
    received++
  :: else -> break
  od
}
