/*
 * Opens everything but serial ports with O_NRESETDEV, in an empty working directory, and prints what each open gives. A
 * first argument "plain" leaves out what only luo gives.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include "check.h"

#define BIT (1 << 23)
#define O_NRESETDEV (O_DIRECTORY | BIT)
#define KEEP (O_NRESETDEV | O_NOCTTY | O_CLOEXEC)

static int shown(const char *name, int fd)
{
	printf("%s: %s\n", name, fd < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	return fd;
}

static void show(const char *name, const char *path, int flags)
{
	int fd = shown(name, open(path, flags, 0600));
	if (fd >= 0)
		close(fd);
}

static void show_openat2(const char *name, int directory, const char *path, struct open_how how)
{
	int fd = shown(name, syscall(SYS_openat2, directory, path, &how, sizeof how));
	if (fd >= 0)
		close(fd);
}

static void make_files(void)
{
	int file = open("file", O_CREAT | O_WRONLY, 0600);
	check(write(file, "text", 4) == 4 && close(file) == 0);
	check(mkdir("directory", 0700) == 0 && symlink("file", "link") == 0 && mkfifo("fifo", 0600) == 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int socket_file = socket(AF_UNIX, SOCK_STREAM, 0);
	check(bind(socket_file, (struct sockaddr *)&address, sizeof address) == 0 && close(socket_file) == 0);
}

static void files(void)
{
	char text[5] = "";
	int fd = shown("file", open("file", KEEP | O_RDWR | O_APPEND));
	if (fd >= 0) {
		check(read(fd, text, 4) == 4 && strcmp(text, "text") == 0);
		check((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_RDWR | O_APPEND));
		check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		close(fd);
	}
	fd = open("file", O_NRESETDEV);
	check(fd < 0 || (fcntl(fd, F_GETFD) == 0 && close(fd) == 0));
	show("directory", "directory", KEEP);
	show("missing", "missing", KEEP);
	show("null", "/dev/null", KEEP | O_WRONLY);
	show("link", "link", KEEP);
}

static void contradictions(void)
{
	show("without O_DIRECTORY", "file", BIT);
	show("O_CREAT", "file", KEEP | O_CREAT);
	show("O_TRUNC", "file", KEEP | O_RDWR | O_TRUNC);
	show("O_PATH", "file", KEEP | O_PATH);
	show("O_TMPFILE", ".", KEEP | O_TMPFILE | O_RDWR);
	struct stat status;
	check(stat("file", &status) == 0 && status.st_size == 4);
}

static void others(void)
{
	show("directory to write", "directory", KEEP | O_RDWR);
	show("file as a directory", "file/", KEEP);
	show("link, O_NOFOLLOW", "link", KEEP | O_NOFOLLOW);
	show("socket", "socket", KEEP | O_RDWR);
	show("pipe to read", "fifo", KEEP);
	show("pipe to read, O_NONBLOCK", "fifo", KEEP | O_NONBLOCK);
	show("pipe to write, O_NONBLOCK", "fifo", KEEP | O_WRONLY | O_NONBLOCK);
	show("pipe for both", "fifo", KEEP | O_RDWR);
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	check(grantpt(master) == 0 && unlockpt(master) == 0);
	show("pseudo-terminal", ptsname(master), KEEP | O_RDWR);
	show("master", "/dev/ptmx", KEEP | O_RDWR);
	close(master);
	show("liveupdate", "/dev/liveupdate", KEEP | O_RDWR);
	/* The descriptor of another file, if the path were luo's. */
	int fd = open("file", O_RDONLY), copy;
	char path[64];
	struct stat status[2];
	check(fd < 10);
	for (int i = 0; i < 3; i++) {
		const char *forms[] = { "/proc/self/fd/%d", "/proc/thread-self/fd/%d", "/dev/fd/%d" };
		sprintf(path, forms[i], fd);
		copy = shown("descriptor", open(path, KEEP));
		check(copy >= 0 && fstat(fd, &status[0]) == 0 && fstat(copy, &status[1]) == 0);
		check(status[0].st_ino == status[1].st_ino && close(copy) == 0);
	}
	check(dup2(fd, 0) == 0);
	copy = shown("standard input", open("/dev/stdin", KEEP));
	check(copy >= 0 && fstat(copy, &status[1]) == 0 && status[0].st_ino == status[1].st_ino && close(copy) == 0);
}

