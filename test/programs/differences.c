/* What docs/differences.md says of luo, where only a real machine can show it. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static int device;

static void open_device(void)
{
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
}

/* The program is run again after this, with the same arguments. */
static void next_generation(void)
{
	int image = open("/proc/self/exe", O_RDONLY);

	check(syscall(SYS_kexec_file_load, image, -1, 1UL, "", KEXEC_FILE_NO_INITRAMFS) == 0);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	check(!"the live update came back");
}

/* The session "test", with its files in the second generation; -1 in the first one. */
static int retrieve_session(void)
{
	open_device();
	return luo_session(device, LUO_RETRIEVE_SESSION, "test");
}

static int create_session(void)
{
	int session = luo_session(device, LUO_CREATE_SESSION, "test");

	check(session >= 0);
	return session;
}

static void failed_create(void)
{
	static const struct luo_session_args read_only = { .size = sizeof read_only, .name = "read only" };
	struct luo_session_args short_args = { .size = 8, .name = "short" };
	int free;

	open_device();
	create_session();
	free = next_descriptor();
	for (int i = 0; i < 10; i++) {
		check_fails(luo_session(device, LUO_CREATE_SESSION, "test"), EEXIST);
		check_fails(luo_session(device, LUO_CREATE_SESSION, ""), EINVAL);
		check_fails(ioctl(device, LUO_CREATE_SESSION, &short_args), EINVAL);
		check_fails(ioctl(device, LUO_CREATE_SESSION, &read_only), EFAULT);
		check_fails(ioctl(device, LUO_CREATE_SESSION, NULL), EFAULT);
		check(next_descriptor() == free);
	}
	check(luo_session(device, LUO_CREATE_SESSION, "another") == free);
}

static struct stat look(int fd)
{
	struct stat status;

	check(fstat(fd, &status) == 0);
	return status;
}

/* Memory with the number of its inode in it. */
static int new_memory(unsigned int flags)
{
	int memory = memfd_create("memory", flags);
	ino_t inode;

	check(memory >= 0);
	inode = look(memory).st_ino;
	check(pwrite(memory, &inode, sizeof inode, 0) == sizeof inode);
	return memory;
}

/* Whether it is the very inode that was preserved. */
static int is_the_same(int memory)
{
	ino_t inode;

	check(pread(memory, &inode, sizeof inode, 0) == sizeof inode);
	return inode == look(memory).st_ino;
}

/* Pages that were set aside after the end: 16 after 1. `expected` is how many the retrieved file has of all. */
static void past_the_end(int expected, int same)
{
	int session = retrieve_session(), memory;

	if (session < 0) {
		session = create_session();
		memory = new_memory(0);
		check(ftruncate(memory, PAGE) == 0);
		check(fallocate(memory, FALLOC_FL_KEEP_SIZE, PAGE, 16 * PAGE) == 0);
		check(look(memory).st_blocks == 17 * PAGE / 512);
		check(luo_preserve(session, memory, 1) == 0);
		check(look(memory).st_blocks == 17 * PAGE / 512);
		next_generation();
	}
	memory = luo_retrieve(session, 1);
	check(memory >= 0 && lseek(memory, 0, SEEK_END) == PAGE);
	check(is_the_same(memory) == same);
	check(look(memory).st_blocks == expected * PAGE / 512);
	/* They are zeros, once the file is as long. */
	check(luo_finish(session) == 0 && ftruncate(memory, 17 * PAGE) == 0);
	for (char byte = 1, page = 1; page <= 16; page++)
		check(pread(memory, &byte, 1, page * PAGE) == 1 && byte == 0);
}

static void past_the_end_kept(void)
{
	past_the_end(17, 1);
}

static void past_the_end_copied(void)
{
	past_the_end(1, 0);
}

/* Files in two sessions, of which one is closed: nothing keeps them from getting another size. */
static void unfrozen(void)
{
	static const off_t sizes[] = { 0, 100 * PAGE };
	int session = retrieve_session(), another, memories[2];

	if (session < 0) {
		session = create_session();
		another = luo_session(device, LUO_CREATE_SESSION, "another");
		for (int i = 0; i < 2; i++) {
			memories[i] = new_memory(0);
			check(luo_preserve(session, memories[i], i) == 0 && luo_preserve(another, memories[i], i) == 0);
			check_fails(ftruncate(memories[i], sizes[i]), EPERM);
		}
		check(close(another) == 0);
		for (int i = 0; i < 2; i++)
			check(ftruncate(memories[i], sizes[i]) == 0);
		next_generation();
	}
	for (int i = 0; i < 2; i++) {
		int memory = luo_retrieve(session, i);

		check(memory >= 0 && lseek(memory, 0, SEEK_END) == sizes[i]);
	}
}

enum { UNSEALED = 1, SEALED, UNSEALABLE };

static void preserve_with_seals(int session)
{
	int unsealed = new_memory(MFD_ALLOW_SEALING), sealed = new_memory(MFD_ALLOW_SEALING), unsealable = new_memory(0);

	check(fcntl(sealed, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0);
	check(fcntl(unsealable, F_GET_SEALS) == F_SEAL_SEAL);
	check(luo_preserve(session, unsealed, UNSEALED) == 0);
	check(luo_preserve(session, sealed, SEALED) == 0);
	check(luo_preserve(session, unsealable, UNSEALABLE) == 0);
	next_generation();
}

static void check_retrieved(int session, uint64_t token, int seals, int same)
{
	int memory = luo_retrieve(session, token);

	check(memory >= 0 && fcntl(memory, F_GET_SEALS) == seals);
	check(is_the_same(memory) == same);
	if ((seals & F_SEAL_SEAL) != 0)
		check_fails(fcntl(memory, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	else
		check(fcntl(memory, F_ADD_SEALS, F_SEAL_GROW) == 0 && (fcntl(memory, F_GET_SEALS) & F_SEAL_GROW) != 0);
}

static void seals(void)
{
	int session = retrieve_session();

	if (session < 0)
		preserve_with_seals(create_session());
	check_retrieved(session, UNSEALED, 0, 1);
	check_retrieved(session, SEALED, F_SEAL_GROW | F_SEAL_SHRINK, 1);
	check_retrieved(session, UNSEALABLE, F_SEAL_SEAL, 1);
}

static void seals_strictly(void)
{
	int session = retrieve_session();

	if (session < 0)
		preserve_with_seals(create_session());
	check_retrieved(session, UNSEALED, 0, 1);
	check_retrieved(session, SEALED, 0, 0);
	check_retrieved(session, UNSEALABLE, 0, 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "failed-create", failed_create },
		{ "past-the-end", past_the_end_kept },
		{ "past-the-end-copied", past_the_end_copied },
		{ "unfrozen", unfrozen },
		{ "seals", seals },
		{ "seals-strictly", seals_strictly },
	};

	return RUN_CASE(cases, argc, argv);
}
