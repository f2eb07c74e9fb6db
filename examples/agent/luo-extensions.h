/* SPDX-License-Identifier: MIT */
/*
 * The ioctls that luo has and Linux has not: `luo run --extend`. Without it, and on Linux, each of them is EINVAL.
 * Every function returns -1 with errno where it fails.
 */
#ifndef LUO_EXTENSIONS_H
#define LUO_EXTENSIONS_H

#include <stdint.h>
#include <sys/ioctl.h>

#define LUO_GET_STATE _IO(0xBA, 0x80)         /* of the device: all sessions together */
#define LUO_UNPRESERVE_FD _IO(0xBA, 0xC0)     /* of a session that was created */
#define LUO_SESSION_GET_STATE _IO(0xBA, 0xC1) /* of any session */
#define LUO_SESSION_SET_EVENT _IO(0xBA, 0xC2) /* of any session */

enum luo_state {
	LUO_NORMAL = 1,   /* nothing is preserved */
	LUO_PREPARED = 2, /* files are preserved for the next kernel */
	LUO_FROZEN = 3,   /* they are frozen for it */
	LUO_UPDATED = 4,  /* the last kernel left files, and they are not finished */
};

enum luo_event {
	LUO_PREPARE = 0,      /* changes nothing: files are prepared when they are preserved */
	LUO_FREEZE = 1,       /* freezes a created session */
	LUO_FINISH_EVENT = 2, /* finishes a retrieved session, as LUO_FINISH does */
	LUO_CANCEL = 3,       /* undoes LUO_FREEZE */
};

/* State or event. */
struct luo_word_args {
	uint32_t size;
	uint32_t word;
};

struct luo_unpreserve_args {
	uint32_t size;
	uint32_t reserved; /* 0 */
	uint64_t token;
};

/* An enum luo_state. */
static inline int luo_state(int device)
{
	struct luo_word_args args = { .size = sizeof args };

	return ioctl(device, LUO_GET_STATE, &args) ? -1 : (int)args.word;
}

/* The same of one session. */
static inline int luo_session_state(int session)
{
	struct luo_word_args args = { .size = sizeof args };

	return ioctl(session, LUO_SESSION_GET_STATE, &args) ? -1 : (int)args.word;
}

/* EINVAL where the session is of the other side of a live update. */
static inline int luo_session_event(int session, enum luo_event event)
{
	struct luo_word_args args = { .size = sizeof args, .word = event };

	return ioctl(session, LUO_SESSION_SET_EVENT, &args);
}

/* Lets go of one file. ENOENT for a token that the session does not preserve, EBUSY where it is frozen. */
static inline int luo_unpreserve(int session, uint64_t token)
{
	struct luo_unpreserve_args args = { .size = sizeof args, .token = token };

	return ioctl(session, LUO_UNPRESERVE_FD, &args);
}

#endif
