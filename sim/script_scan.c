/* SPDX-License-Identifier: MIT */
/* See script_scan.h. */
#include "sim/script_scan.h"

#include "estab/trace.h"

#include <string.h>

/* ---- texts ---- */

struct sim_text
sim_text(char *room, size_t cap)
{
    room[0] = '\0';
    return (struct sim_text){ .s = room, .cap = cap };
}

/* How many octets of `s` fit without cutting a character of UTF-8 in two. */
static size_t
whole_characters(const char *s, size_t len)
{
    while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void
sim_text_put_part(struct sim_text *t, const char *s, size_t len)
{
    size_t room = t->cap - 1 - t->len;

    if (len > room)
        len = whole_characters(s, room);
    memcpy(t->s + t->len, s, len);
    t->len += len;
    t->s[t->len] = '\0';
}

void
sim_text_put(struct sim_text *t, const char *s)
{
    sim_text_put_part(t, s, strlen(s));
}

void
sim_text_number(struct sim_text *t, int64_t n)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (n < 0)
        digits[--at] = '-';
    sim_text_put_part(t, digits + at, sizeof digits - at);
}

static const struct {
    const char *name;
    estab_time ns;
} units[] = {
    { "h", ESTAB_SEC(3600) }, { "m", ESTAB_SEC(60) }, { "s", ESTAB_SEC(1) },
    { "ms", ESTAB_MS(1) },    { "us", ESTAB_US(1) },  { "ns", 1 },
};
enum { UNITS = sizeof units / sizeof units[0] };

void
sim_text_duration(struct sim_text *t, estab_time ns)
{
    if (ns < 0) {
        sim_text_put(t, "-");
        ns = -ns;
    }
    if (ns == 0)
        sim_text_put(t, "0s");
    for (unsigned i = 0; i < UNITS; i++) {
        if (ns < units[i].ns)
            continue;
        sim_text_number(t, ns / units[i].ns);
        sim_text_put(t, units[i].name);
        ns %= units[i].ns;
    }
}

void
sim_text_ctl(struct sim_text *t, unsigned ctl)
{
    static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
    /* in the order in which they are usually said */
    static const uint8_t order[] = { 1, 0, 2, 3, 5, 6, 7, 4 };
    bool first = true;

    for (unsigned i = 0; i < sizeof order; i++) {
        if ((ctl >> order[i] & 1) == 0)
            continue;
        sim_text_put(t, first ? "" : ",");
        sim_text_put(t, names[order[i]]);
        first = false;
    }
    if (first)
        sim_text_put(t, "none");
}

void
sim_text_quoted(struct sim_text *t, const char *s, size_t len)
{
    enum { SHOWN = 40 };
    size_t n = len > SHOWN ? whole_characters(s, SHOWN) : len;

    sim_text_put(t, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        const char escape[3] = { '\\', (char)(c == '\n' ? 'n' : c), '\0' };

        if (c == '\n' || c == '"' || c == '\\')
            sim_text_put(t, escape);
        else if (c < 32 || c == 127)
            sim_text_put(t, "?");
        else
            sim_text_put_part(t, s + i, 1);
    }
    sim_text_put(t, len > n ? "...\"" : "\"");
}

/* ---- the cursor ---- */

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void
skip_spaces(struct sim_cursor *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
    if (c->at < c->end && *c->at == '#')
        c->at = c->end;
}

bool
sim_at_end(struct sim_cursor *c)
{
    skip_spaces(c);
    return c->at == c->end;
}

struct sim_word
sim_peek(struct sim_cursor *c)
{
    const char *p;

    skip_spaces(c);
    for (p = c->at; p < c->end; p++) {
        if (is_space(*p) || *p == '"' || *p == '<' || *p == '>' || *p == '#')
            break;
        if (*p == '-' && p + 1 < c->end && p[1] == '>')
            break;
    }
    return (struct sim_word){ c->at, (size_t)(p - c->at) };
}

bool
sim_word_is(struct sim_word w, const char *text)
{
    return w.len == strlen(text) && memcmp(w.s, text, w.len) == 0;
}

