/* SPDX-License-Identifier: MIT */
/*
 * Standard input and output without ever blocking the loop, and without touching O_NONBLOCK of a
 * description that other processes share (a terminal would stay non-blocking for the shell).
 */
#ifndef ESTAB_CLI_STREAM_H
#define ESTAB_CLI_STREAM_H

#include "estab/tcp.h"

#include <stdbool.h>
#include <stddef.h>

struct stream {
    int fd;         /* -1: closed */
    bool own;       /* opened here, to be closed here */
    bool is_socket; /* recv and send can be told not to wait */
    bool may_block; /* a pipe or terminal that could not be reopened: small writes only */
};

void estab_stream_open_in(struct stream *stream, int fd);
void estab_stream_open_out(struct stream *stream, int fd);
void estab_stream_close(struct stream *stream);

/* As readv(2) and writev(2) on up to two spans: octets, 0 at the end of input, or a negative errno;
 * -EAGAIN: wait until the descriptor is ready. */
ptrdiff_t estab_stream_read(const struct stream *stream, const struct estab_span spans[2]);
ptrdiff_t estab_stream_write(const struct stream *stream, const struct estab_span spans[2]);

/* Closes the standard output itself, so that the reader of the pipe sees the end, and keeps its
 * number taken. */
void estab_stream_end_output(struct stream *stream);

#endif
