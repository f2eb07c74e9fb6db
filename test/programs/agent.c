/*
 * An agent that counts its generations in a memfd: it retrieves the file, adds one, preserves it again, and says so.
 *
 *   agent [wait | fork | thread | until N] [...]
 *
 * wait: until it is ended. fork: a child holds the session, and the agent exits. thread: everything happens in a thread
 * of many. until N: goes into the next generation by itself until it is the N-th. Other arguments are repeated. The
 * variable DEVICE may hold the number of a descriptor of the device.
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <linux/reboot.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SIZE (3 * 4096 + 5)
#define POSITION 1234
#define TOKEN 7

static char **arguments;
static int count;

/* The file of the generation before, or a new one. */
static int get_file(int device)
{
	int session = luo_session(device, LUO_RETRIEVE_SESSION, "agent");
	char bytes[SIZE];
	struct stat status;
	int file;

	if (session < 0) {
		check(errno == ENOENT);
		file = memfd_create("count", MFD_CLOEXEC);
		memset(bytes, 'x', SIZE);
		check(pwrite(file, bytes, SIZE, 0) == SIZE);
		check(lseek(file, POSITION, SEEK_SET) == POSITION);
		return file;
	}
	file = luo_retrieve(session, TOKEN);
	check(file >= 0);
	check(luo_finish(session) == 0);
	check(close(session) == 0);
	check(fstat(file, &status) == 0 && status.st_size == SIZE);
	check(lseek(file, 0, SEEK_CUR) == POSITION);
	check(pread(file, bytes, SIZE, 0) == SIZE);
	memcpy(&count, bytes, sizeof count);
	for (size_t i = sizeof count; i < SIZE; i++)
		check(bytes[i] == 'x');
	return file;
}

static void *run(void *unused)
{
	const char *inherited = getenv("DEVICE");
	int device = inherited ? atoi(inherited) : open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	int file = get_file(device);

	count++;
	check(pwrite(file, &count, sizeof count, 0) == sizeof count);
	int session = luo_session(device, LUO_CREATE_SESSION, "agent");
	check(session >= 0);
	check(luo_preserve(session, file, TOKEN) == 0);
	printf("count %d", count);
	for (char **argument = arguments; *argument; argument++)
		printf(" %s", *argument);
	printf("\n");
	fflush(stdout);
	return unused;
}

static void *spin(void *unused)
{
	for (;;)
		usleep(1000);
	return unused;
}

static void next_generation(void)
{
	int image = open("/dev/null", O_RDONLY);

	check(syscall(SYS_kexec_file_load, image, -1, 1UL, "", 4UL) == 0);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, 0);
	check(!"reboot came back");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "wait";

	arguments = argv + 1;
	if (strcmp(mode, "thread") == 0) {
		pthread_t thread;

		for (int i = 0; i < 8; i++)
			check(pthread_create(&thread, NULL, spin, NULL) == 0);
		check(pthread_create(&thread, NULL, run, NULL) == 0);
		check(pthread_join(thread, NULL) == 0);
	} else {
		run(NULL);
	}
	if (strcmp(mode, "fork") == 0 && fork() > 0)
		return 0;
	if (strcmp(mode, "until") == 0) {
		if (count >= atoi(argv[2]))
			return 0;
		next_generation();
	}
	for (;;)
		pause();
}
