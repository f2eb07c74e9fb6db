/* What the descriptors of the device and of sessions look like from outside. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
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

/* Whatever stands for the kernel's files, they are no sockets. Only the calls without MSG_NOSIGNAL are seen. */
static void check_no_socket(int fd)
{
	struct iovec vector = { (char[8]){ 0 }, 8 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	struct sockaddr_storage address;
	socklen_t length = sizeof(int), address_length = sizeof address;
	int type;

	check_fails(send(fd, "x", 1, 0), ENOTSOCK);
	check_fails(recv(fd, vector.iov_base, 1, 0), ENOTSOCK);
	check_fails(recv(fd, vector.iov_base, 1, MSG_DONTWAIT), ENOTSOCK);
	check_fails(sendmsg(fd, &message, 0), ENOTSOCK);
	check_fails(recvmsg(fd, &message, 0), ENOTSOCK);
	check_fails(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length), ENOTSOCK);
	check_fails(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &type, sizeof type), ENOTSOCK);
	check_fails(getsockname(fd, (struct sockaddr *)&address, &address_length), ENOTSOCK);
	check_fails(getpeername(fd, (struct sockaddr *)&address, &address_length), ENOTSOCK);
}

/* Reading and writing at an offset, where a session says that it has none. */
static void check_no_data(int fd, int at_offset)
{
	struct iovec vector = { (char[8]){ 0 }, 8 };

	check_fails(pread(fd, vector.iov_base, 1, 0), at_offset);
	check_fails(pread(fd, vector.iov_base, 1, -1), EINVAL);
	check_fails(pwrite(fd, "x", 1, 0), at_offset);
	check_fails(pwrite(fd, "x", 1, -1), EINVAL);
	check_fails(readv(fd, &vector, 1), EINVAL);
	check_fails(writev(fd, &vector, 1), EINVAL);
	check_fails(preadv(fd, &vector, 1, 0), at_offset);
	check_fails(preadv(fd, &vector, 1, -1), EINVAL);
	check_fails(pwritev(fd, &vector, 1, 0), at_offset);
	check_fails(preadv2(fd, &vector, 1, 0, 0), at_offset);
	check_fails(preadv2(fd, &vector, 1, -1, 0), EINVAL);
	check_fails(pwritev2(fd, &vector, 1, 0, 0), at_offset);
	check_fails(pwritev2(fd, &vector, 1, -1, 0), EINVAL);
}

/* Nothing can be copied into them or out of them, and nothing is taken from the other side. */
static void check_no_copies(int fd, int at_offset)
{
	int memory = memfd_create("other", 0), pipes[2];
	char text[8];

	check(pwrite(memory, "text", 4, 0) == 4 && pipe(pipes) == 0 && write(pipes[1], "pipe", 4) == 4);
	check_fails(sendfile(fd, memory, NULL, 4), EINVAL);
	check(sendfile(fd, memory, NULL, 0) == 0);
	check_fails(sendfile(fd, 99, NULL, 4), EBADF);
	check_fails(sendfile(memory, fd, NULL, 4), EINVAL);
	check_fails(sendfile(memory, fd, &(off_t){ 0 }, 4), at_offset);
	check_fails(sendfile(memory, fd, NULL, 0), EINVAL);
	check_fails(sendfile(99, fd, NULL, 4), EBADF);
	check_fails(copy_file_range(memory, NULL, fd, NULL, 4, 0), EINVAL);
	check_fails(copy_file_range(fd, NULL, memory, NULL, 4, 0), EINVAL);
	check_fails(splice(pipes[0], NULL, fd, NULL, 4, 0), EINVAL);
	check_fails(splice(pipes[0], NULL, fd, &(off_t){ 0 }, 4, 0), EINVAL);
	check_fails(splice(fd, NULL, pipes[1], NULL, 4, 0), EINVAL);
	check(splice(pipes[0], NULL, fd, NULL, 0, 0) == 0);
	check_fails(tee(pipes[0], fd, 4, 0), EINVAL);
	check_fails(vmsplice(fd, &(struct iovec){ text, 1 }, 1, 0), EBADF);
	check(lseek(memory, 0, SEEK_CUR) == 0 && read(pipes[0], text, 8) == 4);
	for (int i = 0; i < 2; i++)
		close(pipes[i]);
	close(memory);
}

