/*
 * Makes, on a real Linux, the live-update state that linux-7.3-handover.json is the record of.
 *
 *   handover 1    makes the sessions and leaves a process that holds them
 *   handover 2    after the kexec: prints the devicetree of KHO, and waits; nothing is retrieved
 *
 * Needs root and, in stage 2, KHO's debugfs at /sys/kernel/debug/kho. Exits with 1, and says where, if a step fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

#define must(condition)                                                                     \
	do {                                                                                \
		if (!(condition)) {                                                         \
			printf("line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
			exit(1);                                                            \
		}                                                                           \
	} while (0)

struct create_session {
	uint32_t size;
	int32_t fd;
	uint8_t name[64];
};

struct preserve_fd {
	uint32_t size;
	int32_t fd;
	uint64_t token;
};

static int device;

static int create(const char *name, size_t length)
{
	struct create_session arguments = { .size = sizeof arguments, .fd = -1 };

	memcpy(arguments.name, name, length);
	must(ioctl(device, _IO(0xBA, 0x00), &arguments) == 0);
	return arguments.fd;
}

static void preserve(int session, int file, uint64_t token)
{
	struct preserve_fd arguments = { .size = sizeof arguments, .fd = file, .token = token };

	must(ioctl(session, _IO(0xBA, 0x40), &arguments) == 0);
}

static int memfd(size_t size)
{
	int file = memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(file >= 0);
	must(ftruncate(file, size) == 0);
	return file;
}

static void write_at(int file, const char *text, off_t offset)
{
	must(pwrite(file, text, strlen(text), offset) == (ssize_t)strlen(text));
}

/* 130 files of one page: three blocks. */
static void many_files(void)
{
	int session = create("many", 4);

	for (uint64_t i = 0; i < 130; i++) {
		int file = memfd(0);

		must(dprintf(file, "file %d", (int)i) > 0);
		preserve(session, file, 1000 + i);
	}
}

/* One of each kind. */
static void kinds(void)
{
	int session = create("kinds", 5);
	int empty = memfd(0);
	int sealed = memfd(PAGE);
	int placed = memfd(0);
	int holes = memfd(3 * PAGE);
	int allocated = memfd(0);

	must(lseek(empty, 77, SEEK_SET) == 77);
	preserve(session, empty, 0);
	write_at(sealed, "sealed", 0);
	must(fcntl(sealed, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	preserve(session, sealed, 1);
	write_at(placed, "placed", 2 * PAGE + 5);
	preserve(session, placed, UINT64_MAX);
	must(lseek(placed, 1234, SEEK_SET) == 1234);
	write_at(holes, "middle", PAGE);
	preserve(session, holes, 3);
	must(fallocate(allocated, 0, 0, 2 * PAGE) == 0);
	preserve(session, allocated, 4);
}

/* The devicetree of KHO, in hexadecimal. */
static void print_bytes(const char *path)
{
	unsigned char bytes[PAGE];
	int file = open(path, O_RDONLY);
	ssize_t length;

	must(file >= 0);
	length = read(file, bytes, sizeof bytes);
	must(length > 0);
	printf("handover: fdt ");
	for (ssize_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	char name[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1 && strcmp(argv[1], "2") == 0) {
		print_bytes("/sys/kernel/debug/kho/in/fdt");
		printf("handover: ready\n");
		for (;;)
			pause();
	}
	device = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);
	must(device >= 0);
	many_files();
	create("empty", 5);
	memset(name, 'n', 63);
	create(name, 63);
	create("\xff/\x01 bytes", 9);
	kinds();
	/* 51 sessions fit into a block: with these, 60 need two. */
	for (int i = 0; i < 55; i++) {
		int length = snprintf(name, sizeof name, "session %d", i);

		create(name, length);
	}
	if (fork() == 0)
		for (;;)
			pause();
	return 0;
}
