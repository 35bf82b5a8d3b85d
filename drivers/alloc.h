/* SPDX-License-Identifier: MIT */
/*
 * Memory for a stack, from the operating system: slabs straight from mmap(2), so that a slab given
 * back is really gone and an untouched page costs nothing; smaller tables from the C library.
 */
#ifndef ESTAB_DRIVERS_ALLOC_H
#define ESTAB_DRIVERS_ALLOC_H

#include "estab/config.h"

struct estab_alloc estab_alloc_system(void);

#endif
