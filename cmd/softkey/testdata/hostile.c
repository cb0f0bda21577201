/* A caller that does everything wrong: no call may crash, and none may succeed
 * that must not. hostile PIN [memory]: with memory, pointers to what is not
 * there too. */
#include <sys/mman.h>

#include "check.h"

/* REFUSED ends the program if a call succeeds. */
#define REFUSED(call)                                                                  \
	do {                                                                           \
		if ((call) == SAR_OK) {                                                \
			fprintf(stderr, "%s:%d: %s succeeds\n", __FILE__, __LINE__, #call); \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

static ULONG length;
static BYTE room[4096];

/* every calls all functions with a handle, pointers and a length. */
static void every(HANDLE h, void *p, ULONG *len, ULONG n)
{
	BLOCKCIPHERPARAM param;
	HANDLE *handles = p;
	memset(&param, 0xFF, sizeof param);
	REFUSED(SKF_ConnectDev(p, handles));
	REFUSED(SKF_SetLabel(h, p));
	REFUSED(SKF_GetDevInfo(h, p));
	REFUSED(SKF_LockDev(h, 0));
	REFUSED(SKF_UnlockDev(h));
	REFUSED(SKF_Transmit(h, p, n, p, len));
	REFUSED(SKF_ChangeDevAuthKey(h, p, n));
	REFUSED(SKF_DevAuth(h, p, n));
	REFUSED(SKF_ChangePIN(h, n, p, p, len));
	REFUSED(SKF_GetPINInfo(h, n, len, len, p));
	REFUSED(SKF_VerifyPIN(h, USER_TYPE, p, len));
	REFUSED(SKF_VerifyPIN(h, n, p, len));
	REFUSED(SKF_UnblockPIN(h, p, p, len));
	REFUSED(SKF_ClearSecureState(h));
	REFUSED(V_GenUnlockRequest(h, p, len));
	REFUSED(V_UnlockByResponse(h, p, n, p, len));
	REFUSED(SKF_CreateApplication(h, p, p, n, p, n, n, handles));
	REFUSED(SKF_EnumApplication(h, p, len));
	REFUSED(SKF_DeleteApplication(h, p));
	REFUSED(SKF_OpenApplication(h, p, handles));
	REFUSED(SKF_CreateFile(h, p, n, n, n));
	REFUSED(SKF_DeleteFile(h, p));
	REFUSED(SKF_EnumFiles(h, p, len));
	REFUSED(SKF_GetFileInfo(h, p, p));
	REFUSED(SKF_ReadFile(h, p, n, n, p, len));
	REFUSED(SKF_WriteFile(h, p, n, p, n));
	REFUSED(SKF_CreateContainer(h, p, handles));
	REFUSED(SKF_DeleteContainer(h, p));
	REFUSED(SKF_OpenContainer(h, p, handles));
	REFUSED(SKF_EnumContainer(h, p, len));
	REFUSED(SKF_GetContainerType(h, len));
	REFUSED(SKF_ImportCertificate(h, TRUE, p, n));
	REFUSED(SKF_ExportCertificate(h, TRUE, p, len));
	REFUSED(SKF_GenRandom(h, p, n));
	REFUSED(SKF_GenExtRSAKey(h, n, p));
	REFUSED(SKF_GenRSAKeyPair(h, n, p));
	REFUSED(SKF_ImportRSAKeyPair(h, n, p, n, p, n));
	REFUSED(SKF_RSASignData(h, p, n, p, len));
	REFUSED(SKF_RSAVerify(h, p, p, n, p, n));
	REFUSED(SKF_RSAExportSessionKey(h, SGD_SM4_ECB, p, p, len, handles));
	REFUSED(SKF_ExtRSAPubKeyOperation(h, p, p, n, p, len));
	REFUSED(SKF_ExtRSAPriKeyOperation(h, p, p, n, p, len));
	REFUSED(SKF_GenECCKeyPair(h, SGD_SM2_1, p));
	REFUSED(SKF_ImportECCKeyPair(h, p));
	REFUSED(SKF_ECCSignData(h, p, n, p));
	REFUSED(SKF_ECCVerify(h, p, p, n, p));
	REFUSED(SKF_ECCExportSessionKey(h, SGD_SM4_ECB, p, p, handles));
	REFUSED(SKF_ExtECCEncrypt(h, p, p, n, p));
	REFUSED(SKF_ExtECCDecrypt(h, p, p, p, len));
	REFUSED(SKF_ExtECCSign(h, p, p, n, p));
	REFUSED(SKF_ExtECCVerify(h, p, p, n, p));
	REFUSED(SKF_GenerateAgreementDataWithECC(h, n, p, p, n, handles));
	REFUSED(SKF_GenerateAgreementDataAndKeyWithECC(h, n, p, p, p, p, n, p, n, handles));
	REFUSED(SKF_GenerateKeyWithECC(h, p, p, p, n, handles));
	REFUSED(SKF_ExportPublicKey(h, TRUE, p, len));
	REFUSED(SKF_ImportSessionKey(h, SGD_SM4_ECB, p, n, handles));
	REFUSED(SKF_SetSymmKey(h, p, n, handles));
	REFUSED(SKF_EncryptInit(h, param));
	REFUSED(SKF_Encrypt(h, p, n, p, len));
	REFUSED(SKF_EncryptUpdate(h, p, n, p, len));
	REFUSED(SKF_EncryptFinal(h, p, len));
	REFUSED(SKF_DecryptInit(h, param));
	REFUSED(SKF_Decrypt(h, p, n, p, len));
	REFUSED(SKF_DecryptUpdate(h, p, n, p, len));
	REFUSED(SKF_DecryptFinal(h, p, len));
	REFUSED(SKF_DigestInit(h, n, p, p, n, handles));
	REFUSED(SKF_Digest(h, p, n, p, len));
	REFUSED(SKF_DigestUpdate(h, p, n));
	REFUSED(SKF_DigestFinal(h, p, len));
	REFUSED(SKF_MacInit(h, p, handles));
	REFUSED(SKF_Mac(h, p, n, p, len));
	REFUSED(SKF_MacUpdate(h, p, n));
	REFUSED(SKF_MacFinal(h, p, len));
	REFUSED(SKF_ECCDecrypt(h, p, p, len));
	REFUSED(SKF_ECCPrvKeyDecrypt(h, p, p, len));
	REFUSED(V_ECCPrvKeyDecrypt(h, 1, p, p, len));
}

static void no_handle(void *p, ULONG *len)
{
	static const ULONG lengths[] = {0, 1, 7, 16, 32, 132, 4096, 0x7FFFFFFF, 0xFFFFFFFF};
	HANDLE handles[] = {NULL, (HANDLE)1, (HANDLE)-1, (HANDLE)0x5EE0004, room};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (size_t k = 0; k < sizeof handles / sizeof *handles; k++) {
			length = sizeof room;
			every(handles[k], p, len, lengths[i]);
		}
	srand(1);
	for (int i = 0; i < 200; i++) {
		length = sizeof room;
		every((HANDLE)(size_t)rand(), p, len, 16);
	}
}

/* wrong_kind gives every function handles of the other kinds. */
static void wrong_kind(HANDLE dev, HANDLE app, HANDLE con, HANDLE key)
{
	ULONG n = sizeof room;
	BYTE out[4096];
	HANDLE h;
	IS(SAR_INVALIDHANDLEERR, SKF_GetDevInfo(app, (DEVINFO *)out));
	IS(SAR_INVALIDHANDLEERR, SKF_GetDevInfo(con, (DEVINFO *)out));
	IS(SAR_INVALIDHANDLEERR, SKF_VerifyPIN(dev, USER_TYPE, "123456", &n));
	IS(SAR_INVALIDHANDLEERR, SKF_EnumContainer(con, NULL, &n));
	IS(SAR_INVALIDHANDLEERR, SKF_GetContainerType(app, &n));
	IS(SAR_INVALIDHANDLEERR, SKF_GetContainerType(key, &n));
	IS(SAR_INVALIDHANDLEERR, SKF_DigestUpdate(key, out, 1));
	IS(SAR_INVALIDHANDLEERR, SKF_MacUpdate(key, out, 1));
	IS(SAR_INVALIDHANDLEERR, SKF_CloseHandle(dev));
	IS(SAR_INVALIDHANDLEERR, SKF_CloseApplication(dev));
	IS(SAR_INVALIDHANDLEERR, SKF_CloseContainer(app));
	IS(SAR_INVALIDHANDLEERR, SKF_DisConnectDev(con));
	IS(SAR_INVALIDHANDLEERR, SKF_SetSymmKey(app, out, SGD_SM4_ECB, &h));
}

/* bad_input gives open handles what they cannot take. */
static void bad_input(HANDLE dev, HANDLE app, HANDLE con, HANDLE key)
{
	char endless[2048];
	HANDLE h;
	ULONG n;
	BLOCKCIPHERPARAM param;
	static ENVELOPEDKEYBLOB blob;
	static ECCCIPHERBLOB sealed;
	static ECCPUBLICKEYBLOB pub;
	static ECCSIGNATUREBLOB signature;
	memset(endless, 'a', sizeof endless);
	IS(SAR_INVALIDPARAMERR, SKF_EnumDev(TRUE, NULL, NULL));
	IS(SAR_INVALIDPARAMERR, SKF_ConnectDev(NULL, &h));
	IS(SAR_INVALIDPARAMERR, SKF_GetDevState(NULL, &n));
	IS(SAR_INVALIDPARAMERR, SKF_GetDevState(endless, NULL));
	IS(SAR_INVALIDPARAMERR, SKF_WaitForDevEvent(NULL, &n, &n));
	IS(SAR_INVALIDHANDLEERR, SKF_DisConnectDev(NULL));
	IS(SAR_INVALIDHANDLEERR, SKF_CloseContainer((HANDLE)7));
	IS(SAR_INVALIDHANDLEERR, SKF_CloseHandle((HANDLE)-1));
	IS(SAR_INVALIDPARAMERR, SKF_OpenApplication(dev, endless, &h));
	IS(SAR_INVALIDPARAMERR, SKF_VerifyPIN(app, USER_TYPE, endless, &n));
	IS(SAR_INVALIDPARAMERR, SKF_VerifyPIN(app, USER_TYPE, NULL, NULL));
	IS(SAR_PIN_LEN_RANGE, SKF_VerifyPIN(app, USER_TYPE, "", NULL));
	IS(SAR_INVALIDPARAMERR, SKF_CreateContainer(app, "x", NULL));
	IS(SAR_NAMELENERR, SKF_CreateContainer(app, "", &h));
	IS(SAR_INVALIDPARAMERR, SKF_CreateContainer(app, "\xFF\xFE", &h));
	IS(SAR_INVALIDPARAMERR, SKF_SetLabel(dev, "a label that is longer than DEVINFO has"));
	IS(SAR_INVALIDPARAMERR, SKF_EnumContainer(app, endless, NULL));
	IS(SAR_INVALIDPARAMERR, SKF_GetDevInfo(dev, NULL));
	IS(SAR_INVALIDPARAMERR, SKF_GenRandom(dev, NULL, 8));
	IS(SAR_INDATALENERR, SKF_GenRandom(dev, (BYTE *)endless, 0));
	IS(SAR_INDATALENERR, SKF_GenRandom(dev, (BYTE *)endless, 0xFFFFFFFF));
	IS(SAR_INDATALENERR, SKF_ImportCertificate(con, TRUE, (BYTE *)endless, 0));
	IS(SAR_INDATALENERR, SKF_ImportCertificate(con, TRUE, (BYTE *)endless, 0xFFFFFFFF));
	IS(SAR_INVALIDPARAMERR, SKF_ImportCertificate(con, TRUE, NULL, 7));
	IS(SAR_INVALIDPARAMERR, SKF_GenECCKeyPair(con, SGD_SM2_1, NULL));
	IS(SAR_INDATALENERR, SKF_ECCSignData(con, (BYTE *)endless, 31, &signature));
	IS(SAR_INDATALENERR, SKF_ECCSignData(con, (BYTE *)endless, 33, &signature));
	IS(SAR_INVALIDPARAMERR, SKF_ECCSignData(con, (BYTE *)endless, 32, NULL));
	IS(SAR_INVALIDPARAMERR, SKF_ECCVerify(dev, &pub, (BYTE *)endless, 32, &signature));
	memset(&blob, 0xFF, sizeof blob);
	IS(SAR_INDATALENERR, SKF_ImportECCKeyPair(con, &blob));
	blob.ECCCipherBlob.CipherLen = 0;
	IS(SAR_INDATAERR, SKF_ImportECCKeyPair(con, &blob));
	n = sizeof endless;
	sealed.CipherLen = 0x7FFFFFFF;
	IS(SAR_INDATALENERR, V_ECCPrvKeyDecrypt(con, 2, &sealed, (BYTE *)endless, &n));
	sealed.CipherLen = 1;
	IS(SAR_INDATAERR, V_ECCPrvKeyDecrypt(con, 2, &sealed, (BYTE *)endless, &n));
	IS(SAR_INVALIDPARAMERR, V_ECCPrvKeyDecrypt(con, 9, &sealed, (BYTE *)endless, &n));
	IS(SAR_NOTSUPPORTYETERR, SKF_SetSymmKey(dev, (BYTE *)endless, 0x12345678, &h));
	memset(&param, 0xFF, sizeof param);
	IS(SAR_INVALIDPARAMERR, SKF_EncryptInit(key, param));
	IS(SAR_NOTINITIALIZEERR, SKF_Encrypt(key, (BYTE *)endless, 16, (BYTE *)endless, &n));
	memset(&param, 0, sizeof param);
	OK(SKF_EncryptInit(key, param));
	IS(SAR_INDATALENERR, SKF_Encrypt(key, (BYTE *)endless, 15, (BYTE *)endless, &n));
	IS(SAR_INDATALENERR, SKF_Encrypt(key, (BYTE *)endless, 0xFFFFFFFF, (BYTE *)endless, &n));
	IS(SAR_INVALIDPARAMERR, SKF_Encrypt(key, NULL, 16, (BYTE *)endless, &n));
	IS(SAR_INVALIDPARAMERR, SKF_Encrypt(key, (BYTE *)endless, 16, (BYTE *)endless, NULL));
	n = 15;
	IS(SAR_BUFFER_TOO_SMALL, SKF_Encrypt(key, (BYTE *)endless, 16, (BYTE *)endless, &n));
	TRUE_(n == 16);
	IS(SAR_NOTSUPPORTYETERR, SKF_DigestInit(dev, 99, NULL, NULL, 0, &h));
	IS(SAR_INVALIDPARAMERR, SKF_DigestInit(dev, SGD_SM3, NULL, (BYTE *)id, 16, &h));
	IS(SAR_INVALIDPARAMERR, SKF_DigestInit(dev, SGD_SM3, &pub, (BYTE *)id, 16, &h));
}

int main(int argc, char **argv)
{
	HANDLE dev = connect_first(), app, con, key;
	ULONG tries;
	BYTE zero[16] = {0};
	ECCPUBLICKEYBLOB pub;
	TRUE_(argc >= 2);
	OK(SKF_OpenApplication(dev, "certhall", &app));
	OK(SKF_VerifyPIN(app, USER_TYPE, argv[1], &tries));
	OK(SKF_CreateContainer(app, "one", &con));
	OK(SKF_GenECCKeyPair(con, SGD_SM2_1, &pub));
	OK(SKF_SetSymmKey(dev, zero, SGD_SM4_ECB, &key));

	no_handle(NULL, NULL);
	no_handle(NULL, &length);
	no_handle(room, &length);
	no_handle(room, NULL);
	wrong_kind(dev, app, con, key);
	bad_input(dev, app, con, key);
	if (argc > 2) {
		void *nothing = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		BYTE *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ULONG n = 4096;
		TRUE_(nothing != MAP_FAILED && edge != MAP_FAILED && mprotect(edge + 4096, 4096, PROT_NONE) == 0);
		for (int i = 0; i < 3; i++) {
			no_handle(nothing, nothing);
			no_handle((void *)16, (void *)16);
			IS(SAR_INVALIDPARAMERR, SKF_ImportCertificate(con, TRUE, edge + 4090, 100));
			IS(SAR_INVALIDPARAMERR, SKF_ECCSignData(con, edge + 4096, 32, (ECCSIGNATUREBLOB *)room));
			IS(SAR_INVALIDPARAMERR, SKF_GetDevInfo(dev, (DEVINFO *)(edge + 4000)));
			IS(SAR_INVALIDPARAMERR, SKF_EnumContainer(app, (char *)edge + 4094, &n));
			n = 4096;
		}
	}

	/* after all that the key still works */
	OK(SKF_ECCSignData(con, (BYTE[32]){1}, 32, (ECCSIGNATUREBLOB *)room));
	OK(SKF_ECCVerify(dev, &pub, (BYTE[32]){1}, 32, (ECCSIGNATUREBLOB *)room));
	OK(SKF_DisConnectDev(dev));
	return 0;
}
