// The price of an order, as a WASI command: the event on standard input, the result on standard output.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES_MAX = 256 * 1024 };

static char event[EVENT_BYTES_MAX + 1];

// Just enough JSON to read an order that is well formed: a value is the address of its first character.

static const char *blank(const char *at) { return at + strspn(at, " \t\r\n"); }

static const char *after_string(const char *at) {
    for (at++; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0') at++;
    }
    return *at == '"' ? at + 1 : at;
}

static const char *after(const char *value) {
    int depth = 0;
    const char *at = value;
    do {
        if (*at == '"') {
            at = after_string(at);
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if (*at == '}' || *at == ']') depth--;
        if (*at != '\0') at++;
    } while (*at != '\0' && (depth > 0 || strchr(",}] \t\r\n", *at) == NULL));
    return at;
}

// The next value of an object or array behind `at`, its bracket or one of its values; NULL at its end.
static const char *next(const char *at) {
    at = blank(at);
    if (*at == '[' || *at == '{' || *at == ',') at = blank(at + 1);
    return *at == ']' || *at == '}' || *at == '\0' ? NULL : at;
}

static void fail(const char *format, int line, int64_t quantity) {
    fputs("{\"errorType\":\"InvalidOrder\",\"errorMessage\":\"", stderr);
    fprintf(stderr, format, line, quantity);
    fputs("\"}\n", stderr);
    exit(1);
}

// The value of a member, or "null".
static const char *member(const char *object, const char *name) {
    size_t length = strlen(name);
    for (const char *key = next(object); key != NULL; ) {
        const char *end = after_string(key);
        const char *value = blank(blank(end) + 1);
        if ((size_t)(end - key) == length + 2 && strncmp(key + 1, name, length) == 0) return value;
        key = next(after(value));
    }
    return "null";
}

static int print(const char *value) { return printf("%.*s", (int)(after(value) - value), value); }

int main(void) {
    event[fread(event, 1, EVENT_BYTES_MAX, stdin)] = '\0';
    const char *order = blank(event);
    const char *lines = member(order, "lines");
    int64_t net = 0;
    int count = 0;

    // First all lines are looked at, so that nothing is written of an order that is refused.
    for (const char *line = next(lines); line != NULL; line = next(after(line))) {
        int64_t quantity = strtoll(member(line, "quantity"), NULL, 10);
        if (quantity < 1) fail("line %d: the quantity is %" PRId64, count + 1, quantity);
        net += quantity * strtoll(member(line, "unit_cents"), NULL, 10);
        count++;
    }
    if (count == 0) fail("the order has no lines", 0, 0);

    printf("{\"id\":");
    print(member(order, "id"));
    printf(",\"lines\":[");
    count = 0;
    for (const char *line = next(lines); line != NULL; line = next(after(line))) {
        int64_t quantity = strtoll(member(line, "quantity"), NULL, 10);
        int64_t cents = quantity * strtoll(member(line, "unit_cents"), NULL, 10);
        printf("%s{\"sku\":", count++ > 0 ? "," : "");
        print(member(line, "sku"));
        printf(",\"cents\":%" PRId64 "}", cents);
    }
    int64_t discount = net >= 10000 ? net / 10 : 0;
    int64_t vat = ((net - discount) * 19 + 50) / 100;
    printf("],\"net_cents\":%" PRId64 ",\"discount_cents\":%" PRId64 ",\"vat_cents\":%" PRId64
           ",\"total_cents\":%" PRId64 "}\n", net, discount, vat, net - discount + vat);
    return 0;
}
