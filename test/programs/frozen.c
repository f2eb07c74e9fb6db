/* A preserved memfd keeps its size, by whatever call. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

enum { PAGE = 4096, SIZE = 2 * PAGE + 100 };

static int session;

static int preserved_memory(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	int memory = memfd_create("state", MFD_ALLOW_SEALING);

	check(ftruncate(memory, SIZE) == 0);
	session = luo_session(device, LUO_CREATE_SESSION, "frozen");
	check(luo_preserve(session, memory, 1) == 0);
	return memory;
}

static off_t size_of(int fd)
{
	return lseek(fd, 0, SEEK_END);
}

static const char *link_of(int fd)
{
	static char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}

static void keeps_its_size(void)
{
	int memory = preserved_memory(), other = memfd_create("other", 0);

	check_fails(ftruncate(memory, PAGE), EPERM);
	check_fails(ftruncate(memory, 2 * SIZE), EPERM);
	check_fails(ftruncate(memory, -1), EINVAL);
	check_fails(truncate(link_of(memory), PAGE), EPERM);
	check_fails(open(link_of(memory), O_RDWR | O_TRUNC), EPERM);
	check_fails(fallocate(memory, 0, 0, 2 * SIZE), EPERM);
	check_fails(fallocate(memory, FALLOC_FL_KEEP_SIZE, 0, 2 * SIZE), EPERM);
	check_fails(fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	check(size_of(memory) == SIZE);

	/* By another descriptor, and by one of another process. */
	check_fails(ftruncate(dup(memory), PAGE), EPERM);
	check_fails(ftruncate(open(link_of(memory), O_RDWR), PAGE), EPERM);
	pid_t child = fork();
	if (child == 0) {
		check_fails(ftruncate(memory, PAGE), EPERM);
		_exit(0);
	}
	check_child(child);

	check(ftruncate(other, PAGE) == 0);
	check(truncate(link_of(other), 0) == 0);
	check(fallocate(other, 0, 0, PAGE) == 0);

	/* What does not change the size goes on as ever. */
	check(pwrite(memory, "x", 1, SIZE - 1) == 1);
	check(open(link_of(memory), O_RDWR) >= 0);
	close(session);
	check(ftruncate(memory, PAGE) == 0);
	check(fallocate(memory, 0, 0, SIZE) == 0);
	check(open(link_of(memory), O_RDWR | O_TRUNC) >= 0 && size_of(memory) == 0);
}

static void can_be_sealed_but_not_against_writing(void)
{
	int memory = preserved_memory();

	check_fails(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	check_fails(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), EBUSY);
	check(fcntl(memory, F_GET_SEALS) == 0);
	check(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	close(session);
	check(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE) == 0);
	check(fcntl(memory, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
}

/* Linux writes page by page: what comes before the page with the end is written. */
static void takes_no_byte_after_its_end(void)
{
	static char bytes[4 * PAGE];
	int memory = preserved_memory(), source = memfd_create("source", 0);
	struct iovec halves[] = { { bytes, PAGE }, { bytes + PAGE, 3 * PAGE } };
	int pipes[2];

	memset(bytes, 'a', sizeof bytes);
	check(write(source, bytes, sizeof bytes) == sizeof bytes);

	check(pwrite(memory, bytes, sizeof bytes, 0) == 2 * PAGE);
	check(pwrite(memory, bytes, sizeof bytes, PAGE + 1) == PAGE - 1);
	check_fails(pwrite(memory, bytes, 200, 2 * PAGE), EPERM);
	check_fails(pwrite(memory, bytes, 1, SIZE), EPERM);
	check_fails(pwrite(memory, bytes, 1, 100 * PAGE), EPERM);
	check(pwrite(memory, bytes, 100, 2 * PAGE) == 100);
	check(pwrite(memory, bytes, 0, 100 * PAGE) == 0);

	check(lseek(memory, 0, SEEK_SET) == 0);
	check(write(memory, bytes, sizeof bytes) == 2 * PAGE);
	check(lseek(memory, 0, SEEK_CUR) == 2 * PAGE);
	check_fails(write(memory, bytes, sizeof bytes), EPERM);
	check(write(memory, bytes, 100) == 100);
	check_fails(write(memory, bytes, 1), EPERM);

	check(lseek(memory, PAGE, SEEK_SET) == PAGE);
	check(writev(memory, halves, 2) == PAGE);
	check(pwritev(memory, halves, 2, 0) == 2 * PAGE);
	check(pwritev2(memory, halves, 2, 0, 0) == 2 * PAGE);
	check_fails(pwritev(memory, halves, 2, SIZE), EPERM);

	check(lseek(memory, 0, SEEK_SET) == 0);
	check(sendfile(memory, source, &(off_t){ 0 }, sizeof bytes) == 2 * PAGE);
	check(copy_file_range(source, &(off_t){ 0 }, memory, &(off_t){ 0 }, sizeof bytes, 0) == 2 * PAGE);
	check_fails(copy_file_range(source, &(off_t){ 0 }, memory, &(off_t){ SIZE }, 1, 0), EPERM);
	check(pipe(pipes) == 0 && write(pipes[1], bytes, 200) == 200);
	check_fails(splice(pipes[0], NULL, memory, &(off_t){ 2 * PAGE }, 200, 0), EPERM);
	check(size_of(memory) == SIZE);

	/* What cannot be read is the error of the call, and an empty pipe is not waited for. */
	int only_writable = open(link_of(source), O_WRONLY), directory = open("/tmp", O_RDONLY);
	check(lseek(memory, 0, SEEK_SET) == 0);
	check_fails(sendfile(memory, only_writable, &(off_t){ 0 }, 2 * SIZE), EBADF);
	check_fails(copy_file_range(directory, NULL, memory, &(off_t){ 0 }, 2 * SIZE, 0), EISDIR);
	check(read(pipes[0], bytes, 200) == 200);
	check_fails(splice(pipes[0], NULL, memory, &(off_t){ 0 }, 2 * SIZE, 0), EAGAIN);
	check(write(pipes[1], bytes, 200) == 200);
	check(splice(pipes[0], NULL, memory, &(off_t){ 0 }, 2 * SIZE, 0) == 200);

	check(fcntl(memory, F_SETFL, O_APPEND) == 0);
	check_fails(write(memory, bytes, 1), EPERM);
	check(fcntl(memory, F_SETFL, 0) == 0);

	/* A hole in the mapping is one in the file. */
	char *mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	check_fails(madvise(mapped, PAGE, MADV_REMOVE), EPERM);
	check(mapped[0] == 'a');

	close(session);
	check(pwrite(memory, bytes, sizeof bytes, PAGE) == sizeof bytes);
	check(madvise(mapped, PAGE, MADV_REMOVE) == 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "size", keeps_its_size },
		{ "seals", can_be_sealed_but_not_against_writing },
		{ "writes", takes_no_byte_after_its_end },
	};

	return RUN_CASE(cases, argc, argv);
}
