/*
 * Counts in memory that survives live updates.
 *
 *     gcc -o counter counter.c
 *     luo run -- ./counter                     counts one more at each luo kexec
 *     luo run -- ./counter 3 sh update.sh      updates itself by a script, until it has counted to 3
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/liveupdate.h"
#include "agent/retry.h"

enum { TOKEN = 1 };

static void must(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(1);
}

/* The memory that the last version left, or new memory. */
static int take_memory(int device)
{
	int session = LUO_RETRY(luo_session(device, LUO_RETRIEVE_SESSION, "counter")), memory;

	if (session < 0) {
		must(errno == ENOENT, "retrieve the session");
		memory = memfd_create("counter", MFD_CLOEXEC);
		must(memory >= 0 && ftruncate(memory, sizeof(long)) == 0, "make memory");
		return memory;
	}
	memory = LUO_RETRY(luo_retrieve(session, TOKEN));
	must(memory >= 0, "retrieve the memory");
	must(LUO_RETRY(luo_finish(session)) == 0, "finish the session");
	close(session);
	return memory;
}

/* Comes back only where the update did not happen: it ends this program, too. */
static void update(char **command)
{
	pid_t child = fork();
	int status;

	must(child >= 0, "fork");
	if (child == 0) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	fprintf(stderr, "%s failed: there is no update\n", command[0]);
	exit(1);
}

int main(int argc, char **argv)
{
	int device = LUO_RETRY(open(LUO_DEVICE, O_RDWR | O_CLOEXEC)), memory, session;
	long *count;

	must(device >= 0, "open " LUO_DEVICE " (is this a machine of luo's, or a kernel with LUO?)");
	memory = take_memory(device);
	count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	must(count != MAP_FAILED, "map the memory");
	++*count;
	if (argc > 1 && *count >= atol(argv[1])) {
		printf("counted to %ld\n", *count);
		return 0;
	}

	/* From here on the memory passes to the next version, for as long as this one runs. */
	session = LUO_RETRY(luo_session(device, LUO_CREATE_SESSION, "counter"));
	must(session >= 0, "create the session");
	must(LUO_RETRY(luo_preserve(session, memory, TOKEN)) == 0, "preserve the memory");
	/* Not earlier: whoever reads it may start the update at once. */
	printf("counted to %ld\n", *count);
	fflush(stdout);
	if (argc > 2)
		update(argv + 2);
	for (;;)
		pause();
}
