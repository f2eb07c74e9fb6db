/* What the descriptors of the device and of sessions look like from outside. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { ANON_INODE = 0x09041934 };

static int device, session;

static void open_both(const char *name)
{
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	session = luo_session(device, LUO_CREATE_SESSION, name);
	check(session >= 0);
}

static void check_link(int fd, const char *expected)
{
	char path[64], text[128] = "";

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	check(readlink(path, text, sizeof text) == (ssize_t)strlen(expected));
	check(strcmp(text, expected) == 0);
	check(readlink(path, text, 5) == 5);
	check_fails(readlink(path, text, 0), EINVAL);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
	memset(text, 0, sizeof text);
	check(readlinkat(AT_FDCWD, path, text, sizeof text) == (ssize_t)strlen(expected));
	check(strcmp(text, expected) == 0);
	check_fails(syscall(SYS_readlinkat, AT_FDCWD, path, 1, 10), EFAULT);
}

static void as_systemd_looks(void)
{
	struct statfs system;

	open_both("systemd");
	check_link(session, "anon_inode:[luo_session] systemd");
	check_link(device, LUO_DEVICE);
	check(fstatfs(session, &system) == 0 && system.f_type == ANON_INODE);
	check(fstatfs(device, &system) == 0 && system.f_type != ANON_INODE);
	check_fails(syscall(SYS_fstatfs, session, 1), EFAULT);
	check_fails(open("/proc/self/fd/4", O_RDWR), ENXIO);
	check(session == 4);

	/* As others see it who got the descriptor. */
	pid_t child = fork();
	if (child == 0) {
		check_link(session, "anon_inode:[luo_session] systemd");
		_exit(0);
	}
	check_child(child);
	close(session);
	check_link(open("/dev/null", O_RDONLY), "/dev/null");
}

static void as_ls_looks(void)
{
	struct stat status;
	struct statx more;

	check(stat(LUO_DEVICE, &status) == 0 && S_ISCHR(status.st_mode) && major(status.st_rdev) == 10);
	check(lstat(LUO_DEVICE, &status) == 0 && S_ISCHR(status.st_mode));
	check(statx(AT_FDCWD, LUO_DEVICE, 0, STATX_BASIC_STATS, &more) == 0);
	check(S_ISCHR(more.stx_mode) && more.stx_rdev_major == 10);
	check(access(LUO_DEVICE, R_OK | W_OK) == 0);
	check(faccessat(AT_FDCWD, LUO_DEVICE, F_OK, AT_EACCESS) == 0);
	check_fails(access(LUO_DEVICE, X_OK), EACCES);
	check_fails(stat(LUO_DEVICE "/", &status), ENOTDIR);
	check_fails(readlink(LUO_DEVICE, (char[8]){ 0 }, 8), EINVAL);
	check_fails(syscall(SYS_newfstatat, AT_FDCWD, LUO_DEVICE, 1, 0), EFAULT);
#ifdef SYS_stat
	check(syscall(SYS_stat, LUO_DEVICE, &status) == 0 && S_ISCHR(status.st_mode));
	check(syscall(SYS_lstat, LUO_DEVICE, &status) == 0 && S_ISCHR(status.st_mode));
	check(syscall(SYS_access, LUO_DEVICE, F_OK) == 0);
#endif
	/* For its path only: it says what it is, and takes no commands. */
	int path = open(LUO_DEVICE, O_PATH | O_CLOEXEC);
	check_link(path, LUO_DEVICE);
	check_fails(luo_session(path, LUO_CREATE_SESSION, "name"), EBADF);
}

static void as_nothing_to_read_or_write(void)
{
	struct stat status;
	char byte = 0;

	open_both("strict");
	for (int fd = device; fd <= session; fd++) {
		check_fails(read(fd, &byte, 1), EINVAL);
		check_fails(write(fd, &byte, 1), EINVAL);
		check_fails(epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &(struct epoll_event){ 0 }), EPERM);
	}
	check(fstat(device, &status) == 0 && S_ISCHR(status.st_mode));
	check(fstat(session, &status) == 0 && (status.st_mode & S_IFMT) == 0);
	check((fcntl(device, F_GETFL) & O_ACCMODE) == O_RDWR);
	check_fails(luo_preserve(device, 0, 1), EINVAL);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "systemd", as_systemd_looks },
		{ "ls", as_ls_looks },
		{ "strict", as_nothing_to_read_or_write },
	};

	return RUN_CASE(cases, argc, argv);
}
