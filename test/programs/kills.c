/* Processes and threads that end in the middle of luo's calls. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

enum { KILLS = 250, EXECS = 30 };

static int open_device_when_free(void)
{
	for (;;) {
		int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
		if (device >= 0 || errno != EBUSY)
			return device;
	}
}

static void use_for_ever(void)
{
	for (;;) {
		int device = open_device_when_free();
		int session = luo_session(device, LUO_CREATE_SESSION, "victim");
		int memory = memfd_create("state", 0);

		check(device >= 0 && session >= 0 && ftruncate(memory, 4096) == 0);
		check(luo_preserve(session, memory, 1) == 0);
		close(session);
		close(memory);
		close(device);
	}
}

static void wait_randomly(void)
{
	struct timespec time = { 0, rand() % 3000000 };

	nanosleep(&time, NULL);
}

/* A dead process has closed everything once its parent knows. */
static void check_nothing_left(void)
{
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	int session = luo_session(device, LUO_CREATE_SESSION, "victim");
	check(session >= 0);
	close(session);
	close(device);
}

static void kill_processes(void)
{
	srand(1);
	for (int i = 0; i < KILLS; i++) {
		pid_t victim = fork();
		int status;

		check(victim >= 0);
		if (victim == 0)
			use_for_ever();
		wait_randomly();
		check(kill(victim, SIGKILL) == 0);
		check(waitpid(victim, &status, 0) == victim);
		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_nothing_left();
	}
}

static void kill_when_told(void)
{
	sigset_t start;
	int number;

	sigemptyset(&start);
	sigaddset(&start, SIGUSR1);
	sigprocmask(SIG_BLOCK, &start, NULL);
	check_nothing_left();
	puts("begun");
	fflush(stdout);
	check(sigwait(&start, &number) == 0);
	kill_processes();
	puts("killed");
	fflush(stdout);
	pause();
}

static void *use_in_thread(void *nothing)
{
	use_for_ever();
	return nothing;
}

/* Executing a program ends all other threads, wherever they are. */
static void execute_over_threads(void)
{
	const char *count = getenv("EXECS");
	int done = count == NULL ? 0 : atoi(count);
	char text[16];
	pthread_t thread;

	check_nothing_left();
	if (done == EXECS)
		return;
	srand(done);
	snprintf(text, sizeof text, "%d", done + 1);
	setenv("EXECS", text, 1);
	check(pthread_create(&thread, NULL, use_in_thread, NULL) == 0);
	wait_randomly();
	execl("/proc/self/exe", "kills", "execute", NULL);
	check(!"executed");
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "processes", kill_when_told },
		{ "execute", execute_over_threads },
	};

	return RUN_CASE(cases, argc, argv);
}
