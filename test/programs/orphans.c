/* Many processes that make luo's calls all the time, and say so where nobody answers them any more. With an argument, none
 * of them opens the device. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>

enum { PROCESSES = 8 };

static void call_for_ever(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDONLY);

		if (fd >= 0)
			close(fd);
		else if (write(1, "unanswered\n", 11) != 11)
			_exit(1);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		check(luo_session(open(LUO_DEVICE, O_RDWR), LUO_CREATE_SESSION, "held") >= 0);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();

		check(child >= 0);
		if (child > 0)
			continue;
		/* Half of them leave the family. */
		if (i % 2 == 0 && (setsid() < 0 || fork() > 0))
			_exit(0);
		dprintf(1, "process %d\n", getpid());
		call_for_ever();
	}
	dprintf(1, "process %d\n", getpid());
	call_for_ever();
}
