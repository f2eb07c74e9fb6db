/*
 * What programs do with a serial port that know nothing of luo:
 *
 *     serial-open PORT VERB...
 *
 * Each verb is done in turn, and the port is closed at the end of the program, if not before. What fails ends the
 * program, with the error number on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define NOBODY 65534

static int port = -1;

static void need(int works, const char *verb)
{
	if (works)
		return;
	printf("%s: %s\n", verb, strerrorname_np(errno));
	exit(0);
}

static void set_speed(speed_t speed, tcflag_t add, tcflag_t drop)
{
	struct termios settings;

	need(!tcgetattr(port, &settings), "tcgetattr");
	cfmakeraw(&settings);
	cfsetspeed(&settings, speed);
	settings.c_cflag |= add;
	settings.c_cflag &= ~drop;
	need(!tcsetattr(port, TCSANOW, &settings), "tcsetattr");
}

static void set_line(int line, int on)
{
	need(!ioctl(port, on ? TIOCMBIS : TIOCMBIC, &line), "TIOCMBIS");
}

static void show(void)
{
	int lines, exclusive;
	struct termios settings;

	need(!ioctl(port, TIOCMGET, &lines), "TIOCMGET");
	need(!ioctl(port, TIOCGEXCL, &exclusive), "TIOCGEXCL");
	need(!tcgetattr(port, &settings), "tcgetattr");
	printf("dtr %d rts %d exclusive %d hupcl %d echo %d\n", !!(lines & TIOCM_DTR), !!(lines & TIOCM_RTS), exclusive,
	       !!(settings.c_cflag & HUPCL), !!(settings.c_lflag & ECHO));
}

static void obey(const char *path, const char *verb)
{
	if (!strcmp(verb, "open"))
		need((port = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK)) >= 0, verb);
	else if (!strcmp(verb, "close"))
		need(!close(port), verb);
	else if (!strcmp(verb, "nobody"))
		need(!chmod(path, 0666) && !setgid(NOBODY) && !setuid(NOBODY), verb);
	else if (!strcmp(verb, "raw"))
		set_speed(B115200, HUPCL, 0);
	else if (!strcmp(verb, "crtscts"))
		set_speed(B57600, CRTSCTS, 0);
	else if (!strcmp(verb, "no-crtscts"))
		set_speed(B9600, 0, CRTSCTS);
	else if (!strcmp(verb, "b0"))
		set_speed(B0, 0, HUPCL);
	else if (!strcmp(verb, "exclusive"))
		need(!ioctl(port, TIOCEXCL), verb);
	else if (!strcmp(verb, "dtr-off"))
		set_line(TIOCM_DTR, 0);
	else if (!strcmp(verb, "dtr-on"))
		set_line(TIOCM_DTR, 1);
	else if (!strcmp(verb, "hang-up"))
		need(!ioctl(port, TIOCVHANGUP), verb);
	else if (!strcmp(verb, "show"))
		show();
	else if (!strcmp(verb, "write"))
		need(write(port, "luo\n", 4) == 4, verb);
	else
		printf("%s: no such verb\n", verb);
}

int main(int count, char **words)
{
	for (int i = 2; i < count; i++)
		obey(words[1], words[i]);
	return 0;
}
