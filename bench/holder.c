/*
 * Holds a preserved memfd over any number of live updates.
 *
 *     holder BYTES sparse|dense|mapped
 *
 * Sparse memory has three pages: at its start, in its middle and at its end. Mapped memory is dense, and the program has
 * touched all of it through a mapping.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../examples/agent/liveupdate.h"

static void must(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(1);
}

static int new_memory(long bytes, int dense)
{
	int memory = memfd_create("bench", MFD_CLOEXEC);

	must(memory >= 0 && ftruncate(memory, bytes) == 0, "make memory");
	must(pwrite(memory, "s", 1, 0) == 1, "write");
	must(pwrite(memory, "m", 1, bytes / 2) == 1, "write");
	must(pwrite(memory, "e", 1, bytes - 1) == 1, "write");
	if (dense)
		must(posix_fallocate(memory, 0, bytes) == 0, "fill the memory");
	return memory;
}

/* What takes Linux longer is the end of such a program: page by page. */
static void map_all(int memory, long bytes)
{
	void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory, 0);

	must(mapping != MAP_FAILED, "map the memory");
}

int main(int argc, char **argv)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC), session, memory;

	must(argc == 3 && device >= 0, "open " LUO_DEVICE);
	session = luo_session(device, LUO_RETRIEVE_SESSION, "bench");
	if (session < 0) {
		memory = new_memory(atol(argv[1]), strcmp(argv[2], "sparse") != 0);
	} else {
		memory = luo_retrieve(session, 1);
		must(memory >= 0 && luo_finish(session) == 0, "retrieve");
		close(session);
	}
	session = luo_session(device, LUO_CREATE_SESSION, "bench");
	must(session >= 0 && luo_preserve(session, memory, 1) == 0, "preserve");
	if (!strcmp(argv[2], "mapped"))
		map_all(memory, atol(argv[1]));
	printf("holds\n");
	fflush(stdout);
	for (;;)
		pause();
}
