/* A token that does what the file PLAN says at each call, and notes every try of a PIN in PLAN.log.
   It seals nothing: it is here for what goes wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef unsigned char byte_t;
typedef struct { ulong_t type; void *value; ulong_t len; } attribute_t;
typedef struct { ulong_t type; void *parameter; ulong_t len; } mechanism_t;
typedef struct { byte_t *iv; ulong_t iv_len, iv_bits; byte_t *aad; ulong_t aad_len, tag_bits; } gcm_t;
typedef struct {
    byte_t label[32], maker[32], model[16], serial[16];
    ulong_t flags, numbers[10];
    byte_t versions[4], time[16];
} token_t;
typedef struct { byte_t major, minor; void *functions[68]; } list_t;

enum {
    OK = 0, GENERAL = 5, ARGUMENTS = 7, SESSION_GONE = 0xB3, NO_TOKEN = 0xE0, WRONG_PIN = 0xA0, LOCKED_PIN = 0xA4,
    NO_MECHANISM = 0x70, BAD_TEXT = 0x40, NOT_LOGGED_IN = 0x101, LABEL = 3, TAG = 16
};

static char wanted[64];
static ulong_t found, key_in_use;
static int logged_in;
static gcm_t gcm;

static char *plan(void) {
    static char text[4096];
    FILE *file = fopen(PLAN, "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[len] = 0;
    if (file) fclose(file);
    return text;
}

static int says(const char *word) { return strstr(plan(), word) != NULL; }

static const char *value(const char *name, char *out, size_t size) {
    char *at = strstr(plan(), name);
    out[0] = 0;
    if (at) {
        at += strlen(name);
        size_t len = strcspn(at, "\n");
        if (size <= len) len = size - 1;
        memcpy(out, at, len);
        out[len] = 0;
    }
    return out;
}

static ulong_t session(void) {
    char text[16];
    return (ulong_t)atoi(value("generation ", text, sizeof text)) + 1;
}

static ulong_t checked(ulong_t handle) {
    if (says("away")) return NO_TOKEN;
    if (handle != session()) { logged_in = 0; return SESSION_GONE; }
    return logged_in ? OK : NOT_LOGGED_IN;
}

static ulong_t initialize(void *arguments) { (void)arguments; return OK; }

static ulong_t slots(byte_t with_token, ulong_t *out, ulong_t *count) {
    (void)with_token;
    *count = says("away") ? 0 : 1;
    if (out && *count) out[0] = 7;
    return OK;
}

static ulong_t about(ulong_t slot, token_t *out) {
    char serial[17];
    (void)slot;
    memset(out, ' ', 96);
    memset(out->numbers, 0, sizeof out->numbers);
    memset(out->versions, 0, 4);
    memset(out->time, ' ', 16);
    memcpy(out->label, "stub", 4);
    value("serial ", serial, sizeof serial);
    memcpy(out->serial, serial, strlen(serial));
    out->flags = 0x400 | 0x8 | 0x4;
    if (says("last try")) out->flags |= 0x20000;
    if (says("locked")) out->flags |= 0x40000;
    return OK;
}

static ulong_t open_session(ulong_t slot, ulong_t flags, void *to, void *notify, ulong_t *out) {
    (void)slot; (void)flags; (void)to; (void)notify;
    if (says("away")) return NO_TOKEN;
    *out = session();
    return OK;
}

static ulong_t close_session(ulong_t handle) { (void)handle; logged_in = 0; return OK; }

static ulong_t login(ulong_t handle, ulong_t user, byte_t *pin, ulong_t len) {
    char right[64];
    FILE *log = fopen(PLAN ".log", "a");
    (void)handle; (void)user;
    if (log) { fputs("x", log); fclose(log); }
    value("pin ", right, sizeof right);
    if (says("locks now")) return LOCKED_PIN;
    if (says("login fails")) return NO_TOKEN;
    if (says("login waits")) for (;;) pause();
    if (len != strlen(right) || memcmp(pin, right, len)) return WRONG_PIN;
    logged_in = 1;
    return OK;
}

static ulong_t find_start(ulong_t handle, attribute_t *attributes, ulong_t count) {
    ulong_t status = checked(handle);
    wanted[0] = 0;
    found = 0;
    for (ulong_t i = 0; i < count; i++)
        if (attributes[i].type == LABEL && attributes[i].len < sizeof wanted) {
            memcpy(wanted, attributes[i].value, attributes[i].len);
            wanted[attributes[i].len] = 0;
        }
    return status;
}

static ulong_t find(ulong_t handle, ulong_t *out, ulong_t most, ulong_t *count) {
    char keys[256], *key;
    ulong_t number = 0, skip = found;
    (void)handle;
    *count = 0;
    value("keys ", keys, sizeof keys);
    for (key = strtok(keys, " "); key; key = strtok(NULL, " ")) {
        number++;
        if (strcmp(key, wanted)) continue;
        if (skip) { skip--; continue; }
        if (*count < most) { out[(*count)++] = number; found++; }
    }
    return OK;
}

static ulong_t find_end(ulong_t handle) { (void)handle; return OK; }

static ulong_t attributes(ulong_t handle, ulong_t object, attribute_t *all, ulong_t count) {
    (void)handle; (void)object;
    for (ulong_t i = 0; i < count; i++) {
        ulong_t kind = 0x1F;
        byte_t truth = all[i].type == 0x103 || says("loose");
        void *from = all[i].type == 0x100 ? (void *)&kind : (void *)&truth;
        ulong_t len = all[i].type == 0x100 ? sizeof kind : 1;
        if (all[i].value) memcpy(all[i].value, from, len);
        all[i].len = len;
    }
    return OK;
}

static ulong_t start(ulong_t handle, mechanism_t *mechanism, ulong_t key) {
    ulong_t status = checked(handle);
    if (status) return status;
    if (says("no gcm") || mechanism->type != 0x1087) return NO_MECHANISM;
    gcm = *(gcm_t *)mechanism->parameter;
    key_in_use = key;
    return OK;
}

static void tag(const byte_t *plain, ulong_t len, byte_t *out) {
    unsigned long long sum = 1469598103934665603ULL + key_in_use;
    for (ulong_t i = 0; i < gcm.iv_len; i++) sum = (sum ^ gcm.iv[i]) * 1099511628211ULL;
    for (ulong_t i = 0; i < gcm.aad_len; i++) sum = (sum ^ gcm.aad[i]) * 1099511628211ULL;
    for (ulong_t i = 0; i < len; i++) sum = (sum ^ plain[i]) * 1099511628211ULL;
    memcpy(out, &sum, 8);
    sum *= 1099511628211ULL;
    memcpy(out + 8, &sum, 8);
}

static ulong_t encrypt(ulong_t handle, byte_t *plain, ulong_t len, byte_t *out, ulong_t *out_len) {
    (void)handle;
    *out_len = len + TAG;
    if (!out) return OK;
    if (says("hangs")) for (;;) pause();
    if (says("in trouble")) return GENERAL;
    if (says("own nonce")) memset(gcm.iv, 9, gcm.iv_len);
    for (ulong_t i = 0; i < len; i++) out[i] = plain[i] ^ 0x55;
    tag(plain, len, out + len);
    return OK;
}

static ulong_t decrypt(ulong_t handle, byte_t *sealed, ulong_t len, byte_t *out, ulong_t *out_len) {
    byte_t right[TAG];
    (void)handle;
    *out_len = len;
    if (!out) return OK;
    if (says("in trouble")) return GENERAL;
    if (len < TAG) return GENERAL;
    *out_len = len - TAG;
    for (ulong_t i = 0; i < *out_len; i++) out[i] = sealed[i] ^ 0x55;
    tag(out, *out_len, right);
    if (memcmp(right, sealed + *out_len, TAG)) return says("knows why") ? BAD_TEXT : GENERAL;
    if (says("deceives")) out[0] ^= 1;
    return OK;
}

static list_t list;

ulong_t C_GetFunctionList(list_t **out) {
    void **at = list.functions;
    list.major = 2;
    list.minor = 40;
    at[0] = initialize;
    at[4] = slots;
    at[6] = about;
    at[12] = open_session;
    at[13] = close_session;
    at[18] = login;
    at[24] = attributes;
    at[26] = find_start;
    at[27] = find;
    at[28] = find_end;
    at[29] = start;
    at[30] = encrypt;
    at[33] = start;
    at[34] = decrypt;
    *out = &list;
    return OK;
}
