/* SPDX-License-Identifier: MIT */
/* See rules.h. */
#include "lab/rules.h"

#include "sim/script_run.h"

#include <string.h>

static const struct {
    const char *name, *text, *cited;
    size_t at;
} table[] = {
#define X(name, text, rule) { #name, text, rule, offsetof(struct estab_rules, name) },
    ESTAB_RULES(X)
#undef X
};
enum { RULES = sizeof table / sizeof table[0] };

unsigned
lab_rules_count(void)
{
    return RULES;
}

struct lab_rule
lab_rule(unsigned i)
{
    struct lab_rule r = { .text = table[i].text, .cited = table[i].cited };
    size_t n = strlen(table[i].name);

    for (size_t k = 0; k < n && k + 1 < sizeof r.name; k++)
        r.name[k] = table[i].name[k] == '_' ? '-' : table[i].name[k];
    return r;
}

int
lab_rule_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < RULES; i++) {
        struct lab_rule r = lab_rule(i);

        if (strlen(r.name) == len && memcmp(r.name, name, len) == 0)
            return (int)i;
    }
    return -1;
}

struct estab_rules
lab_rules_without(const char *list)
{
    struct estab_rules rules = estab_all_rules;

    for (unsigned i = 0; i < RULES; i++) {
        struct lab_rule r = lab_rule(i);

        if (sim_script_is_without(list, r.name, strlen(r.name)))
            *(bool *)((char *)&rules + table[i].at) = false;
    }
    return rules;
}
