/* SPDX-License-Identifier: MIT */
/* estab trace --diff A B: two captures of the same packets (trace/diff.h). */
#ifndef ESTAB_CLI_TRACE_DIFF_H
#define ESTAB_CLI_TRACE_DIFF_H

/* The exit status. `lines`: of each kind at most, 0: all. */
int estab_trace_diff(const char *a, const char *b, const char *filter, unsigned lines);

#endif
