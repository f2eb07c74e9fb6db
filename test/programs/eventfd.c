/* Counts its generations in an eventfd, which only a kernel with a handler for those preserves. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <sys/eventfd.h>

#define TOKEN 1

static int last_counter(int device)
{
	int session = luo_session(device, LUO_RETRIEVE_SESSION, "counter");
	int counter;

	if (session < 0)
		return eventfd(0, EFD_CLOEXEC);
	counter = luo_retrieve(session, TOKEN);
	check(counter >= 0);
	check(luo_finish(session) == 0 && close(session) == 0);
	return counter;
}

int main(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	int counter = last_counter(device), session;
	uint64_t count;

	check(counter >= 0);
	check(eventfd_write(counter, 1) == 0);
	/* To read it is to set it to 0. */
	check(eventfd_read(counter, &count) == 0 && eventfd_write(counter, count) == 0);
	session = luo_session(device, LUO_CREATE_SESSION, "counter");
	check(session >= 0);
	check(luo_preserve(session, counter, TOKEN) == 0);
	printf("count %lu\n", (unsigned long)count);
	fflush(stdout);
	for (;;)
		pause();
}
