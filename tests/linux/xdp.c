// SPDX-License-Identifier: Apache-2.0
// Attaches an XDP program of two instructions to an interface for as long as it runs:
//     xdp INTERFACE aborted|drop|pass|tx
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr* attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

int main(int argc, char** argv) {
  const char* const verdicts[] = {"aborted", "drop", "pass", "tx"};
  int verdict = -1;
  for (int i = 0; argc == 3 && i < 4; ++i)
    if (strcmp(argv[2], verdicts[i]) == 0) verdict = i;
  if (verdict < 0) {
    fprintf(stderr, "usage: xdp INTERFACE aborted|drop|pass|tx\n");
    return 2;
  }
  const struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr load;
  memset(&load, 0, sizeof load);
  load.prog_type = BPF_PROG_TYPE_XDP;
  load.insns = (unsigned long)program;
  load.insn_cnt = 2;
  load.license = (unsigned long)"Apache-2.0";
  const int fd = bpf(BPF_PROG_LOAD, &load);
  union bpf_attr link;
  memset(&link, 0, sizeof link);
  link.link_create.prog_fd = (unsigned)fd;
  link.link_create.target_ifindex = if_nametoindex(argv[1]);
  link.link_create.attach_type = BPF_XDP;
  link.link_create.flags = 1U << 2;  // in the driver, or not at all
  if (fd < 0 || bpf(BPF_LINK_CREATE, &link) < 0) {
    perror("xdp");
    return 1;
  }
  printf("attached\n");
  fflush(stdout);
  pause();
  return 0;
}
