/* A preserved memfd keeps its size, by whatever call. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
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

	/* The flags of a write count. */
	check_fails(pwritev2(memory, halves, 1, 0, RWF_APPEND), EPERM);
	check_fails(pwritev2(memory, halves, 1, -1, RWF_APPEND), EPERM);
	check_fails(pwritev2(memory, halves, 1, SIZE, RWF_NOWAIT), EOPNOTSUPP);
	check(pwritev2(memory, halves, 2, 0, RWF_DSYNC) == 2 * PAGE);

	/* What the kernel refuses for any file comes first. */
	int read_only = open(link_of(memory), O_RDONLY);
	check_fails(pwrite(read_only, bytes, 1, SIZE), EBADF);
	check_fails(pwrite(memory, bytes, sizeof bytes, -1), EINVAL);
	check_fails(syscall(SYS_writev, memory, halves, 1025), EINVAL);
	check_fails(syscall(SYS_pwrite64, memory, 1, sizeof bytes, 0), EFAULT);

	/* A hole in the mapping is one in the file. */
	char *mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	check_fails(madvise(mapped, PAGE, MADV_REMOVE), EPERM);
	check(mapped[0] == 'a');

	close(session);
	check(pwrite(memory, bytes, sizeof bytes, PAGE) == sizeof bytes);
	check(madvise(mapped, PAGE, MADV_REMOVE) == 0);
}

/* Copies go as far as writes. What was measured on Linux 7.3 is all here, call by call. */
static void takes_no_copy_after_its_end(void)
{
	static char bytes[4 * PAGE];
	int memory = preserved_memory(), source = memfd_create("source", 0), pipes[2];
	int read_only = open(link_of(memory), O_RDONLY), directory = open("/tmp", O_RDONLY);
	off_t in, out;

	memset(bytes, 'a', sizeof bytes);
	check(pwrite(source, bytes, sizeof bytes, 0) == sizeof bytes);

	check(copy_file_range(source, NULL, memory, NULL, sizeof bytes, 0) == 2 * PAGE);
	check(lseek(memory, 0, SEEK_CUR) == 2 * PAGE && lseek(source, 0, SEEK_CUR) == 2 * PAGE);
	check_fails(copy_file_range(source, NULL, memory, NULL, sizeof bytes, 0), EPERM);
	check(lseek(memory, 0, SEEK_CUR) == 2 * PAGE && lseek(source, 0, SEEK_CUR) == 2 * PAGE);
	in = 0, out = PAGE + 10;
	check(copy_file_range(source, &in, memory, &out, 2 * PAGE, 0) == PAGE - 10);
	check(in == PAGE - 10 && out == 2 * PAGE);
	in = 4 * PAGE, out = SIZE;
	check(copy_file_range(source, &in, memory, &out, 100, 0) == 0);
	in = 4 * PAGE - 100, out = 2 * PAGE;
	check(copy_file_range(source, &in, memory, &out, PAGE, 0) == 100);
	in = 0, out = PAGE;
	check_fails(copy_file_range(memory, &in, memory, &out, PAGE + 1, 0), EINVAL);
	check_fails(copy_file_range(source, &in, memory, &out, 4 * PAGE, 1), EINVAL);
	check_fails(copy_file_range(source, &in, read_only, &out, 4 * PAGE, 0), EBADF);
	check_fails(copy_file_range(directory, NULL, memory, &out, 4 * PAGE, 0), EISDIR);
	check_fails(copy_file_range(99, NULL, memory, &out, 4 * PAGE, 0), EBADF);
	in = -1;
	check_fails(copy_file_range(source, &in, memory, &out, 4 * PAGE, 0), EOVERFLOW);

	check(lseek(memory, PAGE + 10, SEEK_SET) > 0 && lseek(source, 0, SEEK_SET) == 0);
	check(sendfile(memory, source, NULL, 3 * PAGE) == PAGE - 10);
	check(lseek(memory, 0, SEEK_CUR) == 2 * PAGE && lseek(source, 0, SEEK_CUR) == PAGE - 10);
	check(lseek(source, -50, SEEK_END) > 0);
	check(sendfile(memory, source, NULL, 2 * PAGE) == 50);
	check(lseek(memory, 0, SEEK_END) == SIZE && sendfile(memory, source, NULL, 1) == 0);
	check_fails(sendfile(memory, source, &(off_t){ 0 }, 1), EPERM);
	check_fails(sendfile(memory, source, &(off_t){ -1 }, 1), EINVAL);
	check_fails(sendfile(memory, source, (off_t *)1, 1), EFAULT);
	check_fails(sendfile(memory, directory, NULL, 1), EINVAL);
	/* A file that does not tell its size: all fits, and then not. The position is at the end. */
	int endless = open("/dev/zero", O_RDONLY), unsized = open("/proc/version", O_RDONLY);
	check_fails(sendfile(memory, endless, NULL, 1), EPERM);
	check(lseek(memory, 0, SEEK_SET) == 0 && sendfile(memory, unsized, NULL, 1) == 1);
	check(lseek(memory, 0, SEEK_END) == SIZE && close(endless) == 0 && close(unsized) == 0);
	check_fails(sendfile(read_only, source, NULL, 1), EBADF);
	check(sendfile(memory, source, NULL, 0) == 0);

	check(pipe(pipes) == 0 && write(pipes[1], bytes, sizeof bytes) == sizeof bytes);
	out = 0;
	check(splice(pipes[0], NULL, memory, &out, sizeof bytes, 0) == 2 * PAGE && out == 2 * PAGE);
	check_fails(splice(pipes[0], NULL, memory, &out, sizeof bytes, 0), EPERM);
	check(splice(pipes[0], NULL, memory, &out, 100, 0) == 100 && out == SIZE);
	out = PAGE + 10;
	check(splice(pipes[0], NULL, memory, &out, 2 * PAGE, 0) == PAGE - 10);
	check_fails(splice(pipes[0], &(off_t){ 0 }, memory, &out, PAGE, 0), ESPIPE);
	check_fails(splice(source, NULL, memory, &out, PAGE, 0), EINVAL);
	check(read(pipes[0], bytes, sizeof bytes) == 2 * PAGE - 100 - (PAGE - 10));
	out = 2 * PAGE;
	check_fails(splice(pipes[0], NULL, memory, &out, PAGE, SPLICE_F_NONBLOCK), EAGAIN);
	check(write(pipes[1], bytes, 60) == 60 && close(pipes[1]) == 0);
	check(splice(pipes[0], NULL, memory, &out, PAGE, 0) == 60);
	check(splice(pipes[0], NULL, memory, &out, PAGE, 0) == 0);

	check(fcntl(memory, F_SETFL, O_APPEND) == 0);
	check_fails(sendfile(memory, source, &(off_t){ 0 }, 10), EINVAL);
	check_fails(copy_file_range(source, &(off_t){ 0 }, memory, NULL, 10, 0), EBADF);
	check(size_of(memory) == SIZE);

	close(session);
	check(fcntl(memory, F_SETFL, 0) == 0);
	check(sendfile(memory, source, &(off_t){ 0 }, sizeof bytes) == sizeof bytes);
}

