/* SPDX-License-Identifier: MIT */
/* The C library's heap as an estab_alloc, for the tests of the simulator. */
#ifndef TESTS_SIM_HEAP_H
#define TESTS_SIM_HEAP_H

#include "estab/config.h"

#include <stdlib.h>

static void *
heap_get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
heap_put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static const struct estab_alloc heap = { .get = heap_get, .put = heap_put };

#endif
