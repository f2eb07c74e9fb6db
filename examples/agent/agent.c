/*
 * An agent that lives through a live update: it has much memory in two sessions, and writes into it all the time.
 *
 *     agent-1 MEBIBYTES
 *     agent-2
 *
 * This one source is compiled twice (-DVERSION=1 and -DVERSION=2). Version 1 makes the memory and writes down what is in
 * it; version 2, another binary, takes it over and compares. What version 1 wrote down is in a preserved file too:
 * nothing but the live update carries it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "liveupdate.h"
#include "retry.h"

#define PAGE 4096
#define MEBIBYTE (1UL << 20)
#define FILES 4
#define RECORD_TOKEN 99

/* Half of the files are in each session, by the token that is their index. The record is in the first one. */
static const char *const session_names[] = { "guest-memory", "device-state" };

struct file_record {
	uint64_t size, position, inode, hash;
};

/* What version 1 tells version 2. */
struct record {
	struct file_record files[FILES];
	uint64_t own_inode;
	/* Of all that stands above. */
	uint64_t hash;
	/* The counter's last value, and the time when it was written. */
	volatile uint64_t counter, written_at;
};

static __attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "agent %d: ", VERSION);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec time;

	/* The one clock that goes on through a kexec of the whole computer too. */
	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec * 1000000000UL + time.tv_nsec;
}

/* Four lanes, so that a multiplication need not wait for the one before. */
static uint64_t hash(const void *bytes, size_t size)
{
	const uint64_t *words = bytes;
	uint64_t lanes[4] = { 1, 2, 3, 4 };

	for (size_t i = 0; i < size / sizeof *words; i++) {
		uint64_t *lane = &lanes[i % 4];

		*lane = (*lane ^ words[i]) * 0x9e3779b97f4a7c15;
		*lane ^= *lane >> 32;
	}
	return lanes[0] ^ lanes[1] * 3 ^ lanes[2] * 5 ^ lanes[3] * 7;
}

static void *map(int fd, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		fail("Cannot map %zu bytes: %s", size, strerror(errno));
	return memory;
}

/* The first page of the last file is the one that is written all the time: its bytes are not compared. */
static uint64_t hash_of_file(int index, int fd, size_t size)
{
	size_t skipped = index == FILES - 1 ? PAGE : 0;
	char *memory = map(fd, size);
	uint64_t result = hash(memory + skipped, size - skipped);

	munmap(memory, size);
	return result;
}

static uint64_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) ? 0 : status.st_ino;
}

/* One tick: what a real agent would do with its memory. */
static void write_counter(struct record *record, volatile uint64_t *live)
{
	/* In this order: version 2 relies on it. */
	*live = record->counter + 1;
	record->counter += 1;
	record->written_at = now();
}

static __attribute__((noreturn)) void write_on(struct record *record, volatile uint64_t *live)
{
	for (;;) {
		write_counter(record, live);
		usleep(20);
	}
}

static int open_device(void)
{
	int device = LUO_RETRY(open(LUO_DEVICE, O_RDWR | O_CLOEXEC));

	if (device < 0)
		fail("Cannot open %s: %s. Start this program with: luo run", LUO_DEVICE, strerror(errno));
	return device;
}

#if VERSION == 1

static int create(size_t size)
{
	int fd = memfd_create("agent", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		fail("Cannot create a file of %zu bytes: %s", size, strerror(errno));
	return fd;
}

/* Pseudo-random (splitmix64), other bytes each time. */
static void fill(int fd, size_t size)
{
	static uint64_t part[MEBIBYTE / 8];
	uint64_t state;

	if (getrandom(&state, sizeof state, 0) != sizeof state)
		fail("Cannot get a random number: %s", strerror(errno));
	for (size_t done = 0; done < size; done += sizeof part) {
		for (size_t i = 0; i < sizeof part / 8; i++) {
			uint64_t word = state += 0x9e3779b97f4a7c15;

			word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
			word = (word ^ word >> 27) * 0x94d049bb133111eb;
			part[i] = word ^ word >> 31;
		}
		if (write(fd, part, sizeof part) != sizeof part)
			fail("Cannot write into a file: %s", strerror(errno));
	}
}

/* For the test that version 2 really compares. */
static void damage(int fd, size_t size)
{
	const char *what = getenv("AGENT_DAMAGE");

	if (!what)
		return;
	if (!strcmp(what, "byte"))
		*((volatile char *)map(fd, size) + size / 2) ^= 1;
	if (!strcmp(what, "position"))
		lseek(fd, 1, SEEK_CUR);
	if (!strcmp(what, "size") && ftruncate(fd, size - PAGE))
		fail("Cannot shorten a file: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	size_t mebibytes = argc > 1 ? strtoul(argv[1], NULL, 10) / FILES : 0, size = mebibytes * MEBIBYTE;
	int device, own, sessions[2], fds[FILES];
	struct record *record;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mebibytes == 0)
		fail("Cannot start: say how many MiB it should have, at least %d", FILES);
	device = open_device();
	own = create(PAGE);
	record = map(own, PAGE);
	for (int i = 0; i < FILES; i++) {
		fds[i] = create(size);
		fill(fds[i], size);
	}
	printf("agent 1: filled %zu MiB with random bytes\n", FILES * mebibytes);
	for (int i = 0; i < FILES; i++) {
		struct file_record *file = &record->files[i];

		file->size = size;
		file->position = lseek(fds[i], size / 2 + i, SEEK_SET);
		file->inode = inode_of(fds[i]);
		file->hash = hash_of_file(i, fds[i], size);
	}
	record->own_inode = inode_of(own);
	record->hash = hash(record, offsetof(struct record, hash));
	damage(fds[1], size);
	for (int i = 0; i < 2; i++) {
		sessions[i] = LUO_RETRY(luo_session(device, LUO_CREATE_SESSION, session_names[i]));
		if (sessions[i] < 0)
			fail("Cannot create session \"%s\": %s", session_names[i], strerror(errno));
	}
	if (LUO_RETRY(luo_preserve(sessions[0], own, RECORD_TOKEN)))
		fail("Cannot preserve the record: %s", strerror(errno));
	for (int i = 0; i < FILES; i++)
		if (LUO_RETRY(luo_preserve(sessions[i * 2 / FILES], fds[i], i)))
			fail("Cannot preserve file %d: %s", i, strerror(errno));
	printf("agent 1: hashed and preserved it in 2 sessions, %d files; goes on writing\n", FILES + 1);
	write_on(record, map(fds[FILES - 1], PAGE));
}

#else

static int take_over(int session, const char *name, uint64_t token)
{
	int fd = LUO_RETRY(luo_retrieve(session, token));

	if (fd < 0)
		fail("Cannot retrieve file %lu of session \"%s\": %s", (unsigned long)token, name, strerror(errno));
	return fd;
}

static uint64_t size_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) ? 0 : status.st_size;
}

