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

static void restart(void) { end_by(LINUX_REBOOT_CMD_RESTART); }
static void restart2(void) { end_by(LINUX_REBOOT_CMD_RESTART2); }
static void halt(void) { end_by(LINUX_REBOOT_CMD_HALT); }
static void power_off(void) { end_by(LINUX_REBOOT_CMD_POWER_OFF); }

static const struct test_case cases[] = {
	{ "refuse", refuse },     { "image", image }, { "restart", restart },
	{ "restart2", restart2 }, { "halt", halt },   { "power-off", power_off },
	{ "interrupted", interrupted },
};

int main(int argc, char **argv)
{
	return RUN_CASE(cases, argc, argv);
}
