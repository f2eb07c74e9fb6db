/*
 * Named cases on one tty.  Each step is printed as a line "@{json}" with the
 * call, its result and what TIOCMGET and TCGETS give after it.  A mark goes
 * into the trace before and after each step's call, so that the edges of the
 * control lines can be put to the step that made them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/serial.h>
#include <linux/openat2.h>
#include "cases.h"

#ifndef TIOCM_OUT1
#define TIOCM_OUT1 0x2000
#define TIOCM_OUT2 0x4000
#define TIOCM_LOOP 0x8000
#endif

#ifndef TIOCVHANGUP
#define TIOCVHANGUP 0x5437
#endif
#ifndef TIOCGEXCL
#define TIOCGEXCL 0x80045440
#endif

int is_acm, is_ftdi;
static const char *T;
static int id;
static char extra[8192];
static const char *call_text;

static void add(const char *key, const char *format, ...)
{
	va_list ap;
	size_t n = strlen(extra);
	n += snprintf(extra + n, sizeof extra - n, ",\"%s\":", key);
	va_start(ap, format);
	vsnprintf(extra + n, sizeof extra - n, format, ap);
	va_end(ap);
}
static const char *err(int e)
{
	static char number[16];
	if (strerrorname_np(e)) return strerrorname_np(e);
	sprintf(number, "errno %d", e);
	return number;
}
static void settle(int ms) { usleep(ms * 1000); }

static void begin(const char *call)
{
	call_text = call;
	extra[0] = 0;
	fflush(stdout);
	settle(30);
	mark(2 * ++id);
	errno = 0;
}
static void end(long r, int e, int o)
{
	char line[12000];
	int n, m;
	struct termios2 t;

	mark(2 * id + 1);
	settle(60);
	n = sprintf(line, "@{\"id\":%d,\"call\":\"%s\",\"result\":%ld", id, call_text, r);
	if (r < 0 && e)
		n += sprintf(line + n, ",\"errno\":\"%s\"", err(e));
	n += sprintf(line + n, "%s", extra);
	if (o >= 0) {
		if (ioctl(o, TIOCMGET, &m))
			n += sprintf(line + n, ",\"modem\":\"%s\"", err(errno));
		else
			n += sprintf(line + n, ",\"modem\":%d", m);
		if (ioctl(o, TCGETS2, &t))
			n += sprintf(line + n, ",\"termios\":\"%s\"", err(errno));
		else {
			n += sprintf(line + n, ",\"termios\":{\"iflag\":%u,\"oflag\":%u,\"cflag\":%u,\"lflag\":%u,\"line\":%u,\"ispeed\":%u,\"ospeed\":%u,\"cc\":[",
				t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line, t.c_ispeed, t.c_ospeed);
			for (int i = 0; i < NCCS; i++)
				n += sprintf(line + n, "%s%u", i ? "," : "", t.c_cc[i]);
			n += sprintf(line + n, "]}");
		}
	}
	sprintf(line + n, "}");
	puts(line);
	fflush(stdout);
}
/* STEP(call in words, descriptor to look through after it or -1, expression) */
#define STEP(text, o, expr) ({ begin(text); long r_ = (long)(expr); int e_ = errno; end(r_, e_, (o)); r_; })
#define NOTE(...) do { printf(__VA_ARGS__); puts(""); } while (0)

/* Another process, which does calls when told. */
struct cmd { int op; long a, b, c; char text[64]; };
struct answer { long r; int e, out; };
struct agent { pid_t pid; int sock; };
enum { OPEN, CLOSE, IOCTL_V, IOCTL_P, READ, WRITE, EXIT, UID, SETSID, ALARM, PERSON, RESTART };
static void on_alarm(int s) { (void)s; }
static volatile int hups;
static void on_hup(int s) { (void)s; hups++; }

static void agent_main(int s)
{
	struct cmd c;
	struct answer a;
	struct sigaction sa = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = on_hup;
	sigaction(SIGHUP, &sa, NULL);
	for (;;) {
		char buf[64];
		ssize_t got = read(s, &c, sizeof c);
		if (got < 0 && errno == EINTR) continue;
		if (got != sizeof c) break;
		int v = c.c;
		a.out = 0;
		errno = 0;
		switch (c.op) {
		case OPEN: a.r = open(c.text[0] ? c.text : T, c.a); break;
		case CLOSE: a.r = close(c.a); break;
		case IOCTL_V: a.r = ioctl(c.a, c.b, c.c); break;
		case IOCTL_P: a.r = ioctl(c.a, c.b, &v); break;
		case READ: a.r = read(c.a, buf, sizeof buf); break;
		case WRITE: a.r = write(c.a, "hello", 5); break;
		case EXIT: _exit(0);
		case UID: a.r = setgid(c.a) | setuid(c.a); break;
		case SETSID: a.r = setsid(); break;
		case ALARM: a.r = alarm(c.a); break;
		case PERSON: a.r = hups; break;
		case RESTART: sa.sa_handler = on_alarm; sa.sa_flags = SA_RESTART; a.r = sigaction(SIGALRM, &sa, NULL); break;
		}
		a.e = errno;
		a.out = v;
		if (write(s, &a, sizeof a) < 0) _exit(1);
	}
	_exit(0);
}
static struct agent agent(void)
{
	struct agent g;
	int sv[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv)) exit(1);
	g.pid = fork();
	if (!g.pid) {
		dup2(sv[1], 63);
		for (int f = 3; f < 63; f++)
			close(f);
		agent_main(63);
	}
	close(sv[1]);
	g.sock = sv[0];
	return g;
}
static void tell(struct agent *g, int op, long a, long b, long c)
{
	struct cmd m = { op, a, b, c, "" };
	if (write(g->sock, &m, sizeof m) < 0) exit(1);
}
/* result, or -1 with errno; ETIME when it has not returned */
static long answer(struct agent *g, int ms)
{
	struct pollfd p = { g->sock, POLLIN, 0 };
	struct answer a = { -1, ECHILD, 0 };
	if (poll(&p, 1, ms) != 1) { errno = ETIME; return -1; }
	if (read(g->sock, &a, sizeof a) != sizeof a) { errno = ECHILD; return -1; }
	errno = a.e;
	return a.r;
}
static long ask(struct agent *g, int op, long a, long b, long c)
{
	tell(g, op, a, b, c);
	return answer(g, 40000);
}
static void gone(struct agent *g)
{
	close(g->sock);
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
}
static long quit(struct agent *g)
{
	int st = 0;
	tell(g, EXIT, 0, 0, 0);
	waitpid(g->pid, &st, 0);
	close(g->sock);
	return st;
}

