/*
 * Makes the calls that its arguments name, one after the other, and prints what each gives. An argument is a word, or a
 * word and what it needs, with colons between them:
 *
 *     open:FLAGS:PATH  of FLAGS: r, w (both without), n O_NONBLOCK, k O_NRESETDEV. It is the port of what follows
 *     use:N close:N dup:N          the N-th that was opened, from 0
 *     lines set:DTR,RTS on:RTS off:DTR wait:CD,RI            TIOCMGET, TIOCMSET, TIOCMBIS, TIOCMBIC, TIOCMIWAIT
 *     raw:SPEED speed flag:hupcl:0 (also clocal, crtscts)    termios
 *     write:TEXT read:N line drain flush in out poll         data
 *     exclusive:1 exclusive vhangup                          who may open it
 *     alarm:MS restart:MS sleep:MS signal:0 user:ID limit:N  circumstances
 *     fork ... end kill join       a child, which makes the calls up to `end`
 *     blocked                      until a call of the child waits
 *     stat:PATH access:PATH say:TEXT ready:PATH await:PATH
 *     preserve:TOKEN retrieve:TOKEN finish kexec      in a session; what stands behind `next` is the next generation's
 */
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include "../../examples/agent/liveupdate.h"
#include "check.h"

#define O_NRESETDEV (O_DIRECTORY | 1 << 23)

static int files[64];
static int count;
static int fd = -1;
static pid_t child;

static const struct {
	const char *name;
	int bit;
} lines[] = { { "DTR", 0x002 }, { "RTS", 0x004 }, { "CTS", 0x020 }, { "CD", 0x040 },
	      { "RI", 0x080 },	{ "DSR", 0x100 }, { "OUT2", 0x4000 } };

static void result(const char *what, long value)
{
	if (value < 0)
		printf("%s %s\n", what, strerrorname_np(errno));
	else
		printf("%s ok\n", what);
	fflush(stdout);
}

static int named(const char *text)
{
	int bits = 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (strstr(text, lines[i].name))
			bits |= lines[i].bit;
	return bits;
}

static void print_lines(void)
{
	int bits = 0;
	if (ioctl(fd, TIOCMGET, &bits) < 0) {
		result("lines", -1);
		return;
	}
	printf("lines");
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if ((bits & lines[i].bit) && lines[i].bit != 0x4000)
			printf(" %s", lines[i].name);
	printf("\n");
}

static void open_port(const char *argument)
{
	const char *path = strchr(argument, ':') + 1;
	int flags = O_RDWR;
	for (const char *flag = argument; flag < path - 1; flag++)
		switch (*flag) {
		case 'r':
			flags = (flags & ~O_ACCMODE) | O_RDONLY;
			break;
		case 'w':
			flags = (flags & ~O_ACCMODE) | O_WRONLY;
			break;
		case 'n':
			flags |= O_NONBLOCK;
			break;
		case 'k':
			flags |= O_NRESETDEV;
			break;
		}
	int opened = open(path, flags | O_NOCTTY);
	result("open", opened);
	if (opened >= 0)
		fd = files[count++] = opened;
}

static void set_flag(const char *argument)
{
	struct termios2 settings;
	tcflag_t flag = strstr(argument, "hupcl") ? HUPCL : strstr(argument, "clocal") ? CLOCAL : CRTSCTS;
	check(ioctl(fd, TCGETS2, &settings) == 0);
	settings.c_cflag &= ~flag;
	if (strchr(argument, '1'))
		settings.c_cflag |= flag;
	result("flag", ioctl(fd, TCSETS2, &settings));
}

static void set_raw(int speed)
{
	struct termios2 settings;
	if (ioctl(fd, TCGETS2, &settings) < 0) {
		result("raw", -1);
		return;
	}
	settings.c_iflag = settings.c_oflag = settings.c_lflag = 0;
	settings.c_cflag = (settings.c_cflag & ~CBAUD) | (speed == 0 ? B0 : BOTHER);
	settings.c_ispeed = settings.c_ospeed = speed;
	settings.c_cc[VMIN] = 1;
	settings.c_cc[VTIME] = 0;
	result("raw", ioctl(fd, TCSETS2, &settings));
}

