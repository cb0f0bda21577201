/* What other people's programs do, each in its own way (docs/libsoftkey.md names
 * them), on a key with one pair and its signing certificate: habits PIN. */
#include "check.h"

/* browser lists all there is and closes nothing. It signs without having asked
 * for a PIN, and asks for one if that is refused. It digests Z itself. */
static void browser(char *pin)
{
	char names[512] = "", apps[512] = "", containers[512] = "";
	BYTE cert[4096], z[32] = {1}, e[64] = {0};
	ULONG n = sizeof names, left, type;
	DEVHANDLE dev;
	HAPPLICATION app;
	HCONTAINER con;
	HANDLE hash;
	ECCSIGNATUREBLOB signature;
	OK(SKF_EnumDev(FALSE, names, &n));
	OK(SKF_ConnectDev(names, &dev));
	n = sizeof apps;
	OK(SKF_EnumApplication(dev, apps, &n));
	OK(SKF_OpenApplication(dev, apps, &app));
	n = sizeof containers;
	OK(SKF_EnumContainer(app, containers, &n));
	OK(SKF_OpenContainer(app, containers, &con));
	OK(SKF_GetContainerType(con, &type));
	OK(SKF_ExportCertificate(con, TRUE, NULL, &n));
	OK(SKF_ExportCertificate(con, TRUE, cert, &n));
	IS(SAR_CERTNOTFOUNTERR, SKF_ExportCertificate(con, FALSE, NULL, &n));
	OK(SKF_DigestInit(dev, SGD_SM3, NULL, NULL, 0, &hash));
	OK(SKF_DigestUpdate(hash, z, sizeof z));
	OK(SKF_DigestUpdate(hash, (BYTE *)"a message", 9));
	n = sizeof e;
	OK(SKF_DigestFinal(hash, e, &n));
	TRUE_(n == 32);
	if (pin) {
		IS(SAR_USER_NOT_LOGGED_IN, SKF_ECCSignData(con, e, n, &signature));
		IS(SAR_PIN_INCORRECT, SKF_VerifyPIN(app, USER_TYPE, "wrong-pin", &left));
		TRUE_(left == 2);
		OK(SKF_VerifyPIN(app, USER_TYPE, pin, &left));
	}
	OK(SKF_ECCSignData(con, e, n, &signature)); /* the second time by other handles */
}

/* padded proves the device's key by an answer that was padded to two blocks. */
static void padded(void)
{
	BYTE key[16] = {0}, question[16] = {0}, answer[32];
	ULONG n = sizeof answer;
	BLOCKCIPHERPARAM param;
	DEVHANDLE dev = connect_first();
	HANDLE h;
	for (int bent = 0; bent < 2; bent++) {
		memset(&param, 0, sizeof param);
		param.PaddingType = 1;
		OK(SKF_SetSymmKey(dev, key, SGD_SM1_ECB, &h));
		OK(SKF_GenRandom(dev, question, 8));
		OK(SKF_EncryptInit(h, param));
		OK(SKF_Encrypt(h, question, sizeof question, answer, &n));
		TRUE_(n == sizeof answer);
		answer[31] ^= bent;
		IS(bent ? SAR_FAIL : SAR_OK, SKF_DevAuth(dev, answer, n));
		OK(SKF_CloseHandle(h));
	}
	OK(SKF_SetLabel(dev, "1234567890123456789012345678901"));
	IS(SAR_INVALIDPARAMERR, SKF_SetLabel(dev, "12345678901234567890123456789012"));
	OK(SKF_DisConnectDev(dev));
}

/* library locks twice, unlocks once and disconnects; it clears the state before
 * it closes, the container last; lists that are empty are two NULs to it. */
