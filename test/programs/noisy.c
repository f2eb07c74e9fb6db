/*
 * Makes as many calls as it is told to, and says so.
 *
 *   noisy COUNT
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>

int main(int argc, char **argv)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	int count = argc > 1 ? atoi(argv[1]) : 1;

	check(device >= 0);
	int session = luo_session(device, LUO_CREATE_SESSION, "noisy");
	check(session >= 0);
	for (int i = 0; i < count; i++) {
		struct luo_name_args args = { .size = sizeof args };

		check(ioctl(session, LUO_GET_NAME, &args) == 0);
	}
	puts("done");
	return 0;
}
