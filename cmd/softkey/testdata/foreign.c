/* A program as other people write them: it looks all functions up by name,
 * authenticates the device, locks it twice, takes handles for granted, and
 * closes the container after the application. Then it loads the library once
 * more, by a header whose ULONG and BOOL are long: foreign LIBRARY PIN. */
#include <dlfcn.h>

#define SKF_HANDLES_ARE_NUMBERS /* keeps the prototypes away */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skf.h"

static void *library;

static void *look(const char *name)
{
	void *f = dlsym(library, name);
	if (!f) {
		fprintf(stderr, "no %s\n", name);
		exit(1);
	}
	return f;
}

#define CALL(name, type, ...)                                                     \
	do {                                                                      \
		ULONG is_ = ((ULONG(*) type)look(#name))(__VA_ARGS__);            \
		if (is_ != SAR_OK) {                                              \
			fprintf(stderr, "%d: %s: 0x%08X\n", __LINE__, #name, is_); \
			exit(1);                                                  \
		}                                                                 \
	} while (0)

/* WIDE is CALL where the code that is answered is eight bytes long. */
#define WIDE(name, type, ...)                                                      \
	do {                                                                       \
		unsigned long is_ = ((unsigned long(*) type)look(#name))(__VA_ARGS__); \
		if (is_ != SAR_OK) {                                               \
			fprintf(stderr, "%d: %s: 0x%lX\n", __LINE__, #name, is_);  \
			exit(1);                                                   \
		}                                                                  \
	} while (0)

int main(int argc, char **argv)
{
	unsigned long size = 0, most = 0, left = 0;
	long makers = 0;
	char names[1024], apps[1024], containers[1024];
	ULONG n = sizeof names, retry = 0, type = 0;
	HANDLE dev = 0, key = 0, app = 0, con = 0;
	DEVINFO info;
	BYTE question[16], zero[16] = {0}, answer[16], e[32] = {1}, pub[sizeof(ECCPUBLICKEYBLOB)], cert[8192];
	BLOCKCIPHERPARAM param;
	ECCSIGNATUREBLOB signature;

	if (argc != 3 || !(library = dlopen(argv[1], RTLD_NOW))) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	memset(&param, 0, sizeof param);
	CALL(SKF_EnumDev, (BOOL, char *, ULONG *), TRUE, names, &n);
	CALL(SKF_ConnectDev, (char *, HANDLE *), names, &dev);
	CALL(SKF_UnlockDev, (HANDLE), dev); /* though nobody locked it */
	CALL(SKF_LockDev, (HANDLE, ULONG), dev, 0xFFFFFFFF);
	CALL(SKF_LockDev, (HANDLE, ULONG), dev, 0xFFFFFFFF);
	CALL(SKF_GetDevInfo, (HANDLE, DEVINFO *), dev, &info);

	CALL(SKF_GenRandom, (HANDLE, BYTE *, ULONG), dev, question, 16);
	CALL(SKF_SetSymmKey, (HANDLE, BYTE *, ULONG, HANDLE *), dev, zero, info.DevAuthAlgId, &key);
	CALL(SKF_EncryptInit, (HANDLE, BLOCKCIPHERPARAM), key, param);
	n = sizeof names; /* a length left over from before */
	CALL(SKF_Encrypt, (HANDLE, BYTE *, ULONG, BYTE *, ULONG *), key, question, 16, answer, &n);
	CALL(SKF_DevAuth, (HANDLE, BYTE *, ULONG), dev, answer, n);
	CALL(SKF_CloseHandle, (HANDLE), key);

	n = sizeof apps;
	CALL(SKF_EnumApplication, (HANDLE, char *, ULONG *), dev, apps, &n);
	CALL(SKF_OpenApplication, (HANDLE, char *, HANDLE *), dev, apps, &app);
	n = sizeof containers;
	CALL(SKF_EnumContainer, (HANDLE, char *, ULONG *), app, containers, &n);
	CALL(SKF_OpenContainer, (HANDLE, char *, HANDLE *), app, containers, &con);
	CALL(SKF_VerifyPIN, (HANDLE, ULONG, char *, ULONG *), app, USER_TYPE, argv[2], &retry);
	CALL(SKF_VerifyPIN, (HANDLE, ULONG, char *, ULONG *), app, USER_TYPE, argv[2], &retry);
	CALL(SKF_GetContainerType, (HANDLE, ULONG *), con, &type);
	n = sizeof cert;
	CALL(SKF_ExportCertificate, (HANDLE, BOOL, BYTE *, ULONG *), con, TRUE, cert, &n);
	n = sizeof pub;
	CALL(SKF_ExportPublicKey, (HANDLE, BOOL, BYTE *, ULONG *), con, TRUE, pub, &n);
	CALL(SKF_ECCSignData, (HANDLE, BYTE *, ULONG, ECCSIGNATUREBLOB *), con, e, 32, &signature);
	CALL(SKF_ExtECCVerify, (HANDLE, BYTE *, BYTE *, ULONG, ECCSIGNATUREBLOB *), dev, pub, e, 32, &signature);

	CALL(SKF_CloseApplication, (HANDLE), app);
	CALL(SKF_CloseContainer, (HANDLE), con);
	CALL(SKF_CloseContainer, (HANDLE), con);
	CALL(SKF_UnlockDev, (HANDLE), dev);
	CALL(SKF_UnlockDev, (HANDLE), dev);
	CALL(SKF_DisConnectDev, (HANDLE), dev);
	CALL(SKF_DisConnectDev, (HANDLE), dev);

	if (dlclose(library) || !(library = dlopen(argv[1], RTLD_NOW)))
		return 1;
	WIDE(SKF_EnumDev, (long, char *, unsigned long *), TRUE, NULL, &size);
	if (size == 0 || size > sizeof names)
		return 1;
	WIDE(SKF_EnumDev, (long, char *, unsigned long *), TRUE, names, &size);
	WIDE(SKF_ConnectDev, (char *, HANDLE *), names, &dev);
	WIDE(SKF_OpenApplication, (HANDLE, char *, HANDLE *), dev, apps, &app);
	WIDE(SKF_GetPINInfo, (HANDLE, unsigned long, unsigned long *, unsigned long *, long *), app, USER_TYPE, &most, &left, &makers);
	if (most != 3 || left != 3 || makers)
		return 1;
	WIDE(SKF_DisConnectDev, (HANDLE), dev);
	return 0;
}
