/* What differs between the profiles, one line each. Compiled against the structure of the v5 series: a name of 56 bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../examples/agent/liveupdate.h"

struct create_v5 {
	uint32_t size;
	int32_t fd;
	uint8_t name[56];
};

static const char *result(int value)
{
	return value == 0 ? "0" : strerrorname_np(errno);
}

int main(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC), preserved = 0;
	struct create_v5 args = { .size = sizeof args, .name = "v5" };
	struct luo_session_args longer = { .size = sizeof longer };
	uint8_t name[72] = { 72 };

	memset(longer.name, 'x', 63);
	printf("create-64 %s\n", result(ioctl(device, LUO_CREATE_SESSION, &args)));
	printf("name-of-63 %s\n", result(ioctl(device, LUO_CREATE_SESSION, &longer)));
	printf("get-name %s\n", result(ioctl(args.fd, LUO_GET_NAME, name)));
	while (preserved < 200 && luo_preserve(args.fd, memfd_create("file", 0), preserved) == 0)
		preserved++;
	printf("preserved %d %s\n", preserved, preserved < 200 ? strerrorname_np(errno) : "");
	return 0;
}
