/*
 * Looks at a serial port, in one of three ways:
 *
 *     port plain /dev/ttyS0     opens it as every program does
 *     port late /dev/ttyS0      the same, and takes both lines back at once: too late
 *     port keep /dev/ttyS0      opens it as it is
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "nresetdev.h"

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s plain|late|keep DEVICE\n", argv[0]);
		return 2;
	}
	int keep = strcmp(argv[1], "keep") == 0;
	int port = open(argv[2], O_RDWR | O_NOCTTY | O_NONBLOCK | (keep ? O_NRESETDEV : 0));
	if (port < 0) {
		fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	int lines = 0;
	if (strcmp(argv[1], "late") == 0)
		ioctl(port, TIOCMSET, &lines);
	if (ioctl(port, TIOCMGET, &lines) < 0) {
		fprintf(stderr, "%s has no lines: %s\n", argv[2], strerror(errno));
		return 1;
	}
	printf("%s: DTR %s, RTS %s\n", argv[2], lines & TIOCM_DTR ? "on" : "off", lines & TIOCM_RTS ? "on" : "off");
	return 0;
}
