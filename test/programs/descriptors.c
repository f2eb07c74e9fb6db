/* Descriptors of the device and of sessions, copied and passed on in every way. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int device;

static void open_device(void)
{
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
}

static int new_session(const char *name)
{
	int session = luo_session(device, LUO_CREATE_SESSION, name);

	check(session >= 0);
	return session;
}

/* A session exists for as long as its name is taken. */
#define check_exists(name) check_fails(luo_session(device, LUO_CREATE_SESSION, name), EEXIST)

static void check_gone(const char *name)
{
	close(new_session(name));
}

static int new_memory(void)
{
	int memory = memfd_create("state", 0);

	check(memory >= 0 && ftruncate(memory, 4096) == 0);
	return memory;
}

static void send_descriptor(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	check(sendmsg(socket, &message, 0) == 1);
}

static int receive_descriptor(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int fd;

	check(recvmsg(socket, &message, 0) == 1);
	check(CMSG_FIRSTHDR(&message) != NULL);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

/* To a process that was there before the device was opened. */
static void passed_to_another_process(void)
{
	int pair[2];
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid_t other = fork();
	check(other >= 0);
	if (other == 0) {
		close(pair[0]);
		int session = receive_descriptor(pair[1]);
		check(luo_preserve(session, new_memory(), 7) == 0);
		device = receive_descriptor(pair[1]);
		check_exists("passed");
		check(luo_session(device, LUO_CREATE_SESSION, "of the other") >= 0);
		check(write(pair[1], "x", 1) == 1);
		/* The last descriptor of it, once the parent has closed its own. */
		check(read(pair[1], &(char){ 0 }, 1) == 1);
		check_exists("passed");
		check(close(session) == 0);
		check_gone("passed");
		_exit(0);
	}
	close(pair[1]);
	open_device();
	int session = new_session("passed");
	send_descriptor(pair[0], session);
	send_descriptor(pair[0], device);
	check(read(pair[0], &(char){ 0 }, 1) == 1);
	check_fails(luo_preserve(session, new_memory(), 7), EEXIST);
	check_exists("of the other");
	close(session);
	check_exists("passed");
	check(write(pair[0], "x", 1) == 1);
	check_child(other);
	check_gone("of the other");
}

static void dropped_in_flight(void)
{
	int pair[2];

	open_device();
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	int session = new_session("in flight");
	send_descriptor(pair[0], session);
	close(session);
	check_exists("in flight");
	close(pair[0]);
	check_exists("in flight");
	close(pair[1]);
	check_gone("in flight");

	/* The device itself: it is open for as long as it flies. */
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	send_descriptor(pair[0], device);
	close(device);
	check_fails(open(LUO_DEVICE, O_RDWR), EBUSY);
	close(pair[0]);
	close(pair[1]);
	open_device();
}

enum { CHILDREN = 100 };

static void held_by_many(void)
{
	int ready[2], go[CHILDREN][2];
	pid_t children[CHILDREN];

	open_device();
	int session = new_session("held");
	check(pipe(ready) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		check(pipe(go[i]) == 0);
		children[i] = fork();
		check(children[i] >= 0);
		if (children[i] == 0) {
			for (int j = 0; j <= i; j++)
				close(go[j][1]);
			check(write(ready[1], "x", 1) == 1);
			check(read(go[i][0], &(char){ 0 }, 1) == 0);
			/* Half of them close it, the others just end. */
			_exit(i % 2 == 0 ? close(session) : 0);
		}
		close(go[i][0]);
		check(read(ready[0], &(char){ 0 }, 1) == 1);
	}
	close(session);
	for (int i = CHILDREN - 1; i >= 0; i--) {
		check_exists("held");
		close(go[i][1]);
		check_child(children[i]);
	}
	check_gone("held");
}

static void copied(void)
{
	open_device();
	int session = new_session("copied");
	int second = dup(session), third = fcntl(session, F_DUPFD_CLOEXEC, 100), fourth = dup2(session, 200);
	check(second >= 0 && third == 100 && fourth == 200);

	check(luo_preserve(second, new_memory(), 1) == 0);
	close(session);
	check(luo_preserve(third, new_memory(), 2) == 0);
	close(second);
	close(third);
	check(luo_preserve(fourth, new_memory(), 3) == 0);
	check_exists("copied");
	/* Another file in its place closes it, too. */
	check(dup2(0, fourth) == fourth);
	check_gone("copied");

	session = new_session("closed with others");
	check(close_range(session, session, 0) == 0);
	check_gone("closed with others");
}

static void passed_over_exec(void)
{
	const char *inherited = getenv("SESSION");

	if (inherited != NULL) {
		int session = atoi(inherited);

		check_fails(luo_preserve(device = atoi(getenv("CLOSED")), 0, 1), EBADF);
		check(luo_preserve(session, new_memory(), 1) == 0);
		open_device();
		check_exists("inherited");
		check_gone("closed");
		close(session);
		check_gone("inherited");
		return;
	}
	char number[16], closed[16];

	open_device();
	/* What was not made inheritable is closed, and its session over. */
	snprintf(closed, sizeof closed, "%d", new_session("closed"));
	snprintf(number, sizeof number, "%d", dup(new_session("inherited")));
	setenv("SESSION", number, 1);
	setenv("CLOSED", closed, 1);
	execl("/proc/self/exe", "descriptors", "exec", NULL);
	check(!"executed");
}

static void closed_and_reopened(void)
{
	for (int i = 0; i < 300; i++) {
		open_device();
		int session = new_session("again");
		close(device);
		/* A session does not need the device. */
		check(luo_preserve(session, new_memory(), 1) == 0);
		check(close(session) == 0);
		closefrom(3);
	}
}

static void not_of_luo(void)
{
	int pair[2];

	open_device();
	int session = new_session("name");
	check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	check_fails(luo_preserve(pair[0], 0, 1), ENOTTY);
	check_fails(luo_preserve(0, 0, 1), ENOTTY);
	check_fails(luo_preserve(-1, 0, 1), EBADF);
	check_fails(luo_preserve(1000, 0, 1), EBADF);
	/* Each kind of descriptor has its own commands. */
	check_fails(luo_preserve(device, new_memory(), 1), EINVAL);
	check_fails(luo_session(session, LUO_CREATE_SESSION, "other"), EINVAL);
	/* Not even descriptors of luo's can be preserved. */
	check_fails(luo_preserve(session, session, 1), ENOENT);
	check_fails(luo_preserve(session, device, 1), ENOENT);
	check_fails(luo_preserve(session, pair[0], 1), ENOENT);
	check_fails(luo_preserve(session, open("/", O_RDONLY), 1), ENOENT);
	check_fails(luo_preserve(session, -1, 1), EBADF);
	check_fails(luo_preserve(session, open("/tmp", O_PATH), 1), EBADF);
}

static void refused_addresses(void)
{
	struct luo_session_args args = { .size = sizeof args, .name = "fault" };
	struct luo_session_args *constant = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	open_device();
	int next = next_descriptor();
	*constant = args;
	check(mprotect(constant, 4096, PROT_READ) == 0);
	check_fails(ioctl(device, LUO_CREATE_SESSION, constant), EFAULT);
	check_gone("fault");
	check(constant->fd == 0);

	check(munmap(pages + 4096, 4096) == 0);
	memcpy(pages + 4096 - 40, &args, 40);
	check_fails(ioctl(device, LUO_CREATE_SESSION, pages + 4096 - 40), EFAULT);
	check_fails(ioctl(device, LUO_CREATE_SESSION, pages + 4096 - 2), EFAULT);
	check_fails(ioctl(device, LUO_CREATE_SESSION, NULL), EFAULT);
	check_fails(ioctl(device, LUO_CREATE_SESSION, -1L), EFAULT);
	check_fails(ioctl(device, LUO_CREATE_SESSION, 1L << 63), EFAULT);
	check_gone("fault");
	check(next_descriptor() == next);

	/* A structure that ends where the memory ends is as good as any. */
	memcpy(pages + 4096 - sizeof args, &args, sizeof args);
	check(ioctl(device, LUO_CREATE_SESSION, pages + 4096 - sizeof args) == 0);
	check(next_descriptor() == next + 1);
}

static void preserved(void)
{
	open_device();
	check(luo_preserve(new_session("kept"), new_memory(), 1) == 0);
	puts("preserved");
	fflush(stdout);
	pause();
}

static void set_limit(int limit)
{
	struct rlimit limits;

	check(getrlimit(RLIMIT_NOFILE, &limits) == 0);
	limits.rlim_cur = limit;
	check(setrlimit(RLIMIT_NOFILE, &limits) == 0);
}

/* In the next generation: what did not reach the program is there to be asked for again. */
static void retrieved_at_last(void)
{
	struct luo_session_args *name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct luo_file_args *token = (void *)(name + 1);

	*name = (struct luo_session_args){ .size = sizeof *name, .name = "kept" };
	*token = (struct luo_file_args){ .size = sizeof *token, .token = 1 };
	check(mprotect(name, 4096, PROT_READ) == 0);
	open_device();
	int next = next_descriptor();

	set_limit(next);
	check_fails(luo_session(device, LUO_RETRIEVE_SESSION, "kept"), EMFILE);
	set_limit(next + 1);
	int session = luo_session(device, LUO_RETRIEVE_SESSION, "kept");
	check(session == next);
	check_fails(luo_retrieve(session, 1), EMFILE);
	set_limit(next + 2);
	check_fails(ioctl(session, LUO_RETRIEVE_FD, token), EFAULT);
	check(next_descriptor() == next + 1);
	int memory = luo_retrieve(session, 1);
	check(memory == next + 1 && (fcntl(memory, F_GETFD) & FD_CLOEXEC) != 0);
	check(luo_finish(session) == 0);
	puts("retrieved");
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "passed", passed_to_another_process },
		{ "in-flight", dropped_in_flight },
		{ "held", held_by_many },
		{ "copied", copied },
		{ "exec", passed_over_exec },
		{ "reopened", closed_and_reopened },
		{ "not-of-luo", not_of_luo },
		{ "addresses", refused_addresses },
		{ "preserve", preserved },
		{ "retrieve", retrieved_at_last },
	};

	return RUN_CASE(cases, argc, argv);
}
