/* SPDX-License-Identifier: MIT */
/*
 * An allocator that counts: every octet that goes out must come back with the size it had, and
 * the n-th call can be made to fail. It draws on another allocator, so that sim/ needs no malloc.
 */
#ifndef SIM_ALLOC_H
#define SIM_ALLOC_H

#include "estab/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NO_FAILURE UINT64_MAX

struct sim_block {
    void *ptr;
    size_t size;
};

struct sim_alloc {
    struct estab_alloc from;
    uint64_t calls;   /* of get, so far */
    uint64_t fail_at; /* the call that fails, from 0; SIM_NO_FAILURE: none */
    bool fail_after;  /* and every later one */
    uint64_t failed;  /* calls refused because of it */
    uint64_t bytes, peak;
    bool broken; /* something came back that was not lent, or with another size */
    struct sim_block *blocks;
    size_t n_blocks, cap_blocks;
};

void sim_alloc_init(struct sim_alloc *a, const struct estab_alloc *from);
/* Gives back the list of blocks; what is still lent is lost from sight. */
void sim_alloc_fini(struct sim_alloc *a);
/* `a` as a stack wants it; `a` must not move while it is in use. */
struct estab_alloc sim_alloc_interface(struct sim_alloc *a);

/* An array that doubles: room for `need` items of `size` octets; false: no memory. */
bool sim_grow(const struct estab_alloc *from, void **items, size_t *cap, size_t need, size_t size);

#endif