#define RW (O_RDWR | O_NOCTTY)
static int op(int flags) { return open(T, flags); }
static int msg(int fd, unsigned long req, int v) { return ioctl(fd, req, &v); }
static int mget(int fd) { int v = -1; int r = ioctl(fd, TIOCMGET, &v); return r ? -1 : v; }
static int cflags(int fd, unsigned set, unsigned clear)
{
	struct termios t;
	if (ioctl(fd, TCGETS, &t)) return -1;
	t.c_cflag = (t.c_cflag & ~clear) | set;
	return ioctl(fd, TCSETS, &t);
}
static int baud(int fd, unsigned b) { return cflags(fd, b, CBAUD | CBAUDEX); }
static int raw(int fd)
{
	struct termios t;
	if (ioctl(fd, TCGETS, &t)) return -1;
	t.c_iflag = 0; t.c_oflag = 0; t.c_lflag = 0; t.c_cc[VMIN] = 1; t.c_cc[VTIME] = 0;
	return ioctl(fd, TCSETS, &t);
}
#define OPEN_ "open(T, O_RDWR|O_NOCTTY)"
/* opened and looked through */
#define OPENL(text, flags) ({ begin(text); int f_ = op(flags); int e_ = errno; end(f_, e_, f_); f_; })
#define CLOSE1(fd) STEP("close", -1, close(fd))
#define ALL_IN (TIOCM_CTS | TIOCM_DSR | TIOCM_CAR)
static int inputs(int v) { modem_inputs(v); settle(400); return 0; }

