/* SPDX-License-Identifier: MIT */
/* nc over UDP; see nc_udp.h. */
#include "cli/nc_udp.h"
#include "cli/dial.h"
#include "cli/host.h"
#include "cli/stream.h"
#include "estab/estab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct talk {
    struct nc_udp what;
    struct host host;
    struct dial dial;
    char name[256 + sizeof ":65535"]; /* of the peer, for messages */
    estab_udp udp[2];                 /* IPv4 and IPv6 while nobody has spoken; 0: none */
    estab_udp peer;                   /* the one in use; 0: nobody to talk to yet */
    struct estab_udp_message to;      /* whom to send to, with -k */
    struct stream in, out;
    struct loop_watch in_watch, out_watch;
    struct loop_alarm patience;
    bool in_ended;
    uint8_t piece[NC_UDP_LARGEST]; /* read and not sent yet */
    size_t piece_len;
    bool has_piece;
    uint8_t text[NC_UDP_LARGEST + 1]; /* received and not written yet */
    size_t text_len, text_at;
    int status;
};

static void
stop(struct talk *t, int status)
{
    t->status = status;
    estab_loop_stop(t->host.loop);
}

static void
fail(struct talk *t, const char *who, const char *why)
{
    stop(t, estab_command_error(t->what.command, "%.300s: %.300s", who, why));
}

static void
patience_over(void *ctx, estab_time now)
{
    struct talk *t = ctx;

    (void)now;
    if (t->what.listen && t->peer == 0)
        fail(t, "nobody", "nothing came in time (-w)");
    else
        stop(t, t->status);
}

/* Something came or went. */
static void
be_patient(struct talk *t, estab_time now)
{
    if (t->what.patience != 0)
        estab_loop_set_alarm(t->host.loop, &t->patience, now + t->what.patience, patience_over, t);
}

/* --- input to datagrams --- */

/* False: not now. */
static bool
send_piece(struct talk *t, estab_time now)
{
    ptrdiff_t n = estab_udp_send(t->host.stack, t->peer, t->what.keep_listening ? &t->to : NULL,
                                 t->piece, t->piece_len, now);

    if (n == -ESTAB_EAGAIN)
        return false;
    t->has_piece = false;
    if (n < 0) {
        fail(t, t->name, estab_err_text((int)n));
        return false;
    }
    be_patient(t, now);
    return true;
}

static void
pump_in(struct talk *t, estab_time now)
{
    struct estab_span spans[2] = { { .data = t->piece, .len = t->what.size } };
    ptrdiff_t n;

    for (unsigned rounds = 0; t->peer != 0 && !t->in_ended && rounds < 64; rounds++) {
        if (t->has_piece && !send_piece(t, now)) {
            estab_loop_want(t->host.loop, &t->in_watch, 0); /* until ESTAB_WRITABLE */
            return;
        }
        n = estab_stream_read(&t->in, spans);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            fail(t, "standard input", strerror((int)-n));
            return;
        }
        if (n == 0) {
            t->in_ended = true;
            estab_loop_unwatch(t->host.loop, &t->in_watch);
            return;
        }
        t->piece_len = (size_t)n;
        t->has_piece = true;
    }
    if (t->peer != 0 && !t->in_ended)
        estab_loop_want(t->host.loop, &t->in_watch, EPOLLIN);
}

/* --- datagrams to output --- */

static void
ready_to_read(void *ctx, uint32_t ready, estab_time now)
{
    (void)ready;
    pump_in(ctx, now);
}

/* -l without -k: who speaks first has us for himself. */
static void
take_peer(struct talk *t, unsigned i, const struct estab_udp_message *from, estab_time now)
{
    bool first = t->peer == 0;

    t->peer = t->udp[i];
    if (t->what.keep_listening) {
        t->to = (struct estab_udp_message){ .remote = from->remote, .local = from->local };
    } else if (first) {
        t->what.remote = from->remote;
        (void)!estab_udp_connect(t->host.stack, t->peer, &from->remote, now);
        if (t->udp[!i] != 0)
            (void)!estab_udp_close(t->host.stack, t->udp[!i], now);
        t->udp[!i] = 0;
    }
    estab_endpoint_format(&from->remote, t->name);
    if (first)
        pump_in(t, now);
}

/* One datagram into the room; false: none. */
static bool
receive(struct talk *t, unsigned i, estab_time now)
{
    struct estab_udp_message from;
    ptrdiff_t n;

    if (t->udp[i] == 0)
        return false;
    n = estab_udp_receive(t->host.stack, t->udp[i], &from, t->text, NC_UDP_LARGEST, now);
    if (n == -ESTAB_EAGAIN)
        return false;
    if (n < 0) {
        fail(t, t->name, estab_err_text((int)n));
        return false;
    }
    t->text_at = 0;
    t->text_len = (size_t)n;
    if (t->what.listen && (t->peer == 0 || t->what.keep_listening))
        take_peer(t, i, &from, now);
    else if (t->what.listen && (!estab_addr_equal(&from.remote.addr, &t->what.remote.addr) ||
                                from.remote.port != t->what.remote.port))
        t->text_len = 0; /* it came before there was a first */
    be_patient(t, now);
    return true;
}

