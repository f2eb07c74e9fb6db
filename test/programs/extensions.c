/* The ioctls that luo has and Linux has not, on machines that have them and on others. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include "../../examples/agent/luo-extensions.h"
#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static int open_device(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);

	check(device >= 0);
	return device;
}

static int create(int device, const char *name)
{
	int session = luo_session(device, LUO_CREATE_SESSION, name);

	check(session >= 0);
	return session;
}

static int file_with(const char *text)
{
	int file = memfd_create(text, MFD_CLOEXEC);

	check(write(file, text, strlen(text)) == (ssize_t)strlen(text));
	return file;
}

static void check_text(int file, const char *text)
{
	char found[32] = "";

	check(file >= 0 && pread(file, found, sizeof found - 1, 0) >= 0);
	check(strcmp(found, text) == 0);
}

static void go_on_in_the_next_generation(void)
{
	check(syscall(SYS_kexec_file_load, open("/dev/null", O_RDONLY), -1, 1UL, "", 4UL) == 0);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, 0);
	check(!"reboot came back");
}

static void absent(void)
{
	int device = open_device(), session = create(device, "s");

	check(luo_preserve(session, file_with("file"), 1) == 0);
	check_fails(luo_state(device), EINVAL);
	check_fails(luo_session_state(session), EINVAL);
	check_fails(luo_session_event(session, LUO_FREEZE), EINVAL);
	check_fails(luo_unpreserve(session, 1), EINVAL);
	check_fails(luo_preserve(session, file_with("other"), 1), EEXIST);
}

/* Each number belongs to one kind of descriptor, as with the commands of Linux. */
static void elsewhere(void)
{
	int device = open_device(), session = create(device, "s");

	check_fails(luo_state(session), EINVAL);
	check_fails(luo_session_state(device), EINVAL);
	check_fails(luo_session_event(device, LUO_FREEZE), EINVAL);
	check_fails(luo_unpreserve(device, 1), EINVAL);
	check_fails(luo_session_event(session, LUO_FINISH_EVENT), EINVAL);
	check_fails(luo_session_event(session, 4), EINVAL);
}

static void unpreserve(void)
{
	int device = open_device(), session = luo_session(device, LUO_RETRIEVE_SESSION, "s");
	int file = file_with("first"), kept = file_with("kept");

	if (session >= 0) {
		check_fails(luo_unpreserve(session, 1), EINVAL);
		check_text(luo_retrieve(session, 1), "second");
		check_text(luo_retrieve(session, 2), "kept");
		check_fails(luo_retrieve(session, 3), ENOENT);
		puts("found the rest");
		return;
	}
	session = create(device, "s");
	check(luo_preserve(session, file, 1) == 0 && luo_preserve(session, kept, 2) == 0);
	check(luo_preserve(session, file_with("third"), 3) == 0);
	check_fails(ftruncate(file, 1), EPERM);
	check_fails(luo_unpreserve(session, 4), ENOENT);
	check(luo_session_event(session, LUO_FREEZE) == 0);
	check_fails(luo_unpreserve(session, 1), EBUSY);
	check(luo_session_event(session, LUO_CANCEL) == 0);

	check(luo_unpreserve(session, 1) == 0 && luo_unpreserve(session, 3) == 0);
	check_fails(luo_unpreserve(session, 1), ENOENT);
	check(ftruncate(file, 1) == 0);
	check_fails(ftruncate(kept, 1), EPERM);
	check(luo_preserve(session, file_with("second"), 1) == 0);
	go_on_in_the_next_generation();
}

static void states(void)
{
	int device = open_device(), session = luo_session(device, LUO_RETRIEVE_SESSION, "s");

	if (session >= 0) {
		check(luo_state(device) == LUO_UPDATED && luo_session_state(session) == LUO_UPDATED);
		check_fails(luo_session_event(session, LUO_FREEZE), EINVAL);
		check_fails(luo_session_event(session, LUO_CANCEL), EINVAL);
		check_fails(luo_session_event(session, LUO_PREPARE), EINVAL);
		check(luo_session_event(session, LUO_FINISH_EVENT) == 0);
		check(luo_session_state(session) == LUO_NORMAL && luo_state(device) == LUO_NORMAL);
		puts("normal again");
		return;
	}
	session = create(device, "s");
	check(luo_state(device) == LUO_NORMAL && luo_session_state(session) == LUO_NORMAL);
	check(luo_preserve(session, file_with("file"), 1) == 0);
	check(luo_state(device) == LUO_PREPARED && luo_session_state(session) == LUO_PREPARED);
	check(luo_session_event(session, LUO_PREPARE) == 0);
	check(luo_session_state(session) == LUO_PREPARED);
	check(luo_session_event(session, LUO_FREEZE) == 0);
	check(luo_session_state(session) == LUO_FROZEN);
	check(luo_state(device) == LUO_PREPARED);
	check_fails(luo_preserve(session, file_with("late"), 2), EBUSY);
	check(luo_session_event(session, LUO_CANCEL) == 0);
	check(luo_session_state(session) == LUO_PREPARED && luo_state(device) == LUO_PREPARED);
	check(luo_preserve(session, file_with("in time"), 2) == 0);
	/* A session that is frozen already goes with the others. */
	check(luo_session_event(session, LUO_FREEZE) == 0);
	go_on_in_the_next_generation();
}

static const struct test_case cases[] = {
	{ "absent", absent },
	{ "elsewhere", elsewhere },
	{ "unpreserve", unpreserve },
	{ "states", states },
};

int main(int argc, char **argv)
{
	return RUN_CASE(cases, argc, argv);
}
