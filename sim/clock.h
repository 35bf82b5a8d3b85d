/* SPDX-License-Identifier: MIT */
/*
 * The clock of a host, which may go faster or slower than the world's: no two quartzes agree. All
 * that a host is told of time, and all that it asks for, is by its own clock.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include "estab/time.h"

#include <stdint.h>

/* A tenth, either way; what is sold does better than 200 parts in a million. */
#define SIM_DRIFT_MAX 100000

/* What a clock that gains `drift_ppm` nanoseconds in a millisecond of the world's shows at `now`,
 * where now >= 0; both began at 0. It never goes back. */
estab_time sim_clock_at(int32_t drift_ppm, estab_time now);
/* The first instant of the world at which it shows `shown` or more; ESTAB_NEVER stays so. */
estab_time sim_clock_when(int32_t drift_ppm, estab_time shown);

#endif
