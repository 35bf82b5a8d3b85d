/* SPDX-License-Identifier: MIT */
/* What must hold of a host after every step of every ladder test. */
#ifndef ESTAB_TESTS_HARNESS_INVARIANTS_H
#define ESTAB_TESTS_HARNESS_INVARIANTS_H

#include "estab/estab.h"

/* Looks into every TCB; fails the test with a sentence. */
void check_invariants(struct estab_stack *stack);
/* After a shutdown: no record, no octet, no timer, no port. */
void check_host_is_empty(struct estab_stack *stack);
/* Slots looked at to find one that the table holds: on the average, in
 * hundredths of a slot, and at most. */
void table_steps(const struct estab_stack *stack, uint32_t *mean, uint32_t *most);

#endif
