/* SPDX-License-Identifier: MIT */
/* Numbers, durations and ports as people type them; the whole text must be one, or it is refused. */
#ifndef ESTAB_CLI_NUMBERS_H
#define ESTAB_CLI_NUMBERS_H

#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits and nothing else, min..max. */
bool estab_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* The same for `len` octets of text without a closing zero, as protocols have them. */
bool estab_parse_digits(const char *text, size_t len, uint64_t max, uint64_t *out);

/* "30" and "1.5" are seconds; "200ms", "30s", "2m", "2h" say their unit. 0 is refused. */
bool estab_parse_duration(const char *text, estab_time *out);

/* 1 to 65535. */
bool estab_parse_port(const char *text, uint16_t *out);

#endif