bool
sim_take(struct sim_cursor *c, const char *text)
{
    struct sim_word w = sim_peek(c);

    if (!sim_word_is(w, text))
        return false;
    c->at += w.len;
    return true;
}

bool
sim_take_mark(struct sim_cursor *c, const char *mark)
{
    size_t len = strlen(mark);

    skip_spaces(c);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, mark, len) != 0)
        return false;
    c->at += len;
    return true;
}

void
sim_skip(struct sim_cursor *c, size_t len)
{
    c->at += len;
}

uint32_t
sim_column(const struct sim_cursor *c, const char *at)
{
    uint32_t column = 1;

    for (const char *p = c->line_start; p < at; p++)
        if (((unsigned char)*p & 0xc0) != 0x80)
            column++;
    return column;
}

static bool
begin_error(struct sim_cursor *c, const char *at, struct sim_text *t)
{
    if (c->error->line != 0)
        return false;
    c->error->line = c->line;
    c->error->column = sim_column(c, at);
    *t = SIM_TEXT(c->error->text);
    return true;
}

bool
sim_wrong(struct sim_cursor *c, const char *at, const char *text)
{
    struct sim_text t;

    if (begin_error(c, at, &t))
        sim_text_put(&t, text);
    return false;
}

bool
sim_expected(struct sim_cursor *c, const char *what)
{
    struct sim_word w = sim_peek(c);
    struct sim_text t;

    if (!begin_error(c, c->at, &t))
        return false;
    sim_text_put(&t, "expected ");
    sim_text_put(&t, what);
    sim_text_put(&t, ", found ");
    if (c->at == c->end)
        sim_text_put(&t, "the end of the line");
    else
        sim_text_quoted(&t, w.len != 0 ? w.s : c->at, w.len != 0 ? w.len : 1);
    return false;
}

bool
sim_word_number(struct sim_word w, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;

    if (w.len == 0)
        return false;
    for (size_t i = 0; i < w.len; i++) {
        unsigned digit = (unsigned)(unsigned char)w.s[i] - '0';

        if (digit > 9 || n > max / 10 || 10 * n > max - digit)
            return false;
        n = 10 * n + digit;
    }
    *out = n;
    return true;
}

/* The digits at `*at`, with a fraction if there is one: value x 10^-digits. */
static bool
take_decimal(struct sim_word w, size_t *at, uint64_t *value, uint64_t *scale)
{
    size_t from = *at;
    bool has_point = false;

    *value = 0;
    *scale = 1;
    for (; *at < w.len; ++*at) {
        unsigned digit = (unsigned)(unsigned char)w.s[*at] - '0';

        if (w.s[*at] == '.' && !has_point && *at > from) {
            has_point = true;
            continue;
        }
        if (digit > 9)
            break;
        if (*value > 100000000000u)
            return false;
        *value = 10 * *value + digit;
        *scale *= has_point ? 10 : 1;
    }
    return *at > from && w.s[*at - 1] != '.';
}

bool
sim_word_duration(struct sim_word w, estab_time *out)
{
    const estab_time longest = ESTAB_SEC(3600) * 24 * 3660;
    size_t at = 0;
    unsigned last = 0; /* units come from the largest to the smallest, each once */

    *out = 0;
    if (sim_word_is(w, "0"))
        return true;
    while (at < w.len) {
        uint64_t value, scale, ns;
        unsigned u = last;
        size_t len;

        if (!take_decimal(w, &at, &value, &scale))
            return false;
        for (len = 0; at + len < w.len && w.s[at + len] >= 'a' && w.s[at + len] <= 'z';)
            len++;
        while (u < UNITS && !sim_word_is((struct sim_word){ w.s + at, len }, units[u].name))
            u++;
        if (u == UNITS || value / scale > (uint64_t)(longest / units[u].ns) ||
            (scale > 1 && (scale > (uint64_t)units[u].ns || (uint64_t)units[u].ns % scale != 0)))
            return false;
        ns = scale > 1 ? value * ((uint64_t)units[u].ns / scale) : value * (uint64_t)units[u].ns;
        if (ns > (uint64_t)(longest - *out))
            return false;
        *out += (estab_time)ns;
        last = u + 1;
        at += len;
    }
    return w.len > 0;
}
