/* SPDX-License-Identifier: MIT */
/* Time: nanoseconds from an origin of the caller's choosing. The library never asks a clock;
 * `now` comes in with every call, is never negative and does not run backwards. */
#ifndef ESTAB_TIME_H
#define ESTAB_TIME_H

#include <stdint.h>

typedef int64_t estab_time;

/* Later than every instant: "no deadline". `now >= deadline` needs no special case. */
#define ESTAB_NEVER INT64_MAX

#define ESTAB_US(n) ((estab_time)(n)*1000)
#define ESTAB_MS(n) ((estab_time)(n)*1000000)
#define ESTAB_SEC(n) ((estab_time)(n)*1000000000)

#endif
