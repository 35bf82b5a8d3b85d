/* SPDX-License-Identifier: MIT */
/* The secret of a host; see random.h. */
#include "drivers/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

int
estab_random_secret(uint8_t secret[32], struct failure *why)
{
    size_t filled = 0;

    while (filled < 32) {
        ssize_t n = getrandom(secret + filled, 32 - filled, 0);

        if (n > 0)
            filled += (size_t)n;
        else if (errno != EINTR)
            return estab_fail(why, "the kernel gives no random numbers: %s", strerror(errno));
    }
    return 0;
}
