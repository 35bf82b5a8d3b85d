/* SPDX-License-Identifier: MIT */
/*
 * Why the world refused: one sentence for a person, made where the reason is known. Functions of
 * the OS-facing floors that can fail take a `struct failure *` and return -1 after filling it.
 */
#ifndef ESTAB_DRIVERS_FAILURE_H
#define ESTAB_DRIVERS_FAILURE_H

struct failure {
    char text[512];
};

/* Formats the sentence and returns -1, so that it can stand in a return statement. `why` may be
 * NULL when nobody wants to know. */
__attribute__((format(printf, 2, 3))) int estab_fail(struct failure *why, const char *format, ...);

#endif
