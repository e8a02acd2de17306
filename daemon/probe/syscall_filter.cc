#include "daemon/probe/syscall_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "registry/base/errno_status.h"

namespace modeld {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

// Architectures differ in which of the older calls they have.
constexpr int kRefused[] = {
    // the network
    __NR_socket,
    __NR_socketpair,
    __NR_connect,
    __NR_bind,
    __NR_listen,
    __NR_accept,
    __NR_accept4,
    __NR_sendto,
    __NR_sendmsg,
    __NR_sendmmsg,
// writing to the file system
#ifdef __NR_creat
    __NR_creat,
    __NR_mkdir,
    __NR_rmdir,
    __NR_mknod,
    __NR_link,
    __NR_symlink,
    __NR_unlink,
    __NR_rename,
    __NR_chmod,
    __NR_chown,
    __NR_lchown,
    __NR_utime,
    __NR_utimes,
    __NR_futimesat,
#endif
#ifdef __NR_renameat
    __NR_renameat,
#endif
    __NR_mkdirat,
    __NR_mknodat,
    __NR_linkat,
    __NR_symlinkat,
    __NR_unlinkat,
    __NR_renameat2,
    __NR_truncate,
    __NR_fchmod,
    __NR_fchmodat,
    __NR_fchown,
    __NR_fchownat,
    __NR_utimensat,
    __NR_setxattr,
    __NR_lsetxattr,
    __NR_fsetxattr,
    __NR_removexattr,
    __NR_lremovexattr,
    __NR_fremovexattr,
// other processes
#ifdef __NR_fork
    __NR_fork,
    __NR_vfork,
#endif
    __NR_execve,
    __NR_execveat,
    __NR_tkill,
    __NR_rt_sigqueueinfo,
    __NR_rt_tgsigqueueinfo,
    __NR_pidfd_open,
    __NR_pidfd_getfd,
    __NR_pidfd_send_signal,
    __NR_ptrace,
    __NR_process_vm_readv,
    __NR_process_vm_writev,
    __NR_kcmp,
    __NR_setpriority,
    __NR_sched_setscheduler,
    __NR_sched_setparam,
    __NR_sched_setattr,
    __NR_ioprio_set,
    __NR_sched_setaffinity,
    __NR_move_pages,
    __NR_migrate_pages,
    // shared with other processes
    __NR_shmget,
    __NR_shmat,
    __NR_shmctl,
    __NR_semget,
    __NR_semctl,
    __NR_semop,
    __NR_semtimedop,
    __NR_msgget,
    __NR_msgctl,
    __NR_msgsnd,
    __NR_msgrcv,
    __NR_mq_open,
    __NR_mq_unlink,
    // the machine
    __NR_mount,
    __NR_umount2,
    __NR_pivot_root,
    __NR_chroot,
    __NR_unshare,
    __NR_setns,
    __NR_open_by_handle_at,
    __NR_bpf,
    __NR_perf_event_open,
    __NR_userfaultfd,
    __NR_add_key,
    __NR_request_key,
    __NR_keyctl,
    __NR_init_module,
    __NR_finit_module,
    __NR_delete_module,
    __NR_kexec_load,
    __NR_reboot,
    __NR_swapon,
    __NR_swapoff,
    __NR_settimeofday,
    __NR_clock_settime,
    __NR_sethostname,
    __NR_setdomainname,
    __NR_personality,
    __NR_fanotify_init,
};

constexpr bool IsOfGpu(int number) {
  return number == __NR_socket || number == __NR_bind || number == __NR_listen;
}

// Those of which libraries ask whether they are there: glibc falls back to what can be filtered by its
// arguments, which these hide in memory.
constexpr int kNotThere[] = {
    __NR_clone3,  __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register,
#ifdef __NR_openat2
    __NR_openat2,
#endif
};

// What the machine code of the filter reads.
constexpr uint32_t kNumber = offsetof(seccomp_data, nr);
constexpr uint32_t kArch = offsetof(seccomp_data, arch);
// The lower half of an argument; both architectures are little-endian.
constexpr uint32_t Argument(int index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args)) + 8 * static_cast<uint32_t>(index);
}

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t Fail(int error) {
  return SECCOMP_RET_ERRNO | (static_cast<uint32_t>(error) & SECCOMP_RET_DATA);
}

class Filter {
 public:
  Filter() {
    Add(BPF_LD | BPF_W | BPF_ABS, kArch);
    ReturnUnless(BPF_JEQ, kArchitecture, SECCOMP_RET_KILL_PROCESS);
    Add(BPF_LD | BPF_W | BPF_ABS, kNumber);
#if defined(__x86_64__)
    // The x32 calls, which have numbers of their own.
    constexpr uint32_t kX32 = 0x40000000;
    Add(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1);
    Add(BPF_RET | BPF_K, Fail(ENOSYS));
#endif
  }

