/* Every kind of reboot(2), and what is loaded for it. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static long reboot_with(unsigned int magic1, unsigned int magic2, unsigned int command)
{
	return syscall(SYS_reboot, magic1, magic2, command, "argument");
}

static long reboot_as(unsigned int command)
{
	return reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command);
}

static long load(int kernel, int initramfs, unsigned long flags)
{
	return syscall(SYS_kexec_file_load, kernel, initramfs, 1UL, "", flags);
}

static char read_loaded(void)
{
	char text[8];
	int fd = open("/sys/kernel/kexec_loaded", O_RDONLY);

	check(fd >= 0);
	check(read(fd, text, sizeof text) == 2 && text[1] == '\n');
	check(close(fd) == 0);
	return text[0];
}

static void refuse(void)
{
	check_fails(reboot_as(LINUX_REBOOT_CMD_KEXEC), EINVAL);
	check_fails(reboot_as(0x12345678), EINVAL);
	check_fails(reboot_as(LINUX_REBOOT_CMD_SW_SUSPEND), EINVAL);
	check_fails(reboot_with(0, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART), EINVAL);
	check_fails(reboot_with(LINUX_REBOOT_MAGIC1, 1, LINUX_REBOOT_CMD_RESTART), EINVAL);
	check(reboot_as(LINUX_REBOOT_CMD_CAD_ON) == 0);
	check(reboot_as(LINUX_REBOOT_CMD_CAD_OFF) == 0);
	check(reboot_with(LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_CMD_CAD_OFF) == 0);
}

static void image(void)
{
	int file = open("/proc/self/exe", O_RDONLY);

	check_fails(load(-1, -1, KEXEC_FILE_NO_INITRAMFS), EBADF);
	check_fails(load(99, -1, KEXEC_FILE_NO_INITRAMFS), EBADF);
	check_fails(load(file, 99, 0), EBADF);
	check_fails(load(file, -1, 0x80), EINVAL);
	check(read_loaded() == '0');
	check(load(file, -1, KEXEC_FILE_NO_INITRAMFS) == 0);
	check(read_loaded() == '1');
	check(load(-1, -1, KEXEC_FILE_UNLOAD) == 0);
	check(read_loaded() == '0');
	check_fails(reboot_as(LINUX_REBOOT_CMD_KEXEC), EINVAL);
}

/* Preserves a file, and ends the generation by the command. The next one finds what it left in the file system. */
static void end_by(unsigned int command)
{
	int device = open(LUO_DEVICE, O_RDWR);
	int mark = open("mark", O_WRONLY | O_CREAT | O_EXCL, 0600);

	check(device >= 0);
	if (mark < 0) {
		check_fails(luo_session(device, LUO_RETRIEVE_SESSION, "s"), ENOENT);
		check(read_loaded() == '0');
		puts("again, and nothing is there");
		return;
	}
	int session = luo_session(device, LUO_CREATE_SESSION, "s");
	check(session >= 0);
	check(luo_preserve(session, memfd_create("m", 0), 1) == 0);
	check(load(open("/dev/null", O_RDONLY), -1, KEXEC_FILE_NO_INITRAMFS) == 0);
	reboot_as(command);
	check(!"reboot came back");
}

static volatile sig_atomic_t interrupts;

static void note(int number)
{
	interrupts += number == SIGINT;
}

/* An image is loaded, and Ctrl-C handled, before the kexec. */
static void interrupted(void)
{
	if (open("mark", O_WRONLY | O_CREAT | O_EXCL, 0600) < 0) {
		puts("second");
		return;
	}
	check(load(open("/dev/null", O_RDONLY), -1, KEXEC_FILE_NO_INITRAMFS) == 0);
	signal(SIGINT, note);
	puts("loaded");
	fflush(stdout);
	while (interrupts < 2)
		usleep(1000);
	reboot_as(LINUX_REBOOT_CMD_KEXEC);
	check(!"reboot came back");
}

/* A kexec that fails leaves everything as it was, and the next one takes over all that has been done since. */
static void after_a_failure(void)
{
	int device = open(LUO_DEVICE, O_RDWR);
	int session = luo_session(device, LUO_RETRIEVE_SESSION, "s");
	char text[8] = "";

	if (session >= 0) {
		int memory = luo_retrieve(session, 1);
		check(memory >= 0 && pread(memory, text, 5, 0) == 5 && strcmp(text, "after") == 0);
		check(lseek(memory, 0, SEEK_CUR) == 2);
		check(luo_retrieve(session, 2) >= 0);
		check(luo_retrieve(luo_session(device, LUO_RETRIEVE_SESSION, "more"), 1) >= 0);
		check_fails(luo_session(device, LUO_RETRIEVE_SESSION, "closed"), ENOENT);
		puts("found it all");
		return;
	}
	/* It holds the device, and none of the sessions. */
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	int memory = memfd_create("m", 0), other = memfd_create("n", 0);
	int closed = luo_session(device, LUO_CREATE_SESSION, "closed");
	session = luo_session(device, LUO_CREATE_SESSION, "s");
	check(write(memory, "before", 6) == 6 && luo_preserve(session, memory, 1) == 0);
	check(ftruncate(other, 1) == 0 && luo_preserve(closed, other, 1) == 0);
	check(load(open("/dev/null", O_RDONLY), -1, KEXEC_FILE_NO_INITRAMFS) == 0);

	check(reboot_as(LINUX_REBOOT_CMD_KEXEC) == -1);
	printf("refused with %s\n", strerrorname_np(errno));
	fflush(stdout);
	check(waitpid(child, NULL, WNOHANG) == 0);
	check(read_loaded() == '1');
	check_fails(open(LUO_DEVICE, O_RDWR), EBUSY);
	check_fails(ftruncate(memory, 1), EPERM);
	check_fails(luo_session(device, LUO_CREATE_SESSION, "s"), EEXIST);
	check_fails(luo_preserve(session, memory, 2), EBUSY);

	check(pwrite(memory, "after", 5, 0) == 5 && lseek(memory, 2, SEEK_SET) == 2);
	check(luo_preserve(session, memfd_create("new", 0), 2) == 0);
	check(close(closed) == 0);
	check(luo_preserve(luo_session(device, LUO_CREATE_SESSION, "more"), other, 1) == 0);
	reboot_as(LINUX_REBOOT_CMD_KEXEC);
	check(!"reboot came back");
}

static void restart(void) { end_by(LINUX_REBOOT_CMD_RESTART); }
static void restart2(void) { end_by(LINUX_REBOOT_CMD_RESTART2); }
static void halt(void) { end_by(LINUX_REBOOT_CMD_HALT); }
static void power_off(void) { end_by(LINUX_REBOOT_CMD_POWER_OFF); }

static const struct test_case cases[] = {
	{ "refuse", refuse },     { "image", image }, { "restart", restart },
	{ "restart2", restart2 }, { "halt", halt },   { "power-off", power_off },
	{ "interrupted", interrupted }, { "failure", after_a_failure },
};

int main(int argc, char **argv)
{
	return RUN_CASE(cases, argc, argv);
}