static struct record *read_record(int fd)
{
	struct record *record = size_of(fd) == PAGE ? map(fd, PAGE) : NULL;

	if (!record || lseek(fd, 0, SEEK_CUR) != 0 || record->hash != hash(record, offsetof(struct record, hash)))
		fail("The record is not the one that agent 1 left");
	return record;
}

/* Version 1 was stopped between its two writes, or not. */
static void check_counter(const struct record *record, const volatile uint64_t *live)
{
	uint64_t written = *live;

	if (record->counter == 0 || written - record->counter > 1)
		fail("The counter is %lu and not %lu: writes were lost", (unsigned long)written, (unsigned long)record->counter);
}

static void compare(int index, int fd, const struct file_record *expected)
{
	uint64_t size = size_of(fd), position = lseek(fd, 0, SEEK_CUR);

	if (size != expected->size)
		fail("File %d has another size: %lu bytes and not %lu", index, (unsigned long)size, (unsigned long)expected->size);
	if (position != expected->position)
		fail("File %d has another position: %lu and not %lu", index, (unsigned long)position,
		     (unsigned long)expected->position);
	if (hash_of_file(index, fd, size) != expected->hash)
		fail("File %d has other bytes than agent 1 left in it", index);
}

int main(void)
{
	uint64_t bytes = 0, last_count, last_time;
	int device, own, same, sessions[2], fds[FILES];
	volatile uint64_t *live;
	struct record *record;

	setvbuf(stdout, NULL, _IOLBF, 0);
	device = open_device();
	for (int i = 0; i < 2; i++) {
		sessions[i] = LUO_RETRY(luo_session(device, LUO_RETRIEVE_SESSION, session_names[i]));
		if (sessions[i] < 0)
			fail("Cannot retrieve session \"%s\": %s", session_names[i], strerror(errno));
	}
	own = take_over(sessions[0], session_names[0], RECORD_TOKEN);
	record = read_record(own);
	for (int i = 0; i < FILES; i++)
		fds[i] = take_over(sessions[i * 2 / FILES], session_names[i * 2 / FILES], i);
	live = map(fds[FILES - 1], PAGE);
	check_counter(record, live);
	last_count = record->counter;
	last_time = record->written_at;
	write_counter(record, live);
	printf("agent 2: retrieved %d files; writes again, %.1f ms after the last write of agent 1\n", FILES + 1,
	       (record->written_at - last_time) / 1e6);
	same = inode_of(own) == record->own_inode;
	for (int i = 0; i < FILES; i++) {
		compare(i, fds[i], &record->files[i]);
		bytes += record->files[i].size;
		same += inode_of(fds[i]) == record->files[i].inode;
	}
	printf("agent 2: %lu MiB checked by hash: same bytes, same size, same position\n", (unsigned long)(bytes / MEBIBYTE));
	printf("agent 2: %d of %d files are the very same inode: nothing was copied\n", same, FILES + 1);
	for (int i = 0; i < 2; i++)
		if (LUO_RETRY(luo_finish(sessions[i])) || close(sessions[i]))
			fail("Cannot finish session \"%s\": %s", session_names[i], strerror(errno));
	while (record->counter < last_count + 100)
		write_counter(record, live);
	printf("agent 2: finished both sessions; the counter was %lu, is %lu, and goes on\n", (unsigned long)last_count,
	       (unsigned long)record->counter);
	write_on(record, live);
}

#endif
