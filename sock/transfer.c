/* SPDX-License-Identifier: MIT */
/*
 * recv(2), send(2) and their kin over one stream, with MSG_PEEK, MSG_WAITALL, MSG_TRUNC,
 * MSG_DONTWAIT, MSG_OOB and MSG_MORE, and the urgent octet as tcp(7) has it: it is taken out of the
 * stream unless SO_OOBINLINE, and reading stops before its place (RFC 6093 §3).
 */
#include "sock/internal.h"

#include <string.h>

/* ---- vectors ---- */

/* The octets that an iovec holds, or -EINVAL. */
static ptrdiff_t
total_of(const struct iovec *iov, size_t n)
{
    size_t total = 0, i;

    if (n > 1024)
        return -EMSGSIZE;
    for (i = 0; i < n; i++) {
        if (iov[i].iov_len > (size_t)PTRDIFF_MAX - total)
            return -EINVAL;
        total += iov[i].iov_len;
    }
    /* no call moves more than this on Linux */
    return (ptrdiff_t)(total < 0x7ffff000 ? total : 0x7ffff000);
}

/* Where the octet at `offset` goes, and how many fit behind it. */
static struct estab_span
place_in(const struct iovec *iov, size_t n, size_t offset)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (offset < iov[i].iov_len)
            return (struct estab_span){ .data = (uint8_t *)iov[i].iov_base + offset,
                                        .len = iov[i].iov_len - offset };
        offset -= iov[i].iov_len;
    }
    return (struct estab_span){ 0 };
}

static void
copy_out(const struct msghdr *msg, size_t offset, const uint8_t *data, size_t len)
{
    while (len > 0) {
        struct estab_span to = place_in(msg->msg_iov, (size_t)msg->msg_iovlen, offset);
        size_t n = to.len < len ? to.len : len;

        if (n == 0)
            return;
        memcpy(to.data, data, n);
        data += n;
        len -= n;
        offset += n;
    }
}

/* ---- urgent ---- */

void
estab_sock_look_for_urgent(struct estab_sock *s)
{
    struct estab_span spans[2];
    uint64_t end = s->consumed + s->status.urgent_left, at;

    /* The stack forgets the pointer when its octet has been read. */
    if (s->status.urgent_left > 0 && (s->oob == OOB_NONE || end != s->oob_end)) {
        s->oob = OOB_AHEAD;
        s->oob_end = end;
    }
    if (s->oob != OOB_NONE && s->consumed >= s->oob_end)
        s->oob = OOB_NONE;
    if (s->oob != OOB_AHEAD)
        return;
    at = s->oob_end - 1 - s->consumed;
    if (estab_peek(s->host->stack, s->conn, spans) <= (ptrdiff_t)at)
        return;
    s->oob_octet = at < spans[0].len ? spans[0].data[at] : spans[1].data[at - spans[0].len];
    s->oob = OOB_HERE;
}

/* Octets from the next one to be read to the urgent one; UINT64_MAX: none is ahead. */
static uint64_t
to_mark(const struct estab_sock *s, size_t ahead)
{
    uint64_t at = s->consumed + ahead;

    if (s->oob == OOB_NONE || s->oob_end <= at)
        return UINT64_MAX;
    return s->oob_end - 1 - at;
}

static ptrdiff_t
recv_urgent(struct estab_sock *s, struct msghdr *msg, size_t total, int flags)
{
    if (s->oob_inline || s->oob == OOB_NONE || s->oob == OOB_TAKEN)
        return -EINVAL;
    if (s->oob == OOB_HERE) {
        if (!(flags & MSG_PEEK))
            s->oob = OOB_TAKEN;
        msg->msg_flags |= MSG_OOB;
        if (total == 0) {
            msg->msg_flags |= MSG_TRUNC;
            return 0;
        }
        if (!(flags & MSG_TRUNC))
            copy_out(msg, 0, &s->oob_octet, 1);
        return 1;
    }
    if (s->rcv_shut)
        return 0;
    /* Whatever the socket, this never blocks. */
    return -EAGAIN;
}

/* ---- receive ---- */

/* Takes what is there, up to `want` octets or to the mark, `ahead` octets behind the next one;
 * returns how many it moved over; the urgent octet itself is skipped and not counted. */
static size_t
take_text(struct estab_sock *s, struct msghdr *msg, size_t done, size_t want, int flags,
          size_t *ahead, estab_time now)
{
    struct estab_span spans[2];
    ptrdiff_t queued = estab_peek(s->host->stack, s->conn, spans);
    uint64_t mark;
    size_t n, first;

    if (queued <= (ptrdiff_t)*ahead)
        return 0;
    n = (size_t)queued - *ahead;
    mark = to_mark(s, *ahead);
    if (mark == 0 && !s->oob_inline) {
        if (flags & MSG_PEEK) {
            ++*ahead;
        } else {
            no_matter(estab_consume(s->host->stack, s->conn, 1, now));
            s->consumed++;
            s->oob = OOB_NONE;
        }
        return take_text(s, msg, done, want, flags, ahead, now);
    }
    if (mark > 0 && n > mark)
        n = (size_t)mark;
    if (n > want)
        n = want;
    if (!(flags & MSG_TRUNC)) {
        size_t from = *ahead, len = n, at = done;

        if (from < spans[0].len) {
            first = spans[0].len - from < len ? spans[0].len - from : len;
            copy_out(msg, at, spans[0].data + from, first);
            at += first;
            len -= first;
            from += first;
        }
        if (len > 0)
            copy_out(msg, at, spans[1].data + (from - spans[0].len), len);
    }
    if (flags & MSG_PEEK) {
        *ahead += n;
    } else {
        no_matter(estab_consume(s->host->stack, s->conn, n, now));
        s->consumed += n;
        estab_sock_look(s, now);
    }
    return n;
}

