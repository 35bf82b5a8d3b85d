/* SPDX-License-Identifier: MIT */
/*
 * Happy eyeballs (RFC 8305) as a value: of the addresses of a name, as they become known, it says
 * which one to try to connect to, and when to try the next. Addresses stand in the order of RFC 6724
 * §6, families taking turns. The caller owns its memory, and nothing is allocated.
 */
#ifndef ESTAB_EYEBALLS_H
#define ESTAB_EYEBALLS_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ESTAB_EYEBALLS_ADDRS 32 /* further addresses are left out */

struct estab_eyeballs_config {
    estab_time resolution_delay; /* IPv4 waits so long for IPv6 to be resolved; 50 ms (§3) */
    estab_time attempt_delay;    /* between two attempts; 250 ms (§5), at least 10 ms */
    unsigned attempts_max;       /* at the same time; 4 */
};

enum estab_eyeballs_phase {
    ESTAB_EYEBALLS_LEFT, /* not tried yet */
    ESTAB_EYEBALLS_TRYING,
    ESTAB_EYEBALLS_FAILED,
};

/* The caller's memory; the fields are its own. */
struct estab_eyeballs_addr {
    struct estab_addr addr;
    struct estab_addr source; /* where a connection would come from; family 0: there is no way */
    uint8_t phase;
    uint8_t order; /* in which it came */
};

struct estab_eyeballs {
    struct estab_eyeballs_config cfg;
    bool resolved4, resolved6; /* all addresses of the family are known, or there are none */
    bool begun;                /* the first attempt was made */
    bool over;
    uint8_t last_family; /* of the last attempt */
    unsigned n, failures;
    estab_time begin_at; /* ESTAB_NEVER: there is nothing to try yet */
    estab_time next_at;  /* the next attempt, not earlier */
    struct estab_eyeballs_addr addrs[ESTAB_EYEBALLS_ADDRS];
};

ESTAB_API void estab_eyeballs_config_init(struct estab_eyeballs_config *cfg);
/* `cfg` NULL: the defaults. */
ESTAB_API void estab_eyeballs_init(struct estab_eyeballs *e,
                                   const struct estab_eyeballs_config *cfg);

/* An address has become known; `source` NULL: there is no route to it. */
ESTAB_API void estab_eyeballs_add(struct estab_eyeballs *e, const struct estab_addr *addr,
                                  const struct estab_addr *source, estab_time now);
/* The resolver has answered for this family, after its addresses were added. */
ESTAB_API void estab_eyeballs_resolved(struct estab_eyeballs *e, unsigned family, estab_time now);

/* Whom to begin to connect to now: an attempt's number for the calls below. False: nobody now. */
ESTAB_API bool estab_eyeballs_next(struct estab_eyeballs *e, struct estab_addr *addr,
                                   unsigned *attempt, estab_time now);
/* The attempt has failed: the next one need not wait. */
ESTAB_API void estab_eyeballs_failed(struct estab_eyeballs *e, unsigned attempt, estab_time now);
/* One attempt has succeeded: no more are made; the caller ends the others. */
ESTAB_API void estab_eyeballs_won(struct estab_eyeballs *e, unsigned attempt);
/* Every address is known and has failed. */
ESTAB_API bool estab_eyeballs_is_hopeless(const struct estab_eyeballs *e);

ESTAB_API estab_time estab_eyeballs_deadline(const struct estab_eyeballs *e);

/* RFC 6724 §6: is `a` a better destination than `b`? Sources NULL: none. */
ESTAB_API bool estab_addr_is_better(const struct estab_addr *a, const struct estab_addr *source_a,
                                    const struct estab_addr *b, const struct estab_addr *source_b);

#ifdef __cplusplus
}
#endif

#endif
