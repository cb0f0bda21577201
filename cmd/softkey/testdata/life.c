/* The whole life of a certificate's client, from an empty key to two pairs:
 * life PIN ADMINPIN D X Y, the last three a key in hexadecimal numbers that an
 * escrow made. It prints what the test checks by other means. */
#include "check.h"

static DEVHANDLE dev;
static HAPPLICATION app;
static HCONTAINER con;

static void devices(void)
{
	ULONG n = 0, state;
	char *names;
	DEVINFO info;
	OK(SKF_EnumDev(TRUE, NULL, &n));
	names = malloc(n);
	n--;
	IS(SAR_BUFFER_TOO_SMALL, SKF_EnumDev(TRUE, names, &n));
	OK(SKF_EnumDev(TRUE, names, &n));
	TRUE_(names[n - 1] == 0 && names[n - 2] == 0);
	OK(SKF_GetDevState(names, &state));
	TRUE_(state == DEV_PRESENT_STATE);
	OK(SKF_GetDevState("nobody", &state));
	TRUE_(state == DEV_ABSENT_STATE);
	IS(SAR_DEVICE_REMOVED, SKF_ConnectDev("nobody", &dev));
	OK(SKF_ConnectDev(names, &dev));
	free(names);
	OK(SKF_SetLabel(dev, "label"));
	OK(SKF_GetDevInfo(dev, &info));
	TRUE_(strcmp(info.Label, "label") == 0 && info.FreeSpace > 0);
	tell("serial", info.SerialNumber, strlen(info.SerialNumber));
	OK(SKF_LockDev(dev, 0xFFFFFFFF));
	IS(SAR_NOTSUPPORTYETERR, SKF_Transmit(dev, NULL, 0, NULL, NULL));
}

static void applications(char *pin, char *admin)
{
	char names[64];
	ULONG n = sizeof names, tries, most, left;
	BOOL makers;
	HAPPLICATION second;
	IS(SAR_USER_NOT_LOGGED_IN, SKF_CreateApplication(dev, "second", admin, 5, pin, 4, SECURE_USER_ACCOUNT, &second));
	OK(authenticate(dev));
	OK(SKF_CreateApplication(dev, "second", admin, 5, pin, 4, SECURE_USER_ACCOUNT, &second));
	OK(SKF_EnumApplication(dev, names, &n));
	TRUE_(n == sizeof "certhall" + sizeof "second" + 1);
	TRUE_(strcmp(names, "certhall") == 0 && strcmp(names + sizeof "certhall", "second") == 0);
	OK(SKF_GetPINInfo(second, USER_TYPE, &most, &left, &makers));
	TRUE_(most == 4 && left == 4 && !makers);
	OK(SKF_CloseApplication(second));
	OK(SKF_DeleteApplication(dev, "second"));
	IS(SAR_APPLICATION_NOT_EXISTS, SKF_OpenApplication(dev, "second", &second));

	OK(SKF_OpenApplication(dev, "certhall", &app));
	IS(SAR_USER_NOT_LOGGED_IN, SKF_CreateContainer(app, "one", &con));
	IS(SAR_PIN_INCORRECT, SKF_VerifyPIN(app, USER_TYPE, "wrong-pin", &tries));
	TRUE_(tries == 2);
	OK(SKF_VerifyPIN(app, USER_TYPE, pin, &tries));
	IS(SAR_PIN_LEN_RANGE, SKF_ChangePIN(app, USER_TYPE, pin, "1", &tries));
	OK(SKF_ChangePIN(app, USER_TYPE, pin, "Another-1", &tries));
	OK(SKF_UnblockPIN(app, admin, pin, &tries));
	OK(SKF_VerifyPIN(app, USER_TYPE, pin, &tries));
}

