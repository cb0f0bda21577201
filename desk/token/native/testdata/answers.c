/* A library that answers what the tests of package native ask: that arguments
   arrive as C sees them. */
#include <stdint.h>
#include <string.h>

typedef uint32_t ULONG4;
typedef struct { uint8_t iv[32]; ULONG4 iv_len, padding, feed; } block_param; /* 44 bytes */

ULONG4 sum(uint8_t *b, ULONG4 n) { ULONG4 s = 0; if (!b) return 0xFFFFFFFF; while (n--) s += *b++; return s; }
ULONG4 fill(uint8_t *b, ULONG4 n, ULONG4 over) { memset(b, 7, n + over); return 0; }
ULONG4 count4(ULONG4 *n) { *n += 1; return 0; }
ULONG4 count8(uint64_t *n) { *n += 1; return 0; }
ULONG4 null(void *p) { return p == 0; }
ULONG4 handle(void **h) { *h = (void *)0x1122334455667788; return 0; }
ULONG4 same(void *h) { return h == (void *)0x1122334455667788; }
ULONG4 by_value(void *h, block_param p) {
	ULONG4 s = (ULONG4)(uintptr_t)h; int i;
	for (i = 0; i < 32; i++) s += p.iv[i];
	return s + p.iv_len * 1000 + p.padding * 10000 + p.feed * 100000;
}
ULONG4 many(ULONG4 a, ULONG4 b, ULONG4 c, ULONG4 d, ULONG4 e, ULONG4 f, ULONG4 g, ULONG4 h, uint8_t *last) {
	*last = 1; return a + b + c + d + e + f + g + h;
}
ULONG4 thread(void) { /* is it the same each time? */
	static _Thread_local char here; static char *first;
	if (!first) first = &here;
	return first == &here;
}

/* PKCS #11, which is packed on Windows, where a long has four bytes */
#ifdef _WIN32
#pragma pack(1)
#endif
typedef unsigned long CK;
typedef struct { CK type; void *value; CK length; } attribute;
static CK find(CK session, CK *found, CK max, CK *n) {
	CK i; for (i = 0; i < max; i++) found[i] = session + i; *n = max; return 0;
}
static CK find_init(CK session, attribute *t, CK n) { /* a template of a class and a label */
	return !(n == 2 && t[0].length == sizeof(CK) && *(CK *)t[0].value == 3 && t[1].type == 5 && t[1].length == 3 && !memcmp(t[1].value, "abc", 3));
}
static CK get(CK session, CK object, attribute *t, CK n) {
	CK i;
	for (i = 0; i < n; i++) {
		if (t[i].type == 9) { t[i].length = (CK)-1; continue; }
		if (!t[i].value) { t[i].length = 3; continue; }
		memcpy(t[i].value, "xyz", 3); t[i].length = 3;
	}
	return 0;
}
static struct { uint8_t version[2]; void *functions[68]; } list;
CK C_GetFunctionList(void **l) {
	list.functions[24] = (void *)get; list.functions[26] = (void *)find_init; list.functions[27] = (void *)find;
	*l = &list; return 0;
}
