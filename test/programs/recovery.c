/*
 * An agent that says what is preserved, as far as it has been told, for tests of crashes: "+ SESSION TOKEN" once a file
 * is preserved, and "- SESSION" before it lets go of what a session has.
 *
 *   recovery                 makes or takes over all files, preserves them, goes into the second generation by itself,
 *                            and is "ready" there
 *   recovery check S:T...    ends with 0 where each of these files is there, with its content and position
 *   recovery crash | exit    as the first, without a kexec; then it is ended by SIGSEGV, or exits with 3
 *   recovery again           has the first session of the last kernel, makes another one of its name, and waits
 *   recovery many N          preserves N small files and waits, or ends with 0 where they are there
 *   recovery drop            preserves all, closes the first session, says so, and waits
 */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <linux/reboot.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SESSIONS 2
#define FILES 2
#define HOLE (1 << 20)

static const char *const names[SESSIONS] = { "a", "b" };

static size_t data_size(int session, int token)
{
	return 4096 * (session + token) + 5;
}

static unsigned char byte_at(int session, int token, size_t at)
{
	return 31 * session + 7 * token + at;
}

/* Data, a hole, and data again. */
static void fill(int file, int session, int token)
{
	size_t size = data_size(session, token);
	unsigned char *bytes = malloc(size);

	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(session, token, i);
	check(pwrite(file, bytes, size, 0) == (ssize_t)size);
	check(pwrite(file, bytes, size, HOLE) == (ssize_t)size);
	check(lseek(file, 100 * token, SEEK_SET) == 100 * token);
	free(bytes);
}

static void verify(int file, int session, int token)
{
	size_t size = data_size(session, token);
	unsigned char *bytes = malloc(size);
	struct stat status;

	check(fstat(file, &status) == 0 && status.st_size == (off_t)(HOLE + size));
	check(lseek(file, 0, SEEK_CUR) == 100 * token);
	for (int part = 0; part < 2; part++) {
		check(pread(file, bytes, size, part * HOLE) == (ssize_t)size);
		for (size_t i = 0; i < size; i++)
			check(bytes[i] == byte_at(session, token, i));
	}
	check(pread(file, bytes, 1, HOLE - 1) == 1 && bytes[0] == 0);
	free(bytes);
}

static void say(const char *format, const char *session, int token)
{
	char line[64];
	int length = snprintf(line, sizeof line, format, session, token);

	check(write(STDOUT_FILENO, line, length) == length);
}

/* Whether the session of the last kernel was there. */
static int take(int device, int session, int *files)
{
	int holder = luo_session(device, LUO_RETRIEVE_SESSION, names[session]);

	if (holder < 0) {
		check(errno == ENOENT);
		for (int i = 0; i < FILES; i++) {
			files[i] = memfd_create("recovery", MFD_CLOEXEC);
			check(files[i] >= 0);
			fill(files[i], session, i + 1);
		}
		return 0;
	}
	for (int i = 0; i < FILES; i++) {
		files[i] = luo_retrieve(holder, i + 1);
		check(files[i] >= 0);
		verify(files[i], session, i + 1);
	}
	say("- %s\n", names[session], 0);
	check(luo_finish(holder) == 0);
	check(close(holder) == 0);
	return 1;
}

static int preserve(int device, int session, const int *files)
{
	int holder = luo_session(device, LUO_CREATE_SESSION, names[session]);

	check(holder >= 0);
	for (int i = 0; i < FILES; i++) {
		check(luo_preserve(holder, files[i], i + 1) == 0);
		say("+ %s %d\n", names[session], i + 1);
	}
	return holder;
}

static void check_all(int device, char **wanted)
{
	int count = 0;

	for (int session = 0; session < SESSIONS; session++) {
		int holder = -1;

		for (char **one = wanted; *one; one++) {
			int token = atoi(*one + 2), file;

			if (**one != *names[session])
				continue;
			if (holder < 0)
				holder = luo_session(device, LUO_RETRIEVE_SESSION, names[session]);
			check(holder >= 0);
			file = luo_retrieve(holder, token);
			check(file >= 0);
			verify(file, session, token);
			count++;
		}
	}
	say("checked %s%d\n", "", count);
}

/* A session of the last kernel, and one of the same name for the next one. */
static void make_again(int device)
{
	int files[FILES];

	check(luo_session(device, LUO_RETRIEVE_SESSION, names[0]) >= 0);
	for (int i = 0; i < FILES; i++) {
		files[i] = memfd_create("again", MFD_CLOEXEC);
		fill(files[i], 0, i + 1);
	}
	preserve(device, 0, files);
	say("again\n", "", 0);
	for (;;)
		pause();
}

/* A session with many small files: it is made and waits, or it is there and every file is as it was. */
static void run_many(int device, int count)
{
	int session = luo_session(device, LUO_RETRIEVE_SESSION, "many");
	int retrieves = session >= 0, content;

	if (!retrieves)
		session = luo_session(device, LUO_CREATE_SESSION, "many");
	check(session >= 0);
	for (int i = 0; i < count; i++) {
		int file = retrieves ? luo_retrieve(session, i) : memfd_create("many", MFD_CLOEXEC);

		check(file >= 0);
		if (retrieves)
			check(pread(file, &content, sizeof content, 0) == sizeof content && content == i);
		else
			check(pwrite(file, &i, sizeof i, 0) == sizeof i && luo_preserve(session, file, i) == 0);
		close(file);
	}
	if (retrieves) {
		check(luo_finish(session) == 0);
		say("all %s%d there\n", "", count);
		return;
	}
	say("ready\n", "", 0);
	for (;;)
		pause();
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
	const char *mode = argc > 1 ? argv[1] : "kexec";
	int files[SESSIONS][FILES], holders[SESSIONS], taken = 0;
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);

	check(device >= 0);
	if (strcmp(mode, "check") == 0) {
		check_all(device, argv + 2);
		return 0;
	}
	if (strcmp(mode, "many") == 0) {
		run_many(device, atoi(argv[2]));
		return 0;
	}
	if (strcmp(mode, "again") == 0)
		make_again(device);
	for (int i = 0; i < SESSIONS; i++) {
		taken += take(device, i, files[i]);
		holders[i] = preserve(device, i, files[i]);
	}
	if (strcmp(mode, "kexec") == 0 && taken == 0)
		next_generation();
	if (strcmp(mode, "drop") == 0) {
		say("- %s\n", names[0], 0);
		check(close(holders[0]) == 0);
		/* The machine has seen the close when it has answered a call that came after it. */
		check(luo_session(device, LUO_RETRIEVE_SESSION, "none") < 0 && errno == ENOENT);
	}
	say("ready\n", "", 0);
	if (strcmp(mode, "crash") == 0)
		raise(SIGSEGV);
	if (strcmp(mode, "exit") == 0)
		return 3;
	for (;;)
		pause();
}
