/* SPDX-License-Identifier: MIT */
/*
 * Happy eyeballs: the order of destinations is RFC 6724 §6, the families taking turns and the pace
 * are RFC 8305 §3 to §6. The best address is looked for at each attempt, so that one that becomes
 * known late takes its place among those that are left.
 */
#include "estab/eyeballs.h"

#include <string.h>

/* --- RFC 6724 --- */

/* As an IPv4-mapped address where it is IPv4 (§3.2). */
static void
map(const struct estab_addr *a, uint8_t out[16])
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    if (a->family == ESTAB_INET6) {
        memcpy(out, a->bytes, 16);
        return;
    }
    memcpy(out, prefix, 12);
    memcpy(out + 12, a->bytes, 4);
}

static bool
has_prefix(const uint8_t a[16], const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8;

    if (memcmp(a, prefix, whole) != 0)
        return false;
    return bits % 8 == 0 || (a[whole] ^ prefix[whole]) >> (8 - bits % 8) == 0;
}

struct policy {
    uint8_t prefix[16], bits, precedence, label;
};

/* §2.1, the default table, longest prefix first. */
static const struct policy *
policy_of(const struct estab_addr *addr)
{
    static const struct policy table[] = {
        { { [15] = 1 }, 128, 50, 0 },  { { [10] = 0xff, [11] = 0xff }, 96, 35, 4 },
        { { 0 }, 96, 1, 3 },           { { 0x20, 0x01 }, 32, 5, 5 },
        { { 0x20, 0x02 }, 16, 30, 2 }, { { 0x3f, 0xfe }, 16, 1, 12 },
        { { 0xfe, 0xc0 }, 10, 1, 11 }, { { 0xfc }, 7, 3, 13 },
        { { 0 }, 0, 40, 1 },
    };
    uint8_t octets[16];
    unsigned i = 0;

    map(addr, octets);
    while (!has_prefix(octets, table[i].prefix, table[i].bits))
        i++;
    return &table[i];
}

/* §3.1 to §3.4: in the numbers of multicast scopes. */
static unsigned
scope_of(const struct estab_addr *a)
{
    enum { LINK_LOCAL = 2, SITE_LOCAL = 5, GLOBAL = 14 };

    if (a->family == ESTAB_INET)
        return a->bytes[0] == 127 || (a->bytes[0] == 169 && a->bytes[1] == 254) ? LINK_LOCAL
                                                                                : GLOBAL;
    if (a->bytes[0] == 0xff)
        return a->bytes[1] & 15;
    if (estab_addr_is_loopback(a) || (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80))
        return LINK_LOCAL;
    return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0 ? SITE_LOCAL : GLOBAL;
}

/* §2.2: at most 64 bits of IPv6, whose second half names a host and not a place. */
static unsigned
common_prefix(const struct estab_addr *a, const struct estab_addr *b)
{
    unsigned most = a->family == ESTAB_INET ? 32 : 64, n = 0;

    while (n < most && ((a->bytes[n / 8] ^ b->bytes[n / 8]) >> (7 - n % 8) & 1) == 0)
        n++;
    return n;
}

/* The rules in their order. 3, 4 and 7 ask for what no address here has: deprecation, a home
 * elsewhere, a tunnel. Greater than 0: `a` is better, less: `b`. */
static int
compare(const struct estab_addr *a, const struct estab_addr *source_a, const struct estab_addr *b,
        const struct estab_addr *source_b)
{
    bool x = source_a != NULL && source_a->family != 0;
    bool y = source_b != NULL && source_b->family != 0;
    const struct policy *pa = policy_of(a), *pb = policy_of(b);

    if (x != y || !x)
        return (int)x - (int)y; /* rule 1; without any way all are equal */
    x = scope_of(a) == scope_of(source_a);
    y = scope_of(b) == scope_of(source_b);
    if (x != y)
        return x ? 1 : -1; /* rule 2 */
    x = policy_of(source_a)->label == pa->label;
    y = policy_of(source_b)->label == pb->label;
    if (x != y)
        return x ? 1 : -1; /* rule 5 */
    if (pa->precedence != pb->precedence)
        return (int)pa->precedence - (int)pb->precedence; /* rule 6 */
    if (scope_of(a) != scope_of(b))
        return scope_of(a) < scope_of(b) ? 1 : -1; /* rule 8 */
    if (a->family != b->family || a->family == ESTAB_INET)
        /* Differs from RFC 6724 §6 rule 9 for IPv4: the prefixes of IPv4 say nothing about nearness,
         * and rule 9 would undo the order in which a server spreads its load. */
        return 0;
    return (int)common_prefix(a, source_a) - (int)common_prefix(b, source_b); /* rule 9 */
}

bool
estab_addr_is_better(const struct estab_addr *a, const struct estab_addr *source_a,
                     const struct estab_addr *b, const struct estab_addr *source_b)
{
    return compare(a, source_a, b, source_b) > 0;
}

/* --- RFC 8305 --- */

void
estab_eyeballs_config_init(struct estab_eyeballs_config *cfg)
{
    cfg->resolution_delay = ESTAB_MS(50);
    cfg->attempt_delay = ESTAB_MS(250);
    cfg->attempts_max = 4;
}

