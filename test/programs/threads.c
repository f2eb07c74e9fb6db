/* Threads that do not lead their process, with the descriptors of the process and with their own. */
#include "check.h"
#include "../../examples/agent/liveupdate.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

static void run_in_thread(void *(*work)(void *))
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, work, NULL) == 0);
	check(pthread_join(thread, NULL) == 0);
}

static int new_memory(void)
{
	int memory = memfd_create("state", 0);

	check(memory >= 0 && ftruncate(memory, 4096) == 0);
	return memory;
}

static void use_all(void)
{
	int memory = new_memory();
	int device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	int session = luo_session(device, LUO_CREATE_SESSION, "thread");

	check(session >= 0);
	check(luo_preserve(session, memory, 1) == 0);
	check_fails(ftruncate(memory, 8192), EPERM);
	close(session);
	check(ftruncate(memory, 8192) == 0);
	close(device);
	close(memory);
}

static void *use_all_in_thread(void *nothing)
{
	use_all();
	return nothing;
}

static void thread_that_does_not_lead(void)
{
	run_in_thread(use_all_in_thread);
}

static pthread_t leader;

static void *outlive_leader(void *nothing)
{
	check(pthread_join(leader, NULL) == 0);
	use_all();
	exit(0);
	return nothing;
}

static void thread_without_leader(void)
{
	pthread_t thread;

	leader = pthread_self();
	check(pthread_create(&thread, NULL, outlive_leader, NULL) == 0);
	pthread_exit(NULL);
}

static int device, session, shared_number;

/* The number means one file in this thread, and another one in the rest of the process. */
static void *preserve_own_descriptor(void *nothing)
{
	int own = new_memory();

	check(unshare(CLONE_FILES) == 0);
	check(dup2(own, shared_number) == shared_number);
	check(luo_preserve(session, shared_number, 1) == 0);
	check_fails(ftruncate(own, 8192), EPERM);

	int null = open("/dev/null", O_RDWR);
	check(dup2(null, shared_number) == shared_number);
	check_fails(luo_preserve(session, shared_number, 2), ENOENT);

	/* What the machine gives goes into the table of the thread. */
	int expected = next_descriptor();
	check(luo_session(device, LUO_CREATE_SESSION, "own") == expected);
	return nothing;
}

static void thread_with_own_descriptors(void)
{
	shared_number = new_memory();
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	session = luo_session(device, LUO_CREATE_SESSION, "shared");
	check(session >= 0);
	run_in_thread(preserve_own_descriptor);
	/* The session that only the thread had is gone with it: Linux closes its table a moment after it can be joined. */
	while (luo_session(device, LUO_CREATE_SESSION, "own") < 0)
		check(errno == EEXIST);
	/* The file of the leader was never touched. */
	check(ftruncate(shared_number, 8192) == 0);
}

/* Where only the table of the leader can be asked, what is not the same there is refused. */
static void *fail_to_preserve(void *nothing)
{
	int own = new_memory();

	check(unshare(CLONE_FILES) == 0);
	check(dup2(own, shared_number) == shared_number);
	check_fails(luo_preserve(session, shared_number, 1), EPERM);
	return nothing;
}

static void thread_that_cannot_be_asked(void)
{
	shared_number = new_memory();
	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	session = luo_session(device, LUO_CREATE_SESSION, "shared");
	run_in_thread(fail_to_preserve);
	check(luo_preserve(session, shared_number, 1) == 0);
}

enum { THREADS = 8, SESSIONS_EACH = 50 };

static void *create_sessions(void *argument)
{
	int memory = new_memory();

	for (int i = 0; i < SESSIONS_EACH; i++) {
		char name[32];
		snprintf(name, sizeof name, "%ld-%d", (long)argument, i);
		int own = luo_session(device, LUO_CREATE_SESSION, name);
		check(own >= 0);
		check(luo_preserve(own, memory, i) == 0);
		check_fails(luo_session(device, LUO_CREATE_SESSION, name), EEXIST);
		check(close(own) == 0);
	}
	close(memory);
	return NULL;
}

static void many_threads_at_once(void)
{
	pthread_t threads[THREADS];

	device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
	check(device >= 0);
	int first = next_descriptor();
	for (long i = 0; i < THREADS; i++)
		check(pthread_create(&threads[i], NULL, create_sessions, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		check(pthread_join(threads[i], NULL) == 0);
	check(next_descriptor() == first);
}

/* A process that is number 1 for itself, and another one for luo. */
static void in_own_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
		puts("refused");
		return;
	}
	pid_t child = fork();
	check(child >= 0);
	if (child == 0) {
		char text[64] = "";

		check(getpid() == 1);
		use_all();
		run_in_thread(use_all_in_thread);
		device = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);
		session = luo_session(device, LUO_CREATE_SESSION, "inner");
		check(session == 4 && readlink("/proc/self/fd/4", text, sizeof text) > 0);
		check(strcmp(text, "anon_inode:[luo_session] inner") == 0);
		_exit(0);
	}
	check_child(child);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "not-leading", thread_that_does_not_lead },
		{ "leader-ended", thread_without_leader },
		{ "own-descriptors", thread_with_own_descriptors },
		{ "cannot-be-asked", thread_that_cannot_be_asked },
		{ "many", many_threads_at_once },
		{ "namespace", in_own_namespace },
	};

	return RUN_CASE(cases, argc, argv);
}
