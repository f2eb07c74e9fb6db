/*
 * Pipes, eventfds, timerfds and files over a live update, and what does not pass: `passed-descriptors DIRECTORY
 * PROFILE`, see passed.h.
 */
#include "passed.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

static int new_file(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | flags, 0600);

	check(fd >= 0);
	return fd;
}

static void save_pipe(void)
{
	int ends[2], packets[2];

	check(pipe(ends) == 0);
	check(fcntl(ends[0], F_SETPIPE_SZ, 1 << 17) == 1 << 17);
	check(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	put(ends[1], "inside");
	preserve(ends[0], 1);
	preserve(ends[1], 2);
	check(pipe2(packets, O_DIRECT) == 0);
	put(packets[1], "one");
	put(packets[1], "three");
	preserve(packets[0], 3);
}

static void restore_pipe(void)
{
	int reading = retrieved(1), writing = retrieved(2), packets = retrieved(3);
	char byte, bytes[16];

	finish();
	check(read(packets, bytes, sizeof bytes) == 3 && read(packets, bytes, sizeof bytes) == 5);
	check(fcntl(reading, F_GETPIPE_SZ) == 1 << 17);
	check(fcntl(reading, F_GETFL) & O_NONBLOCK);
	check(!(fcntl(writing, F_GETFL) & O_NONBLOCK));
	expect(reading, "inside");
	check_fails(read(reading, &byte, 1), EAGAIN);
	put(writing, "more");
	expect(reading, "more");
}

/* The other end goes with its program. */
static void save_pipe_half(void)
{
	int reading[2], writing[2];

	check(pipe(reading) == 0 && pipe(writing) == 0);
	put(reading[1], "last words");
	preserve(reading[0], 1);
	preserve(writing[1], 2);
}

static void restore_pipe_half(void)
{
	int reading = retrieved(1), writing = retrieved(2);

	finish();
	expect(reading, "last words");
	expect_end(reading);
	check_fails(write(writing, "x", 1), EPIPE);
}

static void save_fifo(void)
{
	int reading;

	unlink("fifo");
	check(mkfifo("fifo", 0600) == 0);
	reading = open("fifo", O_RDONLY | O_NONBLOCK);
	check(reading >= 0);
	put(open("fifo", O_WRONLY), "inside");
	preserve(reading, 1);
}

static void restore_fifo(void)
{
	int reading = retrieved(1), writing;

	finish();
	expect(reading, "inside");
	expect_end(reading);
	writing = open("fifo", O_WRONLY);
	put(writing, "new");
	expect(reading, "new");
}

static void save_eventfd(void)
{
	preserve(eventfd(41, EFD_NONBLOCK), 1);
	preserve(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK), 2);
}

static void restore_eventfd(void)
{
	int counter = retrieved(1), semaphore = retrieved(2);
	uint64_t value;

	finish();
	check(read(counter, &value, sizeof value) == sizeof value && value == 41);
	check_fails(read(counter, &value, sizeof value), EAGAIN);
	for (int i = 0; i < 2; i++)
		check(read(semaphore, &value, sizeof value) == sizeof value && value == 1);
	check_fails(read(semaphore, &value, sizeof value), EAGAIN);
}

static int timer(int clock, int flags, struct itimerspec when)
{
	int fd = timerfd_create(clock, 0);

	check(fd >= 0 && timerfd_settime(fd, flags, &when, NULL) == 0);
	return fd;
}

/* One that has expired and that nobody has read, one that goes on and on, and one that is far from it. */
static void save_timerfd(void)
{
	preserve(timer(CLOCK_MONOTONIC, 0, (struct itimerspec){ .it_value.tv_nsec = 1 }), 1);
	preserve(timer(CLOCK_MONOTONIC, 0,
		       (struct itimerspec){ .it_value.tv_nsec = 1, .it_interval.tv_nsec = 1000000 }), 2);
	preserve(timer(CLOCK_REALTIME, TFD_TIMER_ABSTIME,
		       (struct itimerspec){ .it_value.tv_sec = time(NULL) + 5000, .it_interval.tv_sec = 7 }), 3);
}

static void restore_timerfd(void)
{
	int once = retrieved(1), again = retrieved(2), later = retrieved(3);
	struct itimerspec left;
	uint64_t value;

	finish();
	check(read(once, &value, sizeof value) == sizeof value && value == 1);
	check(read(again, &value, sizeof value) == sizeof value && value > 1);
	check(read(again, &value, sizeof value) == sizeof value && value >= 1);
	check(timerfd_gettime(later, &left) == 0);
	check(left.it_value.tv_sec > 0 && left.it_value.tv_sec <= 5000 && left.it_interval.tv_sec == 7);
}

/* The very file: what is written after it was preserved is there, and the position is that of the end. */
static void save_file(void)
{
	int file = new_file("file", O_APPEND), readonly;

	put(file, "0123456789");
	readonly = open("file", O_RDONLY);
	preserve(file, 1);
	preserve(readonly, 2);
	put(file, "after");
	check(lseek(file, 4, SEEK_SET) == 4);
	check(lseek(readonly, 12, SEEK_SET) == 12);
}

/* What /proc says that a descriptor is. */
static int is_called(int fd, const char *end)
{
	char link[32], path[4096] = "";

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	check(readlink(link, path, sizeof path - 1) > (ssize_t)strlen(end));
	return strcmp(path + strlen(path) - strlen(end), end) == 0;
}

