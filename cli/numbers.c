/* SPDX-License-Identifier: MIT */
/* Numbers as people type them; see numbers.h. */
#include "cli/numbers.h"

#include <string.h>

bool
estab_parse_digits(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        if (digit > 9 || n > (max - digit) / 10)
            return false;
        n = 10 * n + digit;
    }
    *out = n;
    return n <= max;
}

bool
estab_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t n;

    if (!estab_parse_digits(text, strlen(text), max, &n) || n < min)
        return false;
    *out = n;
    return true;
}

bool
estab_parse_port(const char *text, uint16_t *out)
{
    uint64_t n;

    if (!estab_parse_number(text, 1, 65535, &n))
        return false;
    *out = (uint16_t)n;
    return true;
}

static bool
unit_of(const char *text, estab_time *unit)
{
    static const struct {
        const char *name;
        estab_time unit;
    } units[] = {
        { "", ESTAB_SEC(1) },   { "s", ESTAB_SEC(1) },    { "ms", ESTAB_MS(1) },
        { "m", ESTAB_SEC(60) }, { "h", ESTAB_SEC(3600) },
    };

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text, units[i].name) == 0) {
            *unit = units[i].unit;
            return true;
        }
    }
    return false;
}

bool
estab_parse_duration(const char *text, estab_time *out)
{
    /* A year: far from overflow, and longer than any timer of a connection. */
    const estab_time longest = ESTAB_SEC(366 * 24) * 3600;
    size_t whole_len = strspn(text, "0123456789");
    size_t fraction_len = 0;
    uint64_t whole, fraction = 0, scale = 1;
    estab_time unit, duration;

    if (!estab_parse_digits(text, whole_len, 1000000000, &whole))
        return false;
    text += whole_len;
    if (*text == '.') {
        fraction_len = strspn(++text, "0123456789");
        if (fraction_len > 6 || !estab_parse_digits(text, fraction_len, 999999, &fraction))
            return false;
        text += fraction_len;
    }
    for (size_t i = 0; i < fraction_len; i++)
        scale *= 10;
    if (!unit_of(text, &unit) || whole > (uint64_t)(longest / unit))
        return false;
    duration = (estab_time)whole * unit + unit / (estab_time)scale * (estab_time)fraction;
    if (duration <= 0 || duration > longest)
        return false;
    *out = duration;
    return true;
}
