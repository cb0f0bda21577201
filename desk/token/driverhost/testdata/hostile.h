/* What hostile libraries have in common: the file named by HOSTILE says what to
   do and in which function ("crash SKF_EnumDev", "hang load"); without it they
   behave. */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef _WIN32
#include <io.h>
#include <process.h>
__declspec(dllimport) void Sleep(unsigned long);
__declspec(dllimport) unsigned long GetModuleFileNameA(void *, char *, unsigned long);
#define pause() Sleep(0xFFFFFFFF)
#define interrupt()
#define ignore_signals()
#else
#define interrupt() kill(getpid(), SIGURG)
#define ignore_signals() for (int s = 1; s < 65; s++) signal(s, SIG_IGN)
#endif

/* deed is what to do in fn; "" is nothing. */
static const char *deed(const char *fn) {
	static _Thread_local char said[64], where[64];
	const char *path = getenv("HOSTILE");
	FILE *f = path ? fopen(path, "r") : 0;
	if (!f) return "";
	int n = fscanf(f, "%63s %63s", said, where);
	fclose(f);
	return n == 2 && !strcmp(where, fn) ? said : "";
}

/* say lets the test know that the deed is being done, and keeps the line open. */
static void say(void) {
	int fd = open(getenv("TOLD"), O_WRONLY);
	if (fd >= 0) (void)!write(fd, "!", 1);
}

/* start leaves a process behind that has the line open. */
static void start(void) {
#ifdef _WIN32
	char self[512];
	say();
	GetModuleFileNameA(0, self, sizeof self);
	_putenv("DRIVERHOST_TEST_STAYS=1");
	_spawnl(_P_NOWAIT, self, "stays", (char *)0);
#else
	if (fork() == 0) { say(); for (;;) pause(); }
#endif
}

static void *trouble(void *arg) {
	(void)arg;
	for (int i = 0; i < 50; i++) {
		interrupt();
		printf("a thread of its own\n");
		usleep(100);
	}
	return 0;
}

static void *fatal(void *arg) { (void)arg; *(volatile int *)0 = 1; return 0; }

/* act does what is fatal or impolite; what a function answers wrongly is left to it. */
static void act(const char *fn) {
	const char *d = deed(fn);
	pthread_t t;
	if (!strcmp(d, "crash")) *(volatile int *)0 = 1;
	if (!strcmp(d, "abort")) abort();
	if (!strcmp(d, "exit")) exit(0);
	if (!strcmp(d, "hang")) { say(); for (;;) pause(); }
	if (!strcmp(d, "stack")) { char *p = alloca(1 << 30); p[0] = 1; p[1 << 20] = 1; }
	if (!strcmp(d, "print")) {
		for (int i = 0; i < 5000; i++) printf("{\"id\":%d}\n", i);
		fflush(stdout);
		(void)!write(1, "\n\n{}", 4);
	}
	if (!strcmp(d, "closefds")) {
		for (int fd = 0; fd < 1024; fd++) close(fd);
#ifndef _WIN32
		while (open("/dev/null", O_RDWR) < 2); /* or what is printed lands in the token's files */
#endif
	}
	if (!strcmp(d, "signals")) ignore_signals();
	if (!strcmp(d, "fork")) start();
	if (!strcmp(d, "thread")) pthread_create(&t, 0, trouble, 0);
	if (!strcmp(d, "fatalthread")) pthread_create(&t, 0, fatal, 0), pthread_join(t, 0);
}

__attribute__((constructor)) static void loaded(void) { act("load"); }
