/* Sockets over a live update: `passed-sockets DIRECTORY PROFILE`, see passed.h. */
#include "passed.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f };

static struct sockaddr_in address_of(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;

	check(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	return address;
}

static int bound(int type)
{
	int fd = socket(AF_INET, type, 0);

	check(fd >= 0);
	check(bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0);
	return fd;
}

static int listening(void)
{
	int fd = bound(SOCK_STREAM);

	check(listen(fd, 16) == 0);
	return fd;
}

static int connected_to(struct sockaddr_in address, int type)
{
	int fd = socket(AF_INET, type, 0);

	check(fd >= 0);
	check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

static void tcp_pair(int pair[2])
{
	int server = listening();

	pair[0] = connected_to(address_of(server), SOCK_STREAM);
	pair[1] = accept(server, NULL, NULL);
	check(pair[1] >= 0);
	close(server);
}

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, path);
	return address;
}

static int bound_unix(const char *path, int type)
{
	struct sockaddr_un address = named(path);
	int fd = socket(AF_UNIX, type, 0);

	unlink(path);
	check(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

static int connected_unix(const char *path, int type)
{
	struct sockaddr_un address = named(path);
	int fd = socket(AF_UNIX, type, 0);

	check(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof value;

	check(getsockopt(fd, level, name, &value, &size) == 0);
	return value;
}

static void set_option(int fd, int level, int name, int value)
{
	check(setsockopt(fd, level, name, &value, sizeof value) == 0);
}

/* The other end goes with its program, and leaves bytes behind that nobody has accepted yet. */
static void save_tcp_listening(void)
{
	int server = listening();
	struct sockaddr_in address = address_of(server);
	int note = open("port", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	put(connected_to(address, SOCK_STREAM), "waiting");
	preserve(server, 1);
	check(write(note, &address, sizeof address) == sizeof address);
	close(note);
}

static void restore_tcp_listening(void)
{
	int server = retrieved(1), note = open("port", O_RDONLY), one, other, client;
	struct sockaddr_in address;

	finish();
	check(read(note, &address, sizeof address) == sizeof address);
	check(memcmp(&address, &(struct sockaddr_in[]){ address_of(server) }, sizeof address) == 0);
	one = accept(server, NULL, NULL);
	expect(one, "waiting");
	expect_end(one);
	client = connected_to(address, SOCK_STREAM);
	other = accept(server, NULL, NULL);
	put(client, "new");
	expect(other, "new");
}

static void save_tcp_connected(void)
{
	int pair[2];

	tcp_pair(pair);
	put(pair[0], "to one");
	put(pair[1], "to the other");
	set_option(pair[0], IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(pair[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(pair[0], SOL_SOCKET, SO_RCVBUF, 12345);
	check(fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0);
	preserve(pair[0], 1);
	preserve(pair[1], 2);
	put(pair[0], ", after it was preserved");
}

static void restore_tcp_connected(void)
{
	int one = retrieved(1), other = retrieved(2);

	finish();
	expect(other, "to one, after it was preserved");
	expect(one, "to the other");
	check(option(one, IPPROTO_TCP, TCP_NODELAY) == 1);
	check(option(one, SOL_SOCKET, SO_KEEPALIVE) == 1);
	check(option(one, SOL_SOCKET, SO_RCVBUF) == 2 * 12345);
	check(fcntl(one, F_GETFL) & O_NONBLOCK);
	check(!(fcntl(other, F_GETFL) & O_NONBLOCK));
	put(other, "back");
	expect(one, "back");
}

/* An end that has read everything ends the connection; one that has not resets it. */
static void save_tcp_peer_gone(void)
{
	int ending[2], resetting[2];

	tcp_pair(ending);
	put(ending[1], "last words");
	preserve(ending[0], 1);
	tcp_pair(resetting);
	put(resetting[0], "never read");
	preserve(resetting[0], 2);
}

static void restore_tcp_peer_gone(void)
{
	int ending = retrieved(1), resetting = retrieved(2);
	char byte;

	finish();
	expect(ending, "last words");
	expect_end(ending);
	check_fails(read(resetting, &byte, 1), ECONNRESET);
}

static void save_udp(void)
{
	int receiver = bound(SOCK_DGRAM), sender = connected_to(address_of(receiver), SOCK_DGRAM);

	put(sender, "one");
	put(sender, "three");
	preserve(receiver, 1);
	preserve(sender, 2);
}

static void restore_udp(void)
{
	int receiver = retrieved(1), sender = retrieved(2);
	struct sockaddr_in from, expected = address_of(sender);
	socklen_t size = sizeof from;
	char bytes[16];

	finish();
	check(recvfrom(receiver, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size) == 3);
	check(memcmp(bytes, "one", 3) == 0 && from.sin_port == expected.sin_port);
	check(read(receiver, bytes, sizeof bytes) == 5);
	put(sender, "again");
	check(read(receiver, bytes, sizeof bytes) == 5 && memcmp(bytes, "again", 5) == 0);
}

static void save_unix_listening(void)
{
	int server = bound_unix("listening", SOCK_STREAM);

	check(listen(server, 16) == 0);
	put(connected_unix("listening", SOCK_STREAM), "waiting");
	preserve(server, 1);
}

static void restore_unix_listening(void)
{
	int server = retrieved(1), one, other, client;

	finish();
	one = accept(server, NULL, NULL);
	expect(one, "waiting");
	expect_end(one);
	client = connected_unix("listening", SOCK_STREAM);
	other = accept(server, NULL, NULL);
	put(client, "new");
	expect(other, "new");
}

static void save_unix_datagram(void)
{
	int receiver = bound_unix("datagrams", SOCK_DGRAM), sender = bound_unix("sender", SOCK_DGRAM);
	struct sockaddr_un address = named("datagrams");

	check(sendto(sender, "one", 3, 0, (struct sockaddr *)&address, sizeof address) == 3);
	preserve(receiver, 1);
}

static void restore_unix_datagram(void)
{
	int receiver = retrieved(1);
	struct sockaddr_un from = { 0 };
	socklen_t size = sizeof from;
	char bytes[16];

	finish();
	check(recvfrom(receiver, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size) == 3);
	check(memcmp(bytes, "one", 3) == 0 && strcmp(from.sun_path, "sender") == 0);
	put(connected_unix("datagrams", SOCK_DGRAM), "again");
	check(read(receiver, bytes, sizeof bytes) == 5);
}

/* A pair of any type, with something on its way in both directions. */
static void save_pair(void)
{
	int stream[2], packets[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0);
	check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets) == 0);
	put(stream[0], "there");
	put(stream[1], "back");
	put(packets[0], "one");
	put(packets[0], "three");
	for (int i = 0; i < 2; i++) {
		preserve(stream[i], 1 + i);
		preserve(packets[i], 3 + i);
	}
}

static void restore_pair(void)
{
	int one = retrieved(1), other = retrieved(2), packets = retrieved(4);
	struct ucred peer;
	socklen_t size = sizeof peer;
	char bytes[16];

	retrieved(3);
	finish();
	expect(one, "back");
	expect(other, "there");
	check(read(packets, bytes, sizeof bytes) == 3 && read(packets, bytes, sizeof bytes) == 5);
	/* The peer is still said to be the program that made the pair, which is gone. */
	check(getsockopt(one, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0);
	check(peer.uid == getuid() && peer.pid != getpid() && peer.pid != getppid());
}

static void save_two_sessions(void)
{
	int pair[2], first = session;

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	put(pair[1], "across");
	preserve(pair[0], 1);
	session = luo_session(device, LUO_CREATE_SESSION, "the other half");
	preserve(pair[1], 1);
	session = first;
}

static void restore_two_sessions(void)
{
	int one = retrieved(1), other;

	finish();
	session = luo_session(device, LUO_RETRIEVE_SESSION, "the other half");
	other = retrieved(1);
	finish();
	expect(one, "across");
	put(one, "back");
	expect(other, "back");
}

/* Both ends are preserved, and one is never asked for. */
static void restore_half(void)
{
	int one = retrieved(1);

	expect(one, "back");
	check_fails(recv(one, (char[1]){ 0 }, 1, MSG_DONTWAIT), EAGAIN);
	finish();
	/* It had not read what was sent to it. */
	check_fails(read(one, (char[1]){ 0 }, 1), ECONNRESET);
	expect_end(one);
}

static void save_unix_peer_gone(void)
{
	int ending[2], resetting[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ending) == 0);
	put(ending[1], "last words");
	preserve(ending[0], 1);
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, resetting) == 0);
	put(resetting[0], "never read");
	preserve(resetting[0], 2);
}

static void send_descriptor(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec data = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	check(sendmsg(socket, &message, 0) == 1 && close(fd) == 0);
}

static int received_descriptor(int socket)
{
	int fd;
	char control[CMSG_SPACE(sizeof fd)], byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};

	check(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

/* Descriptors are on their way, and nobody has them beside the messages: of a pipe, and of a session. */
static void save_in_flight(void)
{
	int pair[2], ends[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(ends) == 0);
	put(ends[1], "inside");
	send_descriptor(pair[1], ends[0]);
	send_descriptor(pair[1], luo_session(device, LUO_CREATE_SESSION, "in flight"));
	preserve(pair[0], 1);
	close(ends[1]);
	close(pair[1]);
}

static void restore_in_flight(void)
{
	int receiver = retrieved(1), reading;

	finish();
	reading = received_descriptor(receiver);
	expect(reading, "inside");
	expect_end(reading);
	check_fails(luo_finish(received_descriptor(receiver)), ENOTTY);
	check(luo_session(device, LUO_RETRIEVE_SESSION, "in flight") >= 0);
	expect_end(receiver);
}

static const struct row rows[] = {
	{ "tcp-listening", save_tcp_listening, restore_tcp_listening },
	{ "tcp-connected", save_tcp_connected, restore_tcp_connected },
	{ "tcp-peer-gone", save_tcp_peer_gone, restore_tcp_peer_gone },
	{ "udp", save_udp, restore_udp },
	{ "unix-listening", save_unix_listening, restore_unix_listening },
	{ "unix-datagram", save_unix_datagram, restore_unix_datagram },
	{ "pair", save_pair, restore_pair },
	{ "pair-two-sessions", save_two_sessions, restore_two_sessions },
	{ "pair-half", save_pair, restore_half },
	{ "unix-peer-gone", save_unix_peer_gone, restore_tcp_peer_gone },
	{ "unix-in-flight", save_in_flight, restore_in_flight },
};

int main(int argc, char **argv)
{
	(void)argc;
	return RUN_ROWS(rows, argv);
}
