/*
 * Agents that behave well or badly, each in one way, for tests of `luo test`.
 *
 *     habits HOW save       preserves two files in a session, and leaves a process that holds it
 *     habits HOW restore    takes them over
 */
#include "../programs/check.h"
#include "../../examples/agent/liveupdate.h"
#include "../../examples/agent/retry.h"
#include <fcntl.h>
#include <linux/kexec.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const char *how;

static int is(const char *name)
{
	return strcmp(how, name) == 0;
}

/* What only the module of these tests preserves. */
static int has_counters(void)
{
	return is("counters") || is("patient-counters");
}

static int make_file(const char *text)
{
	int fd;

	if (has_counters()) {
		fd = eventfd(text[0], EFD_CLOEXEC);
		check(fd >= 0);
		return fd;
	}
	fd = memfd_create("agent", MFD_CLOEXEC);
	check(fd >= 0 && write(fd, text, strlen(text) + 1) > 0);
	return fd;
}

static void expect(int fd, const char *text)
{
	char found[32] = "";
	eventfd_t count = 0;

	if (has_counters()) {
		check(fd >= 0 && eventfd_read(fd, &count) == 0 && count == (eventfd_t)text[0]);
		return;
	}
	check(fd >= 0 && pread(fd, found, sizeof found - 1, 0) > 0 && strcmp(found, text) == 0);
}

/* The descriptors that are open stay open in a process that does nothing else. */
static void leave_holder(void)
{
	pid_t holder = fork();

	check(holder >= 0);
	if (holder == 0)
		for (;;)
			pause();
}

/* It looks at no result. */
static void save_carelessly(void)
{
	int device = open(LUO_DEVICE, O_RDWR), session = luo_session(device, LUO_CREATE_SESSION, "agent");

	luo_preserve(session, make_file("one"), 1);
	luo_preserve(session, make_file("two"), 2);
	leave_holder();
}

static void restore_carelessly(void)
{
	int device = open(LUO_DEVICE, O_RDWR), session = luo_session(device, LUO_RETRIEVE_SESSION, "agent");

	luo_retrieve(session, 1);
	luo_retrieve(session, 2);
	luo_finish(session);
}

/* As a program does that finds out by itself what it is to do. It asks for the kexec, whatever comes next. */
static void go_on(void)
{
	int device = open(LUO_DEVICE, O_RDWR), session, image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	check(device >= 0 && image >= 0);
	session = luo_session(device, LUO_RETRIEVE_SESSION, "agent");
	if (session >= 0) {
		expect(luo_retrieve(session, 1), "one");
		check(luo_finish(session) == 0 && close(session) == 0);
	}
	session = luo_session(device, LUO_CREATE_SESSION, "agent");
	/* It does not look at the result. */
	luo_preserve(session, make_file("one"), 1);
	check(syscall(SYS_kexec_file_load, image, -1, 0UL, "", KEXEC_FILE_NO_INITRAMFS) == 0);
	check(reboot(RB_KEXEC) == 0);
}

/* A child asks for the kexec, and its parent does not wait for it. */
static void leave_rebooter(void)
{
	int image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), ready[2];
	char byte;

	check(image >= 0 && pipe2(ready, O_CLOEXEC) == 0);
	check(syscall(SYS_kexec_file_load, image, -1, 0UL, "", KEXEC_FILE_NO_INITRAMFS) == 0);
	if (fork() == 0) {
		/* It is in the call, or about to be, when this descriptor is closed. */
		check(write(ready[1], "", 1) == 1);
		reboot(RB_KEXEC);
		pause();
	}
	check(read(ready[0], &byte, 1) == 1);
	usleep(5000);
}

/* A child that writes without end into a pipe that it has made non-blocking. */
static void fill_pipe(void)
{
	static char text[4096];

	if (fork() != 0)
		return;
	fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
	for (;;)
		if (write(STDOUT_FILENO, text, sizeof text) < 0)
			continue;
}

/* As caches of packages do. */
static void close_directory(void)
{
	check(chdir(getenv("TMPDIR")) == 0 && mkdir("closed", 0755) == 0);
	check(close(open("closed/file", O_CREAT | O_WRONLY, 0600)) == 0 && chmod("closed", 0555) == 0);
}

static void save(void)
{
	int device, session;

	if (is("idle"))
		return;
	if (is("hangs-first"))
		pause();
	device = open(LUO_DEVICE, O_RDWR);
	check(device >= 0);
	session = luo_session(device, LUO_CREATE_SESSION, "agent");
	check(session >= 0);
	check(luo_preserve(session, make_file("one"), 1) == 0);
	if (is("token-twice")) {
		/* Nobody looks at the result. */
		luo_preserve(session, make_file("two"), 1);
	} else {
		check(luo_preserve(session, make_file("two"), 2) == 0);
	}
	if (is("two-sessions")) {
		int other = luo_session(device, LUO_CREATE_SESSION, "other");

		check(other >= 0 && luo_preserve(other, make_file("three"), 3) == 0);
	}
	if (is("no-holder"))
		return;
	if (is("child-reboots")) {
		leave_rebooter();
		return;
	}
	if (is("tries-for-ever"))
		for (;;)
			luo_preserve(session, make_file("one"), 1);
	if (is("fills-pipe")) {
		fill_pipe();
		return;
	}
	if (is("closes-directory"))
		close_directory();
	if (is("chatty"))
		for (int i = 0; i < 200000; i++)
			printf("line %d of a lot of output\n", i);
	leave_holder();
}

static void restore(void)
{
	int device, session;

	if (is("idle"))
		return;
	if (is("deserter"))
		return;
	device = open(LUO_DEVICE, O_RDWR);
	check(device >= 0);
	session = luo_session(device, LUO_RETRIEVE_SESSION, "agent");
	check(session >= 0);
	if (is("other-order"))
		expect(luo_retrieve(session, 2), "two");
	expect(luo_retrieve(session, 1), "one");
	if (is("hangs"))
		pause();
	if (is("crashes"))
		raise(SIGSEGV);
	if (!is("forgets-file") && !is("token-twice") && !is("other-order"))
		expect(luo_retrieve(session, 2), "two");
	if (is("forgets-finish"))
		return;
	if (is("keeps-session"))
		leave_holder();
	else if (is("patient-counters"))
		check(LUO_RETRY(luo_finish(session)) == 0);
	else
		check(luo_finish(session) == 0);
	if (is("says-ready-and-exits-3")) {
		printf("ready");
		fflush(stdout);
		_exit(3);
	}
	if (is("leaks-session"))
		check(luo_preserve(luo_session(device, LUO_CREATE_SESSION, "new"), make_file("new"), 1) == 0);
	if (is("exits-3"))
		exit(3);
}

static void storm(void)
{
	for (int i = 0; i < 700; i++) {
		if (fork() == 0)
			for (;;)
				pause();
	}
	pause();
}

int main(int argc, char **argv)
{
	int saves = argc > 2 && strcmp(argv[2], "save") == 0;

	how = argc > 1 ? argv[1] : "";
	if (is("storm"))
		storm();
	else if (is("goes-on"))
		go_on();
	else if (is("careless"))
		(saves ? save_carelessly : restore_carelessly)();
	else
		(saves ? save : restore)();
	return 0;
}