/* Nothing (more) is there: what the call gives. */
static ptrdiff_t
nothing_more(struct estab_sock *s, struct estab_sock_call *call, size_t done, int flags,
             estab_time now)
{
    if (done > 0) {
        if (s->error != 0 || s->rcv_shut || estab_sock_state(s) == LINUX_CLOSE)
            return (ptrdiff_t)done;
    } else {
        if (s->fin_seen)
            return 0;
        if (s->error != 0)
            return estab_sock_take_error(s);
        if (s->rcv_shut)
            return 0;
        if (estab_sock_state(s) == LINUX_CLOSE)
            return -ENOTCONN;
    }
    if (estab_sock_must_wait(s, call, POLLIN | POLLHUP | POLLERR | POLLRDHUP,
                             (flags & MSG_DONTWAIT) != 0, s->rcvtimeo, now))
        return ESTAB_SOCK_BLOCKED;
    return done > 0 ? (ptrdiff_t)done : -EAGAIN;
}

ptrdiff_t
estab_sock_recvmsg(struct estab_sock *s, struct msghdr *msg, int flags,
                   struct estab_sock_call *call, estab_time now)
{
    ptrdiff_t total = total_of(msg->msg_iov, (size_t)msg->msg_iovlen);
    size_t ahead = 0, done, moved, target;

    if (total < 0)
        return total;
    msg->msg_flags = 0;
    msg->msg_controllen = 0;
    msg->msg_namelen = 0; /* a stream tells no address */
    estab_sock_look(s, now);
    if (s->listener != NULL)
        return -ENOTCONN;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN; /* nothing is ever queued there */
    if (flags & MSG_OOB)
        return recv_urgent(s, msg, (size_t)total, flags);
    target = flags & MSG_WAITALL || s->rcvlowat > total ? (size_t)total : (size_t)s->rcvlowat;
    if (target == 0)
        target = 1;
    done = flags & MSG_PEEK ? 0 : call->done;
    for (;;) {
        /* what was read before the mark is given first */
        if (done > 0 && to_mark(s, ahead) == 0)
            break;
        moved = take_text(s, msg, done, (size_t)total - done, flags, &ahead, now);
        done += moved;
        if (total == 0 && s->status.tcb.receive_queued > 0)
            return 0;
        if (done >= (size_t)total && total > 0)
            break;
        if (moved > 0)
            continue;
        if (done >= target)
            break;
        call->done = done;
        return nothing_more(s, call, done, flags, now);
    }
    return (ptrdiff_t)done;
}

ptrdiff_t
estab_sock_recv(struct estab_sock *s, void *buf, size_t len, int flags,
                struct estab_sock_call *call, estab_time now)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    return estab_sock_recvmsg(s, &msg, flags, call, now);
}

/* ---- send ---- */

static ptrdiff_t
cannot_send(struct estab_sock *s, size_t done)
{
    int err;

    if (done > 0)
        return (ptrdiff_t)done;
    err = estab_sock_take_error(s);
    return err != 0 ? err : -EPIPE;
}

/* MSG_MORE corks until the next call without it, TCP_CORK until it is taken off. */
static void
cork(struct estab_sock *s, bool on, estab_time now)
{
    if (s->opt.cork == on)
        return;
    s->opt.cork = on;
    no_matter(estab_sock_apply_options(s, now));
}

ptrdiff_t
estab_sock_sendmsg(struct estab_sock *s, const struct msghdr *msg, int flags,
                   struct estab_sock_call *call, estab_time now)
{
    ptrdiff_t total = total_of(msg->msg_iov, (size_t)msg->msg_iovlen), n;

    if (total < 0)
        return total;
    if (flags & MSG_FASTOPEN)
        return -EOPNOTSUPP;
    estab_sock_look(s, now);
    if (estab_sock_is_opening(s))
        return estab_sock_must_wait(s, call, POLLOUT | POLLHUP | POLLERR,
                                    (flags & MSG_DONTWAIT) != 0, s->sndtimeo, now)
                   ? ESTAB_SOCK_BLOCKED
                   : -EAGAIN;
    if (s->error != 0 || s->snd_shut || s->conn == 0)
        return cannot_send(s, call->done);
    cork(s, s->corked || flags & MSG_MORE, now);
    while (call->done < (size_t)total) {
        struct estab_span from = place_in(msg->msg_iov, (size_t)msg->msg_iovlen, call->done);

        if (from.len > (size_t)total - call->done)
            from.len = (size_t)total - call->done;
        n = flags & MSG_OOB ? estab_send_urgent(s->host->stack, s->conn, from.data, from.len, now)
                            : estab_send(s->host->stack, s->conn, from.data, from.len, now);
        if (n >= 0) {
            call->done += (size_t)n;
            continue;
        }
        estab_sock_look(s, now);
        if (n != -ESTAB_EAGAIN && n != -ESTAB_ENOMEM)
            return cannot_send(s, call->done);
        if (estab_sock_must_wait(s, call, POLLOUT | POLLHUP | POLLERR, (flags & MSG_DONTWAIT) != 0,
                                 s->sndtimeo, now))
            return ESTAB_SOCK_BLOCKED;
        if (call->done > 0)
            return (ptrdiff_t)call->done;
        return n == -ESTAB_ENOMEM ? -ENOBUFS : -EAGAIN;
    }
    return total;
}

ptrdiff_t
estab_sock_send(struct estab_sock *s, const void *buf, size_t len, int flags,
                struct estab_sock_call *call, estab_time now)
{
    struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    return estab_sock_sendmsg(s, &msg, flags, call, now);
}
