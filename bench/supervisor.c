/*
 * The least that a program can do that serves system calls by seccomp notification, in C: what luo's own way of a call
 * is measured against. It answers every ioctl of the type of /dev/liveupdate with the structure that it was given, and
 * lets every openat go on after a look at its path.
 *
 *     supervisor COMMAND [ARGUMENT...]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif
#define SYNC_WAKE_UP 1

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static void fail(const char *what)
{
	perror(what);
	_exit(125);
}

static int install_filter(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0xba00, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
}

/* One word with a descriptor in it. */
static void send_descriptor(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec word = { "x", 1 };
	struct msghdr message = { .msg_iov = &word, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	*(int *)CMSG_DATA(header) = fd;
	if (sendmsg(socket, &message, 0) != 1)
		fail("sendmsg");
}

static int receive_descriptor(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec word = { &byte, 1 };
	struct msghdr message = { .msg_iov = &word, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	return *(int *)CMSG_DATA(CMSG_FIRSTHDR(&message));
}

/* Finds the file behind the descriptor, and gives the structure back as it was. */
static void answer_ioctl(int listener, const struct seccomp_notif *call, struct seccomp_notif_resp *answer)
{
	char structure[72], path[64];
	struct iovec ours = { structure, sizeof structure }, theirs = { (void *)call->data.args[2], sizeof structure };
	struct stat status;

	snprintf(path, sizeof path, "/proc/%u/fd/%d", call->pid, (int)call->data.args[0]);
	if (stat(path, &status) || process_vm_readv(call->pid, &ours, 1, &theirs, 1, 0) != sizeof structure)
		answer->error = -EFAULT;
	else if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id))
		answer->error = -EINTR;
	else if (process_vm_writev(call->pid, &ours, 1, &theirs, 1, 0) != sizeof structure)
		answer->error = -EFAULT;
}

static void pass_open(int listener, const struct seccomp_notif *call, struct seccomp_notif_resp *answer)
{
	char path[4096];
	size_t to_page_end = 4096 - (call->data.args[1] & 4095);
	struct iovec ours = { path, to_page_end }, theirs = { (void *)call->data.args[1], to_page_end };

	process_vm_readv(call->pid, &ours, 1, &theirs, 1, 0);
	ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id);
	answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
}

static void serve(int listener)
{
	for (;;) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { 0 };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		answer.id = call.id;
		if (call.data.nr == SYS_ioctl)
			answer_ioctl(listener, &call, &answer);
		else
			pass_open(listener, &call, &answer);
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

int main(int argc, char **argv)
{
	int pair[2], listener;
	pid_t program, server;
	int status;

	if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail("supervisor");
	program = fork();
	if (program == 0) {
		prctl(PR_SET_PDEATHSIG, 9);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		listener = install_filter();
		if (listener < 0)
			fail("seccomp");
		send_descriptor(pair[0], listener);
		close(listener);
		execv(argv[1], argv + 1);
		fail(argv[1]);
	}
	close(pair[0]);
	listener = receive_descriptor(pair[1]);
	if (listener < 0)
		fail("recvmsg");
	/* A process of its own serves, so that this one can wait for the program without asking for anything else. */
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, 9);
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
		serve(listener);
	}
	while (waitpid(program, &status, 0) != program)
		;
	kill(server, 9);
	waitpid(server, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
