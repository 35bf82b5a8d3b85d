/* SPDX-License-Identifier: MIT */
/*
 * What makes a script a lesson (docs/lab.md): its number, title and claims, what it offers to take
 * away, and questions with their answers.
 */
#ifndef SIM_SCRIPT_LESSON_H
#define SIM_SCRIPT_LESSON_H

#include "sim/script_scan.h"

/* Takes the rest of a line that begins with `w`, which has not been taken yet; *taken is false, and
 * nothing has happened, when it is another line. False: the error is told. */
bool sim_lesson_parse(struct sim_cursor *c, struct sim_script *s, bool *taken);
/* "rule" or "rule,rule" at the cursor. */
bool sim_lesson_rules(struct sim_cursor *c, struct sim_script *s, struct sim_script_rules *rules);
/* Is the n-th rule of the list there, as a word? */
bool sim_rules_nth(const struct sim_script *s, const struct sim_script_rules *rules, unsigned n,
                   struct sim_word *name);

#endif
