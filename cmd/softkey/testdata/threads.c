/* Many threads at once, each with handles of its own and some with shared ones:
 * threads PIN. */
#include <pthread.h>

#include "check.h"

enum { THREADS = 8, ROUNDS = 15 };

static char *pin;
static DEVHANDLE shared;
static HCONTAINER shared_container;
static ECCPUBLICKEYBLOB shared_key;

static void *work(void *number)
{
	char name[32];
	for (int round = 0; round < ROUNDS; round++) {
		DEVHANDLE dev = connect_first();
		HAPPLICATION app;
		HCONTAINER con;
		ECCPUBLICKEYBLOB pub;
		ECCSIGNATUREBLOB signature;
		BYTE e[32];
		ULONG n, tries;
		char names[1024];

		OK(SKF_OpenApplication(dev, "certhall", &app));
		OK(SKF_VerifyPIN(app, USER_TYPE, pin, &tries));
		snprintf(name, sizeof name, "thread-%d-%d", (int)(size_t)number, round);
		if (round % 4 == 0) {
			OK(SKF_LockDev(dev, 0xFFFFFFFF));
			OK(SKF_LockDev(dev, 0xFFFFFFFF));
		}
		OK(SKF_CreateContainer(app, name, &con));
		OK(SKF_GenECCKeyPair(con, SGD_SM2_1, &pub));
		digest(dev, &pub, name, e);
		OK(SKF_ECCSignData(con, e, sizeof e, &signature));
		OK(SKF_ECCVerify(dev, &pub, e, sizeof e, &signature));
		digest(shared, &shared_key, name, e);
		OK(SKF_ECCSignData(shared_container, e, sizeof e, &signature));
		OK(SKF_ECCVerify(shared, &shared_key, e, sizeof e, &signature));
		n = sizeof names;
		OK(SKF_EnumContainer(app, names, &n));
		OK(SKF_CloseContainer(con));
		OK(SKF_DeleteContainer(app, name));
		OK(SKF_UnlockDev(dev));
		if (round % 2)
			OK(SKF_CloseApplication(app));
		OK(SKF_DisConnectDev(dev));
		IS(SAR_INVALIDHANDLEERR, SKF_ECCSignData(con, e, sizeof e, &signature));
	}
	return NULL;
}

static void *wait_for_event(void *unused)
{
	char name[64];
	ULONG n = sizeof name, event;
	(void)unused;
	IS(SAR_NOT_EVENTERR, SKF_WaitForDevEvent(name, &n, &event));
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS], waiting;
	HAPPLICATION app;
	ULONG tries;
	TRUE_(argc == 2);
	pin = argv[1];
	shared = connect_first();
	OK(SKF_OpenApplication(shared, "certhall", &app));
	OK(SKF_VerifyPIN(app, USER_TYPE, pin, &tries));
	OK(SKF_CreateContainer(app, "shared", &shared_container));
	OK(SKF_GenECCKeyPair(shared_container, SGD_SM2_1, &shared_key));
	TRUE_(pthread_create(&waiting, NULL, wait_for_event, NULL) == 0);
	for (size_t i = 0; i < THREADS; i++)
		TRUE_(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (size_t i = 0; i < THREADS; i++)
		TRUE_(pthread_join(threads[i], NULL) == 0);
	OK(SKF_CancelWaitForDevEvent());
	TRUE_(pthread_join(waiting, NULL) == 0);
	OK(SKF_DisConnectDev(shared));
	return 0;
}
