/* SPDX-License-Identifier: MIT */
/* Short texts: numbers, octets, durations and rules as people read them. See row.h. */
#include "view/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
estab_phrase_add(struct phrase *p, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(p->s + p->len, sizeof(p->s) - p->len, format, args);
    va_end(args);
    if (n < 0)
        p->s[p->len] = '\0';
    else
        p->len += (size_t)n < sizeof(p->s) - p->len ? (size_t)n : sizeof(p->s) - p->len - 1;
}

void
estab_phrase_number(struct phrase *p, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    int i;

    for (i = 0; i < len; i++)
        estab_phrase_add(p, i > 0 && (len - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
}

void
estab_phrase_bytes(struct phrase *p, uint64_t n)
{
    static const char unit[][4] = { "KiB", "MiB", "GiB", "TiB" };
    uint64_t one = 1024;
    unsigned u = 0;

    while (u < 3 && n / one >= 1024) {
        one *= 1024;
        u++;
    }
    if (n >= 1024 && n % one == 0) {
        estab_phrase_add(p, "%llu %s", (unsigned long long)(n / one), unit[u]);
    } else if (n < 100000) {
        estab_phrase_number(p, n);
        estab_phrase_add(p, " B");
    } else {
        estab_phrase_add(p, "%llu.%llu %s", (unsigned long long)(n / one),
                         (unsigned long long)(n % one * 10 / one), unit[u]);
    }
}

/* n/10^digits without the zeros at the end, but with `least` of them. */
static void
add_decimal(struct phrase *p, uint64_t n, unsigned digits, unsigned least)
{
    uint64_t one = 1;
    unsigned i;

    for (i = 0; i < digits; i++)
        one *= 10;
    while (digits > least && n % 10 == 0) {
        n /= 10;
        one /= 10;
        digits--;
    }
    estab_phrase_add(p, "%llu", (unsigned long long)(n / one));
    if (digits > 0)
        estab_phrase_add(p, ".%0*llu", (int)digits, (unsigned long long)(n % one));
}

void
estab_phrase_duration(struct phrase *p, estab_time ns)
{
    uint64_t t = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t s;

    if (ns < 0)
        estab_phrase_add(p, "-");
    if (ns == ESTAB_NEVER) {
        estab_phrase_add(p, "for ever");
    } else if (t < 1000000) {
        estab_phrase_add(p, "%llu µs", (unsigned long long)(t / 1000));
    } else if (t < 10000000) {
        add_decimal(p, t / 100000, 1, 0);
        estab_phrase_add(p, " ms");
    } else if (t < 1000000000) {
        estab_phrase_add(p, "%llu ms", (unsigned long long)(t / 1000000));
    } else if (t < ESTAB_SEC(10)) {
        add_decimal(p, t / 10000000, 2, 1);
        estab_phrase_add(p, " s");
    } else if (t < ESTAB_SEC(60)) {
        add_decimal(p, t / 100000000, 1, 0);
        estab_phrase_add(p, " s");
    } else {
        s = t / 1000000000;
        if (s >= 3600)
            estab_phrase_add(p, "%llu h", (unsigned long long)(s / 3600));
        if (s % 3600 >= 60)
            estab_phrase_add(p, "%s%llu min", s >= 3600 ? " " : "",
                             (unsigned long long)(s % 3600 / 60));
        if (s % 60 > 0)
            estab_phrase_add(p, " %llu s", (unsigned long long)(s % 60));
    }
}

void
estab_phrase_endpoint(struct phrase *p, const struct estab_endpoint *e)
{
    char text[ESTAB_ENDPOINT_TEXT];

    if (e->addr.family != ESTAB_INET && e->addr.family != ESTAB_INET6)
        estab_phrase_add(p, "*:%u", (unsigned)e->port);
    else
        estab_phrase_add(p, "%s", estab_endpoint_format(e, text));
}

void
estab_phrase_rule(struct phrase *p, const char *rule)
{
    static const char obvious[] = "RFC 9293 ";
    const char *at;

    while ((at = strstr(rule, obvious)) != NULL) {
        estab_phrase_add(p, "%.*s", (int)(at - rule), rule);
        rule = at + sizeof(obvious) - 1;
    }
    estab_phrase_add(p, "%s", rule);
}

estab_time
estab_time_between(estab_time a, estab_time b)
{
    if (a < 0 && b > INT64_MAX + a)
        return INT64_MAX;
    if (a > 0 && b < INT64_MIN + a)
        return INT64_MIN;
    return b - a;
}
