/*
 * A tree of processes that do not want to end: they ignore every signal that can be ignored. Each writes its process id
 * to the file that is named, a line each. There are children, daemons that were forked twice, one in a session of its
 * own, and one that is soon another one, and again. After a minute they are gone, whatever has become of them.
 *
 *   tree FILE CHILDREN [polite]
 *
 * polite: none ignores anything, and none becomes another one.
 */
#include "check.h"
#include <fcntl.h>
#include <signal.h>

static int pids;

static void stay(void)
{
	char line[16];
	int length = snprintf(line, sizeof line, "%d\n", getpid());

	check(write(pids, line, length) == length);
	for (int second = 0; second < 60; second++)
		sleep(1);
	_exit(0);
}

static void daemonise(void)
{
	if (fork() > 0)
		return;
	setsid();
	if (fork() > 0)
		_exit(0);
	stay();
}

/* A process that is another one every few milliseconds. */
static void hop(void)
{
	if (fork() > 0)
		return;
	for (int hops = 0; hops < 2000; hops++) {
		usleep(5000);
		if (fork() > 0)
			break;
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	check(argc >= 3);
	pids = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	check(pids >= 0);
	if (argc == 3) {
		for (int number = 1; number < NSIG; number++)
			signal(number, SIG_IGN);
	}
	for (int i = atoi(argv[2]); i > 0; i--) {
		if (fork() == 0)
			stay();
	}
	daemonise();
	daemonise();
	if (argc == 3)
		hop();
	puts("up");
	fflush(stdout);
	stay();
}
