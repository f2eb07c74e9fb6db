/* A program with a filter of its own. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { OWN_ERROR = ELIBBAD };

static long install(unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | OWN_ERROR),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* What is stricter comes first: luo never sees the call. */
static void own_filter(void)
{
	int device = open(LUO_DEVICE, O_RDWR);

	check(luo_session(device, LUO_CREATE_SESSION, "before") >= 0);
	check(install(0) == 0);
	check_fails(luo_session(device, LUO_CREATE_SESSION, "after"), OWN_ERROR);
	close(device);
	check(open(LUO_DEVICE, O_RDWR) == device);
}

static void own_listener(void)
{
	check_fails(install(SECCOMP_FILTER_FLAG_NEW_LISTENER), EBUSY);
	check(luo_session(open(LUO_DEVICE, O_RDWR), LUO_CREATE_SESSION, "name") >= 0);
}

static void no_new_privileges(void)
{
	check(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "own-filter", own_filter },
		{ "own-listener", own_listener },
		{ "no-new-privileges", no_new_privileges },
	};

	return RUN_CASE(cases, argc, argv);
}