static void c_open_close(void)
{
	int fd = OPENL(OPEN_, RW);
	CLOSE1(fd);
	fd = OPENL(OPEN_, RW);
	CLOSE1(fd);
}
static void c_open_modes(void)
{
	int fd = OPENL("open(T, O_RDWR|O_NOCTTY|O_NONBLOCK)", RW | O_NONBLOCK);
	CLOSE1(fd);
	fd = OPENL("open(T, O_RDONLY|O_NOCTTY)", O_RDONLY | O_NOCTTY);
	CLOSE1(fd);
	fd = OPENL("open(T, O_WRONLY|O_NOCTTY)", O_WRONLY | O_NOCTTY);
	CLOSE1(fd);
}
static void c_second_open(void)
{
	int a = OPENL("a = open(T, O_RDWR|O_NOCTTY)", RW), b;
	b = OPENL("b = open(T, O_RDWR|O_NOCTTY)", RW);
	STEP("close(b)", a, close(b));
	STEP("TIOCMSET 0 through a", a, msg(a, TIOCMSET, 0));
	b = OPENL("b = open(T, O_RDWR|O_NOCTTY) with the lines cleared", RW);
	STEP("close(a)", b, close(a));
	STEP("close(b)", -1, close(b));
}
static void c_hupcl_off(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("TCSETS -HUPCL", fd, cflags(fd, 0, HUPCL));
	CLOSE1(fd);
	fd = OPENL("open again after the -HUPCL close", RW);
	STEP("TIOCMSET 0", fd, msg(fd, TIOCMSET, 0));
	STEP("close with -HUPCL and the lines cleared", -1, close(fd));
	fd = OPENL("open again after the -HUPCL close with the lines cleared", RW);
	STEP("TIOCMBIC RTS", fd, msg(fd, TIOCMBIC, TIOCM_RTS));
	STEP("close with -HUPCL, DTR high, RTS low", -1, close(fd));
	fd = OPENL("open again", RW);
	STEP("TCSETS HUPCL", fd, cflags(fd, HUPCL, 0));
	CLOSE1(fd);
	fd = OPENL("open again after the HUPCL close", RW);
	CLOSE1(fd);
}
static void c_termios_persist(void)
{
	int fd = OPENL(OPEN_, RW);
	struct termios t;
	ioctl(fd, TCGETS, &t);
	t.c_cflag = B115200 | CS7 | PARENB | CREAD | HUPCL | CLOCAL;
	t.c_iflag = 0; t.c_oflag = 0; t.c_lflag = 0; t.c_cc[VMIN] = 7;
	STEP("TCSETS raw, B115200 CS7 PARENB CREAD HUPCL CLOCAL, VMIN 7", fd, ioctl(fd, TCSETS, &t));
	CLOSE1(fd);
	fd = OPENL(OPEN_, RW);
	CLOSE1(fd);
}
static void c_termios_two(void)
{
	int a = OPENL("a = open", RW), b;
	b = OPENL("b = open", RW);
	STEP("TCSETS B38400 through a, looked at through b", b, baud(a, B38400));
	STEP("TCSETS the same again", b, baud(a, B38400));
	STEP("TCSETSW B38400 CS7 through b", a, ({ struct termios t; ioctl(b, TCGETS, &t); t.c_cflag = (t.c_cflag & ~CSIZE) | CS7; ioctl(b, TCSETSW, &t); }));
	STEP("TCSETS2 BOTHER 31250", a, ({ struct termios2 t; ioctl(b, TCGETS2, &t); t.c_cflag = (t.c_cflag & ~CBAUD) | BOTHER; t.c_ispeed = t.c_ospeed = 31250; ioctl(b, TCSETS2, &t); }));
	STEP("TCSETS B4000000", a, baud(a, B4000000));
	STEP("TCSETS CMSPAR|PARENB CSTOPB", a, cflags(a, CMSPAR | PARENB | CSTOPB, 0));
	STEP("TCSETS CS5", a, cflags(a, 0, CSIZE));
	close(b); CLOSE1(a);
}
static void c_b0_close(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("TCSETS B0", fd, baud(fd, B0));
	CLOSE1(fd);
	fd = OPENL("open again, B0 kept", RW);
	STEP("TCSETS B9600", fd, baud(fd, B9600));
	CLOSE1(fd);
	fd = OPENL(OPEN_, RW);
	STEP("TCSETS B0 -HUPCL", fd, ({ struct termios t; ioctl(fd, TCGETS, &t); t.c_cflag &= ~(CBAUD | HUPCL); ioctl(fd, TCSETS, &t); }));
	STEP("close with B0 -HUPCL", -1, close(fd));
	fd = OPENL("open again, B0 -HUPCL kept", RW);
	CLOSE1(fd);
}
static void c_b0(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("TCSETS B0", fd, baud(fd, B0));
	STEP("TCSETS B0 again", fd, baud(fd, B0));
	STEP("TCSETS B9600", fd, baud(fd, B9600));
	STEP("TIOCMBIC RTS", fd, msg(fd, TIOCMBIC, TIOCM_RTS));
	STEP("TCSETS B0 with RTS cleared", fd, baud(fd, B0));
	STEP("TCSETS B9600", fd, baud(fd, B9600));
	STEP("TIOCMBIC DTR", fd, msg(fd, TIOCMBIC, TIOCM_DTR));
	STEP("TCSETS B0 with DTR cleared", fd, baud(fd, B0));
	STEP("TIOCMBIS RTS under B0", fd, msg(fd, TIOCMBIS, TIOCM_RTS));
	STEP("TIOCMBIS DTR under B0", fd, msg(fd, TIOCMBIS, TIOCM_DTR));
	STEP("write(fd, hello, 5) under B0", fd, write(fd, "hello", 5));
	STEP("TCSETS B9600", fd, baud(fd, B9600));
	STEP("TCSETS CRTSCTS", fd, cflags(fd, CRTSCTS, 0));
	STEP("TCSETS B0 with CRTSCTS", fd, baud(fd, B0));
	STEP("TCSETS B9600 with CRTSCTS", fd, baud(fd, B9600));
	STEP("TCSETS B0, -CRTSCTS", fd, ({ struct termios t; ioctl(fd, TCGETS, &t); t.c_cflag &= ~(CBAUD | CRTSCTS); ioctl(fd, TCSETS, &t); }));
	STEP("TCSETS B9600, CRTSCTS", fd, ({ struct termios t; ioctl(fd, TCGETS, &t); t.c_cflag |= B9600 | CRTSCTS; ioctl(fd, TCSETS, &t); }));
	CLOSE1(fd);
}
static void c_crtscts(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("TCSETS CRTSCTS", fd, cflags(fd, CRTSCTS, 0));
	STEP("TCSETS -CRTSCTS", fd, cflags(fd, 0, CRTSCTS));
	STEP("TIOCMBIC RTS", fd, msg(fd, TIOCMBIC, TIOCM_RTS));
	STEP("TCSETS CRTSCTS with RTS cleared", fd, cflags(fd, CRTSCTS, 0));
	STEP("TCSETS -CRTSCTS", fd, cflags(fd, 0, CRTSCTS));
	STEP("TIOCMBIS RTS", fd, msg(fd, TIOCMBIS, TIOCM_RTS));
	STEP("TCSETS CRTSCTS", fd, cflags(fd, CRTSCTS, 0));
	STEP("TIOCMBIC RTS under CRTSCTS", fd, msg(fd, TIOCMBIC, TIOCM_RTS));
	STEP("TIOCMBIS RTS under CRTSCTS", fd, msg(fd, TIOCMBIS, TIOCM_RTS));
	STEP("TCSETS B19200 under CRTSCTS", fd, baud(fd, B19200));
	CLOSE1(fd);
	fd = OPENL("open again, CRTSCTS kept", RW);
	STEP("TCSETS -CRTSCTS", fd, cflags(fd, 0, CRTSCTS));
	STEP("CTS falls (input)", fd, inputs(TIOCM_DSR | TIOCM_CAR));
	STEP("TCSETS CRTSCTS with CTS low", fd, cflags(fd, CRTSCTS, 0));
	STEP("write(fd, hello, 5) with CTS low", fd, write(fd, "hello", 5));
	STEP("TIOCOUTQ", fd, ({ int n = -1; ioctl(fd, TIOCOUTQ, &n); n; }));
	STEP("CTS rises (input)", fd, inputs(ALL_IN));
	STEP("TIOCOUTQ", fd, ({ int n = -1; ioctl(fd, TIOCOUTQ, &n); n; }));
	CLOSE1(fd);
}
/* A blocking open in another process: 1 if it waits; if not, it is closed again. */
static int waits(struct agent *g, const char *what, int seconds)
{
	static char text[200];
	long r;
	int e;
	*g = agent();
	if (seconds) ask(g, ALARM, seconds, 0, 0);
	sprintf(text, "in another process: %sopen(T, O_RDWR|O_NOCTTY), %s, begins (ETIME: it waits)", seconds ? "alarm(2); " : "", what);
	begin(text);
	tell(g, OPEN, RW, 0, 0);
	r = answer(g, 900);
	e = errno;
	end(r, e, -1);
	if (r < 0 && e == ETIME) return 1;
	if (r >= 0) STEP("close in that process", -1, ask(g, CLOSE, r, 0, 0));
	gone(g);
	return 0;
}
static void c_clocal_wait(void)
{
	struct agent g;
	int fd = OPENL("open(T, O_RDWR|O_NOCTTY|O_NONBLOCK)", RW | O_NONBLOCK);
	STEP("inputs all low", fd, inputs(0));
	STEP("TCSETS -CLOCAL", fd, cflags(fd, 0, CLOCAL));
	CLOSE1(fd);
	fd = OPENL("open(T, O_RDWR|O_NOCTTY|O_NONBLOCK), -CLOCAL, no carrier", RW | O_NONBLOCK);
	CLOSE1(fd);
	if (waits(&g, "-CLOCAL, no carrier", 2)) {
		STEP("that open returns", -1, answer(&g, 10000));
		gone(&g);
	}
	if (waits(&g, "-CLOCAL, no carrier", 0)) {
		STEP("carrier rises (input)", -1, inputs(ALL_IN));
		STEP("that open returns", -1, answer(&g, 10000));
		STEP("close in that process", -1, ask(&g, CLOSE, 3, 0, 0));
		gone(&g);
		STEP("inputs all low", -1, inputs(0));
	}
	if (waits(&g, "-CLOCAL, no carrier", 0)) {
		fd = OPENL("open with O_NONBLOCK while that one waits", RW | O_NONBLOCK);
		STEP("TIOCMSET 0", fd, msg(fd, TIOCMSET, 0));
		settle(700);
		CLOSE1(fd);
		settle(700);
		STEP("that open: returned?", -1, answer(&g, 100));
		STEP("SIGKILL to the process that waits", -1, (gone(&g), 0));
	}
	fd = OPENL("open with O_NONBLOCK", RW | O_NONBLOCK);
	STEP("TCSETS -HUPCL -CLOCAL", fd, cflags(fd, 0, HUPCL | CLOCAL));
	STEP("TIOCMSET 0", fd, msg(fd, TIOCMSET, 0));
	CLOSE1(fd);
	if (waits(&g, "-CLOCAL -HUPCL, no carrier", 2)) {
		STEP("that open returns", -1, answer(&g, 10000));
		gone(&g);
	}
	fd = OPENL("open with O_NONBLOCK", RW | O_NONBLOCK);
	STEP("TCSETS B0 HUPCL -CLOCAL", fd, ({ struct termios t; ioctl(fd, TCGETS, &t); t.c_cflag = (t.c_cflag & ~(CBAUD | CLOCAL)) | HUPCL; ioctl(fd, TCSETS, &t); }));
	CLOSE1(fd);
	if (waits(&g, "-CLOCAL, B0, no carrier", 2)) {
		STEP("that open returns", -1, answer(&g, 10000));
		gone(&g);
	}
}
static void c_clocal_carrier(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("TCSETS -CLOCAL", fd, cflags(fd, 0, CLOCAL));
	CLOSE1(fd);
	fd = OPENL("open(T, O_RDWR|O_NOCTTY), -CLOCAL, with carrier", RW);
	CLOSE1(fd);
}
static void c_tiocm(void)
{
	static const struct { const char *name; int bit; } bits[] = {
		{ "DTR", TIOCM_DTR }, { "RTS", TIOCM_RTS }, { "DTR|RTS", TIOCM_DTR | TIOCM_RTS }, { "OUT1", TIOCM_OUT1 }, { "OUT2", TIOCM_OUT2 },
		{ "CTS|DSR|CD|RI", TIOCM_CTS | TIOCM_DSR | TIOCM_CAR | TIOCM_RI }, { "LE|ST|SR", TIOCM_LE | TIOCM_ST | TIOCM_SR }, { "LOOP", TIOCM_LOOP },
	};
	char text[64];
	int fd = OPENL(OPEN_, RW);
	STEP("TIOCMGET", fd, mget(fd));
	STEP("TIOCMSET 0", fd, msg(fd, TIOCMSET, 0));
	STEP("TIOCMSET 0 again", fd, msg(fd, TIOCMSET, 0));
	STEP("TIOCMSET DTR|RTS", fd, msg(fd, TIOCMSET, TIOCM_DTR | TIOCM_RTS));
	STEP("TIOCMSET RTS", fd, msg(fd, TIOCMSET, TIOCM_RTS));
	STEP("TIOCMSET DTR", fd, msg(fd, TIOCMSET, TIOCM_DTR));
	STEP("TIOCMSET 0", fd, msg(fd, TIOCMSET, 0));
	for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
		sprintf(text, "TIOCMBIS %s", bits[i].name);
		STEP(text, fd, msg(fd, TIOCMBIS, bits[i].bit));
		sprintf(text, "TIOCMBIS %s again", bits[i].name);
		STEP(text, fd, msg(fd, TIOCMBIS, bits[i].bit));
		sprintf(text, "TIOCMBIC %s", bits[i].name);
		STEP(text, fd, msg(fd, TIOCMBIC, bits[i].bit));
	}
	STEP("TIOCMSET 0xffffffff", fd, msg(fd, TIOCMSET, -1));
	STEP("TIOCMSET OUT1|OUT2", fd, msg(fd, TIOCMSET, TIOCM_OUT1 | TIOCM_OUT2));
	STEP("close with OUT1, OUT2 set", -1, close(fd));
	fd = OPENL(OPEN_, RW);
	STEP("TIOCMSET to a bad address", fd, ioctl(fd, TIOCMSET, (void *)8));
	STEP("TIOCMGET to a bad address", fd, ioctl(fd, TIOCMGET, (void *)8));
	STEP("inputs all low", fd, inputs(0));
	STEP("inputs RI", fd, inputs(TIOCM_RI));
	STEP("inputs CTS|DSR|CD", fd, inputs(ALL_IN));
	CLOSE1(fd);
	fd = STEP("open(T, O_RDONLY|O_NOCTTY)", -1, op(O_RDONLY | O_NOCTTY));
	STEP("TIOCMSET 0 through an O_RDONLY descriptor", fd, msg(fd, TIOCMSET, 0));
	CLOSE1(fd);
}
static void c_glitch(void)
{
	int fd;
	begin("open(T, O_RDWR|O_NOCTTY), then at once TIOCMSET 0");
	fd = op(RW);
	{ int r = msg(fd, TIOCMSET, 0); end(r, errno, fd); }
	CLOSE1(fd);
}
static void c_exclusive(void)
{
	int fd, f2;
	struct agent u, r;
	chmod(T, 0666);
	fd = OPENL(OPEN_, RW);
	u = agent(); ask(&u, UID, 65534, 0, 0);
	r = agent();
	STEP("TIOCGEXCL", -1, ({ int v = -1, q = ioctl(fd, TIOCGEXCL, &v); add("value", "%d", v); q; }));
	STEP("TIOCEXCL", fd, ioctl(fd, TIOCEXCL));
	STEP("TIOCGEXCL", -1, ({ int v = -1, q = ioctl(fd, TIOCGEXCL, &v); add("value", "%d", v); q; }));
	STEP("TIOCEXCL again", -1, ioctl(fd, TIOCEXCL));
	STEP("open(T, O_RDWR|O_NOCTTY) by uid 65534", fd, ask(&u, OPEN, RW, 0, 0));
	STEP("open(T, O_RDWR|O_NOCTTY|O_NONBLOCK) by uid 65534", fd, ask(&u, OPEN, RW | O_NONBLOCK, 0, 0));
	STEP("open(T, O_RDONLY|O_NOCTTY) by uid 65534", fd, ask(&u, OPEN, O_RDONLY | O_NOCTTY, 0, 0));
	f2 = STEP("open(T, O_RDWR|O_NOCTTY) by root", fd, op(RW));
	STEP("close of that one", fd, close(f2));
	STEP("open(T, O_RDWR|O_NOCTTY) by uid 65534, after the root's second descriptor was closed", fd, ask(&u, OPEN, RW, 0, 0));
	STEP("TIOCNXCL", -1, ioctl(fd, TIOCNXCL));
	STEP("TIOCGEXCL", -1, ({ int v = -1, q = ioctl(fd, TIOCGEXCL, &v); add("value", "%d", v); q; }));
	f2 = STEP("open(T, O_RDWR|O_NOCTTY) by uid 65534", fd, ask(&u, OPEN, RW, 0, 0));
	STEP("TIOCEXCL by uid 65534", fd, ask(&u, IOCTL_V, f2, TIOCEXCL, 0));
	STEP("open by root in another process", fd, ask(&r, OPEN, RW, 0, 0));
	STEP("close there", fd, ask(&r, CLOSE, 3, 0, 0));
	STEP("TIOCNXCL by root through its own descriptor", fd, ioctl(fd, TIOCNXCL));
	STEP("TIOCEXCL by uid 65534", fd, ask(&u, IOCTL_V, f2, TIOCEXCL, 0));
	STEP("close by uid 65534", fd, ask(&u, CLOSE, f2, 0, 0));
	STEP("open by uid 65534 while root's descriptor stays", fd, ask(&u, OPEN, RW, 0, 0));
	STEP("last close", -1, close(fd));
	STEP("open by uid 65534 after the last close", -1, f2 = ask(&u, OPEN, RW, 0, 0));
	STEP("TIOCGEXCL by uid 65534", -1, ({ tell(&u, IOCTL_P, f2, TIOCGEXCL, -1); struct answer a; read(u.sock, &a, sizeof a); add("value", "%d", a.out); errno = a.e; a.r; }));
	STEP("close by uid 65534", -1, ask(&u, CLOSE, f2, 0, 0));
	STEP("chmod 0600; open by uid 65534", -1, (chmod(T, 0600), ask(&u, OPEN, RW, 0, 0)));
	gone(&u); gone(&r);
}
static void add_serial(struct serial_struct *s)
{
	add("serial", "{\"type\":%d,\"line\":%d,\"port\":%u,\"irq\":%d,\"flags\":%u,\"xmit_fifo_size\":%d,\"custom_divisor\":%d,\"baud_base\":%d,\"close_delay\":%u,\"io_type\":%d,\"hub6\":%d,\"closing_wait\":%u,\"closing_wait2\":%u,\"iomem_base\":%lu,\"iomem_reg_shift\":%u,\"port_high\":%u}",
		s->type, s->line, s->port, s->irq, (unsigned)s->flags, s->xmit_fifo_size, s->custom_divisor, s->baud_base, s->close_delay, s->io_type, s->hub6, s->closing_wait, s->closing_wait2, (unsigned long)s->iomem_base, s->iomem_reg_shift, s->port_high);
}
static int gserial(int fd)
{
	struct serial_struct s;
	memset(&s, 0x5a, sizeof s);
	int r = ioctl(fd, TIOCGSERIAL, &s), e = errno;
	if (!r) add_serial(&s);
	errno = e;
	return r;
}
/* one field changed; the fields after it are shown */
#define SSERIAL(text, change) STEP("TIOCSSERIAL " text, fd, ({ struct serial_struct s; int q = ioctl(fd, TIOCGSERIAL, &s), e = errno; if (!q) { change; q = ioctl(fd, TIOCSSERIAL, &s); e = errno; gserial(fd); } errno = e; q; }))
static void serial_changes(int fd)
{
	SSERIAL("as it was read", );
	SSERIAL("close_delay 20", s.close_delay = 20);
	SSERIAL("closing_wait 100", s.closing_wait = 100);
	SSERIAL("closing_wait 65535 (none)", s.closing_wait = 65535);
	SSERIAL("closing_wait 0 (for ever)", s.closing_wait = 0);
	SSERIAL("flags ^ ASYNC_LOW_LATENCY", s.flags ^= ASYNC_LOW_LATENCY);
	SSERIAL("flags | ASYNC_SPD_HI", s.flags |= ASYNC_SPD_HI);
	SSERIAL("flags - ASYNC_SPD_MASK", s.flags &= ~ASYNC_SPD_MASK);
	SSERIAL("flags | ASYNC_SPD_CUST, custom_divisor 3", (s.flags |= ASYNC_SPD_CUST, s.custom_divisor = 3));
	SSERIAL("flags - ASYNC_SPD_MASK, custom_divisor 0", (s.flags &= ~ASYNC_SPD_MASK, s.custom_divisor = 0));
	SSERIAL("xmit_fifo_size 8", s.xmit_fifo_size = 8);
	SSERIAL("line 7", s.line = 7);
}
static void serial_identity(int fd)
{
	SSERIAL("baud_base 57600", s.baud_base = 57600);
	STEP("TCSETS B19200", fd, baud(fd, B19200));
	SSERIAL("baud_base 115200", s.baud_base = 115200);
	SSERIAL("hub6 1", s.hub6 = 1);
	SSERIAL("irq 5", s.irq = 5);
	SSERIAL("port 0x2e8", s.port = 0x2e8);
	SSERIAL("type PORT_16450", s.type = PORT_16450);
	STEP("TIOCMGET", fd, mget(fd));
	STEP("TIOCMSET DTR|RTS", fd, msg(fd, TIOCMSET, TIOCM_DTR | TIOCM_RTS));
}
static void c_serial_identity(void)
{
	int fd = OPENL(OPEN_, RW), f2;
	f2 = OPENL("a second open", RW);
	SSERIAL("irq 5 while two descriptors are open", s.irq = 5);
	STEP("close of the second", fd, close(f2));
	serial_identity(fd);
	CLOSE1(fd);
}
static void c_serial_info(void)
{
	int fd = OPENL(OPEN_, RW);
	struct { unsigned char b[512]; } buf;
	STEP("TIOCGSERIAL", fd, gserial(fd));
	serial_changes(fd);
	CLOSE1(fd);
	fd = OPENL("open again", RW);
	STEP("TIOCGSERIAL after close and open", fd, gserial(fd));
#define TRY(name, req) STEP(name, fd, (memset(&buf, 0, sizeof buf), ioctl(fd, req, &buf)))
	TRY("TIOCGRS485", TIOCGRS485);
	TRY("TIOCSRS485 flags 0", TIOCSRS485);
	STEP("TIOCSRS485 SER_RS485_ENABLED", fd, ({ struct serial_rs485 s = { .flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND }; ioctl(fd, TIOCSRS485, &s); }));
	TRY("TIOCGISO7816", 0x80285442UL);
	STEP("TIOCGICOUNT", fd, ({ struct serial_icounter_struct c; int r = ioctl(fd, TIOCGICOUNT, &c), e = errno; if (!r) add("icount", "{\"cts\":%d,\"dsr\":%d,\"rng\":%d,\"dcd\":%d,\"rx\":%d,\"tx\":%d,\"frame\":%d,\"overrun\":%d,\"parity\":%d,\"brk\":%d,\"buf_overrun\":%d}", c.cts, c.dsr, c.rng, c.dcd, c.rx, c.tx, c.frame, c.overrun, c.parity, c.brk, c.buf_overrun); errno = e; r; }));
	STEP("inputs all low, then CTS|DSR|CD; TIOCGICOUNT", fd, ({ inputs(0); inputs(ALL_IN); struct serial_icounter_struct c; int r = ioctl(fd, TIOCGICOUNT, &c), e = errno; if (!r) add("icount", "{\"cts\":%d,\"dsr\":%d,\"rng\":%d,\"dcd\":%d,\"rx\":%d,\"tx\":%d}", c.cts, c.dsr, c.rng, c.dcd, c.rx, c.tx); errno = e; r; }));
	STEP("TIOCSERGETLSR", fd, ({ int v = -1, r = ioctl(fd, TIOCSERGETLSR, &v), e = errno; add("value", "%d", v); errno = e; r; }));
	STEP("TIOCINQ", fd, ({ int v = -1, r = ioctl(fd, TIOCINQ, &v), e = errno; add("value", "%d", v); errno = e; r; }));
	STEP("TIOCOUTQ", fd, ({ int v = -1, r = ioctl(fd, TIOCOUTQ, &v), e = errno; add("value", "%d", v); errno = e; r; }));
	STEP("TIOCGSOFTCAR", fd, ({ int v = -1, r = ioctl(fd, TIOCGSOFTCAR, &v), e = errno; add("value", "%d", v); errno = e; r; }));
	STEP("TIOCSSOFTCAR 0", fd, msg(fd, TIOCSSOFTCAR, 0));
	STEP("TIOCSSOFTCAR 1", fd, msg(fd, TIOCSSOFTCAR, 1));
	TRY("TIOCGWINSZ", TIOCGWINSZ);
	TRY("TIOCGPGRP", TIOCGPGRP);
	TRY("TIOCGSID", TIOCGSID);
	TRY("TIOCGETD", TIOCGETD);
	TRY("TIOCGLCKTRMIOS", TIOCGLCKTRMIOS);
	TRY("TIOCGPTN", TIOCGPTN);
	TRY("TIOCGDEV", TIOCGDEV);
	STEP("ioctl 0x54ff", fd, ioctl(fd, 0x54ff, &buf));
	STEP("TCFLSH TCIOFLUSH", fd, ioctl(fd, TCFLSH, TCIOFLUSH));
	STEP("TCXONC TCOOFF", fd, ioctl(fd, TCXONC, TCOOFF));
	STEP("TCXONC TCOON", fd, ioctl(fd, TCXONC, TCOON));
	STEP("TCXONC TCIOFF", fd, ioctl(fd, TCXONC, TCIOFF));
	STEP("TCXONC TCION", fd, ioctl(fd, TCXONC, TCION));
	STEP("TIOCSERCONFIG, then TIOCGSERIAL", fd, ({ int q = ioctl(fd, TIOCSERCONFIG), e = errno; gserial(fd); errno = e; q; }));
	CLOSE1(fd);
}
static void c_serial_info_user(void)
{
	int fd;
	if (fork()) { wait(NULL); id += 100; return; }
	chmod(T, 0666);
	if (setgid(65534) || setuid(65534)) _exit(1);
	fd = OPENL("open(T, O_RDWR|O_NOCTTY) by uid 65534", RW);
	STEP("TIOCGSERIAL", fd, gserial(fd));
	serial_changes(fd);
	serial_identity(fd);
	CLOSE1(fd);
	fflush(stdout);
	_exit(0);
}
static void c_miwait(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int fd = OPENL(OPEN_, RW), f2;
	struct agent g;
	sigaction(SIGALRM, &sa, NULL);
	STEP("alarm(1); TIOCMIWAIT CTS|DSR|CD|RI, no SA_RESTART", fd, (alarm(1), ioctl(fd, TIOCMIWAIT, TIOCM_CTS | TIOCM_DSR | TIOCM_CAR | TIOCM_RI)));
	STEP("alarm(1); TIOCMIWAIT CTS|DSR|CD|RI again", fd, (alarm(1), ioctl(fd, TIOCMIWAIT, TIOCM_CTS | TIOCM_DSR | TIOCM_CAR | TIOCM_RI)));
	alarm(0);
	STEP("alarm(1); TIOCMIWAIT 0", fd, (alarm(1), ioctl(fd, TIOCMIWAIT, 0)));
	g = agent();
	f2 = STEP("open in another process", fd, ask(&g, OPEN, RW, 0, 0));
	ask(&g, RESTART, 0, 0, 0); ask(&g, ALARM, 1, 0, 0);
	begin("TIOCMIWAIT CD in another process that has alarm(1) with SA_RESTART; ETIME: still waits after 2 s");
	tell(&g, IOCTL_V, f2, TIOCMIWAIT, TIOCM_CAR);
	{ long r = answer(&g, 2000); end(r, errno, fd); }
	STEP("SIGKILL to it", fd, (gone(&g), 0));
	g = agent();
	f2 = STEP("open in another process", fd, ask(&g, OPEN, RW, 0, 0));
	begin("TIOCMIWAIT CTS in another process, begins");
	tell(&g, IOCTL_V, f2, TIOCMIWAIT, TIOCM_CTS);
	{ long r = answer(&g, 500); end(r, errno, fd); }
	STEP("DSR and CD fall (input)", fd, inputs(TIOCM_CTS));
	STEP("it returns?", fd, answer(&g, 500));
	STEP("CTS falls (input)", fd, inputs(0));
	STEP("it returns", fd, answer(&g, 2000));
	STEP("inputs CTS|DSR|CD", fd, inputs(ALL_IN));
	begin("TIOCMIWAIT CTS in another process, begins");
	tell(&g, IOCTL_V, f2, TIOCMIWAIT, TIOCM_CTS);
	{ long r = answer(&g, 500); end(r, errno, fd); }
	STEP("TIOCVHANGUP", -1, ioctl(fd, TIOCVHANGUP));
	STEP("it returns?", -1, answer(&g, 2000));
	STEP("SIGKILL to it", -1, (gone(&g), 0));
	CLOSE1(fd);
}
static void c_break(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("TIOCSBRK", fd, ioctl(fd, TIOCSBRK));
	STEP("TIOCSBRK again", fd, ioctl(fd, TIOCSBRK));
	STEP("TCSETS B19200 during break", fd, baud(fd, B19200));
	STEP("TIOCCBRK", fd, ioctl(fd, TIOCCBRK));
	STEP("TIOCCBRK again", fd, ioctl(fd, TIOCCBRK));
	STEP("TCSBRK 0", fd, ioctl(fd, TCSBRK, 0));
	STEP("TCSBRK 1", fd, ioctl(fd, TCSBRK, 1));
	STEP("TCSBRKP 0", fd, ioctl(fd, TCSBRKP, 0));
	STEP("TCSBRKP 5", fd, ioctl(fd, TCSBRKP, 5));
	STEP("TIOCSBRK", fd, ioctl(fd, TIOCSBRK));
	STEP("close during break", -1, close(fd));
	fd = OPENL("open again", RW);
	STEP("TCSETS -HUPCL", fd, cflags(fd, 0, HUPCL));
	STEP("TIOCSBRK", fd, ioctl(fd, TIOCSBRK));
	STEP("close during break with -HUPCL", -1, close(fd));
	fd = OPENL("open again", RW);
	CLOSE1(fd);
}
static void c_exit(void)
{
	int fd;
	struct agent g, h;
	long st;
	g = agent();
	STEP("open in a process", -1, ask(&g, OPEN, RW, 0, 0));
	STEP("that process calls _exit(0)", -1, quit(&g));
	g = agent();
	STEP("open in a process", -1, ask(&g, OPEN, RW, 0, 0));
	STEP("that process gets SIGKILL", -1, (gone(&g), 0));
	g = agent(); h = agent();
	STEP("open in process A", -1, ask(&g, OPEN, RW, 0, 0));
	STEP("open in process B", -1, ask(&h, OPEN, RW, 0, 0));
	STEP("A gets SIGKILL", -1, (gone(&g), 0));
	STEP("TIOCMGET in B", -1, ({ tell(&h, IOCTL_P, 3, TIOCMGET, 0); struct answer a; read(h.sock, &a, sizeof a); add("value", "%d", a.out); errno = a.e; a.r; }));
	STEP("B exits", -1, quit(&h));
	fd = STEP("open", -1, op(RW));
	STEP("fork, the child closes its descriptor and exits", fd, ({ pid_t p = fork(); if (!p) { close(fd); _exit(0); } waitpid(p, NULL, 0); }) & 0);
	{ pid_t p = fork(); if (!p) { pause(); _exit(0); }
	  STEP("fork; the parent closes, the child has it", -1, close(fd));
	  STEP("the child is killed", -1, (kill(p, SIGKILL), waitpid(p, NULL, 0), 0)); }
	fd = STEP("open", -1, op(RW));
	{ int d = STEP("dup", fd, dup(fd));
	  STEP("close of the first", d, close(fd));
	  STEP("close of the dup", -1, close(d)); }
	(void)st;
}
static void hung(int fd)
{
	struct termios t; int v;
	char b[8];
	STEP("read", -1, read(fd, b, sizeof b));
	STEP("write(fd, hello, 5)", -1, write(fd, "hello", 5));
	STEP("TIOCMGET", -1, mget(fd));
	STEP("TIOCMSET DTR|RTS", -1, msg(fd, TIOCMSET, TIOCM_DTR | TIOCM_RTS));
	STEP("TCGETS", -1, ioctl(fd, TCGETS, &t));
	STEP("TCFLSH", -1, ioctl(fd, TCFLSH, 2));
	STEP("TIOCGPGRP", -1, ioctl(fd, TIOCGPGRP, &v));
	STEP("TIOCVHANGUP again", -1, ioctl(fd, TIOCVHANGUP));
	STEP("poll", -1, ({ struct pollfd p = { fd, POLLIN | POLLOUT, 0 }; int r = poll(&p, 1, 0); add("revents", "%d", p.revents); r; }));
	STEP("fstat", -1, ({ struct stat s; fstat(fd, &s); }));
	STEP("fcntl F_GETFL", -1, fcntl(fd, F_GETFL));
}
static void c_hangup(void)
{
	struct agent u;
	int fd, f2;
	chmod(T, 0666);
	u = agent(); ask(&u, UID, 65534, 0, 0);
	fd = OPENL(OPEN_, RW);
	f2 = STEP("open by uid 65534 in another process", fd, ask(&u, OPEN, RW, 0, 0));
	STEP("TIOCVHANGUP by uid 65534", fd, ask(&u, IOCTL_V, f2, TIOCVHANGUP, 0));
	begin("read in the other process, begins");
	tell(&u, READ, f2, 0, 0);
	{ long r = answer(&u, 300); end(r, errno, fd); }
	STEP("TIOCVHANGUP by root", -1, ioctl(fd, TIOCVHANGUP));
	STEP("the read in the other process returns", -1, answer(&u, 2000));
	hung(fd);
	f2 = OPENL("open again while the hung up descriptor stays", RW);
	STEP("TIOCMSET 0 through the new one", f2, msg(f2, TIOCMSET, 0));
	STEP("TIOCMGET through the hung up one", f2, mget(fd));
	STEP("close of the hung up one", f2, close(fd));
	STEP("SIGKILL to the process with the other hung up one", f2, (gone(&u), 0));
	STEP("last close", -1, close(f2));
	fd = OPENL(OPEN_, RW);
	STEP("TCSETS -HUPCL B115200", fd, ({ struct termios t; ioctl(fd, TCGETS, &t); t.c_cflag = (t.c_cflag & ~(HUPCL | CBAUD)) | B115200; ioctl(fd, TCSETS, &t); }));
	STEP("TIOCEXCL", fd, ioctl(fd, TIOCEXCL));
	STEP("TIOCVHANGUP with -HUPCL", -1, ioctl(fd, TIOCVHANGUP));
	STEP("close of the hung up one", -1, close(fd));
	fd = OPENL("open again", RW);
	STEP("TIOCGEXCL", fd, ({ int v = -1, q = ioctl(fd, TIOCGEXCL, &v); add("value", "%d", v); q; }));
	CLOSE1(fd);
}
static void c_carrier_loss(void)
{
	struct agent u;
	int fd = OPENL(OPEN_, RW), f2;
	STEP("carrier falls (input), CLOCAL", fd, inputs(TIOCM_CTS | TIOCM_DSR));
	STEP("carrier rises (input), CLOCAL", fd, inputs(ALL_IN));
	STEP("TCSETS -CLOCAL", fd, cflags(fd, 0, CLOCAL));
	u = agent();
	f2 = STEP("open in another process", fd, ask(&u, OPEN, RW, 0, 0));
	begin("read in the other process, begins");
	tell(&u, READ, f2, 0, 0);
	{ long r = answer(&u, 300); end(r, errno, fd); }
	STEP("carrier falls (input), -CLOCAL", -1, inputs(TIOCM_CTS | TIOCM_DSR));
	if (STEP("the read in the other process returns (ETIME: not)", -1, answer(&u, 2000)) < 0) {
		STEP("TIOCMGET", fd, mget(fd));   /* the driver was not told */
		gone(&u);
		CLOSE1(fd);
		return;
	}
	STEP("SIGHUP that the other process, not of the tty's session, got", -1, ask(&u, PERSON, 0, 0, 0));
	hung(fd);
	gone(&u);
	STEP("close of the hung up one", -1, close(fd));
	STEP("carrier rises (input), closed", -1, inputs(ALL_IN));
	fd = OPENL("open again", RW);
	STEP("TCSETS -CLOCAL -HUPCL", fd, cflags(fd, 0, CLOCAL | HUPCL));
	STEP("carrier falls (input), -CLOCAL -HUPCL", -1, inputs(TIOCM_CTS | TIOCM_DSR));
	STEP("close of the hung up one", -1, close(fd));
	fd = OPENL("open(O_NONBLOCK), no carrier, -CLOCAL -HUPCL", RW | O_NONBLOCK);
	STEP("read", fd, ({ char b[8]; read(fd, b, 8); }));
	STEP("write(fd, hello, 5)", fd, write(fd, "hello", 5));
	CLOSE1(fd);
}
static void c_ctty(void)
{
	struct agent g = agent();
	int fd = OPENL("open in a process outside the session", RW), f2;
	STEP("setsid in process L", -1, ask(&g, SETSID, 0, 0, 0) > 0);
	f2 = STEP("open(T, O_RDWR) without O_NOCTTY in L (takes it as controlling terminal)", fd, ask(&g, OPEN, O_RDWR, 0, 0));
	STEP("TIOCGPGRP in L", fd, ask(&g, IOCTL_P, f2, TIOCGPGRP, 0));
	STEP("L, the session leader, exits", -1, quit(&g));
	hung(fd);
	CLOSE1(fd);
	g = agent();
	fd = OPENL("open again", RW);
	ask(&g, SETSID, 0, 0, 0);
	f2 = STEP("open(T, O_RDWR|O_NOCTTY) in a new session leader L2", fd, ask(&g, OPEN, RW, 0, 0));
	STEP("L2 exits", fd, quit(&g));
	CLOSE1(fd);
}
static long openat2_(const char *path, unsigned long long flags)
{
	struct open_how how = { .flags = flags };
	return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}