static void library(char *pin)
{
	char names[8];
	ULONG n = 0, left;
	DEVHANDLE dev = connect_first(), other = connect_first();
	HAPPLICATION app;
	HCONTAINER con;
	OK(SKF_LockDev(dev, 0xFFFFFFFF));
	OK(SKF_LockDev(dev, 0xFFFFFFFF));
	IS(SAR_TIMEOUTERR, SKF_LockDev(other, 0));
	OK(SKF_OpenApplication(dev, "certhall", &app));
	OK(SKF_VerifyPIN(app, USER_TYPE, pin, &left));
	OK(SKF_EnumFiles(app, NULL, &n));
	TRUE_(n == 2);
	OK(SKF_EnumFiles(app, names, &n));
	TRUE_(n == 2 && names[0] == 0 && names[1] == 0);
	OK(SKF_OpenContainer(app, "one", &con));
	OK(SKF_ClearSecureState(app));
	OK(SKF_CloseApplication(app));
	OK(SKF_CloseContainer(con));
	OK(SKF_UnlockDev(dev));
	OK(SKF_LockDev(other, 0));
	OK(SKF_DisConnectDev(dev));
	OK(SKF_DisConnectDev(other));
}

/* engine gives a buffer and says that it has no room. */
static void engine(void)
{
	char names[256] = "";
	ULONG n = 0;
	IS(SAR_BUFFER_TOO_SMALL, SKF_EnumDev(TRUE, names, &n));
	TRUE_(n == sizeof "HT-1" + 1 && names[0] == 0);
}

/* logon deletes all applications and makes its own, says that its buffers are
 * longer than they are, and closes no keys and no digests. */
static void logon(char *pin)
{
	char apps[256] = "";
	ULONG n = sizeof apps, left;
	BYTE e[33] = {0};
	ECCPUBLICKEYBLOB key, read;
	ECCSIGNATUREBLOB signature;
	DEVHANDLE dev = connect_first();
	HAPPLICATION app;
	HCONTAINER con;
	HANDLE hash;
	OK(authenticate(dev));
	OK(SKF_EnumApplication(dev, apps, &n));
	for (char *p = apps; *p; p += strlen(p) + 1)
		OK(SKF_DeleteApplication(dev, p));
	IS(SAR_APPLICATION_NOT_EXISTS, SKF_DeleteApplication(dev, ""));
	OK(SKF_CreateApplication(dev, "logon", "Admin-123", 10, pin, 10, SECURE_USER_ACCOUNT, &app));
	OK(SKF_VerifyPIN(app, USER_TYPE, pin, &left));
	OK(SKF_CreateContainer(app, "logon", &con));
	n = 0;
	IS(SAR_KEYNOTFOUNTERR, SKF_ExportPublicKey(con, TRUE, NULL, &n));
	IS(SAR_KEYNOTFOUNTERR, SKF_ExportPublicKey(con, TRUE, (BYTE *)&key, &n));
	OK(SKF_GenECCKeyPair(con, SGD_SM2_1, &key));
	OK(SKF_DisConnectDev(dev));

	dev = connect_first();
	OK(SKF_OpenApplication(dev, "logon", &app));
	IS(SAR_PIN_INCORRECT, SKF_VerifyPIN(app, USER_TYPE, "wrong-pin", &left));
	TRUE_(left == 9);
	OK(SKF_VerifyPIN(app, USER_TYPE, pin, &left));
	OK(SKF_OpenContainer(app, "logon", &con));
	OK(SKF_ExportPublicKey(con, TRUE, NULL, &n));
	OK(SKF_ExportPublicKey(con, TRUE, (BYTE *)&read, &n));
	TRUE_(memcmp(&read, &key, sizeof key) == 0);
	OK(SKF_DigestInit(dev, SGD_SM3, &key, (BYTE *)id, sizeof id - 1, &hash));
	n = 64; /* of which 33 are there */
	OK(SKF_Digest(hash, (BYTE *)"a message", 9, e, &n));
	TRUE_(n == 32 && e[32] == 0);
	OK(SKF_ECCSignData(con, e, n, &signature));
	OK(SKF_ECCVerify(dev, &key, e, n, &signature));
	OK(SKF_OpenApplication(dev, "logon", &app)); /* once more, the first is open */
	OK(SKF_ChangePIN(app, USER_TYPE, pin, "Another-1", &left));
	OK(SKF_UnblockPIN(app, "Admin-123", pin, &left));
}

int main(int argc, char **argv)
{
	TRUE_(argc == 2);
	browser(argv[1]);
	browser(NULL);
	padded();
	library(argv[1]);
	engine();
	logon(argv[1]);
	return 0;
}
