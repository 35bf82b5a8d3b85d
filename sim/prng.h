/* SPDX-License-Identifier: MIT */
/*
 * The simulator's dice: xoshiro256** seeded by SplitMix64, and streams of octets that are a
 * function of (stream, offset). Integers only: the same numbers on every machine.
 */
#ifndef SIM_PRNG_H
#define SIM_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PPM 1000000u /* certainty, in parts per million */

struct sim_prng {
    uint64_t s[4];
};

void sim_prng_seed(struct sim_prng *r, uint64_t seed);
uint64_t sim_prng_next(struct sim_prng *r);
/* 0 .. n - 1; n is at least 1. */
uint64_t sim_prng_below(struct sim_prng *r, uint64_t n);
/* lo .. hi, both included. */
uint64_t sim_prng_between(struct sim_prng *r, uint64_t lo, uint64_t hi);
/* True `ppm` times in a million. Rolls the dice only when the answer is open. */
bool sim_prng_chance(struct sim_prng *r, uint32_t ppm);
/* 1, 2, 4, ... 2^max_log2, and whatever lies between two of them: small numbers as often as big. */
uint64_t sim_prng_log(struct sim_prng *r, unsigned max_log2);

/* One well-mixed word out of two. */
uint64_t sim_mix(uint64_t a, uint64_t b);

/* The octets of stream `id` from `offset` on. */
void sim_stream_fill(uint64_t id, uint64_t offset, uint8_t *buf, size_t len);
/* How many octets of `buf` agree with the stream before the first that does not. */
size_t sim_stream_match(uint64_t id, uint64_t offset, const uint8_t *buf, size_t len);

#endif