/* opened, its F_GETFL shown, closed at once */
static long try_open(const char *path, unsigned flags, int two, unsigned long long high)
{
	long fd = two ? openat2_(path, (unsigned long long)flags | high) : syscall(SYS_open, path, flags, 0600);
	int e = errno;
	if (fd >= 0) { add("getfl", "%d", fcntl(fd, F_GETFL)); close(fd); fd = 0; }
	errno = e;
	return fd;
}
static void c_open_flags(void)
{
	const char *paths[] = { T, "/tmp/file", "/tmp", "/dev/null", "/tmp/missing" };
	const char *names[] = { "T", "file", "directory", "/dev/null", "missing" };
	char text[128];
	close(open("/tmp/file", O_CREAT | O_RDWR, 0600));
	for (int p = 0; p < 5; p++) {
		int base = p == 2 ? O_RDONLY : O_RDWR | O_NOCTTY;
		const char *b = p == 2 ? "O_RDONLY" : "O_RDWR|O_NOCTTY";
		for (int bit = 23; bit < 32; bit++) {
			sprintf(text, "close(open(%s, %s|1<<%d))", names[p], b, bit);
			STEP(text, -1, try_open(paths[p], base | 1u << bit, 0, 0));
			sprintf(text, "close(openat2(%s, %s|1<<%d))", names[p], b, bit);
			STEP(text, -1, try_open(paths[p], base | 1u << bit, 1, 0));
			sprintf(text, "close(open(%s, %s|O_DIRECTORY|1<<%d))", names[p], b, bit);
			STEP(text, -1, try_open(paths[p], base | O_DIRECTORY | 1u << bit, 0, 0));
			sprintf(text, "close(openat2(%s, %s|O_DIRECTORY|1<<%d))", names[p], b, bit);
			STEP(text, -1, try_open(paths[p], base | O_DIRECTORY | 1u << bit, 1, 0));
		}
		for (int bit = 32; bit < 36; bit++) {
			sprintf(text, "close(openat2(%s, %s|1<<%d))", names[p], b, bit);
			STEP(text, -1, try_open(paths[p], base, 1, 1ull << bit));
		}
		sprintf(text, "close(open(%s, %s))", names[p], b);
		STEP(text, -1, try_open(paths[p], base, 0, 0));
		sprintf(text, "close(open(%s, %s|O_DIRECTORY))", names[p], b);
		STEP(text, -1, try_open(paths[p], base | O_DIRECTORY, 0, 0));
	}
}
static void c_open_reopen(void)
{
	struct { const char *name; int bit; } reach[] = { { "O_PATH", O_PATH } };
	int p = STEP("p = open(T, O_PATH)", -1, open(T, O_PATH)), fd;
	char link[64];
	(void)reach;
	fd = STEP("openat(p, (empty), O_RDWR|O_NOCTTY)", -1, openat(p, "", RW));
	if (fd >= 0) close(fd);
	fd = STEP("openat(p, (empty), O_RDWR|O_NOCTTY|1<<26)", -1, openat(p, "", RW | 1 << 26));
	if (fd >= 0) CLOSE1(fd);
	fd = STEP("openat(p, (empty), O_RDWR|O_NOCTTY|1<<26|O_DIRECTORY)", -1, openat(p, "", RW | 1 << 26 | O_DIRECTORY));
	fd = STEP("openat2(p, (empty), O_RDWR|O_NOCTTY|1<<26|1<<32)", -1, ({ struct open_how how = { .flags = (1ull << 32) | RW | 1 << 26 }; syscall(SYS_openat2, p, "", &how, sizeof how); }));
	fd = STEP("openat2(T, O_RDWR|O_NOCTTY|O_CREAT|1<<32)", -1, ({ struct open_how how = { .flags = (1ull << 32) | RW | O_CREAT, .mode = 0600 }; syscall(SYS_openat2, AT_FDCWD, T, &how, sizeof how); }));
	fd = STEP("openat2(T, O_PATH|1<<32)", -1, ({ struct open_how how = { .flags = (1ull << 32) | O_PATH }; syscall(SYS_openat2, AT_FDCWD, T, &how, sizeof how); }));
	fd = STEP("openat2(/tmp, O_RDONLY|O_DIRECTORY|1<<32)", -1, ({ struct open_how how = { .flags = (1ull << 32) | O_DIRECTORY }; syscall(SYS_openat2, AT_FDCWD, "/tmp", &how, sizeof how); }));
	sprintf(link, "/proc/self/fd/%d", p);
	fd = STEP("open(/proc/self/fd/p, O_RDWR|O_NOCTTY)", -1, open(link, RW));
	if (fd >= 0) CLOSE1(fd);
	STEP("close(p)", -1, close(p));
}
static void c_no_touch(void)
{
	struct stat s;
	char b[4096], path[128];
	int f;
	const char *name = strrchr(T, '/') + 1;
	static const char *attrs[] = { "dev", "uevent", "type", "line", "port", "irq", "flags", "uartclk", "xmit_fifo_size", "close_delay", "closing_wait", "custom_divisor", "io_type", "iomem_base", "rx_trig_bytes", "console" };
	STEP("stat(T)", -1, stat(T, &s));
	STEP("access(T, R_OK|W_OK)", -1, access(T, R_OK | W_OK));
	STEP("open(T, O_PATH)", -1, try_open(T, O_PATH, 0, 0));
	STEP("open(T, O_RDWR|O_NOCTTY|O_DIRECTORY)", -1, try_open(T, RW | O_DIRECTORY, 0, 0));
	STEP("open(T, O_RDWR|O_NOCTTY|1<<23|O_DIRECTORY)", -1, try_open(T, RW | O_DIRECTORY | 1 << 23, 0, 0));
	STEP("open(T, O_RDWR|O_NOCTTY|O_CREAT|O_EXCL)", -1, try_open(T, RW | O_CREAT | O_EXCL, 0, 0));
	STEP("open(T, O_RDWR|O_NOCTTY|__O_TMPFILE|O_DIRECTORY)", -1, try_open(T, RW | O_TMPFILE, 0, 0));
	STEP("chmod(T, 0660)", -1, chmod(T, 0660));
	STEP("rename and back", -1, (rename(T, "/dev/renamed"), rename("/dev/renamed", T)));
	STEP("read /proc/tty/driver/serial", -1, (f = open("/proc/tty/driver/serial", 0), f < 0 ? -1 : read(f, b, sizeof b) > 0 ? 0 : -1));
	close(f);
	for (unsigned i = 0; i < sizeof attrs / sizeof *attrs; i++) {
		char text[128];
		sprintf(path, "/sys/class/tty/%s/%s", name, attrs[i]);
		sprintf(text, "read /sys/class/tty/TTY/%s", attrs[i]);
		STEP(text, -1, ({ f = open(path, 0); int n = -1; if (f >= 0) { n = read(f, b, sizeof b - 1); if (n > 0) { b[n] = 0; for (char *q = b; *q; q++) if (*q == '\n') *q = q[1] ? ' ' : 0; add("text", "\"%s\"", b); n = 0; } int e = errno; close(f); errno = e; } n; }));
	}
}
static void c_drain(void)
{
	int fd = OPENL(OPEN_, RW);
	STEP("write(fd, hello, 5)", fd, write(fd, "hello", 5));
	STEP("TCSBRK 1 (drain)", fd, ioctl(fd, TCSBRK, 1));
	STEP("TCSETS CRTSCTS", fd, cflags(fd, CRTSCTS, 0));
	STEP("CTS falls (input)", fd, inputs(TIOCM_DSR | TIOCM_CAR));
	STEP("write(fd, hello, 5)", fd, write(fd, "hello", 5));
	SSERIAL("closing_wait 200 (2 s)", s.closing_wait = 200);
	begin("close with output that cannot go");
	{ struct timespec a, b; clock_gettime(CLOCK_MONOTONIC, &a); int r = close(fd); int e = errno; clock_gettime(CLOCK_MONOTONIC, &b);
	  add("seconds", "%ld", (b.tv_sec * 1000 + b.tv_nsec / 1000000 - a.tv_sec * 1000 - a.tv_nsec / 1000000 + 500) / 1000); end(r, e, -1); }
	STEP("CTS rises (input)", -1, inputs(ALL_IN));
	fd = OPENL("open again", RW);
	CLOSE1(fd);
}
/* an input that nobody reads, under CRTSCTS: when does RTS fall, when rise? */
static void c_throttle(void)
{
	int fd = OPENL(OPEN_, RW);
	char *b = malloc(65536);
	STEP("TCSETS raw", fd, raw(fd));
	STEP("TCSETS CRTSCTS B115200", fd, (cflags(fd, CRTSCTS, 0), baud(fd, B115200)));
	STEP("6000 bytes come", fd, (is_acm ? acm_send("", 6000) : mark(0x80001770u), settle(2500), 0));
	STEP("TIOCINQ", fd, ({ int v = -1; ioctl(fd, TIOCINQ, &v); add("value", "%d", v); 0; }));
	STEP("read of 2000 bytes", fd, read(fd, b, 2000));
	STEP("read of 1800 bytes", fd, read(fd, b, 1800));
	STEP("read of 4096 bytes", fd, read(fd, b, 4096));
	STEP("TCFLSH TCIFLUSH", fd, ioctl(fd, TCFLSH, 0));
	CLOSE1(fd);
}

