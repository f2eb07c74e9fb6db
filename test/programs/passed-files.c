/*
 * Open files of every kind that luo preserves beside memory, over a live update:
 *
 *     passed-files save FILE      makes them, preserves them, says its port, and waits for the update
 *     passed-files restore FILE   finds them, and what was in them
 *     passed-files finish -       finishes the session, and asks for none of them
 *     passed-files refused KIND   preserves one of each, of which only those of KIND are taken
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LISTENING = 1, CONNECTED, UDP, UNIX_ONE, UNIX_OTHER, PIPE_READ, PIPE_WRITE, EVENT, TIMER, FILE_OPEN };

static int session_at(unsigned long command)
{
	int device = open(LUO_DEVICE, O_RDWR);
	int session;

	check(device >= 0);
	session = luo_session(device, command, "open files");
	check(session >= 0);
	return session;
}

/* A socket that is bound to some port of the loopback interface. */
static int bound(int type, int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, type, 0);

	check(fd >= 0);
	check(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	check(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void expect(int fd, const char *text)
{
	char bytes[64] = "";
	size_t done = 0;

	while (done < strlen(text)) {
		ssize_t count = read(fd, bytes + done, strlen(text) - done);
		check(count > 0);
		done += count;
	}
	check(strcmp(bytes, text) == 0);
}

static void save(const char *path)
{
	int session = session_at(LUO_CREATE_SESSION);
	int port, udp_port, pair[2], ends[2];
	int listening = bound(SOCK_STREAM, &port);
	int udp = bound(SOCK_DGRAM, &udp_port);
	int event = eventfd(0, EFD_NONBLOCK);
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	int file = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	uint64_t value = 41;

	check(listen(listening, 16) == 0);
	printf("ports %d %d\n", port, udp_port);
	fflush(stdout);
	int connected = accept(listening, NULL, NULL);
	check(connected >= 0);
	expect(connected, "abc");
	check(write(connected, "one\n", 4) == 4);

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	check(write(pair[1], "unix", 4) == 4);
	check(pipe(ends) == 0);
	check(write(ends[1], "pipe", 4) == 4);
	check(event >= 0 && write(event, &value, sizeof value) == sizeof value);
	check(timer >= 0 && timerfd_settime(timer, 0, &soon, NULL) == 0);
	check(file >= 0 && write(file, "0123456789", 10) == 10);
	check(lseek(file, 4, SEEK_SET) == 4);

	check(luo_preserve(session, listening, LISTENING) == 0);
	check(luo_preserve(session, connected, CONNECTED) == 0);
	check(luo_preserve(session, udp, UDP) == 0);
	check(luo_preserve(session, pair[0], UNIX_ONE) == 0);
	check(luo_preserve(session, pair[1], UNIX_OTHER) == 0);
	check(luo_preserve(session, ends[0], PIPE_READ) == 0);
	check(luo_preserve(session, ends[1], PIPE_WRITE) == 0);
	check(luo_preserve(session, event, EVENT) == 0);
	check(luo_preserve(session, timer, TIMER) == 0);
	check(luo_preserve(session, file, FILE_OPEN) == 0);
	printf("preserved\n");
	fflush(stdout);
	for (;;)
		pause();
}

static int retrieved(int session, uint64_t token)
{
	int fd = luo_retrieve(session, token);

	check(fd >= 0);
	check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	return fd;
}

static void restore(void)
{
	int session = session_at(LUO_RETRIEVE_SESSION);
	int listening = retrieved(session, LISTENING);
	int connected = retrieved(session, CONNECTED);
	int udp = retrieved(session, UDP);
	int one = retrieved(session, UNIX_ONE);
	int other = retrieved(session, UNIX_OTHER);
	int reading = retrieved(session, PIPE_READ);
	int writing = retrieved(session, PIPE_WRITE);
	int event = retrieved(session, EVENT);
	int timer = retrieved(session, TIMER);
	int file = retrieved(session, FILE_OPEN);
	uint64_t value = 0;
	char byte;

	check(luo_finish(session) == 0);
	/* What was in the buffer, and what came while nobody ran. */
	expect(connected, "defghi");
	check(write(connected, "two\n", 4) == 4);
	int second = accept(listening, NULL, NULL);
	check(second >= 0);
	expect(second, "new");
	check(write(second, "welcome\n", 8) == 8);
	expect(udp, "datagram");

	expect(one, "unix");
	check(write(one, "back", 4) == 4);
	expect(other, "back");
	expect(reading, "pipe");
	check(write(writing, "more", 4) == 4);
	expect(reading, "more");
	check(close(writing) == 0);
	check(read(reading, &byte, 1) == 0);

	check(fcntl(event, F_GETFL) & O_NONBLOCK);
	check(read(event, &value, sizeof value) == sizeof value && value == 41);
	check(read(event, &value, sizeof value) == -1 && errno == EAGAIN);
	check(read(timer, &value, sizeof value) == sizeof value && value == 1);

	check(fcntl(file, F_GETFL) & O_APPEND);
	check(lseek(file, 0, SEEK_CUR) == 4);
	expect(file, "456789");
	check(write(file, "!", 1) == 1);
	printf("all is there\n");
}

static void one_of_each(const char *wanted, const char *kind, int fd, int session)
{
	static uint64_t token;

	check(fd >= 0);
	if (strcmp(wanted, kind) == 0) {
		check(luo_preserve(session, fd, ++token) == 0);
		return;
	}
	check(luo_preserve(session, fd, ++token) == -1 && errno == ENOENT);
}

static void refused(const char *wanted)
{
	int session = session_at(LUO_CREATE_SESSION);
	int port, ends[2];

	check(pipe(ends) == 0);
	one_of_each(wanted, "sockets", bound(SOCK_STREAM, &port), session);
	one_of_each(wanted, "pipes", ends[0], session);
	one_of_each(wanted, "eventfds", eventfd(0, 0), session);
	one_of_each(wanted, "timerfds", timerfd_create(CLOCK_MONOTONIC, 0), session);
	one_of_each(wanted, "files", open("/proc/self/exe", O_RDONLY), session);
	one_of_each(wanted, "directories", open("/", O_RDONLY), session);
	one_of_each(wanted, "devices", open("/dev/null", O_RDWR), session);
}

int main(int argc, char **argv)
{
	check(argc == 3);
	if (strcmp(argv[1], "save") == 0)
		save(argv[2]);
	else if (strcmp(argv[1], "restore") == 0)
		restore();
	else if (strcmp(argv[1], "finish") == 0)
		check(luo_finish(session_at(LUO_RETRIEVE_SESSION)) == 0);
	else
		refused(argv[2]);
	return 0;
}
