/* SPDX-License-Identifier: MIT */
/* The secret of a host, from the kernel's random number generator. */
#ifndef ESTAB_DRIVERS_RANDOM_H
#define ESTAB_DRIVERS_RANDOM_H

#include "drivers/failure.h"

#include <stdint.h>

/* Fills the secret from getrandom(2). Returns 0, or -1 and why. */
int estab_random_secret(uint8_t secret[32], struct failure *why);

#endif