#include "cases-acm.h"

static const struct { const char *name; void (*run)(void); } cases[] = {
	{ "nothing", NULL },
	{ "open-close", c_open_close }, { "open-modes", c_open_modes }, { "second-open", c_second_open }, { "hupcl-off", c_hupcl_off },
	{ "termios-persist", c_termios_persist }, { "termios-two", c_termios_two }, { "b0-close-open", c_b0_close }, { "b0-while-open", c_b0 },
	{ "crtscts", c_crtscts }, { "clocal-wait", c_clocal_wait }, { "clocal-carrier", c_clocal_carrier }, { "tiocm", c_tiocm }, { "glitch", c_glitch },
	{ "exclusive", c_exclusive }, { "serial-info", c_serial_info }, { "serial-info-user", c_serial_info_user }, { "serial-identity", c_serial_identity }, { "miwait", c_miwait },
	{ "break", c_break }, { "exit", c_exit }, { "hangup", c_hangup }, { "carrier-loss", c_carrier_loss }, { "ctty", c_ctty },
	{ "open-flags", c_open_flags }, { "open-reopen", c_open_reopen }, { "no-touch", c_no_touch }, { "drain", c_drain }, { "throttle", c_throttle },
	{ "unplug", c_unplug }, { "unplug-cleared", c_unplug_cleared },
};
int run_case(const char *name, const char *tty)
{
	T = tty;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!strcmp(name, cases[i].name)) {
			printf("@{\"case\":\"%s\"}\n", name);
			mark(1);
			if (cases[i].run) cases[i].run();
			settle(100);
			mark(0x7fffffff);
			return 0;
		}
	return -1;
}
