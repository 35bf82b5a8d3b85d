/* SPDX-License-Identifier: MIT */
/* Two ladders beside each other, what happens at one instant on one height. */
#ifndef LAB_SIDE_H
#define LAB_SIDE_H

#include <stdbool.h>
#include <stdio.h>

/* Each drawing is `width` columns wide. */
void lab_side(FILE *to, const char *left, const char *right, unsigned width, bool ascii);

#endif
