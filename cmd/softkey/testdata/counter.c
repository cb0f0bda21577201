/* One of several processes that count in a file of the key, each alone for as
 * long as it has locked the device: counter PIN ROUNDS. It says when it is
 * ready, and begins when its input ends. */
#include "check.h"

int main(int argc, char **argv)
{
	DEVHANDLE dev = connect_first();
	HAPPLICATION app;
	ULONG tries, count, n;
	TRUE_(argc == 3);
	OK(SKF_OpenApplication(dev, "certhall", &app));
	OK(SKF_VerifyPIN(app, USER_TYPE, argv[1], &tries));
	printf("ready\n");
	fflush(stdout);
	getchar();
	for (int i = 0; i < atoi(argv[2]); i++) {
		OK(SKF_LockDev(dev, 0xFFFFFFFF));
		n = sizeof count;
		OK(SKF_ReadFile(app, "count", 0, sizeof count, (BYTE *)&count, &n));
		count++;
		OK(SKF_WriteFile(app, "count", 0, (BYTE *)&count, sizeof count));
		OK(SKF_UnlockDev(dev));
	}
	OK(SKF_DisConnectDev(dev));
	return 0;
}