static void files(void)
{
	FILEATTRIBUTE a;
	BYTE out[8];
	ULONG n = sizeof out;
	char names[64];
	OK(SKF_CreateFile(app, "notes", 8, SECURE_ANYONE_ACCOUNT, SECURE_USER_ACCOUNT));
	OK(SKF_WriteFile(app, "notes", 2, (BYTE *)"hello", 5));
	OK(SKF_ReadFile(app, "notes", 0, 100, out, &n));
	TRUE_(n == 8 && memcmp(out, "\0\0hello", 8) == 0);
	OK(SKF_GetFileInfo(app, "notes", &a));
	TRUE_(a.FileSize == 8 && strcmp(a.FileName, "notes") == 0 && a.WriteRights == SECURE_USER_ACCOUNT);
	n = sizeof names;
	OK(SKF_EnumFiles(app, names, &n));
	TRUE_(n == sizeof "notes" + 1);
	OK(SKF_DeleteFile(app, "notes"));
	IS(SAR_FILE_NOT_EXIST, SKF_GetFileInfo(app, "notes", &a));
}

static void pairs(char **hex)
{
	ECCPUBLICKEYBLOB signing, encryption, got;
	ECCSIGNATUREBLOB signature;
	BYTE d[32], e[32], cert[64];
	ULONG n, kind;
	ENVELOPEDKEYBLOB *blob;

	OK(SKF_CreateContainer(app, "one", &con));
	IS(SAR_NOTSUPPORTYETERR, SKF_GenECCKeyPair(con, SGD_RSA, &signing));
	OK(SKF_GenECCKeyPair(con, SGD_SM2_2, &signing));
	OK(SKF_GenECCKeyPair(con, SGD_SM2_1, &signing));
	digest(dev, &signing, "a message", e);
	OK(SKF_ECCSignData(con, e, sizeof e, &signature));
	OK(SKF_ECCVerify(dev, &signing, e, sizeof e, &signature));
	OK(SKF_ExtECCVerify(dev, &signing, e, sizeof e, &signature));
	tell("public", &signing, sizeof signing);
	tell("signature", &signature, sizeof signature);
	signature.s[63] ^= 1;
	IS(SAR_HASHNOTEQUALERR, SKF_ECCVerify(dev, &signing, e, sizeof e, &signature));
	OK(SKF_ImportCertificate(con, TRUE, (BYTE *)"signing certificate", 19));

	memset(&encryption, 0, sizeof encryption);
	encryption.BitLen = 256;
	fromhex(hex[0], d, 32);
	fromhex(hex[1], encryption.XCoordinate + 32, 32);
	fromhex(hex[2], encryption.YCoordinate + 32, 32);
	blob = envelope(dev, &signing, d, &signing, 32);
	IS(SAR_INDATAERR, SKF_ImportECCKeyPair(con, blob)); /* of another key */
	free(blob);
	for (size_t at = 0; at <= 32; at += 32) {
		blob = envelope(dev, &signing, d, &encryption, at);
		OK(SKF_ImportECCKeyPair(con, blob));
		free(blob);
	}
	OK(SKF_ImportCertificate(con, FALSE, (BYTE *)"encryption certificate", 22));

	OK(SKF_GetContainerType(con, &kind));
	TRUE_(kind == CONTAINER_TYPE_ECC);
	n = sizeof got;
	OK(SKF_ExportPublicKey(con, FALSE, (BYTE *)&got, &n));
	TRUE_(n == sizeof got && memcmp(&got, &encryption, n) == 0);
	n = 3;
	IS(SAR_BUFFER_TOO_SMALL, SKF_ExportCertificate(con, FALSE, cert, &n));
	TRUE_(n == 22);
	OK(SKF_ExportCertificate(con, FALSE, cert, &n));
	TRUE_(memcmp(cert, "encryption certificate", 22) == 0);
}

