/*
 * A fake service manager, for tests: it speaks as much of sd_notify(3) and sd_listen_fds(3) as a service needs whose
 * descriptors outlive it. It restarts the service where that fails, with what it has stored, and prints what it does.
 *
 *   fake-service-manager SOCKET LIMIT COMMAND...
 *
 * LIMIT: how many descriptors the store takes; a message beyond that is ignored, as by systemd.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MOST 64
#define FIRST 3

static struct {
	char name[256];
	int fd;
} store[MOST];
static int stored, limit;

static const char *value(const char *text, const char *key, char *buffer, size_t size)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, key, length) == 0 && line[length] == '=') {
			snprintf(buffer, size, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
			return buffer;
		}
	}
	return NULL;
}

static void handle(const char *text, int fd)
{
	char buffer[256];

	if (value(text, "READY", buffer, sizeof buffer))
		printf("ready\n");
	if (value(text, "FDSTORE", buffer, sizeof buffer) && fd >= 0 && stored < limit) {
		check(value(text, "FDNAME", store[stored].name, sizeof store[stored].name));
		store[stored++].fd = fd;
		return;
	}
	if (value(text, "FDSTOREREMOVE", buffer, sizeof buffer)) {
		check(value(text, "FDNAME", buffer, sizeof buffer));
		for (int i = 0; i < stored; i++) {
			if (strcmp(store[i].name, buffer) != 0)
				continue;
			close(store[i].fd);
			store[i--] = store[--stored];
		}
	}
	/* A barrier is over when its descriptor is closed. */
	if (fd >= 0)
		close(fd);
}

static int receive(int socket)
{
	char text[4096], control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { text, sizeof text - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof control };
	ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *passed = CMSG_FIRSTHDR(&message);

	if (length < 0)
		return 0;
	text[length] = 0;
	handle(text, passed && passed->cmsg_type == SCM_RIGHTS ? *(int *)CMSG_DATA(passed) : -1);
	return 1;
}

static pid_t start(char **command, const char *socket, const sigset_t *before)
{
	char names[MOST * 256] = "", number[16];
	int copies[MOST];
	pid_t pid = fork();

	check(pid >= 0);
	if (pid > 0) {
		setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, before, NULL);
	for (int i = 0; i < stored; i++)
		copies[i] = fcntl(store[i].fd, F_DUPFD_CLOEXEC, 100);
	for (int i = 0; i < stored; i++) {
		check(dup2(copies[i], FIRST + i) == FIRST + i);
		strcat(strcat(names, i > 0 ? ":" : ""), store[i].name);
	}
	if (stored > 0) {
		snprintf(number, sizeof number, "%d", getpid());
		setenv("LISTEN_PID", number, 1);
		snprintf(number, sizeof number, "%d", stored);
		setenv("LISTEN_FDS", number, 1);
		setenv("LISTEN_FDNAMES", names, 1);
	}
	setenv("NOTIFY_SOCKET", socket, 1);
	execvp(*command, command);
	_exit(127);
}

/* All of the service is ended with its main process, as systemd ends a control group. */
static int finish(pid_t main, int socket)
{
	int status;

	check(waitpid(main, &status, 0) == main);
	kill(-main, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	while (receive(socket))
		;
	return status;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), signals;
	sigset_t mask, before;

	check(argc > 3);
	setlinebuf(stdout);
	limit = atoi(argv[2]);
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	check(bind(notify, (struct sockaddr *)&address, sizeof address) == 0);
	check(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, &before);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	check(signals >= 0);
	for (;;) {
		pid_t main = start(argv + 3, argv[1], &before);
		int status;

		printf("started %d with %d\n", main, stored);
		for (;;) {
			struct pollfd polled[] = { { notify, POLLIN, 0 }, { signals, POLLIN, 0 } };
			struct signalfd_siginfo info;
			siginfo_t ended = { 0 };

			check(poll(polled, 2, -1) > 0);
			while (receive(notify))
				;
			if (!polled[1].revents)
				continue;
			check(read(signals, &info, sizeof info) == sizeof info);
			if (info.ssi_signo == SIGTERM)
				kill(main, SIGTERM);
			check(waitid(P_PID, main, &ended, WEXITED | WNOHANG | WNOWAIT) == 0);
			if (ended.si_pid == main)
				break;
		}
		status = finish(main, notify);
		printf("ended with %d, stored %d\n", status, stored);
		if (status == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM))
			return 0;
	}
}