/* What would be luo's own if the path were luo's. */
static void own_process(void)
{
	show("memory of luo", "//proc/self/mem", KEEP | O_RDWR);
	check(symlink("/proc/self/status", "self") == 0);
	show("status of luo", "self", KEEP);
	show("own memory", "/proc/self/mem", KEEP | O_RDWR);
}

static void openat2s(void)
{
	int directory = open(".", O_PATH);
	char path[4096];
	check(getcwd(path, 4000) != NULL);
	strcat(path, "/file");
	show_openat2("beneath", directory, "file", (struct open_how){ .flags = KEEP, .resolve = RESOLVE_BENEATH });
	show_openat2("not beneath", directory, path, (struct open_how){ .flags = KEEP, .resolve = RESOLVE_BENEATH });
	show_openat2("in root", directory, "/file", (struct open_how){ .flags = KEEP, .resolve = RESOLVE_IN_ROOT });
	show_openat2("without links", directory, "link", (struct open_how){ .flags = KEEP, .resolve = RESOLVE_NO_SYMLINKS });
	show_openat2("unknown resolve", directory, "file", (struct open_how){ .flags = KEEP, .resolve = 1 << 20 });
	show_openat2("unknown flag", directory, "file", (struct open_how){ .flags = KEEP | 1ULL << 40 });
	show_openat2("mode", directory, "file", (struct open_how){ .flags = KEEP, .mode = 0600 });
	show_openat2("liveupdate, openat2", directory, "/dev/liveupdate", (struct open_how){ .flags = KEEP });
	show_openat2("contradiction, openat2", directory, "file", (struct open_how){ .flags = KEEP | O_CREAT });
	shown("openat", openat(directory, "file", KEEP));
	shown("openat of no directory", openat(77, "file", KEEP));
	show_openat2("absolute", 77, "/dev/null", (struct open_how){ .flags = KEEP });
}

static void without_terminal(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		show("tty", "/dev/tty", KEEP | O_RDWR);
		_exit(0);
	}
	check_child(pid);
}

static void as_root(void)
{
	pid_t pid;
	check(mknod("port", S_IFCHR | 0600, makedev(188, 250)) == 0);
	show("serial port", "port", KEEP | O_RDWR);
	check(mknod("console", S_IFCHR | 0600, makedev(5, 1)) == 0);
	show("console", "console", KEEP | O_RDWR);
	check(chmod(".", 0777) == 0 && chmod("file", 0666) == 0);
	check(mknod("drive", S_IFBLK | 0600, makedev(7, 250)) == 0);
	show("drive", "drive", KEEP);
	pid = fork();
	if (pid == 0) {
		check(unshare(CLONE_NEWNS) == 0);
		show("other mounts", "/dev/null", KEEP);
		_exit(0);
	}
	check_child(pid);
	pid = fork();
	if (pid == 0) {
		check(setresuid(65534, 65534, 65534) == 0);
		show("another user", "file", KEEP);
		_exit(0);
	}
	check_child(pid);
	pid = fork();
	if (pid == 0) {
		check(chroot("directory") == 0);
		show("another root", "/", KEEP);
		_exit(0);
	}
	check_child(pid);
}

int main(int argc, char **argv)
{
	bool plain = argc > 1 && strcmp(argv[1], "plain") == 0;
	umask(0);
	make_files();
	files();
	if (plain)
		return 0;
	contradictions();
	others();
	own_process();
	openat2s();
	without_terminal();
	struct rlimit limit = { 3, 3 };
	if (getuid() == 0)
		as_root();
	check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	show("no room", "file", KEEP);
	return 0;
}
