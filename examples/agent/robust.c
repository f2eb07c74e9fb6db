/*
 * An agent that loses nothing, whatever the world refuses it.
 *
 *     robust save [SESSIONS [FILES]]     makes files, preserves them, and leaves a process that holds the sessions
 *     robust restore [SESSIONS [FILES]]  takes them over, compares, and finishes
 *
 *     luo test --sweep --stage './robust save' --stage './robust restore'
 *
 * Three rules do it. Whatever can be tried again is tried again. All calls are made by a worker that shares its table of
 * descriptors with a guard (CLONE_FILES) which makes none: when the worker is killed, what it had open stays open, and the
 * next worker goes on where it finds things. And each step can be done twice: what is there already is no error.
 */
#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "liveupdate.h"
#include "retry.h"

#define MOST_SESSIONS 16
#define MOST_WORKERS 5

/* What a worker leaves to the next one besides descriptors. */
struct progress {
	/* All files of the session are checked: it can be finished, and may have been. */
	int checked[MOST_SESSIONS];
};

static struct progress *progress;
static int session_count = 3, file_count = 5;

static __attribute__((noreturn)) void fail(const char *what, const char *name)
{
	fprintf(stderr, "robust: cannot %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

/* A descriptor of this process, or of a worker before it, by what its link says; or -1. */
static int find_descriptor(const char *link)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	if (!directory)
		fail("list", "/proc/self/fd");
	while (found < 0 && (entry = readdir(directory))) {
		char path[300], text[256];
		ssize_t length;

		snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
		length = readlink(path, text, sizeof text);
		if (length > 0 && (size_t)length == strlen(link) && memcmp(text, link, length) == 0)
			found = atoi(entry->d_name);
	}
	closedir(directory);
	return found;
}

static int get_device(void)
{
	int device = find_descriptor(LUO_DEVICE);

	if (device < 0)
		device = LUO_RETRY(open(LUO_DEVICE, O_RDWR | O_CLOEXEC));
	if (device < 0)
		fail("open", LUO_DEVICE);
	return device;
}

/* The session of that index, made or retrieved by this worker or one before it. */
static int get_session(int device, unsigned long command, int index, char *name, size_t size)
{
	char link[96];
	int session;

	snprintf(name, size, "robust-%d", index);
	snprintf(link, sizeof link, "anon_inode:[luo_session] %s", name);
	session = find_descriptor(link);
	if (session < 0)
		session = LUO_RETRY(luo_session(device, command, name));
	if (session < 0)
		fail(command == LUO_CREATE_SESSION ? "create session" : "retrieve session", name);
	return session;
}

/* What the file says: nothing else tells whether it is the right one. */
static void describe(char *text, size_t size, int session, int token)
{
	snprintf(text, size, "session %d, file %d", session, token);
}

static int make_file(int session, int token)
{
	char text[64];
	int fd = LUO_RETRY(memfd_create("robust", MFD_CLOEXEC));

	describe(text, sizeof text, session, token);
	if (fd < 0 || pwrite(fd, text, sizeof text, 0) != sizeof text)
		fail("make", text);
	return fd;
}

static void save(void)
{
	int device = get_device();

	for (int i = 0; i < session_count; i++) {
		char name[32];
		int session = get_session(device, LUO_CREATE_SESSION, i, name, sizeof name);

		for (int token = 0; token < file_count; token++) {
			int fd = make_file(i, token);

			/* EEXIST: the worker before this one was killed when it had preserved it. */
			if (LUO_RETRY(luo_preserve(session, fd, token)) && errno != EEXIST)
				fail("preserve a file in session", name);
			close(fd);
		}
	}
	printf("saved %d sessions\n", session_count);
}

/* A file that the kernel cannot give back is gone for good. It alone is made anew. */
static void check_file(int session, int index, int token)
{
	char expected[64] = "", text[64] = "";
	int fd = LUO_RETRY(luo_retrieve(session, token));

	describe(expected, sizeof expected, index, token);
	if (fd < 0) {
		fprintf(stderr, "robust: %s is gone (%s), and made anew\n", expected, strerror(errno));
		fd = make_file(index, token);
	}
	if (pread(fd, text, sizeof text, 0) != sizeof text || strcmp(text, expected) != 0) {
		errno = EBADMSG;
		fail("find what was saved in", expected);
	}
	close(fd);
}

static void restore(void)
{
	int device = get_device();

	for (int i = 0; i < session_count; i++) {
		char name[32];
		int session = get_session(device, LUO_RETRIEVE_SESSION, i, name, sizeof name);

		for (int token = 0; token < file_count && !progress->checked[i]; token++)
			check_file(session, i, token);
		progress->checked[i] = 1;
		/* A session that was finished already is finished again, to no effect. */
		if (LUO_RETRY(luo_finish(session)))
			fail("finish session", name);
	}
	printf("restored %d sessions\n", session_count);
}

/* Does the work in a process that shares our descriptors, until one of them is not killed. */
static int guard(void (*work)(void))
{
	for (int workers = 0; workers < MOST_WORKERS; workers++) {
		pid_t worker = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
		int status;

		if (worker < 0)
			fail("start", "a worker");
		if (worker == 0) {
			work();
			fflush(stdout);
			_exit(0);
		}
		while (waitpid(worker, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
	}
	return 1;
}

/* The guard stays behind, and with it the sessions: the last copy of a descriptor counts. */
static int save_and_hold(void)
{
	int ready[2];
	char answer = 1;

	if (pipe2(ready, O_CLOEXEC))
		fail("make", "a pipe");
	switch (fork()) {
	case -1:
		fail("start", "a guard");
	case 0:
		close(ready[0]);
		answer = guard(save);
		if (write(ready[1], &answer, 1) != 1 || answer != 0)
			_exit(1);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	return read(ready[0], &answer, 1) == 1 ? answer : 1;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (argc > 2)
		session_count = atoi(argv[2]);
	if (argc > 3)
		file_count = atoi(argv[3]);
	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (progress == MAP_FAILED)
		fail("map", "memory");
	if (session_count >= 1 && session_count <= MOST_SESSIONS && file_count >= 0) {
		if (strcmp(mode, "save") == 0)
			return save_and_hold();
		if (strcmp(mode, "restore") == 0)
			return guard(restore);
	}
	fprintf(stderr, "usage: robust save|restore [SESSIONS [FILES]]\n");
	return 2;
}
