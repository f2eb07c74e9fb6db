/*
 * Versions of a service, good and bad. Each takes over two sessions, "one" and "two", where the last kernel left them,
 * checks that their memory is as it was, and says which are there.
 *
 *   versions HABIT
 *
 * serve: finishes what it has taken over, preserves it anew, and waits. notify: the same, after READY=1 and before it
 * takes anything over. finish: takes over and finishes both, and waits. exit, crash, hang, daemon: does that at once, a
 * daemon leaves a child behind. half: retrieves one, and exits. close: retrieves both, closes them, and exits.
 * one-finished: finishes "one", and exits. again: finishes both, preserves them anew, and exits. late: asks for more time, says what it does, and is ready after two seconds.
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TOKEN 1

static const char *const names[] = { "one", "two" };

static void notify(const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(path && strlen(path) < sizeof address.sun_path);
	strcpy(address.sun_path, path);
	check(sendto(fd, text, strlen(text), 0, (void *)&address, sizeof address) == (ssize_t)strlen(text));
	close(fd);
}

static int is(const char *habit, const char *wanted)
{
	return strcmp(habit, wanted) == 0;
}

static void expect(int file, const char *text)
{
	char bytes[16] = "";

	check(pread(file, bytes, sizeof bytes - 1, 0) == (ssize_t)strlen(text) && strcmp(bytes, text) == 0);
}

/* The session's memory, or -1 where the last kernel left no such session. */
static int take_over(int device, const char *name, int *session)
{
	*session = luo_session(device, LUO_RETRIEVE_SESSION, name);
	if (*session < 0) {
		check(errno == ENOENT);
		return -1;
	}
	int file = luo_retrieve(*session, TOKEN);
	check(file >= 0);
	expect(file, name);
	return file;
}

static void preserve(int device, const char *name, int file)
{
	int session = luo_session(device, LUO_CREATE_SESSION, name);

	if (file < 0) {
		file = memfd_create(name, MFD_CLOEXEC);
		check(pwrite(file, name, strlen(name), 0) == (ssize_t)strlen(name));
	}
	check(session >= 0 && luo_preserve(session, file, TOKEN) == 0);
}

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static void serve(int device)
{
	int files[2];

	for (int i = 0; i < 2; i++) {
		int session;

		files[i] = take_over(device, names[i], &session);
		if (files[i] >= 0)
			check(luo_finish(session) == 0 && close(session) == 0);
		printf("%s is %s\n", names[i], files[i] < 0 ? "new" : "there");
	}
	for (int i = 0; i < 2; i++)
		preserve(device, names[i], files[i]);
	say("serves");
}

int main(int count, char **arguments)
{
	const char *habit = count > 1 ? arguments[1] : "serve";
	int device, session;

	printf("%s begins\n", habit);
	fflush(stdout);
	if (is(habit, "exit"))
		return 3;
	if (is(habit, "crash"))
		abort();
	if (is(habit, "daemon"))
		return fork() == 0 ? pause() : 0;
	if (is(habit, "late")) {
		notify("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=warming up");
		sleep(2);
	}
	if (is(habit, "notify") || is(habit, "late"))
		notify("STATUS=serving\nREADY=1");
	if (is(habit, "hang"))
		notify("STATUS=thinking about it");
	if (is(habit, "hang"))
		return pause();
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	if (is(habit, "half")) {
		check(take_over(device, "one", &session) >= 0);
		return 4;
	}
	if (is(habit, "one-finished")) {
		check(take_over(device, "one", &session) >= 0 && luo_finish(session) == 0);
		return 5;
	}
	if (is(habit, "close") || is(habit, "finish")) {
		for (int i = 0; i < 2; i++) {
			check(take_over(device, names[i], &session) >= 0);
			check(is(habit, "close") || luo_finish(session) == 0);
			check(close(session) == 0);
		}
		say("took over");
		return is(habit, "close") ? 6 : pause();
	}
	serve(device);
	return is(habit, "again") ? 7 : pause();
}
