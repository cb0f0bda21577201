/* An SKF library with one device and one application, as far as listing and a
   log-in need it, that does harm when it is told to (hostile.h). */
#include "hostile.h"

typedef uint32_t ULONG;
enum { WRONG_LENGTH = 0x0A000010, SMALL = 0x0A000020, NO_PIN = 0x0A000024 };

/* names answers a list of names, or what it is told to answer instead. */
static ULONG names(const char *fn, const char *list, ULONG n, uint8_t *out, ULONG *size) {
	const char *d = deed(fn);
	if (!strcmp(d, "huge")) { *size = 0x7FFFFFF0; return 0; }
	if (!strcmp(d, "negative")) { *size = (ULONG)-1; return 0; }
	if (!strcmp(d, "zero")) { *size = 0; return 0; }
	if (!strcmp(d, "code")) return 0x0BADC0DE;
	if (out && !strcmp(d, "garbage")) { memset(out, 0xFF, *size); return 0; }
	if (out && !strcmp(d, "over")) { memset(out, 'A', *size + 1); return 0; }
	if (out && !strcmp(d, "full")) { memset(out, 'A', *size); return 0; }
	if (out && !strcmp(d, "longer")) { *size += 100; return 0; }
	if (!out) { *size = n; return 0; }
	if (*size < n) return SMALL;
	memcpy(out, list, n);
	*size = n;
	return 0;
}

ULONG SKF_EnumDev(int present, uint8_t *out, ULONG *size) { (void)present; act("SKF_EnumDev"); return names("SKF_EnumDev", "dev\0", 5, out, size); }
ULONG SKF_ConnectDev(char *name, void **h) { act("SKF_ConnectDev"); *h = (void *)0x1001; return strcmp(name, "dev") ? 0x0A000006 : 0; }
ULONG SKF_DisConnectDev(void *h) { (void)h; return 0; }
ULONG SKF_GetDevInfo(void *h, uint8_t *info) {
	const char *d = deed("SKF_GetDevInfo");
	(void)h;
	act("SKF_GetDevInfo");
	if (!strcmp(d, "garbage")) { memset(info, 0xFF, 294); return 0; }
	if (!strcmp(d, "nothing")) return 0;
	if (!strcmp(d, "long")) { memset(info, 0, 3000); return 0; }
	memset(info, 0, 294);
	info[0] = 1;
	strcpy((char *)info + 2, "hostile maker");
	strcpy((char *)info + 130, "hostile");
	strcpy((char *)info + 162, "HOSTILE");
	return 0;
}
ULONG SKF_EnumApplication(void *h, uint8_t *out, ULONG *size) { (void)h; act("SKF_EnumApplication"); return names("SKF_EnumApplication", "app\0", 5, out, size); }
ULONG SKF_OpenApplication(void *h, char *name, void **app) { (void)h, (void)name; act("SKF_OpenApplication"); *app = (void *)0x2001; return 0; }
ULONG SKF_CloseApplication(void *app) { (void)app; return 0; }
ULONG SKF_GetPINInfo(void *app, ULONG type, ULONG *max, ULONG *left, int *first) {
	(void)app, (void)type;
	act("SKF_GetPINInfo");
	*max = 6, *left = 6, *first = 0;
	return 0;
}
ULONG SKF_EnumContainer(void *app, uint8_t *out, ULONG *size) { (void)app; act("SKF_EnumContainer"); return names("SKF_EnumContainer", "\0", 2, out, size); }
ULONG SKF_VerifyPIN(void *app, ULONG type, char *pin, ULONG *tries) {
	(void)app, (void)type;
	printf("the PIN is %s\n", pin);
	act("SKF_VerifyPIN");
	*tries = 5;
	return NO_PIN;
}