static void
pump_out(struct talk *t, estab_time now)
{
    for (;;) {
        struct estab_span spans[2] = { { .data = t->text + t->text_at,
                                         .len = t->text_len - t->text_at } };
        ptrdiff_t n;

        if (spans[0].len == 0) {
            if (receive(t, 0, now) || receive(t, 1, now))
                continue;
            estab_loop_want(t->host.loop, &t->out_watch, 0);
            return;
        }
        n = estab_stream_write(&t->out, spans);
        if (n == -EAGAIN) {
            estab_loop_want(t->host.loop, &t->out_watch, EPOLLOUT);
            return;
        }
        if (n < 0) {
            fail(t, "standard output", strerror((int)-n));
            return;
        }
        t->text_at += (size_t)n;
    }
}

static void
ready_to_write(void *ctx, uint32_t ready, estab_time now)
{
    (void)ready;
    pump_out(ctx, now);
}

static void
event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct talk *t = ctx;

    if (estab_dial_event(&t->dial, event, now))
        return;
    if (event->conn == 0 || (event->conn != t->udp[0] && event->conn != t->udp[1]))
        return;
    if ((event->bits & (ESTAB_READABLE | ESTAB_SOFT_ERROR)) != 0)
        pump_out(t, now);
    if ((event->bits & ESTAB_WRITABLE) != 0)
        pump_in(t, now);
}

static void
interrupted(void *ctx, estab_time now)
{
    struct talk *t = ctx;

    (void)now;
    estab_loop_stop(t->host.loop);
}

/* --- start --- */

static int
open_one(struct talk *t, unsigned i, unsigned family, estab_time now)
{
    struct estab_endpoint at = t->what.local;

    at.addr.family = (uint8_t)family;
    return estab_udp_open(t->host.stack, &at, NULL, &t->udp[i], now);
}

/* The first error, if there is no endpoint at all. */
static int
listen_at(struct talk *t, const struct options *options, estab_time now)
{
    unsigned family = t->what.local.addr.family;
    int error = 0, other;

    if (family != ESTAB_INET6 && !options->only_ipv6)
        error = open_one(t, 0, ESTAB_INET, now);
    if (family != ESTAB_INET && !options->only_ipv4) {
        other = open_one(t, 1, ESTAB_INET6, now);
        error = t->udp[0] != 0 || t->udp[1] != 0 ? 0 : error != 0 ? error : other;
    }
    return error;
}

static void
call(void *ctx, const struct estab_addr *addr, estab_time now)
{
    struct talk *t = ctx;
    int error;

    t->what.remote.addr = *addr;
    error = open_one(t, 0, addr->family, now);
    if (error == 0)
        error = estab_udp_connect(t->host.stack, t->udp[0], &t->what.remote, now);
    if (error < 0) {
        fail(t, t->name, estab_err_text(error));
        return;
    }
    t->peer = t->udp[0];
    be_patient(t, now);
    pump_in(t, now);
}

static void
nobody(void *ctx, const char *why, estab_time now)
{
    struct talk *t = ctx;

    (void)now;
    fail(t, t->name, why);
}

static int
start(struct talk *t, const struct options *options, struct failure *why)
{
    struct loop *loop = t->host.loop;
    estab_time now = estab_loop_now(loop);
    char text[ESTAB_ENDPOINT_TEXT];
    int error;

    if (estab_loop_watch(loop, &t->in_watch, t->in.fd, 0, ready_to_read, t, why) < 0 ||
        estab_loop_watch(loop, &t->out_watch, t->out.fd, 0, ready_to_write, t, why) < 0)
        return -1;
    be_patient(t, now);
    if (t->what.listen) {
        error = listen_at(t, options, now);
        if (error < 0)
            return estab_fail(why, "cannot listen on %s: %s",
                              estab_endpoint_format(&t->what.local, text), estab_err_text(error));
        for (size_t i = 0; t->host.addressing.chosen_here && i < t->host.addressing.n; i++) {
            struct estab_endpoint at = { t->host.addressing.at[i].own.addr, t->what.local.port };

            fprintf(stderr, "estab nc: listening on UDP %s (device %s)\n",
                    estab_endpoint_format(&at, text), t->host.tun.name);
        }
        return 0;
    }
    if (t->what.remote_name == NULL) {
        estab_endpoint_format(&t->what.remote, t->name);
        call(t, &t->what.remote.addr, now);
        return 0;
    }
    snprintf(t->name, sizeof t->name, "%s:%u", t->what.remote_name, t->what.remote.port);
    t->dial.resolved = call;
    t->dial.failed = nobody;
    t->dial.ctx = t;
    return estab_dial_start(&t->dial, &t->host, options, t->what.remote_name, t->what.remote.port,
                            0, why);
}

int
estab_nc_udp(const struct nc_udp *what, const struct options *options)
{
    static struct talk t;
    struct failure why;

    t.what = *what;
    if (estab_host_open(&t.host, options, false, event, &t, &why) < 0)
        return estab_command_error(what->command, "%s", why.text);
    t.host.on_signal = interrupted;
    estab_stream_open_in(&t.in, STDIN_FILENO);
    estab_stream_open_out(&t.out, STDOUT_FILENO);
    if (start(&t, options, &why) < 0 || estab_host_run(&t.host, &why) < 0)
        t.status = estab_command_error(what->command, "%s", why.text);
    if (estab_host_close(&t.host, &why) < 0 && t.status == 0)
        t.status = estab_command_error(what->command, "%s", why.text);
    estab_dial_close(&t.dial);
    estab_stream_close(&t.in);
    estab_stream_close(&t.out);
    return t.status;
}
