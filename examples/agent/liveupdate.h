/* The interface of /dev/liveupdate, for programs in C. */
#ifndef LIVEUPDATE_H
#define LIVEUPDATE_H

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#define LUO_DEVICE "/dev/liveupdate"
#define LUO_CREATE_SESSION _IO(0xBA, 0x00)
#define LUO_RETRIEVE_SESSION _IO(0xBA, 0x01)
#define LUO_PRESERVE_FD _IO(0xBA, 0x40)
#define LUO_RETRIEVE_FD _IO(0xBA, 0x41)
#define LUO_FINISH _IO(0xBA, 0x42)
#define LUO_GET_NAME _IO(0xBA, 0x43)

struct luo_session_args {
	uint32_t size;
	int32_t fd;
	uint8_t name[64];
};

struct luo_file_args {
	uint32_t size;
	int32_t fd;
	uint64_t token;
};

struct luo_finish_args {
	uint32_t size;
	uint32_t reserved;
};

struct luo_name_args {
	uint32_t size;
	uint32_t reserved;
	uint8_t name[64];
};

/* A descriptor of the session, or -1 with errno. `command` creates or retrieves it. */
static inline int luo_session(int device, unsigned long command, const char *name)
{
	struct luo_session_args args = { .size = sizeof args, .fd = -1 };

	strncpy((char *)args.name, name, sizeof args.name - 1);
	return ioctl(device, command, &args) ? -1 : args.fd;
}

static inline int luo_preserve(int session, int fd, uint64_t token)
{
	struct luo_file_args args = { .size = sizeof args, .fd = fd, .token = token };

	return ioctl(session, LUO_PRESERVE_FD, &args);
}

/* A descriptor of the file, or -1 with errno. */
static inline int luo_retrieve(int session, uint64_t token)
{
	struct luo_file_args args = { .size = sizeof args, .fd = -1, .token = token };

	return ioctl(session, LUO_RETRIEVE_FD, &args) ? -1 : args.fd;
}

static inline int luo_finish(int session)
{
	struct luo_finish_args args = { .size = sizeof args };

	return ioctl(session, LUO_FINISH, &args);
}

#endif