static void print_speed(void)
{
	struct termios2 settings;
	if (ioctl(fd, TCGETS2, &settings) < 0)
		result("speed", -1);
	else
		printf("speed %u\n", settings.c_ospeed);
}

static void print_count(const char *what, unsigned long command)
{
	int value = -1;
	if (ioctl(fd, command, &value) < 0)
		result(what, -1);
	else
		printf("%s %d\n", what, value);
}

static void print_read(int wanted)
{
	char bytes[4096];
	int have = 0;
	while (have < wanted) {
		ssize_t got = read(fd, bytes + have, wanted - have);
		if (got < 0) {
			result("read", -1);
			return;
		}
		if (got == 0)
			break;
		have += got;
	}
	printf("read %.*s\n", have, bytes);
}

/* Without its end. */
static void print_line(void)
{
	char bytes[4096];
	int have = 0;
	while (have < (int)sizeof(bytes)) {
		ssize_t got = read(fd, bytes + have, 1);
		if (got < 0) {
			result("line", -1);
			return;
		}
		if (got == 0 || bytes[have] == '\n')
			break;
		if (bytes[have] != '\r')
			have++;
	}
	printf("line %.*s\n", have, bytes);
}

static void print_stat(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0)
		result("stat", -1);
	else
		printf("stat %c %u %u\n", S_ISCHR(status.st_mode) ? 'c' : '-', major(status.st_rdev),
		       minor(status.st_rdev));
}

static void nothing(int number)
{
	(void)number;
}

