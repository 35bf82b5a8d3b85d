/* SPDX-License-Identifier: MIT */
/*
 * Where a host's trace goes: the ladder on standard error, a pcapng file, lines of JSON, in any
 * combination. The stack has one sink; this fans it out, through buffers that the host's loop
 * writes out a moment later.
 */
#ifndef ESTAB_CLI_SINKS_H
#define ESTAB_CLI_SINKS_H

#include "cli/options.h"
#include "estab/stack.h"
#include "estab/trace.h"

struct sinks;

/* Opens what --pcap, --json and --ladder ask for; *sinks is NULL when that is nothing. `now` is
 * the clock of the trace's records, to be matched with the time of day; `msl` is the host's. */
int estab_sinks_open(struct sinks **sinks, const struct options *options, estab_time msl,
                     estab_time now, struct failure *why);

/* The estab_trace_fn; `ctx` is a struct sinks. */
void estab_sinks_trace(void *ctx, const struct estab_trace *record);

/* When estab_sinks_flush() should be called; ESTAB_NEVER: nothing waits. */
estab_time estab_sinks_flush_at(const struct sinks *sinks);
/* Writes out what is buffered. -1 and why: something could not be written, now or before. */
int estab_sinks_flush(struct sinks *sinks, estab_time now, struct failure *why);

/* Ends with what the host holds (NULL: not known), closes and frees; NULL is allowed. */
int estab_sinks_close(struct sinks *sinks, const struct estab_stack_status *status,
                      struct failure *why);

#endif
