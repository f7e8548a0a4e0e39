// SPDX-License-Identifier: Apache-2.0
// Preloaded into a User Mode Linux on virtual time: what it asks its host for as random numbers is
// the same in each run, so that ports, cookies and hash keys in the guest are, too.
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

ssize_t getrandom(void* buffer, size_t bytes, unsigned flags);

ssize_t getrandom(void* buffer, size_t bytes, unsigned flags) {
  static uint64_t state = 0x9e3779b97f4a7c15u;
  unsigned char* at = buffer;
  (void)flags;
  for (size_t i = 0; i < bytes; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    at[i] = (unsigned char)(state >> 32);
  }
  return (ssize_t)bytes;
}
