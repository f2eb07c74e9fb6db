/* The device leaves and comes back (USB). */
static char other_tty[32];
static int which(void)
{
	int found = -1;
	for (int i = 0; i < 4; i++) {
		sprintf(other_tty, "%.11s%d", T, i);
		if (!access(other_tty, F_OK)) { add("tty", "\"%s\"", other_tty + 5); found = i; }
	}
	if (found >= 0) sprintf(other_tty, "%.11s%d", T, found);
	return found < 0 ? -1 : 0;
}
static void c_unplug(void)
{
	struct agent g;
	int fd, f2, fb;
	if (!is_acm && !is_ftdi) return;
	fd = OPENL(OPEN_, RW);
	STEP("TCSETS raw", fd, raw(fd));
	STEP("TCSETS B115200 CS7 CRTSCTS", fd, ({ struct termios t; ioctl(fd, TCGETS, &t); t.c_cflag = B115200 | CS7 | CREAD | HUPCL | CLOCAL | CRTSCTS; ioctl(fd, TCSETS, &t); }));
	STEP("TIOCMBIC RTS", fd, msg(fd, TIOCMBIC, TIOCM_RTS));
	STEP("TIOCEXCL", fd, ioctl(fd, TIOCEXCL));
	g = agent();
	f2 = STEP("open in another process", fd, ask(&g, OPEN, RW, 0, 0));
	begin("read in the other process, begins");
	tell(&g, READ, f2, 0, 0);
	{ long r = answer(&g, 300); end(r, errno, fd); }
	STEP("the device is unplugged", -1, (unplug_device(), 0));
	STEP("the read in the other process returns", -1, answer(&g, 2000));
	STEP("SIGHUP that the other process, not of the tty's session, got", -1, ask(&g, PERSON, 0, 0, 0));
	STEP("which tty is there", -1, which());
	STEP("open(T, O_RDWR|O_NOCTTY)", -1, op(RW));
	hung(fd);
	STEP("the device is plugged in again", -1, (plug_device(), 0));
	STEP("which tty is there", -1, which());
	fb = STEP("open of that tty", -1, open(other_tty, RW));
	STEP("TIOCMGET", fb, mget(fb));
	STEP("TIOCGEXCL", -1, ({ int v = -1, q = ioctl(fb, TIOCGEXCL, &v); add("value", "%d", v); q; }));
	STEP("TIOCMGET through the old descriptor", -1, mget(fd));
	STEP("close of the new one", -1, close(fb));
	STEP("close of the old one", -1, close(fd));
	STEP("SIGKILL to the process with the other old descriptor", -1, (gone(&g), 0));
	STEP("the device is unplugged, nothing is open", -1, (unplug_device(), 0));
	STEP("the device is plugged in again", -1, (plug_device(), 0));
	STEP("which tty is there", -1, which());
	fb = STEP("open of that tty", -1, open(other_tty, RW));
	STEP("TIOCMGET", fb, mget(fb));
	CLOSE1(fb);
}
static void c_unplug_cleared(void)
{
	int fd;
	if (!is_acm && !is_ftdi) return;
	fd = OPENL(OPEN_, RW);
	STEP("TCSETS raw B115200 -HUPCL", fd, ({ raw(fd); cflags(fd, B115200, CBAUD | CBAUDEX | HUPCL); }));
	STEP("close (-HUPCL)", -1, close(fd));
	STEP("the device is unplugged, nothing is open", -1, (unplug_device(), 0));
	STEP("the device is plugged in again", -1, (plug_device(), 0));
	STEP("which tty is there", -1, which());
	fd = STEP("open of that tty", -1, open(other_tty, RW));
	STEP("TIOCMGET", fd, mget(fd));
	STEP("TIOCMSET 0", fd, msg(fd, TIOCMSET, 0));
	STEP("the device is unplugged while open", -1, (unplug_device(), 0));
	STEP("close of the old descriptor, before the next plug", -1, close(fd));
	STEP("the device is plugged in again", -1, (plug_device(), 0));
	STEP("which tty is there", -1, which());
	fd = STEP("open of that tty", -1, open(other_tty, RW));
	STEP("TIOCMGET", fd, mget(fd));
	CLOSE1(fd);
}
