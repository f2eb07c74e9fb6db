/*
 * Preserves files and makes sessions until it gets no more. The next generation says how many files it found, and that
 * each has what was written.
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <sys/mman.h>

static int count_files(int session)
{
	for (int number = 0;; number++) {
		char text[32] = "", expected[32];
		int file = luo_retrieve(session, number);

		if (file < 0) {
			check(errno == ENOENT);
			return number;
		}
		snprintf(expected, sizeof expected, "file %d", number);
		check(pread(file, text, sizeof text, 0) == (ssize_t)strlen(expected));
		check(strcmp(text, expected) == 0);
		check(close(file) == 0);
	}
}

static int preserve_all(int session)
{
	for (int number = 0;; number++) {
		int file = memfd_create("file", MFD_CLOEXEC);

		check(file >= 0);
		check(dprintf(file, "file %d", number) > 0);
		int result = luo_preserve(session, file, number);
		int error = errno;
		check(close(file) == 0);
		if (result == 0)
			continue;
		check(error == ENFILE);
		return number;
	}
}

int main(void)
{
	int device = open(LUO_DEVICE, O_RDWR);
	check(device >= 0);
	int session = luo_session(device, LUO_RETRIEVE_SESSION, "s");

	if (session >= 0) {
		printf("found %d\n", count_files(session));
		check(luo_finish(session) == 0);
	} else {
		session = luo_session(device, LUO_CREATE_SESSION, "s");
		check(session >= 0);
		printf("preserved %d\n", preserve_all(session));
		/* One may be left, of the two that a session takes. */
		check_fails(luo_session(device, LUO_CREATE_SESSION, "more"), ENFILE);
		check_fails(open(LUO_DEVICE, O_RDWR), EBUSY);
	}
	fflush(stdout);
	for (;;)
		pause();
}
