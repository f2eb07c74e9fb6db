/* Process 1 of the machine: mounts, marks, modules, one case, power off. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <unistd.h>
#include "cases.h"

static volatile uint32_t *edu;
void mark(unsigned v)
{
	if (edu) edu[1] = v;
	if (is_acm) acm_mark(v);
}
void modem_inputs(int v)
{
	if (is_acm) acm_serial_state(v);
	else mark(0x40000000u | v);
}
void unplug_device(void)
{
	if (is_acm) { acm_unplug(); return; }
	mark(0x60000001u);
	usleep(1500000);
}
void plug_device(void)
{
	if (is_acm) { acm_plug(); return; }
	mark(0x60000002u);
	for (int n = 0; n < 100 && access("/sys/class/tty/ttyUSB0", F_OK) && access("/sys/class/tty/ttyUSB1", F_OK); n++) usleep(50000);
	usleep(1500000);
}
static void find_edu(void)
{
	DIR *d = opendir("/sys/bus/pci/devices");
	struct dirent *e;
	char path[400], b[32];
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vendor", e->d_name);
		int f = open(path, O_RDONLY);
		if (f < 0) continue;
		int n = read(f, b, sizeof b);
		close(f);
		if (n < 6 || strncmp(b, "0x1234", 6)) continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/enable", e->d_name);
		f = open(path, O_WRONLY);
		if (f >= 0) { if (write(f, "1", 1) < 0) perror("enable"); close(f); }
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/resource0", e->d_name);
		f = open(path, O_RDWR | O_SYNC);
		if (f < 0) { perror(path); continue; }
		edu = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
		close(f);
		if (edu == MAP_FAILED) { perror("mmap"); edu = NULL; }
	}
	if (d) closedir(d);
}
static char *word(char *line, const char *key, char *out)
{
	char *p = strstr(line, key);
	if (!p) return NULL;
	p += strlen(key);
	size_t n = strcspn(p, " \n");
	memcpy(out, p, n); out[n] = 0;
	return out;
}
static void modules(void)
{
	FILE *f = fopen("/modules.list", "r");
	char name[256];
	while (f && fgets(name, sizeof name, f)) {
		name[strcspn(name, "\n")] = 0;
		int m = open(name, O_RDONLY);
		if (m < 0 || syscall(SYS_finit_module, m, "", 0)) printf("init: %s: %s\n", name, strerror(errno));
		close(m);
	}
	if (f) fclose(f);
}
int main(void)
{
	static char line[4096];
	char name[256] = "nothing", tty[256] = "/dev/ttyS1", how[64] = "", stage2[8];
	int f;
	mkdir("/proc", 0755); mkdir("/sys", 0755); mkdir("/tmp", 01777); mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("tmp", "/tmp", "tmpfs", 0, NULL);
	f = open("/dev/console", O_RDWR);
	for (int i = 0; i < 3; i++) dup2(f, i);
	if (f > 2) close(f);
	f = open("/proc/cmdline", O_RDONLY);
	if (read(f, line, sizeof line - 1) < 0) return 1;
	close(f);
	word(line, "case=", name); word(line, "tty=", tty); word(line, "kexec=", how);
	find_edu();
	if (!edu) puts("init: no marks");
	modules();
	if (strstr(tty, "ACM")) { is_acm = 1; acm_setup(); acm_plug(); }
	if (strstr(tty, "USB")) { is_ftdi = 1; mark(0x60000002u); }
	for (int i = 0; i < 100 && access(tty, F_OK); i++) usleep(100000);
	if (how[0] && !word(line, "stage2=", stage2)) {
		/* stage 1 of a kexec: leaves the port as told, then jumps */
		char next[5000];
		struct termios t;
		int k = open("/kernel", O_RDONLY), i = open("/initrd.img", O_RDONLY), fd;
		int n = snprintf(next, sizeof next, "%.*s stage2=1", (int)strcspn(line, "\n"), line);
		if (syscall(SYS_kexec_file_load, k, i, n + 1L, next, 0L)) perror("init: kexec_file_load");
		mark(0x7ffffff0);
		fd = open(tty, O_RDWR | O_NOCTTY);
		if (!strcmp(how, "nohupcl") || !strcmp(how, "open-nohupcl")) { ioctl(fd, TCGETS, &t); t.c_cflag &= ~HUPCL; ioctl(fd, TCSETS, &t); }
		if (!strcmp(how, "closed") || !strcmp(how, "nohupcl")) close(fd);
		usleep(200000);
		mark(0x7ffffff1);
		reboot(0x45584543 /* LINUX_REBOOT_CMD_KEXEC */);
		perror("init: kexec");
		reboot(RB_POWER_OFF);
	}
	if (how[0]) { mark(0x7ffffff2); usleep(300000); mark(0x7ffffff3); puts("init: second kernel"); }
	if (run_case(name, tty)) puts("init: no such case");
	if (is_acm) acm_dump();
	puts("init: done");
	fflush(stdout);
	usleep(200000);
	reboot(RB_POWER_OFF);
	return 0;
}
