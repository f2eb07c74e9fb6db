/*
 * O_NRESETDEV: open a device as it is. No line, no setting and no state of it is touched.
 *
 * The flag was proposed to Linux in November 2025, and no Linux has it yet: luo has. Its own bit goes together with
 * O_DIRECTORY, because open() drops bits that it does not know without a word and would open the device as ever. With
 * O_DIRECTORY, a Linux without the flag refuses what is no directory (ENOTDIR), and has not touched it.
 */
#ifndef NRESETDEV_H
#define NRESETDEV_H

#include <fcntl.h>

#ifndef O_NRESETDEV
#define O_NRESETDEV (040000000 | O_DIRECTORY)
#endif

/* The name that later mails have for the same. */
#ifndef O_KEEPCONFIG
#define O_KEEPCONFIG O_NRESETDEV
#endif

#endif
