/*
 * Makes one system call many times, and prints the nanoseconds that each took.
 *
 *     calls ioctl|open|getppid COUNT [no-device]
 *
 * With no-device the ioctl goes to a descriptor that stands for a session: for a supervisor that answers without one.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../examples/agent/liveupdate.h"

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int open_session(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	int session = device < 0 ? -1 : luo_session(device, LUO_CREATE_SESSION, "bench");

	if (session < 0)
		fail(LUO_DEVICE);
	return session;
}

static void call_ioctl(int session)
{
	struct luo_name_args args = { .size = sizeof args };

	if (ioctl(session, LUO_GET_NAME, &args))
		fail("LUO_GET_NAME");
}

static void call_open(int unused)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || close(fd))
		fail("open");
}

static void call_getppid(int unused)
{
	syscall(SYS_getppid);
}

int main(int argc, char **argv)
{
	void (*call)(int);
	long count;
	int fd = -1;
	double begun;

	if (argc < 3)
		return 2;
	count = atol(argv[2]);
	call = !strcmp(argv[1], "ioctl") ? call_ioctl : !strcmp(argv[1], "open") ? call_open : call_getppid;
	if (call == call_ioctl)
		fd = argc > 3 ? memfd_create("session", MFD_CLOEXEC) : open_session();
	/* Whoever answers has its code compiled by then. */
	for (long i = 0; i < count / 5; i++)
		call(fd);
	begun = now();
	for (long i = 0; i < count; i++)
		call(fd);
	printf("%.1f\n", (now() - begun) / count);
	return 0;
}
