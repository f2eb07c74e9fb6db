/*
 * Agents that behave well or badly, each in one way, for tests of `luo test`.
 *
 *     habits HOW save       preserves two files in a session, and leaves a process that holds it
 *     habits HOW restore    takes them over
 */
#include "../programs/check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static const char *how;

static int is(const char *name)
{
	return strcmp(how, name) == 0;
}

static int make_file(const char *text)
{
	int fd = memfd_create("agent", MFD_CLOEXEC);

	check(fd >= 0 && write(fd, text, strlen(text) + 1) > 0);
	return fd;
}

static void expect(int fd, const char *text)
{
	char found[32] = "";

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
	else
		check(luo_finish(session) == 0);
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
	else if (is("careless"))
		(saves ? save_carelessly : restore_carelessly)();
	else
		(saves ? save : restore)();
	return 0;
}
