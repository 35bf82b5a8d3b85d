/* SPDX-License-Identifier: MIT */
/* What the lab build of a host can do beyond the library proper: take rules away. */
#ifndef STACK_LAB_H
#define STACK_LAB_H

#ifdef ESTAB_LAB

#include "tcp/rules.h"

struct estab_stack;

/* Every rule in force. */
extern const struct estab_rules estab_all_rules;

/* The host keeps `rules`, which must outlive it; a new host starts with estab_all_rules. */
void estab_lab_set_rules(struct estab_stack *stack, const struct estab_rules *rules);

#endif

#endif
