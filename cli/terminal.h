/* SPDX-License-Identifier: MIT */
/* What the terminal, or the user's environment, says about how to draw. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

/* The locale (LC_ALL, LC_CTYPE, LANG) is C or POSIX: nothing but ASCII. */
bool terminal_is_ascii_only(void);
/* Columns of the terminal at `fd`; 0: it is none. */
unsigned terminal_width(int fd);
/* `fd` is a terminal, and NO_COLOR is not set. */
bool terminal_has_colour(int fd);

#endif
