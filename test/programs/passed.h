/*
 * Programs of tests that preserve open files of many kinds, go into the next generation by themselves, and look at what
 * has come back. Each row has a session of its own; a row whose files are as they should be is said to be.
 */
#ifndef PASSED_H
#define PASSED_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <linux/reboot.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

struct row {
	const char *name;
	void (*save)(void);
	void (*restore)(void);
};

static int device, session;
static const char *profile;

static inline void preserve(int fd, uint64_t token)
{
	check(fd >= 0);
	check(luo_preserve(session, fd, token) == 0);
}

/* What comes back is close-on-exec, whatever it was. */
static inline int retrieved(uint64_t token)
{
	int fd = luo_retrieve(session, token);

	check(fd >= 0);
	check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	return fd;
}

static inline void finish(void)
{
	check(luo_finish(session) == 0);
}

static inline void put(int fd, const char *text)
{
	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Reads just this, and nothing after it. */
static inline void expect(int fd, const char *text)
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

static inline void expect_end(int fd)
{
	char byte;

	check(read(fd, &byte, 1) == 0);
}

static inline void next_generation(void)
{
	int image = open("/dev/null", O_RDONLY);

	check(syscall(SYS_kexec_file_load, image, -1, 1UL, "", 4UL) == 0);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, 0);
	check(!"a kexec comes back");
}

/* A row that fails says so, and the others go on. */
static inline void restore_row(const struct row *row)
{
	int status;
	pid_t child = fork();

	check(child >= 0);
	if (child == 0) {
		row->restore();
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child);
	printf("%s: %s\n", row->name, status == 0 ? "ok" : "failed");
	fflush(stdout);
}

/* program DIRECTORY PROFILE */
static inline int run_rows(const struct row *rows, size_t count, char **argv)
{
	int is_next;

	check(argv[1] && argv[2] && chdir(argv[1]) == 0);
	profile = argv[2];
	signal(SIGPIPE, SIG_IGN);
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	session = luo_session(device, LUO_RETRIEVE_SESSION, rows[0].name);
	is_next = session >= 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 || !is_next)
			session = luo_session(device, is_next ? LUO_RETRIEVE_SESSION : LUO_CREATE_SESSION, rows[i].name);
		check(session >= 0);
		if (is_next)
			restore_row(&rows[i]);
		else
			rows[i].save();
	}
	if (!is_next)
		next_generation();
	return 0;
}

#define RUN_ROWS(rows, argv) run_rows(rows, sizeof(rows) / sizeof(*(rows)), argv)

#endif
