/* SPDX-License-Identifier: MIT */
/* Wide integer arithmetic, the same on every word size. */
#ifndef BASE_MUL_H
#define BASE_MUL_H

#include <stdint.h>

/* a * b / c with a 128-bit product; saturates at UINT64_MAX. */
uint64_t estab_muldiv64(uint64_t a, uint64_t b, uint64_t c);
/* The largest r with r^3 =< x. */
uint32_t estab_cbrt64(uint64_t x);

#endif