static void restore_file(void)
{
	int file = retrieved(1), readonly = retrieved(2);

	finish();
	check((fcntl(file, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_RDWR));
	check((fcntl(readonly, F_GETFL) & (O_APPEND | O_ACCMODE)) == O_RDONLY);
	check_fails(write(readonly, "x", 1), EBADF);
	expect(file, "456789after");
	put(file, "!");
	expect(readonly, "ter!");
	check(is_called(file, "/files/file"));
}

static void save_deleted(void)
{
	int file = new_file("deleted", 0);

	put(file, "still there");
	check(unlink("deleted") == 0 && lseek(file, 0, SEEK_SET) == 0);
	preserve(file, 1);
}

static void restore_deleted(void)
{
	int file = retrieved(1);

	finish();
	expect(file, "still there");
}

static struct flock whole_file(int type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* Locks of open files, a lock of a process, and a lease, each of a file of its own. */
static void save_locks(void)
{
	int flocked = new_file("flocked", 0), open_file = new_file("ofd", 0);
	int process = new_file("posix", 0), leased = new_file("leased", 0);
	struct flock lock = whole_file(F_WRLCK);

	check(flock(flocked, LOCK_EX) == 0);
	check(fcntl(open_file, F_OFD_SETLK, &lock) == 0);
	check(fcntl(process, F_SETLK, &lock) == 0);
	check(fcntl(leased, F_SETLEASE, F_WRLCK) == 0);
	preserve(flocked, 1);
	preserve(open_file, 2);
	preserve(process, 3);
	preserve(leased, 4);
}

static void restore_locks(void)
{
	int flocked = retrieved(1), open_file = retrieved(2), leased = retrieved(4);
	int another = open("flocked", O_RDWR);
	struct flock lock = whole_file(F_WRLCK);

	retrieved(3);
	finish();
	check_fails(flock(another, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	close(flocked);
	check(flock(another, LOCK_EX | LOCK_NB) == 0);
	check_fails(fcntl(open("ofd", O_RDWR), F_OFD_SETLK, &lock), EAGAIN);
	close(open_file);
	check(fcntl(open("ofd", O_RDWR), F_OFD_SETLK, &lock) == 0);
	check(fcntl(open("posix", O_RDWR), F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
	check(fcntl(leased, F_GETLEASE) == F_WRLCK);
}

/* Who is told of what happens on a file was a process, which is gone. */
static void save_owner(void)
{
	int ends[2];

	check(pipe(ends) == 0);
	check(fcntl(ends[0], F_SETOWN, getpid()) == 0);
	check(fcntl(ends[0], F_SETSIG, SIGUSR1) == 0);
	check(fcntl(ends[0], F_SETFL, O_ASYNC) == 0);
	preserve(ends[0], 1);
}

static void restore_owner(void)
{
	int reading = retrieved(1);

	finish();
	check(fcntl(reading, F_GETFL) & O_ASYNC);
	check(fcntl(reading, F_GETSIG) == SIGUSR1);
	check(fcntl(reading, F_GETOWN) == 0);
}

/* Two descriptors of one open file are one file; two opens of one inode are two. */
static void save_twice(void)
{
	int ends[2], file = new_file("twice", 0), mine = session;
	int all[] = { file, open("twice", O_RDONLY), timerfd_create(CLOCK_MONOTONIC, 0), eventfd(0, 0), -1, -1 };

	check(pipe(ends) == 0);
	memcpy(&all[4], ends, sizeof ends);
	put(file, "0123456789");
	for (int i = 0; i < 6; i++)
		preserve(all[i], i);
	session = luo_session(device, LUO_CREATE_SESSION, "another");
	for (int i = 0; i < 6; i++) {
		if (strcmp(profile, "v5") == 0)
			preserve(dup(all[i]), i);
		else
			check_fails(luo_preserve(session, dup(all[i]), i), EBUSY);
	}
	session = mine;
}

static void restore_twice(void)
{
	int file = retrieved(0), other = retrieved(1), mine = session, again;

	check(lseek(file, 0, SEEK_CUR) == 10 && lseek(other, 0, SEEK_CUR) == 0);
	session = luo_session(device, LUO_CREATE_SESSION, "yet another");
	if (strcmp(profile, "v5") != 0) {
		check_fails(luo_preserve(session, dup(file), 0), EBUSY);
	} else {
		int first = luo_session(device, LUO_RETRIEVE_SESSION, "another");

		again = luo_retrieve(first, 0);
		check(again >= 0 && lseek(again, 3, SEEK_SET) == 3 && lseek(file, 0, SEEK_CUR) == 3);
		check(luo_finish(first) == 0);
	}
	check(luo_finish(mine) == 0);
	preserve(file, 0);
}

static void refused(int fd, uint64_t token)
{
	check(fd >= 0);
	check_fails(luo_preserve(session, fd, token), ENOENT);
}

static void save_others(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	refused(epoll_create1(0), 1);
	refused(inotify_init(), 2);
	refused(signalfd(-1, &signals, 0), 3);
	refused(syscall(SYS_pidfd_open, getpid(), 0), 4);
	refused(open("/proc/self/ns/net", O_RDONLY), 5);
	refused(open("/", O_RDONLY), 6);
	refused(open("/dev/null", O_RDWR), 7);
	preserve(eventfd(0, 0), 8);
}

static void restore_others(void)
{
	retrieved(8);
	finish();
}

static const struct row rows[] = {
	{ "pipe", save_pipe, restore_pipe },
	{ "pipe-half", save_pipe_half, restore_pipe_half },
	{ "fifo", save_fifo, restore_fifo },
	{ "eventfd", save_eventfd, restore_eventfd },
	{ "timerfd", save_timerfd, restore_timerfd },
	{ "file", save_file, restore_file },
	{ "deleted-file", save_deleted, restore_deleted },
	{ "locks", save_locks, restore_locks },
	{ "owner", save_owner, restore_owner },
	{ "twice", save_twice, restore_twice },
	{ "others", save_others, restore_others },
};

int main(int argc, char **argv)
{
	(void)argc;
	return RUN_ROWS(rows, argv);
}
