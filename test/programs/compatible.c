/* A 32-bit program: it runs, without the device, and cannot stop the host. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <sys/syscall.h>

int main(void)
{
	check(sizeof(void *) == 4);
	check_fails(open(LUO_DEVICE, O_RDWR), ENOENT);
	/* Wrong magic numbers: without the filter it would be EINVAL, and nothing else. */
	check_fails(syscall(SYS_reboot, 1, 0, 0, 0), EPERM);
	check_fails(syscall(SYS_kexec_load, 0, 0, 0, 0), EPERM);
	puts("runs");
	return 0;
}
