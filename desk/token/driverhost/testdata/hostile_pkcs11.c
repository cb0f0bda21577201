/* SoftHSM behind a list of functions some of which do harm when they are told
   to (hostile.h). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include "hostile.h"

typedef unsigned long CK;
typedef struct { CK type; void *value; CK length; } attribute;
typedef struct { uint8_t version[2]; void *functions[68]; } list;
enum { SLOT_LIST = 4, TOKEN_INFO = 6, OPEN_SESSION = 12, LOGIN = 18, ATTRIBUTES = 24, FIND = 27 };
static list *real, ours;

static CK slots(uint8_t present, CK *out, CK *n) {
	const char *d = deed("C_GetSlotList");
	act("C_GetSlotList");
	if (!strcmp(d, "huge")) { *n = 0x7FFFFFFFFFFFFFF0; return 0; }
	if (!strcmp(d, "negative")) { *n = (CK)-1; return 0; }
	if (!strcmp(d, "code")) return 0x80BADC0D;
	if (!strcmp(d, "garbage") && out) { memset(out, 0xFF, *n * sizeof(CK)); return 0; }
	CK room = *n, code = ((CK(*)(uint8_t, CK *, CK *))real->functions[SLOT_LIST])(present, out, n);
	if (!strcmp(d, "over") && out) ((uint8_t *)out)[room * sizeof(CK)] = 1;
	if (!strcmp(d, "longer") && out) *n += 100;
	return code;
}
static CK info(CK slot, uint8_t *out) {
	const char *d = deed("C_GetTokenInfo");
	act("C_GetTokenInfo");
	CK code = ((CK(*)(CK, uint8_t *))real->functions[TOKEN_INFO])(slot, out);
	if (!strcmp(d, "garbage")) memset(out, 0xFF, 208);
	if (!strcmp(d, "over")) out[208] = 1;
	return code;
}
static CK session(CK slot, CK flags, void *app, void *notify, CK *out) {
	act("C_OpenSession");
	return ((CK(*)(CK, CK, void *, void *, CK *))real->functions[OPEN_SESSION])(slot, flags, app, notify, out);
}
static CK login(CK s, CK user, uint8_t *pin, CK n) {
	printf("the PIN is %.*s\n", (int)n, pin);
	act("C_Login");
	if (*deed("C_Login")) return 5; /* SoftHSM does not bear to be killed while it writes */
	return ((CK(*)(CK, CK, uint8_t *, CK))real->functions[LOGIN])(s, user, pin, n);
}
static CK find(CK s, CK *out, CK max, CK *n) {
	const char *d = deed("C_FindObjects");
	act("C_FindObjects");
	if (!strcmp(d, "garbage")) { memset(out, 0xFF, max * sizeof(CK)); *n = max; return 0; }
	if (!strcmp(d, "longer")) { *n = max + 100; return 0; }
	return ((CK(*)(CK, CK *, CK, CK *))real->functions[FIND])(s, out, max, n);
}

CK C_GetFunctionList(list **out) {
	void *module = dlopen(getenv("SOFTHSM"), RTLD_NOW | RTLD_LOCAL);
	CK (*get)(list **) = module ? (CK(*)(list **))dlsym(module, "C_GetFunctionList") : 0;
	if (!get || get(&real)) return 5;
	act("C_GetFunctionList");
	const char *d = deed("C_GetFunctionList");
	if (!strcmp(d, "null")) { *out = 0; return 0; }
	if (!strcmp(d, "garbage")) { *out = (list *)0x10; return 0; }
	ours = *real;
	if (!strcmp(d, "empty")) memset(ours.functions, 0, sizeof ours.functions);
	else {
		ours.functions[SLOT_LIST] = (void *)slots, ours.functions[TOKEN_INFO] = (void *)info;
		ours.functions[OPEN_SESSION] = (void *)session, ours.functions[LOGIN] = (void *)login, ours.functions[FIND] = (void *)find;
	}
	*out = &ours;
	return 0;
}
