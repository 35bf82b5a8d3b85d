/* SPDX-License-Identifier: MIT */
/*
 * The report: one HTML file that asks nobody for anything, made of trace/report.html and the
 * connections and segments as JSON. Begin, one call for each connection, end with the segments.
 */
#ifndef ESTAB_TRACE_HTML_H
#define ESTAB_TRACE_HTML_H

#include "trace/list.h"
#include "trace/story.h"

struct html_report {
    view_write_fn *write;
    void *ctx;
    int error;
    uint64_t connections;
    const char *rest; /* of the page */
};

int estab_html_begin(struct html_report *h, const char *file, view_write_fn *write, void *ctx);
int estab_html_connection(struct html_report *h, const struct connection *c);
/* The steps of all connections; times from `origin`. */
int estab_html_end(struct html_report *h, const struct story *s, estab_time origin);

#endif
