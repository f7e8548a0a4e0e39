// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/sandbox.hpp"

#include <cap-ng.h>
#include <fcntl.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

namespace hni::tools {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

/// Allowed with any arguments: input and output on open descriptors, memory, time, exit.
constexpr std::array kAllowed{SCMP_SYS(read),          SCMP_SYS(write),
                              SCMP_SYS(readv),         SCMP_SYS(writev),
                              SCMP_SYS(recvmsg),       SCMP_SYS(sendmsg),
                              SCMP_SYS(recvfrom),      SCMP_SYS(sendto),
                              SCMP_SYS(accept4),       SCMP_SYS(close),
                              SCMP_SYS(lseek),         SCMP_SYS(fstat),
                              SCMP_SYS(newfstatat),    SCMP_SYS(fstatfs),
                              SCMP_SYS(readlink),      SCMP_SYS(readlinkat),
                              SCMP_SYS(unlink),        SCMP_SYS(unlinkat),
                              SCMP_SYS(epoll_wait),    SCMP_SYS(epoll_pwait),
                              SCMP_SYS(epoll_ctl),     SCMP_SYS(poll),
                              SCMP_SYS(ppoll),         SCMP_SYS(timerfd_settime),
                              SCMP_SYS(timer_settime), SCMP_SYS(timer_delete),
                              SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
                              SCMP_SYS(munmap),        SCMP_SYS(mremap),
                              SCMP_SYS(madvise),       SCMP_SYS(brk),
                              SCMP_SYS(futex),         SCMP_SYS(getrandom),
                              SCMP_SYS(rt_sigaction),  SCMP_SYS(rt_sigprocmask),
                              SCMP_SYS(rt_sigreturn),  SCMP_SYS(wait4),
                              SCMP_SYS(getpid),        SCMP_SYS(gettid),
                              SCMP_SYS(exit),          SCMP_SYS(exit_group),
                              SCMP_SYS(sched_yield),   SCMP_SYS(restart_syscall)};

/// Needed by a cable that reconnects to its other end.
constexpr std::array kForCables{SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
                                SCMP_SYS(setsockopt), SCMP_SYS(umask)};

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

/// A condition on one argument of a call. libseccomp's SCMP_CMP macro is a C99 compound literal,
/// which clang refuses in C++.
/// @param argument its position, from 0
/// @param compare how it is compared
/// @param a the value, or the mask for SCMP_CMP_MASKED_EQ
/// @param b the value under the mask
scmp_arg_cmp where(unsigned int argument, scmp_compare compare, scmp_datum_t a,
                   scmp_datum_t b = 0) {
  return {argument, compare, a, b};
}

/// Calls that are allowed only with certain arguments.
bool add_conditional(const Filter& filter, const SandboxPolicy& policy) {
  const auto allow = [&](int call, scmp_arg_cmp condition) {
    return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 1, condition) == 0;
  };
  constexpr auto kExec = static_cast<scmp_datum_t>(PROT_EXEC);
  bool good =
      allow(SCMP_SYS(mmap), where(2, SCMP_CMP_MASKED_EQ, kExec, 0)) &&
      allow(SCMP_SYS(mprotect), where(2, SCMP_CMP_MASKED_EQ, kExec, 0)) &&
      // abort(): a signal to this process and no other.
      allow(SCMP_SYS(tgkill), where(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
  for (const int command : {F_GETFD, F_GETFL, F_SETFL})
    good =
        good && allow(SCMP_SYS(fcntl), where(1, SCMP_CMP_EQ, static_cast<scmp_datum_t>(command)));
  // The C library tests for each stream whether it is a terminal.
  good = good && seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0) == 0;
  if (policy.unix_sockets) good = good && allow(SCMP_SYS(socket), where(0, SCMP_CMP_EQ, AF_UNIX));
  return good;
}

Outcome<> load_list(const SandboxPolicy& policy) {
  const Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!filter) return problem("sandbox: no memory for the list of system calls");
  bool good = true;
  for (const int call : kAllowed)
    good = good && seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) == 0;
  for (const int call : kForCables) {
    if (policy.unix_sockets)
      good = good && seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) == 0;
  }
  if (!good || !add_conditional(filter, policy))
    return problem("sandbox: the list of system calls cannot be made");
  if (const int error = seccomp_load(filter.get()); error != 0)
    return system_problem("sandbox: the kernel refuses the list of system calls", -error);
  return {};
}

Outcome<> drop_privileges(const SandboxPolicy& policy) {
  capng_clear(CAPNG_SELECT_ALL);
  if (policy.user) {
    const auto ids = find_user(*policy.user);
    if (!ids) return tl::unexpected(ids.error());
    if (capng_change_id(static_cast<int>(ids->user), static_cast<int>(ids->group),
                        static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)) !=
        0)
      return problem("--user " + *policy.user + ": only root can become another user");
    return {};
  }
  // Without CAP_SETPCAP the bounding set cannot be reduced; with no_new_privs it grants nothing.
  (void)capng_apply(CAPNG_SELECT_BOUNDS);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    return problem("sandbox: capabilities cannot be dropped");
  (void)capng_apply(CAPNG_SELECT_AMBIENT);
  return {};
}

}  // namespace

bool sandbox_has_list() {
  return !kSanitized;
}

Outcome<UserIds> find_user(const std::string& name) {
  errno = 0;
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return problem("--user '" + name + "': no such user", kExitUsage);
  return UserIds{entry->pw_uid, entry->pw_gid};
}

Outcome<> enter_sandbox(const SandboxPolicy& policy) {
  constexpr rlimit kNone{0, 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0) return system_problem("sandbox: core dumps");
  if (auto r = drop_privileges(policy); !r) return r;
  if (policy.ends_with_parent) (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_problem("sandbox: privileges");
  return sandbox_has_list() ? load_list(policy) : Outcome<>{};
}

}  // namespace hni::tools