void
estab_eyeballs_init(struct estab_eyeballs *e, const struct estab_eyeballs_config *cfg)
{
    memset(e, 0, sizeof *e);
    estab_eyeballs_config_init(&e->cfg);
    if (cfg != NULL)
        e->cfg = *cfg;
    /* §5: never within 10 ms. */
    if (e->cfg.attempt_delay < ESTAB_MS(10))
        e->cfg.attempt_delay = ESTAB_MS(10);
    if (e->cfg.attempts_max == 0)
        e->cfg.attempts_max = 1;
    e->begin_at = ESTAB_NEVER;
}

/* §3: with an address of IPv6, or when nothing about IPv6 is to be waited for, at once; with one of
 * IPv4 alone after the resolution delay. */
static void
look_whether_to_begin(struct estab_eyeballs *e, estab_time now)
{
    bool has4 = false, has6 = false;
    estab_time at = ESTAB_NEVER;

    for (unsigned i = 0; i < e->n; i++) {
        has6 = has6 || e->addrs[i].addr.family == ESTAB_INET6;
        has4 = has4 || e->addrs[i].addr.family == ESTAB_INET;
    }
    if (has6 || (has4 && e->resolved6))
        at = now;
    else if (has4)
        at = now + e->cfg.resolution_delay;
    if (at < e->begin_at)
        e->begin_at = at;
}

void
estab_eyeballs_add(struct estab_eyeballs *e, const struct estab_addr *addr,
                   const struct estab_addr *source, estab_time now)
{
    struct estab_eyeballs_addr *to = &e->addrs[e->n];

    for (unsigned i = 0; i < e->n; i++)
        if (estab_addr_equal(&e->addrs[i].addr, addr))
            return;
    if (e->n == ESTAB_EYEBALLS_ADDRS)
        return;
    *to = (struct estab_eyeballs_addr){ .addr = *addr, .order = (uint8_t)e->n };
    if (source != NULL)
        to->source = *source;
    e->n++;
    look_whether_to_begin(e, now);
}

void
estab_eyeballs_resolved(struct estab_eyeballs *e, unsigned family, estab_time now)
{
    if (family == ESTAB_INET)
        e->resolved4 = true;
    else
        e->resolved6 = true;
    look_whether_to_begin(e, now);
}

/* §4: the best that is left of `family`, 0: of any. -1: none. */
static int
best_left(const struct estab_eyeballs *e, unsigned family)
{
    int best = -1;

    for (unsigned i = 0; i < e->n; i++) {
        const struct estab_eyeballs_addr *a = &e->addrs[i];

        if (a->phase != ESTAB_EYEBALLS_LEFT || (family != 0 && a->addr.family != family))
            continue;
        if (best < 0 ||
            compare(&a->addr, &a->source, &e->addrs[best].addr, &e->addrs[best].source) > 0)
            best = (int)i;
    }
    return best;
}

static unsigned
count_trying(const struct estab_eyeballs *e)
{
    unsigned n = 0;

    for (unsigned i = 0; i < e->n; i++)
        n += e->addrs[i].phase == ESTAB_EYEBALLS_TRYING;
    return n;
}

/* When the next attempt is to be made; ESTAB_NEVER: something must happen before. */
static estab_time
due_at(const struct estab_eyeballs *e)
{
    if (e->over || best_left(e, 0) < 0 || count_trying(e) >= e->cfg.attempts_max)
        return ESTAB_NEVER;
    return e->begun ? e->next_at : e->begin_at;
}

bool
estab_eyeballs_next(struct estab_eyeballs *e, struct estab_addr *addr, unsigned *attempt,
                    estab_time now)
{
    unsigned other = e->last_family == ESTAB_INET ? ESTAB_INET6 : ESTAB_INET;
    int i = -1;

    if (now < due_at(e))
        return false;
    if (e->begun)
        i = best_left(e, other); /* §4: the families take turns */
    if (i < 0)
        i = best_left(e, 0);
    e->begun = true;
    e->addrs[i].phase = ESTAB_EYEBALLS_TRYING;
    e->last_family = e->addrs[i].addr.family;
    e->next_at = now + e->cfg.attempt_delay;
    *addr = e->addrs[i].addr;
    *attempt = (unsigned)i;
    return true;
}

void
estab_eyeballs_failed(struct estab_eyeballs *e, unsigned attempt, estab_time now)
{
    if (attempt >= e->n || e->addrs[attempt].phase != ESTAB_EYEBALLS_TRYING)
        return;
    e->addrs[attempt].phase = ESTAB_EYEBALLS_FAILED;
    e->failures++;
    e->next_at = now;
}

void
estab_eyeballs_won(struct estab_eyeballs *e, unsigned attempt)
{
    (void)attempt;
    e->over = true;
}

bool
estab_eyeballs_is_hopeless(const struct estab_eyeballs *e)
{
    return !e->over && e->resolved4 && e->resolved6 && e->failures == e->n;
}

estab_time
estab_eyeballs_deadline(const struct estab_eyeballs *e)
{
    return due_at(e);
}
