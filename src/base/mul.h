/* SPDX-License-Identifier: MIT */
/* a * b / c with a 128-bit product, the same on every word size; saturates at UINT64_MAX. */
#ifndef BASE_MUL_H
#define BASE_MUL_H

#include <stdint.h>

uint64_t estab_muldiv64(uint64_t a, uint64_t b, uint64_t c);

#endif
