/* All ways to open the device. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int has_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

/* It is the device: it takes a command of it. */
static void check_device(int fd)
{
	check(fd >= 0);
	int session = luo_session(fd, LUO_CREATE_SESSION, "probe");
	check(session >= 0);
	close(session);
	close(fd);
}

static void lowest_number(void)
{
	int low = dup(0), high = dup(0);

	close(low);
	int device = open(LUO_DEVICE, O_RDWR);
	check(device == low && !has_cloexec(device));
	close(device);
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device == low && has_cloexec(device));

	/* What the commands give is always close-on-exec, and the lowest too. */
	int session = luo_session(device, LUO_CREATE_SESSION, "name");
	check(session == high + 1 && has_cloexec(session));
	close(high);
	int other = luo_session(device, LUO_CREATE_SESSION, "other");
	check(other == high && has_cloexec(other));
}

static long openat2_with(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .resolve = resolve };

	return syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static void with_openat2(void)
{
	int device = openat2_with(AT_FDCWD, LUO_DEVICE, O_RDWR, 0);
	check(device >= 0 && !has_cloexec(device));
	check_device(device);
	device = openat2_with(AT_FDCWD, LUO_DEVICE, O_RDWR | O_CLOEXEC, 0);
	check(device >= 0 && has_cloexec(device));
	check_device(device);
	check_device(openat2_with(AT_FDCWD, LUO_DEVICE, O_RDWR, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));

	int directory = open("/dev", O_PATH | O_DIRECTORY);
	check_device(openat2_with(directory, "liveupdate", O_RDWR, RESOLVE_BENEATH | RESOLVE_NO_XDEV));
	check_device(openat2_with(directory, "liveupdate", O_RDWR, RESOLVE_IN_ROOT));
}

static void with_bad_openat2(void)
{
	struct open_how how = { .flags = O_RDWR };
	struct {
		struct open_how how;
		uint64_t unknown;
	} longer = { .how = how };

	check_device(syscall(SYS_openat2, AT_FDCWD, LUO_DEVICE, &longer, sizeof longer));
	longer.unknown = 1;
	check_fails(syscall(SYS_openat2, AT_FDCWD, LUO_DEVICE, &longer, sizeof longer), E2BIG);
	check_fails(syscall(SYS_openat2, AT_FDCWD, LUO_DEVICE, &how, 8), EINVAL);
	check_fails(syscall(SYS_openat2, AT_FDCWD, LUO_DEVICE, NULL, sizeof how), EFAULT);
	check_fails(openat2_with(AT_FDCWD, LUO_DEVICE, O_RDWR | 1ull << 40, 0), EINVAL);
	check_fails(openat2_with(AT_FDCWD, LUO_DEVICE, O_RDWR, 1ull << 40), EINVAL);
	check_fails(openat2_with(AT_FDCWD, LUO_DEVICE, O_RDWR, RESOLVE_BENEATH), EXDEV);
	how.mode = 0600;
	check_fails(syscall(SYS_openat2, AT_FDCWD, LUO_DEVICE, &how, sizeof how), EINVAL);
}

