/*
 * Process 1 of a virtual computer that tests live update through real kexecs. It does what it is told on the second
 * serial port, a line each:
 *
 *     run PROGRAM[<TAB>ARGUMENT]...   starts a program
 *     kexec                           boots the next kernel
 *     power off
 *
 * and answers on the same port, where the programs' standard output goes as well:
 *
 *     init: ready                     at the start
 *     init: exited CODE               when the program has ended (127: it could not be run), or
 *     init: ended by signal NUMBER
 *     init: cannot WHAT: REASON       and nothing was done
 *
 * Messages of the kernel, and what programs write to standard error, are on the first port. A program that goes on
 * keeps its sessions until the kexec; so do processes that a program leaves behind.
 *
 * The next kernel, its ramdisk and its command line are in /next. There is none in the last generation.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PORT "/dev/ttyS1"
#define MOST_ARGUMENTS 64

static int port = -1;

/* The program that was started last, or 0 once it has ended. */
static pid_t program;

static void say(const char *format, ...)
{
	char line[512] = "init: ";
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = 6 + vsnprintf(line + 6, sizeof line - 7, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof line - 2)
		length = sizeof line - 2;
	line[length++] = '\n';
	/* In one call: lines of programs that go on must not come in between. */
	if (write(port, line, length) != length)
		_exit(1);
}

static void cannot(const char *what)
{
	say("cannot %s: %s", what, strerror(errno));
}

/* Nothing works without it: the end of process 1 is a panic, which ends the virtual computer. */
static void need(int works, const char *what)
{
	if (works)
		return;
	perror(what);
	_exit(1);
}

static void mount_at(const char *type, const char *directory)
{
	/* A directory with files of the test is left as it is. The root is a tmpfs too. */
	if (mkdir(directory, 0755) && strcmp(type, "tmpfs") == 0)
		return;
	need(!mount(type, directory, type, 0, NULL), directory);
}

static void open_port(void)
{
	struct termios settings;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	port = open(PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);
	need(null >= 0 && console >= 0 && port >= 0, PORT);
	need(!tcgetattr(port, &settings), PORT);
	cfmakeraw(&settings);
	settings.c_cflag |= CLOCAL;
	need(!tcsetattr(port, TCSANOW, &settings), PORT);
	need(dup2(null, 0) == 0 && dup2(port, 1) == 1 && dup2(console, 2) == 2, "dup2");
}

/* Before any program runs: the first live update needs a kernel to go to. */
static void load_next_kernel(void)
{
	char line[4096];
	int kernel = open("/next/kernel", O_RDONLY | O_CLOEXEC), initrd = open("/next/initrd", O_RDONLY | O_CLOEXEC);
	int text = open("/next/command-line", O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (kernel < 0 && errno == ENOENT)
		return;
	need(kernel >= 0 && initrd >= 0 && text >= 0, "/next");
	length = read(text, line, sizeof line - 1);
	need(length >= 0, "/next/command-line");
	line[length] = 0;
	need(!syscall(SYS_kexec_file_load, kernel, initrd, length + 1UL, line, 0UL), "kexec_file_load");
	close(kernel);
	close(initrd);
	close(text);
	/* The kernel has its own copies. */
	unlink("/next/kernel");
	unlink("/next/initrd");
}

static void run(char *line)
{
	char *arguments[MOST_ARGUMENTS + 1] = { 0 }, *rest = line;
	sigset_t none;

	for (int i = 0; i < MOST_ARGUMENTS && rest; i++)
		arguments[i] = strsep(&rest, "\t");
	program = fork();
	if (program < 0) {
		program = 0;
		cannot("fork");
	}
	if (program)
		return;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(arguments[0], arguments);
	perror(arguments[0]);
	_exit(127);
}

/* Also of processes that a program left behind. */
static void bury(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		program = 0;
		/* What it had to complain of is read when its end is known. */
		tcdrain(2);
		if (WIFSIGNALED(status))
			say("ended by signal %d", WTERMSIG(status));
		else
			say("exited %d", WEXITSTATUS(status));
	}
}

static void leave(int how, const char *what)
{
	tcdrain(port);
	reboot(how);
	cannot(what);
}

static void obey(char *line)
{
	if (!strncmp(line, "run ", 4))
		run(line + 4);
	else if (!strcmp(line, "kexec"))
		leave(RB_KEXEC, "kexec");
	else if (!strcmp(line, "power off"))
		leave(RB_POWER_OFF, "power off");
	else
		say("cannot understand \"%s\"", line);
}

/* The next line, once it has come whole. */
static char *read_line(void)
{
	static char text[4096];
	static size_t length;
	ssize_t more = read(port, text + length, 1);

	need(more == 1 || errno == EAGAIN || errno == EINTR, PORT);
	if (more != 1 || text[length] != '\n') {
		length += more == 1 && length < sizeof text - 1;
		return NULL;
	}
	text[length] = 0;
	length = 0;
	return text;
}

int main(void)
{
	struct pollfd events[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct signalfd_siginfo unused;
	sigset_t children;

	mount_at("devtmpfs", "/dev");
	open_port();
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("tmpfs", "/tmp");
	mount_at("tmpfs", "/dev/shm");
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	events[0].fd = port;
	events[1].fd = signalfd(-1, &children, SFD_CLOEXEC);
	need(events[1].fd >= 0, "signalfd");
	load_next_kernel();
	say("ready");
	for (;;) {
		if (poll(events, 2, -1) < 0)
			continue;
		if (events[1].revents && read(events[1].fd, &unused, sizeof unused) > 0)
			bury();
		if (events[0].revents) {
			char *line = read_line();

			if (line)
				obey(line);
		}
	}
}