static char *map_at(char *address, int fd)
{
	return mmap(address, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | (address ? MAP_FIXED : 0), fd, 0);
}

/* MADV_REMOVE goes from mapping to mapping until one refuses. */
static void keeps_its_pages(void)
{
	int memory = preserved_memory(), other = memfd_create("other", 0);
	char *four = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);

	check(ftruncate(other, 2 * PAGE) == 0);
	check(map_at(four, memory) == four && map_at(four + 2 * PAGE, other) == four + 2 * PAGE);
	memset(four, 'x', 4 * PAGE);
	check_fails(madvise(four, 4 * PAGE, MADV_REMOVE), EPERM);
	check_fails(madvise(four + PAGE, 2 * PAGE, MADV_REMOVE), EPERM);
	check(four[0] == 'x' && four[PAGE] == 'x' && four[2 * PAGE] == 'x');
	check(madvise(four + 2 * PAGE, PAGE, MADV_REMOVE) == 0);
	check(four[2 * PAGE] == 0 && four[3 * PAGE] == 'x');

	/* The other way round, nothing is lost of the frozen file either. */
	check(map_at(four, other) == four && map_at(four + 2 * PAGE, memory) == four + 2 * PAGE);
	check_fails(madvise(four, 4 * PAGE, MADV_REMOVE), EPERM);
	check(four[2 * PAGE] == 'x' && four[3 * PAGE] == 'x');
	/* With a gap in between. */
	check(munmap(four + PAGE, PAGE) == 0);
	check_fails(madvise(four, 4 * PAGE, MADV_REMOVE), EPERM);
	check(four[2 * PAGE] == 'x');

	/* What the kernel refuses for any mapping, or has nothing to do for. */
	check(madvise(four + 2 * PAGE, 0, MADV_REMOVE) == 0);
	check_fails(madvise(four + 2 * PAGE + 1, PAGE, MADV_REMOVE), EINVAL);
	check_fails(madvise(four + 2 * PAGE, -PAGE, MADV_REMOVE), EINVAL);
	check_fails(madvise(private, PAGE, MADV_REMOVE), EACCES);
	check_fails(madvise(four + 2 * PAGE, 1, MADV_REMOVE), EPERM);

	close(session);
	check(madvise(four + 2 * PAGE, 2 * PAGE, MADV_REMOVE) == 0);
	check(four[2 * PAGE] == 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "size", keeps_its_size },
		{ "seals", can_be_sealed_but_not_against_writing },
		{ "writes", takes_no_byte_after_its_end },
		{ "copies", takes_no_copy_after_its_end },
		{ "pages", keeps_its_pages },
	};

	return RUN_CASE(cases, argc, argv);
}
