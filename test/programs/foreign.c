/* System calls by the numbers of other architectures, and past the filter. Nothing here could harm a host. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Each reboot below has wrong magic numbers: without a filter the kernel would say EINVAL. */
enum { WRONG_MAGIC = 1 };

#ifdef __x86_64__
enum { X32 = 0x40000000, I386_OPEN = 5, I386_REBOOT = 88, I386_KEXEC_LOAD = 283, I386_GETPID = 20 };

static void with_x32_numbers(void)
{
	check_fails(syscall(X32 | SYS_open, LUO_DEVICE, O_RDWR), ENOSYS);
	check_fails(syscall(X32 | SYS_ioctl, 0, LUO_CREATE_SESSION, 0), ENOSYS);
	check_fails(syscall(X32 | SYS_reboot, WRONG_MAGIC, 0, 0), ENOSYS);
	check_fails(syscall(X32 | SYS_getpid), ENOSYS);
	check_fails(syscall(-1), ENOSYS);
}

static long i386_call(long number, long a, long b, long c)
{
	long result;

	asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(0), "D"(0)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void i386_getpid(void)
{
	check(i386_call(I386_GETPID, 0, 0, 0) == getpid());
}

static void with_i386_numbers(void)
{
	/* Where 32-bit system calls can reach it. */
	char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	check(path != MAP_FAILED);
	strcpy(path, LUO_DEVICE);
	check(i386_call(I386_REBOOT, WRONG_MAGIC, 0, 0) == -EPERM);
	check(i386_call(I386_KEXEC_LOAD, 0, 0, 0) == -EPERM);
	check(i386_call(I386_OPEN, (long)path, O_RDWR, 0) == -ENOENT);
}
#endif

static void without_io_uring(void)
{
	check_fails(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS);
}

/* What the kernel says, for a caller that has asked it outside of the machine. */
static void print_io_uring_error(void)
{
	check(syscall(SYS_io_uring_setup, 1, NULL) == -1);
	printf("%d\n", errno);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
#ifdef __x86_64__
		{ "x32", with_x32_numbers },
		{ "i386", with_i386_numbers },
		{ "i386-getpid", i386_getpid },
#endif
		{ "no-io_uring", without_io_uring },
		{ "io_uring-error", print_io_uring_error },
	};

	return RUN_CASE(cases, argc, argv);
}
