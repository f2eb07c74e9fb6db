/* Calls of luo's while signals arrive all the time, and while the program is stopped and continued. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { ROUNDS = 300, INTERVAL_US = 200, STOPS = 150 };

static volatile sig_atomic_t signals;
static int may_be_interrupted;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void start_storm(int flags)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = flags };
	struct itimerval every = { { 0, INTERVAL_US }, { 0, INTERVAL_US } };

	check(sigaction(SIGALRM, &action, NULL) == 0);
	check(setitimer(ITIMER_REAL, &every, NULL) == 0);
}

static void stop_storm(void)
{
	struct itimerval never = { 0 };

	check(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

/* A call that a signal interrupted before luo saw it has done nothing, and can be made again. */
#define insist(call)                                                                    \
	({                                                                              \
		long got_;                                                              \
		do                                                                      \
			got_ = (call);                                                  \
		while (got_ == -1 && errno == EINTR && may_be_interrupted);             \
		got_;                                                                   \
	})

static void use_everything(int rounds)
{
	int first = next_descriptor();

	for (int i = 0; i < rounds; i++) {
		int memory = memfd_create("state", 0);
		check(memory == first);
		check(insist(ftruncate(memory, 4096)) == 0);

		int device = insist(open(LUO_DEVICE, O_RDWR | O_CLOEXEC));
		check(device == first + 1);
		check_fails(insist(open(LUO_DEVICE, O_RDWR)), EBUSY);
		int session = insist(luo_session(device, LUO_CREATE_SESSION, "storm"));
		check(session == first + 2);
		check_fails(insist(luo_session(device, LUO_CREATE_SESSION, "storm")), EEXIST);
		check(insist(luo_preserve(session, memory, 1)) == 0);
		check_fails(insist(luo_preserve(session, memory, 1)), EEXIST);
		check_fails(insist(luo_session(device, LUO_RETRIEVE_SESSION, "nobody")), ENOENT);

		int null = insist(open("/dev/null", O_RDONLY));
		check(null == first + 3);
		close(null);
		close(session);
		close(device);
		close(memory);
	}
	check(next_descriptor() == first);
}

static void storm(int flags)
{
	start_storm(flags);
	use_everything(ROUNDS);
	stop_storm();
	/* The storm was one. */
	check(signals > 100);
}

static void restarting(void)
{
	storm(SA_RESTART);
}

static void interrupting(void)
{
	may_be_interrupted = 1;
	storm(0);
}

static void stopping(void)
{
	pid_t worker = fork();

	check(worker >= 0);
	if (worker == 0) {
		use_everything(ROUNDS);
		_exit(0);
	}
	srand(1);
	for (int i = 0; i < STOPS; i++) {
		int status;
		check(kill(worker, SIGSTOP) == 0);
		check(waitpid(worker, &status, WUNTRACED) == worker);
		if (!WIFSTOPPED(status)) {
			check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			return;
		}
		check(kill(worker, SIGCONT) == 0);
		usleep(rand() % 2000);
	}
	check_child(worker);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "restarting", restarting },
		{ "interrupting", interrupting },
		{ "stopping", stopping },
	};

	return RUN_CASE(cases, argc, argv);
}
