/*
 * A CDC-ACM device in user space, attached to vhci_hcd by a socket that
 * speaks USB/IP.  It logs the requests that it gets; marks of the test go
 * into the same log.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include "cases.h"

struct entry { uint64_t us; int kind; unsigned value; int index; unsigned char data[16]; int size; };
enum { MARK, LINE_STATE, LINE_CODING, BREAK_, CONTROL, BULK_OUT, INT_IN, INT_GONE, SENT_STATE, BULK_IN, BULK_GONE };
static struct { _Atomic int n; struct entry e[60000]; } *list;
static pid_t device;
static int orders = -1, plugged;
static unsigned serial_state;

static void put(int kind, unsigned value, int index, const void *data, int size)
{
	struct timespec t;
	int i = atomic_fetch_add(&list->n, 1);
	struct entry *e = &list->e[i];
	if (i >= 60000) return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	e->us = t.tv_sec * 1000000ull + t.tv_nsec / 1000;
	e->kind = kind; e->value = value; e->index = index; e->size = size;
	if (data) memcpy(e->data, data, size > 16 ? 16 : size);
}
void acm_mark(unsigned v) { if (list) put(MARK, v, 0, NULL, 0); }
void acm_setup(void)
{
	list = mmap(NULL, sizeof *list, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static const unsigned char device_descriptor[] = { 18, 1, 0, 2, 2, 0, 0, 64, 0x50, 0x1d, 0x8e, 0x61, 0, 1, 0, 0, 0, 1 };
static const unsigned char config_descriptor[] = {
	9, 2, 67, 0, 2, 1, 0, 0xc0, 50,
	9, 4, 0, 0, 1, 2, 2, 1, 0,
	5, 0x24, 0, 0x10, 1,
	5, 0x24, 1, 0, 1,
	4, 0x24, 2, 6,
	5, 0x24, 6, 0, 1,
	7, 5, 0x81, 3, 16, 0, 8,
	9, 4, 1, 0, 2, 10, 0, 0, 0,
	7, 5, 0x02, 2, 0, 2, 0,
	7, 5, 0x83, 2, 0, 2, 0,
};
struct header { uint32_t command, seq, devid, direction, ep; union { struct { uint32_t flags, length, start, packets, interval; unsigned char setup[8]; } s; struct { uint32_t status, length, start, packets, errors; unsigned char pad[8]; } r; uint32_t u[7]; } x; };
static int sock;
static uint32_t waiting_in[64], waiting_len[64], waiting_int; static int nin;
static unsigned state_sent, state_wanted;
static char *pending_data; static int pending_size;

static void reply(struct header *h, int status, const void *data, int size, int out)
{
	struct header a;
	memset(&a, 0, sizeof a);
	a.command = htonl(3); a.seq = h->seq; 
	a.x.r.status = htonl(status); a.x.r.length = htonl(out ? out : size);
	a.x.r.packets = 0xffffffff;
	if (send(sock, &a, sizeof a, MSG_NOSIGNAL) < 0) _exit(0);
	if (size && send(sock, data, size, MSG_NOSIGNAL) < 0) _exit(0);
}
static void progress(void)
{
	struct header h;
	memset(&h, 0, sizeof h);
	if (waiting_int && state_sent != state_wanted) {
		unsigned char n[10] = { 0xa1, 0x20, 0, 0, 0, 0, 2, 0, state_wanted, 0 };
		h.seq = waiting_int; waiting_int = 0;
		state_sent = state_wanted & ~8;   /* RI is an event */
		state_wanted &= ~8;
		put(SENT_STATE, n[8], 0, NULL, 0);
		reply(&h, 0, n, 10, 0);
	}
	while (nin && pending_size) {
		int k = ntohl(waiting_len[0]);
		if (k > pending_size) k = pending_size;
		if (k > 512) k = 512;
		h.seq = waiting_in[0];
		nin--; memmove(waiting_in, waiting_in + 1, nin * 4); memmove(waiting_len, waiting_len + 1, nin * 4);
		reply(&h, 0, pending_data, k, 0);
		pending_data += k; pending_size -= k;
	}
}
static unsigned char coding[7] = { 0x80, 0x25, 0, 0, 0, 0, 8 };
static void control(struct header *h, unsigned char *d, int size)
{
	unsigned char *s = h->x.s.setup;
	int value = s[2] | s[3] << 8, index = s[4] | s[5] << 8, want = s[6] | s[7] << 8;
	const void *r = NULL; int n = 0, status = 0;
	static const unsigned char two[2];
	if (s[0] == 0x80 && s[1] == 6) {
		if (s[3] == 1) r = device_descriptor, n = sizeof device_descriptor;
		else if (s[3] == 2) r = config_descriptor, n = sizeof config_descriptor;
		else status = -EPIPE;
	} else if (s[0] == 0x80 && s[1] == 0) r = two, n = 2;
	else if (s[0] == 0x21 && s[1] == 0x22) put(LINE_STATE, value, index, NULL, 0);
	else if (s[0] == 0x21 && s[1] == 0x20) { put(LINE_CODING, value, index, d, size); memcpy(coding, d, 7); }
	else if (s[0] == 0x21 && s[1] == 0x23) put(BREAK_, value, index, NULL, 0);
	else if (s[0] == 0xa1 && s[1] == 0x21) { put(CONTROL, s[0] << 8 | s[1], index, s, 8); r = coding, n = 7; }
	else put(CONTROL, s[0] << 8 | s[1], index, s, 8);
	if (n > want) n = want;
	reply(h, status, r, n, size);
}
static int all(int fd, void *b, int n)
{
	for (int k = 0; k < n;) { int r = read(fd, (char *)b + k, n - k); if (r <= 0) return -1; k += r; }
	return 0;
}
static void device_main(int ctl)
{
	static unsigned char data[70000];
	static char x[10000];
	memset(x, 'x', sizeof x);
	for (;;) {
		struct pollfd p[2] = { { sock, POLLIN, 0 }, { ctl, POLLIN, 0 } };
		struct header h;
		progress();
		poll(p, 2, -1);
		if (p[1].revents) {
			unsigned v;
			if (read(ctl, &v, 4) != 4) _exit(0);
			if (v >> 31) { pending_data = x; pending_size = v & 0xffff; }
			else state_wanted = v;
		}
		if (!(p[0].revents)) continue;
		if (all(sock, &h, sizeof h)) _exit(0);
		int out = !ntohl(h.direction), n = ntohl(h.x.s.length), ep = ntohl(h.ep);
		if (ntohl(h.command) == 2) {
			uint32_t seq = h.x.u[0];
			struct header a; int st = 0;
			for (int i = 0; i < nin; i++) if (waiting_in[i] == seq) {
				nin--; memmove(waiting_in + i, waiting_in + i + 1, (nin - i) * 4); memmove(waiting_len + i, waiting_len + i + 1, (nin - i) * 4); st = -ECONNRESET; put(BULK_GONE, 0, 0, NULL, 0); break;
			}
			if (waiting_int == seq) { waiting_int = 0; st = -ECONNRESET; put(INT_GONE, 0, 0, NULL, 0); }
			memset(&a, 0, sizeof a);
			a.command = htonl(4); a.seq = h.seq; a.x.r.status = htonl(st);
			if (send(sock, &a, sizeof a, MSG_NOSIGNAL) < 0) _exit(0);
			continue;
		}
		if (out && n && all(sock, data, n)) _exit(0);
		if (ep == 0) control(&h, data, out ? n : 0);
		else if (out) { put(BULK_OUT, n, ep, data, n); reply(&h, 0, NULL, 0, n); }
		else if (ep == 1) { waiting_int = h.seq; put(INT_IN, 0, 0, NULL, 0); }
		else { waiting_in[nin] = h.seq; waiting_len[nin++] = h.x.s.length; put(BULK_IN, n, 0, NULL, 0); }
	}
}
void acm_plug(void)
{
	int sv[2], c[2], f, n;
	char b[64];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, c)) { perror("socketpair"); return; }
	device = fork();
	if (!device) {
		dup2(sv[1], 60); dup2(c[1], 61);
		for (int i = 3; i < 60; i++) close(i);
		close(62); close(63);
		sock = 60;
		signal(SIGPIPE, SIG_IGN);
		device_main(61);
	}
	close(sv[1]); close(c[1]);
	fcntl(c[0], F_DUPFD_CLOEXEC, 50);
	if (orders >= 0) close(orders);
	orders = dup2(c[0], 50); close(c[0]);
	f = open("/sys/devices/platform/vhci_hcd.0/attach", O_WRONLY);
	n = snprintf(b, sizeof b, "0 %d 65538 3", sv[0]);
	if (write(f, b, n) != n) perror("init: attach");
	close(f);
	close(sv[0]);
	plugged = 1;
	for (int i = 0; i < 400 && access("/sys/class/tty/ttyACM0", F_OK) && access("/sys/class/tty/ttyACM1", F_OK); i++) usleep(50000);
	usleep(300000);
	acm_serial_state(0x100 | 0x40);
}
void acm_unplug(void)
{
	int f = open("/sys/devices/platform/vhci_hcd.0/detach", O_WRONLY);
	if (write(f, "0", 1) != 1) perror("init: detach");
	close(f);
	usleep(500000);
	kill(device, SIGKILL);
	waitpid(device, NULL, 0);
}
void acm_serial_state(int t)
{
	unsigned v = !!(t & 0x40) | !!(t & 0x100) << 1 | !!(t & 0x80) << 3;
	serial_state = v;
	if (write(orders, &v, 4) != 4) perror("init: order");
}
void acm_send(const char *d, int n)
{
	unsigned v = 0x80000000u | n;
	(void)d;
	if (write(orders, &v, 4) != 4) perror("init: order");
}
void acm_dump(void)
{
	int n = list->n;
	for (int i = 0; i < n; i++) {
		struct entry *e = &list->e[i];
		printf("#E %llu ", (unsigned long long)e->us);
		switch (e->kind) {
		case MARK: printf("mark %u\n", e->value); break;
		case LINE_STATE: printf("usb {\"request\":\"SET_CONTROL_LINE_STATE\",\"value\":%u}\n", e->value); break;
		case LINE_CODING: printf("usb {\"request\":\"SET_LINE_CODING\",\"rate\":%u,\"stop\":%u,\"parity\":%u,\"bits\":%u}\n", e->data[0] | e->data[1] << 8 | e->data[2] << 16 | (unsigned)e->data[3] << 24, e->data[4], e->data[5], e->data[6]); break;
		case BREAK_: printf("usb {\"request\":\"SEND_BREAK\",\"value\":%u}\n", e->value); break;
		case CONTROL: printf("usb {\"request\":\"control %02x %02x\",\"value\":%u,\"index\":%u}\n", e->data[0], e->data[1], e->data[2] | e->data[3] << 8, e->index); break;
		case BULK_OUT: printf("usb {\"request\":\"bulk OUT\",\"bytes\":%u}\n", e->value); break;
		case INT_IN: printf("usb {\"request\":\"interrupt IN submitted\"}\n"); break;
		case INT_GONE: printf("usb {\"request\":\"interrupt IN cancelled\"}\n"); break;
		case BULK_IN: printf("usb {\"request\":\"bulk IN submitted\",\"count\":1}\n"); break;
		case BULK_GONE: printf("usb {\"request\":\"bulk IN cancelled\",\"count\":1}\n"); break;
		case SENT_STATE: printf("usb {\"request\":\"device sends SERIAL_STATE\",\"value\":%u}\n", e->value); break;
		}
	}
}
