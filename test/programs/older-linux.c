/* Runs a command as if Linux were 5.14: what came later and luo would use is refused as it was then. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum {
	WAIT_KILLABLE_RECV = 1 << 5, /* 5.19 */
	SET_FLAGS = _IOW('!', 4, uint64_t), /* 6.6 */
	PIDFD_THREAD = 0200, /* 6.9 */
};

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define ARGUMENT(index) LOAD(offsetof(struct seccomp_data, args[index]))
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* Skips so many instructions where the call is another one. */
#define CALL(number, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, skip)

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		CALL(SYS_seccomp, 4),
		ARGUMENT(1),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, WAIT_KILLABLE_RECV, 0, 1),
		REFUSE,
		ALLOW,
		CALL(SYS_pidfd_open, 4),
		ARGUMENT(1),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PIDFD_THREAD, 0, 1),
		REFUSE,
		ALLOW,
		CALL(SYS_ioctl, 3),
		ARGUMENT(1),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SET_FLAGS, 0, 1),
		REFUSE,
		ALLOW,
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	check(argc > 1);
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	execvp(argv[1], argv + 1);
	check(!"executed");
}
