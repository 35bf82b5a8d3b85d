/* SPDX-License-Identifier: MIT */
/* The rules of TCP that can be taken away, by name: those of src/tcp/rules.h, with - for _. */
#ifndef LAB_RULES_H
#define LAB_RULES_H

#include "stack/lab.h"

#include <stdbool.h>
#include <stddef.h>

struct lab_rule {
    char name[40];
    const char *text; /* what the host does while it is in force */
    const char *cited;
};

unsigned lab_rules_count(void);
struct lab_rule lab_rule(unsigned i);
/* -1: there is none of that name. */
int lab_rule_find(const char *name, size_t len);
/* All in force but those of the list, which has commas between its names. */
struct estab_rules lab_rules_without(const char *list);

#endif
