/* SPDX-License-Identifier: MIT */
/* The sentence that says why something failed; see failure.h. */
#include "drivers/failure.h"

#include <stdarg.h>
#include <stdio.h>

int
estab_fail(struct failure *why, const char *format, ...)
{
    va_list args;

    if (why == NULL)
        return -1;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    return -1;
}