static void with_creat(void)
{
#ifdef SYS_creat
	check_device(syscall(SYS_creat, LUO_DEVICE, 0600));
	check_device(syscall(SYS_open, LUO_DEVICE, O_RDWR));
#endif
	check_device(open(LUO_DEVICE, O_RDWR | O_CREAT | O_TRUNC, 0600));
	check_fails(open(LUO_DEVICE, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	check_fails(open(LUO_DEVICE, O_RDWR | O_DIRECTORY), ENOTDIR);
	check_fails(open(LUO_DEVICE "/", O_RDWR), ENOTDIR);
}

static void with_other_paths(void)
{
	char directory[] = "links-XXXXXX", path[PATH_MAX];
	int dev = open("/dev", O_RDONLY | O_DIRECTORY);

	check_device(openat(dev, "liveupdate", O_RDWR));
	check_device(openat(dev, "./shm/../liveupdate", O_RDWR));
	check_device(openat(dev, LUO_DEVICE, O_RDWR));
	check_device(openat(-1, LUO_DEVICE, O_RDWR));
	check_fails(openat(-1, "liveupdate", O_RDWR), EBADF);
	check_fails(openat(open("/tmp", O_RDONLY), "liveupdate", O_RDWR), ENOENT);
	check_device(open("//dev/./liveupdate", O_RDWR));
	check_device(open("/proc/self/root/dev/liveupdate", O_RDWR));
	check_fails(open("/DEV/liveupdate", O_RDWR), ENOENT);

	check(mkdtemp(directory) != NULL);
	snprintf(path, sizeof path, "%s/devices", directory);
	check(symlink("/dev", path) == 0);
	strcat(path, "/liveupdate");
	check_device(open(path, O_RDWR));
	*strrchr(path, '/') = '\0';
	check(unlink(path) == 0 && rmdir(directory) == 0);

	check(chdir("/dev") == 0);
	check_device(open("liveupdate", O_RDWR));
	check_device(open("./liveupdate", O_RDWR));
	check_device(open("../dev/liveupdate", O_RDWR));
}

static void at_the_end_of_memory(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = pages + 4096;

	check(munmap(end, 4096) == 0);
	check_device(open(strcpy(end - sizeof LUO_DEVICE, LUO_DEVICE), O_RDWR));
	memset(pages, 'x', 4096);
	memcpy(end - strlen(LUO_DEVICE), LUO_DEVICE, strlen(LUO_DEVICE));
	check_fails(open(end - strlen(LUO_DEVICE), O_RDWR), EFAULT);
	check_fails(open(end, O_RDWR), EFAULT);
	check_fails(open((char *)-1, O_RDWR), EFAULT);
	check_fails(syscall(SYS_openat, AT_FDCWD, NULL, O_RDWR), EFAULT);
	check_fails(open("", O_RDWR), ENOENT);
}

/* The path of the device, `length` bytes long. */
static const char *long_path(size_t length)
{
	static char path[2 * PATH_MAX];
	size_t slashes = length - strlen(LUO_DEVICE);

	memset(path, '/', slashes);
	strcpy(path + slashes, LUO_DEVICE);
	return path;
}

static void of_any_length(void)
{
	check_device(open(long_path(PATH_MAX - 1), O_RDWR));
	check_fails(open(long_path(PATH_MAX), O_RDWR), ENAMETOOLONG);
	check_fails(open(long_path(PATH_MAX + 1), O_RDWR), ENAMETOOLONG);
}

static void set_limit(int limit)
{
	struct rlimit limits;

	check(getrlimit(RLIMIT_NOFILE, &limits) == 0);
	limits.rlim_cur = limit;
	check(setrlimit(RLIMIT_NOFILE, &limits) == 0);
}

static void without_room(void)
{
	int first = next_descriptor();

	set_limit(first);
	check_fails(open(LUO_DEVICE, O_RDWR), EMFILE);
	set_limit(first + 1);
	int device = open(LUO_DEVICE, O_RDWR);
	check(device == first);
	check_fails(open(LUO_DEVICE, O_RDWR), EMFILE);
	check_fails(luo_session(device, LUO_CREATE_SESSION, "name"), EMFILE);
	set_limit(first + 2);
	check(luo_session(device, LUO_CREATE_SESSION, "name") == first + 1);
}

/* Luo itself has no descriptor left for the device. The device is not left busy. */
static void without_room_in_luo(void)
{
	int device = open(LUO_DEVICE, O_RDWR);
	int session = luo_session(device, LUO_CREATE_SESSION, "hungry");

	close(device);
	for (int number = 0;; number++) {
		int memory = memfd_create("file", 0), failed = luo_preserve(session, memory, number), error = errno;

		check(close(memory) == 0);
		if (!failed)
			continue;
		check(error == ENFILE);
		break;
	}
	for (int i = 0; i < 3; i++) {
		check_fails(open(LUO_DEVICE, O_RDWR), ENFILE);
		check_fails(open("/proc/self/root/dev/liveupdate", O_RDWR | O_CLOEXEC), ENFILE);
	}
	close(session);
	check_device(open(LUO_DEVICE, O_RDWR));
	device = open(LUO_DEVICE, O_RDWR);
	check(device >= 0);
	check_fails(open(LUO_DEVICE, O_RDWR), EBUSY);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "lowest", lowest_number },
		{ "openat2", with_openat2 },
		{ "bad-openat2", with_bad_openat2 },
		{ "creat", with_creat },
		{ "paths", with_other_paths },
		{ "end-of-memory", at_the_end_of_memory },
		{ "length", of_any_length },
		{ "no-room", without_room },
		{ "no-room-in-luo", without_room_in_luo },
	};

	return RUN_CASE(cases, argc, argv);
}
