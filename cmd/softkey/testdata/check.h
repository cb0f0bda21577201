/* What the programs of the tests share. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skf.h"

/* IS ends the program unless a call answers the code. */
#define IS(code, call)                                                          \
	do {                                                                    \
		ULONG is_ = (call);                                             \
		if (is_ != (ULONG)(code)) {                                     \
			fprintf(stderr, "%s:%d: %s: 0x%08X, not 0x%08X\n",      \
				__FILE__, __LINE__, #call, is_, (ULONG)(code)); \
			exit(1);                                                \
		}                                                               \
	} while (0)
#define OK(call) IS(SAR_OK, call)

#define TRUE_(what)                                                                \
	do {                                                                       \
		if (!(what)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			exit(1);                                                   \
		}                                                                  \
	} while (0)

static const char id[] = "1234567812345678";

/* fromhex reads n bytes. */
static inline void fromhex(const char *hex, BYTE *out, size_t n)
{
	TRUE_(strlen(hex) == 2 * n);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		TRUE_(sscanf(hex + 2 * i, "%2x", &byte) == 1);
		out[i] = (BYTE)byte;
	}
}

static inline void tell(const char *what, const void *data, size_t n)
{
	printf("%s ", what);
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const BYTE *)data)[i]);
	printf("\n");
}

/* connect_first opens the first device there is. */
static inline DEVHANDLE connect_first(void)
{
	char names[256];
	ULONG n = sizeof names;
	DEVHANDLE dev;
	OK(SKF_EnumDev(TRUE, names, &n));
	TRUE_(names[0] != 0);
	OK(SKF_ConnectDev(names, &dev));
	return dev;
}

/* authenticate proves the device's key, which is zeros. */
static inline ULONG authenticate(DEVHANDLE dev)
{
	BYTE key[16] = {0}, question[16] = {0}, answer[16];
	ULONG n = sizeof answer, code;
	BLOCKCIPHERPARAM param;
	HANDLE h;
	DEVINFO info;
	memset(&param, 0, sizeof param);
	OK(SKF_GetDevInfo(dev, &info));
	OK(SKF_GenRandom(dev, question, 8));
	OK(SKF_SetSymmKey(dev, key, info.DevAuthAlgId, &h));
	OK(SKF_EncryptInit(h, param));
	OK(SKF_Encrypt(h, question, sizeof question, answer, &n));
	TRUE_(n == sizeof answer);
	code = SKF_DevAuth(dev, answer, n);
	OK(SKF_CloseHandle(h));
	return code;
}

/* digest is e: SM3 over Z of the key and the message. */
static inline void digest(DEVHANDLE dev, ECCPUBLICKEYBLOB *key, const char *message, BYTE e[32])
{
	HANDLE h;
	ULONG n = 32;
	OK(SKF_DigestInit(dev, SGD_SM3, key, (BYTE *)id, sizeof id - 1, &h));
	OK(SKF_DigestUpdate(h, (BYTE *)message, 2));
	OK(SKF_DigestUpdate(h, (BYTE *)message + 2, (ULONG)strlen(message) - 2));
	OK(SKF_DigestFinal(h, e, &n));
	TRUE_(n == 32);
	OK(SKF_CloseHandle(h));
}

/* envelope wraps the key d, whose public half is pub, to a signing key. */
static inline ENVELOPEDKEYBLOB *envelope(DEVHANDLE dev, ECCPUBLICKEYBLOB *to, BYTE d[32], ECCPUBLICKEYBLOB *pub, size_t at)
{
	ENVELOPEDKEYBLOB *blob = calloc(1, sizeof *blob + 16);
	BYTE session[16];
	ULONG n = 32;
	BLOCKCIPHERPARAM param;
	HANDLE h;
	memset(&param, 0, sizeof param);
	blob->Version = 1;
	blob->ulSymmAlgID = SGD_SM4_ECB;
	blob->ulBits = 256;
	blob->PubKey = *pub;
	OK(SKF_GenRandom(dev, session, sizeof session));
	OK(SKF_SetSymmKey(dev, session, SGD_SM4_ECB, &h));
	OK(SKF_EncryptInit(h, param));
	OK(SKF_Encrypt(h, d, 32, blob->cbEncryptedPriKey + at, &n));
	OK(SKF_CloseHandle(h));
	OK(SKF_ExtECCEncrypt(dev, to, session, sizeof session, &blob->ECCCipherBlob));
	return blob;
}

#endif