static void set_alarm(int milliseconds, int flags)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = flags };
	struct itimerval timer = { .it_value = { milliseconds / 1000, milliseconds % 1000 * 1000 } };
	check(sigaction(SIGALRM, &action, NULL) == 0);
	check(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* It sleeps again and again, each time after luo has answered a later call than the one that it waits in. */
static void await_blocked(void)
{
	char path[64], state;
	sprintf(path, "/proc/%d/stat", child);
	for (int times = 0; times < 5; times++) {
		usleep(10000);
		access("there", F_OK);
		FILE *file = fopen(path, "r");
		check(file != NULL && fscanf(file, "%*d %*s %c", &state) == 1 && fclose(file) == 0);
		if (state != 'S' && state != 'D')
			times = -1;
	}
}

static int int_of(const char *text)
{
	return text == NULL ? 0 : atoi(text);
}

static int device = -1;
static int session = -1;

static void preserve(int token)
{
	if (device < 0)
		device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	if (session < 0)
		session = luo_session(device, LUO_CREATE_SESSION, "serial");
	check(session >= 0);
	result("preserve", luo_preserve(session, fd, token));
}

static void retrieve(int token)
{
	if (device < 0)
		device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	if (session < 0)
		session = luo_session(device, LUO_RETRIEVE_SESSION, "serial");
	check(session >= 0);
	if (token < 0)
		return;
	int file = luo_retrieve(session, token);
	result("retrieve", file);
	if (file >= 0)
		fd = files[count++] = file;
}

static void finish(void)
{
	retrieve(-1);
	result("finish", luo_finish(session));
	check(close(session) == 0);
	session = -1;
}

static void live_update(void)
{
	int image = open("/proc/self/exe", O_RDONLY);
	check(syscall(SYS_kexec_file_load, image, -1, 1UL, "", KEXEC_FILE_NO_INITRAMFS) == 0);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	check(!"the live update came back");
}

static void make(const char *word, const char *argument)
{
	const struct {
		const char *word;
		unsigned long command;
	} changes[] = { { "set", TIOCMSET }, { "on", TIOCMBIS }, { "off", TIOCMBIC } };
	for (int i = 0; i < 3; i++)
		if (strcmp(word, changes[i].word) == 0) {
			int bits = named(argument ? argument : "");
			result(word, ioctl(fd, changes[i].command, &bits));
			return;
		}
#define WORD(text) else if (strcmp(word, text) == 0)
	if (strcmp(word, "open") == 0)
		open_port(argument);
	WORD("use") fd = files[atoi(argument)];
	WORD("close") result("close", close(files[int_of(argument)]));
	WORD("dup") fd = files[count++] = dup(files[int_of(argument)]);
	WORD("lines") print_lines();
	WORD("wait") result("wait", ioctl(fd, TIOCMIWAIT, (long)named(argument)));
	WORD("raw") set_raw(int_of(argument));
	WORD("speed") print_speed();
	WORD("flag") set_flag(argument);
	WORD("write") result("write", write(fd, argument, strlen(argument)));
	WORD("read") print_read(int_of(argument));
	WORD("line") print_line();
	WORD("drain") result("drain", ioctl(fd, TCSBRK, 1));
	WORD("flush") result("flush", ioctl(fd, TCFLSH, 2));
	WORD("in") print_count("in", FIONREAD);
	WORD("out") print_count("out", TIOCOUTQ);
	WORD("preserve") preserve(int_of(argument));
	WORD("retrieve") retrieve(int_of(argument));
	WORD("finish") finish();
	WORD("kexec") live_update();
	WORD("blocked") await_blocked();
	WORD("vhangup") result("vhangup", ioctl(fd, 0x5437, 0));
	WORD("exclusive")
	{
		if (argument == NULL)
			print_count("exclusive", TIOCGEXCL);
		else
			result("exclusive", ioctl(fd, *argument == '1' ? TIOCEXCL : TIOCNXCL, 0));
	}
	WORD("poll")
	{
		struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT };
		check(poll(&entry, 1, 0) >= 0);
		printf("poll 0x%x\n", entry.revents);
	}
	WORD("alarm") set_alarm(int_of(argument), 0);
	WORD("restart") set_alarm(int_of(argument), SA_RESTART);
	WORD("sleep") usleep(int_of(argument) * 1000);
	WORD("user") check(setresuid(int_of(argument), int_of(argument), int_of(argument)) == 0);
	WORD("limit")
	{
		struct rlimit limit = { int_of(argument), int_of(argument) };
		check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
	WORD("stat") print_stat(argument);
	WORD("access") result("access", access(argument, R_OK | W_OK));
	WORD("say") printf("%s\n", argument);
	WORD("ready") check(close(open(argument, O_CREAT | O_WRONLY, 0600)) == 0);
	WORD("await") while (access(argument, F_OK) != 0) usleep(2000);
	else
	{
		fprintf(stderr, "no word \"%s\"\n", word);
		_exit(2);
	}
}

/* The first argument that is this generation's. A file tells how many there were. */
static int first_of(int argc, char **argv)
{
	int number = 0;
	FILE *file = fopen("generation", "r");
	if (file != NULL) {
		check(fscanf(file, "%d", &number) == 1);
		fclose(file);
	}
	file = fopen("generation", "w");
	check(file != NULL && fprintf(file, "%d", number + 1) > 0 && fclose(file) == 0);
	int i = 1;
	for (; number > 0; i++) {
		check(i < argc);
		if (strcmp(argv[i], "next") == 0)
			number--;
	}
	return i;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	bool is_child = false;
	int first = 1;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "next") == 0) {
			first = first_of(argc, argv);
			break;
		}
	for (int i = first; i < argc && strcmp(argv[i], "next") != 0; i++) {
		char *argument = strchr(argv[i], ':');
		if (argument != NULL)
			*argument++ = '\0';
		if (strcmp(argv[i], "fork") == 0) {
			child = fork();
			is_child = child == 0;
			while (!is_child && strcmp(argv[i], "end") != 0)
				i++;
		} else if (strcmp(argv[i], "end") == 0) {
			_exit(0);
		} else if (strcmp(argv[i], "kill") == 0) {
			check(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
		} else if (strcmp(argv[i], "join") == 0) {
			check(waitpid(child, NULL, 0) == child);
		} else {
			make(argv[i], argument);
		}
	}
	return 0;
}
