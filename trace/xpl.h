/* SPDX-License-Identifier: MIT */
/* Time and sequence numbers of one direction as a plot of xplot.org, in the manner of tcptrace. */
#ifndef ESTAB_TRACE_XPL_H
#define ESTAB_TRACE_XPL_H

#include "trace/story.h"

/* The end whose text is plotted when nobody has said: the one that sent more. */
unsigned estab_xpl_busier(const struct story *s);
/* What `from` sent and what came back for it. Returns what the write function gave. */
int estab_story_xpl(const struct story *s, unsigned from, view_write_fn *write, void *ctx);

#endif
