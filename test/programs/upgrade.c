/*
 * A program that does what it is told, a line of its input at a time, and answers each with a line: "ok ...", or the
 * name of the error.
 *
 *   open, close-device
 *   create S, retrieve S, finish S, close S     S is the name of a session
 *   preserve S TOKEN TEXT                       a new memfd with that text, at position 3, which it keeps as TOKEN
 *   pipe S TOKEN TEXT                           the same with the end of a pipe that has that text
 *   get S TOKEN                                 RETRIEVE_FD: "ok TEXT at POSITION"; it is kept as TOKEN
 *   same S TOKEN                                whether RETRIEVE_FD gives the open file that was kept as TOKEN
 *   again S TOKEN                               PRESERVE_FD of what was kept as TOKEN
 *   resize TOKEN                                ftruncate of what was kept as TOKEN, to another size
 *   storm, calm                                 calls without a pause; "ok COUNT" with how many were answered
 *   daemon CODE                                 a child goes on; this process exits
 *   exit CODE
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MOST 64

static int device = -1;
static struct {
	char name[24];
	int fd;
} sessions[MOST];
static int files[MOST];
static atomic_int is_storm;
static atomic_long calls;
static pthread_t thread;

static void answer(long result, const char *text)
{
	if (result < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("ok %s\n", text);
	fflush(stdout);
}

static int *session(const char *name)
{
	for (int i = 0; i < MOST; i++) {
		if (sessions[i].name[0] != 0 && strcmp(sessions[i].name, name) != 0)
			continue;
		strcpy(sessions[i].name, name);
		return &sessions[i].fd;
	}
	check(!"there is room for a session");
	return NULL;
}

/* One that could not be opened leaves another one of that name as it is. */
static void opened(const char *name, int fd)
{
	if (fd >= 0)
		*session(name) = fd;
	answer(fd, "");
}

static int file_with(const char *text)
{
	int file = memfd_create("text", MFD_CLOEXEC);

	check(file >= 0);
	check(write(file, text, strlen(text)) == (ssize_t)strlen(text));
	check(lseek(file, 3, SEEK_SET) == 3);
	return file;
}

static int pipe_with(const char *text)
{
	int ends[2];

	check(pipe2(ends, O_CLOEXEC) == 0);
	check(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
	check(close(ends[1]) == 0);
	return ends[0];
}

static void get(int from, long token)
{
	char bytes[256] = "", text[300];
	int file = luo_retrieve(from, token);

	if (file >= 0) {
		files[token] = file;
		check(pread(file, bytes, sizeof bytes - 1, 0) >= 0 || read(file, bytes, sizeof bytes - 1) >= 0);
		snprintf(text, sizeof text, "%s at %ld", bytes, (long)lseek(file, 0, SEEK_CUR));
	}
	answer(file, text);
}

/* The position belongs to the open file. */
static void same(int from, long token)
{
	int file = luo_retrieve(from, token);

	if (file >= 0) {
		check(lseek(files[token], 77, SEEK_SET) == 77);
		check(lseek(file, 0, SEEK_CUR) == 77);
		check(close(file) == 0);
	}
	answer(file, "");
}

/* Each of these calls comes to luo. */
static void *storm(void *unused)
{
	while (is_storm) {
		int fd, file = file_with("storm");

		check((fd = luo_session(device, LUO_CREATE_SESSION, "storm")) >= 0);
		check(luo_preserve(fd, file, 1) == 0);
		check_fails(luo_preserve(fd, file, 1), EEXIST);
		check(close(fd) == 0);
		check(close(file) == 0);
		calls += 4;
	}
	return unused;
}

int main(void)
{
	char line[512], word[32], name[24], text[256];

	while (fgets(line, sizeof line, stdin)) {
		long token = 0;

		name[0] = text[0] = 0;
		sscanf(line, "%31s %23s %ld %255s", word, name, &token, text);
		if (strcmp(word, "open") == 0)
			answer(device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC), "");
		else if (strcmp(word, "close-device") == 0)
			answer(close(device), "");
		else if (strcmp(word, "create") == 0)
			opened(name, luo_session(device, LUO_CREATE_SESSION, name));
		else if (strcmp(word, "retrieve") == 0)
			opened(name, luo_session(device, LUO_RETRIEVE_SESSION, name));
		else if (strcmp(word, "finish") == 0)
			answer(luo_finish(*session(name)), "");
		else if (strcmp(word, "close") == 0)
			answer(close(*session(name)), "");
		else if (strcmp(word, "preserve") == 0)
			answer(luo_preserve(*session(name), files[token] = file_with(text), token), "");
		else if (strcmp(word, "pipe") == 0)
			answer(luo_preserve(*session(name), files[token] = pipe_with(text), token), "");
		else if (strcmp(word, "again") == 0)
			answer(luo_preserve(*session(name), files[token], token + 1), "");
		else if (strcmp(word, "get") == 0)
			get(*session(name), token);
		else if (strcmp(word, "same") == 0)
			same(*session(name), token);
		else if (strcmp(word, "resize") == 0)
			answer(ftruncate(files[atoi(name)], 1), "");
		else if (strcmp(word, "storm") == 0) {
			is_storm = 1;
			answer(pthread_create(&thread, NULL, storm, NULL), "");
		} else if (strcmp(word, "calm") == 0) {
			is_storm = 0;
			check(pthread_join(thread, NULL) == 0);
			snprintf(text, sizeof text, "%ld", calls);
			answer(0, text);
		} else if (strcmp(word, "daemon") == 0) {
			if (fork() > 0)
				_exit(atoi(name));
			setsid();
			answer(0, "daemon");
		} else if (strcmp(word, "exit") == 0)
			return atoi(name);
		else
			check(!"a known word");
	}
	return 0;
}
