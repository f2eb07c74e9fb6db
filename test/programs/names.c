/*
 * Sessions with names of all kinds, and files in them. The next generation retrieves the session "text" and its file of
 * token 1, and no other.
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <sys/mman.h>

static int session(int device, const char *name)
{
	int fd = luo_session(device, LUO_CREATE_SESSION, name);

	check(fd >= 0);
	return fd;
}

static void preserve(int session, off_t size, uint64_t token)
{
	int file = memfd_create("file", MFD_CLOEXEC);

	check(ftruncate(file, size) == 0);
	check(luo_preserve(session, file, token) == 0);
}

int main(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC), text;

	check(device >= 0);
	text = luo_session(device, LUO_RETRIEVE_SESSION, "text");
	if (text >= 0) {
		check(luo_retrieve(text, 1) >= 0);
		puts("retrieved");
	} else {
		text = session(device, "text");
		preserve(text, 4096, 1);
		preserve(text, 3 << 20, UINT64_MAX);
		session(device, "gr\xc3\xb6\xc3\x9f" "e \"a\\b\"\n\xc2\x9b");
		preserve(session(device, "\xff\x1b[m\""), 1, 0);
		puts("created");
	}
	fflush(stdout);
	for (;;)
		pause();
}
