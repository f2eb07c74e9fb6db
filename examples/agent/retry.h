/* Calls that fail now and may succeed in a moment. */
#ifndef RETRY_H
#define RETRY_H

#include <errno.h>
#include <unistd.h>

/* A twentieth of a second in all. */
#define LUO_TRIES 50

/*
 * Whether a call that failed may succeed if it is made again. After a kexec that is more than politeness: a program that
 * gives up closes its session, and what it had not retrieved is gone.
 */
static inline int luo_is_passing(int error)
{
	switch (error) {
	case EINTR:
	case EAGAIN:
	case EBUSY:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return 1;
	default:
		return 0;
	}
}

/* The result of a call that is below 0 where it failed, made again for as long as that may help. */
#define LUO_RETRY(call)                                                                                  \
	({                                                                                               \
		long luo_result;                                                                         \
		for (int luo_tries = 0; (luo_result = (call)) < 0 && luo_is_passing(errno) && luo_tries < LUO_TRIES; \
		     luo_tries++)                                                                        \
			usleep(1000);                                                                    \
		luo_result;                                                                              \
	})

#endif