static void as_no_socket_with_data(void)
{
	open_both("strict");
	for (int fd = device; fd <= session; fd++) {
		check_no_socket(fd);
		check_no_data(fd, fd == session ? ESPIPE : EINVAL);
		check_no_copies(fd, fd == session ? ESPIPE : EINVAL);
	}
	check_fails(fchown(session, -1, -1), EOPNOTSUPP);
	check_fails(fchmod(session, 0600), EOPNOTSUPP);
	check_fails(futimens(session, NULL), EOPNOTSUPP);
	check(fchmod(device, 0600) == 0 && futimens(device, NULL) == 0);

	/* Everything is as ever for other files. */
	int sockets[2];
	char text[8];
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	check(send(sockets[0], "text", 4, 0) == 4 && recv(sockets[1], text, 8, 0) == 4);
	check(sendfile(sockets[0], open("/proc/self/exe", O_RDONLY), NULL, 8) == 8);
	check(shutdown(sockets[0], SHUT_WR) == 0);

	/* What it was opened for is looked at first. */
	close(device);
	device = open(LUO_DEVICE, O_RDONLY);
	check_fails(read(device, text, 1), EINVAL);
	check_fails(write(device, text, 1), EBADF);
	close(device);
	device = open(LUO_DEVICE, O_WRONLY);
	check_fails(read(device, text, 1), EBADF);
	check_fails(write(device, text, 1), EINVAL);
}

static void as_nothing_to_hang_up(void)
{
	int sockets[2], memory = memfd_create("m", 0);
	char byte;

	open_both("held");
	for (int fd = device; fd <= session; fd++)
		for (int how = SHUT_RD; how <= SHUT_RDWR; how++)
			check_fails(shutdown(fd, how), ENOTSOCK);
	check(luo_preserve(session, memory, 1) == 0);
	check_fails(open(LUO_DEVICE, O_RDWR), EBUSY);
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	check(shutdown(sockets[0], SHUT_RDWR) == 0 && read(sockets[1], &byte, 1) == 0);
	check_fails(shutdown(memory, SHUT_RDWR), ENOTSOCK);
	check_fails(shutdown(99, SHUT_RDWR), EBADF);
}

/* Run again after its own live update, it looks at what it preserved. */
static void as_retrieved(const char *expected)
{
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	session = luo_session(device, LUO_RETRIEVE_SESSION, "links");
	if (session >= 0) {
		int memory = luo_retrieve(session, 1), reopened;

		check(memory >= 0);
		check_link(memory, expected);
		check(luo_finish(session) == 0);
		check_link(memory, expected);
		reopened = open("/proc/self/fd/5", O_RDONLY);
		check(memory == 5 && reopened >= 0);
		check_link(reopened, expected);
		check_link(memfd_create("other", 0), "/memfd:other (deleted)");
		return;
	}
	session = luo_session(device, LUO_CREATE_SESSION, "links");
	int memory = memfd_create("name", 0);
	check(luo_preserve(session, memory, 1) == 0);
	check_link(memory, "/memfd:name (deleted)");
	int image = open("/proc/self/exe", O_RDONLY);
	check(syscall(SYS_kexec_file_load, image, -1, 1UL, "", KEXEC_FILE_NO_INITRAMFS) == 0);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	check(!"the live update came back");
}

static void as_retrieved_file_of_its_name(void)
{
	as_retrieved("/memfd:name (deleted)");
}

static void as_retrieved_file_without_a_name(void)
{
	as_retrieved("/ (deleted)");
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "systemd", as_systemd_looks },
		{ "ls", as_ls_looks },
		{ "strict", as_nothing_to_read_or_write },
		{ "no-socket", as_no_socket_with_data },
		{ "hang-up", as_nothing_to_hang_up },
		{ "retrieved", as_retrieved_file_of_its_name },
		{ "retrieved-strictly", as_retrieved_file_without_a_name },
	};

	return RUN_CASE(cases, argc, argv);
}
