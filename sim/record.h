/* SPDX-License-Identifier: MIT */
/*
 * Trace records as octets: every field that means the same on every machine, in fixed width and
 * big-endian, so that their hash is the same for every compiler, word size and byte order.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "estab/trace.h"

#include <stddef.h>
#include <stdint.h>

#define SIM_RECORD_MAX 320

/*
 * Encodes a record without its packet into `out` (SIM_RECORD_MAX octets); the length. Left out is
 * what depends on the size of a pointer: the octets of records, and the total of octets held.
 */
size_t sim_record_encode(uint8_t *out, const struct estab_trace *r);

/* Adds the record and its packet to a running hash. */
uint64_t sim_record_hash(uint64_t hash, const struct estab_trace *r);

/* Adds octets to a running hash; start with 0. */
uint64_t sim_hash(uint64_t hash, const uint8_t *data, size_t len);

#endif