static void secrets(void)
{
	union {
		ECCCIPHERBLOB blob;
		BYTE bytes[sizeof(ECCCIPHERBLOB) + 64];
	} sealed;
	ECCPUBLICKEYBLOB encryption;
	BLOCKCIPHERPARAM param;
	BYTE plain[64], more[64];
	ULONG n = sizeof encryption, m;
	HANDLE one, two, mac;

	OK(SKF_ExportPublicKey(con, FALSE, (BYTE *)&encryption, &n));
	OK(SKF_ExtECCEncrypt(dev, &encryption, (BYTE *)"a secret", 8, &sealed.blob));
	TRUE_(sealed.blob.CipherLen == 8);
	OK(SKF_ECCDecrypt(con, &sealed.blob, NULL, &n));
	TRUE_(n == 8);
	OK(SKF_ECCDecrypt(con, &sealed.blob, plain, &n));
	TRUE_(n == 8 && memcmp(plain, "a secret", 8) == 0);
	OK(SKF_ECCPrvKeyDecrypt(con, &sealed.blob, plain, &n));
	OK(V_ECCPrvKeyDecrypt(con, 1, &sealed.blob, plain, &n));
	n = sizeof plain;
	IS(SAR_INDATAERR, V_ECCPrvKeyDecrypt(con, 2, &sealed.blob, plain, &n));

	OK(SKF_ECCExportSessionKey(con, SGD_SM4_CBC, &encryption, &sealed.blob, &one));
	OK(SKF_ImportSessionKey(con, SGD_SM4_CBC, sealed.bytes, 180, &two));
	memset(&param, 7, sizeof param);
	param.IVLen = 16;
	param.PaddingType = 1;
	OK(SKF_EncryptInit(one, param));
	OK(SKF_DecryptInit(two, param));
	n = sizeof more;
	OK(SKF_EncryptUpdate(one, (BYTE *)"a text that is longer than a block", 34, more, &n));
	TRUE_(n == 32);
	m = sizeof more - n;
	OK(SKF_EncryptFinal(one, more + n, &m));
	TRUE_(m == 16);
	m = sizeof plain;
	OK(SKF_Decrypt(two, more, 48, plain, &m));
	TRUE_(m == 34 && memcmp(plain, "a text that is longer than a block", 34) == 0);
	param.IVLen = 0;
	param.PaddingType = 0;
	OK(SKF_MacInit(one, &param, &mac));
	m = sizeof plain;
	OK(SKF_Mac(mac, more, 48, plain, &m));
	TRUE_(m == 16);
	OK(SKF_CloseHandle(mac));
	OK(SKF_CloseHandle(one));
	OK(SKF_CloseHandle(two));
	OK(SKF_CloseHandle(two));
}

static void rsa(void)
{
	HCONTAINER c;
	RSAPUBLICKEYBLOB key;
	BYTE signature[256], wrapped[256];
	ULONG n = sizeof signature, kind;
	HANDLE one, two;
	OK(SKF_CreateContainer(app, "rsa", &c));
	IS(SAR_RSAMODULUSLENERR, SKF_GenRSAKeyPair(c, 1024, &key));
	OK(SKF_GenRSAKeyPair(c, 2048, &key));
	OK(SKF_GetContainerType(c, &kind));
	TRUE_(kind == CONTAINER_TYPE_RSA);
	OK(SKF_RSASignData(c, (BYTE *)"digest", 6, signature, &n));
	TRUE_(n == 256);
	OK(SKF_RSAVerify(dev, &key, (BYTE *)"digest", 6, signature, n));
	IS(SAR_HASHNOTEQUALERR, SKF_RSAVerify(dev, &key, (BYTE *)"Digest", 6, signature, n));
	OK(SKF_RSAExportSessionKey(c, SGD_SM4_ECB, &key, wrapped, &n, &one));
	OK(SKF_ImportSessionKey(c, SGD_SM4_ECB, wrapped, n, &two));
	IS(SAR_KEYUSAGEERR, SKF_ECCSignData(c, signature, 32, (ECCSIGNATUREBLOB *)wrapped));
	OK(SKF_CloseContainer(c));
	OK(SKF_DeleteContainer(app, "rsa"));
}

int main(int argc, char **argv)
{
	char names[64];
	ULONG n = sizeof names;
	TRUE_(argc == 6);
	devices();
	applications(argv[1], argv[2]);
	files();
	pairs(argv + 3);
	secrets();
	rsa();
	OK(SKF_EnumContainer(app, names, &n));
	TRUE_(n == sizeof "one" + 1 && strcmp(names, "one") == 0);
	OK(SKF_ClearSecureState(app));
	IS(SAR_USER_NOT_LOGGED_IN, SKF_DeleteContainer(app, "one"));
	OK(SKF_CloseContainer(con));
	OK(SKF_CloseApplication(app));
	OK(SKF_UnlockDev(dev));
	OK(SKF_DisConnectDev(dev));
	IS(SAR_INVALIDHANDLEERR, SKF_UnlockDev(dev));
	return 0;
}
