/* Memfds of huge pages, over a live update. Each case needs PAGES huge pages of the default size. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGES 2
#define POSITION 4321
#define TOKEN 7

static struct stat status;

/* The value of a 64-bit word of the file. */
static uint64_t word(size_t index)
{
	return index * 0x9e3779b97f4a7c15u + 1;
}

static uint64_t *map(int memory)
{
	uint64_t *words = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);

	check(words != MAP_FAILED);
	return words;
}

static int huge_memory(void)
{
	int memory = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);

	check(memory >= 0);
	check(fstat(memory, &status) == 0);
	check(ftruncate(memory, PAGES * status.st_blksize) == 0);
	check(fstat(memory, &status) == 0);
	return memory;
}

static int session_at(unsigned long command)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC), session = luo_session(device, command, "huge");

	check(session >= 0);
	return session;
}

/* Ends well exactly where the huge pages can be had. */
static void take_pages(void)
{
	memset(map(huge_memory()), 1, status.st_size);
}

static void preserve(void)
{
	int memory = huge_memory(), session = session_at(LUO_CREATE_SESSION);
	uint64_t *words = map(memory);

	words[0] = word(0);
	check(luo_preserve(session, memory, TOKEN) == 0);
	/* What is written after it was preserved passes, too. */
	for (size_t i = 1; i < status.st_size / sizeof *words; i++)
		words[i] = word(i);
	check(lseek(memory, POSITION, SEEK_SET) == POSITION);
	check(fcntl(memory, F_ADD_SEALS, F_SEAL_GROW) == 0);
	printf("preserved inode %llu\n", (unsigned long long)status.st_ino);
	fflush(stdout);
	for (;;)
		pause();
}

static void retrieve(void)
{
	int session = session_at(LUO_RETRIEVE_SESSION), memory = luo_retrieve(session, TOKEN);
	uint64_t first;

	check(memory >= 0);
	check(luo_finish(session) == 0);
	check(fstat(memory, &status) == 0);
	check(status.st_size == PAGES * status.st_blksize);
	check(lseek(memory, 0, SEEK_CUR) == POSITION);
	check(fcntl(memory, F_GET_SEALS) == F_SEAL_GROW);
	check(pread(memory, &first, sizeof first, 0) == sizeof first && first == word(0));
	uint64_t *words = map(memory);
	for (size_t i = 0; i < status.st_size / sizeof *words; i++)
		check(words[i] == word(i));
	words[0] = 0;
	printf("retrieved inode %llu\n", (unsigned long long)status.st_ino);
}

static void keeps_its_pages(void)
{
	int memory = huge_memory(), session = session_at(LUO_CREATE_SESSION);
	void *memory_mapped = map(memory);

	memset(memory_mapped, 1, status.st_size);
	check(luo_preserve(session, memory, TOKEN) == 0);
	check_fails(ftruncate(memory, 0), EPERM);
	check_fails(fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, status.st_blksize), EPERM);
	check_fails(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	check_fails(luo_preserve(session, memory, TOKEN + 1), EBUSY);
	check(close(session) == 0);
	check(ftruncate(memory, 0) == 0);
}

static void is_refused(void)
{
	check_fails(luo_preserve(session_at(LUO_CREATE_SESSION), huge_memory(), TOKEN), ENOENT);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "take", take_pages },
		{ "preserve", preserve },
		{ "retrieve", retrieve },
		{ "frozen", keeps_its_pages },
		{ "refused", is_refused },
	};

	return RUN_CASE(cases, argc, argv);
}
