/* SPDX-License-Identifier: MIT */
/*
 * Connections as qlog (draft-ietf-quic-qlog-main-schema) in JSON text sequences (RFC 7464): a
 * header, then one event a record, in a namespace `tcp` of estab's own that docs/trace.md lists.
 * Streams: memory does not grow with the capture.
 */
#ifndef ESTAB_TRACE_QLOG_H
#define ESTAB_TRACE_QLOG_H

#include "trace/verdicts.h"

struct qlog {
    view_write_fn *write;
    void *ctx;
    int error;
    uint64_t only; /* the connection; 0: all */
};

/* Times are milliseconds since 1970, to the microsecond. All return what the write function gave. */
int estab_qlog_begin(struct qlog *q, const char *title);
int estab_qlog_segment(struct qlog *q, const struct segment_seen *s);
int estab_qlog_connection(struct qlog *q, const struct connection *c);

#endif