  void Refuse(int number, int error) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1);
    Add(BPF_RET | BPF_K, Fail(error));
  }
  // Fails if the argument has any of these bits.
  void RefuseBits(int number, int argument, uint32_t bits, int error) {
    OnArgument(number, argument, {BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits}, error);
  }
  // Fails unless the argument has any of these bits.
  void RequireBits(int number, int argument, uint32_t bits, int error) {
    OnArgument(number, argument, {BPF_JMP | BPF_JSET | BPF_K, 1, 0, bits}, error);
  }
  // Fails unless the argument is `value`.
  void RequireValue(int number, int argument, uint32_t value, int error) {
    OnArgument(number, argument, {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, value}, error);
  }
  // Fails if the argument is any of `values`.
  void RefuseValues(int number, int argument, std::initializer_list<uint32_t> values, int error) {
    auto left = static_cast<uint8_t>(values.size());
    Add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, left + 3);
    Add(BPF_LD | BPF_W | BPF_ABS, Argument(argument));
    for (const uint32_t value : values) Add(BPF_JMP | BPF_JEQ | BPF_K, value, left--, 0);
    Add(BPF_RET | BPF_K, kAllow);
    Add(BPF_RET | BPF_K, Fail(error));
  }
  // Fails unless the argument is 0 or `value`.
  void RequireZeroOr(int number, int argument, uint32_t value, int error) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 5);
    Add(BPF_LD | BPF_W | BPF_ABS, Argument(argument));
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    Add(BPF_RET | BPF_K, Fail(error));
    Add(BPF_RET | BPF_K, kAllow);
  }

  // For all threads of the process.
  absl::Status Install() {
    Add(BPF_RET | BPF_K, kAllow);
    const sock_fprog program = {.len = static_cast<unsigned short>(code_.size()), .filter = code_.data()};
    const long failed = ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (failed == 0) return absl::OkStatus();
    if (failed < 0) return ErrnoStatus(errno, "seccomp");
    return absl::InternalError("seccomp: a thread has a filter of its own");
  }

 private:
  void Add(int code, uint32_t k, uint8_t if_true = 0, uint8_t if_false = 0) {
    code_.push_back({static_cast<uint16_t>(code), if_true, if_false, k});
  }
  void ReturnUnless(int condition, uint32_t value, uint32_t result) {
    Add(BPF_JMP | condition | BPF_K, value, 1, 0);
    Add(BPF_RET | BPF_K, result);
  }
  // `condition` goes to the failure with 0, past it with 1.
  void OnArgument(int number, int argument, const sock_filter& condition, int error) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 4);
    Add(BPF_LD | BPF_W | BPF_ABS, Argument(argument));
    code_.push_back(condition);
    Add(BPF_RET | BPF_K, Fail(error));
    Add(BPF_RET | BPF_K, kAllow);
  }

  std::vector<sock_filter> code_;
};

}  // namespace

absl::Status FilterSystemCalls(const FilterOptions& options) {
  if (kArchitecture == 0) return absl::UnimplementedError("seccomp: no filter for this architecture");
  // Without it only the privileged may have filters.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "no_new_privs");
  Filter filter;
  for (const int number : kRefused) {
    if (options.for_gpu && IsOfGpu(number)) continue;
    filter.Refuse(number, EPERM);
  }
  if (options.for_gpu) filter.RequireValue(__NR_socket, 0, AF_UNIX, EPERM);
  for (const int number : kNotThere) filter.Refuse(number, ENOSYS);
  if (!options.for_gpu) {
    constexpr uint32_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
#ifdef __NR_open
    filter.RefuseBits(__NR_open, 1, kWriting, EACCES);
#endif
    filter.RefuseBits(__NR_openat, 2, kWriting, EACCES);
  }
  filter.RequireBits(__NR_clone, 0, CLONE_THREAD, EPERM);
  // abort() and pthread_kill signal this process's own threads.
  const auto self = static_cast<uint32_t>(::getpid());
  filter.RequireValue(__NR_kill, 0, self, EPERM);
  filter.RequireValue(__NR_tgkill, 0, self, EPERM);
  // A pipe can be told to signal another process.
  filter.RefuseValues(__NR_fcntl, 1, {F_SETOWN, F_SETOWN_EX, F_SETSIG, F_SETLEASE, F_NOTIFY}, EPERM);
  filter.RequireZeroOr(__NR_prlimit64, 0, self, EPERM);
  return filter.Install();
}

}  // namespace modeld
