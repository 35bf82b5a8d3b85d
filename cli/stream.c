/* SPDX-License-Identifier: MIT */
/* Standard input and output; see stream.h. */
#include "cli/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A pipe or terminal opened once more is a description of our own, which may be non-blocking. A
 * file must not be: it would have another offset, and it never blocks for long. */
static void
open_again(struct stream *stream, int fd, int flags)
{
    char path[40];
    struct stat st;
    int again;

    *stream = (struct stream){ .fd = fd };
    if (fstat(fd, &st) < 0)
        return;
    stream->is_socket = S_ISSOCK(st.st_mode);
    if (!S_ISFIFO(st.st_mode) && !(S_ISCHR(st.st_mode) && isatty(fd)))
        return;
    if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    again = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again >= 0) {
        stream->fd = again;
        stream->own = true;
    } else {
        stream->may_block = true;
    }
}

void
estab_stream_open_in(struct stream *stream, int fd)
{
    open_again(stream, fd, O_RDONLY);
}

void
estab_stream_open_out(struct stream *stream, int fd)
{
    open_again(stream, fd, O_WRONLY);
}

void
estab_stream_close(struct stream *stream)
{
    if (stream->own && stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

static ptrdiff_t
result_of(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static int
to_iovec(struct iovec vec[2], const struct estab_span spans[2], size_t limit)
{
    size_t first = spans[0].len < limit ? spans[0].len : limit;
    size_t second = spans[1].len < limit - first ? spans[1].len : limit - first;

    vec[0] = (struct iovec){ spans[0].data, first };
    vec[1] = (struct iovec){ spans[1].data, second };
    return second > 0 ? 2 : 1;
}

ptrdiff_t
estab_stream_read(const struct stream *stream, const struct estab_span spans[2])
{
    struct iovec vec[2];
    int n = to_iovec(vec, spans, SIZE_MAX / 2);

    if (stream->is_socket) {
        struct msghdr message = { .msg_iov = vec, .msg_iovlen = (size_t)n };

        return result_of(recvmsg(stream->fd, &message, MSG_DONTWAIT));
    }
    return result_of(readv(stream->fd, vec, n));
}

ptrdiff_t
estab_stream_write(const struct stream *stream, const struct estab_span spans[2])
{
    struct iovec vec[2];
    /* pipe(7): what poll calls writable takes PIPE_BUF octets without blocking. */
    int n = to_iovec(vec, spans, stream->may_block ? PIPE_BUF : SIZE_MAX / 2);

    if (stream->is_socket) {
        struct msghdr message = { .msg_iov = vec, .msg_iovlen = (size_t)n };

        return result_of(sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    return result_of(writev(stream->fd, vec, n));
}

void
estab_stream_end_output(struct stream *stream)
{
    struct stat st;
    int null;

    if (stream->is_socket) {
        shutdown(stream->fd, SHUT_WR);
        return;
    }
    if (fstat(STDOUT_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
        return;
    estab_stream_close(stream);
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        close(null);
    }
}
