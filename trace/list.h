/* SPDX-License-Identifier: MIT */
/* Connections as lines of text for a terminal, and as JSON, one object a line. */
#ifndef ESTAB_TRACE_LIST_H
#define ESTAB_TRACE_LIST_H

#include "trace/verdicts.h"

struct list_options {
    estab_time origin; /* of the times that are shown */
    bool colour, ascii;
    unsigned least; /* weight of the verdicts that are shown, 1..3 */
};

/* All return what the write function gave. */
int estab_list_head(const struct list_options *o, view_write_fn *write, void *ctx);
int estab_list_connection(const struct list_options *o, const struct connection *c,
                          view_write_fn *write, void *ctx);
int estab_list_totals(const struct list_options *o, const struct analysis_totals *t,
                      view_write_fn *write, void *ctx);
int estab_list_json(const struct list_options *o, const struct connection *c, view_write_fn *write,
                    void *ctx);

/* Text for JSON and for HTML that stands in a script: nothing in it ends a string or a tag. */
void estab_json_text(struct phrase *p, const char *s);

#endif
