/* SPDX-License-Identifier: MIT */
/* See clock.h. In whole numbers, so that it is the same on every machine. */
#include "sim/clock.h"

#define MILLION 1000000

estab_time
sim_clock_at(int32_t drift_ppm, estab_time now)
{
    return now + now / MILLION * drift_ppm + now % MILLION * drift_ppm / MILLION;
}

estab_time
sim_clock_when(int32_t drift_ppm, estab_time shown)
{
    estab_time rate = MILLION + drift_ppm, now;

    /* Beyond 70 years nothing is waited for. */
    if (drift_ppm == 0 || shown <= 0 || shown >= ESTAB_NEVER / 4)
        return shown;
    now = shown / rate * MILLION + shown % rate * MILLION / rate;
    while (sim_clock_at(drift_ppm, now) < shown)
        now++;
    while (now > 0 && sim_clock_at(drift_ppm, now - 1) >= shown)
        now--;
    return now;
}
