/* Programs of tests are tables of cases. A case that does not hold says so on standard error and ends with 1. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends the process where the condition does not hold. */
#define check(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			int error_ = errno;                                                     \
			fprintf(stderr, "line %d: not so: %s (errno %d, %s)\n", __LINE__, #condition, \
				error_, strerror(error_));                                      \
			_exit(1);                                                               \
		}                                                                               \
	} while (0)

/* Ends the process where the call does not fail with that error number. */
#define check_fails(call, code)                                                                 \
	do {                                                                                    \
		errno = 0;                                                                      \
		long result_ = (call);                                                          \
		int error_ = errno;                                                             \
		if (result_ != -1 || error_ != (code)) {                                        \
			fprintf(stderr, "line %d: %s gave %ld, errno %d (%s), not errno %d (%s)\n", __LINE__, \
				#call, result_, error_, strerror(error_), code, strerror(code)); \
			_exit(1);                                                               \
		}                                                                               \
	} while (0)

struct test_case {
	const char *name;
	void (*run)(void);
};

/* Runs the case of that name. The result is for main to return. */
static inline int run_case(const struct test_case *cases, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(cases[i].name, name) != 0)
			continue;
		cases[i].run();
		return 0;
	}
	fprintf(stderr, "no case \"%s\"\n", name);
	return 2;
}

#define RUN_CASE(cases, argc, argv) \
	run_case(cases, sizeof(cases) / sizeof(*(cases)), (argc) > 1 ? (argv)[1] : "")

/* Waits for a child and checks that it ended well. */
#define check_child(pid)                                                        \
	do {                                                                    \
		int status_ = -1;                                               \
		check(waitpid(pid, &status_, 0) == (pid));                      \
		check(WIFEXITED(status_) && WEXITSTATUS(status_) == 0);         \
	} while (0)

/* The number that the next descriptor of this process will have. */
static inline int next_descriptor(void)
{
	int fd = dup(0);

	check(fd >= 0);
	close(fd);
	return fd;
}

#endif
